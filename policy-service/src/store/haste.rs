//! Who has approved, and when.

use velum_approval::{PersonId, Timestamp};

use super::connection::{Row, values};
use super::{Store, StoreError, Transaction};

/// A yes of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Yes {
    pub(crate) person: PersonId,
    pub(crate) at: Timestamp,
}

impl Store {
    /// The latest so many since then, in the order in which they were said.
    pub(crate) async fn approved_since(
        &self,
        since: Timestamp,
        most: u32,
    ) -> Result<Vec<Yes>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT person, approved_ms FROM vote WHERE approved_ms >= $1
                 ORDER BY approved_ms DESC LIMIT $2",
                values![since.as_millis(), i64::from(most)],
            )
            .await?;
        rows.iter().rev().map(read).collect()
    }
}

impl Transaction {
    /// When this person has said yes since then, in order.
    pub(crate) async fn approved_by(
        &mut self,
        person: &PersonId,
        since: Timestamp,
    ) -> Result<Vec<Yes>, StoreError> {
        let rows = self
            .connection()
            .all(
                "SELECT person, approved_ms FROM vote WHERE approved_ms >= $1 AND person = $2
                 ORDER BY approved_ms",
                values![since.as_millis(), person.as_str()],
            )
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Yes, StoreError> {
    let person: String = row.read("person")?;
    Ok(Yes {
        person: person.parse().map_err(|_| StoreError::Corrupt("person"))?,
        at: Timestamp::from_millis(row.read("approved_ms")?),
    })
}
