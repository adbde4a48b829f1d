//! Header maps as the proxy-wasm ABI writes them: a count, the lengths, then each text with a NUL.

use std::borrow::Cow;

use crate::host::{Header, Headers};

/// Writes pairs in the ABI's form.
pub(crate) fn encode(pairs: &Headers) -> Vec<u8> {
    let size: usize = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len() + 10)
        .sum();
    let mut out = Vec::with_capacity(size + 4);
    push_length(&mut out, pairs.len());
    for (name, value) in pairs {
        push_length(&mut out, name.len());
        push_length(&mut out, value.len());
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(text);
        out.push(0);
    }
    out
}

/// Reads pairs in the ABI's form, where they lie; `None` where the bytes are not that.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Header<'_>>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let (count, mut lengths) = split_length(bytes)?;
    let mut texts = lengths.get(count.checked_mul(8)?..)?;
    let mut pairs = Vec::new();
    // So many that a caller may choose; and some that may be added.
    pairs.try_reserve_exact(count + 4).ok()?;
    for _ in 0..count {
        let (name_length, rest) = split_length(lengths)?;
        let (value_length, rest) = split_length(rest)?;
        lengths = rest;
        let (name, rest) = split_text(texts, name_length)?;
        let (value, rest) = split_text(rest, value_length)?;
        texts = rest;
        pairs.push((name, Cow::Borrowed(value)));
    }
    Some(pairs)
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    // Lengths of wasm memory fit 32 bits.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

fn split_text(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let text = bytes.get(..length)?;
    let rest = bytes.get(length..)?;
    Some((text, rest.split_first().filter(|(end, _)| **end == 0)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_survive_a_round_trip_bytes_included() {
        let pairs = vec![
            (b":path".to_vec(), b"/a".to_vec()),
            (b"x-empty".to_vec(), vec![]),
            (b"x-bytes".to_vec(), vec![0xff, 0xfe, 0]),
        ];
        let bytes = encode(&pairs);
        let read = decode(&bytes).unwrap();
        let owned = read.iter().map(|(n, v)| (n.to_vec(), v.to_vec()));
        assert_eq!(owned.collect::<Headers>(), pairs);
    }

    #[test]
    fn anything_cut_short_is_refused() {
        let whole = encode(&vec![(b"name".to_vec(), b"value".to_vec())]);
        for end in 1..whole.len() {
            assert_eq!(decode(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(decode(&[255, 255, 255, 255]), None);
    }
}
