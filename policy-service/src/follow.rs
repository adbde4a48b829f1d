//! Wakes who waits here for what another service on the same store has changed.
//!
//! The log is the feed: indexes are given under the lock of its head, so "after the last one" skips
//! none. One query at a time for the whole process, however many wait.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::sleep;
use velum_approval::ApprovalId;

use crate::http::App;
use crate::store::{Entry, StoreError};

/// How often to look while somebody waits, and how much longer to wait otherwise.
const BUSY: Duration = Duration::from_millis(200);
const IDLE: Duration = Duration::from_millis(1800);
/// How many records are read at a time.
const PAGE: u32 = 512;

/// Follows the log until the service shuts down. A store that only this process writes needs none
/// of it.
pub(crate) async fn run(app: App) {
    if !app.store().has_other_writers() {
        return;
    }
    let (mut next, mut has_failed) = (None, false);
    loop {
        let looked = look(&app, &mut next).await;
        if let Err(error) = &looked
            && !has_failed
        {
            tracing::warn!(%error, "the log cannot be followed: who waits is not woken");
        }
        has_failed = looked.is_err();
        let waiters = &app.parts().waiters;
        tokio::select! {
            () = app.closing() => return,
            () = sleep(BUSY) => {}
        }
        let leases = &app.parts().leases;
        if waiters.is_empty() && !leases.has_waiting() {
            tokio::select! {
                () = app.closing() => return,
                () = waiters.joined() => {}
                () = leases.joined() => {}
                () = sleep(IDLE) => {}
            }
        }
    }
}

/// Reads on from `next`, the index that comes next; from the end where it is not known yet.
async fn look(app: &App, next: &mut Option<u64>) -> Result<(), StoreError> {
    let mut from = match *next {
        Some(index) => index,
        None => app.store().next_index().await?,
    };
    *next = Some(from);
    loop {
        let entries = app.store().entries(from, PAGE).await?;
        for entry in &entries {
            wake(app, entry);
            from = entry.index + 1;
        }
        *next = Some(from);
        if entries.len() < PAGE as usize {
            return Ok(());
        }
    }
}

fn wake(app: &App, entry: &Entry) {
    let about = about(&entry.leaf);
    if let Some(approval) = about.approval {
        app.parts().waiters.wake(&approval.id);
    }
    // They are about more than one approval.
    if about.stop.is_some() || about.emergency.is_some() {
        app.announce();
    }
}

/// What a record is about, as far as somebody waits for it.
#[derive(Default, Deserialize)]
struct About {
    approval: Option<AboutApproval>,
    stop: Option<IgnoredAny>,
    emergency: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AboutApproval {
    id: ApprovalId,
}

fn about(leaf: &[u8]) -> About {
    #[derive(Deserialize)]
    struct Leaf {
        data: About,
    }
    serde_json::from_slice(leaf).map_or_else(|_| About::default(), |leaf: Leaf| leaf.data)
}
