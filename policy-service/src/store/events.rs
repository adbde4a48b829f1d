//! What gateways reported without any review.

use velum_approval::{GatewayId, Timestamp, WorkerId};

use super::connection::{Connection, Row, Sql, values};
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
        let mut reading = self.read().await?;
        let rows = reading.all(WORKERS, values![i64::from(limit)]).await?;
        rows.iter().map(read_worker).collect()
    }
}

/// A sum beyond what a number may be is a fault of who reported; it counts as the most.
const WORKERS: Sql = Sql {
    sqlite: "SELECT gateway, worker, count(*) AS batches, max(sequence) AS latest_sequence,
                    CAST(total(requests) AS INTEGER) AS requests,
                    CAST(total(lost) AS INTEGER) AS lost,
                    min(at_ms) AS first_ms, max(at_ms) AS latest_ms
             FROM event_batch GROUP BY gateway, worker ORDER BY latest_ms DESC, worker LIMIT $1",
    postgres: "SELECT gateway, worker, count(*) AS batches, max(sequence) AS latest_sequence,
                      CAST(least(sum(requests), 9223372036854775807) AS BIGINT) AS requests,
                      CAST(least(sum(lost), 9223372036854775807) AS BIGINT) AS lost,
                      min(at_ms) AS first_ms, max(at_ms) AS latest_ms
               FROM event_batch GROUP BY gateway, worker ORDER BY latest_ms DESC, worker LIMIT $1",
};

fn read_worker(row: &Row) -> Result<Worker, StoreError> {
    let worker: Vec<u8> = row.read("worker")?;
    let worker = worker
        .try_into()
        .map_err(|_| StoreError::Corrupt("worker"))?;
    Ok(Worker {
        gateway: row.read("gateway")?,
        id: WorkerId::from_bytes(worker),
        batches: row.count("batches")?,
        latest_sequence: row.count("latest_sequence")?,
        requests: row.count("requests")?,
        lost: row.count("lost")?,
        first: Timestamp::from_millis(row.read("first_ms")?),
        latest: Timestamp::from_millis(row.read("latest_ms")?),
    })
}

/// The number of the latest batch of a worker, and whether this one is there. No other comes until
/// this transaction ends.
pub(super) async fn reported(
    connection: &mut Connection,
    gateway: &GatewayId,
    worker: WorkerId,
    sequence: u64,
) -> Result<(u64, bool), StoreError> {
    super::audit::lock(connection).await?;
    let row = connection
        .one(
            "SELECT coalesce(max(sequence), 0) AS latest,
                    count(CASE WHEN sequence = $1 THEN 1 END) AS is_there
             FROM event_batch WHERE gateway = $2 AND worker = $3",
            values![
                super::transaction::number(sequence)?,
                gateway.as_str(),
                worker.as_bytes(),
            ],
        )
        .await?;
    Ok((row.count("latest")?, row.count("is_there")? != 0))
}
