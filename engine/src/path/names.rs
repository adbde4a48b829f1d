//! Member names, looked up once each: what the rules say about a name does not change, and a body
//! repeats few names many times.

use crate::rules::{KeyRules, Ruleset};

const SLOTS: usize = 256;
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
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    name: [u8; LONGEST],
    length: u8,
    known: KnownName,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// What is known about a name (the source between its quotes).
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<KnownName> {
        let key = pack(name)?;
        let slot = self.slots.get(hash(&key, name.len()))?;
        (usize::from(slot.length) == name.len() && slot.name == key).then_some(slot.known)
    }

    /// Remembers a name.
    pub(crate) fn keep(&mut self, name: &[u8], known: KnownName) {
        let (Some(key), Ok(length)) = (pack(name), u8::try_from(name.len())) else {
            return;
        };
        if self.slots.is_empty() {
            let empty = Slot {
                name: [0; LONGEST],
                length: u8::MAX,
                known: KnownName::default(),
            };
            self.slots = vec![empty; SLOTS];
        }
        if let Some(slot) = self.slots.get_mut(hash(&key, name.len())) {
            *slot = Slot {
                name: key,
                length,
                known,
            };
        }
    }
}

/// Looks a decoded name up in the rules.
pub(crate) fn look_up(rules: &Ruleset, name: &str) -> KnownName {
    KnownName {
        column: rules.automaton.column(name),
        rules: rules.keys.find(name),
    }
}

#[inline]
fn pack(name: &[u8]) -> Option<[u8; LONGEST]> {
    let mut key = [0; LONGEST];
    key.get_mut(..name.len())?.copy_from_slice(name);
    Some(key)
}

#[inline]
fn hash(key: &[u8; LONGEST], length: usize) -> usize {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, _) = key.as_chunks::<8>();
    let mut hash = length as u64;
    for word in words {
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER);
    }
    (hash >> 56) as usize % SLOTS
}
