//! What a detector is given: the text in one spelling, and what is said about the values in it.

use std::ops::Range;

use super::normal::normal;
use crate::mapped::Mapped;

/// How far before a value a word may begin that says what it is, in bytes.
pub(super) const REACH: usize = 48;

/// What stands between a word and the value it introduces.
const FILLERS: &[&str] = &[
    "number", "numbers", "no", "nos", "num", "nr", "id", "ids", "is", "was", "are", "the", "of",
];

/// At most so many of them, with the signs between.
const MOST_FILLERS: usize = 5;

/// At most so many signs in a row.
const MOST_SIGNS: usize = 4;

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
    /// Which two and three letters stand in a row anywhere in it, by their hash.
    rows: std::cell::OnceCell<[u64; 16]>,
    /// Whether the name of the member says that its values are what the detector looks for.
    pub(super) named: bool,
}

impl<'a> Probe<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self {
            normal: normal(text),
            lower: std::cell::OnceCell::new(),
            rows: std::cell::OnceCell::new(),
            named: false,
        }
    }

    /// The text: digits, dashes and spaces are ASCII whatever they were; letters beyond ASCII stay.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    pub(super) fn text(&self) -> &str {
        &self.normal.text
    }

    /// A range as one of the text that was given.
    pub(super) fn back(&self, range: &Range<usize>) -> Range<usize> {
        self.normal.back(range)
    }

    /// Whether the member's name, a word shortly before the value or one in parentheses behind it
    /// says what it is. Words are in lower case, and stand alone: `lic` is not in `public`; the value
    /// may be glued to the word. No other number stands between.
    pub(crate) fn is_labelled(&self, value: &Range<usize>, words: &[impl AsRef<str>]) -> bool {
        self.named || self.follows(value.start, words) || self.precedes(value.end, words)
    }

    /// The same, but the word must stand right before the value: between them is nothing but signs and
    /// words such as `number`, `no` and `is`. A space in a word stands for any sign, or for none.
    pub(crate) fn is_introduced(&self, value: &Range<usize>, words: &[&str]) -> bool {
        self.named || self.introduces(value.start, words) || self.precedes(value.end, words)
    }

    /// Whether a word in the text stands right before this place.
    pub(crate) fn introduces(&self, start: usize, words: &[&str]) -> bool {
        let text = self.lower();
        let lowest = start.saturating_sub(REACH);
        let mut end = start;
        for _ in 0..MOST_FILLERS {
            let signs = signs_before(text, end);
            end -= signs;
            let starts = |word: &&str| word_before(text, lowest, end, word);
            if words.iter().any(|word| starts(word).is_some()) {
                return true;
            }
            match FILLERS.iter().find_map(starts) {
                Some(before) if before < end => end = before,
                _ => return false,
            }
        }
        false
    }

    /// Whether any of the words may be in the text; most texts have none. A word has two letters at least
    /// before its first space.
    pub(super) fn may_have(&self, words: &[&str]) -> bool {
        let rows = self.rows.get_or_init(|| {
            let mut rows = [0; 16];
            let text = self.lower();
            for row in text.windows(2).chain(text.windows(3)) {
                let (at, bit) = place(row);
                if let Some(bits) = rows.get_mut(at) {
                    *bits |= bit;
                }
            }
            rows
        });
        words.iter().any(|word| {
            let first = word.split(' ').next().unwrap_or_default().as_bytes();
            let (at, bit) = place(first.get(..3).unwrap_or(first));
            rows.get(at).is_some_and(|bits| bits & bit != 0)
        })
    }

    fn lower(&self) -> &[u8] {
        self.lower
            .get_or_init(|| self.bytes().to_ascii_lowercase().into())
    }

    fn follows(&self, start: usize, words: &[impl AsRef<str>]) -> bool {
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
            .any(|word| has_word(before, from, start, word.as_ref().as_bytes()))
    }

    /// `123456789 (SSN)`
    pub(super) fn precedes(&self, end: usize, words: &[impl AsRef<str>]) -> bool {
        let behind = self.lower().get(end..).unwrap_or_default();
        let behind = behind.strip_prefix(b" ").unwrap_or(behind);
        let Some(inside) = behind.strip_prefix(b"(") else {
            return false;
        };
        words.iter().map(AsRef::as_ref).any(|word| {
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

/// Where the bit of a few letters is.
fn place(letters: &[u8]) -> (usize, u64) {
    let step = |hash: usize, letter: &u8| (hash * 29) ^ usize::from(*letter);
    let hash = letters.iter().fold(0, step);
    (hash >> 6 & 15, 1 << (hash & 63))
}

/// Whether a word lies in a part of a text and stands alone there, but for what begins at the end of
/// the part.
fn has_word(text: &[u8], from: usize, end: usize, word: &[u8]) -> bool {
    let part = text.get(from..end).unwrap_or_default();
    memchr::memmem::find_iter(part, word).any(|at| {
        let (left, right) = (from + at, from + at + word.len());
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = left.checked_sub(1).and_then(|left| text.get(left));
        !is_word(before) && (right == end || !is_word(text.get(right)))
    })
}

/// How many signs end there that may stand between a word and its value.
fn signs_before(text: &[u8], end: usize) -> usize {
    let before = text.get(..end).unwrap_or_default().iter().rev();
    before
        .take(MOST_SIGNS)
        .take_while(|byte| b" \t\r\n:;#=._-|/'\"*>()".contains(byte))
        .count()
}

/// Where a word begins that ends there and stands alone on its left.
fn word_before(text: &[u8], lowest: usize, end: usize, word: &str) -> Option<usize> {
    let mut at = end;
    for letter in word.bytes().rev() {
        let is_gap = |at: usize| {
            at.checked_sub(1)
                .and_then(|at| text.get(at))
                .is_some_and(|byte| b" _-.".contains(byte))
        };
        if letter == b' ' {
            at -= usize::from(is_gap(at));
            at -= usize::from(is_gap(at));
        } else {
            at = at.checked_sub(1).filter(|at| *at >= lowest)?;
            (text.get(at) == Some(&letter)).then_some(())?;
        }
    }
    let before = at.checked_sub(1).and_then(|at| text.get(at));
    (!before.is_some_and(u8::is_ascii_alphanumeric)).then_some(at)
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

    #[test]
    fn words_introduce_what_they_stand_before() {
        let words = &["mrn", "patient id", "driver's license"];
        let introduced = |text: &str| {
            let probe = Probe::of(text);
            let start = probe.normal.text.find("12").unwrap();
            probe.introduces(start, words)
        };
        for text in [
            "MRN 12",
            "MRN12",
            "mrn: #12",
            "Mrn number is 12",
            "MRN of the 12",
            "patient_id=12",
            "patientId\":\"12",
            "Patient-ID no. 12",
            "Driver\u{2019}s license: 12",
            "driver's_license 12",
        ] {
            assert!(introduced(text), "{text}");
        }
        for text in [
            "xmrn 12",
            "mrn was read by 12",
            "mrn, 12",
            "mrn      12",
            "patient 12",
            "12",
            "number 12",
        ] {
            assert!(!introduced(text), "{text}");
        }
    }
}
