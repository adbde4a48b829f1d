//! What gateways reported without any review.

use sqlx::{Row, SqliteConnection};
use velum_approval::{GatewayId, Timestamp, WorkerId};

use super::{Store, StoreError};

/// What is known of one worker of a gateway.
pub(crate) struct Worker {
    pub(crate) gateway: String,
    pub(crate) id: WorkerId,
    pub(crate) batches: u64,
    pub(crate) latest_sequence: u64,
    pub(crate) requests: u64,
    pub(crate) lost: u64,
    pub(crate) first: Timestamp,
    pub(crate) latest: Timestamp,
}

impl Store {
    /// The workers that reported last, the latest first.
    pub(crate) async fn workers(&self, limit: u32) -> Result<Vec<Worker>, StoreError> {
        let rows = sqlx::query(
            "SELECT gateway, worker, count(*) AS batches, max(sequence) AS latest_sequence,
                    -- A sum beyond what a number may be is a fault; a cast of it is the most.
                    CAST(total(requests) AS INTEGER) AS requests,
                    CAST(total(lost) AS INTEGER) AS lost,
                    min(at_ms) AS first_ms, max(at_ms) AS latest_ms
             FROM event_batch GROUP BY gateway, worker ORDER BY latest_ms DESC, worker LIMIT ?",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let count = |column| {
                    u64::try_from(row.try_get::<i64, _>(column)?)
                        .map_err(|_| StoreError::Corrupt("event count"))
                };
                let worker: Vec<u8> = row.try_get("worker")?;
                let worker = worker
                    .try_into()
                    .map_err(|_| StoreError::Corrupt("worker"))?;
                Ok(Worker {
                    gateway: row.try_get("gateway")?,
                    id: WorkerId::from_bytes(worker),
                    batches: count("batches")?,
                    latest_sequence: count("latest_sequence")?,
                    requests: count("requests")?,
                    lost: count("lost")?,
                    first: Timestamp::from_millis(row.try_get("first_ms")?),
                    latest: Timestamp::from_millis(row.try_get("latest_ms")?),
                })
            })
            .collect()
    }
}

/// The number of the latest batch of a worker, and whether this one is there.
pub(super) async fn reported(
    connection: &mut SqliteConnection,
    gateway: &GatewayId,
    worker: WorkerId,
    sequence: u64,
) -> Result<(u64, bool), StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(max(sequence), 0) AS latest,
                coalesce(max(sequence = ?), 0) AS is_there
         FROM event_batch WHERE gateway = ? AND worker = ?",
    )
    .bind(super::transaction::number(sequence)?)
    .bind(gateway.as_str())
    .bind(worker.as_bytes().as_slice())
    .fetch_one(connection)
    .await?;
    let latest = row.try_get::<i64, _>("latest")?;
    let latest = u64::try_from(latest).map_err(|_| StoreError::Corrupt("sequence"))?;
    Ok((latest, row.try_get::<i64, _>("is_there")? != 0))
}
