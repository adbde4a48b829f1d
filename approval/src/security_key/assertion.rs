//! What a security key has signed, as it is kept: numbers, hashes and a signature.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

use crate::record::canonical::Object;
use crate::words::{
    CredentialId, InvalidWord, KeyNonce, Timestamp, base64url_decode, base64url_encode,
};

/// What a security key has signed of a yes. Together with the yes and the approval it is about, this is all that a
/// verifier needs beside the key's [credential](super::Credential).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// With which credential.
    pub credential: CredentialId,
    /// What made the challenge another than any other.
    pub nonce: KeyNonce,
    /// When the challenge was made, in milliseconds.
    pub at: Timestamp,
    /// The version of the approval that was shown.
    pub version: u64,
    /// How the browser wrote down what it had signed.
    pub client: ClientForm,
    /// The flags of the authenticator data.
    pub flags: u8,
    /// The signature counter; 0 of keys that have none.
    pub count: u32,
    /// The signature.
    pub signature: KeySignature,
}

impl Assertion {
    /// In records.
    pub(crate) fn data(&self) -> Object {
        Object::new()
            .with("at", self.at.to_string())
            .with("client", self.client.name())
            .with("count", self.count)
            .with("credential", self.credential.to_string())
            .with("flags", u32::from(self.flags))
            .with("nonce", self.nonce.to_string())
            .with("signature", self.signature.to_string())
            .with(
                "version",
                crate::record::canonical::Value::Integer(
                    i64::try_from(self.version).unwrap_or(i64::MAX),
                ),
            )
    }
}

/// A signature: ECDSA in DER, or Ed25519.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySignature(Vec<u8>);

impl KeySignature {
    /// The most bytes that one has: those of two integers of 33 bytes in DER.
    pub const MOST_BYTES: usize = 72;

    /// Refuses what is no signature by its length.
    pub fn new(bytes: Vec<u8>) -> Result<Self, InvalidWord> {
        if bytes.is_empty() || bytes.len() > Self::MOST_BYTES {
            return Err(InvalidWord::new(
                "signature of a security key",
                "it has no bytes, or more than 72",
            ));
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeySignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url_encode(&self.0))
    }
}

impl fmt::Debug for KeySignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySignature({self})")
    }
}

impl Serialize for KeySignature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeySignature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64url_decode(&text).ok_or_else(|| {
            serde::de::Error::custom("a signature of a security key is not base64url")
        })?;
        Self::new(bytes).map_err(serde::de::Error::custom)
    }
}

/// How a browser writes `clientDataJSON`: the same members in one of a few forms, so that the form is enough to
/// write the bytes again. What has any other form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientForm {
    /// As Level 2 says (section 5.8.1.1): type, challenge, origin, crossOrigin.
    Plain,
    /// The same with the member that Chromium adds now and then, so that nobody compares with a template.
    Extended,
    /// The same as plain without `crossOrigin`.
    Short,
    /// The members in the order of their names.
    Sorted,
    /// The same without `crossOrigin`.
    SortedShort,
}

impl ClientForm {
    /// Every form.
    pub const ALL: &[Self] = &[
        Self::Plain,
        Self::Extended,
        Self::Short,
        Self::Sorted,
        Self::SortedShort,
    ];

    /// The name used in JSON and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Extended => "extended",
            Self::Short => "short",
            Self::Sorted => "sorted",
            Self::SortedShort => "sorted-short",
        }
    }

    /// The bytes of `clientDataJSON` in this form. The origin has no character that JSON escapes.
    #[cfg(feature = "security-keys")]
    pub(crate) fn write(self, kind: &str, challenge: &[u8; 32], origin: &str) -> String {
        let challenge = base64url_encode(challenge);
        let (kind, challenge, origin) = (
            format!("\"type\":\"{kind}\""),
            format!("\"challenge\":\"{challenge}\""),
            format!("\"origin\":\"{origin}\""),
        );
        let same = "\"crossOrigin\":false";
        match self {
            Self::Plain => format!("{{{kind},{challenge},{origin},{same}}}"),
            Self::Extended => format!("{{{kind},{challenge},{origin},{same},{CHROMIUMS}}}"),
            Self::Short => format!("{{{kind},{challenge},{origin}}}"),
            Self::Sorted => format!("{{{challenge},{same},{origin},{kind}}}"),
            Self::SortedShort => format!("{{{challenge},{origin},{kind}}}"),
        }
    }

    /// The form of these bytes, if they are of this kind, challenge and origin.
    #[cfg(feature = "security-keys")]
    pub(crate) fn of(bytes: &[u8], kind: &str, challenge: &[u8; 32], origin: &str) -> Option<Self> {
        let mut forms = Self::ALL.iter().copied();
        forms.find(|form| form.write(kind, challenge, origin).as_bytes() == bytes)
    }
}

#[cfg(feature = "security-keys")]
const CHROMIUMS: &str = "\"other_keys_can_be_added_here\":\"do not compare clientDataJSON against a template. \
     See https://goo.gl/yabPex\"";
