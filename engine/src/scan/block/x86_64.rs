//! SSE2, which every x86-64 has.

use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
    _mm_set1_epi8,
};

use super::{BLOCK, Masks};

#[inline]
#[expect(
    unsafe_code,
    reason = "the compiler does not know that x86-64 always has SSE2"
)]
pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
    // SAFETY: SSE2 is part of x86-64, and nothing else is asked for.
    unsafe { sse2(block) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn sse2(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    let (lanes, _) = block.as_chunks::<16>();
    for (index, lane) in lanes.iter().enumerate() {
        let bytes = load(lane);
        let shift = index * 16;
        let folded = _mm_or_si128(bytes, splat(0x20));
        let brackets = _mm_or_si128(is(folded, b'{'), is(folded, b'}'));
        let marks = _mm_or_si128(is(bytes, b':'), is(bytes, b','));
        let blanks = _mm_or_si128(is(bytes, b' '), is(bytes, b'\n'));
        let others = _mm_or_si128(is(bytes, b'\t'), is(bytes, b'\r'));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, splat(0x1F)), bytes);
        masks.quote |= bits(is(bytes, b'"')) << shift;
        masks.backslash |= bits(is(bytes, b'\\')) << shift;
        masks.structural |= bits(_mm_or_si128(brackets, marks)) << shift;
        masks.space |= bits(_mm_or_si128(blanks, others)) << shift;
        masks.newline |= bits(is(bytes, b'\n')) << shift;
        masks.control |= bits(control) << shift;
        masks.wide |= bits(bytes) << shift;
    }
    masks
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(lane: &[u8; 16]) -> __m128i {
    let value = u128::from_le_bytes(*lane);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (low, high) = (value as u64, (value >> 64) as u64);
    _mm_set_epi64x(high.cast_signed(), low.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn splat(byte: u8) -> __m128i {
    _mm_set1_epi8(byte.cast_signed())
}

#[inline]
#[target_feature(enable = "sse2")]
fn is(bytes: __m128i, byte: u8) -> __m128i {
    _mm_cmpeq_epi8(bytes, splat(byte))
}

#[inline]
#[target_feature(enable = "sse2")]
fn bits(lane: __m128i) -> u64 {
    u64::from(_mm_movemask_epi8(lane).cast_unsigned())
}
