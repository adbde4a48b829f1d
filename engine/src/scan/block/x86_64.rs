//! AVX2 where the processor has it, else SSE2, which every x86-64 has.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi8,
};

use super::{BLOCK, Masks};

#[inline]
#[expect(
    unsafe_code,
    reason = "the compiler does not know what the processor has"
)]
pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 has just been found, and nothing else is asked for.
        unsafe { avx2(block) }
    } else {
        // SAFETY: SSE2 is part of x86-64, and nothing else is asked for.
        unsafe { sse2(block) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn avx2(block: &[u8; BLOCK]) -> Masks {
    let (halves, _) = block.as_chunks::<32>();
    let [low, high] = halves else {
        return Masks::default();
    };
    let (low, high) = (half(low), half(high));
    Masks {
        quote: join(low.quote, high.quote),
        backslash: join(low.backslash, high.backslash),
        structural: join(low.structural, high.structural),
        space: join(low.space, high.space),
        newline: join(low.newline, high.newline),
        control: join(low.control, high.control),
        wide: join(low.wide, high.wide),
    }
}

/// The masks of thirty-two bytes.
struct Half {
    quote: u32,
    backslash: u32,
    structural: u32,
    space: u32,
    newline: u32,
    control: u32,
    wide: u32,
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[inline]
#[target_feature(enable = "avx2")]
fn half(lane: &[u8; 32]) -> Half {
    let (words, _) = lane.as_chunks::<8>();
    let word = |at: usize| i64::from_le_bytes(words.get(at).copied().unwrap_or_default());
    let bytes = _mm256_set_epi64x(word(3), word(2), word(1), word(0));
    let splat = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
    let is = |byte: u8| _mm256_cmpeq_epi8(bytes, splat(byte));
    let bits = |lane: __m256i| _mm256_movemask_epi8(lane).cast_unsigned();
    let folded = _mm256_or_si256(bytes, splat(0x20));
    let fold = |byte: u8| _mm256_cmpeq_epi8(folded, splat(byte));
    let newline = is(b'\n');
    let brackets = _mm256_or_si256(fold(b'{'), fold(b'}'));
    let structure = _mm256_or_si256(is(b':'), is(b','));
    let blanks = _mm256_or_si256(is(b' '), newline);
    let others = _mm256_or_si256(is(b'\t'), is(b'\r'));
    Half {
        quote: bits(is(b'"')),
        backslash: bits(is(b'\\')),
        structural: bits(_mm256_or_si256(brackets, structure)),
        space: bits(_mm256_or_si256(blanks, others)),
        newline: bits(newline),
        control: bits(_mm256_cmpeq_epi8(
            _mm256_min_epu8(bytes, splat(0x1F)),
            bytes,
        )),
        wide: bits(bytes),
    }
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
        let structure = _mm_or_si128(is(bytes, b':'), is(bytes, b','));
        let blanks = _mm_or_si128(is(bytes, b' '), is(bytes, b'\n'));
        let others = _mm_or_si128(is(bytes, b'\t'), is(bytes, b'\r'));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, splat(0x1F)), bytes);
        masks.quote |= bits(is(bytes, b'"')) << shift;
        masks.backslash |= bits(is(bytes, b'\\')) << shift;
        masks.structural |= bits(_mm_or_si128(brackets, structure)) << shift;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::block::portable;

    #[test]
    #[expect(unsafe_code, reason = "the path that this processor may not take")]
    fn sse2_is_the_same_too() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[at] = byte;
                // SAFETY: SSE2 is part of x86-64.
                assert_eq!(unsafe { sse2(&block) }, portable::classify(&block));
            }
        }
    }
}
