//! What one worker has shown: since when it has had a lease without a gap, and when it came to which version.

use std::collections::VecDeque;

use velum_approval::{LEASE, Timestamp};

/// How many versions are remembered: a stop is looked at before so many others came.
const MOST_STEPS: usize = 64;

/// A worker of a gateway.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Since when it has had a lease.
    first: Timestamp,
    /// When its latest call came: its lease began before that.
    called: Timestamp,
    /// The versions that it has kept to, each greater than the one before, and since when it is known to.
    steps: VecDeque<(u64, Timestamp)>,
    /// The latest version of which the time is not known any more.
    forgotten: Option<u64>,
}

/// Whether a worker keeps to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It has not said so.
    NotYet,
    /// It has, at this moment.
    Since(Timestamp),
    /// It has; the moment is not known any more.
    Long,
}

impl Worker {
    /// One that calls for the first time.
    pub(super) fn new(seen: u64, now: Timestamp) -> Worker {
        Worker {
            first: now,
            called: now,
            steps: VecDeque::from([(seen, now)]),
            forgotten: None,
        }
    }

    /// The version that it keeps to.
    pub(super) fn seen(&self) -> u64 {
        self.steps.back().map_or(0, |(seen, _)| *seen)
    }

    /// It calls, and keeps to this version. Tells whether that says anything new.
    pub(super) fn call(&mut self, seen: u64, now: Timestamp) -> bool {
        if !self.has_lease(now) {
            // What it lifted by is gone, so that it begins anew.
            *self = Worker::new(seen, now);
            return true;
        }
        self.called = self.called.max(now);
        if self.seen() == seen {
            return false;
        }
        self.steps.retain(|(before, _)| *before < seen);
        self.steps.push_back((seen, now));
        if self.steps.len() > MOST_STEPS {
            self.forgotten = self.steps.pop_front().map(|(seen, _)| seen);
        }
        true
    }

    /// When its lease ends, if it does not call again.
    pub(super) fn lease_out(&self) -> Timestamp {
        self.called.after(LEASE)
    }

    /// Whether it may have a lease.
    pub(super) fn has_lease(&self, now: Timestamp) -> bool {
        self.lease_out() > now
    }

    /// When it called first.
    pub(super) fn first(&self) -> Timestamp {
        self.first
    }

    /// When it called last.
    pub(super) fn called(&self) -> Timestamp {
        self.called
    }

    /// Whether it had a lease at this moment.
    pub(super) fn was_there(&self, at: Timestamp) -> bool {
        self.first <= at && self.has_lease(at)
    }

    /// Whether it keeps to the stop of this version, or to a later one.
    pub(super) fn kept(&self, version: u64) -> Kept {
        if self.forgotten.is_some_and(|forgotten| version <= forgotten) {
            return Kept::Long;
        }
        let mut steps = self.steps.iter();
        let kept = steps.find(|(seen, _)| *seen >= version);
        kept.map_or(Kept::NotYet, |(_, since)| Kept::Since(*since))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_795_464_104_123).after(Duration::from_secs(seconds))
    }

    #[test]
    fn what_comes_later_does_not_change_when_a_version_was_kept() {
        let mut worker = Worker::new(0, at(0));
        assert!(worker.call(7, at(5)));
        assert!(!worker.call(7, at(10)));
        assert!(worker.call(9, at(15)));
        assert!(worker.call(30, at(20)));
        assert_eq!(worker.kept(7), Kept::Since(at(5)));
        assert_eq!(worker.kept(8), Kept::Since(at(15)));
        assert_eq!(worker.kept(31), Kept::NotYet);
        // One that keeps to less than it said does not keep to the rest.
        assert!(worker.call(8, at(25)));
        assert_eq!(worker.kept(7), Kept::Since(at(5)));
        assert_eq!(worker.kept(9), Kept::NotYet);
    }

    #[test]
    fn who_had_no_lease_for_a_while_begins_anew() {
        let mut worker = Worker::new(3, at(0));
        worker.call(3, at(9));
        assert!(worker.was_there(at(0)) && worker.was_there(at(18)));
        assert!(!worker.was_there(at(19)));
        worker.call(5, at(30));
        assert!(!worker.was_there(at(18)) && worker.was_there(at(30)));
    }

    #[test]
    fn what_is_remembered_of_a_worker_is_bounded() {
        let mut worker = Worker::new(0, at(0));
        for version in 1..1000 {
            worker.call(version, at(version / 10));
        }
        assert_eq!(worker.steps.len(), MOST_STEPS);
        assert_eq!(worker.kept(1), Kept::Long);
        assert_eq!(worker.kept(990), Kept::Since(at(99)));
    }
}
