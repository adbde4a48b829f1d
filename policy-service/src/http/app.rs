//! What every operation works with.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use velum_approval::{Reason, Timestamp};
use velum_engine::Ruleset;

use crate::auth::Callers;
use crate::clock::{FencedClock, Others};
use crate::config::{ActionRules, BreakGlass, Digests, Limits, Policies};
use crate::inbox::Inbox;
use crate::keys::Keys;
use crate::leases::Leases;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::random::{self, Random};
use crate::reads::Reads;
use crate::refusals::Refusals;
use crate::spans::Spans;
use crate::store::{Secret, Stamp, Store, StoreError, Transaction};
use crate::streams::Streams;
use crate::volumes::Volumes;
use crate::wake::Waiters;
use crate::webhooks::Webhooks;

/// Shared by every request; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of an [`App`].
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(crate) callers: Callers,
    /// The digests of what decisions are made under.
    pub(crate) configuration: Digests,
    pub(crate) directory: velum_approval::Directory,
    pub(crate) policies: Policies,
    pub(crate) actions: ActionRules,
    pub(crate) pending_lifetime: Duration,
    pub(crate) evidence_lifetime: Duration,
    pub(crate) limits: Limits,
    pub(crate) break_glass: Option<BreakGlass>,
    /// Where people sign in with their browsers, if anywhere.
    pub(crate) inbox: Option<Inbox>,
    /// The audit log as others verify it.
    pub(crate) log: Log,
    /// Who is told that an approval has changed.
    pub(crate) webhooks: Webhooks,
    /// What the data, the fence and file anchors are on.
    pub(crate) volumes: Volumes,
    /// The spans of requests, where somebody takes them.
    pub(crate) spans: Spans,
    /// Which workers have a lease, and what each has heard of.
    pub(crate) leases: Leases,
    /// Masks what people write before it is stored.
    pub(crate) text_rules: Ruleset,
    /// Wakes the calls that wait for a decision, and those that only want to know the state.
    pub(crate) waiters: Waiters,
    /// The held requests behind the calls that wait for a decision.
    pub(crate) streams: Streams,
    pub(crate) refusals: Refusals,
    /// Who has read the audit log.
    pub(crate) reads: Reads,
    pub(crate) metrics: Metrics,
    pub(crate) clock: FencedClock,
    pub(crate) random: Arc<dyn Random>,
    /// Turns true when the service shuts down.
    pub(crate) closing: watch::Receiver<bool>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> App {
        App(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn callers(&self) -> &Callers {
        &self.0.callers
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whether the clock is far ahead of the database's.
    pub(crate) fn is_ahead(&self, others: Option<Others>) -> bool {
        others.is_some_and(|others| self.0.clock.is_ahead(others))
    }

    pub(crate) fn clock_behind(&self) -> i64 {
        self.0.clock.behind()
    }

    /// The moment and the id of a record that is made now. From here to its end nobody else writes one:
    /// records are in the order of their times, and what is read from now on stays so. Whoever changes an
    /// approval has read it before.
    pub(crate) async fn stamp(&self, transaction: &mut Transaction) -> Result<Stamp, StoreError> {
        let others = transaction.lock_log().await?;
        if others.is_some_and(|others| others.next_index < self.0.log.known()) {
            // The database was put back under this service: nothing of what it has lost may be done again.
            self.0.store.freeze();
            return Err(StoreError::Frozen);
        }
        let now = self.0.clock.now_with(others);
        Ok(Stamp {
            now: now.ok_or(StoreError::ClockAhead)?,
            record: self.new_id()?,
        })
    }

    /// A new id: sorts by time, and cannot be guessed.
    pub(crate) fn new_id<Id: FromStr>(&self) -> Result<Id, StoreError> {
        let id = random::sortable_id(&*self.0.random, self.now())?.to_string();
        id.parse().map_err(|_| StoreError::Refused("an id"))
    }

    /// What somebody wrote, masked and committed to, ready to be stored.
    pub(crate) fn secret(&self, written: Option<&Reason>) -> Result<Option<Secret>, StoreError> {
        let Parts {
            text_rules, random, ..
        } = self.parts();
        Ok(written
            .map(|written| Secret::new(written, text_rules, &**random))
            .transpose()?)
    }

    /// Wakes the workers and the held requests: something was stopped, or resumed, or there is an
    /// emergency.
    pub(crate) fn announce(&self) {
        self.0.leases.wake();
        self.0.waiters.wake_all();
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Returns when the service shuts down.
    pub(crate) async fn closing(&self) {
        let mut closing = self.0.closing.clone();
        // An error says that the service's handle is gone: then it closes too.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// Runs a change to its end even when the client disconnects: hyper drops the handler then, and a
/// change dropped half-way would have been neither made nor announced.
pub(crate) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(change)
        .await
        .unwrap_or(Err(StoreError::OutcomeUnknown))
}

/// Logs why the store failed, and answers 503.
pub(crate) fn unavailable(operation: &'static str, error: &StoreError) -> Problem {
    tracing::error!(operation, %error, "the store failed");
    Problem::unavailable()
}
