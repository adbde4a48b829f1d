//! The two loops that see every byte, in blocks of sixteen.
//!
//! They are written so that the compiler makes vector code of them on every target that has it
//! (SSE2, NEON, wasm simd128) without `unsafe`.

const BLOCK: usize = 16;
const LOW: u128 = u128::from_le_bytes([1; BLOCK]);

/// Where the first byte is at which string content cannot simply go on: a quote, a backslash or a
/// control character. Also whether a byte beyond ASCII may have been passed.
#[inline]
pub(super) fn find_special(bytes: &[u8]) -> (Option<usize>, bool) {
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    let mut wide = 0u128;
    for (index, block) in blocks.iter().enumerate() {
        let mut hits = [0u8; BLOCK];
        for (hit, &byte) in hits.iter_mut().zip(block) {
            *hit = u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
        }
        let hits = u128::from_le_bytes(hits);
        wide |= u128::from_le_bytes(*block);
        if hits != 0 {
            let within = hits.trailing_zeros() as usize / 8;
            return (Some(index * BLOCK + within), wide & (LOW << 7) != 0);
        }
    }
    let mut wide = wide & (LOW << 7) != 0;
    for (index, &byte) in tail.iter().enumerate() {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return (Some(blocks.len() * BLOCK + index), wide);
        }
        wide |= byte >= 0x80;
    }
    (None, wide)
}

/// The first position from `start` that holds no JSON white space.
#[inline]
pub(super) fn skip_whitespace(bytes: &[u8], start: usize) -> usize {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
    let mut position = start;
    // Most tokens have none or one.
    for _ in 0..2 {
        match bytes.get(position) {
            Some(&byte) if is_space(byte) => position += 1,
            _ => return position,
        }
    }
    // Then it is the indentation of a line.
    let rest = bytes.get(position..).unwrap_or_default();
    let (blocks, _) = rest.as_chunks::<8>();
    for block in blocks {
        let others = u64::from_le_bytes(*block) ^ u64::from_le_bytes([b' '; 8]);
        if others != 0 {
            position += others.trailing_zeros() as usize / 8;
            break;
        }
        position += 8;
    }
    while bytes.get(position).is_some_and(|&byte| is_space(byte)) {
        position += 1;
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_at_every_place() {
        for length in 0..40 {
            for special in [b'"', b'\\', 0, 0x1F] {
                for at in 0..length {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = special;
                    assert_eq!(find_special(&bytes), (Some(at), false));
                }
            }
            assert_eq!(find_special(&vec![0x7F; length]), (None, false));
            let mut wide = vec![b' '; length + 1];
            wide[length] = 0x80;
            assert_eq!(find_special(&wide), (None, true));
        }
    }

    #[test]
    fn white_space_ends_where_it_ends() {
        for length in 0..40 {
            for fill in [b' ', b'\n', b'\t', b'\r'] {
                let mut bytes = vec![fill; length];
                bytes.extend_from_slice(b"x  ");
                assert_eq!(skip_whitespace(&bytes, 0), length);
                assert_eq!(skip_whitespace(&bytes[..length], 0), length);
            }
        }
    }
}
