//! Which workers keep to a stop: what this service heard itself, and what others did who have the same store.
//!
//! Each service writes down what it hears of a stop, for a while: which workers had a lease when it was made, and
//! when each first showed that it keeps to it. The call of a worker does not wait for that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::sleep;
use velum_approval::{LEASE, StopId, Timestamp};

use crate::http::App;
use crate::leases::{Confirmation, Standing};
use crate::store::{Begun, Hear, Heard, StoreError, StoredStop};

/// For how long a stop is followed. Every lease from before it has run out by then.
const FOLLOWED: Duration = Duration::from_mins(5);
/// For how long calls are gathered: one transaction has all of them.
const GATHERED: Duration = Duration::from_millis(50);
/// After how long it is tried again to write what could not be.
const PAUSE: Duration = Duration::from_secs(1);
/// How many confirmations a transaction has.
const AT_A_TIME: usize = 256;

/// Writes down what is heard, until the service shuts down.
pub(crate) async fn run(app: App) {
    let (mut followed, mut has_failed) = (Followed::default(), false);
    loop {
        let pause = if has_failed { PAUSE } else { GATHERED };
        tokio::select! {
            () = app.closing() => return,
            () = async {
                if !has_failed {
                    app.parts().leases.heard().await;
                }
                sleep(pause).await;
            } => {}
        }
        let told = followed.tell(&app).await;
        if let Err(error) = &told
            && !has_failed
        {
            tracing::warn!(%error, "who confirmed a stop could not be written down: other services do not know");
        }
        has_failed = told.is_err();
    }
}

/// The stops that are followed.
#[derive(Default)]
struct Followed {
    /// The version of the latest that is known, and one more.
    next: u64,
    stops: Vec<Begun>,
    /// What the store has from here.
    told: HashMap<StopId, BTreeSet<Heard>>,
}

impl Followed {
    async fn tell(&mut self, app: &App) -> Result<(), StoreError> {
        if app.store().is_frozen() {
            return Ok(());
        }
        let now = app.now();
        let is_followed = |stop: &Begun| stop.at.after(FOLLOWED) > now;
        let begun = app.store().begun(self.next).await?;
        self.next = begun.first().map_or(self.next, |stop| stop.version + 1);
        self.stops.extend(begun);
        self.stops.retain(is_followed);
        let stops = &self.stops;
        self.told
            .retain(|id, _| stops.iter().any(|stop| stop.id == *id));
        let mut news = Vec::new();
        for stop in stops {
            let told = self.told.get(&stop.id);
            let heard = app.parts().leases.heard_of(stop).into_iter();
            let heard = heard.filter(|heard| told.is_none_or(|told| !told.contains(heard)));
            news.extend(heard.map(|heard| (stop.id.clone(), heard)));
        }
        // In one order, so that two services do not wait for one another.
        news.sort();
        for part in news.chunks(AT_A_TIME) {
            app.store().write(Hear(part.to_vec())).await?;
            for (id, heard) in part {
                let told = self.told.entry(id.clone()).or_default();
                told.insert(heard.clone());
            }
        }
        Ok(())
    }
}

/// How each worker stands to a stop, in the order of their gateways.
pub(crate) fn standing(app: &App, stored: &StoredStop, now: Timestamp) -> Vec<Confirmation> {
    let at = stored.stop.at;
    let here = app.parts().leases.standing(stored.version, at, now);
    let here = here
        .into_iter()
        .map(|one| ((one.gateway.clone(), one.worker), one));
    let mut all: BTreeMap<_, _> = here.collect();
    let lease = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
    for heard in &stored.heard {
        let key = (heard.gateway.clone(), heard.worker);
        let known = all.get(&key);
        // Of one that came later nobody knows that it was there.
        if !heard.was_there && known.is_none() {
            continue;
        }
        let was_there = heard.was_there || known.is_some_and(|known| known.was_there);
        let (standing, after_ms) = match (heard.after_ms, known) {
            (None, Some(_)) => continue,
            // It came later, and has heard of the stop elsewhere.
            (Some(_), _) if !was_there => {
                all.remove(&key);
                continue;
            }
            (Some(after), Some(known)) if known.standing == Standing::Confirmed => {
                (Standing::Confirmed, after.min(known.after_ms))
            }
            (Some(after), _) => (Standing::Confirmed, after),
            (None, None) if now >= at.after(LEASE) => (Standing::LeaseOut, lease),
            (None, None) => (Standing::Awaited, lease),
        };
        let one = Confirmation {
            gateway: heard.gateway.clone(),
            worker: heard.worker,
            standing,
            after_ms,
            was_there,
        };
        all.insert(key, one);
    }
    all.into_values().collect()
}
