//! A log ends with its year (UTC), and the next one begins.
//!
//! In one transaction, so that no record is split over the two or lost between them, and whoever else would
//! do it finds it done: the last record, the whole tree and its root, the first record of the next log,
//! which has them, and that of what it is written under. The last head is then fenced and signed like any other, and before any of the next log:
//! a service that ends in between goes on there.
//!
//! Whoever keeps the log does it, once all but that last record is under a head. What is written between
//! the year's end and this is of the old log: a log is named by the year in which it began.

use velum_approval::Record;
use velum_approval::record::{LogEvent, PreviousLog};

use super::growing::{self, Root};
use super::signing::Signers;
use super::{LogError, Step, configuring, naming};
use crate::http::App;
use crate::store::{Change, Closed, LogRow, Operation, StoreError, Transaction};

/// Closes the open log and opens the next one, if the year is over; tells whether it was.
pub(super) async fn roll(app: &App, signers: &Signers) -> Result<bool, LogError> {
    let open = app.store().open_log().await?;
    let now = app.now();
    let next = open
        .name
        .map(|name| naming::after(&name, now))
        .transpose()?;
    if next.flatten().is_none() {
        return Ok(false);
    }
    let keys = app.store().log_keys(open.number).await?;
    let key = signers.current()?;
    if keys.current() != Some(key) || keys.unproven().is_some() {
        // An exchange of the key ends in the log in which it began.
        return Ok(false);
    }
    let roll = Roll {
        app: app.clone(),
        key,
    };
    let has_rolled = app.store().write(roll).await?;
    if has_rolled {
        app.parts().log.done(Step::Rolled)?;
    }
    Ok(has_rolled)
}

/// The logs whose year is over and whose last head is not signed yet.
pub(super) async fn ended(app: &App) -> Result<Vec<Root>, StoreError> {
    let mut ended = Vec::new();
    for log in app.store().logs().await? {
        let Some(root) = whole(&log) else { continue };
        let head = match app.store().head(log.number).await {
            // It is told of (`rereading.rs`); the open log does not wait for it.
            Err(StoreError::Corrupt(_)) => continue,
            head => head?,
        };
        if head.is_none_or(|head| head.size < root.size) {
            ended.push(root);
        }
    }
    Ok(ended)
}

/// Whether the key that signs a log is there. Where a new log was opened because it was lost, the last head of
/// a year that had just ended is signed by nobody any more.
pub(super) async fn has_key(app: &App, log: u64, signers: &Signers) -> Result<bool, StoreError> {
    let keys = app.store().log_keys(log).await?;
    let signs = keys.current();
    Ok(signs.is_some_and(|signs| signers.keys.contains(&signs)))
}

/// The same of the keys that there are now.
pub(crate) async fn is_key_there(app: &App, log: u64) -> Result<bool, LogError> {
    let signers = app.parts().log.signatory.known(None).await?;
    Ok(has_key(app, log, &signers).await?)
}

/// The logs whose year is over and whose last head nobody signs, each as a part of a sentence.
pub(super) async fn left_unsigned(app: &App) -> Result<Vec<String>, LogError> {
    let mut left = Vec::new();
    for ended in ended(app).await? {
        if !is_key_there(app, ended.log).await? {
            let name = &ended.name;
            left.push(format!(
                "; the last records of {name} are under no signed head, and its key is not there to sign one"
            ));
        }
    }
    Ok(left)
}

/// The whole tree of a log that ended with its year.
pub(super) fn whole(log: &LogRow) -> Option<Root> {
    Some(Root {
        log: log.number,
        name: log.name.clone()?,
        first: log.first,
        size: log.size,
        hash: log.closed.root?,
        is_behind: false,
        fenced: log.closed.fenced,
        is_closed: true,
    })
}

struct Roll {
    app: App,
    /// The one that signs the next log, as it signs this one.
    key: [u8; 32],
}

impl Operation for Roll {
    type Output = bool;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        // From here on nobody writes a record.
        let stamp = self.app.stamp(transaction).await?;
        let Some(name) = transaction.open_log().await?.name else {
            return Ok(false);
        };
        let Some(next) = naming::after(&name, stamp.now)? else {
            return Ok(false);
        };
        let closed = Record::Log(Box::new(LogEvent::Closed { next: next.clone() }));
        transaction.apply(&Change::Nothing, &closed, &stamp).await?;
        let mut log = transaction.open_log().await?;
        let root = growing::finish(transaction, &log).await?;
        log.closed = Closed {
            at: Some(stamp.now),
            root: Some(root),
            ..Closed::default()
        };
        let first = transaction.begin_next_log(&log, &next, 0).await?;
        let stamp = self.app.stamp(transaction).await?;
        let opened = LogEvent::Opened {
            name: next,
            key: self.key,
            previous: Some(PreviousLog {
                name,
                size: log.size,
                root: *root.as_bytes(),
            }),
            first,
        };
        let opened = Record::Log(Box::new(opened));
        transaction.apply(&Change::Nothing, &opened, &stamp).await?;
        configuring::begin(&self.app, transaction).await?;
        Ok(true)
    }
}
