//! What a detector is given: the text in one spelling, and what is said about the values in it.

use std::cell::{Cell, OnceCell};
use std::ops::Range;

use super::edges::is_listed;
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

/// How long a clause is that says what the value at its end is, in bytes and in words.
const CLAUSE: usize = 80;
const MOST_WORDS: usize = 7;

/// What stands before a value in such a clause, if no colon does.
const VERBS: &[&str] = &["is", "was", "are", "were"];

/// At most so many spaces and so many other signs stand between a word and its value.
const MOST_SPACES: usize = 5;
const MOST_SIGNS: usize = 8;

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
    lower: OnceCell<Box<[u8]>>,
    /// Which two and three letters stand in a row anywhere in it, by their hash.
    rows: OnceCell<[u64; 16]>,
    /// Whether the name of the member says that its values are what the detector looks for.
    pub(super) named: bool,
    /// Where the last value ends of which a word said what it is, how many letters and digits it has,
    /// and whether letters are among them.
    said: Cell<Option<(usize, usize, bool)>>,
}

impl<'a> Probe<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self {
            normal: normal(text),
            lower: OnceCell::new(),
            rows: OnceCell::new(),
            named: false,
            said: Cell::new(None),
        }
    }

    /// Begins with another detector.
    pub(super) fn begin(&mut self, named: bool) {
        self.named = named;
        self.said.set(None);
    }

    /// Takes down that something said what this value is: it says the same of the next in a list. A
    /// number without letters must be about as long.
    pub(super) fn say(&self, value: &Range<usize>) {
        let (count, has_letter) = self.letters(value);
        self.said.set(Some((value.end, count, has_letter)));
    }

    fn is_next(&self, value: &Range<usize>) -> bool {
        let Some((end, count, is_lettered)) = self.said.get() else {
            return false;
        };
        is_listed(self.bytes(), end..value.start) && {
            let (this, has_letter) = self.letters(value);
            this.abs_diff(count) <= 1 || is_lettered && has_letter
        }
    }

    /// How many letters and digits there are, and whether there are letters.
    fn letters(&self, value: &Range<usize>) -> (usize, bool) {
        let part = self.bytes().get(value.clone()).unwrap_or_default();
        let letters = part.iter().filter(|byte| byte.is_ascii_alphanumeric());
        let has_letter = part.iter().any(u8::is_ascii_alphabetic);
        (letters.count(), has_letter)
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
    /// may be glued to the word. No other number stands between. What is said of one value holds for
    /// the next in a list.
    pub(crate) fn is_labelled(&self, value: &Range<usize>, words: &[impl AsRef<str>]) -> bool {
        self.named
            || self.follows(value.start, words)
            || self.precedes(value.end, words)
            || self.is_next(value)
            || self.tells(value.start, words)
    }

    /// The same, but the word must stand right before the value, or begin the clause that ends with it:
    /// between them is nothing but signs and words such as `number`, `no` and `is`. A space in a word
    /// stands for any sign, or for none.
    pub(crate) fn is_introduced(&self, value: &Range<usize>, words: &[&str]) -> bool {
        self.named
            || self.introduces(value.start, words)
            || self.precedes(value.end, words)
            || self.is_next(value)
            || self.tells(value.start, words)
    }

    /// Whether a word in the text stands right before this place.
    pub(crate) fn introduces(&self, start: usize, words: &[&str]) -> bool {
        let text = self.cased();
        let lowest = start.saturating_sub(REACH);
        let mut end = start;
        for _ in 0..MOST_FILLERS {
            end -= signs_before(text.lower, end);
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

    /// Whether a clause that ends here begins with one of the words: `the MRN on file for her is 12`.
    /// A verb or colon stands right before the value, and plain words in small letters between.
    pub(crate) fn tells(&self, start: usize, words: &[impl AsRef<str>]) -> bool {
        let (bytes, text) = (self.bytes(), self.cased());
        let lowest = start.saturating_sub(CLAUSE);
        if is_in_placeholder(text.lower, start) {
            return false;
        }
        let mut end = start - signs_before(text.lower, start);
        let signs = bytes.get(end..start).unwrap_or_default();
        if !signs.iter().any(|sign| matches!(sign, b':' | b'=')) {
            let verb = VERBS
                .iter()
                .find_map(|verb| word_before(text, lowest, end, verb));
            match verb.filter(|verb| *verb < end) {
                Some(verb) => end = verb,
                None => return false,
            }
        }
        for _ in 0..MOST_WORDS {
            let before = bytes.get(lowest..end).unwrap_or_default();
            end -= usize::from(before.ends_with(b" "));
            let before = bytes.get(lowest..end).unwrap_or_default();
            // That of `no.`
            let stop = end - usize::from(before.ends_with(b"."));
            let starts = |word: &str| word_before(text, lowest, stop, word);
            if words.iter().any(|word| starts(word.as_ref()).is_some()) {
                return true;
            }
            let is_plain = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'\'';
            let length = before.iter().rev().take_while(is_plain).count();
            match FILLERS.iter().find_map(|word| starts(word)) {
                Some(filler) => end = filler,
                None if length == 0 => return false,
                None => end -= length,
            }
        }
        false
    }

    fn lower(&self) -> &[u8] {
        self.lower
            .get_or_init(|| self.bytes().to_ascii_lowercase().into())
    }

    fn cased(&self) -> Cased<'_> {
        Cased {
            bytes: self.bytes(),
            lower: self.lower(),
        }
    }

    fn follows(&self, start: usize, words: &[impl AsRef<str>]) -> bool {
        let from = start.saturating_sub(REACH);
        let Some(before) = self.lower().get(..start) else {
            return false;
        };
        // Behind the last number, or what has been masked, if one lies between.
        let near = before.get(from..).unwrap_or_default();
        let from = number_end(near).map_or(from, |end| from + end);
        let from = from.max(placeholder_end(before, from));
        let text = self.cased();
        words
            .iter()
            .any(|word| text.has_word(from..start, word.as_ref().as_bytes()))
    }

    /// `123456789 (SSN)`, `123456789 (patient's SSN)`
    pub(super) fn precedes(&self, end: usize, words: &[impl AsRef<str>]) -> bool {
        const LONGEST: usize = 32;
        let behind = self.lower().get(end..).unwrap_or_default();
        let behind = behind.strip_prefix(b" ").unwrap_or(behind);
        let Some(inside) = behind.strip_prefix(b"(") else {
            return false;
        };
        let near = inside.get(..inside.len().min(LONGEST)).unwrap_or_default();
        let length = near.iter().position(|byte| !is_spoken(*byte));
        let phrase = near.get(..length.unwrap_or(near.len())).unwrap_or_default();
        let phrase = Cased {
            bytes: phrase,
            lower: phrase,
        };
        words.iter().any(|word| {
            let word = word.as_ref().as_bytes();
            phrase.has_word(0..phrase.lower.len(), word)
                || inside.starts_with(word)
                    && !inside
                        .get(word.len())
                        .is_some_and(u8::is_ascii_alphanumeric)
        })
    }
}

/// Whether it is in words and between them.
fn is_spoken(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'\'' | b'-')
}

/// Where the last number ends; a digit or two behind letters belong to a word, such as `IPv4`.
fn number_end(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    loop {
        let end = rest.iter().rposition(u8::is_ascii_digit)? + 1;
        rest = rest.get(..end)?;
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let length = digits.count();
        rest = rest.get(..end - length)?;
        if length > 2 || !rest.last().is_some_and(u8::is_ascii_alphabetic) {
            return Some(end);
        }
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

/// Whether a placeholder has begun and not ended there.
fn is_in_placeholder(text: &[u8], at: usize) -> bool {
    const LONGEST: usize = 32;
    let near = text.get(at.saturating_sub(LONGEST)..at).unwrap_or_default();
    memchr::memmem::rfind(near, b"[masked:")
        .and_then(|start| near.get(start..))
        .is_some_and(|inside| !inside.contains(&b']'))
}

/// A text, and the same in lower case.
#[derive(Clone, Copy)]
struct Cased<'a> {
    bytes: &'a [u8],
    lower: &'a [u8],
}

impl Cased<'_> {
    /// Whether a word begins there, as the second one in `patientSsn` does.
    fn begins(self, at: usize) -> bool {
        let byte = |back: usize| at.checked_sub(back).and_then(|at| self.bytes.get(at));
        !byte(1).is_some_and(u8::is_ascii_alphanumeric) || self.is_hump(at)
    }

    /// Whether a word ends there.
    fn ends(self, at: usize) -> bool {
        let next = self.bytes.get(at);
        !next.is_some_and(u8::is_ascii_alphanumeric) || self.is_hump(at)
    }

    /// A capital letter behind two small ones: that of `iPhone` begins no word.
    fn is_hump(self, at: usize) -> bool {
        let is_small = |back: usize| {
            let byte = at.checked_sub(back).and_then(|at| self.bytes.get(at));
            byte.is_some_and(u8::is_ascii_lowercase)
        };
        self.bytes.get(at).is_some_and(u8::is_ascii_uppercase) && is_small(1) && is_small(2)
    }

    /// Whether a word lies in a part of the text and stands alone there, but for what begins at the end
    /// of the part. A space in the word stands for a sign between two words, or for none.
    fn has_word(self, part: Range<usize>, word: &[u8]) -> bool {
        let (first, rest) = match memchr::memchr(b' ', word) {
            Some(space) => word.split_at_checked(space).unwrap_or((word, b"")),
            None => (word, &b""[..]),
        };
        let text = self.lower.get(part.clone()).unwrap_or_default();
        memchr::memmem::find_iter(text, first).any(|at| {
            let left = part.start + at;
            let right = self.rest_end(left + first.len(), rest);
            self.begins(left)
                && right
                    .is_some_and(|right| right == part.end || right < part.end && self.ends(right))
        })
    }

    /// Where the rest of a word ends that begins there.
    fn rest_end(self, start: usize, rest: &[u8]) -> Option<usize> {
        let mut at = start;
        for letter in rest {
            let here = self.lower.get(at);
            if *letter == b' ' {
                at += usize::from(here.is_some_and(|byte| is_gap(*byte)));
            } else {
                (here == Some(letter)).then_some(())?;
                at += 1;
            }
        }
        Some(at)
    }
}

/// Whether it may stand between two words of a name.
fn is_gap(byte: u8) -> bool {
    b" _-.".contains(&byte)
}

/// How many signs end there that may stand between a word and its value: backslashes before quotes,
/// and what Python puts before them, do not count.
fn signs_before(text: &[u8], end: usize) -> usize {
    let byte = |at: usize| at.checked_sub(1).and_then(|at| text.get(at)).copied();
    let (mut at, mut spaces, mut signs) = (end, 0, 0);
    while let Some(sign) = byte(at) {
        match sign {
            b' ' | b'\t' | b'\r' | b'\n' => spaces += 1,
            b'\\' if at < end => {}
            b'u' | b'b' | b'r' if at < end && is_prefix(text, at) => {}
            _ if b":;#=._-|/'\"`*>()[{".contains(&sign) => signs += 1,
            _ => break,
        }
        if spaces > MOST_SPACES || signs > MOST_SIGNS {
            break;
        }
        at -= 1;
    }
    end - at
}

/// Whether the letter that ends there is what a string begins with: `u'x'`.
fn is_prefix(text: &[u8], end: usize) -> bool {
    let before = end.checked_sub(2).and_then(|at| text.get(at));
    matches!(text.get(end), Some(b'\'' | b'"')) && matches!(before, Some(b' ' | b':' | b'='))
}

/// Where a word begins that ends there and stands alone on its left.
fn word_before(text: Cased<'_>, lowest: usize, end: usize, word: &str) -> Option<usize> {
    let mut at = end;
    for letter in word.bytes().rev() {
        let has_gap = |at: usize| {
            let before = at.checked_sub(1).and_then(|at| text.lower.get(at));
            before.is_some_and(|byte| is_gap(*byte))
        };
        if letter == b' ' {
            at -= usize::from(has_gap(at));
            at -= usize::from(has_gap(at));
        } else {
            at = at.checked_sub(1).filter(|at| *at >= lowest)?;
            (text.lower.get(at) == Some(&letter)).then_some(())?;
        }
    }
    text.begins(at).then_some(at)
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
            "12 (the patient's SSN)",
            "7 and ssn12",
            "SSN v4: 12",
        ] {
            assert!(labelled(text, "12", words), "{text}");
        }
        let far = format!("ssn {} 12", "x".repeat(60));
        for text in [
            "lessn 12",
            "ssnx 12",
            "ssn of 7: 12",
            "12 (ssns)",
            "12 (no ssns 7 ssn)",
            "ssn 345: 12",
            "12 ssn",
            "[masked:ssn] 12",
            "ssn [masked:email] 12",
            &far,
        ] {
            assert!(!labelled(text, "12", words), "{text}");
        }
    }

    #[test]
    fn a_clause_tells_what_stands_at_its_end() {
        let tells = |text: &str| {
            let probe = Probe::of(text);
            let start = probe.normal.text.find("12").unwrap();
            probe.tells(start, &["mrn", "patient id"])
        };
        for text in [
            "The MRN on file for this patient is 12",
            "MRN given by her sister: 12",
            "a patient_id as it was: 12",
            "The Patient ID No. on file is 12",
        ] {
            assert!(tells(text), "{text}");
        }
        for text in [
            "The MRN on file for this patient 12",
            "The MRN is wrong, her age is 12",
            "The MRN of 7 others is 12",
            "MRN of Ann is 12",
            "[masked:mrn:12",
            "mrn of so very many of the people who are here is 12",
            "is 12",
        ] {
            assert!(!tells(text), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_one_holds_for_the_next_that_is_about_as_long() {
        let next = |text: &str, first: Range<usize>, next: Range<usize>| {
            let probe = Probe::of(text);
            probe.say(&first);
            probe.is_introduced(&next, &["ssn"])
        };
        assert!(next("ssn 12-3, 456", 4..8, 10..13));
        assert!(next("ssn 123 and 456", 4..7, 12..15));
        assert!(next("ssn 123, 4567", 4..7, 9..13));
        assert!(!next("ssn 123, 45678", 4..7, 9..14));
        assert!(next("ssn a23, b5678", 4..7, 9..14));
        assert!(!next("ssn 123 of 456", 4..7, 11..14));
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
