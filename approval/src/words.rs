//! Words that can only hold what they say.

mod bytes;
mod identity;
mod names;
mod reason;
mod route;
mod time;

pub use bytes::{
    Commitment, CredentialId, Fingerprint, FingerprintMac, KeyCoordinate, KeyNonce, PolicyDigest,
    Salt, UseKey, WorkerId,
};
pub use identity::{Identity, IdentityKind, Lineage};
pub use names::{
    ActionName, AgentId, ApprovalId, EmergencyId, FieldPath, GatewayId, GroupName, LogName,
    PersonId, RecordId, RuleName, StopId,
};
pub use reason::Reason;
pub use route::{RouteTemplate, RouteWords};
pub use time::Timestamp;

pub(crate) use bytes::{base64url_decode, base64url_encode};

use std::fmt;

/// Why a text or a byte string is not the word it was read as. Never holds what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidWord {
    word: &'static str,
    fault: &'static str,
}

impl InvalidWord {
    pub(crate) const fn new(word: &'static str, fault: &'static str) -> Self {
        Self { word, fault }
    }

    /// The word that was expected, such as `"approval id"`.
    pub fn word(self) -> &'static str {
        self.word
    }
}

impl fmt::Display for InvalidWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a valid {}: {}", self.word, self.fault)
    }
}

impl std::error::Error for InvalidWord {}

/// Refuses empty text, text of more than `most` bytes, and control characters: a line break in a
/// name forges lines wherever it is shown.
pub(crate) fn check_text(word: &'static str, text: &str, most: usize) -> Result<(), InvalidWord> {
    if text.is_empty() {
        return Err(InvalidWord::new(word, "it is empty"));
    }
    if text.len() > most {
        return Err(InvalidWord::new(word, "it is too long"));
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidWord::new(word, "it holds a control character"));
    }
    Ok(())
}
