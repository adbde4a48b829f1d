//! Header pairs in the ABI's form, written from its description.

use crate::Headers;

/// Writes pairs.
pub fn encode(pairs: &Headers) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    if pairs.is_empty() {
        return Vec::new();
    }
    let mut out = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        out.extend(number(name.len()));
        out.extend(number(value.len()));
    }
    for (name, value) in pairs {
        out.extend([name.as_slice(), &[0], value, &[0]].concat());
    }
    out
}

/// Reads pairs that the filter wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<Headers> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    if bytes.is_empty() {
        return Some(Headers::new());
    }
    let count = number(0)?;
    let mut at = 4 + count.checked_mul(8)?;
    let mut text = |length: usize| {
        let text = bytes.get(at..at + length)?.to_vec();
        at += length + 1;
        (*bytes.get(at - 1)? == 0).then_some(text)
    };
    let pairs = (0..count).map(|index| {
        let lengths = 4 + index * 8;
        Some((text(number(lengths)?)?, text(number(lengths + 4)?)?))
    });
    pairs.collect()
}
