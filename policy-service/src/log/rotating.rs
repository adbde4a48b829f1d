//! The log's key is exchanged: a record names the next one, and the first head over it is signed by both.

use velum_approval::Record;
use velum_approval::record::LogEvent;

use super::LogError;
use super::growing::{Grow, Grown};
use super::signing::{Signatory, Signers};
use crate::http::App;
use crate::store::{Change, LogKeys, Operation, StoreError, Transaction};

/// Why this process does not sign.
const FOREIGN: LogError = LogError::Key(
    "log.key is not the key that signs the log, and log-previous.key is not either: put that one there, or, \
     if it is lost or stolen, open a new log (docs/audit.md)",
);
const UNPROVEN: LogError = LogError::Key(
    "the key was exchanged, and no head that the one before has signed is over the record of it yet: put \
     that key back as log-previous.key",
);
const OLD: LogError = LogError::Key(
    "log.key has signed this log before it was exchanged: make another one for the next exchange",
);

/// Who signs the open log, after the exchange of its key was recorded, if it was exchanged.
pub(super) async fn settle(app: &App) -> Result<Signers, LogError> {
    let open = app.store().open_log().await?;
    let name = open.name.ok_or(StoreError::Corrupt("name of the log"))?;
    let log = &app.parts().log;
    let signers = log.signatory.known(Some(name.as_str())).await?;
    let keys = app.store().log_keys(open.number).await?;
    if let Some(old) = changed(&keys, &signers)? {
        let rotate = Rotate {
            app: app.clone(),
            log: open.number,
            old,
            new: signers.current()?,
        };
        app.store().write(rotate).await?;
    }
    Ok(signers)
}

/// The key that is to be exchanged for the one that signs now, if that is another one.
fn changed(keys: &LogKeys, signers: &Signers) -> Result<Option<[u8; 32]>, LogError> {
    let signs = keys.current();
    let signs = signs.ok_or(StoreError::Corrupt("key of the log"))?;
    if !signers.keys.contains(&signs) {
        return Err(FOREIGN);
    }
    let unproven = keys.unproven();
    if unproven.is_some_and(|(_, before)| !signers.keys.contains(&before)) {
        return Err(UNPROVEN);
    }
    let current = signers.current()?;
    if current == signs {
        return Ok(None);
    }
    if keys.has(&current) {
        return Err(OLD);
    }
    // One after the other: each has to be signed for by the one before it.
    Ok(unproven.is_none().then_some(signs))
}

/// Whether this process could sign the open log; a signer is asked later, when it is there.
pub(super) async fn check(app: &App) -> Result<(), LogError> {
    let log = &app.parts().log;
    if let Signatory::Process(_) = log.signatory {
        return Ok(());
    }
    if is_known(app).await? {
        Ok(())
    } else {
        Err(FOREIGN)
    }
}

/// Whether the key that signs the open log is not there, and no other service keeps that log.
pub(crate) async fn has_lost_its_key(app: &App) -> Result<bool, LogError> {
    if is_known(app).await? {
        return Ok(false);
    }
    Ok(!is_kept_elsewhere(app).await?)
}

/// Whether another service keeps the open log.
pub(crate) async fn is_kept_elsewhere(app: &App) -> Result<bool, LogError> {
    let grow = Grow { app: app.clone() };
    match app.store().write(grow).await {
        Ok(grown) => Ok(matches!(grown, Grown::Elsewhere)),
        // It is nobody else's turn; that it cannot grow is no matter of who keeps it.
        Err(StoreError::Corrupt(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn is_known(app: &App) -> Result<bool, LogError> {
    let open = app.store().open_log().await?;
    let keys = app.store().log_keys(open.number).await?;
    let signers = app.parts().log.signatory.known(None).await?;
    let signs = keys.current();
    Ok(signs.is_none_or(|signs| signers.keys.contains(&signs)))
}

struct Rotate {
    app: App,
    log: u64,
    old: [u8; 32],
    new: [u8; 32],
}

impl Operation for Rotate {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        let keys = transaction.log_keys(self.log).await?;
        if keys.current() != Some(self.old) || transaction.open_log().await?.number != self.log {
            // Another service has recorded it.
            return Ok(());
        }
        let record = Record::Log(Box::new(LogEvent::KeyRotated {
            old: self.old,
            new: self.new,
        }));
        transaction.apply(&Change::Nothing, &record, &stamp).await?;
        Ok(())
    }
}
