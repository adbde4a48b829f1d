//! Which workers of which gateways have a lease here, and what each has heard of.
//!
//! Kept in memory: that a stop holds does not hang on it, since a lease runs out by itself. What was heard
//! about a stop is told to the other services by way of the store.

mod worker;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};
use velum_approval::{GatewayId, LEASE, Timestamp, WorkerId};

use crate::store::{Begun, Heard};
use worker::{Kept, Worker};

/// After how long a worker that does not call is forgotten.
const FORGET: Duration = Duration::from_mins(5);
/// How many workers are known at a time.
const MOST_WORKERS: usize = 4096;
/// How long after a stop a worker that calls here for the first time may have called another service before.
const NEWCOMERS: Duration = Duration::from_mins(1);

/// The workers that have called this process.
#[derive(Debug, Clone)]
pub(crate) struct Leases {
    /// Since when this process knows of leases: of older ones it knows nothing.
    began: Timestamp,
    known: Arc<Mutex<HashMap<(GatewayId, WorkerId), Worker>>>,
    /// When somebody called last of whom nothing is known here.
    unknown: Arc<AtomicI64>,
    changes: watch::Sender<u64>,
    joined: Arc<Notify>,
    /// Something is to be told of a worker or a stop.
    heard: Arc<Notify>,
}

/// How a worker stands to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// It has said that it keeps to it.
    Confirmed,
    /// It has not called again, and its lease has run out.
    LeaseOut,
    /// It has not called again, and may still have a lease.
    Awaited,
}

/// One worker and a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Confirmation {
    pub(crate) gateway: GatewayId,
    pub(crate) worker: WorkerId,
    pub(crate) standing: Standing,
    /// How long after the stop it was so, in milliseconds; the most that it can be while awaited.
    pub(crate) after_ms: u64,
    /// Whether it had a lease when the stop was made; else it came while that may not have been known.
    #[serde(skip)]
    pub(crate) was_there: bool,
}

impl Leases {
    /// None yet.
    pub(crate) fn new(began: Timestamp) -> Leases {
        Leases {
            began,
            known: Arc::default(),
            unknown: Arc::default(),
            changes: watch::Sender::default(),
            joined: Arc::default(),
            heard: Arc::default(),
        }
    }

    /// Whether every lease that may still be there at this moment is known here.
    pub(crate) fn knows_all(&self, now: Timestamp) -> bool {
        let unknown = Timestamp::from_millis(self.unknown.load(Ordering::SeqCst));
        now >= self.began.after(LEASE) && now >= unknown.after(LEASE)
    }

    /// Somebody has a lease now who is not known by a name.
    pub(crate) fn call_unknown(&self, now: Timestamp) {
        self.unknown.fetch_max(now.as_millis(), Ordering::SeqCst);
    }

    /// A worker is about to be released something: that is a lease too, although it says nothing of what
    /// it has seen.
    pub(crate) fn release(&self, gateway: &GatewayId, worker: WorkerId, now: Timestamp) {
        let seen = {
            let known = self.lock();
            known
                .get(&(gateway.clone(), worker))
                .map_or(0, Worker::seen)
        };
        self.call(gateway, worker, seen, now);
    }

    /// A worker calls, and keeps to what it says it has seen.
    pub(crate) fn call(&self, gateway: &GatewayId, worker: WorkerId, seen: u64, now: Timestamp) {
        let mut known = self.lock();
        let key = (gateway.clone(), worker);
        if known.len() >= MOST_WORKERS && !known.contains_key(&key) {
            known.retain(|_, worker| now.since(worker.called()) <= FORGET);
            if known.len() >= MOST_WORKERS {
                drop(known);
                self.call_unknown(now);
                return;
            }
        }
        let news = match known.entry(key) {
            Entry::Occupied(mut worker) => worker.get_mut().call(seen, now),
            Entry::Vacant(place) => {
                place.insert(Worker::new(seen, now));
                true
            }
        };
        drop(known);
        if news {
            self.heard.notify_one();
        }
    }

    /// Answers the calls that wait: something was stopped, or resumed.
    pub(crate) fn wake(&self) {
        self.changes.send_modify(|changes| *changes += 1);
        self.heard.notify_one();
    }

    /// What a waiting call listens to.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.joined.notify_one();
        self.changes.subscribe()
    }

    /// Whether a call waits here.
    pub(crate) fn has_waiting(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Returns when a call has come since this was last asked.
    pub(crate) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// How many workers may have a lease now.
    pub(crate) fn live(&self, now: Timestamp) -> usize {
        let known = self.lock();
        let live = |worker: &&Worker| worker.has_lease(now);
        known.values().filter(live).count()
    }

    /// How each worker that is known here stands to the stop of this version, made at `at`.
    pub(crate) fn standing(
        &self,
        version: u64,
        at: Timestamp,
        now: Timestamp,
    ) -> Vec<Confirmation> {
        let is_early = now < at.after(LEASE);
        let known = self.lock();
        let standing = known.iter().filter_map(|((gateway, id), worker)| {
            let lease_out = worker.lease_out();
            let (standing, after) = match worker.kept(version) {
                Kept::Since(since) => (Standing::Confirmed, since.since(at)),
                Kept::Long => (Standing::Confirmed, LEASE),
                Kept::NotYet if lease_out <= now => (Standing::LeaseOut, lease_out.since(at)),
                Kept::NotYet => (Standing::Awaited, lease_out.since(at)),
            };
            // One that was gone before, or came later, has nothing to confirm; but who comes while the stop is
            // being written may have got its lease without it.
            let is_waited_for = standing == Standing::Awaited && is_early;
            let was_there = worker.was_there(at);
            (was_there || is_waited_for).then(|| Confirmation {
                gateway: gateway.clone(),
                worker: *id,
                standing,
                after_ms: millis(after),
                was_there,
            })
        });
        standing.collect()
    }

    /// What was heard here about a stop, as the store is to have it: also of workers of which another service
    /// may know that they were there.
    pub(crate) fn heard_of(&self, stop: &Begun) -> Vec<Heard> {
        let newest = stop.at.after(NEWCOMERS);
        let known = self.lock();
        let heard = known.iter().filter_map(|((gateway, id), worker)| {
            let was_there = worker.was_there(stop.at);
            let after = match worker.kept(stop.version) {
                Kept::Since(since) => Some(since.since(stop.at)),
                Kept::NotYet | Kept::Long => None,
            };
            let tells = was_there || after.is_some() && worker.first() <= newest;
            tells.then(|| Heard {
                gateway: gateway.clone(),
                worker: *id,
                was_there,
                after_ms: after.map(millis),
            })
        });
        heard.collect()
    }

    /// Returns when something was heard since this was last asked, or something was stopped.
    pub(crate) async fn heard(&self) {
        self.heard.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(GatewayId, WorkerId), Worker>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_795_464_104_123).after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_worker_confirms_or_its_lease_runs_out() {
        let leases = Leases::new(at(0));
        let gateway = GatewayId::new("edge").unwrap();
        let worker = |byte| WorkerId::from_bytes([byte; 16]);
        leases.call(&gateway, worker(1), 0, at(0));
        leases.call(&gateway, worker(2), 0, at(8));
        leases.call(&gateway, worker(3), 0, at(9));
        // Stopped at 11 seconds with version 7: the first is gone by then.
        leases.call(&gateway, worker(2), 7, at(12));
        leases.call(&gateway, worker(2), 7, at(16));
        let standing = |now| {
            let standing = leases.standing(7, at(11), at(now));
            let all = standing
                .iter()
                .map(|one| (one.worker, one.standing, one.after_ms));
            let mut all: Vec<_> = all.collect();
            all.sort_by_key(|(worker, ..)| *worker);
            all
        };
        let confirmed = (worker(2), Standing::Confirmed, 1000);
        assert_eq!(
            standing(13),
            [confirmed, (worker(3), Standing::Awaited, 8000)]
        );
        assert_eq!(
            standing(19),
            [confirmed, (worker(3), Standing::LeaseOut, 8000)]
        );
    }

    #[test]
    fn who_was_released_something_and_has_not_called_yet_is_awaited() {
        let leases = Leases::new(at(0));
        let gateway = GatewayId::new("edge").unwrap();
        let worker = WorkerId::from_bytes([1; 16]);
        leases.release(&gateway, worker, at(5));
        let standing = |now| leases.standing(7, at(6), at(now))[0].standing;
        assert_eq!(standing(7), Standing::Awaited);
        assert_eq!(standing(15), Standing::LeaseOut);
        leases.call(&gateway, worker, 7, at(8));
        leases.release(&gateway, worker, at(9));
        assert_eq!(standing(9), Standing::Confirmed);
    }

    #[test]
    fn who_comes_after_a_stop_has_nothing_to_confirm() {
        let leases = Leases::new(at(0));
        let gateway = GatewayId::new("edge").unwrap();
        let worker = |byte| WorkerId::from_bytes([byte; 16]);
        leases.call(&gateway, worker(1), 0, at(5));
        // It may have come before the stop was there to be told of, although after its moment.
        leases.call(&gateway, worker(2), 0, at(7));
        let standing = |now| {
            let standing = leases.standing(7, at(6), at(now));
            let mut all: Vec<_> = standing
                .iter()
                .map(|one| (one.worker, one.standing, one.after_ms))
                .collect();
            all.sort_by_key(|(worker, ..)| *worker);
            all
        };
        let awaited = |byte, after| (worker(byte), Standing::Awaited, after);
        assert_eq!(standing(7), [awaited(1, 9000), awaited(2, 11_000)]);
        leases.call(&gateway, worker(2), 7, at(8));
        leases.call(&gateway, worker(1), 7, at(9));
        assert_eq!(standing(9), [(worker(1), Standing::Confirmed, 3000)]);
        leases.call(&gateway, worker(1), 9, at(18));
        leases.call(&gateway, worker(3), 9, at(3600));
        assert_eq!(standing(3600), [(worker(1), Standing::Confirmed, 3000)]);
    }

    #[test]
    fn the_workers_that_are_known_are_bounded() {
        let leases = Leases::new(at(0));
        let gateway = GatewayId::new("edge").unwrap();
        for number in 0..5000_u128 {
            leases.call(
                &gateway,
                WorkerId::from_bytes(number.to_be_bytes()),
                0,
                at(0),
            );
        }
        assert_eq!(leases.lock().len(), MOST_WORKERS);
        // Of those beyond nothing is known.
        assert!(!leases.knows_all(at(9)));
        leases.call(&gateway, WorkerId::from_bytes([9; 16]), 0, at(301));
        assert_eq!(leases.lock().len(), 1);
    }
}
