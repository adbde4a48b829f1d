//! The audit log as it is read.

use sqlx::Row;

use super::{Store, StoreError};

/// One record of the log.
pub(crate) struct Entry {
    /// Its place: 0, 1, 2, … without a gap.
    pub(crate) index: u64,
    /// The leaf, byte for byte.
    pub(crate) leaf: Vec<u8>,
}

impl Store {
    /// Up to `limit` entries whose index is `from` or later, in order.
    pub(crate) async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let rows =
            sqlx::query("SELECT idx, entry FROM audit_entry WHERE idx >= ? ORDER BY idx LIMIT ?")
                .bind(from)
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| {
                let index = u64::try_from(row.try_get::<i64, _>("idx")?)
                    .map_err(|_| StoreError::Corrupt("index"))?;
                Ok(Entry {
                    index,
                    leaf: row.try_get("entry")?,
                })
            })
            .collect()
    }
}
