//! What the services on a store heard of workers about its stops, so that each of them tells the same.
//!
//! Written beside the log, without a record: no stop holds by it. A row that was lost is written again by
//! whoever hears of it next, and one that is there twice says the same.

use velum_approval::{GatewayId, StopId, Timestamp, WorkerId};

use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Operation, Store, StoreError, Transaction};

/// How many stops are followed at a time: the latest.
const MOST_STOPS: i64 = 64;

/// What was heard of one worker about one stop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Heard {
    pub(crate) gateway: GatewayId,
    pub(crate) worker: WorkerId,
    /// Whether it is known to have had a lease when the stop was made.
    pub(crate) was_there: bool,
    /// How many milliseconds after the stop it said that it keeps to it.
    pub(crate) after_ms: Option<u64>,
}

/// A stop that workers are to confirm.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) id: StopId,
    /// The version of whoever has heard of it.
    pub(crate) version: u64,
    pub(crate) at: Timestamp,
}

impl Store {
    /// The latest stops that were begun with this version or a later one, the latest first.
    pub(crate) async fn begun(&self, version: u64) -> Result<Vec<Begun>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT begun, body FROM stop WHERE begun >= $1 ORDER BY begun DESC LIMIT $2",
                values![number(version)? - 1, MOST_STOPS],
            )
            .await?;
        let read = |row: &Row| {
            let stop = super::stops::read(row)?;
            Ok(Begun {
                id: stop.id,
                version: row.count("begun")? + 1,
                at: stop.at,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// Keeps what was heard. What came first stands, whoever heard it.
pub(crate) struct Hear(pub(crate) Vec<(StopId, Heard)>);

impl Operation for Hear {
    type Output = ();
    type Error = StoreError;

    // The earliest stands, however often it is written.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for (stop, heard) in &self.0 {
            transaction.hear(stop, heard).await?;
        }
        Ok(())
    }
}

pub(super) async fn write(
    connection: &mut Connection,
    stop: &StopId,
    heard: &Heard,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO stop_confirmation (stop, gateway, worker, was_there, after_ms)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (stop, gateway, worker) DO UPDATE SET
                 was_there = CASE WHEN excluded.was_there = 1 THEN 1
                                  ELSE stop_confirmation.was_there END,
                 after_ms = CASE WHEN stop_confirmation.after_ms IS NULL
                                      OR excluded.after_ms < stop_confirmation.after_ms
                                 THEN excluded.after_ms ELSE stop_confirmation.after_ms END",
            values![
                stop.as_str(),
                heard.gateway.as_str(),
                heard.worker.as_bytes(),
                i64::from(heard.was_there),
                heard.after_ms.map(number).transpose()?,
            ],
        )
        .await?;
    Ok(())
}

/// What was heard about a stop.
pub(super) async fn of(
    connection: &mut Connection,
    stop: &StopId,
) -> Result<Vec<Heard>, StoreError> {
    let rows = connection
        .all(
            "SELECT gateway, worker, was_there, after_ms FROM stop_confirmation WHERE stop = $1
             ORDER BY gateway, worker",
            values![stop.as_str()],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Heard, StoreError> {
    let gateway: String = row.read("gateway")?;
    let worker: Vec<u8> = row.read("worker")?;
    let worker = worker.try_into();
    let after: Option<i64> = row.read("after_ms")?;
    let after = after.map(u64::try_from).transpose();
    Ok(Heard {
        gateway: GatewayId::new(gateway).map_err(|_| StoreError::Corrupt("gateway"))?,
        worker: WorkerId::from_bytes(worker.map_err(|_| StoreError::Corrupt("worker"))?),
        was_there: row.count("was_there")? != 0,
        after_ms: after.map_err(|_| StoreError::Corrupt("time"))?,
    })
}
