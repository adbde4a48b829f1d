//! Tags and comments of markup.

/// Tags that do not end a word.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
];

/// The tags and comments of a text. Where the last ones end is known, so that a text of nothing but
/// beginnings takes no longer than another.
pub(super) struct Tags<'a> {
    text: &'a str,
    /// Where the last `>` is.
    last: Option<usize>,
    /// Where the last `-->` has its `>`.
    last_of_comment: Option<usize>,
}

impl<'a> Tags<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut ends = memchr::memrchr_iter(b'>', bytes);
        let last = ends.next();
        let is_comment = |end: &usize| bytes.get(..*end).is_some_and(|all| all.ends_with(b"--"));
        Self {
            text,
            last,
            last_of_comment: last.into_iter().chain(ends).find(is_comment),
        }
    }

    /// What stands for the tag or comment that begins there, and its length.
    pub(super) fn at(&self, start: usize) -> Option<(Option<char>, usize)> {
        let ends = |last: Option<usize>| last.is_some_and(|end| end > start);
        let text = self.text.get(start..).filter(|_| ends(self.last))?;
        if text.starts_with("<!--") {
            let last = ends(self.last_of_comment).then_some(text)?;
            let end = memchr::memmem::find(last.as_bytes(), b"-->")?;
            return Some((None, end + 3));
        }
        tag(text)
    }
}

/// What stands for the tag that the text begins with, and its length.
fn tag(text: &str) -> Option<(Option<char>, usize)> {
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
    let tags = Tags::of(part);
    let mut from = 0;
    while let Some(next) = part.get(from..).and_then(|rest| rest.find('<')) {
        let start = from + next;
        let Some((_, length)) = tags.at(start) else {
            from = start + 1;
            continue;
        };
        from = start + length;
        let whole = part.get(start..from).unwrap_or_default();
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
    }
}
