//! A dictionary: many terms, found in one pass over a text.

mod automaton;
#[cfg(test)]
mod reference;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::unicode::is_combining_mark;

use self::automaton::Automaton;
use super::super::normal::normal;
use super::steps::{Spent, Steps};
use super::{CustomDetector, Fault};
use crate::mapped::Mapped;
use crate::people::fold_letter;

/// A shorter term would be found everywhere.
const SHORTEST: usize = 3;

/// A compiled dictionary.
pub(super) struct Dictionary {
    /// Terms in small letters without accents.
    automaton: Automaton,
    starts: Starts,
}

impl Dictionary {
    /// Compiles terms; what is wrong with which, else.
    pub(super) fn compile(terms: &[String]) -> Result<Self, Fault> {
        if terms.is_empty() {
            return Err(Fault::new(
                "dictionary",
                "has no term: say what to look for",
            ));
        }
        let mut folded = BTreeMap::new();
        let mut starts = Starts::default();
        for (index, term) in terms.iter().enumerate() {
            let fault = |message: String| Fault::new(format!("dictionary/{index}"), message);
            let term = folded_term(term).map_err(fault)?;
            if let Some(letters) = term.as_bytes().first_chunk() {
                starts.add(*letters);
            }
            if let Some(other) = folded.insert(term, index) {
                let message = format!(
                    "is the same as dictionary/{other} but for case and accents: remove one of them"
                );
                return Err(fault(message));
            }
        }
        let automaton = Automaton::of(&folded).ok_or_else(|| {
            Fault::new("dictionary", "is too large: make several detectors of it")
        })?;
        Ok(Self { automaton, starts })
    }

    /// Whether a term may begin with that byte, if all of the text is ASCII.
    pub(super) fn may_begin_with(&self, byte: u8) -> bool {
        self.starts.first & 1 << (byte & 31) != 0
    }

    /// Whether a term may begin there.
    #[inline]
    pub(super) fn may_begin(&self, text: &[u8], at: usize) -> bool {
        let letters = text.get(at..).and_then(<[u8]>::first_chunk);
        letters.is_some_and(|letters| self.starts.has(*letters))
    }

    /// Whether a term is anywhere in a text of ASCII.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        self.automaton.terms_in(text).next().is_some()
    }

    /// Calls back with every term; `whole`: those that are no part of a longer word. Terms may lie in
    /// one another. What is called back takes steps, too.
    pub(super) fn find(
        &self,
        text: &str,
        whole: bool,
        steps: &mut Steps,
        mut found: impl FnMut(Range<usize>, &mut Steps) -> Result<(), Spent>,
    ) -> Result<(), Spent> {
        let folded = folded_text(text);
        let read = &*folded.text;
        steps.take(read.len())?;
        for range in self.automaton.terms_in(read.as_bytes()) {
            steps.take(1)?;
            if !whole || is_whole(read, &range) {
                let mut range = folded.back(&range);
                range.end += marks_at(text, range.end);
                found(range, steps)?;
            }
        }
        Ok(())
    }
}

/// By the first three bytes of a term, five bits of each: whether one begins like that. Letters of
/// either case have the same bits.
struct Starts {
    bits: Box<[u64; 512]>,
    first: u32,
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            bits: Box::new([0; 512]),
            first: 0,
        }
    }
}

impl Starts {
    #[inline]
    fn place(letters: [u8; SHORTEST]) -> (usize, u64) {
        let value = letters.iter().fold(0_usize, |value, letter| {
            value << 5 | usize::from(letter & 31)
        });
        (value >> 6, 1 << (value & 63))
    }

    fn add(&mut self, letters: [u8; SHORTEST]) {
        let (word, bit) = Self::place(letters);
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= bit;
        }
        self.first |= 1 << (letters[0] & 31);
    }

    #[inline]
    fn has(&self, letters: [u8; SHORTEST]) -> bool {
        let (word, bit) = Self::place(letters);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

/// A term as it is looked for.
fn folded_term(term: &str) -> Result<String, String> {
    if term.len() > CustomDetector::LONGEST_TERM {
        let most = CustomDetector::LONGEST_TERM;
        return Err(format!(
            "is longer than {most} bytes: take a part of it that says it all"
        ));
    }
    let normal = normal(term);
    if normal.text.trim() != normal.text {
        return Err("begins or ends with white space: leave it out".into());
    }
    let mut folded = folded_text(&normal.text).text.into_owned();
    folded.make_ascii_lowercase();
    if folded.len() < SHORTEST || !folded.contains(char::is_alphanumeric) {
        return Err(format!(
            "is no term: write at least {SHORTEST} characters, one of them a letter or digit"
        ));
    }
    Ok(folded)
}

/// A text in small letters without accents; one of ASCII is the same, whatever its case.
fn folded_text(text: &str) -> Mapped<'_> {
    if text.is_ascii() {
        return Mapped::same(text);
    }
    let mut mapped = Mapped::empty();
    let mut one = String::new();
    for (at, letter) in text.char_indices() {
        let there = at + letter.len_utf8();
        one.clear();
        fold_letter(letter, &mut one);
        match text.get(at..there) {
            Some(same) if same == one => mapped.push_same(same),
            _ => mapped.push_instead(&one, there),
        }
    }
    mapped
}

/// How long the accents are that stand there by themselves.
fn marks_at(text: &str, at: usize) -> usize {
    let behind = text.get(at..).unwrap_or_default().chars();
    let marks = behind.take_while(|letter| is_combining_mark(*letter));
    marks.map(char::len_utf8).sum()
}

/// Whether no word goes on beyond the ends of a part.
fn is_whole(text: &str, part: &Range<usize>) -> bool {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let before = text.get(..part.start).unwrap_or_default();
    let within = text.get(part.clone()).unwrap_or_default();
    let behind = text.get(part.end..).unwrap_or_default();
    let goes_before = is_word(before.chars().next_back()) && is_word(within.chars().next());
    let goes_on = is_word(within.chars().next_back()) && is_word(behind.chars().next());
    !goes_before && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(terms: &[&str]) -> Result<Dictionary, Fault> {
        let terms: Vec<_> = terms.iter().map(|term| (*term).to_owned()).collect();
        Dictionary::compile(&terms)
    }

    fn found<'a>(dictionary: &Dictionary, text: &'a str, whole: bool) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut steps = Steps::of(text.len());
        let outcome = dictionary.find(text, whole, &mut steps, |range, _| {
            found.push(&text[range]);
            Ok(())
        });
        assert_eq!(outcome, Ok(()));
        if !found.is_empty() && text.is_ascii() {
            assert!(dictionary.is_in(text.as_bytes()), "{text}");
            let begins = |at| dictionary.may_begin(text.as_bytes(), at);
            assert!((0..text.len()).any(begins), "{text}");
        }
        found
    }

    #[test]
    fn terms_are_found_whatever_their_case_and_accents() {
        let terms = ["New York", "new york c", "Łódź", "C++", "Ann", "Straße"];
        let dictionary = compile(&terms).unwrap();
        for (text, expected) in [
            ("NEW YORK CITY", &["NEW YORK"][..]),
            (
                "lodz, ŁÓDŹ, L\u{f3}dz\u{301}",
                &["lodz", "ŁÓDŹ", "L\u{f3}dz\u{301}"],
            ),
            ("STRASSE Ann's", &["STRASSE", "Ann"]),
            ("Ann-Marie", &["Ann"]),
            ("C++ c++11 (C++)", &["C++", "c++", "C++"]),
            ("Annual Hann Ann2 Anné New  York", &[]),
            ("", &[]),
        ] {
            assert_eq!(found(&dictionary, text, true), expected, "{text}");
        }
        assert_eq!(found(&dictionary, "Annual", false), ["Ann"]);
    }

    #[test]
    fn what_cannot_be_a_term_is_refused() {
        let long = "a".repeat(129);
        for (terms, part, fragment) in [
            (&[][..], "dictionary", "has no term"),
            (&["abc", "ab"], "dictionary/1", "at least 3"),
            (&["..."], "dictionary/0", "a letter or digit"),
            (&["abc "], "dictionary/0", "white space"),
            (
                &["abc", "abd", "ÁBC"],
                "dictionary/2",
                "same as dictionary/0",
            ),
            (&[&*long], "dictionary/0", "longer than 128 bytes"),
        ] {
            let fault = compile(terms).err().unwrap();
            assert_eq!(fault.part, part);
            assert!(fault.message.contains(fragment), "{fault:?}");
        }
    }
}
