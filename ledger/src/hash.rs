//! The hashes of a tree: SHA-256, as RFC 6962, section 2.1 has it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::text;

/// How long a hash is, in bytes.
pub const HASH_BYTES: usize = 32;

/// In front of a leaf, so that no leaf hashes like a node (RFC 6962, section 2.1).
const LEAF: [u8; 1] = [0];
/// In front of two hashes.
const NODE: [u8; 1] = [1];

/// The root of a tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
///
/// ```
/// use velum_ledger::{hash::EMPTY_ROOT, tree::Frontier};
/// assert_eq!(Frontier::new().root(), EMPTY_ROOT);
/// ```
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of a leaf or of a subtree: 32 bytes. As text it is standard base64, as in checkpoints and
/// proofs (C2SP tlog-checkpoint).
///
/// ```
/// use velum_ledger::hash::{Hash, leaf_hash};
/// let hash = leaf_hash(b"");
/// assert_eq!(hash.to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
/// assert_eq!(hash.to_string().parse(), Ok(hash));
/// assert_eq!(Hash::from_hex(&hash.to_hex()), Ok(hash));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// A hash that something else computed.
    ///
    /// ```
    /// # use velum_ledger::hash::Hash;
    /// assert_eq!(Hash::from_bytes([1; 32]).as_bytes(), &[1; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }

    /// Reads 64 digits of lower-case hex. Fails on anything else.
    ///
    /// ```
    /// # use velum_ledger::hash::Hash;
    /// assert_eq!(Hash::from_hex(&"0f".repeat(32)), Ok(Hash::from_bytes([15; 32])));
    /// assert!(Hash::from_hex(&"0F".repeat(32)).is_err());
    /// ```
    pub fn from_hex(text: &str) -> Result<Self, InvalidHash> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(InvalidHash);
        };
        let mut bytes = [0; HASH_BYTES];
        if pairs.len() != bytes.len() {
            return Err(InvalidHash);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (hex_digit(*high)? << 4) | hex_digit(*low)?;
        }
        Ok(Self(bytes))
    }

    /// 64 digits of lower-case hex.
    pub fn to_hex(&self) -> String {
        let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or_default();
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(digit).collect()
    }
}

fn hex_digit(digit: u8) -> Result<u8, InvalidHash> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(InvalidHash),
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&text::encode_base64(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Hash {
    type Err = InvalidHash;

    /// Reads 44 characters of standard base64, padded; of the spellings that mean the same only one
    /// is taken.
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let bytes = text::decode_base64(text).ok_or(InvalidHash)?;
        bytes.try_into().map(Self).map_err(|_| InvalidHash)
    }
}

/// Text that is no hash: not 32 bytes, or not in its one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHash;

impl fmt::Display for InvalidHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a hash: 32 bytes in base64, or in lower-case hex, are one")
    }
}

impl std::error::Error for InvalidHash {}

/// The hash of a leaf: `SHA-256(0x00 ‖ leaf)` (RFC 6962, section 2.1).
///
/// ```
/// # use velum_ledger::hash::leaf_hash;
/// let hash = leaf_hash(b"L123456");
/// assert!(hash.to_hex().starts_with("395aa064aa4c29f7"));
/// ```
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update(LEAF)
            .chain_update(leaf)
            .finalize()
            .into(),
    )
}

/// The hash of two subtrees side by side: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962, section 2.1).
///
/// ```
/// # use velum_ledger::{hash::{leaf_hash, node_hash}, tree::Frontier};
/// let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// let mut tree = Frontier::new();
/// tree.append(left)?;
/// tree.append(right)?;
/// assert_eq!(tree.root(), node_hash(&left, &right));
/// # Ok::<(), velum_ledger::tree::LogFull>(())
/// ```
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let hasher = Sha256::new().chain_update(NODE);
    Hash(
        hasher
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::{EMPTY_ROOT, Hash, leaf_hash, node_hash};

    /// From the tests of the reference implementation of RFC 6962.
    #[test]
    fn known_hashes() {
        let empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(leaf_hash(b"").to_hex(), empty_leaf);
        let leaf = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
        assert_eq!(leaf_hash(b"L123456").to_hex(), leaf);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(EMPTY_ROOT.to_hex(), empty);
    }

    #[test]
    fn a_leaf_of_two_hashes_is_no_node() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let leaf = [*left.as_bytes(), *right.as_bytes()].concat();
        assert_ne!(leaf_hash(&leaf), node_hash(&left, &right));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }

    #[test]
    fn text_that_is_no_hash_is_refused() {
        let good = leaf_hash(b"").to_string();
        assert!(good.parse::<Hash>().is_ok());
        let unpadded = good.trim_end_matches('=');
        // Another spelling of the same bytes: two bits that no byte has.
        let stray = good.replace("B0=", "B1=");
        for bad in ["", unpadded, &stray, &format!("{good}\n"), "AA==", "é"] {
            assert!(bad.parse::<Hash>().is_err(), "{bad}");
        }
        for bad in ["", "0", &"0".repeat(63), &"0".repeat(66), &"é".repeat(32)] {
            assert!(Hash::from_hex(bad).is_err(), "{bad}");
        }
    }
}
