//! What people wrote: the only values of the store that can be erased, and the only free text. The log has a
//! commitment to each, which is made again whenever one is read: what is not what was written is not shown.

use velum_approval::{Commitment, Reason, Salt};
use velum_engine::{Ruleset, mask_text};

use super::connection::{Connection, Row, values};
use super::{Store, StoreError};
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

/// What somebody wrote, as the store has it now. It may be a patient's: it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// What its commitment was made of, with the salt that shows so.
    Kept { text: String, salt: [u8; 32] },
    /// Anything else: whoever writes the database has changed it, and nobody is to read it for what was written.
    Changed,
}

/// What stands in the place of a text that is not the one that was written.
const CHANGED: &str = "This was changed since it was written, and is not shown.";

impl Written {
    /// The text, where it is what was written.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Written::Kept { text, .. } => Some(text),
            Written::Changed => None,
        }
    }

    /// The text, or that it is not what was written.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Written::Kept { text, .. } => text,
            Written::Changed => CHANGED,
        }
    }

    /// The same.
    pub(crate) fn into_shown(self) -> String {
        match self {
            Written::Kept { text, .. } => text,
            Written::Changed => CHANGED.to_owned(),
        }
    }

    /// Whether it is not what was written.
    pub(crate) fn is_changed(&self) -> bool {
        matches!(self, Written::Changed)
    }

    /// The salt with which anyone can make the commitment again that the log has.
    pub(crate) fn salt(&self) -> Option<Salt> {
        match self {
            Written::Kept { salt, .. } => Some(Salt::from_bytes(*salt)),
            Written::Changed => None,
        }
    }

    fn read(row: &Row, commitment: Commitment) -> Result<Option<Written>, StoreError> {
        let text: Option<String> = row.read("text")?;
        let salt: Option<Vec<u8>> = row.read("salt")?;
        Ok(match (text, salt) {
            (None, None) => None,
            (Some(text), Some(salt)) => Some(match <[u8; 32]>::try_from(salt) {
                Ok(salt) if Commitment::to(&text, &salt) == commitment => {
                    Written::Kept { text, salt }
                }
                _ => Written::Changed,
            }),
            _ => Some(Written::Changed),
        })
    }
}

/// The text of a commitment, if it is that still; `None` once it was erased.
pub(super) async fn text(
    connection: &mut Connection,
    commitment: Option<Commitment>,
) -> Result<Option<Written>, StoreError> {
    let Some(commitment) = commitment else {
        return Ok(None);
    };
    let row = connection
        .optional(
            "SELECT salt, text FROM audit_secret WHERE commitment = $1",
            values![commitment.as_bytes()],
        )
        .await?;
    row.map_or(Ok(None), |row| Written::read(&row, commitment))
}

/// Some of the texts that are read again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reread {
    /// The commitments of those that are not what was written.
    pub(crate) changed: Vec<Commitment>,
    /// The last one, behind which to go on; `None` where there was none any more.
    pub(crate) last: Option<Commitment>,
}

impl Store {
    /// Reads some 64 texts again, in the order of their commitments from behind `after` on.
    pub(crate) async fn reread_texts(
        &self,
        after: Option<Commitment>,
    ) -> Result<Reread, StoreError> {
        let mut reading = self.read().await?;
        let after = after.map(|after| *after.as_bytes());
        let after = after.as_ref().map_or(&[][..], |after| &after[..]);
        let rows = reading
            .all(
                "SELECT commitment, salt, text FROM audit_secret WHERE commitment > $1
                 ORDER BY commitment LIMIT 64",
                values![after],
            )
            .await?;
        let mut reread = Reread::default();
        for row in &rows {
            let commitment: Vec<u8> = row.read("commitment")?;
            let commitment =
                <[u8; 32]>::try_from(commitment).map_err(|_| StoreError::Corrupt("commitment"))?;
            let commitment = Commitment::from_bytes(commitment);
            let written = Written::read(row, commitment)?;
            if written.is_some_and(|written| written.is_changed()) {
                reread.changed.push(commitment);
            }
            reread.last = Some(commitment);
        }
        Ok(reread)
    }
}
