//! What a detector is given: the text in one spelling, and what is said about the values in it.

use std::ops::Range;

use super::normal::normal;
use crate::mapped::Mapped;

/// How far before a value a word may begin that says what it is, in bytes.
const REACH: usize = 48;

/// How sure a find is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// It looks like one.
    Shape,
    /// Its checksum, or the ranges that its parts must keep, hold too.
    Valid,
    /// A word before it, or the name of its member, says so.
    Labelled,
}

/// What detectors call back with: where in [`Probe::bytes`], and how sure it is.
pub(crate) type Found<'f> = dyn FnMut(Range<usize>, Strength) + 'f;

/// A text to be searched.
pub(crate) struct Probe<'a> {
    normal: Mapped<'a>,
    /// The same with ASCII letters in lower case; made once it is needed.
    lower: std::cell::OnceCell<Box<[u8]>>,
    /// Whether the name of the member says that its values are what the detector looks for.
    pub(super) named: bool,
}

impl<'a> Probe<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self {
            normal: normal(text),
            lower: std::cell::OnceCell::new(),
            named: false,
        }
    }

    /// The text: digits, dashes and spaces are ASCII whatever they were; letters beyond ASCII stay.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.normal.text.as_bytes()
    }

    /// A range as one of the text that was given.
    pub(super) fn back(&self, range: &Range<usize>) -> Range<usize> {
        self.normal.back(range)
    }

    /// Whether the member's name, a word shortly before the value or one in parentheses behind it
    /// says what it is. Words are in lower case, and stand alone: `lic` is not in `public`; the value
    /// may be glued to the word. No other number stands between.
    pub(crate) fn is_labelled(&self, value: &Range<usize>, words: &[&str]) -> bool {
        self.named || self.follows(value.start, words) || self.precedes(value.end, words)
    }

    fn lower(&self) -> &[u8] {
        self.lower
            .get_or_init(|| self.bytes().to_ascii_lowercase().into())
    }

    fn follows(&self, start: usize, words: &[&str]) -> bool {
        let from = start.saturating_sub(REACH);
        let Some(before) = self.lower().get(..start) else {
            return false;
        };
        // Behind the last number, or what has been masked, if one lies between.
        let near = before.get(from..).unwrap_or_default();
        let number = near.iter().rposition(u8::is_ascii_digit);
        let from = number.map_or(from, |at| from + at + 1);
        let from = from.max(placeholder_end(before, from));
        words
            .iter()
            .any(|word| has_word(before, from, start, word.as_bytes()))
    }

    /// `123456789 (SSN)`
    fn precedes(&self, end: usize, words: &[&str]) -> bool {
        let behind = self.lower().get(end..).unwrap_or_default();
        let behind = behind.strip_prefix(b" ").unwrap_or(behind);
        let Some(inside) = behind.strip_prefix(b"(") else {
            return false;
        };
        words.iter().any(|word| {
            inside.starts_with(word.as_bytes())
                && !inside
                    .get(word.len())
                    .is_some_and(u8::is_ascii_alphanumeric)
        })
    }
}

/// Where the last placeholder ends that goes beyond an offset, or 0: its class is no label.
fn placeholder_end(text: &[u8], from: usize) -> usize {
    const LONGEST: usize = 32;
    let near = from.saturating_sub(LONGEST);
    let part = text.get(near..).unwrap_or_default();
    let start = memchr::memmem::rfind(part, b"[masked:");
    let inside = start.and_then(|start| part.get(start..));
    let length = inside.and_then(|inside| memchr::memchr(b']', inside));
    match (start, length) {
        (Some(start), Some(length)) => near + start + length + 1,
        _ => 0,
    }
}

/// Whether a word lies in a part of a text and stands alone there, but for what begins at the end of
/// the part.
fn has_word(text: &[u8], from: usize, end: usize, word: &[u8]) -> bool {
    let part = text.get(from..end).unwrap_or_default();
    memchr::memmem::find_iter(part, word).any(|at| {
        let (left, right) = (from + at, from + at + word.len());
        let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let before = left.checked_sub(1).and_then(|left| text.get(left));
        !is_word(before) && (right == end || !is_word(text.get(right)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(text: &str, value: &str, words: &[&str]) -> bool {
        let probe = Probe::of(text);
        let start = probe.normal.text.find(value).unwrap();
        probe.is_labelled(&(start..start + value.len()), words)
    }

    #[test]
    fn words_stand_alone_and_near() {
        let words = &["ssn", "social security"];
        for text in [
            "SSN 12",
            "ssn: 12",
            "SSN12",
            "Social Security no. is 12",
            "12 (SSN)",
            "7 and ssn12",
        ] {
            assert!(labelled(text, "12", words), "{text}");
        }
        let far = format!("ssn {} 12", "x".repeat(60));
        for text in [
            "lessn 12",
            "ssnx 12",
            "ssn of 7: 12",
            "12 (ssns)",
            "12 ssn",
            "[masked:ssn] 12",
            "ssn [masked:email] 12",
            &far,
        ] {
            assert!(!labelled(text, "12", words), "{text}");
        }
    }
}
