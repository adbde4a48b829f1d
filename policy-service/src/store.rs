//! The store: one SQLite file, one writer, readers that cannot write.
//!
//! The only way to change anything is [`Transaction::apply`], which takes the audit record together
//! with the change: a change without its record cannot be written.

mod approvals;
mod audit;
mod emergencies;
mod events;
mod open;
mod secrets;
mod stops;
mod transaction;
mod uses;
mod writer;

use std::fmt;
use std::path::Path;

use sqlx::SqlitePool;
use velum_approval::Timestamp;

pub(crate) use approvals::{Filter, Load, StoredApproval};
pub(crate) use emergencies::StoredEmergency;
pub(crate) use events::Worker;
pub(crate) use secrets::Secret;
pub(crate) use stops::StoredStop;
#[cfg(test)]
pub(crate) use transaction::Fault;
pub(crate) use transaction::{Change, Stamp, Transaction};
pub(crate) use uses::{Granted, StoredUse};
pub(crate) use writer::Operation;

use open::DataLock;
use writer::Writer;

/// The approvals and their audit log.
#[derive(Clone)]
pub(crate) struct Store {
    writer: Writer,
    readers: SqlitePool,
    _lock: std::sync::Arc<DataLock>,
}

impl Store {
    /// Opens the store in the folder `data`, which is made where it is missing, and returns it with
    /// the latest moment that it has seen.
    ///
    /// # Errors
    /// When another process has it open, a setting cannot be had, or the file is of a newer version.
    pub(crate) async fn open(data: &Path) -> Result<(Store, Timestamp), StoreError> {
        let lock = DataLock::take(data)?;
        let options = open::options(data)?;
        let mut connection = open::first_writer(&options).await?;
        let latest = sqlx::query_scalar::<_, i64>("SELECT max_time_ms FROM meta")
            .fetch_one(&mut connection)
            .await?;
        let store = Store {
            writer: Writer::start(connection, options.clone()),
            readers: open::readers(options).await?,
            _lock: std::sync::Arc::new(lock),
        };
        Ok((store, Timestamp::from_millis(latest)))
    }

    /// Runs `operation` in a transaction that no other write can come between, and commits what it
    /// applied if it returns `Ok`.
    ///
    /// Completes even when the caller stops waiting for it.
    ///
    /// # Errors
    /// Those of `operation`, with everything rolled back; [`StoreError::OutcomeUnknown`] when the
    /// commit failed half-way: read again before doing anything else.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        self.writer.run(operation).await
    }

    /// Whether the store can be read and its writer lives.
    pub(crate) async fn is_ready(&self) -> bool {
        self.writer.is_alive()
            && sqlx::query("SELECT id FROM meta")
                .fetch_one(&self.readers)
                .await
                .is_ok()
    }

    /// Returns when the writer has given up; nothing can be written from then on.
    pub(crate) async fn failed(&self) {
        self.writer.stopped().await;
    }
}

/// What went wrong in the store. Never holds a value of a row.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// The data folder or one of its files cannot be used.
    Data(String),
    /// The database refused or failed.
    Database(sqlx::Error),
    /// The commit failed in a way that leaves open whether it took place.
    OutcomeUnknown,
    /// The writer has given up.
    Stopped,
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
            StoreError::OutcomeUnknown => {
                formatter.write_str("it is not known whether the commit took place")
            }
            StoreError::Stopped => formatter.write_str("the writer has stopped"),
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

impl From<crate::random::NoRandomness> for StoreError {
    fn from(_: crate::random::NoRandomness) -> StoreError {
        StoreError::NoRandomness
    }
}

fn kind(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => "input or output failed",
        sqlx::Error::RowNotFound => "a row is missing",
        sqlx::Error::PoolTimedOut => "no free connection",
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => "a row cannot be read",
        sqlx::Error::WorkerCrashed => "the connection's thread ended",
        _ => "an unexpected error",
    }
}
