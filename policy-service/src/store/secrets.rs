//! What people wrote: the only values of the store that can be erased, and the only free text.

use sqlx::SqliteConnection;
use velum_approval::{Commitment, Reason};
use velum_engine::{Ruleset, mask_text};

use super::StoreError;
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

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    secret: &Secret,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit_secret (commitment, salt, text) VALUES (?, ?, ?)")
        .bind(secret.commitment.as_bytes().as_slice())
        .bind(secret.salt.as_slice())
        .bind(&secret.text)
        .execute(connection)
        .await?;
    Ok(())
}

/// The text of a commitment; `None` once it was erased.
pub(super) async fn text(
    connection: &mut SqliteConnection,
    commitment: Option<Commitment>,
) -> Result<Option<String>, StoreError> {
    let Some(commitment) = commitment else {
        return Ok(None);
    };
    let text: Option<Option<String>> =
        sqlx::query_scalar("SELECT text FROM audit_secret WHERE commitment = ?")
            .bind(commitment.as_bytes().as_slice())
            .fetch_optional(connection)
            .await?;
    Ok(text.flatten())
}
