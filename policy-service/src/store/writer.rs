//! The one writer: a task that owns the writing connection and runs one operation after another.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{StoreError, Transaction, open};

/// How many operations may wait for the writer; more callers wait for a place.
const QUEUE: usize = 1024;
/// How long a connection in doubt may take to close.
const CLOSE: Duration = Duration::from_secs(2);

/// Something to do in one transaction.
pub(crate) trait Operation: Send + 'static {
    /// What it finds.
    type Output: Send + 'static;
    /// Why it fails; then nothing of it is kept.
    type Error: From<StoreError> + Send + 'static;

    /// Reads, decides and applies.
    fn run(
        self,
        transaction: &mut Transaction,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// A handle to the writer's task.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the task on a connection that [`open::first_writer`] made.
    pub(super) fn start(connection: SqliteConnection, options: SqliteConnectOptions) -> Writer {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(work(connection, options, queue));
        Writer { jobs }
    }

    /// Runs `operation` in its turn.
    pub(super) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, O::Error> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Task { operation, reply });
        if self.jobs.send(job).await.is_err() {
            return Err(StoreError::Stopped.into());
        }
        answer
            .await
            .unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    pub(super) async fn stopped(&self) {
        self.jobs.closed().await;
    }
}

/// What is left of the connection after a job.
enum Fate {
    Sound,
    /// It may be inside a transaction whose outcome is not known.
    Suspect,
}

trait Job: Send {
    fn run<'t>(
        self: Box<Self>,
        transaction: &'t mut Transaction,
    ) -> Pin<Box<dyn Future<Output = Fate> + Send + 't>>;
}

struct Task<O: Operation> {
    operation: O,
    reply: oneshot::Sender<Result<O::Output, O::Error>>,
}

impl<O: Operation> Job for Task<O> {
    fn run<'t>(
        self: Box<Self>,
        transaction: &'t mut Transaction,
    ) -> Pin<Box<dyn Future<Output = Fate> + Send + 't>> {
        Box::pin(async move {
            let Task { operation, reply } = *self;
            let (result, fate) = match transaction.begin().await {
                // Nothing was begun that could be half done.
                Err(error) => (Err(error.into()), Fate::Suspect),
                Ok(()) => finish(operation, transaction).await,
            };
            // The caller may have left; what was committed stays.
            let _ = reply.send(result);
            fate
        })
    }
}

async fn finish<O: Operation>(
    operation: O,
    transaction: &mut Transaction,
) -> (Result<O::Output, O::Error>, Fate) {
    let result = operation.run(transaction).await;
    if result.is_ok() && transaction.has_changes() {
        return match transaction.commit().await {
            Ok(()) => (result, Fate::Sound),
            Err(error) => (Err(error.into()), Fate::Suspect),
        };
    }
    match transaction.roll_back().await {
        Ok(()) => (result, Fate::Sound),
        Err(error) => (result.and(Err(error.into())), Fate::Suspect),
    }
}

/// Runs jobs until every handle is gone, or until a second connection in a row fails: a disk that
/// failed a write must not be believed again by the same process, so the service then ends.
async fn work(
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
) {
    let mut transaction = Transaction::new(connection);
    let mut failed_before = false;
    while let Some(job) = queue.recv().await {
        match job.run(&mut transaction).await {
            Fate::Sound => failed_before = false,
            Fate::Suspect if failed_before => {
                tracing::error!("the store failed twice in a row: the writer gives up");
                return;
            }
            Fate::Suspect => {
                failed_before = true;
                // The old connection may hold the write lock, so it goes first. A close that hangs
                // is left behind: SQLite's locks then decide.
                let _ = timeout(CLOSE, transaction.into_connection().close()).await;
                match open::writer(&options).await {
                    Ok(connection) => transaction = Transaction::new(connection),
                    Err(error) => {
                        tracing::error!(%error, "the store cannot be opened again: the writer gives up");
                        return;
                    }
                }
            }
        }
    }
    let _ = transaction.into_connection().close().await;
}
