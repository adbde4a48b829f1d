//! A header map as the host gives it: what is read can be written, and is read again.

use arbitrary::{Arbitrary, Unstructured};
use velum_filter::parsers::{Pair, read_pairs, write_pairs};

/// # Panics
/// Where what is read is not what was written.
pub(crate) fn target(data: &[u8]) {
    if let Some(pairs) = read_pairs(data) {
        let texts = pairs.iter().map(|(name, value)| name.len() + value.len());
        assert!(texts.sum::<usize>() <= data.len(), "no byte is read twice");
        assert_eq!(read_pairs(&write_pairs(&pairs)), Some(pairs));
    }
    if let Ok(pairs) = Vec::<Pair>::arbitrary(&mut Unstructured::new(data)) {
        let bytes = write_pairs(&pairs);
        for end in 1..bytes.len().min(256) {
            assert_eq!(
                read_pairs(bytes.get(..end).unwrap_or_default()).filter(|_| end < bytes.len()),
                None
            );
        }
        assert_eq!(read_pairs(&bytes), Some(pairs));
    }
}
