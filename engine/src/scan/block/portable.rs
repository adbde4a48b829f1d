//! Byte by byte, for targets without SIMD and as what the others are compared with.

use super::{BLOCK, Masks};

pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    for (at, &byte) in block.iter().enumerate() {
        let bit = |is: bool| u64::from(is) << at;
        masks.quote |= bit(byte == b'"');
        masks.backslash |= bit(byte == b'\\');
        masks.structural |= bit(matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b','));
        masks.space |= bit(matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        masks.newline |= bit(byte == b'\n');
        masks.control |= bit(byte < 0x20);
        masks.wide |= bit(byte >= 0x80);
    }
    masks
}
