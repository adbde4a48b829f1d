//! Security keys: what one signs when its person approves, and what is kept of it (Web Authentication Level 2).
//!
//! A yes to an action that asks for it is signed by a key that only the person has. What is signed is a
//! [challenge](Approving::challenge), which is made of all that the yes is to; so the yes cannot be moved to another
//! approval, person, scope or reason, and whoever can write the store cannot make one. What is kept of an assertion
//! has no room for text: the browser's part of it is one of a few [forms](ClientForm), written again where it is
//! verified.

mod assertion;
mod challenge;
mod credential;
#[cfg(feature = "security-keys")]
mod verify;

pub use assertion::{Assertion, ClientForm, KeySignature};
pub use challenge::{Approving, CHALLENGE_LIFETIME};
pub use credential::{Credential, CredentialKey, KeyOrigin};
#[cfg(feature = "security-keys")]
pub use verify::{Registered, Unproven, challenge_to_register, read_assertion, read_registration};

use serde::{Deserialize, Serialize};

/// What whoever approves has to do beside being signed in; the later is the stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StepUp {
    /// Sign in anew.
    FreshLogin,
    /// Sign what is approved with a security key.
    Webauthn,
}

impl StepUp {
    /// The name used in configuration, JSON and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::FreshLogin => "fresh-login",
            Self::Webauthn => "webauthn",
        }
    }
}
