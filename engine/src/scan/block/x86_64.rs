//! AVX-512 or AVX2, where the processor has them.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8,
    _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm512_add_epi16, _mm512_castsi512_si256, _mm512_cmpeq_epi8_mask,
    _mm512_cmplt_epu8_mask, _mm512_cvtepu8_epi16, _mm512_extracti64x4_epi64, _mm512_loadu_si512,
    _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_storeu_si512,
};

use super::{BLOCK, Block, Marks, Masks, Rare, portable};

/// By the low half of a byte, the byte with that low half that is structure, its bit of 0x20 set.
/// What has no entry gives zero, as do bytes beyond ASCII: none of them is equal to that.
const STRUCTURE: Block = repeat([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':', b'{', b',', b'}', 0, 0]);
/// The same of white space.
const SPACE: Block = repeat([
    b' ', 0, 0, 0, 0, 0, 0, 0, 0, b'\t', b'\n', 0, 0, b'\r', 0, 0,
]);

/// A table for each lane.
#[expect(clippy::indexing_slicing, reason = "checked when this is compiled")]
const fn repeat(table: [u8; 16]) -> Block {
    let mut block = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        block[at] = table[at % 16];
        at += 1;
    }
    block
}

/// Every place in a block.
const PLACES: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut at = 0;
    while at < BLOCK {
        #[expect(clippy::indexing_slicing, reason = "checked when this is compiled")]
        #[expect(clippy::cast_possible_truncation, reason = "64 at most")]
        {
            places[at] = at as u8;
        }
        at += 1;
    }
    places
};

fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi2")
        && has_avx2()
}

fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("popcnt")
}

#[inline]
#[expect(
    unsafe_code,
    reason = "the compiler does not know what the processor has"
)]
pub(super) fn classify(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    if has_avx512() {
        // SAFETY: what the function enables has just been found.
        unsafe { classify_avx512(blocks, masks) }
    } else if has_avx2() {
        // SAFETY: the same.
        unsafe { classify_avx2(blocks, masks) }
    } else {
        portable::classify(blocks, masks)
    }
}

#[expect(
    unsafe_code,
    reason = "the compiler does not know what the processor has"
)]
pub(super) fn find(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    if has_avx512() {
        // SAFETY: what the function enables has just been found.
        unsafe { find_avx512(blocks, byte, masks) }
    } else if has_avx2() {
        // SAFETY: the same.
        unsafe { find_avx2(blocks, byte, masks) }
    } else {
        portable::find(blocks, byte, masks);
    }
}

#[inline]
#[expect(
    unsafe_code,
    reason = "the compiler does not know what the processor has"
)]
pub(super) fn list(bits: &[u64], start: u16, places: &mut [u16]) -> usize {
    if has_avx512() {
        // SAFETY: what the function enables has just been found.
        unsafe { list_avx512(bits, start, places) }
    } else if has_avx2() {
        // SAFETY: the same.
        unsafe { list_avx2(bits, start, places) }
    } else {
        portable::list(bits, start, places)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt")]
fn classify_avx512(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    let splat = |byte: u8| _mm512_set1_epi8(byte.cast_signed());
    let (structure, space) = (load_avx512(&STRUCTURE), load_avx512(&SPACE));
    let mut backslash = 0;
    let mut wide = _mm512_setzero_si512();
    for (block, masks) in blocks.iter().zip(masks) {
        let bytes = load_avx512(block);
        let folded = _mm512_or_si512(bytes, splat(0x20));
        *masks = Masks {
            quote: _mm512_cmpeq_epi8_mask(bytes, splat(b'"')),
            structural: _mm512_cmpeq_epi8_mask(folded, _mm512_shuffle_epi8(structure, bytes)),
            space: _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(space, bytes)),
            control: _mm512_cmplt_epu8_mask(bytes, splat(0x20)),
        };
        backslash |= _mm512_cmpeq_epi8_mask(bytes, splat(b'\\'));
        wide = _mm512_or_si512(wide, bytes);
    }
    Rare {
        backslash: backslash != 0,
        wide: _mm512_movepi8_mask(wide) != 0,
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn find_avx512(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    let wanted = _mm512_set1_epi8(byte.cast_signed());
    for (block, mask) in blocks.iter().zip(masks) {
        *mask = _mm512_cmpeq_epi8_mask(load_avx512(block), wanted);
    }
}

#[inline]
#[expect(unsafe_code, reason = "the functions that are used ask for a feature")]
pub(super) fn marks(block: &Block, length: usize) -> Marks {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { marks_sse2(block, length) }
}

#[inline]
#[expect(unsafe_code, reason = "the target always has it")]
pub(super) fn code_marks(block: &Block, length: usize) -> (u64, u64) {
    // SAFETY: SSE2 is part of x86-64.
    unsafe { code_marks_sse2(block, length) }
}

/// `@`, `%`, `\`, `<`, `&` and `~`.
#[inline]
#[target_feature(enable = "sse2")]
fn signs_sse2(bytes: __m128i) -> __m128i {
    let is = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
    let marks_up = _mm_or_si128(_mm_or_si128(is(b'<'), is(b'&')), is(b'~'));
    let signs = _mm_or_si128(_mm_or_si128(is(b'@'), is(b'%')), is(b'\\'));
    _mm_or_si128(signs, marks_up)
}

#[inline]
#[target_feature(enable = "sse2")]
fn digits_sse2(bytes: __m128i) -> __m128i {
    let value = _mm_sub_epi8(bytes, _mm_set1_epi8(b'0'.cast_signed()));
    _mm_cmpeq_epi8(_mm_min_epu8(value, _mm_set1_epi8(9)), value)
}

#[inline]
#[target_feature(enable = "sse2")]
fn code_marks_sse2(block: &Block, length: usize) -> (u64, u64) {
    let bits = |lane: __m128i| u64::from(_mm_movemask_epi8(lane).cast_unsigned());
    let (lanes, _) = block.as_chunks::<16>();
    let (mut digits, mut signs) = (0, 0);
    for (index, lane) in lanes.iter().enumerate().take(length.div_ceil(16)) {
        let bytes = load_sse2(lane);
        let equals = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'='.cast_signed()));
        digits |= bits(digits_sse2(bytes)) << (index * 16);
        signs |= bits(_mm_or_si128(signs_sse2(bytes), equals)) << (index * 16);
    }
    (digits, signs)
}

#[inline]
#[target_feature(enable = "sse2")]
fn marks_sse2(block: &Block, length: usize) -> Marks {
    let mut marks = Marks::default();
    let splat = |byte: u8| _mm_set1_epi8(byte.cast_signed());
    let bits = |lane: __m128i| u64::from(_mm_movemask_epi8(lane).cast_unsigned());
    let (lanes, _) = block.as_chunks::<16>();
    for (index, lane) in lanes.iter().enumerate().take(length.div_ceil(16)) {
        let bytes = load_sse2(lane);
        let shift = index * 16;
        let is = |byte: u8| _mm_cmpeq_epi8(bytes, splat(byte));
        let (digits, signs) = (digits_sse2(bytes), signs_sse2(bytes));
        let folded = _mm_sub_epi8(_mm_or_si128(bytes, splat(0x20)), splat(b'a'));
        let letters = _mm_cmpeq_epi8(_mm_min_epu8(folded, splat(25)), folded);
        let letters = _mm_or_si128(letters, is(b'_'));
        marks.digits |= bits(digits) << shift;
        marks.letters |= bits(letters) << shift;
        marks.signs |= bits(signs) << shift;
        marks.colons |= bits(is(b':')) << shift;
        marks.dots |= bits(is(b'.')) << shift;
        marks.dashes |= bits(is(b'-')) << shift;
        marks.slashes |= bits(is(b'/')) << shift;
        marks.spaces |= bits(is(b' ')) << shift;
        marks.equals |= bits(is(b'=')) << shift;
        marks.pluses |= bits(is(b'+')) << shift;
        marks.wide |= bits(bytes) << shift;
    }
    marks
}

#[inline]
#[target_feature(enable = "sse2")]
#[expect(unsafe_code, reason = "loads are by pointer")]
fn load_sse2(lane: &[u8; 16]) -> __m128i {
    // SAFETY: it reads the 16 bytes of the lane, wherever they lie.
    unsafe { _mm_loadu_si128(lane.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "loads are by pointer")]
fn load_avx512(block: &Block) -> __m512i {
    // SAFETY: it reads the 64 bytes of the block, wherever they lie.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt")]
fn list_avx512(bits: &[u64], start: u16, places: &mut [u16]) -> usize {
    let all = load_avx512(&PLACES);
    let mut count = 0;
    let mut base = _mm512_set1_epi16(start.cast_signed());
    for &bits in bits {
        let listed = _mm512_maskz_compress_epi8(bits, all);
        let number = bits.count_ones() as usize;
        let low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(listed));
        let (halves, _) = places.get_mut(count..).unwrap_or_default().as_chunks_mut();
        if let Some(place) = halves.first_mut() {
            store_avx512(_mm512_add_epi16(low, base), place);
        }
        if number > 32 {
            let high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64::<1>(listed));
            if let Some(place) = halves.get_mut(1) {
                store_avx512(_mm512_add_epi16(high, base), place);
            }
        }
        count += number;
        base = _mm512_add_epi16(base, _mm512_set1_epi16(64));
    }
    count
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "stores are by pointer")]
fn store_avx512(value: __m512i, places: &mut [u16; 32]) {
    // SAFETY: it writes the 64 bytes of the places, wherever they lie.
    unsafe { _mm512_storeu_si512(places.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn classify_avx2(blocks: &[Block], masks: &mut [Masks]) -> Rare {
    let splat = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
    let bits = |lane: __m256i| u64::from(_mm256_movemask_epi8(lane).cast_unsigned());
    let none = _mm256_setzero_si256();
    let table = |table: &Block| table.first_chunk().map_or(none, |half| load_avx2(half));
    let (structure, space) = (table(&STRUCTURE), table(&SPACE));
    let (mut backslash, mut wide) = (none, none);
    for (block, masks) in blocks.iter().zip(masks) {
        *masks = Masks::default();
        let (halves, _) = block.as_chunks::<32>();
        for (index, half) in halves.iter().enumerate() {
            let bytes = load_avx2(half);
            let shift = index * 32;
            let folded = _mm256_or_si256(bytes, splat(0x20));
            let is = |table, bytes, by| _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(table, by));
            let control = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, splat(0x1F)), bytes);
            masks.quote |= bits(_mm256_cmpeq_epi8(bytes, splat(b'"'))) << shift;
            masks.structural |= bits(is(structure, folded, bytes)) << shift;
            masks.space |= bits(is(space, bytes, bytes)) << shift;
            masks.control |= bits(control) << shift;
            backslash = _mm256_or_si256(backslash, _mm256_cmpeq_epi8(bytes, splat(b'\\')));
            wide = _mm256_or_si256(wide, bytes);
        }
    }
    Rare {
        backslash: bits(backslash) != 0,
        wide: bits(wide) != 0,
    }
}

#[target_feature(enable = "avx2")]
fn find_avx2(blocks: &[Block], byte: u8, masks: &mut [u64]) {
    let wanted = _mm256_set1_epi8(byte.cast_signed());
    for (block, mask) in blocks.iter().zip(masks) {
        let (halves, _) = block.as_chunks::<32>();
        *mask = 0;
        for (index, half) in halves.iter().enumerate() {
            let found = _mm256_movemask_epi8(_mm256_cmpeq_epi8(load_avx2(half), wanted));
            *mask |= u64::from(found.cast_unsigned()) << (index * 32);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "loads are by pointer")]
fn load_avx2(lane: &[u8; 32]) -> __m256i {
    // SAFETY: it reads the 32 bytes of the lane, wherever they lie.
    unsafe { _mm256_loadu_si256(lane.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn list_avx2(bits: &[u64], start: u16, places: &mut [u16]) -> usize {
    portable::list(bits, start, places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::block::tests::compare;

    #[test]
    fn the_portable_functions_are_what_others_are_compared_with() {
        compare(portable::classify, portable::find, portable::list);
    }

    #[test]
    #[expect(unsafe_code, reason = "the path that this processor may not take")]
    fn avx2_is_the_same_too() {
        if has_avx2() {
            compare(
                // SAFETY: AVX2 has just been found.
                |blocks, masks| unsafe { classify_avx2(blocks, masks) },
                // SAFETY: the same.
                |blocks, byte, masks| unsafe { find_avx2(blocks, byte, masks) },
                // SAFETY: the same.
                |bits, start, places| unsafe { list_avx2(bits, start, places) },
            );
        }
    }
}
