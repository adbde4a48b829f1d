//! Which shapes of digits a text has: what tells in few steps that a detector has nothing to find.
//!
//! Sixty-four bytes at a time become masks with a bit for each byte. Times, dates and most
//! identifiers have many digits, but not in groups of these lengths.

use crate::scan::{BLOCK, Block, marks};

/// No shape is longer than the part that two pieces share.
const SHARED: usize = 16;

/// What a text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shapes {
    /// An `@` or `%`; a backslash too, behind which anything may be.
    pub(super) sign: bool,
    /// Three, two and four digits with one byte between, or nine in a row.
    pub(super) nine: bool,
    /// Three, three and four digits with at most three bytes and one byte between.
    pub(super) ten: bool,
}

impl Shapes {
    /// The shapes of a text.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        Self::of_part(text, 0, text.len())
    }

    /// The shapes of a part of a text. What is behind it may be read, but does not count.
    #[inline]
    pub(super) fn of_part(text: &[u8], start: usize, end: usize) -> Self {
        let mut shapes = Self::default();
        let mut at = start;
        while at < end {
            let length = (end - at).min(BLOCK);
            match text.get(at..).and_then(<[u8]>::first_chunk) {
                Some(block) => shapes.add(block, length),
                None => shapes.add(&padded(text.get(at..end).unwrap_or_default()), length),
            }
            if at + BLOCK >= end {
                break;
            }
            at += BLOCK - SHARED;
        }
        shapes
    }

    #[inline]
    fn add(&mut self, block: &Block, length: usize) {
        let marks = marks(block);
        let valid = u64::MAX >> (BLOCK - length);
        self.sign |= marks.signs & valid != 0;
        // Each bit says that so many digits begin there.
        let one = marks.digits & valid;
        let two = one & one >> 1;
        let three = two & one >> 2;
        let four = two & two >> 2;
        self.nine |= three & (two >> 4 & four >> 7 | three >> 3 & three >> 6) != 0;
        let seven = three & (four >> 3 | four >> 4);
        self.ten |= three & (seven >> 3 | seven >> 4 | seven >> 5 | seven >> 6) != 0;
    }
}

#[cold]
fn padded(text: &[u8]) -> Block {
    let mut block = [0; BLOCK];
    if let Some(part) = block.get_mut(..text.len()) {
        part.copy_from_slice(text);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::ALL;

    fn shapes(text: &str) -> (bool, bool, bool) {
        let shapes = Shapes::of(text.as_bytes());
        (shapes.sign, shapes.nine, shapes.ten)
    }

    #[test]
    fn times_and_identifiers_have_none() {
        for text in [
            "2010-05-16T04:15:28.343-04:00",
            "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race",
            "1970-01-01",
            "",
        ] {
            assert_eq!(shapes(text), (false, false, false), "{text}");
        }
        assert_eq!(shapes("a@b 123-45-6789"), (true, true, false));
        assert_eq!(shapes("(212) -555-0100"), (false, false, true));
    }

    #[test]
    fn what_is_behind_a_part_does_not_count() {
        let text = [b"x".repeat(70), b"123456789@".to_vec(), b"y".repeat(70)].concat();
        assert_eq!(Shapes::of_part(&text, 3, 78), Shapes::default());
        assert!(Shapes::of_part(&text, 3, 79).nine);
    }

    /// A text of digits, of what stands between them, and of words that count before them.
    fn made(seed: &mut u64) -> String {
        const PARTS: [&str; 24] = [
            "1", "2", "345", "12", "6789", "555", "212", "0", "9", "000", "-", " ", ".", "/", "(",
            ") ", "+1", "tel:", "SSN ", "x", "\u{e9}", "@", "a.b", ") -",
        ];
        let mut next = |below: usize| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            usize::try_from(*seed % 1_000_003).unwrap() % below
        };
        let start = "z".repeat(next(70));
        let length = 1 + next(12);
        let parts = (0..length).map(|_| PARTS[next(PARTS.len())]);
        parts.fold(start, |text, part| text + part)
    }

    #[test]
    fn whatever_a_detector_finds_has_its_shape() {
        let mut seed = 0x2545_F491_4F6C_DD1D;
        let mut finds = [0; ALL.len()];
        for _ in 0..200_000 {
            let text = made(&mut seed);
            let shapes = Shapes::of(text.as_bytes());
            for (detector, count) in ALL.iter().zip(&mut finds) {
                (detector.find)(&text, &mut |_| {
                    *count += 1;
                    assert!(detector.hint.is_in(shapes), "{text}");
                });
            }
        }
        assert!(finds.iter().all(|count| *count > 100), "{finds:?}");
    }
}
