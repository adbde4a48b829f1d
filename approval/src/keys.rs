//! Keys derived from one master, and tokens made with them.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

use crate::words::{InvalidWord, base64url_decode, base64url_encode};

/// One key for one purpose: HKDF-SHA-256 (RFC 5869) of the master with `label` as its info.
/// Different labels give keys that say nothing about each other.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "32 bytes are one of the 255 blocks that HKDF gives"
)]
pub fn derive_key(master: &[u8], label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(b"velum-keys-v1"), master)
        .expand(label.as_bytes(), &mut key)
        .expect("one block");
    key
}

/// Which resource it was, for who holds the key: HMAC-SHA-256 of the value, its first 128 bits.
///
/// Where the values are few (an SSN), whoever holds the key can try them all.
pub fn keyed_token(key: &[u8; 32], value: &[u8]) -> KeyedToken {
    let code = hmac(key, &[b"velum-token-v1\0", value]);
    let mut token = [0; 16];
    for (to, from) in token.iter_mut().zip(code) {
        *to = from;
    }
    KeyedToken(token)
}

/// Made by [`keyed_token`]; base64url in text, 22 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyedToken([u8; 16]);

impl fmt::Display for KeyedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url_encode(&self.0))
    }
}

impl fmt::Debug for KeyedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedToken({self})")
    }
}

impl FromStr for KeyedToken {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        base64url_decode(text)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(InvalidWord::new(
                "keyed token",
                "it is not the base64url of 16 bytes",
            ))
    }
}

impl Serialize for KeyedToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyedToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// HMAC-SHA-256 over the parts, one after the other: callers make their ends unambiguous.
pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed_hmac(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(crate) fn keyed_hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_stay_what_they_were() {
        // A change here makes every pending approval and every stored token useless. The expected
        // values are those of Python's hmac and hashlib.
        let key = derive_key(b"master", "fingerprint");
        assert_eq!(
            base64url_encode(&key),
            "4lsAWQzho0-eSIb-LErnxNAaFmwiaVOYOry_Xi_iJWA"
        );
        assert_eq!(
            keyed_token(&key, b"Patient/1").to_string(),
            "JB5mJAMtIlv6dFW59G0FTw"
        );
    }

    #[test]
    fn labels_keys_and_values_each_matter() {
        let (one, two) = (derive_key(b"master", "one"), derive_key(b"master", "two"));
        assert_ne!(one, two);
        assert_ne!(one, derive_key(b"another", "one"));
        assert_ne!(keyed_token(&one, b"a"), keyed_token(&two, b"a"));
        assert_ne!(keyed_token(&one, b"a"), keyed_token(&one, b"b"));
        let token = keyed_token(&one, b"a");
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!(token.to_string().len(), 22);
    }
}
