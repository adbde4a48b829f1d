//! The store: approvals and their audit log, in SQLite or in PostgreSQL.
//!
//! The only way to change anything is [`Transaction::apply`], which takes the audit record together
//! with the change: a change without its record cannot be written. Statements are written once, on
//! a [`Connection`] to either engine; what the engines do their own way is
//! behind [`Engine`].

mod about;
mod anchors;
mod approvals;
mod audit;
mod confirmations;
pub(crate) mod conformance;
mod connection;
mod emergencies;
mod events;
mod figures;
mod haste;
mod job;
mod lapses;
mod listing;
mod log;
mod log_keys;
mod memberships;
mod migrations;
mod postgres;
mod pruning;
mod queue;
mod repeats;
mod rereading;
mod schema;
mod secrets;
mod security_keys;
mod sessions;
mod sqlite;
mod stops;
mod transaction;
mod transfer;
mod uses;
mod webhooks;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use velum_approval::Timestamp;

pub(crate) use anchors::Anchored;
pub(crate) use approvals::{Denials, Load, StoredApproval};
pub(crate) use audit::Entry;
pub(crate) use confirmations::{Begun, Hear, Heard};
pub(crate) use emergencies::StoredEmergency;
pub(crate) use events::{Batch, Unrecorded, Worker};
pub(crate) use figures::Figures;
pub(crate) use haste::Yes;
pub(crate) use lapses::Lapse;
pub(crate) use listing::{Listing, Order};
pub(crate) use log::{Closed, Head, LogRow, Tiles, Tree};
pub(crate) use log_keys::{LogKey, LogKeys};
pub(crate) use memberships::{Join, Joined, Memberships};
pub(crate) use postgres::{DatabaseUrl, NotAUrl};
pub(crate) use repeats::{Once, Repeat};
pub(crate) use rereading::{Stretch, Which};
pub(crate) use schema::Schema;
pub(crate) use secrets::{Secret, Written};
pub(crate) use security_keys::{SealedKey, StoredKey};
pub(crate) use sessions::{Confirmed, GroupReading, GroupReadings, Spent, StoredSession};
pub(crate) use stops::StoredStop;
#[cfg(test)]
pub(crate) use transaction::Fault;
pub(crate) use transaction::{Change, Stamp, Transaction};
pub(crate) use transfer::{Moved, transfer};
pub(crate) use uses::{Granted, NewUse, StoredUse};
pub(crate) use webhooks::{BeginWebhook, MoveWebhook};

use crate::clock::Fence;
use crate::metrics::StoreTimes;
use connection::Connection;
use job::{Job, Task};
use postgres::Postgres;
use sqlite::Sqlite;

/// A future whose type is forgotten.
type Eventually<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// Something to do in one transaction.
///
/// It may run more than once: a transaction that met another one, or whose connection was lost, is
/// rolled back and run anew. So it does nothing outside the transaction.
pub(crate) trait Operation: Send + Sync + 'static {
    /// What it finds.
    type Output: Send + 'static;
    /// Why it fails; then nothing of it is kept.
    type Error: From<StoreError> + Send + 'static;

    /// Whether running it again after a commit that may have taken place comes to the same: a use
    /// key, or a number, tells it what is there already. The others then end with
    /// [`StoreError::OutcomeUnknown`].
    const IS_REPEATABLE: bool = false;

    /// How long it may take where others write too, whatever has become of the server: longer than it lets a
    /// statement run.
    const PATIENCE: Duration = Duration::from_secs(6);

    /// Reads, decides and applies.
    fn run(
        &self,
        transaction: &mut Transaction,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// What an engine does its own way.
trait Engine: Send + Sync {
    /// A connection that reads one state of the store throughout, and writes nothing.
    fn read(&self) -> Eventually<'_, Result<Connection, StoreError>>;
    /// Sees to it that the job runs in a transaction, is committed where it is to be kept, and is
    /// answered then: also when nobody waits for it any more.
    fn submit(&self, job: Box<dyn Job>) -> Eventually<'_, ()>;
    /// Whether anything can be written.
    fn is_alive(&self) -> bool;
    /// Returns when nothing can be written any more.
    fn failed(&self) -> Eventually<'_, ()>;
    /// Whether other processes may write.
    fn has_other_writers(&self) -> bool;
    /// How many transactions it has committed, where it counts them.
    #[cfg(test)]
    fn commits(&self) -> Option<u64> {
        None
    }
    /// Lets operations share transactions where the engine does that, or gives each its own.
    #[cfg(test)]
    fn share(&self, _is_allowed: bool) {}
    /// Lets connections go.
    fn close(&self) -> Eventually<'_, ()>;
}

/// Where a store is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a folder, for one service alone.
    Folder(PathBuf),
    /// In a database that services share.
    Database(DatabaseUrl),
}

/// The approvals and their audit log.
#[derive(Clone)]
pub(crate) struct Store {
    engine: Arc<dyn Engine>,
    times: StoreTimes,
    /// Goes up with whatever this process has written.
    changes: watch::Sender<u64>,
    /// Nothing is written any more: what is there has lost something.
    is_frozen: Arc<AtomicBool>,
}

impl Store {
    /// Opens the store, which is made where it is missing, and returns it with the latest moment
    /// that it has seen.
    ///
    /// # Errors
    /// When another process has it open that should not, a setting cannot be had, the store is of a
    /// newer version, or it was moved elsewhere.
    pub(crate) async fn open(place: &Place) -> Result<(Store, Fence), StoreError> {
        let (engine, fence): (Arc<dyn Engine>, _) = match place {
            Place::Folder(data) => (
                Arc::new(Sqlite::open(data).await?),
                Fence::at(Timestamp::from_millis(0)),
            ),
            Place::Database(url) => {
                let postgres = Postgres::open(url).await?;
                let fence = postgres.fence();
                (Arc::new(postgres), fence)
            }
        };
        let store = Store {
            engine,
            times: StoreTimes::default(),
            changes: watch::Sender::new(0),
            is_frozen: Arc::default(),
        };
        let mut reading = store.read().await?;
        let meta =
            "SELECT max_time_ms, closed FROM log_end, meta WHERE log_end.id = 1 AND meta.id = 1";
        let row = reading.one(meta, &[]).await?;
        if let Some(why) = row.read::<Option<String>>("closed")? {
            return Err(StoreError::Data(match why.as_str() {
                "moved" => {
                    "the store was moved: its approvals are where it was moved to".to_owned()
                }
                _ => "the store is not complete: run migrate-store to its end".to_owned(),
            }));
        }
        fence.raise(Timestamp::from_millis(row.read("max_time_ms")?));
        Ok((store, fence))
    }

    /// Notes a digest of the key that requests are recognised by, or checks that it is the one noted.
    ///
    /// # Errors
    /// When it is not: this service would not know the approvals that are there.
    pub(crate) async fn recognise(&self, keys: [u8; 32]) -> Result<(), StoreError> {
        if self.write(Recognise(keys)).await? {
            return Ok(());
        }
        let fault = "fingerprint.key is not the one that this store was made with: restore it, and \
                     give every replica the same";
        Err(StoreError::Data(fault.to_owned()))
    }

    /// Whether other processes may write to it.
    pub(crate) fn has_other_writers(&self) -> bool {
        self.engine.has_other_writers()
    }

    /// Runs `operation` in a transaction, and commits what it applied if it returns `Ok`.
    ///
    /// Completes even when the caller stops waiting for it.
    ///
    /// # Errors
    /// Those of `operation`, with everything rolled back; [`StoreError::OutcomeUnknown`] when the
    /// commit failed half-way and the operation is not to be repeated: read again before doing
    /// anything else.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        if self.is_frozen() {
            return Err(StoreError::Frozen.into());
        }
        let begun = Instant::now();
        let (job, answer) = Task::of(operation);
        self.engine.submit(job).await;
        let done = answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Stopped.into()));
        self.times.took::<O>(begun.elapsed());
        if done.is_ok() {
            self.changes.send_modify(|changes| *changes += 1);
        }
        done
    }

    /// From here on nothing is written.
    pub(crate) fn freeze(&self) {
        self.is_frozen.store(true, Ordering::SeqCst);
    }

    /// Whether nothing is written any more.
    pub(crate) fn is_frozen(&self) -> bool {
        self.is_frozen.load(Ordering::SeqCst)
    }

    /// How long its operations take.
    pub(crate) fn times(&self) -> &StoreTimes {
        &self.times
    }

    /// How many transactions were committed, where they are counted.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> Option<u64> {
        self.engine.commits()
    }

    /// Lets operations share transactions, as they do, or gives each its own.
    #[cfg(test)]
    pub(crate) fn share(&self, is_allowed: bool) {
        self.engine.share(is_allowed);
    }

    /// Tells when this process may have written something: a hint to look again.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether the store can be read, and anything be written.
    pub(crate) async fn is_ready(&self) -> bool {
        !self.is_frozen() && self.engine.is_alive() && self.next_index().await.is_ok()
    }

    /// Returns when the store has failed for good; nothing can be written from then on.
    pub(crate) async fn failed(&self) {
        self.engine.failed().await;
    }

    /// Lets its connections go, where they can be let go while others have the store.
    pub(crate) async fn close(&self) {
        self.engine.close().await;
    }

    async fn read(&self) -> Result<Connection, StoreError> {
        let begun = Instant::now();
        let connection = self.engine.read().await;
        self.times.connected(begun.elapsed());
        connection
    }
}

/// Compares a digest of the fingerprint key with the one that the first service has noted.
struct Recognise([u8; 32]);

impl Operation for Recognise {
    type Output = bool;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let keys = transaction.keys().await?;
        if keys.is_none() {
            transaction.note_keys(&self.0).await?;
        }
        Ok(keys.is_none_or(|keys| keys == self.0))
    }
}

/// What went wrong in the store. Never holds a value of a row.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The data folder or one of its files cannot be used.
    Data(String),
    /// The database refused or failed.
    Database(sqlx::Error),
    /// The same of SQLite's writer.
    Writer(rusqlite::Error),
    /// The commit failed in a way that leaves open whether it took place.
    OutcomeUnknown,
    /// The store has failed for good.
    Stopped,
    /// It has lost records: nothing is written to it.
    Frozen,
    /// What was written is not under a signed head yet.
    Unpublished,
    /// This service's clock is far ahead of the database's.
    ClockAhead,
    /// Others were in the way, again and again.
    Conflict,
    /// The connection was lost, again and again.
    Unreachable,
    /// A row holds what this version cannot have written.
    Corrupt(&'static str),
    /// The system had no random bytes.
    NoRandomness,
    /// Something was to be written that must not be.
    Refused(&'static str),
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Data(fault) => formatter.write_str(fault),
            StoreError::Database(error) => match error.as_database_error() {
                // The database's own code and message name tables and constraints, never values.
                Some(error) => write!(formatter, "database: {}", error.message()),
                None => write!(formatter, "database: {}", kind(error)),
            },
            StoreError::Writer(error) => match error {
                rusqlite::Error::SqliteFailure(_, Some(message)) => {
                    write!(formatter, "database: {message}")
                }
                rusqlite::Error::SqliteFailure(code, None) => write!(formatter, "database: {code}"),
                _ => formatter.write_str("database: a row cannot be read"),
            },
            StoreError::OutcomeUnknown => {
                formatter.write_str("it is not known whether the commit took place")
            }
            StoreError::Frozen => formatter.write_str("records were lost: nothing is written"),
            StoreError::ClockAhead => formatter.write_str(
                "the clock is more than 30 s ahead of the database's: correct it; nothing is written",
            ),
            StoreError::Unpublished => {
                formatter.write_str("the record is under no signed head yet")
            }
            StoreError::Stopped => formatter.write_str("the writer has stopped"),
            StoreError::Unreachable => formatter.write_str("the connection was lost"),
            StoreError::Conflict => formatter.write_str("others changed it at the same time"),
            StoreError::Corrupt(what) => write!(formatter, "a row holds an impossible {what}"),
            StoreError::NoRandomness => formatter.write_str("the system gave no random bytes"),
            StoreError::Refused(what) => write!(formatter, "refused to write {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        StoreError::Database(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError::Writer(error)
    }
}

impl From<crate::random::NoRandomness> for StoreError {
    fn from(_: crate::random::NoRandomness) -> StoreError {
        StoreError::NoRandomness
    }
}

fn kind(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => "input or output failed",
        sqlx::Error::RowNotFound => "a row is missing",
        sqlx::Error::PoolTimedOut => "no connection in time",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "a row cannot be read",
        sqlx::Error::WorkerCrashed => "the connection's thread ended",
        _ => "an unexpected error",
    }
}
