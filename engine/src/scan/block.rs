//! What bytes are, as bit masks: the one seam to the SIMD of each target.
//!
//! Bit `n` of a mask stands for byte `n` of its block. Every target gives the same masks and the
//! same lists: the tests compare them with the portable ones.

#[cfg_attr(
    target_feature = "simd128",
    expect(dead_code, reason = "WebAssembly has its own for some")
)]
mod portable;
#[cfg(target_feature = "simd128")]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86_64;

/// Bytes in a block: one for each bit of a mask.
pub(crate) const BLOCK: usize = 64;

/// A block.
pub(crate) type Block = [u8; BLOCK];

/// What the bytes of a block are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quote: u64,
    /// `{`, `}`, `[`, `]`, `:` and `,`; and two control characters, U+000C and U+001A, that differ
    /// from two of them by one bit: nothing takes them for structure when it comes to them.
    pub(super) structural: u64,
    /// Space, tab, line feed and carriage return.
    pub(super) space: u64,
    /// Below U+0020.
    pub(super) control: u64,
}

/// What blocks have seldom, and what is looked for only where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rare {
    pub(super) backslash: bool,
    /// Bytes beyond ASCII.
    pub(super) wide: bool,
}

/// What detectors look for in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// `0` to `9`.
    pub(crate) digits: u64,
    /// ASCII letters and `_`.
    pub(crate) letters: u64,
    /// `@`, `%`, `~`, `<`, `&` and `\`.
    pub(crate) signs: u64,
    pub(crate) colons: u64,
    pub(crate) dots: u64,
    pub(crate) dashes: u64,
    pub(crate) slashes: u64,
    pub(crate) spaces: u64,
    pub(crate) equals: u64,
    pub(crate) pluses: u64,
    /// Beyond ASCII.
    pub(crate) wide: u64,
}

/// Marks what detectors look for in the first `length` bytes; behind them anything may be marked.
#[inline]
pub(crate) fn marks(block: &Block, length: usize) -> Marks {
    #[cfg(target_arch = "x86_64")]
    return x86_64::marks(block, length);
    #[cfg(target_feature = "simd128")]
    return wasm::marks(block, length);
    #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
    portable::marks(block, length)
}

/// The same of what is looked for among codes: digits and signs alone, `=` among these.
#[inline]
pub(crate) fn code_marks(block: &Block, length: usize) -> (u64, u64) {
    #[cfg(target_arch = "x86_64")]
    return x86_64::code_marks(block, length);
    #[cfg(target_feature = "simd128")]
    return wasm::code_marks(block, length);
    #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
    portable::code_marks(block, length)
}

/// Classifies blocks, as many as there are masks for.
#[inline]
pub(super) fn classify(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    #[cfg(target_arch = "x86_64")]
    return x86_64::classify(blocks, masks);
    #[cfg(target_feature = "simd128")]
    return wasm::classify(blocks, masks);
    #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
    portable::classify(blocks, masks)
}

/// Where in each block a byte is.
#[inline]
pub(super) fn find(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    #[cfg(target_arch = "x86_64")]
    return x86_64::find(blocks, byte, masks);
    #[cfg(target_feature = "simd128")]
    return wasm::find(blocks, byte, masks);
    #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
    portable::find(blocks, byte, masks);
}

/// Lists the places of all bits, those of the first mask from `start` on, and tells how many there
/// are. What is in `places` behind them is overwritten too, up to [`BLOCK`] more.
#[inline]
pub(super) fn list(bits: &[u64], start: u16, places: &mut [u16]) -> usize {
    #[cfg(target_arch = "x86_64")]
    return x86_64::list(bits, start, places);
    #[cfg(not(target_arch = "x86_64"))]
    portable::list(bits, start, places)
}

/// Each bit becomes the parity of itself and all below it: from quotes to what lies between them.
#[inline]
pub(super) fn prefix_xor(bits: u64) -> u64 {
    let bits = bits ^ bits << 1;
    let bits = bits ^ bits << 2;
    let bits = bits ^ bits << 4;
    let bits = bits ^ bits << 8;
    let bits = bits ^ bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks with every byte in several places, among several others.
    pub(super) fn blocks() -> Vec<Block> {
        let mut blocks = Vec::new();
        for byte in 0..=u8::MAX {
            for at in [0, 1, 15, 16, 31, 32, 47, 48, 63] {
                for fill in [b' ', b'a', b'"', 0xFF] {
                    let mut block = [fill; BLOCK];
                    block[at] = byte;
                    blocks.push(block);
                }
            }
        }
        blocks
    }

    /// Masks with few bits, many and all.
    pub(super) fn bits() -> Vec<u64> {
        let mut bits = vec![0, 1, 1 << 63, u64::MAX, u64::MAX << 31, u64::MAX >> 31];
        let mut word = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..20 {
            word = word.wrapping_mul(0xD129_42C2_5B4F_6E35).rotate_left(23);
            bits.push(word & word.rotate_left(7));
            bits.push(word | word.rotate_left(9));
        }
        bits
    }

    type Classify = fn(&[Block], &mut [Masks]) -> Rare;
    type Find = fn(&[Block], u8, &mut [u64]);
    type List = fn(&[u64], u16, &mut [u16]) -> usize;

    /// Compares one target's functions with the portable ones.
    pub(super) fn compare(classify: Classify, find: Find, list: List) {
        let blocks = blocks();
        let masks = |classify: Classify| {
            let mut masks = vec![Masks::default(); blocks.len()];
            let rare = classify(&blocks, &mut masks);
            assert_eq!(
                rare,
                Rare {
                    backslash: true,
                    wide: true
                }
            );
            let alone = blocks
                .iter()
                .map(|block| classify(&[*block], &mut [Masks::default()]));
            (masks, alone.collect::<Vec<_>>())
        };
        assert_eq!(masks(classify), masks(portable::classify));
        let found = |find: Find| {
            let mut found = vec![1; blocks.len()];
            find(&blocks, b'\\', &mut found);
            found
        };
        assert_eq!(found(find), found(portable::find));
        let bits = bits();
        let listed = |list: List| {
            let mut places = vec![0; (bits.len() + 1) * BLOCK];
            let count = list(&bits, 128, &mut places);
            places.truncate(count);
            places
        };
        assert_eq!(listed(list), listed(portable::list));
    }

    #[test]
    fn every_byte_is_the_same_to_every_target() {
        compare(classify, find, list);
    }

    #[test]
    fn digits_and_signs_are_the_same_to_every_target() {
        for block in blocks() {
            assert_eq!(marks(&block, BLOCK), portable::marks(&block, BLOCK));
            assert_eq!(
                code_marks(&block, BLOCK),
                portable::code_marks(&block, BLOCK)
            );
            for length in 1..BLOCK {
                let counted = |marks: (u64, u64)| {
                    let valid = u64::MAX >> (BLOCK - length);
                    (marks.0 & valid, marks.1 & valid)
                };
                let theirs = counted(portable::code_marks(&block, length));
                assert_eq!(counted(code_marks(&block, length)), theirs);
            }
        }
    }

    #[test]
    fn the_list_has_every_bit_once() {
        let mut places = [0; 3 * BLOCK];
        assert_eq!(portable::list(&[0b101, 0, 1 << 63], 64, &mut places), 3);
        assert_eq!(places[..3], [64, 66, 64 + 191]);
    }

    #[test]
    fn a_byte_is_found_wherever_it_is() {
        for block in blocks() {
            let mut found = [0];
            find(&[block], b'"', &mut found);
            let expected = (0..BLOCK).filter(|at| block[*at] == b'"');
            assert_eq!(found[0], expected.fold(0, |bits, at| bits | 1 << at));
        }
    }

    #[test]
    fn what_lies_between_quotes_is_inside() {
        assert_eq!(prefix_xor(0b0100_0010), 0b0011_1110);
        assert_eq!(prefix_xor(1 << 63), 1 << 63);
        assert_eq!(prefix_xor(1), u64::MAX);
    }
}
