//! Sets of bytes, and which bytes no set tells apart.

use std::ops::RangeInclusive;

/// A set of bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Those from one to another.
    pub(super) fn of(range: RangeInclusive<u8>) -> Self {
        range.collect()
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        let word = self.0.get(usize::from(byte >> 6));
        word.is_some_and(|word| word >> (byte & 63) & 1 != 0)
    }

    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
}

impl FromIterator<u8> for ByteSet {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut set = Self::default();
        for byte in bytes {
            set.add(byte);
        }
        set
    }
}

impl FromIterator<Self> for ByteSet {
    fn from_iter<I: IntoIterator<Item = Self>>(sets: I) -> Self {
        let mut all = Self::default();
        for set in sets {
            for (word, other) in all.0.iter_mut().zip(set.0) {
                *word |= other;
            }
        }
        all
    }
}

/// Bytes that no set tells apart are of one kind: an automaton has one column for them.
pub(super) struct Kinds {
    of: [u8; 256],
    /// One byte of each kind.
    samples: Vec<u8>,
}

impl Kinds {
    /// All bytes are of one kind.
    pub(super) fn one() -> Self {
        Self {
            of: [0; 256],
            samples: vec![0],
        }
    }

    /// Tells those of a set from all others.
    pub(super) fn tell(&mut self, set: &ByteSet) {
        let mut numbers = [[None; 2]; 256];
        self.samples.clear();
        for (byte, kind) in (0..=u8::MAX).zip(&mut self.of) {
            let pair = numbers.get_mut(usize::from(*kind));
            let number = pair.and_then(|pair| pair.get_mut(usize::from(set.has(byte))));
            let next = u8::try_from(self.samples.len()).unwrap_or_default();
            if let Some(number) = number {
                if number.is_none() {
                    self.samples.push(byte);
                }
                *kind = *number.get_or_insert(next);
            }
        }
    }

    #[inline]
    pub(super) fn of(&self, byte: u8) -> u8 {
        self.of.get(usize::from(byte)).copied().unwrap_or_default()
    }

    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_of_one_kind_until_a_set_tells_them_apart() {
        let mut kinds = Kinds::one();
        kinds.tell(&ByteSet::of(0..=u8::MAX));
        assert_eq!(kinds.samples(), [0]);
        kinds.tell(&ByteSet::of(b'a'..=b'z'));
        kinds.tell(&ByteSet::of(b'a'..=b'f'));
        kinds.tell(&ByteSet::of(b'a'..=b'f'));
        assert_eq!(kinds.samples(), *b"\0ag");
        assert_eq!(kinds.of(b'b'), kinds.of(b'a'));
        assert_eq!(kinds.of(b'A'), kinds.of(0));
        for byte in 0..=u8::MAX {
            kinds.tell(&ByteSet::of(byte..=byte));
        }
        assert_eq!(kinds.samples().len(), 256);
        assert!((0..=u8::MAX).all(|byte| kinds.of(byte) == byte));
    }
}
