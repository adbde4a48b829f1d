//! Texts in which no detector found anything: a body repeats few texts many times.
//!
//! Kept for one body, and never longer.

const SLOTS: usize = 64;
/// A longer text is searched each time.
const LONGEST: usize = 63;

/// Some of the texts seen so far; one displaces another of the same hash.
#[derive(Default)]
pub(crate) struct Clean {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    length: u8,
    text: [u8; LONGEST],
}

impl Clean {
    /// Whether it is one of them.
    #[inline]
    pub(crate) fn has(&self, text: &[u8]) -> bool {
        let slot = self.slots.get(slot(text));
        slot.is_some_and(|slot| {
            usize::from(slot.length) == text.len() && slot.text.starts_with(text)
        })
    }

    /// Remembers a text.
    pub(crate) fn add(&mut self, text: &[u8]) {
        let Ok(length) = u8::try_from(text.len()) else {
            return;
        };
        let mut copy = [0; LONGEST];
        let Some(part) = copy.get_mut(..text.len()) else {
            return;
        };
        part.copy_from_slice(text);
        let empty = Slot {
            length: u8::MAX,
            text: [0; LONGEST],
        };
        self.slots.resize(SLOTS, empty);
        if let Some(slot) = self.slots.get_mut(slot(text)) {
            *slot = Slot { length, text: copy };
        }
    }
}

#[inline]
fn slot(text: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let mixed = word(text.first_chunk()) ^ word(text.last_chunk()).rotate_left(29);
    let mixed = (mixed ^ text.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 58) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_added_is_there() {
        let mut clean = Clean::default();
        assert!(!clean.has(b"") && !clean.has(b"\"A1c in blood\""));
        clean.add(b"\"A1c in blood\"");
        assert!(clean.has(b"\"A1c in blood\""));
        for other in [
            &b"\"A1c in bl00d\""[..],
            b"\"A1c in blood\" ",
            b"\"A1c",
            b"",
        ] {
            assert!(!clean.has(other));
        }
        let long = [b'a'; LONGEST + 1];
        clean.add(&long);
        assert!(!clean.has(&long));
        clean.add(&long[1..]);
        assert!(clean.has(&long[1..]));
    }
}
