//! How much of a log its anchors have.

use velum_approval::Timestamp;

use super::connection::{Connection, values};
use super::transaction::number;
use super::{Store, StoreError};

/// What one anchor has of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchored {
    /// The anchor, by its name in the configuration.
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) at: Timestamp,
    /// The head: of a witness as it has cosigned it, of others as the log's key has signed it. `None` of what
    /// earlier versions have noted of others.
    pub(crate) note: Option<String>,
}

impl Store {
    /// What each anchor has of a log, as far as it is known.
    pub(crate) async fn anchored(&self, log: u64) -> Result<Vec<Anchored>, StoreError> {
        let statement =
            "SELECT name, size, at_ms, note FROM log_anchor WHERE log = $1 ORDER BY name";
        let rows = self
            .read()
            .await?
            .all(statement, values![number(log)?])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Anchored {
                    name: row.read("name")?,
                    size: row.count("size")?,
                    at: Timestamp::from_millis(row.read("at_ms")?),
                    note: row.read("note")?,
                })
            })
            .collect()
    }
}

/// Notes what an anchor has. Another service may know of more already, which stays; `is_over`: what stands there
/// is not believed, and is written over.
pub(super) async fn set(
    connection: &mut Connection,
    log: u64,
    anchored: &Anchored,
    is_over: bool,
) -> Result<(), StoreError> {
    let statement = if is_over {
        "INSERT INTO log_anchor (log, name, size, at_ms, note) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (log, name) DO UPDATE
             SET size = excluded.size, at_ms = excluded.at_ms, note = excluded.note"
    } else {
        "INSERT INTO log_anchor (log, name, size, at_ms, note) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (log, name) DO UPDATE
             SET size = excluded.size, at_ms = excluded.at_ms, note = excluded.note
             WHERE log_anchor.size <= excluded.size"
    };
    connection
        .execute(
            statement,
            values![
                number(log)?,
                &anchored.name,
                number(anchored.size)?,
                anchored.at.as_millis(),
                anchored.note.as_deref(),
            ],
        )
        .await?;
    Ok(())
}
