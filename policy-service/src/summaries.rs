//! Records what gateways reported in a minute, when the minute is over: one record for each gateway, so
//! that however much is masked the log is not drowned in it.
//!
//! Batches are kept before they are acknowledged. A minute that is over gets none any more, since every
//! batch has the time of the store; so it is summed outside of the transaction that records it, and the
//! sum stands only if that transaction finds as many batches.

use std::collections::BTreeSet;
use std::time::Duration;

use velum_approval::messages::Events;
use velum_approval::record::{Reception, Summary};
use velum_approval::{Record, WorkerId};

use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction, Unrecorded};

const EVERY: Duration = Duration::from_secs(1);

/// Looks every second until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = app.closing() => return,
            _ = ticks.tick() => {}
        }
        if app.store().is_frozen() {
            continue;
        }
        let done = summarise(&app).await;
        if let Err(error) = &done
            && !has_failed
        {
            tracing::error!(%error, "what gateways reported could not be recorded");
        }
        has_failed = done.is_err();
    }
}

/// Records every minute that is over.
async fn summarise(app: &App) -> Result<(), StoreError> {
    let (mut failed, mut skipped) = (Ok(()), BTreeSet::new());
    for minute in app.store().unrecorded(app.now()).await? {
        // Minutes of a gateway are recorded in their order; one that cannot be does not keep other gateways.
        if skipped.contains(&minute.gateway) {
            continue;
        }
        if let Err(error) = record(app, &minute).await {
            failed = Err(error);
            skipped.insert(minute.gateway);
        }
    }
    failed
}

async fn record(app: &App, minute: &Unrecorded) -> Result<(), StoreError> {
    let mut summary = Summary::new(minute.gateway.clone(), minute.minute);
    let mut behind = (WorkerId::from_bytes([0; 16]), 0);
    loop {
        let page = app.store().batches(minute, behind).await?;
        let Some(last) = page.last() else { break };
        behind = (last.worker, last.sequence);
        for batch in &page {
            let mut events: Events =
                serde_json::from_str(&batch.body).map_err(|_| StoreError::Corrupt("batch"))?;
            // What an earlier version has kept may be anything.
            app.parts().policies.leave_out_unknown(&mut events);
            summary.add(&Reception {
                events: &events,
                body: batch.body.as_bytes(),
                missing: batch.missing,
                is_late: batch.is_late,
            });
        }
    }
    if summary.batches() == 0 {
        // Another service was quicker.
        return Ok(());
    }
    let record = Summarise {
        app: app.clone(),
        summary,
    };
    match app.store().write(record).await {
        // So it was, or a batch came from one whose clock is behind: the next look tells.
        Err(StoreError::Conflict) => Ok(()),
        done => done,
    }
}

struct Summarise {
    app: App,
    summary: Summary,
}

impl Operation for Summarise {
    type Output = ();
    type Error = StoreError;

    // A second time there is no batch without a record.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        let record = Record::Summarised(Box::new(self.summary.clone()));
        let summary = &self.summary;
        let change = Change::Summary { summary };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}
