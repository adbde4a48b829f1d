//! What is stopped.

use velum_approval::{Commitment, Stop, StopId, StopScope, Timestamp};

use super::confirmations::{self, Heard};
use super::connection::{Connection, Row, values};
use super::secrets::{self, Secret};
use super::transaction::number;
use super::{Store, StoreError, Written};

/// A stop with what was written about it.
pub(crate) struct StoredStop {
    pub(crate) stop: Stop,
    /// The version that a worker keeps to once it has heard of it: of its beginning, whatever came later.
    pub(crate) version: u64,
    pub(crate) comment: Option<Written>,
    /// What the services on this store heard of workers about it.
    pub(crate) heard: Vec<Heard>,
}

impl Store {
    /// The version of what is stopped, and all of it.
    pub(crate) async fn stops(&self, now: Timestamp) -> Result<(u64, Vec<StopScope>), StoreError> {
        active(&mut self.read().await?, now).await
    }

    /// Stops, the latest first: those in force, or all; those before `after`.
    pub(crate) async fn list_stops(
        &self,
        only_active: bool,
        after: Option<&StopId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<StoredStop>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT coalesce(begun, idx) AS begun, comment, body FROM stop
                 WHERE is_active >= $1 AND ($2 IS NULL OR id < $2)
                       AND ($1 = 0 OR until_ms IS NULL OR until_ms > $4)
                 ORDER BY id DESC LIMIT $3",
                values![
                    i64::from(only_active),
                    after.map(StopId::as_str),
                    i64::from(limit),
                    now.as_millis(),
                ],
            )
            .await?;
        let mut stops = Vec::with_capacity(rows.len());
        for row in &rows {
            stops.push(complete(&mut reading, row).await?);
        }
        Ok(stops)
    }

    /// The stop with this id.
    pub(crate) async fn stored_stop(&self, id: &StopId) -> Result<Option<StoredStop>, StoreError> {
        let mut reading = self.read().await?;
        let statement =
            "SELECT coalesce(begun, idx) AS begun, comment, body FROM stop WHERE id = $1";
        match reading.optional(statement, values![id.as_str()]).await? {
            Some(row) => complete(&mut reading, &row).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn complete(connection: &mut Connection, row: &Row) -> Result<StoredStop, StoreError> {
    let comment: Option<Vec<u8>> = row.read("comment")?;
    let comment = comment.map(<[u8; 32]>::try_from).transpose();
    let comment = comment.map_err(|_| StoreError::Corrupt("comment"))?;
    let comment = comment.map(Commitment::from_bytes);
    let stop = read(row)?;
    Ok(StoredStop {
        version: row.count("begun")? + 1,
        comment: secrets::text(connection, comment).await?,
        heard: confirmations::of(connection, &stop.id).await?,
        stop,
    })
}

/// The version of what is stopped (0: nothing ever was), and all of it that may still stop something.
pub(super) async fn active(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<(u64, Vec<StopScope>), StoreError> {
    let version = "SELECT coalesce(max(idx), -1) + 1 AS version FROM stop";
    let version = connection.one(version, &[]).await?.count("version")?;
    Ok((version, scopes(connection, now).await?))
}

/// All that is stopped and may still stop something.
pub(super) async fn scopes(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<StopScope>, StoreError> {
    let rows = connection
        .all(
            "SELECT body FROM stop WHERE is_active = 1 AND (until_ms IS NULL OR until_ms > $1)
             ORDER BY idx",
            values![now.as_millis()],
        )
        .await?;
    rows.iter()
        .map(|row| read(row).map(|stop| stop.scope))
        .collect()
}

pub(super) async fn load(
    connection: &mut Connection,
    id: &StopId,
) -> Result<Option<Stop>, StoreError> {
    let statement = "SELECT body FROM stop WHERE id = $1";
    let row = connection.optional(statement, values![id.as_str()]).await?;
    row.as_ref().map(read).transpose()
}

/// Writes a new stop, or one that has ended over itself.
pub(super) async fn write(
    connection: &mut Connection,
    stop: &Stop,
    comment: Option<&Secret>,
    index: u64,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(stop).map_err(|_| StoreError::Refused("a stop"))?;
    let (statement, is_active) = if stop.resumed.is_none() {
        (
            "INSERT INTO stop (is_active, idx, comment, body, id, until_ms, begun)
             VALUES ($1, $2, $3, $4, $5, $6, $2)",
            1_i64,
        )
    } else {
        (
            // Where a version before this one began it, its place is still that of its beginning.
            "UPDATE stop SET is_active = $1, begun = coalesce(begun, idx), idx = $2,
                    comment = coalesce(comment, $3), body = $4, until_ms = $6
             WHERE id = $5 AND is_active = 1",
            0,
        )
    };
    let comment = comment.map(|comment| &comment.commitment.as_bytes()[..]);
    let written = connection
        .execute(
            statement,
            values![
                is_active,
                number(index)?,
                comment,
                &body,
                stop.id.as_str(),
                stop.until.map(Timestamp::as_millis),
            ],
        )
        .await?;
    match written {
        1 => Ok(()),
        // Somebody else has ended it meanwhile.
        _ => Err(connection.conflict()),
    }
}

pub(super) fn read(row: &Row) -> Result<Stop, StoreError> {
    let body: String = row.read("body")?;
    serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("stop"))
}
