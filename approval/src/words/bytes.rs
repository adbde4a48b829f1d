//! Fixed-length byte strings, written as base64url without padding (RFC 4648, section 5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

use super::InvalidWord;

macro_rules! byte_word {
    ($(#[$doc:meta])* $name:ident, $length:literal, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            #[doc = concat!("Wraps the ", stringify!($length), " bytes.")]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base64url_encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidWord;

            fn from_str(text: &str) -> Result<Self, InvalidWord> {
                base64url_decode(text)
                    .and_then(|bytes| <[u8; $length]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or(InvalidWord::new(
                        $word,
                        concat!("it is not the base64url of ", stringify!($length), " bytes"),
                    ))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_word! {
    /// The idempotency key of one stream: random, made by the filter, good for one use.
    UseKey, 16, "use key"
}
byte_word! {
    /// One worker of a gateway, from its start to its end: random.
    WorkerId, 16, "worker id"
}
byte_word! {
    /// What a request is bound to: see [`fingerprint`](crate::fingerprint()).
    Fingerprint, 32, "fingerprint"
}
byte_word! {
    /// The service's own HMAC of a [`Fingerprint`]; the service keeps nothing else of it.
    FingerprintMac, 32, "fingerprint code"
}
byte_word! {
    /// SHA-256 of a policy document in canonical form.
    PolicyDigest, 32, "policy digest"
}
byte_word! {
    /// A security key's credential: SHA-256 of the id that the key gave it.
    CredentialId, 32, "credential id"
}
byte_word! {
    /// A coordinate of a public key (RFC 7518, section 6.2.1.2; RFC 8037, section 2).
    KeyCoordinate, 32, "coordinate of a key"
}
byte_word! {
    /// What makes each challenge to a security key another: random, good for one.
    KeyNonce, 32, "nonce"
}
byte_word! {
    /// What a commitment is salted with: random, erased with its text.
    Salt, 32, "salt"
}
byte_word! {
    /// A salted commitment to a text that may hold PHI, and that can be erased.
    Commitment, 32, "commitment"
}

impl Commitment {
    /// SHA-256 over salt and text. Erasing text and salt leaves a number that says nothing.
    pub fn to(text: &str, salt: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(salt);
        hash.update(text.as_bytes());
        Self(hash.finalize().into())
    }
}

impl FingerprintMac {
    /// HMAC-SHA-256 of the fingerprint under a key of the service's own.
    pub fn of(fingerprint: &Fingerprint, key: &[u8; 32]) -> Self {
        Self(crate::keys::hmac(
            key,
            &[b"velum-fingerprint-mac-v1\0", fingerprint.as_bytes()],
        ))
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn matches(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0[..], &other.0[..]).into()
    }
}

pub(crate) fn base64url_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Strict: no padding, no other alphabet, no stray bits at the end. `None` for anything else.
pub(crate) fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_round_and_other_texts_are_refused() {
        let key = UseKey::from_bytes([0xfb; 16]);
        assert_eq!(key.to_string(), "-_v7-_v7-_v7-_v7-_v7-w");
        assert_eq!(key.to_string().parse(), Ok(key));
        for bad in [
            "",
            "-_v7-_v7-_v7-_v7-_v7-x",   // stray bits
            "-_v7-_v7-_v7-_v7-_v7-w==", // padding
            "+/v7+/v7+/v7+/v7+/v7+w",   // the standard alphabet
            "-_v7-_v7-_v7-_v7-_v7",     // 15 bytes
            "-_v7-_v7-_v7-_v7-_v7-_v7", // 18 bytes
        ] {
            assert!(bad.parse::<UseKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_commitment_is_sha256_of_salt_then_text() {
        let mut both = vec![7_u8; 32];
        both.extend_from_slice(b"discharge summary");
        let expected: [u8; 32] = Sha256::digest(&both).into();
        let commitment = Commitment::to("discharge summary", &[7; 32]);
        assert_eq!(commitment.as_bytes(), &expected);
        assert_ne!(commitment, Commitment::to("discharge summary", &[8; 32]));
    }

    #[test]
    fn a_fingerprint_code_depends_on_key_and_fingerprint() {
        let of = |byte, key| FingerprintMac::of(&Fingerprint::from_bytes([byte; 32]), &[key; 32]);
        assert!(of(1, 1).matches(&of(1, 1)));
        assert!(!of(1, 1).matches(&of(2, 1)));
        assert!(!of(1, 1).matches(&of(1, 2)));
        assert_ne!(of(1, 1).as_bytes(), &[1; 32]);
    }
}
