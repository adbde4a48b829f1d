//! What is recorded of security keys.

use super::canonical::Object;
use super::leaf::actor;
use crate::security_key::Credential;
use crate::words::{CredentialId, PersonId};

/// Somebody has added a security key, or removed one, of [`Record::Credential`](super::Record::Credential).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialEvent {
    /// Somebody has one more.
    Added(Credential),
    /// Somebody has one less.
    Removed {
        /// Whose it was.
        person: PersonId,
        /// Which.
        id: CredentialId,
    },
}

impl CredentialEvent {
    pub(super) fn data(&self) -> Object {
        match self {
            Self::Added(credential) => Object::new()
                .with("actor", actor("person", credential.person.as_str()))
                .with("credential", credential.data()),
            Self::Removed { person, id } => Object::new()
                .with("actor", actor("person", person.as_str()))
                .with("credential", Object::new().with("id", id.to_string())),
        }
    }
}
