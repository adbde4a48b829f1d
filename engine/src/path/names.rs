//! Member names, looked up once each: what the rules say about a name does not change, and a body
//! repeats few names many times.

use std::sync::Mutex;

use crate::detectors::Cues;
use crate::operators::strip_placeholders;
use crate::rules::{KeyRules, Ruleset};
use crate::scan::{Room, Sight};
use crate::subject::Word;

/// A name lies in one of so many slots from its hash on.
const PROBES: usize = 4;
const SLOTS: usize = 512;
const LONGEST: usize = 32;

/// What is known about a member name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownName {
    /// Its column in the automaton.
    pub(crate) column: u16,
    pub(crate) rules: KeyRules,
    /// What it says about whom a record is about, where rules shift dates.
    pub(crate) word: Word,
    /// Which detectors it speaks for.
    pub(crate) cues: Cues,
}

/// A bounded memory of names without escapes in which no detector finds anything. It is indexed
/// by a hash; a name that another one displaces is looked up again, nothing more.
///
/// What is known of a name depends on the rules alone: see [`Shelf`].
#[derive(Default)]
pub(crate) struct Names {
    slots: Option<Box<Slots>>,
}

/// So many that each name has a place for every probe.
type Slots = [Slot; SLOTS + PROBES];

#[derive(Clone, Copy)]
struct Slot {
    name: Name,
    /// Whether no rule speaks about the name itself.
    is_plain: bool,
    known: KnownName,
}

impl Names {
    /// What is known about a name (the source between its quotes).
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<KnownName> {
        Some(self.slot(pack(name)?)?.known)
    }

    /// What is known about a name that is a part of this text.
    #[inline]
    pub(crate) fn find_in(&self, text: &Sight, start: usize, length: usize) -> Option<KnownName> {
        Some(self.slot(Name::of_part(text, start, length)?)?.known)
    }

    /// All that are known, if there are any.
    #[inline]
    pub(crate) fn all(&self) -> Option<AllNames<'_>> {
        Some(AllNames(self.slots.as_deref()?))
    }

    #[inline]
    fn slot(&self, name: Name) -> Option<&Slot> {
        find(self.slots.as_deref()?, name)
    }

    /// Remembers a name.
    pub(crate) fn keep(&mut self, name: &[u8], known: KnownName) {
        let Some(name) = pack(name) else {
            return;
        };
        if self.slots.is_none() {
            let empty = Slot {
                name: Name::NONE,
                is_plain: false,
                known: KnownName::default(),
            };
            let slots = vec![empty; SLOTS + PROBES].into_boxed_slice();
            self.slots = slots.try_into().ok();
        }
        let Some(slots) = &mut self.slots else {
            return;
        };
        let near = slots.get_mut(name.hash()..).unwrap_or_default();
        let near = near.get_mut(..PROBES).unwrap_or_default();
        let free = near.iter().position(|slot| slot.name.is(&Name::NONE));
        if free.is_none() {
            near.rotate_right(1);
        }
        let is_plain = known.rules == KeyRules::default()
            && known.word == Word::None
            && known.cues == Cues::NONE;
        if let Some(slot) = near.get_mut(free.unwrap_or_default()) {
            *slot = Slot {
                name,
                is_plain,
                known,
            };
        }
    }
}

/// What many names are looked up in, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct AllNames<'a>(&'a Slots);

impl<'a> AllNames<'a> {
    /// What is known about a name that is a part of this text, and whether no rule speaks about it.
    #[inline]
    pub(crate) fn find(
        self,
        text: &Sight,
        start: usize,
        length: usize,
    ) -> Option<(&'a KnownName, bool)> {
        let slot = find(self.0, Name::of_part(text, start, length)?)?;
        Some((&slot.known, slot.is_plain))
    }
}

#[inline]
fn find(slots: &Slots, name: Name) -> Option<&Slot> {
    let begin = name.hash();
    let slot = slots.get(begin)?;
    if slot.name.is(&name) {
        return Some(slot);
    }
    let near = slots.get(begin..)?.get(1..PROBES)?;
    near.iter().find(|slot| slot.name.is(&name))
}

/// Where memories of names wait for the next body under the same rules, and the room that they were read
/// in: most bodies that one filter sees have the same names.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<(Names, Room)>>);

impl Shelf {
    /// So many bodies are read at once and leave their memory here.
    const MOST: usize = 8;

    /// Takes a memory from the shelf, or a new one.
    pub(crate) fn take(&self) -> (Names, Room) {
        let waiting = self.0.lock().ok();
        waiting
            .and_then(|mut waiting| waiting.pop())
            .unwrap_or_default()
    }

    /// Puts a memory back.
    pub(crate) fn put(&self, memory: (Names, Room)) {
        if let Ok(mut waiting) = self.0.lock()
            && waiting.len() < Self::MOST
        {
            waiting.push(memory);
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
        cues: rules.detectors.cues(&stripped),
    }
}

/// A name of at most [`LONGEST`] bytes as whole words, which may overlap: no two names have the same
/// words and the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    /// The first eight bytes, or all of them.
    first: u64,
    /// The last eight bytes, or all of them.
    last: u64,
    /// The eight behind the first, where the others do not cover all.
    middle: u64,
    /// The eight behind those.
    later: u64,
    length: u64,
}

impl Name {
    /// What no name is.
    const NONE: Self = Self {
        first: 0,
        last: 0,
        middle: 0,
        later: 0,
        length: u64::MAX,
    };

    /// Of a part of a text; `None`: too long or empty, or beyond the window.
    #[inline]
    fn of_part(text: &Sight, start: usize, length: usize) -> Option<Self> {
        Self::of(text.get(start..)?.first_chunk()?, length)
    }

    /// Of so many of these bytes; `None`: they are too many, or none.
    #[inline]
    fn of(bytes: &[u8; LONGEST + WORD], length: usize) -> Option<Self> {
        if length.wrapping_sub(1) >= LONGEST {
            return None;
        }
        // No branch on the length: what is read beyond a short name is masked out.
        let within = u64::MAX >> (WORD.saturating_sub(length) * 8);
        Some(Self {
            first: word(bytes, 0)? & within,
            last: word(bytes, length.saturating_sub(WORD))? & within,
            middle: if length > 2 * WORD {
                word(bytes, WORD)?
            } else {
                0
            },
            later: if length > 3 * WORD {
                word(bytes, 2 * WORD)?
            } else {
                0
            },
            length: length as u64,
        })
    }

    #[inline]
    fn is(&self, other: &Self) -> bool {
        // Word by word: a comparison of the whole goes through memory, and waits for it.
        let differs = (self.first ^ other.first)
            | (self.last ^ other.last)
            | (self.middle ^ other.middle)
            | (self.later ^ other.later)
            | (self.length ^ other.length);
        differs == 0
    }

    /// Long names that differ only in the middle share their slots: they are slower, no more.
    #[inline]
    fn hash(&self) -> usize {
        const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = self.first ^ self.last.rotate_left(29);
        (mixed.wrapping_mul(MULTIPLIER) >> 55) as usize % SLOTS
    }
}

/// Bytes in a word.
const WORD: usize = 8;

#[inline]
fn word(bytes: &[u8; LONGEST + WORD], start: usize) -> Option<u64> {
    let bytes = bytes.get(start..start + WORD)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// A name by itself.
#[cold]
fn pack(name: &[u8]) -> Option<Name> {
    let mut bytes = [0; LONGEST + WORD];
    bytes.get_mut(..name.len())?.copy_from_slice(name);
    Name::of(&bytes, name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_names_of_one_length_apart() {
        for length in 1..=LONGEST {
            let name = vec![b'a'; length];
            let key = pack(&name).unwrap();
            for at in 0..length {
                let mut other = name.clone();
                other[at] = b'b';
                assert_ne!(pack(&other).unwrap(), key, "{length} at {at}");
            }
        }
        assert_eq!(pack(&[b'a'; LONGEST + 1]), None);
        assert_eq!(pack(b""), None);
    }

    #[test]
    fn a_part_is_the_same_as_by_itself() {
        let mut text = [0; size_of::<Sight>()];
        for (byte, letter) in text.iter_mut().zip((b' '..=b'~').cycle()) {
            *byte = letter;
        }
        for start in 0..=text.len() {
            for length in 1..=LONGEST.min(text.len() - start) {
                let part = Name::of_part(&text, start, length);
                if start + LONGEST + WORD <= text.len() {
                    assert_eq!(part, pack(&text[start..start + length]));
                } else {
                    assert_eq!(part, None);
                }
            }
        }
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
