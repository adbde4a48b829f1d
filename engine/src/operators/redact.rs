//! The placeholder: `[masked:<class>]`.

use std::borrow::Cow;

use memchr::memmem;

use crate::Class;
use crate::operators::MOST_KEPT;

const START: &[u8] = b"[masked:";

/// Writes the placeholder as a JSON string.
pub(crate) fn write(class: Class, out: &mut Vec<u8>) {
    out.push(b'"');
    push_placeholder(class, out);
    out.push(b'"');
}

/// Writes the placeholder without quotes.
pub(crate) fn push_placeholder(class: Class, out: &mut Vec<u8>) {
    out.extend_from_slice(START);
    out.extend_from_slice(class.name().as_bytes());
    out.push(b']');
}

/// Whether the decoded text holds a placeholder, with or without a kept tail.
pub(crate) fn contains_placeholder(text: &[u8]) -> bool {
    memmem::find_iter(text, START).any(|at| {
        let rest = text.get(at + START.len()..).unwrap_or_default();
        placeholder_end(rest).is_some()
    })
}

/// Whether the text is a placeholder and nothing else.
pub(crate) fn is_placeholder(text: &[u8]) -> bool {
    text.strip_prefix(START)
        .is_some_and(|rest| placeholder_end(rest) == Some(rest.len()))
}

/// Where the first placeholder in the text lies.
fn find_placeholder(text: &str) -> Option<std::ops::Range<usize>> {
    memmem::find_iter(text.as_bytes(), START).find_map(|at| {
        let rest = text.as_bytes().get(at + START.len()..)?;
        Some(at..at + START.len() + placeholder_end(rest)?)
    })
}

/// Where the placeholders in the text lie, in order.
pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = find_placeholder(text.get(from..)?)?;
        let there = from + found.start..from + found.end;
        from = there.end;
        Some(there)
    })
}

/// The text without its placeholders.
pub(crate) fn strip_placeholders(text: &str) -> Cow<'_, str> {
    let mut stripped = String::new();
    let mut rest = text;
    while let Some(range) = find_placeholder(rest) {
        stripped.push_str(rest.get(..range.start).unwrap_or_default());
        rest = rest.get(range.end..).unwrap_or_default();
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    stripped.push_str(rest);
    Cow::Owned(stripped)
}

/// The length of `<class>]` or `<class>:<tail>]` at the start of the text.
fn placeholder_end(rest: &[u8]) -> Option<usize> {
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'-')
        .count();
    let name = str::from_utf8(rest.get(..length)?).ok()?;
    Class::from_name(name)?;
    match rest.get(length)? {
        b']' => Some(length + 1),
        b':' => {
            let tail = rest.get(length + 1..)?;
            // A kept character is at most four bytes long.
            let window = tail.get(..tail.len().min(usize::from(MOST_KEPT) * 4 + 1))?;
            let end = memchr::memchr(b']', window)?;
            let kept = str::from_utf8(tail.get(..end)?).ok()?;
            let few = (1..=usize::from(MOST_KEPT)).contains(&kept.chars().count());
            (few && kept.chars().all(char::is_alphanumeric)).then_some(length + 1 + end + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_recognised_exactly() {
        for text in [
            "[masked:ssn]",
            "a [masked:health-plan] b",
            "[masked:[masked:ssn:6789]",
        ] {
            assert!(contains_placeholder(text.as_bytes()), "{text}");
        }
        for text in [
            "[masked:]",
            "[masked:ssn",
            "[masked:SSN]",
            "[masked:soul]",
            "[masked:ssn:]",
            "masked",
        ] {
            assert!(!contains_placeholder(text.as_bytes()), "{text}");
        }
        assert!(
            !contains_placeholder(b"[masked:ssn:12345]"),
            "no tail is that long"
        );
        assert_eq!(find_placeholder("é [masked:ssn] x"), Some(3..15));
    }
}
