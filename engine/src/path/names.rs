//! Member names, looked up once each: what the rules say about a name does not change, and a body
//! repeats few names many times.

use crate::operators::strip_placeholders;
use crate::rules::{KeyRules, Ruleset};

/// Names whose hash is the same share a set of two.
const SETS: usize = 128;
const LONGEST: usize = 24;

/// What is known about a member name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KnownName {
    /// Its column in the automaton.
    pub(crate) column: u16,
    pub(crate) rules: KeyRules,
}

/// A bounded memory of names without escapes in which no detector finds anything. It is indexed
/// by a hash; a name that another one displaces is looked up again, nothing more.
pub(crate) struct Names {
    sets: Vec<[Slot; 2]>,
}

#[derive(Clone, Copy)]
struct Slot {
    name: [u64; 3],
    length: u8,
    known: KnownName,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { sets: Vec::new() }
    }

    /// What is known about a name (the source between its quotes).
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<KnownName> {
        let key = pack(name)?;
        let set = self.sets.get(hash(&key, name.len()))?;
        // Word by word: a comparison of arrays goes through memory, and waits for it.
        let [first, middle, last] = key;
        let is_it = |slot: &&Slot| {
            let [a, b, c] = slot.name;
            let differs = (a ^ first) | (b ^ middle) | (c ^ last);
            differs == 0 && usize::from(slot.length) == name.len()
        };
        set.iter().find(is_it).map(|slot| slot.known)
    }

    /// Remembers a name.
    pub(crate) fn keep(&mut self, name: &[u8], known: KnownName) {
        let (Some(key), Ok(length)) = (pack(name), u8::try_from(name.len())) else {
            return;
        };
        if self.sets.is_empty() {
            let (name, known) = ([0; 3], KnownName::default());
            self.sets = vec![
                [Slot {
                    name,
                    length: u8::MAX,
                    known
                }; 2];
                SETS
            ];
        }
        if let Some([newer, older]) = self.sets.get_mut(hash(&key, name.len())) {
            *older = *newer;
            *newer = Slot {
                name: key,
                length,
                known,
            };
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
    }
}

/// A name as whole words, which together with its length tell it from every other: loads of words
/// that may overlap are faster than a copy of bytes.
#[inline]
fn pack(name: &[u8]) -> Option<[u64; 3]> {
    let (first, last) = (name.first_chunk::<8>(), name.last_chunk::<8>());
    if let (Some(first), Some(last)) = (first, last) {
        let middle = match name.get(8..) {
            Some(rest) if name.len() > 16 => rest.first_chunk::<8>().copied().unwrap_or_default(),
            _ => [0; 8],
        };
        let words = [*first, middle, *last].map(u64::from_le_bytes);
        return (name.len() <= LONGEST).then_some(words);
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        let [first, last] = [*first, *last].map(u32::from_le_bytes);
        return Some([u64::from(first) | u64::from(last) << 32, 0, 0]);
    }
    let byte = |at: usize| name.get(at).copied().map_or(0, u64::from);
    Some([byte(0) | byte(1) << 8 | byte(2) << 16, 0, 0])
}

#[inline]
fn hash(key: &[u64; 3], length: usize) -> usize {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let [first, middle, last] = *key;
    let mixed = (first ^ last.rotate_left(29) ^ middle.rotate_left(43)).wrapping_add(length as u64);
    (mixed.wrapping_mul(MULTIPLIER) >> 57) as usize % SETS
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
        let mut names = Names::new();
        let known = KnownName {
            column: 7,
            rules: KeyRules::default(),
        };
        assert!(names.find(b"").is_none() && names.find(b"given").is_none());
        names.keep(b"given", known);
        assert_eq!(names.find(b"given").map(|found| found.column), Some(7));
        for other in [&b"given\0"[..], b"gi\0en", b"giver", b"", b"family"] {
            assert!(names.find(other).is_none());
        }
    }
}
