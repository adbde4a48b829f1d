//! Wakes the requests that wait for an approval.
//!
//! A wake-up is a hint to look again, never the decision itself: the store is read again, once for all
//! who are woken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use velum_approval::ApprovalId;

use crate::decide::Look;

/// The requests that wait in this process, by approval.
#[derive(Debug, Default, Clone)]
pub(crate) struct Waiters {
    waiting: Arc<Mutex<HashMap<ApprovalId, Waiting>>>,
    joined: Arc<Notify>,
}

#[derive(Debug)]
struct Waiting {
    changes: watch::Sender<u64>,
    tickets: usize,
    seen: Seen,
}

/// What was read of an approval after so many changes, for everyone who waits for it.
type Seen = Arc<tokio::sync::Mutex<Option<(u64, Arc<Look>)>>>;

impl Waiters {
    /// Takes a place among those that wait for `approval`.
    ///
    /// Take it before reading the store: a change after the read is then never missed.
    pub(crate) fn join(&self, approval: &ApprovalId) -> Ticket {
        let mut waiters = self.lock();
        let waiting = waiters.entry(approval.clone()).or_insert_with(|| Waiting {
            changes: watch::Sender::new(0),
            tickets: 0,
            seen: Seen::default(),
        });
        waiting.tickets += 1;
        self.joined.notify_one();
        Ticket {
            waiters: self.clone(),
            approval: approval.clone(),
            changes: waiting.changes.subscribe(),
            seen: waiting.seen.clone(),
        }
    }

    /// Wakes whoever waits for `approval`.
    pub(crate) fn wake(&self, approval: &ApprovalId) {
        if let Some(waiting) = self.lock().get(approval) {
            waiting.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// Wakes everyone who waits: something has changed for all of them.
    pub(crate) fn wake_all(&self) {
        for waiting in self.lock().values() {
            waiting.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// How many wait here.
    pub(crate) fn total(&self) -> usize {
        self.lock().values().map(|waiting| waiting.tickets).sum()
    }

    /// Whether nobody waits here.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns when somebody has come since the last call.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApprovalId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that wait for one approval; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Ticket {
    waiters: Waiters,
    approval: ApprovalId,
    changes: watch::Receiver<u64>,
    seen: Seen,
}

impl Ticket {
    /// Returns at the first change since this ticket was taken or since the last call.
    pub(crate) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives in the map for as long as a ticket does.
            std::future::pending::<()>().await;
        }
    }
}

impl Ticket {
    /// The approval as it is after the latest change: `read` once for all who wait.
    pub(crate) async fn look<E>(
        &mut self,
        read: impl Future<Output = Result<Look, E>>,
    ) -> Result<Arc<Look>, E> {
        let mut seen = self.seen.lock().await;
        // Before it is read: a change meanwhile wakes everyone again.
        let changes = *self.changes.borrow_and_update();
        match &*seen {
            Some((at, look)) if *at == changes => Ok(look.clone()),
            _ => {
                let look = Arc::new(read.await?);
                *seen = Some((changes, look.clone()));
                Ok(look)
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut waiters = self.waiters.lock();
        let Some(waiting) = waiters.get_mut(&self.approval) else {
            return;
        };
        waiting.tickets -= 1;
        if waiting.tickets == 0 {
            waiters.remove(&self.approval);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(text: &str) -> ApprovalId {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_change_between_joining_and_waiting_is_not_missed() {
        let waiters = Waiters::default();
        let mut ticket = waiters.join(&id("a"));
        waiters.wake(&id("a"));
        tokio::time::timeout(Duration::from_secs(5), ticket.changed())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn who_wait_share_one_look_after_each_change() {
        let waiters = Waiters::default();
        let (mut one, mut other) = (waiters.join(&id("a")), waiters.join(&id("a")));
        let reads = std::sync::atomic::AtomicU32::new(0);
        let read = async || {
            reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok::<_, ()>(Look::default())
        };
        for expected in [1, 2] {
            one.look(read()).await.unwrap();
            other.look(read()).await.unwrap();
            assert_eq!(reads.load(std::sync::atomic::Ordering::SeqCst), expected);
            waiters.wake(&id("a"));
        }
        // What could not be read is read again.
        assert!(one.look(async { Err(()) }).await.is_err());
        other.look(read()).await.unwrap();
        assert_eq!(reads.load(std::sync::atomic::Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn another_approval_wakes_nobody_here() {
        let waiters = Waiters::default();
        let mut ticket = waiters.join(&id("a"));
        let _other = waiters.join(&id("b"));
        waiters.wake(&id("b"));
        let waited = tokio::time::timeout(Duration::from_millis(20), ticket.changed()).await;
        assert!(waited.is_err());
    }

    #[test]
    fn nothing_is_kept_for_an_approval_that_nobody_waits_for() {
        let waiters = Waiters::default();
        let (one, other) = (waiters.join(&id("a")), waiters.join(&id("a")));
        drop(one);
        assert!(!waiters.is_empty());
        drop(other);
        assert!(waiters.is_empty());
    }
}
