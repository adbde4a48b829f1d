//! What is stopped.

use sqlx::{Row, SqliteConnection};
use velum_approval::{Stop, StopId, StopScope};

use super::secrets::{self, Secret};
use super::transaction::number;
use super::{Store, StoreError};

/// A stop with what was written about it.
pub(crate) struct StoredStop {
    pub(crate) stop: Stop,
    /// The version that a worker keeps to once it has heard of it.
    pub(crate) version: u64,
    pub(crate) comment: Option<String>,
}

impl Store {
    /// The version of what is stopped, and all of it.
    pub(crate) async fn stops(&self) -> Result<(u64, Vec<StopScope>), StoreError> {
        let mut transaction = self.readers.begin().await?;
        active(&mut transaction).await
    }

    /// Stops, the latest change first: those in force, or all.
    pub(crate) async fn list_stops(
        &self,
        only_active: bool,
        limit: u32,
    ) -> Result<Vec<StoredStop>, StoreError> {
        let mut transaction = self.readers.begin().await?;
        let rows = sqlx::query(
            "SELECT idx, comment, body FROM stop WHERE is_active >= ? ORDER BY idx DESC LIMIT ?",
        )
        .bind(i64::from(only_active))
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
        let mut stops = Vec::with_capacity(rows.len());
        for row in rows {
            let index = u64::try_from(row.try_get::<i64, _>("idx")?);
            let comment: Option<Vec<u8>> = row.try_get("comment")?;
            let comment = comment
                .map(|bytes| {
                    let bytes = bytes
                        .try_into()
                        .map_err(|_| StoreError::Corrupt("comment"))?;
                    Ok::<_, StoreError>(velum_approval::Commitment::from_bytes(bytes))
                })
                .transpose()?;
            stops.push(StoredStop {
                stop: read(row.try_get("body")?)?,
                version: index.map_err(|_| StoreError::Corrupt("index"))? + 1,
                comment: secrets::text(&mut transaction, comment).await?,
            });
        }
        Ok(stops)
    }
}

/// The version of what is stopped (0: nothing ever was), and all of it.
pub(super) async fn active(
    connection: &mut SqliteConnection,
) -> Result<(u64, Vec<StopScope>), StoreError> {
    let version: i64 = sqlx::query_scalar("SELECT coalesce(max(idx), -1) + 1 FROM stop")
        .fetch_one(&mut *connection)
        .await?;
    let version = u64::try_from(version).map_err(|_| StoreError::Corrupt("version"))?;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM stop WHERE is_active = 1 ORDER BY idx")
            .fetch_all(connection)
            .await?;
    let stops = bodies.iter().map(|body| read(body).map(|stop| stop.scope));
    Ok((version, stops.collect::<Result<_, _>>()?))
}

pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: &StopId,
) -> Result<Option<Stop>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM stop WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    body.map(|body| read(&body)).transpose()
}

/// Writes a new stop, or one that has ended over itself.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    stop: &Stop,
    comment: Option<&Secret>,
    index: u64,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(stop).map_err(|_| StoreError::Refused("a stop"))?;
    let (statement, is_active) = if stop.resumed.is_none() {
        (
            "INSERT INTO stop (is_active, idx, comment, body, id) VALUES (?, ?, ?, ?, ?)",
            1_i64,
        )
    } else {
        (
            "UPDATE stop SET is_active = ?, idx = ?, comment = coalesce(comment, ?), body = ?
             WHERE id = ? AND is_active = 1",
            0,
        )
    };
    let written = sqlx::query(statement)
        .bind(is_active)
        .bind(number(index)?)
        .bind(comment.map(|comment| comment.commitment.as_bytes().to_vec()))
        .bind(body)
        .bind(stop.id.as_str())
        .execute(connection)
        .await?;
    match written.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Refused("over a stop that has ended")),
    }
}

fn read(body: &str) -> Result<Stop, StoreError> {
    serde_json::from_str(body).map_err(|_| StoreError::Corrupt("stop"))
}
