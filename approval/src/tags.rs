//! Tags of values: what tells whether a value is one of those that reviewers saw.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;

use crate::words::{InvalidWord, base64url_decode, base64url_encode};

/// How many bytes a tag has.
const LENGTH: usize = 8;

/// The tags of the values of a response, sorted, each once. A tag is the first 64 bits of an HMAC of
/// class and value, under a key that the policy service does not have: it says nothing of the value.
///
/// In JSON one string: the base64url of all tags one after the other.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tags(Vec<[u8; LENGTH]>);

impl Tags {
    /// The most tags of a response. A value beyond them is never lifted.
    pub const MOST: usize = 4096;

    /// Sorts them. `None` where there are more than [`MOST`](Self::MOST).
    pub fn new(tags: impl IntoIterator<Item = [u8; LENGTH]>) -> Option<Self> {
        let mut tags: Vec<_> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        (tags.len() <= Self::MOST).then_some(Self(tags))
    }

    /// The tags, sorted.
    pub fn as_slice(&self) -> &[[u8; LENGTH]] {
        &self.0
    }

    /// The tags as the bytes that a store keeps; [`from_bytes`](Self::from_bytes) reads them.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave: refuses another order, a tag twice, a part of a
    /// tag, and too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidWord> {
        let fault = |fault| Err(InvalidWord::new("list of tags", fault));
        let (tags, rest) = bytes.as_chunks::<LENGTH>();
        if !rest.is_empty() {
            return fault("a tag has 8 bytes");
        }
        if tags.len() > Self::MOST {
            return fault("there are more than 4096");
        }
        if !tags.is_sorted_by(|one, next| one < next) {
            return fault("they are not sorted, each once");
        }
        Ok(Self(tags.to_vec()))
    }

    /// SHA-256 of the tags, which binds them to a record of the audit log.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_flattened()).into()
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tags({})", self.0.len())
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url_encode(self.0.as_flattened()))
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64url_decode(&text)
            .ok_or_else(|| serde::de::Error::custom("tags are one string in base64url"))?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_sorted_each_once_and_read_back() {
        let tags = Tags::new([[2; 8], [1; 8], [2; 8]]).unwrap();
        assert_eq!(tags.as_slice(), [[1; 8], [2; 8]]);
        let text = serde_json::to_string(&tags).unwrap();
        assert_eq!(text, r#""AQEBAQEBAQECAgICAgICAg""#);
        assert_eq!(serde_json::from_str::<Tags>(&text).unwrap(), tags);
        assert_eq!(Tags::from_bytes(&tags.to_bytes()), Ok(tags));
    }

    #[test]
    fn other_orders_parts_and_too_many_are_refused() {
        for bytes in [[2_u8; 8].as_slice(), &[1; 8]]
            .concat()
            .chunks(16)
            .chain([[1; 16].as_slice(), &[1; 9]])
        {
            assert!(Tags::from_bytes(bytes).is_err(), "{bytes:?}");
        }
        let many = (0..=4096_u64).map(u64::to_be_bytes);
        assert_eq!(Tags::new(many.clone()), None);
        let bytes: Vec<u8> = many.flatten().collect();
        assert!(Tags::from_bytes(&bytes).is_err());
        assert!(Tags::from_bytes(&bytes[8..]).is_ok());
        assert!(serde_json::from_str::<Tags>(r#""AQEB=""#).is_err());
    }
}
