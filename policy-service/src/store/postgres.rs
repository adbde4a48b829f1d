//! PostgreSQL 15 or later: many services may share one database.
//!
//! What an operation reads of an approval is locked by its row, and what it appends to the log by
//! the log's head, always in this order; nothing depends on what an engine calls serialisable. So
//! READ COMMITTED is enough, and other engines that speak PostgreSQL's protocol have it too.

pub(super) mod open;
mod session;
mod url;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, Link, Trouble, trouble};
use super::job::Job;
#[cfg(test)]
use super::transaction::Fault;
use super::transaction::Faults;
use super::{Engine, Eventually, StoreError, Transaction, audit};
use crate::clock::Fence;
use velum_approval::Timestamp;

pub(super) use session::{Session, within};
pub(crate) use url::{DatabaseUrl, NotAUrl};

/// How often an operation is tried, and until when a further try begins.
const TRIES: u32 = 6;
const LIMIT: Duration = Duration::from_secs(2);
/// How long the server may be silent when something is read: longer than it lets a statement take.
const SILENCE: Duration = Duration::from_secs(6);
/// The longest pause after the first try; it doubles with every other.
const PAUSE: Duration = Duration::from_millis(10);

/// A store in a database that others may use at the same time.
#[derive(Clone)]
pub(super) struct Postgres {
    writers: PgPool,
    readers: PgPool,
    fence: Fence,
    faults: Faults,
}

impl Postgres {
    /// Connects, checks the server's settings, and brings the schema up to date.
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Postgres, StoreError> {
        open::prepare(url).await?;
        Ok(Postgres {
            writers: open::writers(url).await?,
            readers: open::readers(url).await?,
            fence: Fence::at(Timestamp::from_millis(0)),
            faults: Faults::default(),
        })
    }

    /// What the store raises whenever it sees that another service is ahead in time.
    pub(super) fn fence(&self) -> Fence {
        self.fence.clone()
    }

    /// Runs a job until it has an outcome or is out of tries.
    async fn run(&self, mut job: Box<dyn Job>) {
        let begun = Instant::now();
        let mut is_in_doubt = false;
        for number in 1..=TRIES {
            let setback = match timeout(job.patience(), self.attempt(&mut job)).await {
                Ok(None) => break,
                Ok(Some(setback)) => setback,
                // The server is silent; whether it was the commit that it did not answer is not
                // known here.
                Err(_) => Setback::InDoubt,
            };
            is_in_doubt |= matches!(setback, Setback::InDoubt);
            if is_in_doubt && !job.is_repeatable() {
                job.fail(StoreError::OutcomeUnknown);
                break;
            }
            if number == TRIES || begun.elapsed() >= LIMIT {
                job.fail(match setback {
                    Setback::Again(error) if !is_in_doubt => error,
                    _ => StoreError::OutcomeUnknown,
                });
                break;
            }
            sleep(pause(number)).await;
        }
        job.answer();
    }

    /// Runs a job once. `None`: it has its outcome.
    async fn attempt(&self, job: &mut Box<dyn Job>) -> Option<Setback> {
        let connection = match self.begin().await {
            Ok(connection) => connection,
            Err(error) => return Some(Setback::Again(error)),
        };
        let mut transaction = Transaction::new(connection, &self.faults);
        let is_kept = job.run(&mut transaction).await;
        let has_changes = transaction.take_changes();
        #[cfg(test)]
        let has_records = transaction.take_records();
        #[cfg(not(test))]
        let has_records = true;
        let mut connection = transaction.into_connection();
        let failed = connection.take_trouble();
        let Link::PostgresWriter(session) = connection.link else {
            job.fail(StoreError::Stopped);
            return None;
        };
        match failed {
            Some(Trouble::Conflict) => {
                let _ = session.rollback().await;
                return Some(Setback::Again(StoreError::Conflict));
            }
            // Nothing was to be committed yet.
            Some(Trouble::Lost) => return Some(Setback::Again(StoreError::Unreachable)),
            Some(Trouble::Fault) if is_kept => {
                job.fail(StoreError::Refused("after a statement that failed"));
            }
            None if is_kept && has_changes => return self.commit(session, has_records).await,
            Some(Trouble::Fault) | None => {}
        }
        let _ = session.rollback().await;
        None
    }

    pub(super) async fn begin(&self) -> Result<Connection, StoreError> {
        // How long it may take is the job's.
        let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let session = Session::begin(&self.writers, begin, None).await?;
        let mut connection = Connection::new(Link::PostgresWriter(session));
        self.look_at_the_time(&mut connection).await?;
        Ok(connection)
    }

    /// Another service's clock may be ahead: what it saw expire has expired here too.
    async fn look_at_the_time(&self, connection: &mut Connection) -> Result<(), StoreError> {
        self.fence.raise(audit::latest(connection).await?);
        Ok(())
    }

    async fn commit(
        &self,
        session: Session,
        #[cfg_attr(not(test), expect(unused_variables, reason = "for tests"))] has_records: bool,
    ) -> Option<Setback> {
        #[cfg(test)]
        if has_records && let Some(fault) = self.faults.take() {
            if matches!(fault, Fault::AnswerLost) {
                session.commit().await.unwrap();
            }
            return Some(Setback::InDoubt);
        }
        let error = session.commit().await.err()?;
        if trouble(&error) == Trouble::Conflict {
            return Some(Setback::Again(StoreError::Database(error)));
        }
        tracing::error!(error = %StoreError::from(error), "a commit failed");
        Some(Setback::InDoubt)
    }
}

/// Why a try came to nothing.
enum Setback {
    /// Nothing of it is kept.
    Again(StoreError),
    /// Perhaps it is committed.
    InDoubt,
}

impl Engine for Postgres {
    fn read(&self) -> Eventually<'_, Result<Connection, StoreError>> {
        Box::pin(async {
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
            let session = Session::begin(&self.readers, begin, Some(SILENCE)).await?;
            let mut connection = Connection::new(Link::PostgresReader(session));
            self.look_at_the_time(&mut connection).await?;
            Ok(connection)
        })
    }

    fn submit(&self, job: Box<dyn Job>) -> Eventually<'_, ()> {
        let engine = self.clone();
        Box::pin(async move {
            tokio::spawn(async move { engine.run(job).await });
        })
    }

    fn is_alive(&self) -> bool {
        !self.writers.is_closed()
    }

    fn failed(&self) -> Eventually<'_, ()> {
        // A server that comes back is used again.
        Box::pin(std::future::pending())
    }

    fn has_other_writers(&self) -> bool {
        true
    }

    fn close(&self) -> Eventually<'_, ()> {
        Box::pin(async {
            self.writers.close().await;
            self.readers.close().await;
        })
    }
}

/// Anything up to the longest pause, so that those who met once do not meet again.
fn pause(tries: u32) -> Duration {
    let longest = PAUSE * 2_u32.saturating_pow(tries - 1);
    // Keyed anew each time: nothing here has to be secret, only different.
    let random = u32::try_from(RandomState::new().build_hasher().finish() % 1000);
    longest * random.unwrap_or(500) / 1000
}
