//! What gateways reported without any review.

use velum_approval::record::Summary;
use velum_approval::{GatewayId, Timestamp, WorkerId};

use super::connection::{Connection, Row, Sql, values};
use super::transaction::number;
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

/// A batch as it is kept.
pub(crate) struct Batch {
    pub(crate) gateway: GatewayId,
    pub(crate) worker: WorkerId,
    pub(crate) sequence: u64,
    /// How many batches of the worker were missing before it when it came.
    pub(crate) missing: u64,
    /// Whether it was missing itself.
    pub(crate) is_late: bool,
    pub(crate) requests: u64,
    pub(crate) lost: u64,
    pub(crate) body: String,
}

/// A minute of a gateway whose batches no record has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unrecorded {
    pub(crate) gateway: GatewayId,
    /// When it begins.
    pub(crate) minute: Timestamp,
}

/// How many minutes are given at a time.
const MOST_MINUTES: i64 = 64;

impl Store {
    /// The oldest minutes before `now`'s whose batches no record has.
    pub(crate) async fn unrecorded(&self, now: Timestamp) -> Result<Vec<Unrecorded>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT gateway, min(at_ms) AS at_ms FROM event_batch
                 WHERE idx IS NULL AND at_ms < $1
                 GROUP BY gateway, at_ms / 60000 ORDER BY at_ms / 60000, gateway LIMIT $2",
                values![Summary::minute_of(now).as_millis(), MOST_MINUTES],
            )
            .await?;
        let read = |row: &Row| {
            let within = Timestamp::from_millis(row.read("at_ms")?);
            Ok(Unrecorded {
                gateway: gateway(row)?,
                minute: Summary::minute_of(within),
            })
        };
        rows.iter().map(read).collect()
    }

    /// The batches of such a minute behind one of a worker, in the order of workers and numbers; some of
    /// them.
    pub(crate) async fn batches(
        &self,
        of: &Unrecorded,
        behind: (WorkerId, u64),
    ) -> Result<Vec<Batch>, StoreError> {
        let mut reading = self.read().await?;
        let (worker, sequence) = behind;
        let rows = reading
            .all(
                "SELECT gateway, worker, sequence, missing, is_late, requests, lost, body
                 FROM event_batch
                 WHERE idx IS NULL AND gateway = $1 AND at_ms >= $2 AND at_ms < $3
                   AND (worker, sequence) > ($4, $5)
                 ORDER BY worker, sequence LIMIT 64",
                values![
                    of.gateway.as_str(),
                    of.minute.as_millis(),
                    of.end().as_millis(),
                    worker.as_bytes(),
                    number(sequence)?,
                ],
            )
            .await?;
        rows.iter().map(read_batch).collect()
    }

    /// The workers that reported last, the latest first.
    pub(crate) async fn workers(&self, limit: u32) -> Result<Vec<Worker>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading.all(WORKERS, values![i64::from(limit)]).await?;
        rows.iter().map(read_worker).collect()
    }
}

const WORKERS: &str =
    "SELECT gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms
                       FROM event_worker ORDER BY latest_ms DESC, worker LIMIT $1";

/// A batch more of a worker. A sum beyond what a number may be is a fault of who reported; it counts as the
/// most.
const COUNT: Sql = Sql {
    sqlite: "INSERT INTO event_worker
                 (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
             VALUES ($1, $2, 1, $3, $4, $5, $6, $6)
             ON CONFLICT (gateway, worker) DO UPDATE SET
                 batches = event_worker.batches + 1,
                 latest_sequence = max(event_worker.latest_sequence, excluded.latest_sequence),
                 requests = event_worker.requests
                     + min(excluded.requests, 9223372036854775807 - event_worker.requests),
                 lost = event_worker.lost + min(excluded.lost, 9223372036854775807 - event_worker.lost),
                 first_ms = min(event_worker.first_ms, excluded.first_ms),
                 latest_ms = max(event_worker.latest_ms, excluded.latest_ms)",
    postgres: "INSERT INTO event_worker
                   (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
               VALUES ($1, $2, 1, $3, $4, $5, $6, $6)
               ON CONFLICT (gateway, worker) DO UPDATE SET
                   batches = event_worker.batches + 1,
                   latest_sequence = greatest(event_worker.latest_sequence, excluded.latest_sequence),
                   requests = event_worker.requests
                       + least(excluded.requests, 9223372036854775807 - event_worker.requests),
                   lost = event_worker.lost
                       + least(excluded.lost, 9223372036854775807 - event_worker.lost),
                   first_ms = least(event_worker.first_ms, excluded.first_ms),
                   latest_ms = greatest(event_worker.latest_ms, excluded.latest_ms)",
};

impl Unrecorded {
    /// When it ends.
    fn end(&self) -> Timestamp {
        self.minute.after(Summary::PERIOD)
    }
}

fn gateway(row: &Row) -> Result<GatewayId, StoreError> {
    let gateway: String = row.read("gateway")?;
    GatewayId::new(gateway).map_err(|_| StoreError::Corrupt("gateway"))
}

fn worker(row: &Row) -> Result<WorkerId, StoreError> {
    let worker: Vec<u8> = row.read("worker")?;
    let worker = worker.try_into();
    let worker = worker.map_err(|_| StoreError::Corrupt("worker"))?;
    Ok(WorkerId::from_bytes(worker))
}

fn read_batch(row: &Row) -> Result<Batch, StoreError> {
    Ok(Batch {
        gateway: gateway(row)?,
        worker: worker(row)?,
        sequence: row.count("sequence")?,
        missing: row.count("missing")?,
        is_late: row.count("is_late")? != 0,
        requests: row.count("requests")?,
        lost: row.count("lost")?,
        body: row.read("body")?,
    })
}

fn read_worker(row: &Row) -> Result<Worker, StoreError> {
    Ok(Worker {
        gateway: row.read("gateway")?,
        id: worker(row)?,
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
    // Each by one look into the index, however much the worker has sent.
    let latest = connection
        .one(
            "SELECT coalesce(max(sequence), 0) AS latest FROM event_batch
             WHERE gateway = $1 AND worker = $2",
            values![gateway.as_str(), worker.as_bytes()],
        )
        .await?;
    let there = connection
        .optional(
            "SELECT sequence FROM event_batch WHERE gateway = $1 AND worker = $2 AND sequence = $3",
            values![gateway.as_str(), worker.as_bytes(), number(sequence)?],
        )
        .await?;
    Ok((latest.count("latest")?, there.is_some()))
}

/// Keeps a batch that is not there. Its record is that of its minute.
pub(super) async fn insert(
    connection: &mut Connection,
    batch: &Batch,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO event_batch
                 (gateway, worker, sequence, at_ms, requests, lost, missing, is_late, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                batch.gateway.as_str(),
                batch.worker.as_bytes(),
                number(batch.sequence)?,
                now.as_millis(),
                number(batch.requests)?,
                number(batch.lost)?,
                number(batch.missing)?,
                i64::from(batch.is_late),
                &batch.body,
            ],
        )
        .await?;
    connection
        .execute(
            COUNT,
            values![
                batch.gateway.as_str(),
                batch.worker.as_bytes(),
                number(batch.sequence)?,
                number(batch.requests)?,
                number(batch.lost)?,
                now.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

/// Notes that the record of this index has the batches of a minute: all that there are, or the operation
/// has to be run anew.
pub(super) async fn record(
    connection: &mut Connection,
    summary: &Summary,
    index: u64,
) -> Result<(), StoreError> {
    let recorded = connection
        .execute(
            "UPDATE event_batch SET idx = $1
             WHERE idx IS NULL AND gateway = $2 AND at_ms >= $3 AND at_ms < $4",
            values![
                number(index)?,
                summary.gateway().as_str(),
                summary.minute().as_millis(),
                summary.minute().after(Summary::PERIOD).as_millis(),
            ],
        )
        .await?;
    if recorded == summary.batches() {
        return Ok(());
    }
    Err(StoreError::Conflict)
}
