//! The one writer: a thread that owns the writing connection.
//!
//! Operations that wait at the same time share a transaction, each behind a savepoint of its own, so
//! that a flush of the disk serves many; all are answered after the commit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

use super::super::connection::{Connection, Link};
use super::super::job::Job;
#[cfg(test)]
use super::super::transaction::Fault;
use super::super::transaction::Faults;
use super::super::{StoreError, Transaction};
use super::{WritingLink, open};

/// How many operations may wait for the writer; more callers wait for a place.
const QUEUE: usize = 1024;
/// How many operations may share a transaction.
const GROUP: usize = 64;
/// How long a connection in doubt may take to close.
const CLOSE: Duration = Duration::from_secs(2);

type Jobs = Vec<Box<dyn Job>>;

/// A handle to the writer's thread.
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    closing: Arc<Notify>,
    /// Its sender is the thread's: it is gone when the connection is.
    ended: watch::Receiver<()>,
    #[cfg(test)]
    commits: Commits,
    #[cfg(test)]
    group: Group,
}

/// How many transactions were committed.
#[cfg(test)]
type Commits = Arc<std::sync::atomic::AtomicU64>;

/// How many operations may share a transaction; tests let them share none.
#[derive(Clone)]
struct Group(#[cfg(test)] Arc<std::sync::atomic::AtomicUsize>);

impl Group {
    fn new() -> Group {
        Group(
            #[cfg(test)]
            Arc::new(GROUP.into()),
        )
    }

    #[cfg(test)]
    fn most(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests ask it")]
    fn most(&self) -> usize {
        GROUP
    }
}

impl Writer {
    /// Starts the thread on a connection that [`open::first_writer`] made.
    pub(super) fn start(
        link: WritingLink,
        options: SqliteConnectOptions,
    ) -> Result<Writer, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let desk = Desk {
            faults: Faults::default(),
            options,
            #[cfg(test)]
            commits: Commits::default(),
            group: Group::new(),
        };
        #[cfg(test)]
        let commits = desk.commits.clone();
        #[cfg(test)]
        let group = desk.group.clone();
        let (end, ended) = watch::channel(());
        let closing = Arc::new(Notify::new());
        let told = closing.clone();
        let runtime = Handle::current();
        // A statement waits for the disk: a thread of the runtime would keep others waiting with it.
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                runtime.block_on(work(desk, link, queue, &told));
                drop(end);
            })
            .map_err(|error| StoreError::Data(format!("the writer's thread: {error}")))?;
        Ok(Writer {
            jobs,
            closing,
            ended,
            #[cfg(test)]
            commits,
            #[cfg(test)]
            group,
        })
    }

    /// Has the job run in its turn.
    pub(super) async fn submit(&self, job: Box<dyn Job>) {
        if let Err(refused) = self.jobs.send(job).await {
            // It came to an error of its own: the writer has stopped.
            refused.0.answer();
        }
    }

    /// Takes no more jobs, and returns when those that wait are done and the file is closed.
    pub(super) async fn close(&self) {
        self.closing.notify_one();
        let mut ended = self.ended.clone();
        // A disk that hangs is not waited for.
        let _ = timeout(CLOSE, async { while ended.changed().await.is_ok() {} }).await;
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.jobs.is_closed()
    }

    #[cfg(test)]
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Lets operations share transactions, or gives each its own.
    #[cfg(test)]
    pub(super) fn share(&self, is_allowed: bool) {
        let most = if is_allowed { GROUP } else { 1 };
        self.group
            .0
            .store(most, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) async fn stopped(&self) {
        self.jobs.closed().await;
    }
}

struct Desk {
    options: SqliteConnectOptions,
    faults: Faults,
    #[cfg(test)]
    commits: Commits,
    group: Group,
}

/// What became of a group.
enum Fate {
    /// All that was to be kept is on the disk.
    Committed,
    /// Nothing of it is; the connection is sound.
    RolledBack(StoreError),
    /// Nothing of it is, and the connection is not to be believed.
    Broken(StoreError),
    /// Perhaps all of it is, perhaps nothing; the connection is not to be believed.
    InDoubt,
}

impl Desk {
    fn transaction(&self, link: WritingLink) -> Transaction {
        Transaction::new(Connection::new(Link::SqliteWriter(link)), &self.faults)
    }

    /// Runs jobs in one transaction. It begins with the write lock: one that took it later could
    /// fail at once, whatever `busy_timeout` says.
    async fn run(&self, transaction: &mut Transaction, jobs: &mut Jobs) -> Fate {
        if let Err(error) = execute(transaction, "BEGIN IMMEDIATE").await {
            return failed(transaction, error).await;
        }
        let is_alone = jobs.len() == 1;
        let mut has_changes = false;
        transaction.connection().appended = None;
        for job in jobs.iter_mut() {
            if !is_alone && let Err(error) = execute(transaction, "SAVEPOINT job").await {
                return Fate::Broken(error);
            }
            let before = transaction.connection().appended;
            let is_kept = settle(job, transaction).await;
            let changed = transaction.take_changes();
            has_changes |= is_kept && changed;
            if !is_kept {
                transaction.connection().appended = before;
            }
            if is_alone {
                break;
            }
            if !is_kept && let Err(error) = execute(transaction, "ROLLBACK TO job").await {
                // A full disk ends the whole transaction.
                return abandon(transaction, error).await;
            }
            if let Err(error) = execute(transaction, "RELEASE job").await {
                return failed(transaction, error).await;
            }
        }
        if has_changes {
            return self.commit(transaction).await;
        }
        match execute(transaction, "ROLLBACK").await {
            Ok(()) => Fate::Committed,
            Err(error) => abandon(transaction, error).await,
        }
    }

    /// Commits, and knows then where the log goes on: the next record has that index, or one before it is missing.
    async fn commit(&self, transaction: &mut Transaction) -> Fate {
        #[cfg(test)]
        if transaction.take_records()
            && let Some(fault) = self.faults.take()
        {
            if matches!(fault, Fault::AnswerLost) {
                execute(transaction, "COMMIT").await.unwrap();
            }
            return Fate::InDoubt;
        }
        match execute(transaction, "COMMIT").await {
            Ok(()) => {
                #[cfg(test)]
                self.commits
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let connection = transaction.connection();
                if let Some(next) = connection.appended {
                    connection.know(next);
                }
                Fate::Committed
            }
            // What there was no room for is undone and told to nobody, and the disk is as good as before:
            // when there is room the same process goes on.
            Err(error) if is_for_want_of_room(&error) => {
                tracing::error!(%error, "the disk is full");
                abandon(transaction, error).await
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed");
                Fate::InDoubt
            }
        }
    }
}

/// Runs a job, and tells whether it is to be kept.
async fn settle(job: &mut Box<dyn Job>, transaction: &mut Transaction) -> bool {
    let is_kept = job.run(transaction).await;
    let has_failed = transaction.connection().take_trouble().is_some();
    if is_kept && has_failed {
        job.fail(StoreError::Refused("after a statement that failed"));
    }
    is_kept && !has_failed
}

/// What has failed before a commit is undone where the disk was full; else the connection is given up.
async fn failed(transaction: &mut Transaction, error: StoreError) -> Fate {
    if is_for_want_of_room(&error) {
        abandon(transaction, error).await
    } else {
        Fate::Broken(error)
    }
}

/// Whether a write found no room on the disk (`SQLITE_FULL`). A flush that fails says something else.
fn is_for_want_of_room(error: &StoreError) -> bool {
    let code = match error {
        StoreError::Writer(error) => error.sqlite_error_code(),
        _ => None,
    };
    code == Some(rusqlite::ErrorCode::DiskFull)
}

/// Makes sure that no transaction is open any more.
async fn abandon(transaction: &mut Transaction, error: StoreError) -> Fate {
    // Fails where the engine has rolled back by itself.
    let _ = execute(transaction, "ROLLBACK").await;
    let is_sound = execute(transaction, "BEGIN IMMEDIATE").await.is_ok()
        && execute(transaction, "ROLLBACK").await.is_ok();
    if is_sound {
        Fate::RolledBack(error)
    } else {
        Fate::Broken(error)
    }
}

async fn execute(transaction: &mut Transaction, statement: &'static str) -> Result<(), StoreError> {
    let connection = transaction.connection();
    let done = connection.execute(statement, &[]).await;
    connection.take_trouble();
    done.map(|_| ())
}

/// Runs jobs until every handle is gone, or until a second connection in a row fails: a disk that
/// failed a write must not be believed again by the same process, so the service then ends.
async fn work(
    desk: Desk,
    link: WritingLink,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    closing: &Notify,
) {
    let mut transaction = desk.transaction(link);
    let mut failed_before = false;
    loop {
        let first = tokio::select! {
            first = queue.recv() => first,
            () = closing.notified(), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        };
        let Some(first) = first else { return };
        let mut groups = VecDeque::from([gather(first, &mut queue, desk.group.most())]);
        while let Some(mut jobs) = groups.pop_front() {
            let fate = desk.run(&mut transaction, &mut jobs).await;
            let is_sound = matches!(fate, Fate::Committed | Fate::RolledBack(_));
            let (again, ended) = sort(jobs, fate);
            for job in ended {
                job.answer();
            }
            groups.extend(again.into_iter().map(|job| vec![job]));
            if is_sound {
                failed_before = false;
                continue;
            }
            // The old connection may hold the write lock, so it goes first. A close that hangs is
            // left behind: SQLite's locks then decide.
            let known = transaction.connection().known();
            close(transaction);
            if failed_before {
                tracing::error!("the store failed twice in a row: the writer gives up");
                return;
            }
            failed_before = true;
            match open::writer(&desk.options) {
                Ok(link) => {
                    transaction = desk.transaction(link);
                    transaction.connection().know(known);
                }
                Err(error) => {
                    tracing::error!(%error, "the store cannot be opened again: the writer gives up");
                    return;
                }
            }
        }
    }
}

/// Who waits at this moment shares the next transaction.
fn gather(first: Box<dyn Job>, queue: &mut mpsc::Receiver<Box<dyn Job>>, most: usize) -> Jobs {
    let mut jobs = vec![first];
    while jobs.len() < most
        && let Ok(job) = queue.try_recv()
    {
        jobs.push(job);
    }
    jobs
}

/// Parts a group into jobs that are run once more, each alone, and jobs that have ended.
fn sort(jobs: Jobs, fate: Fate) -> (Jobs, Jobs) {
    match fate {
        Fate::Committed => (Jobs::new(), jobs),
        Fate::InDoubt => {
            let (again, mut ended): (Jobs, Jobs) =
                jobs.into_iter().partition(|job| job.is_repeatable());
            for job in &mut ended {
                job.fail(StoreError::OutcomeUnknown);
            }
            (again, ended)
        }
        Fate::RolledBack(error) | Fate::Broken(error) => match <[_; 1]>::try_from(jobs) {
            Ok([mut job]) => {
                job.fail_unless_failed(error);
                (Jobs::new(), vec![job])
            }
            // Another of the group may be at fault.
            Err(jobs) => (jobs, Jobs::new()),
        },
    }
}

/// Closes a connection in doubt on a thread of its own, since that may hang.
fn close(transaction: Transaction) {
    let (done, closed) = std::sync::mpsc::channel();
    let closing = std::thread::Builder::new().spawn(move || {
        drop(transaction);
        let _ = done.send(());
    });
    if closing.is_ok() {
        let _ = closed.recv_timeout(CLOSE);
    }
}
