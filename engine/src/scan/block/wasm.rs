//! WebAssembly's simd128.

use std::arch::wasm32::{
    i8x16, i8x16_bitmask, u8x16_eq, u8x16_min, u8x16_splat, u8x16_sub, u8x16_swizzle, u64x2, v128,
    v128_and, v128_any_true, v128_or,
};

use super::{Block, Marks, Masks, Rare};

/// By the low half of a byte, the byte with that low half that is structure, its bit of 0x20 set.
const STRUCTURE: v128 = i8x16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3A, 0x7B, 0x2C, 0x7D, 0, 0);
/// The same of white space.
const SPACE: v128 = i8x16(0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0x09, 0x0A, 0, 0, 0x0D, 0, 0);

#[inline]
pub(super) fn classify(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    let none = u8x16_splat(0);
    let (mut backslash, mut wide) = (none, none);
    for (block, masks) in blocks.iter().zip(masks) {
        *masks = Masks::default();
        let (lanes, _) = block.as_chunks::<16>();
        for (index, lane) in lanes.iter().enumerate() {
            let bytes = load(lane);
            let low = v128_and(bytes, u8x16_splat(0x0F));
            let folded = v128_or(bytes, u8x16_splat(0x20));
            let structural = u8x16_eq(folded, u8x16_swizzle(STRUCTURE, low));
            let space = u8x16_eq(bytes, u8x16_swizzle(SPACE, low));
            let control = u8x16_eq(u8x16_min(bytes, u8x16_splat(0x1F)), bytes);
            let bits = |lane: v128| u64::from(i8x16_bitmask(lane)) << (index * 16);
            masks.quote |= bits(u8x16_eq(bytes, u8x16_splat(b'"')));
            masks.structural |= bits(structural);
            masks.space |= bits(space);
            masks.control |= bits(control);
            backslash = v128_or(backslash, u8x16_eq(bytes, u8x16_splat(b'\\')));
            wide = v128_or(wide, bytes);
        }
    }
    Rare {
        backslash: v128_any_true(backslash),
        wide: i8x16_bitmask(wide) != 0,
    }
}

pub(super) fn find(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    for (block, mask) in blocks.iter().zip(masks) {
        let (lanes, _) = block.as_chunks::<16>();
        *mask = 0;
        for (index, lane) in lanes.iter().enumerate() {
            let found = u8x16_eq(load(lane), u8x16_splat(byte));
            *mask |= u64::from(i8x16_bitmask(found)) << (index * 16);
        }
    }
}

#[inline]
pub(super) fn marks(block: &Block, length: usize) -> Marks {
    let mut marks = Marks::default();
    let (lanes, _) = block.as_chunks::<16>();
    for (index, lane) in lanes.iter().enumerate().take(length.div_ceil(16)) {
        let bytes = load(lane);
        let shift = index * 16;
        let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
        let (digits, signs) = (digits(bytes), signs(bytes));
        let folded = u8x16_sub(v128_or(bytes, u8x16_splat(0x20)), u8x16_splat(b'a'));
        let letters = u8x16_eq(u8x16_min(folded, u8x16_splat(25)), folded);
        let letters = v128_or(letters, is(b'_'));
        let bits = |lane: v128| u64::from(i8x16_bitmask(lane)) << shift;
        marks.digits |= bits(digits);
        marks.letters |= bits(letters);
        marks.signs |= bits(signs);
        marks.colons |= bits(is(b':'));
        marks.dots |= bits(is(b'.'));
        marks.dashes |= bits(is(b'-'));
        marks.slashes |= bits(is(b'/'));
        marks.spaces |= bits(is(b' '));
        marks.equals |= bits(is(b'='));
        marks.pluses |= bits(is(b'+'));
        marks.wide |= bits(bytes);
    }
    marks
}

#[inline]
fn load(lane: &[u8; 16]) -> v128 {
    let value = u128::from_le_bytes(*lane);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    u64x2(low, high)
}

#[inline]
pub(super) fn code_marks(block: &Block, length: usize) -> (u64, u64) {
    let (lanes, _) = block.as_chunks::<16>();
    let (mut all_digits, mut all_signs) = (0, 0);
    for (index, lane) in lanes.iter().enumerate().take(length.div_ceil(16)) {
        let bytes = load(lane);
        let bits = |lane: v128| u64::from(i8x16_bitmask(lane)) << (index * 16);
        let equals = u8x16_eq(bytes, u8x16_splat(b'='));
        all_digits |= bits(digits(bytes));
        all_signs |= bits(v128_or(signs(bytes), equals));
    }
    (all_digits, all_signs)
}

#[inline]
fn digits(bytes: v128) -> v128 {
    let value = u8x16_sub(bytes, u8x16_splat(b'0'));
    u8x16_eq(u8x16_min(value, u8x16_splat(9)), value)
}

/// `@`, `%`, `\`, `<`, `&` and `~`.
#[inline]
fn signs(bytes: v128) -> v128 {
    let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
    let marks_up = v128_or(v128_or(is(b'<'), is(b'&')), is(b'~'));
    let signs = v128_or(v128_or(is(b'@'), is(b'%')), is(b'\\'));
    v128_or(signs, marks_up)
}
