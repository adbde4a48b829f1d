//! The only answer that lifts anything, and its signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::case::REPLAY_WINDOW;
use crate::scope::Scope;
use crate::signed;
use crate::tags::Tags;
use crate::words::{
    ApprovalId, EmergencyId, Fingerprint, GatewayId, InvalidWord, Timestamp, UseKey,
};

/// Signed before the bytes of an [`Allow`], so that no other signature of the key can be one.
const DOMAIN: &[u8] = b"velum-allow-v1\0";

/// What the service permits, once, for one stream. Unknown fields are refused: one of them may be
/// a limit that this reader does not know how to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The gateway that asked.
    pub gateway: GatewayId,
    /// The stream that asked.
    pub use_key: UseKey,
    /// The request it is for.
    pub fingerprint: Fingerprint,
    /// The approval that was used.
    pub approval: ApprovalId,
    /// What may be lifted; no class for a request that is released masked.
    pub scope: Scope,
    /// With evidence: the tags of the values that may be lifted, and no others. `None` where the
    /// reviewers saw no evidence; an empty list permits no value.
    pub tags: Option<Tags>,
    /// Until when values are lifted under it, whatever is still to come then: the end of the grant, or
    /// of the emergency access.
    pub lifts_until: Timestamp,
    /// The emergency access that it is released under, without any review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<EmergencyId>,
    /// When this answer is no longer good: [`REPLAY_WINDOW`] after the use.
    pub expires: Timestamp,
}

/// An [`Allow`] as it travels: its exact bytes, and an Ed25519 signature over them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedAllow {
    /// base64url of the JSON of the [`Allow`].
    pub allow: String,
    /// base64url of the signature over `"velum-allow-v1\0"` and the JSON bytes.
    pub signature: String,
}

/// What an answer has to match.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// The key of the stream that asked.
    pub use_key: UseKey,
    /// The fingerprint that was sent.
    pub fingerprint: Fingerprint,
    /// The present time.
    pub now: Timestamp,
}

/// Why an answer lifts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// Not base64url, or not of a signature's length.
    Encoding,
    /// No listed key has signed these bytes.
    Signature,
    /// Signed, but not an [`Allow`] that this version understands whole.
    Payload,
    /// For another stream: an old answer, replayed.
    UseKey,
    /// For another request.
    Fingerprint,
    /// No longer good.
    Expired,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "the answer is not encoded as a signed answer",
            Self::Signature => "the answer is not signed by a listed public key",
            Self::Payload => "the signed answer is not understood: update the filter",
            Self::UseKey => "the answer is for another stream",
            Self::Fingerprint => "the answer is for another request",
            Self::Expired => "the answer has expired: compare the clocks",
        })
    }
}

impl std::error::Error for SignatureError {}

impl Allow {
    /// When a stream that asked at `asked_at`, by its own clock, stops lifting. A clock that is behind
    /// gains nothing: what is left of the grant counts from the asking too.
    pub fn lifts_until(&self, asked_at: Timestamp) -> Timestamp {
        let used_at = self.expires.before(REPLAY_WINDOW);
        asked_at
            .after(self.lifts_until.since(used_at))
            .min(self.lifts_until)
    }
}

impl SignedAllow {
    /// Signs. The bytes that are signed are those that travel, so nobody has to write JSON alike.
    pub fn sign(allow: &Allow, key: &SigningKey) -> Self {
        let (allow, signature) = signed::sign(DOMAIN, allow, key);
        Self { allow, signature }
    }

    /// Gives the [`Allow`] if one of `keys` signed it (strictly: RFC 8032 without its leeway for
    /// weak keys and mixed orders), it is for this stream and this request, and still good.
    /// Anything else is no.
    pub fn verify(&self, keys: &[[u8; 32]], expected: &Expected) -> Result<Allow, SignatureError> {
        let allow: Allow = signed::verify(DOMAIN, &self.allow, &self.signature, keys)?;
        if allow.use_key != expected.use_key {
            return Err(SignatureError::UseKey);
        }
        if allow.fingerprint != expected.fingerprint {
            return Err(SignatureError::Fingerprint);
        }
        if allow.expires <= expected.now {
            return Err(SignatureError::Expired);
        }
        Ok(allow)
    }
}

/// An Ed25519 public key; in text `ed25519:` and its base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The public half of a signing key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }

    /// The bytes, as [`SignedAllow::verify`] takes them.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", STANDARD.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = InvalidWord;

    /// Refuses what is no point of the curve, and weak points, which anyone can sign for.
    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let fault = |fault| InvalidWord::new("public key", fault);
        let encoded = text
            .strip_prefix("ed25519:")
            .ok_or(fault("it does not start with ed25519:"))?;
        let bytes: [u8; 32] = STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(fault("it is not the base64 of 32 bytes"))?;
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(fault("no signature could be trusted under it")),
        }
    }
}
