//! Byte by byte, for targets without SIMD and as what the others are compared with.

use super::{Block, Marks, Masks, Rare};

/// Places that are written at a time.
const GROUP: usize = 4;

pub(super) fn classify(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    let mut rare = Rare::default();
    for (block, masks) in blocks.iter().zip(masks) {
        *masks = Masks::default();
        for (at, &byte) in block.iter().enumerate() {
            let bit = |is: bool| u64::from(is) << at;
            masks.quote |= bit(byte == b'"');
            masks.structural |= bit(matches!(byte | 0x20, b'{' | b'}' | b':' | b','));
            masks.space |= bit(matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            masks.control |= bit(byte < 0x20);
            rare.backslash |= byte == b'\\';
            rare.wide |= byte >= 0x80;
        }
    }
    rare
}

pub(super) fn find(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    for (block, mask) in blocks.iter().zip(masks) {
        *mask = 0;
        for (at, &other) in block.iter().enumerate() {
            *mask |= u64::from(other == byte) << at;
        }
    }
}

#[inline]
pub(super) fn list(bits: &[u64], start: u16, places: &mut [u16]) -> usize {
    let mut count = 0;
    let mut base = start;
    for &bits in bits {
        let mut bits = bits;
        let number = bits.count_ones() as usize;
        let rest = places.get_mut(count..).unwrap_or_default();
        let (groups, _) = rest.as_chunks_mut::<GROUP>();
        // Whole groups, the last with more than is true: fewer branches that cannot be foreseen.
        for group in groups.iter_mut().take(number.div_ceil(GROUP)) {
            for place in group {
                #[expect(clippy::cast_possible_truncation, reason = "64 at most")]
                let bit = bits.trailing_zeros() as u16;
                *place = base.wrapping_add(bit);
                bits &= bits.wrapping_sub(1);
            }
        }
        count += number;
        base = base.wrapping_add(64);
    }
    count
}

pub(super) fn marks(block: &Block, length: usize) -> Marks {
    let mut marks = Marks::default();
    for (at, &byte) in block.iter().enumerate().take(length) {
        let bit = |is: bool| u64::from(is) << at;
        marks.digits |= bit(byte.is_ascii_digit());
        marks.letters |= bit(byte.is_ascii_alphabetic() || byte == b'_');
        marks.signs |= bit(matches!(byte, b'@' | b'%' | b'~' | b'<' | b'&' | b'\\'));
        marks.colons |= bit(byte == b':');
        marks.dots |= bit(byte == b'.');
        marks.dashes |= bit(byte == b'-');
        marks.slashes |= bit(byte == b'/');
        marks.spaces |= bit(byte == b' ');
        marks.equals |= bit(byte == b'=');
        marks.pluses |= bit(byte == b'+');
        marks.wide |= bit(byte >= 0x80);
    }
    marks
}

#[cfg_attr(
    target_arch = "x86_64",
    cfg_attr(not(test), expect(dead_code, reason = "SSE2 is always there"))
)]
pub(super) fn code_marks(block: &Block, length: usize) -> (u64, u64) {
    let marks = marks(block, length);
    (marks.digits, marks.signs | marks.equals)
}
