//! Names of persons, learned from the fields that hold them, and found again in free text.
//!
//! Whatever is masked as a [`Class::Name`](crate::Class::Name) where it stands teaches its words. They
//! are known until the record ends, in a FHIR Bundle until the body ends. A word is compared without
//! case and accents, and alone: `Ann` is not in `Annual`.

use std::ops::Range;

use crate::unicode::{decompose_compatible, is_combining_mark};

/// So many words a record may teach; one that teaches more has its free text masked whole.
const MOST_IN_RECORD: usize = 64;
/// So many are known at once.
const MOST: usize = 1024;
/// A shorter word is no name.
const SHORTEST: usize = 3;

/// Words that stand in fields of names and are none.
const NO_NAMES: &[&str] = &[
    "and", "aus", "dal", "das", "del", "dela", "della", "den", "der", "des", "die", "dos", "drs",
    "esq", "for", "iii", "ing", "jun", "las", "les", "los", "miss", "mag", "mme", "mrs", "phd",
    "prof", "sen", "ten", "ter", "the", "und", "van", "von", "zum", "zur",
];

/// Whether names are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mentions {
    /// No name is looked for.
    #[default]
    None,
    /// All that are known by now. Of a value that waits that is when it is let go: those before it have
    /// taught theirs by then.
    Now,
}

/// The names that have been learned.
#[derive(Debug, Default)]
pub(crate) struct People {
    words: Words,
    /// By the first letters of a word in ASCII: whether one begins like that.
    starts: Starts,
    in_record: usize,
    overflowed: bool,
    /// How it was before a text taught names that was no JSON after all, while that is looked at.
    doubted: Option<Before>,
    /// The word at hand; kept for its memory.
    folded: String,
}

/// How much was known once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    count: usize,
    in_record: usize,
    overflowed: bool,
}

/// Folded words in the order in which they were learned. What is forgotten leaves its memory.
#[derive(Debug, Default)]
struct Words {
    /// One behind the other.
    letters: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// The numbers of words from 1, by hash, with open addressing; 0 is none.
    table: Vec<u16>,
}

impl Words {
    /// At most half full.
    const SLOTS: usize = 2 * MOST;

    fn clear(&mut self) {
        self.letters.clear();
        self.ends.clear();
        self.table.fill(0);
    }

    fn word(&self, number: usize) -> Option<&str> {
        let start = number
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.letters.get(start..*self.ends.get(number)?)
    }

    fn slots(word: &str) -> impl Iterator<Item = usize> {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        let hash = word.as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, step);
        let first = usize::try_from(hash >> 40).unwrap_or_default();
        (0..Self::SLOTS).map(move |probe| (first + probe) % Self::SLOTS)
    }

    fn has(&self, word: &str) -> bool {
        for slot in Self::slots(word) {
            let number = self.table.get(slot).map(|number| usize::from(*number));
            let Some(number) = number.and_then(|number| number.checked_sub(1)) else {
                return false;
            };
            if self.word(number) == Some(word) {
                return true;
            }
        }
        false
    }

    fn add(&mut self, word: &str) {
        self.table.resize(Self::SLOTS, 0);
        self.letters.push_str(word);
        self.ends.push(self.letters.len());
        let free = Self::slots(word).find(|slot| self.table.get(*slot) == Some(&0));
        let slot = free.and_then(|slot| self.table.get_mut(slot));
        if let (Some(slot), Ok(number)) = (slot, u16::try_from(self.ends.len())) {
            *slot = number;
        }
    }

    /// Forgets the words behind the first so many: no other stands behind one of theirs in the table.
    fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.letters
            .truncate(self.ends.last().copied().unwrap_or(0));
        for number in &mut self.table {
            if usize::from(*number) > count {
                *number = 0;
            }
        }
    }
}

/// A bit for each hash of three letters.
#[derive(Debug)]
struct Starts([u64; 64]);

impl Default for Starts {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Starts {
    #[inline]
    fn place(letters: [u8; SHORTEST]) -> (usize, u64) {
        let value = letters.iter().fold(0_usize, |value, letter| {
            value << 4 ^ usize::from(letter & 0x1F)
        });
        (value >> 6 & 63, 1 << (value & 63))
    }

    fn add(&mut self, letters: [u8; SHORTEST]) {
        let (word, bit) = Self::place(letters);
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= bit;
        }
    }

    #[inline]
    fn has(&self, letters: [u8; SHORTEST]) -> bool {
        let (word, bit) = Self::place(letters);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

impl People {
    /// Another record begins; `forget`: it has nothing to do with those before.
    pub(crate) fn next_record(&mut self, forget: bool) {
        self.in_record = 0;
        if forget && !self.is_empty() {
            self.words.clear();
            self.starts = Starts::default();
            self.overflowed = false;
        }
    }

    /// What is known now, to come back to.
    pub(crate) fn before(&self) -> Before {
        Before {
            count: self.words.ends.len(),
            in_record: self.in_record,
            overflowed: self.overflowed,
        }
    }

    /// A text that has taught names was none that could: they are known until it has been searched.
    pub(crate) fn doubt(&mut self, before: Before) {
        if self.words.ends.len() > before.count || self.overflowed != before.overflowed {
            self.doubted.get_or_insert(before);
        }
    }

    /// How it was before the text at hand taught names, where that is doubted.
    pub(crate) fn take_doubted(&mut self) -> Option<Before> {
        self.doubted.take()
    }

    /// The text has been searched, as a whole.
    pub(crate) fn forget_doubted(&mut self) {
        if let Some(before) = self.doubted.take() {
            self.words.truncate(before.count);
            (self.in_record, self.overflowed) = (before.in_record, before.overflowed);
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.ends.is_empty() && !self.overflowed
    }

    /// Learns the words of a name.
    pub(crate) fn learn(&mut self, name: &str) {
        for range in words(name) {
            let word = name.get(range).unwrap_or_default();
            let mut folded = std::mem::take(&mut self.folded);
            folded.clear();
            if fold(word, &mut folded) {
                self.learn_word(&folded);
            }
            self.folded = folded;
        }
    }

    fn learn_word(&mut self, word: &str) {
        if NO_NAMES.contains(&word) || self.words.has(word) {
            return;
        }
        if self.in_record >= MOST_IN_RECORD || self.words.ends.len() >= MOST {
            self.overflowed = true;
            return;
        }
        self.in_record += 1;
        if let Some(letters) = word.as_bytes().first_chunk() {
            self.starts.add(*letters);
        }
        self.words.add(word);
    }

    /// Whether the source of a string may mention someone: it does if a word begins like a name, and
    /// it may if it is not ASCII or has escapes or markup.
    #[inline]
    pub(crate) fn may_be_in(&self, source: &[u8]) -> bool {
        !self.is_empty() && self.may_be_among(source)
    }

    #[inline(never)]
    fn may_be_among(&self, source: &[u8]) -> bool {
        if self.overflowed {
            return true;
        }
        let mut is_inside = false;
        for (at, &byte) in source.iter().enumerate() {
            if byte >= 0x80 || matches!(byte, b'\\' | b'&' | b'%' | b'<') {
                return true;
            }
            let begins = byte.is_ascii_alphabetic() && !is_inside;
            is_inside = byte.is_ascii_alphabetic();
            let letters = source.get(at..).and_then(<[u8]>::first_chunk);
            if begins && letters.is_some_and(|letters| self.starts.has(*letters)) {
                return true;
            }
        }
        false
    }

    /// Calls back with every mention; true: there were too many names to know, and the text is free
    /// text.
    pub(crate) fn find(&self, text: &str, found: &mut dyn FnMut(Range<usize>)) -> bool {
        if self.overflowed && is_free(text) {
            return true;
        }
        if self.words.ends.is_empty() {
            return false;
        }
        let mut folded = String::new();
        for range in words(text) {
            folded.clear();
            if fold(text.get(range.clone()).unwrap_or_default(), &mut folded)
                && self.words.has(&folded)
            {
                found(range);
            }
        }
        false
    }
}

/// Whether a text has words with white space between them.
fn is_free(text: &str) -> bool {
    words(text).nth(1).is_some() && text.contains(char::is_whitespace)
}

/// Where the words of a text are: letters and the marks on them.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_letter = |letter: char| letter.is_alphabetic() || is_combining_mark(letter);
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let start = from + rest.find(is_letter)?;
        let rest = text.get(start..)?;
        let end = rest.find(|letter| !is_letter(letter));
        from = end.map_or(text.len(), |end| start + end);
        Some(start..from)
    })
}

/// Writes a word in small letters without accents; false: it is too short for a name.
fn fold(word: &str, folded: &mut String) -> bool {
    if word.is_ascii() {
        folded.push_str(word);
        folded.make_ascii_lowercase();
    } else {
        for letter in word.chars() {
            fold_letter(letter, folded);
        }
    }
    folded.chars().take(SHORTEST).count() == SHORTEST
}

/// Writes a letter in small letters without accents.
pub(crate) fn fold_letter(letter: char, folded: &mut String) {
    decompose_compatible(letter, |part| {
        if !is_combining_mark(part) {
            part.to_lowercase()
                .for_each(|small| push_small(small, folded));
        }
    });
}

fn push_small(small: char, folded: &mut String) {
    match small {
        'ß' => folded.push_str("ss"),
        'ø' => folded.push('o'),
        'ł' => folded.push('l'),
        'đ' | 'ð' => folded.push('d'),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        small if is_combining_mark(small) => {}
        small => folded.push(small),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentions<'a>(people: &People, text: &'a str) -> Vec<&'a str> {
        let mut found = Vec::new();
        people.find(text, &mut |range| found.push(&text[range]));
        if !found.is_empty() {
            assert!(people.may_be_in(text.as_bytes()), "{text}");
        }
        found
    }

    #[test]
    fn names_are_found_whatever_their_case_and_accents() {
        let mut people = People::default();
        people.learn("Mrs. José O'Neil-Núñez");
        people.learn("Łukasz von Weiß");
        for (text, expected) in [
            ("JOSE was here", &["JOSE"][..]),
            ("jose\u{301}'s chart", &["jose\u{301}"]),
            ("seen by O'Neil, Nunez", &["Neil", "Nunez"]),
            ("LUKASZ WEISS", &["LUKASZ", "WEISS"]),
            ("Josephine von Mrs", &[]),
            ("", &[]),
        ] {
            assert_eq!(mentions(&people, text), expected, "{text}");
        }
    }

    #[test]
    fn a_record_that_teaches_too_many_names_has_no_free_text() {
        let mut people = People::default();
        for number in 0..=u8::try_from(MOST_IN_RECORD).unwrap() {
            let letters = [b'a' + number % 26, b'a' + number / 26];
            people.learn(&format!("nam{}", str::from_utf8(&letters).unwrap()));
        }
        assert!(people.find("two words", &mut |_| ()));
        assert!(!people.find("word", &mut |_| ()));
        people.next_record(true);
        assert!(people.is_empty());
    }

    #[test]
    fn what_is_doubted_is_forgotten() {
        let mut people = People::default();
        people.learn("Anna Bela");
        let before = people.before();
        people.learn("Bela Carla Dora");
        people.doubt(before);
        assert_eq!(
            mentions(&people, "Anna Carla Dora"),
            ["Anna", "Carla", "Dora"]
        );
        people.forget_doubted();
        assert_eq!(mentions(&people, "Anna Bela Carla Dora"), ["Anna", "Bela"]);
        people.learn("Carla");
        people.forget_doubted();
        assert_eq!(
            mentions(&people, "Anna Bela Carla Dora"),
            ["Anna", "Bela", "Carla"]
        );
    }
}
