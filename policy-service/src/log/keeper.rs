//! Extends the tree, fences it, signs its head and publishes that, again and again.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use velum_approval::record::LogEvent;
use velum_approval::{LogName, Record, Timestamp};
use velum_ledger::checkpoint::Checkpoint;

use super::anchors::Lead;
use super::fencing::{self, Known};
use super::growing::{self, Grow, Grown, Publish, Root};
use super::rereading::Rereading;
use super::signing::Signers;
use super::{FenceError, LogError, Step, rolling, rotating};
use crate::http::App;
use crate::reads;
use crate::store::{Change, Head, LogRow, Operation, StoreError, Transaction};

/// How long a record waits for a head at most, where nobody waits for it.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether another service has written.
const LOOK: Duration = Duration::from_secs(2);
/// How long a fence may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps the log until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut changes = app.store().changes();
    let log = &app.parts().log;
    let mut rereading = Rereading::default();
    loop {
        #[cfg(test)]
        let turn = log.turn.lock().await;
        let stepped = match rereading.step(&app).await {
            Ok(()) => step(&app).await,
            Err(error) => Err(error),
        };
        #[cfg(test)]
        drop(turn);
        match stepped {
            Ok(()) => _ = log.fault.send_if_modified(|fault| fault.take().is_some()),
            Err(error) => {
                if matches!(error, LogError::Inconsistent(_)) {
                    // Records were lost under a running service: as at its start, nothing is written.
                    app.store().freeze();
                }
                let fault = error.to_string();
                let is_new = log.fault.send_if_modified(|before| {
                    let is_new = before.as_deref() != Some(fault.as_str());
                    *before = Some(fault.clone());
                    is_new
                });
                if is_new {
                    tracing::error!(error = fault, "the log's head could not be signed");
                }
            }
        }
        // From now on, however often somebody waited: each of them would put it off by as much.
        let due = Instant::now() + EVERY;
        tokio::select! {
            () = app.closing() => break,
            // Who waits for a head has it at once, but for some milliseconds in which others come.
            () = log.wanted.notified() => tokio::time::sleep(Duration::from_millis(5)).await,
            () = sleep_until(due) => {
                tokio::select! {
                    () = app.closing() => break,
                    _ = changes.changed() => {}
                    () = log.wanted.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }
    reads::finish(&app).await;
    // What was written last is under a head too when the service stands still.
    if rereading.step(&app).await.is_ok() {
        let _ = timeout(PATIENCE, step(&app)).await;
    }
    let_go(&app).await;
}

/// Whoever goes on with the log need not wait until it is known that this process does not.
pub(crate) async fn let_go(app: &App) {
    let let_go = growing::LetGo { app: app.clone() };
    // If it fails, it is waited for.
    let _ = timeout(PATIENCE, app.store().write(let_go)).await;
}

/// Brings the head up to the records that there are.
pub(crate) async fn step(app: &App) -> Result<(), LogError> {
    beat(app).await?;
    let log = &app.parts().log;
    loop {
        let signers = match rotating::settle(app).await {
            Ok(signers) => signers,
            Err(error) => {
                // What others sign is known here all the same.
                follow(app).await?;
                if !app.store().has_other_writers() {
                    // What can be told without a signature is: which records are about what.
                    app.store().write(Grow { app: app.clone() }).await?;
                }
                return Err(error);
            }
        };
        let grown = app.store().write(Grow { app: app.clone() }).await?;
        let Grown::Here(root) = grown else {
            return follow(app).await;
        };
        // The last head of a year comes before the first one of the next.
        for ended in rolling::ended(app).await? {
            let signers = log.signatory.known(Some(ended.name.as_str())).await?;
            // The log that goes on does not wait for a key that is gone.
            if rolling::has_key(app, ended.log, &signers).await? {
                publish(app, &ended, &signers).await?;
            }
        }
        publish(app, &root, &signers).await?;
        log.anchors
            .lead(lead(root.log, root.first, root.size, true));
        if !root.is_behind && !rolling::roll(app, &signers).await? {
            return Ok(());
        }
    }
}

/// Where another service signs, its heads are this one's too.
async fn follow(app: &App) -> Result<(), LogError> {
    let open = whole(app).await?;
    let log = &app.parts().log;
    if let Some(head) = app.store().head(open.number).await? {
        told(app, open.first + head.size);
        log.anchors
            .lead(lead(open.number, open.first, head.size, false));
    }
    Ok(log.anchors.follow(app, &open).await?)
}

fn lead(log: u64, first: u64, size: u64, is_here: bool) -> Lead {
    Lead {
        log,
        first,
        size,
        is_here,
    }
}

/// The open log, which is as long as the fence knows it to be, and as this process does.
pub(super) async fn whole(app: &App) -> Result<LogRow, LogError> {
    let log = &app.parts().log;
    // What is known first: whoever adds to it meanwhile has written the records before.
    let known = log.known();
    let stands = match log.fence.clone() {
        Some(fence) => in_background(move || fence.read()).await?,
        None => None,
    };
    let open = app.store().open_log().await?;
    if let Some(stands) = stands {
        let logs = app.store().logs().await?;
        let is_known = logs.iter().any(|log| {
            let name = log.name.as_ref().map(LogName::as_str);
            name == Some(stands.origin()) && stands.size() <= log.known
        });
        if !is_known {
            return Err(LogError::Inconsistent("its fence"));
        }
    }
    if open.first + open.size < known {
        return Err(LogError::Inconsistent("what this service knows of it"));
    }
    Ok(open)
}

fn told(app: &App, published: u64) {
    let log = &app.parts().log;
    log.published.send_if_modified(|before| {
        let is_more = published > *before;
        *before = published.max(*before);
        is_more
    });
}

/// Signs a tree's root, after everything it was before: what was signed, and what is fenced.
async fn publish(app: &App, root: &Root, signers: &Signers) -> Result<(), LogError> {
    let log = &app.parts().log;
    let head = app.store().head(root.log).await?;
    if head.as_ref().is_some_and(|head| head.size == root.size) || root.size == 0 {
        // Nothing was written; but what was may be lost.
        whole(app).await?;
        told(app, root.first + root.size);
        return Ok(());
    }
    let checkpoint = Checkpoint::new(root.name.as_str(), root.size, root.hash);
    let checkpoint = checkpoint.map_err(|_| LogError::Name)?;
    log.done(Step::Grown)?;
    if let Some(head) = &head {
        let signed = fencing::text_of(&head.note).ok_or(LogError::Inconsistent("its last head"))?;
        match fencing::compare(app, root, &signed).await? {
            Known::Beginning => {}
            Known::Otherwise => return Err(otherwise(app, root, &signed, "its last head").await),
        }
    }
    if let Some(last) = &signers.last
        && fencing::compare(app, root, last).await? == Known::Otherwise
    {
        return Err(LogError::Inconsistent("its signer"));
    }
    let is_fenced = match &log.fence {
        Some(fence) => {
            let fence = fence.clone();
            let stands = in_background({
                let fence = fence.clone();
                move || fence.read()
            });
            let stands = stands.await?;
            if let Some(stands) = &stands {
                match fencing::compare(app, root, stands).await? {
                    Known::Beginning => {}
                    Known::Otherwise => return Err(otherwise(app, root, stands, "its fence").await),
                }
            } else if root.fenced > 0 {
                return Err(LogError::Inconsistent("its fence, which is not there"));
            }
            let to = checkpoint.clone();
            in_background(move || fence.raise(stands.as_ref(), &to)).await?;
            true
        }
        None => false,
    };
    log.done(Step::Fenced)?;
    let note = log.signatory.sign(app, root, &checkpoint, signers).await?;
    log.done(Step::Signed)?;
    let publish = Publish {
        log: root.log,
        head: Head {
            size: root.size,
            note: note.to_string(),
            at: app.now(),
        },
        is_fenced,
        is_last: root.is_closed,
        signed_by: signers.keys.clone(),
    };
    app.store().write(publish).await?;
    log.done(Step::Published)?;
    told(app, root.first + root.size);
    Ok(())
}

/// Why a tree does not go on from a head: another service was quicker, while this one stood still longer than
/// it is the only one that signs; or records were lost.
async fn otherwise(app: &App, root: &Root, known: &Checkpoint, what: &'static str) -> LogError {
    let is_further = |log: &LogRow| {
        let is_its = log.name.as_ref().map(LogName::as_str) == Some(known.origin());
        let is_later =
            log.number > root.log || (log.number == root.log && known.size() > root.size);
        is_its && is_later && known.size() <= log.known
    };
    match app.store().logs().await {
        Ok(logs) if logs.iter().any(is_further) => LogError::Overtaken,
        Ok(_) => LogError::Inconsistent(what),
        Err(error) => error.into(),
    }
}

/// Files of another volume may be slow, or gone: no request waits for them.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FenceError> + Send + 'static,
) -> Result<T, FenceError> {
    let late = || FenceError::File("fence".into(), "it does not answer".to_owned());
    match timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        _ => Err(late()),
    }
}

/// Writes a record where nothing was written for a while, so that silence can be proven.
async fn beat(app: &App) -> Result<(), LogError> {
    let every = app.parts().log.audit.heartbeat;
    let latest = app.store().latest().await?;
    if app.now().since(latest) < every {
        return Ok(());
    }
    let beat = Beat {
        app: app.clone(),
        every,
    };
    Ok(app.store().write(beat).await?)
}

struct Beat {
    app: App,
    every: Duration,
}

impl Operation for Beat {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        let latest: Timestamp = transaction.latest().await?;
        if stamp.now.since(latest) < self.every {
            return Ok(());
        }
        let record = Record::Log(Box::new(LogEvent::Heartbeat));
        transaction.apply(&Change::Nothing, &record, &stamp).await?;
        Ok(())
    }
}
