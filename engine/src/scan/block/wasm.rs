//! WebAssembly's simd128.

use std::arch::wasm32::{i8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128, v128_or};

use super::{BLOCK, Masks};

#[inline]
pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (lanes, _) = block.as_chunks::<16>();
    for (index, lane) in lanes.iter().enumerate() {
        let bytes = load(lane);
        let shift = index * 16;
        let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
        let folded = v128_or(bytes, u8x16_splat(0x20));
        let fold = |byte: u8| u8x16_eq(folded, u8x16_splat(byte));
        let brackets = v128_or(fold(b'{'), fold(b'}'));
        let structure = v128_or(is(b':'), is(b','));
        let blanks = v128_or(is(b' '), is(b'\n'));
        let others = v128_or(is(b'\t'), is(b'\r'));
        let bits = |lane: v128| u64::from(i8x16_bitmask(lane)) << shift;
        masks.quote |= bits(is(b'"'));
        masks.backslash |= bits(is(b'\\'));
        masks.structural |= bits(v128_or(brackets, structure));
        masks.space |= bits(v128_or(blanks, others));
        masks.newline |= bits(is(b'\n'));
        masks.control |= bits(u8x16_lt(bytes, u8x16_splat(0x20)));
        masks.wide |= bits(bytes);
    }
    masks
}

#[inline]
fn load(lane: &[u8; 16]) -> v128 {
    let value = u128::from_le_bytes(*lane);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    u64x2(low, high)
}
