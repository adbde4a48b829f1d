//! Other readings of a text, in which identifiers may stand that are not seen in it as it is:
//! percent-encoded text (RFC 3986, and `+` in forms), and XHTML without its tags and entities.

use crate::mapped::Mapped;

/// Tags that do not end a word.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
];

/// The longest entity that is read.
const LONGEST_ENTITY: usize = 10;

/// Percent-decoded, if anything is to be decoded and the outcome is text.
pub(super) fn percent_decoded(text: &str) -> Option<Mapped<'static>> {
    let bytes = text.as_bytes();
    memchr::memchr(b'%', bytes)?;
    let is_form = memchr::memchr(b'=', bytes).is_some() && memchr::memchr(b' ', bytes).is_none();
    let mut mapped = Mapped::empty();
    let (mut at, mut copied) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        let decoded = match byte {
            b'%' => encoded_letter(bytes, at),
            b'+' if is_form => Some((' ', at + 1)),
            _ => None,
        };
        let Some((letter, end)) = decoded else {
            at += 1;
            continue;
        };
        mapped.push_same(text.get(copied..at)?);
        mapped.push_instead(letter.encode_utf8(&mut [0; 4]), end);
        (at, copied) = (end, end);
    }
    mapped.push_same(text.get(copied..)?);
    (!mapped.is_same()).then_some(mapped)
}

/// The letter that is encoded from there on, and where its encoding ends.
fn encoded_letter(bytes: &[u8], start: usize) -> Option<(char, usize)> {
    let byte_at = |at: usize| {
        let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
        (bytes.get(at) == Some(&b'%')).then_some(())?;
        u8::try_from(digit(at + 1)? << 4 | digit(at + 2)?).ok()
    };
    let first = byte_at(start)?;
    let length = match first {
        0..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    let mut encoded = [0; 4];
    for (number, byte) in encoded.iter_mut().take(length).enumerate() {
        *byte = byte_at(start + number * 3)?;
    }
    let letter = str::from_utf8(encoded.get(..length)?)
        .ok()?
        .chars()
        .next()?;
    Some((letter, start + length * 3))
}

/// Without tags, and with entities decoded, if there are any.
pub(super) fn unmarked(text: &str) -> Option<Mapped<'static>> {
    let bytes = text.as_bytes();
    memchr::memchr2(b'<', b'&', bytes)?;
    let mut mapped = Mapped::empty();
    let mut copied = 0;
    // So that a text of nothing but `<` takes no longer than another.
    let last_end = memchr::memrchr(b'>', bytes);
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'<', b'&', bytes.get(from..)?) {
        let at = from + found;
        from = at + 1;
        let rest = text.get(at..)?;
        let (instead, length) = if rest.starts_with('<') {
            if last_end.is_none_or(|end| end < at) {
                continue;
            }
            match tag(rest) {
                Some(tag) => tag,
                None => continue,
            }
        } else {
            match entity(rest) {
                Some((letter, length)) => (Some(letter), length),
                None => continue,
            }
        };
        mapped.push_same(text.get(copied..at)?);
        let mut letter = [0; 4];
        let part = instead.map_or("", |instead| instead.encode_utf8(&mut letter));
        mapped.push_instead(part, at + length);
        (copied, from) = (at + length, at + length);
    }
    mapped.push_same(text.get(copied..)?);
    (!mapped.is_same()).then_some(mapped)
}

/// What stands for the tag or comment that the text begins with, and its length.
fn tag(text: &str) -> Option<(Option<char>, usize)> {
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
pub(super) fn copy_tags(part: &str, out: &mut Vec<u8>) {
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

/// The letter that the entity stands for that the text begins with, and its length.
fn entity(text: &str) -> Option<(char, usize)> {
    let near = text.as_bytes().get(..LONGEST_ENTITY.min(text.len()))?;
    let end = memchr::memchr(b';', near)?;
    let name = text.get(1..end)?;
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "shy" => '\u{AD}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((letter, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_decoded() {
        for (text, decoded) in [
            ("a%40b%2Eexample", Some("a@b.example")),
            ("ssn=123%2d45%2D6789&n=J+D", Some("ssn=123-45-6789&n=J D")),
            ("Jos%C3%A9", Some("Jos\u{e9}")),
            ("100%", None),
            ("%zz %C3%28", Some("%zz %C3(")),
        ] {
            let found = percent_decoded(text).map(|mapped| mapped.text.into_owned());
            assert_eq!(found.as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn tags_and_entities_are_read_over() {
        for (text, read) in [
            ("<p>123-<b>45</b>-6789</p>", Some(" 123-45-6789 ")),
            ("<td>Lee</td><td>Ann</td>", Some(" Lee  Ann ")),
            ("123&#45;45&#x2d;6789&nbsp;x", Some("123-45-6789 x")),
            ("a < b > c && d", None),
            ("x<!-- 1 -->y", Some("xy")),
            ("<<<<", None),
            ("&bogus; &#xD800;", None),
        ] {
            let found = unmarked(text).map(|mapped| mapped.text.into_owned());
            assert_eq!(found.as_deref(), read, "{text}");
        }
    }
}
