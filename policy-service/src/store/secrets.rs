//! What people wrote: the only values of the store that can be erased, and the only free text.

use velum_approval::{Commitment, Reason};
use velum_engine::{Ruleset, mask_text};

use super::StoreError;
use super::connection::{Connection, values};
use crate::random::{self, NoRandomness, Random};

/// A text with the salt that its commitment was made with.
pub(crate) struct Secret {
    pub(crate) commitment: Commitment,
    salt: [u8; 32],
    text: String,
}

impl Secret {
    /// What is stored.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Masks what the detectors know in `written`, once more after the filter, and commits to the
    /// rest.
    pub(crate) fn new(
        written: &Reason,
        rules: &Ruleset,
        random: &dyn Random,
    ) -> Result<Secret, NoRandomness> {
        let salt = random::bytes(random)?;
        let mut text = mask_text(rules, written.as_str());
        // A placeholder may be longer than what it replaces.
        text.truncate(text.floor_char_boundary(Reason::MOST_BYTES));
        Ok(Secret {
            commitment: Commitment::to(&text, &salt),
            salt,
            text,
        })
    }
}

pub(super) async fn insert(connection: &mut Connection, secret: &Secret) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO audit_secret (commitment, salt, text) VALUES ($1, $2, $3)",
            values![secret.commitment.as_bytes(), &secret.salt, &secret.text],
        )
        .await?;
    Ok(())
}

/// The text of a commitment; `None` once it was erased.
pub(super) async fn text(
    connection: &mut Connection,
    commitment: Option<Commitment>,
) -> Result<Option<String>, StoreError> {
    let Some(commitment) = commitment else {
        return Ok(None);
    };
    let row = connection
        .optional(
            "SELECT text FROM audit_secret WHERE commitment = $1",
            values![commitment.as_bytes()],
        )
        .await?;
    row.map_or(Ok(None), |row| row.read("text"))
}
