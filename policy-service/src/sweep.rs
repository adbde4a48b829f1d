//! Ends approvals whose time has run out, shows those whose evidence did not come, and puts aside stops
//! that have nothing left to stop.
//!
//! They read as expired from that moment on, with or without this; the sweep writes it down, frees
//! the ask for a new approval, and wakes whoever waits.

use std::time::Duration;

use velum_approval::{ApprovalId, Event, transition};

use crate::http::App;
use crate::store::{Change, Lapse, Operation, StoreError, Transaction};

const EVERY: Duration = Duration::from_secs(1);
const AT_A_TIME: u32 = 100;

/// Sweeps once a second until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.closing() => return,
            _ = ticks.tick() => {}
        }
        app.parts().streams.sweep();
        if let Err(error) = sweep(&app).await {
            tracing::error!(%error, "expired approvals could not be ended");
        }
        if let Err(error) = put_aside(&app).await {
            tracing::error!(%error, "stops that are over could not be put aside");
        }
    }
}

async fn sweep(app: &App) -> Result<(), StoreError> {
    let mut failed = Ok(());
    for id in app.store().due(app.now(), AT_A_TIME).await? {
        let expire = Expire {
            app: app.clone(),
            id: id.clone(),
        };
        // One that cannot be ended does not keep the others.
        match app.store().write(expire).await {
            Ok(true) => app.parts().waiters.wake(&id),
            Ok(false) => {}
            Err(error) => failed = Err(error),
        }
    }
    failed
}

async fn put_aside(app: &App) -> Result<(), StoreError> {
    let now = app.now();
    if !app.store().is_frozen() && app.store().has_lapsed_stops(now).await? {
        app.store().write(Lapse(now)).await?;
    }
    Ok(())
}

/// Ends one approval if it is still due; tells whether it was.
struct Expire {
    app: App,
    id: ApprovalId,
}

impl Operation for Expire {
    type Output = bool;
    type Error = StoreError;

    // An end is written once: the next run finds nothing due.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Some(approval) = transaction.approval(&self.id).await? else {
            return Ok(false);
        };
        let stamp = self.app.stamp(transaction).await?;
        let due = transition(&approval, &Event::Unseen, stamp.now)
            .or_else(|_| transition(&approval, &Event::Expire, stamp.now));
        let Ok((approval, record)) = due else {
            return Ok(false);
        };
        transaction
            .apply(
                &Change::Case {
                    approval: &approval,
                    written: None,
                    evidence: None,
                },
                &record,
                &stamp,
            )
            .await?;
        Ok(true)
    }
}
