//! The connections on which nobody has shown who they are.
//!
//! They share the listener's places with everyone, and are the first to go when those run out: who
//! holds connections open without a credential then only crowds out their like.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// All of them, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    next: u64,
    strangers: BTreeMap<u64, Arc<Notify>>,
}

impl Strangers {
    /// Notes a connection that has just come.
    pub(super) fn arrive(&self) -> Stranger {
        let mut known = self.lock();
        let number = known.next;
        known.next += 1;
        let evicted = Arc::new(Notify::new());
        known.strangers.insert(number, evicted.clone());
        Stranger {
            all: self.clone(),
            number,
            evicted,
        }
    }

    /// Ends the one that came first.
    pub(super) fn evict_oldest(&self) {
        if let Some((_, evicted)) = self.lock().strangers.pop_first() {
            evicted.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection; forgotten when this is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    all: Strangers,
    number: u64,
    evicted: Arc<Notify>,
}

impl Stranger {
    /// Its client has shown who it is.
    pub(crate) fn is_known(&self) {
        self.all.lock().strangers.remove(&self.number);
    }

    /// Returns when it has to make place.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.is_known();
    }
}
