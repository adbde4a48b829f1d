//! Tags and comments of markup.

/// Tags that do not end a word.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
];

/// What stands for the tag or comment that the text begins with, and its length.
pub(super) fn tag(text: &str) -> Option<(Option<char>, usize)> {
    if text.starts_with("<!--") {
        let end = memchr::memmem::find(text.as_bytes(), b"-->")?;
        return Some((None, end + 3));
    }
    let inside = text.get(1..)?;
    let name = inside.strip_prefix('/').unwrap_or(inside);
    let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        return None;
    }
    let is_inline = INLINE.iter().any(|tag| {
        name.get(..length)
            .is_some_and(|name| tag.eq_ignore_ascii_case(name))
    });
    let end = memchr::memchr2(b'>', b'<', inside.as_bytes())?;
    (inside.as_bytes().get(end) == Some(&b'>')).then_some(((!is_inline).then_some(' '), end + 2))
}

/// Writes the tags of a part of a text, without attributes and comments: where it is replaced, what
/// they enclose stays well-formed.
pub(in crate::detectors) fn copy_tags(part: &str, out: &mut Vec<u8>) {
    let mut rest = part;
    while let Some(start) = rest.find('<') {
        rest = rest.get(start..).unwrap_or_default();
        let Some((_, length)) = tag(rest) else {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        let (whole, behind) = rest.split_at_checked(length).unwrap_or_default();
        let inside = whole.get(1..).unwrap_or_default();
        let closes = inside.starts_with('/');
        let name = inside.strip_prefix('/').unwrap_or(inside);
        let end = name.find(|letter: char| !letter.is_ascii_alphanumeric());
        let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
        if !name.is_empty() {
            out.extend_from_slice(if closes { b"</" } else { b"<" });
            out.extend_from_slice(name.as_bytes());
            let is_empty = whole.ends_with("/>");
            out.extend_from_slice(if is_empty { b"/>" } else { b">" });
        }
        rest = behind;
    }
}
