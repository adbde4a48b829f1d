//! Whole logs go after their retention: never the one that is open, never a single record.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::sync::watch;
use velum_approval::record::{LogEvent, PreviousLog};
use velum_approval::{PersonId, Reason, Record};

use crate::auth::Callers;
use crate::config::Config;
use crate::http::App;
use crate::inbox::Doors;
use crate::store::{Change, LogRow, Operation, StoreError, Transaction};
use crate::{Options, StartError, assemble, log, open};

/// Which logs are to go, and who says so.
pub struct Pruning {
    /// Those of years before this one.
    pub before: u32,
    /// Who.
    pub by: PersonId,
    /// Why.
    pub reason: Reason,
    /// Whether it is only told what would go.
    pub is_dry: bool,
}

/// Removes the logs of years before one, each in a transaction with the record that says so, and tells which.
/// The service must not run.
///
/// # Errors
/// When a log of these years is not closed, not under a last head, or not older than its retention; where a
/// legal hold is set; when records were lost, or the store cannot be had.
pub async fn prune(
    config: Config,
    options: Options,
    pruning: Pruning,
) -> Result<String, StartError> {
    let refuse = |fault: String| StartError::Store(fault);
    if config.audit.has_legal_hold {
        let fault = "audit.legal_hold is set: nothing is removed";
        return Err(refuse(fault.to_owned()));
    }
    if !config.reviewers.contains_key(&pruning.by) {
        let fault = format!("{} is no reviewer of this configuration", pruning.by);
        return Err(refuse(fault));
    }
    let opened = open(&config, &options).await?;
    let (_close, closing) = watch::channel(false);
    let app = assemble(
        config,
        options,
        opened,
        Callers::default(),
        Doors::default(),
        closing,
    )?;
    let lost = log::check(&app).await;
    if lost.map_err(|error| refuse(error.to_string()))?.is_some() {
        let fault = "records were lost: recover the log first";
        return Err(refuse(fault.to_owned()));
    }
    let is_kept = log::is_kept_elsewhere(&app).await;
    if is_kept.map_err(|error| refuse(error.to_string()))? {
        let fault =
            "a service keeps the log: stop it; one that was killed is waited for ten seconds";
        return Err(refuse(fault.to_owned()));
    }
    let done = run(&app, &pruning).await;
    log::let_go(&app).await;
    done.map_err(|error| refuse(error.to_string()))
}

async fn run(app: &App, pruning: &Pruning) -> Result<String, StoreError> {
    // All of them first: nothing goes where one of them may not.
    let mut going = Vec::new();
    for log in app.store().logs().await? {
        let name = log.name.as_ref();
        let is_meant = name
            .and_then(log::year)
            .is_some_and(|year| year < pruning.before);
        // Nothing is left of one that was lost as a whole.
        let is_lost = !log.is_open && log.size == 0;
        if log.closed.pruned.is_some() || is_lost || !is_meant {
            continue;
        }
        let ended = ended(app, &log).await?;
        going.push((log, ended));
    }
    let mut said = String::new();
    for (log, ended) in going {
        let verb = if pruning.is_dry {
            "would go"
        } else {
            "is gone"
        };
        if !pruning.is_dry {
            let prune = Prune {
                app: app.clone(),
                log: log.clone(),
                ended: ended.clone(),
                by: pruning.by.clone(),
                reason: pruning.reason.clone(),
            };
            app.store()
                .write(prune)
                .await
                .map_err(|error| StoreError::Data(format!("{said}{}: {error}", ended.name)))?;
        }
        let (name, size) = (&ended.name, log.size);
        let _ = writeln!(
            said,
            "{name} {verb}: {size} records, and what belongs to them"
        );
    }
    if said.is_empty() {
        let before = pruning.before;
        said = format!("there is no log of a year before {before}\n");
    } else if pruning.is_dry {
        said.push_str("Nothing was removed: say --yes.\n");
    } else {
        said.push_str("The record of it is under a signed head once the service runs.\n");
    }
    said.truncate(said.trim_end().len());
    Ok(said)
}

/// The end of a log that may go.
async fn ended(app: &App, log: &LogRow) -> Result<PreviousLog, StoreError> {
    let name = log
        .name
        .clone()
        .ok_or(StoreError::Corrupt("name of a log"))?;
    let refuse = |fault: &str| Err(StoreError::Data(format!("{name}: {fault}")));
    let Some(closed) = log.closed.at.filter(|_| !log.is_open) else {
        return refuse("it is open: only a closed log goes, and only as a whole");
    };
    let retention: Duration = app.parts().log.audit.retention;
    if closed.after(retention) > app.now() {
        let until = closed.after(retention);
        return refuse(&format!("audit.retention keeps it until {until}"));
    }
    let head = app.store().head(log.number).await?;
    let head = head.and_then(|head| log::head_of(&head.note));
    let (size, root) = match (head, log.closed.root) {
        (Some(head), None) => (head.size(), *head.root()),
        (Some(head), Some(root)) if *head.root() == root && head.size() == log.size => {
            (log.size, root)
        }
        // Nobody signs its last head any more; the log after it has the root.
        (_, Some(root)) if !is_key_there(app, log.number).await? => (log.size, root),
        (None, None) => {
            let whole = log::Whole(log.clone());
            (log.size, app.store().write(whole).await?)
        }
        _ => return refuse("its last head is not signed yet: start the service once"),
    };
    Ok(PreviousLog {
        name: name.clone(),
        size,
        root: *root.as_bytes(),
    })
}

async fn is_key_there(app: &App, log: u64) -> Result<bool, StoreError> {
    let is_there = log::is_key_there(app, log).await;
    is_there.map_err(|error| StoreError::Data(error.to_string()))
}

struct Prune {
    app: App,
    log: LogRow,
    ended: PreviousLog,
    by: PersonId,
    reason: Reason,
}

impl Operation for Prune {
    type Output = ();
    type Error = StoreError;

    /// A log may have millions of records.
    const PATIENCE: Duration = Duration::from_hours(6);

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let app = &self.app;
        let stamp = app.stamp(transaction).await?;
        let secret = app.secret(Some(&self.reason))?;
        let secret = secret.ok_or(StoreError::Refused("no reason"))?;
        let event = LogEvent::Pruned {
            pruned: self.ended.clone(),
            by: self.by.clone(),
            reason: secret.commitment,
        };
        let record = Record::Log(Box::new(event));
        let change = Change::Written { written: &secret };
        let index = transaction.apply(&change, &record, &stamp).await?;
        transaction.lapse_stops(stamp.now).await?;
        transaction.prune(&self.log, index).await
    }
}
