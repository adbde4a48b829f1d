//! Wakes the checks that wait for an approval.
//!
//! A wake-up is a hint to look again, never the decision itself: whoever is woken reads the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use velum_approval::ApprovalId;

/// The checks that wait in this process, by approval.
#[derive(Debug, Default, Clone)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<ApprovalId, Waiting>>>);

#[derive(Debug)]
struct Waiting {
    changes: watch::Sender<u64>,
    tickets: BTreeSet<u64>,
    next_ticket: u64,
}

impl Waiters {
    /// Takes a place among those that wait for `approval`.
    ///
    /// Take it before reading the store: a change after the read is then never missed.
    pub(crate) fn join(&self, approval: &ApprovalId) -> Ticket {
        let mut waiters = self.lock();
        let waiting = waiters.entry(approval.clone()).or_insert_with(|| Waiting {
            changes: watch::Sender::new(0),
            tickets: BTreeSet::new(),
            next_ticket: 0,
        });
        let number = waiting.next_ticket;
        waiting.next_ticket += 1;
        waiting.tickets.insert(number);
        Ticket {
            waiters: self.clone(),
            approval: approval.clone(),
            number,
            changes: waiting.changes.subscribe(),
        }
    }

    /// Wakes whoever waits for `approval`.
    pub(crate) fn wake(&self, approval: &ApprovalId) {
        if let Some(waiting) = self.lock().get(approval) {
            waiting.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApprovalId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that wait for one approval; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Ticket {
    waiters: Waiters,
    approval: ApprovalId,
    number: u64,
    changes: watch::Receiver<u64>,
}

impl Ticket {
    /// Returns at the first change since this ticket was taken or since the last call.
    pub(crate) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives in the map for as long as a ticket does.
            std::future::pending::<()>().await;
        }
    }

    /// Whether nobody has joined after this one: of several live streams the newest takes the grant.
    pub(crate) fn is_newest(&self) -> bool {
        self.waiters
            .lock()
            .get(&self.approval)
            .is_none_or(|waiting| {
                waiting
                    .tickets
                    .last()
                    .is_none_or(|last| *last == self.number)
            })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut waiters = self.waiters.lock();
        let Some(waiting) = waiters.get_mut(&self.approval) else {
            return;
        };
        let was_newest = waiting.tickets.last() == Some(&self.number);
        waiting.tickets.remove(&self.number);
        if waiting.tickets.is_empty() {
            waiters.remove(&self.approval);
        } else if was_newest {
            waiting.changes.send_modify(|changes| *changes += 1);
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
    async fn another_approval_wakes_nobody_here() {
        let waiters = Waiters::default();
        let mut ticket = waiters.join(&id("a"));
        let _other = waiters.join(&id("b"));
        waiters.wake(&id("b"));
        let waited = tokio::time::timeout(Duration::from_millis(20), ticket.changed()).await;
        assert!(waited.is_err());
    }

    #[tokio::test]
    async fn when_the_newest_leaves_the_next_one_is_told() {
        let waiters = Waiters::default();
        let mut older = waiters.join(&id("a"));
        let newer = waiters.join(&id("a"));
        assert!(newer.is_newest() && !older.is_newest());
        drop(newer);
        tokio::time::timeout(Duration::from_secs(5), older.changed())
            .await
            .unwrap();
        assert!(older.is_newest());
    }

    #[test]
    fn nothing_is_kept_for_an_approval_that_nobody_waits_for() {
        let waiters = Waiters::default();
        drop((waiters.join(&id("a")), waiters.join(&id("a"))));
        assert!(waiters.lock().is_empty());
    }
}
