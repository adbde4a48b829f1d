//! What the bytes of a block are, as bit masks: the one seam to the SIMD of each target.
//!
//! Bit `n` of a mask stands for byte `n` of the block. Every target gives the same masks: the
//! tests compare them with the portable ones.

#[cfg(any(test, not(any(target_arch = "x86_64", target_feature = "simd128"))))]
mod portable;
#[cfg(target_feature = "simd128")]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86_64;

/// Bytes in a block: one for each bit of a mask.
pub(super) const BLOCK: usize = 64;

/// What the bytes of a block are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `{`, `}`, `[`, `]`, `:` and `,`.
    pub(super) structural: u64,
    /// Space, tab, line feed and carriage return.
    pub(super) space: u64,
    pub(super) newline: u64,
    /// Below U+0020.
    pub(super) control: u64,
    /// Beyond ASCII.
    pub(super) wide: u64,
}

/// Classifies a block.
#[inline]
pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
    #[cfg(target_arch = "x86_64")]
    return x86_64::classify(block);
    #[cfg(target_feature = "simd128")]
    return wasm::classify(block);
    #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
    portable::classify(block)
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

    #[test]
    fn every_byte_is_the_same_to_every_target() {
        for byte in 0..=u8::MAX {
            for at in [0, 1, 15, 16, 31, 32, 47, 48, 63] {
                for fill in [b' ', b'a', b'"', 0xFF] {
                    let mut block = [fill; BLOCK];
                    block[at] = byte;
                    assert_eq!(
                        classify(&block),
                        portable::classify(&block),
                        "{byte} at {at}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_lies_between_quotes_is_inside() {
        assert_eq!(prefix_xor(0b0100_0010), 0b0011_1110);
        assert_eq!(prefix_xor(1 << 63), 1 << 63);
        assert_eq!(prefix_xor(1), u64::MAX);
    }
}
