//! Member names, looked up once each: what the rules say about a name does not change, and a body
//! repeats few names many times.

use std::sync::Mutex;

use crate::operators::strip_placeholders;
use crate::rules::{KeyRules, Ruleset};
use crate::subject::Word;

/// A name lies in one of so many slots from its hash on.
const PROBES: usize = 4;
const SLOTS: usize = 512;
/// The length in a slot that is free.
const NOTHING: u8 = u8::MAX;
const LONGEST: usize = 24;

/// What is known about a member name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownName {
    /// Its column in the automaton.
    pub(crate) column: u16,
    pub(crate) rules: KeyRules,
    /// What it says about whom a record is about, where rules shift dates.
    pub(crate) word: Word,
}

/// A bounded memory of names without escapes in which no detector finds anything. It is indexed
/// by a hash; a name that another one displaces is looked up again, nothing more.
///
/// What is known of a name depends on the rules alone: see [`Shelf`].
#[derive(Default)]
pub(crate) struct Names {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    name: [u64; 3],
    length: u8,
    /// Whether no rule speaks about the name itself.
    is_plain: bool,
    known: KnownName,
}

impl Names {
    /// What is known about a name (the source between its quotes).
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<KnownName> {
        Some(self.slot(pack(name)?, name.len())?.known)
    }

    /// The column of a name that begins at `start` in the text, if no rule speaks about it.
    #[inline]
    pub(crate) fn find_plain(&self, text: &[u8], start: usize, length: usize) -> Option<u16> {
        let words = match text.get(start..).and_then(<[u8]>::first_chunk) {
            Some(bytes) => cut(bytes, length)?,
            None => pack(text.get(start..start + length)?)?,
        };
        let slot = self.slot(words, length)?;
        slot.is_plain.then_some(slot.known.column)
    }

    #[inline]
    fn slot(&self, words: [u64; 3], length: usize) -> Option<&Slot> {
        let begin = hash(&words, length);
        let near = self.slots.get(begin..)?.first_chunk::<PROBES>()?;
        // Word by word: a comparison of arrays goes through memory, and waits for it.
        let [first, middle, last] = words;
        let is_it = |slot: &&Slot| {
            let [a, b, c] = slot.name;
            let differs = (a ^ first) | (b ^ middle) | (c ^ last);
            differs == 0 && usize::from(slot.length) == length
        };
        near.iter().find(is_it)
    }

    /// Remembers a name.
    pub(crate) fn keep(&mut self, name: &[u8], known: KnownName) {
        let (Some(words), Ok(length)) = (pack(name), u8::try_from(name.len())) else {
            return;
        };
        if self.slots.is_empty() {
            let empty = Slot {
                name: [0; 3],
                length: NOTHING,
                is_plain: false,
                known: KnownName::default(),
            };
            self.slots = vec![empty; SLOTS + PROBES];
        }
        let begin = hash(&words, name.len());
        let near = self.slots.get_mut(begin..).unwrap_or_default();
        let near = near.get_mut(..PROBES).unwrap_or_default();
        let free = near.iter().position(|slot| slot.length == NOTHING);
        if free.is_none() {
            near.rotate_right(1);
        }
        if let Some(slot) = near.get_mut(free.unwrap_or_default()) {
            *slot = Slot {
                name: words,
                length,
                is_plain: known.rules == KeyRules::default() && known.word == Word::None,
                known,
            };
        }
    }
}

/// Where memories of names wait for the next body under the same rules: most bodies that one filter
/// sees have the same names.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Names>>);

impl Shelf {
    /// So many bodies are read at once and leave their memory here.
    const MOST: usize = 8;

    /// Takes a memory from the shelf, or a new one.
    pub(crate) fn take(&self) -> Names {
        let waiting = self.0.lock().ok();
        waiting
            .and_then(|mut names| names.pop())
            .unwrap_or_default()
    }

    /// Puts a memory back.
    pub(crate) fn put(&self, names: Names) {
        if let Ok(mut waiting) = self.0.lock()
            && waiting.len() < Self::MOST
            && !names.slots.is_empty()
        {
            waiting.push(names);
        }
    }
}

/// Looks a decoded name up in the rules: what is left of it without placeholders. One that is
/// nothing but placeholders is a name that no rule knows.
pub(crate) fn look_up_masked(rules: &Ruleset, name: &str) -> KnownName {
    let stripped = strip_placeholders(name);
    if stripped.is_empty() && !name.is_empty() {
        return KnownName::default();
    }
    KnownName {
        column: rules.automaton.column(&stripped),
        rules: rules.keys.find(&stripped),
        word: if rules.shifts {
            Word::of(&stripped)
        } else {
            Word::None
        },
    }
}

/// A name as whole words, zeros behind it.
#[inline]
fn pack(name: &[u8]) -> Option<[u64; 3]> {
    let mut bytes = [0; LONGEST];
    bytes.get_mut(..name.len())?.copy_from_slice(name);
    cut(&bytes, name.len())
}

/// The words of the first `length` bytes, zeros behind them: without a branch on the length.
#[inline]
fn cut(bytes: &[u8; LONGEST], length: usize) -> Option<[u64; 3]> {
    let (words, _) = bytes.as_chunks::<8>();
    let &[first, middle, last] = words else {
        return None;
    };
    let [a, b, c] = *MASKS.get(length)?;
    let word = u64::from_le_bytes;
    Some([word(first) & a, word(middle) & b, word(last) & c])
}

/// By the length of a name, which bits of its words are its own.
const MASKS: [[u64; 3]; LONGEST + 1] = {
    let mut masks = [[0; 3]; LONGEST + 1];
    let mut bit = 0;
    while bit < (LONGEST + 1) * LONGEST {
        let (length, byte) = (bit / LONGEST, bit % LONGEST);
        #[expect(clippy::indexing_slicing, reason = "checked when this is compiled")]
        if byte < length {
            masks[length][byte / 8] |= 0xFF << (byte % 8 * 8);
        }
        bit += 1;
    }
    masks
};

#[inline]
fn hash(key: &[u64; 3], length: usize) -> usize {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let [first, middle, last] = *key;
    let mixed = (first ^ last.rotate_left(29) ^ middle.rotate_left(43)).wrapping_add(length as u64);
    (mixed.wrapping_mul(MULTIPLIER) >> 55) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_names_of_one_length_apart() {
        for length in 0..=LONGEST {
            let name = vec![b'a'; length];
            let key = pack(&name).unwrap();
            for at in 0..length {
                let mut other = name.clone();
                other[at] = b'b';
                assert_ne!(pack(&other).unwrap(), key, "{length} at {at}");
            }
        }
        assert_eq!(pack(&[b'a'; LONGEST + 1]), None);
    }

    #[test]
    fn a_name_is_found_only_as_itself() {
        let mut names = Names::default();
        let known = KnownName {
            column: 7,
            ..KnownName::default()
        };
        assert!(names.find(b"").is_none() && names.find(b"given").is_none());
        names.keep(b"given", known);
        assert_eq!(names.find(b"given").map(|found| found.column), Some(7));
        for other in [&b"given\0"[..], b"gi\0en", b"giver", b"", b"family"] {
            assert!(names.find(other).is_none());
        }
    }
}
