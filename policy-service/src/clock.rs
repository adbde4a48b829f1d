//! The time, as an argument: nothing else in this crate reads a clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use velum_approval::Timestamp;

/// Tells the time in milliseconds since 1970-01-01T00:00:00Z.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
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
}

/// A clock that never runs backwards, also not over a restart.
///
/// A clock that was set back must not revive what has expired (threat 17), so time is never earlier
/// than the latest moment that the store has seen.
pub(crate) struct FencedClock {
    clock: std::sync::Arc<dyn Clock>,
    latest: AtomicI64,
}

impl FencedClock {
    /// Fences `clock` with the latest moment that the store holds.
    pub(crate) fn new(clock: std::sync::Arc<dyn Clock>, latest: Timestamp) -> FencedClock {
        FencedClock {
            clock,
            latest: AtomicI64::new(latest.as_millis()),
        }
    }

    /// The present moment, never earlier than any moment told before.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now().as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::SeqCst).max(now))
    }

    /// How far the clock below is behind what was already told, in milliseconds.
    pub(crate) fn behind(&self) -> i64 {
        (self.latest.load(Ordering::SeqCst) - self.clock.now().as_millis()).max(0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_clock_set_back_stands_still_until_it_has_caught_up() {
        let manual = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let fenced = FencedClock::new(manual.clone(), Timestamp::from_millis(5_000));
        assert_eq!(fenced.now(), Timestamp::from_millis(5_000));
        assert_eq!(fenced.behind(), 4_000);
        manual.advance(6_000);
        assert_eq!(fenced.now(), Timestamp::from_millis(7_000));
        manual.advance(-3_000);
        assert_eq!(fenced.now(), Timestamp::from_millis(7_000));
    }
}
