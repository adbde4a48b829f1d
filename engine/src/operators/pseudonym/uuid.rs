//! UUIDs of version 8 (RFC 9562, section 5.8) that hold 80 bits of an id's code and 42 of its proof.

/// Of a UUID as it is written.
pub(super) const LENGTH: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const VERSION: u64 = 8;
const VARIANT: u64 = 0b10;
const PROOF_BITS: u32 = 42;

/// Whether the text has the form of a UUID, of whatever version.
pub(super) fn is_like_one(text: &str) -> bool {
    text.len() == LENGTH
        && text.bytes().enumerate().all(|(at, byte)| {
            if HYPHENS.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

/// What of a code goes into the UUID.
pub(super) fn body(code: &[u8; 32]) -> [u8; 10] {
    code.first_chunk().copied().unwrap_or_default()
}

/// What of a proof goes into it.
pub(super) fn proof(code: &[u8; 32]) -> u64 {
    let first = code.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first) >> (u64::BITS - PROOF_BITS)
}

/// The UUID, in lower case.
pub(super) fn written(body: [u8; 10], proof: u64) -> String {
    let [first @ .., ninth, tenth] = body;
    let first = u64::from_be_bytes(first);
    // 48 bits, the version, 12 bits.
    let high = first >> 16 << 16 | VERSION << 12 | (first >> 4 & 0xfff);
    // The variant, what is left of the body, the proof.
    let rest = (first & 0xf) << 16 | u64::from(u16::from_be_bytes([ninth, tenth]));
    let low = VARIANT << 62 | rest << PROOF_BITS | proof;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Body and proof of what looks like one of ours, in whatever case.
pub(super) fn read(text: &str) -> Option<([u8; 10], u64)> {
    if !is_like_one(text) {
        return None;
    }
    let digits = text.replace('-', "");
    let (high, low) = digits.split_at_checked(16)?;
    let high = u64::from_str_radix(high, 16).ok()?;
    let low = u64::from_str_radix(low, 16).ok()?;
    if high >> 12 & 0xf != VERSION || low >> 62 != VARIANT {
        return None;
    }
    let rest = low >> PROOF_BITS & 0xf_ffff;
    let first = high >> 16 << 16 | (high & 0xfff) << 4 | rest >> 16;
    let mut body = [0; 10];
    let bytes = first.to_be_bytes().into_iter();
    let last = rest.to_be_bytes().into_iter().skip(6);
    for (to, from) in body.iter_mut().zip(bytes.chain(last)) {
        *to = from;
    }
    Some((body, low & ((1 << PROOF_BITS) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (body, proof) in [
            ([0; 10], 0),
            ([0xff; 10], (1 << PROOF_BITS) - 1),
            (
                [1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x12, 0x34],
                0x2a_bcde_f012,
            ),
        ] {
            let text = written(body, proof);
            assert!(is_like_one(&text), "{text}");
            assert_eq!(text.as_bytes()[14], b'8', "{text}");
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert_eq!(read(&text), Some((body, proof)), "{text}");
            assert_eq!(read(&text.to_uppercase()), Some((body, proof)));
        }
    }

    #[test]
    fn others_are_not_read() {
        for text in [
            "",
            "01234567-89ab-7cde-8000-000000000000",
            "01234567-89ab-8cde-4000-000000000000",
            "01234567-89ab-8cde-8000-00000000000",
            "01234567-89ab-8cde-8000-00000000000g",
            "+1234567-89ab-8cde-8000-000000000000",
            "0123456789ab-8cde-8000-000000000000-",
            "é1234567-89ab-8cde-8000-00000000000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
