//! The time, as an argument: nothing else in this crate reads a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use velum_approval::Timestamp;

/// Tells the time in milliseconds since 1970-01-01T00:00:00Z.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Whether it tells the time of the world, which a database knows too.
    fn is_real(&self) -> bool {
        true
    }
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the clock"
        )]
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that only moves when told to, for tests of expiry.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Timestamp) -> ManualClock {
        ManualClock(AtomicI64::new(start.as_millis()))
    }

    /// Moves the clock by `milliseconds`; a negative number sets it back.
    pub fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn is_real(&self) -> bool {
        false
    }
}

/// What others on the same store know of the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others {
    /// The latest moment that any of them has seen.
    pub(crate) latest: Timestamp,
    /// The database's own clock.
    pub(crate) database: Timestamp,
    /// The index that the next record will have.
    pub(crate) next_index: u64,
}

/// How far a clock may be ahead of the database's.
const MOST_AHEAD: Duration = Duration::from_secs(30);

/// A clock that never runs backwards while the service runs.
///
/// A clock that was set back must not revive what has expired (threat 17), so time is never earlier
/// than the latest moment that the store has seen, also after a restart. What was only told, and is in no record yet,
/// a restart forgets.
pub(crate) struct FencedClock {
    clock: Arc<dyn Clock>,
    fence: Fence,
}

/// The latest moment that anybody has seen who shares the store. The store raises it too: another
/// replica's clock may be ahead.
#[derive(Clone, Debug)]
pub(crate) struct Fence(Arc<AtomicI64>);

impl Fence {
    /// A fence at this moment.
    pub(crate) fn at(latest: Timestamp) -> Fence {
        Fence(Arc::new(AtomicI64::new(latest.as_millis())))
    }

    /// Moves the fence on to `moment` unless it is beyond it, and returns where it then is.
    pub(crate) fn raise(&self, moment: Timestamp) -> Timestamp {
        let moment = moment.as_millis();
        Timestamp::from_millis(self.0.fetch_max(moment, Ordering::SeqCst).max(moment))
    }
}

impl FencedClock {
    /// Fences `clock` with the latest moment that the store holds.
    pub(crate) fn new(clock: Arc<dyn Clock>, fence: Fence) -> FencedClock {
        FencedClock { clock, fence }
    }

    /// The present moment, never earlier than any moment told before.
    pub(crate) fn now(&self) -> Timestamp {
        self.fence.raise(self.clock.now())
    }

    /// The same, and never earlier than what others on the same store have seen. `None`: this clock is far
    /// ahead of the database's. What it says would end what has not ended, and stay so for everybody.
    pub(crate) fn now_with(&self, others: Option<Others>) -> Option<Timestamp> {
        if let Some(others) = others {
            if self.is_ahead(others) {
                return None;
            }
            self.fence.raise(others.latest);
        }
        Some(self.now())
    }

    /// Whether the clock below is far ahead of the database's.
    pub(crate) fn is_ahead(&self, others: Others) -> bool {
        self.clock.is_real() && self.clock.now() > others.database.after(MOST_AHEAD)
    }

    /// How far the clock below is behind what was already told, in milliseconds.
    pub(crate) fn behind(&self) -> i64 {
        let now = self.clock.now();
        self.fence.raise(now).as_millis() - now.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_ahead_of_the_databases_says_nothing() {
        let real = SystemClock.now();
        let fence = || Fence::at(Timestamp::from_millis(0));
        let fenced = FencedClock::new(Arc::new(SystemClock), fence());
        let others = |database: Timestamp| {
            Some(Others {
                latest: real.after(Duration::from_secs(1)),
                database,
                next_index: 0,
            })
        };
        let behind = real.before(Duration::from_mins(1));
        assert_eq!(fenced.now_with(others(behind)), None);
        let now = fenced.now_with(others(real)).unwrap();
        assert!(now >= real.after(Duration::from_secs(1)));
        // One for tests is of no world.
        let manual = FencedClock::new(Arc::new(ManualClock::new(real)), fence());
        assert!(manual.now_with(others(behind)).is_some());
    }

    #[test]
    fn a_clock_set_back_stands_still_until_it_has_caught_up() {
        let manual = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let fenced = FencedClock::new(manual.clone(), Fence::at(Timestamp::from_millis(5_000)));
        assert_eq!(fenced.now(), Timestamp::from_millis(5_000));
        assert_eq!(fenced.behind(), 4_000);
        manual.advance(6_000);
        assert_eq!(fenced.now(), Timestamp::from_millis(7_000));
        manual.advance(-3_000);
        assert_eq!(fenced.now(), Timestamp::from_millis(7_000));
    }
}
