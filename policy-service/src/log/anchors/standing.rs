//! How an anchor stands.

use velum_approval::Timestamp;
use velum_ledger::checkpoint::Checkpoint;

use super::{Fault, Lead};
use crate::store::{Anchored, LogRow};

/// What is known of one anchor.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Of which log it has how much.
    log: u64,
    size: u64,
    end: u64,
    /// When it last took a head.
    at: Option<Timestamp>,
    /// Since when it is without the head.
    behind_since: Option<Timestamp>,
    fault: Option<(Fault, Timestamp)>,
    /// Whether somebody was told that it is late.
    is_told: bool,
    /// Whether what the store has noted of it was not believed when it was last read.
    pub(super) is_doubted: bool,
    /// The log of which the store has noted something of it, be that believed or not.
    noted: u64,
    /// It has more of a log than there is here: how much, and the head where it has one.
    pub(super) ahead: Option<(u64, Option<Checkpoint>)>,
}

/// The same as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) kind: &'static str,
    /// How many records of the open log it has.
    pub(crate) size: u64,
    /// How many more are under the last head.
    pub(crate) lag: u64,
    pub(crate) at: Option<Timestamp>,
    /// For how many seconds it is without the head.
    pub(crate) behind_seconds: u64,
    pub(crate) fault: Option<(Fault, Timestamp)>,
}

/// Whether somebody is to be told of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Late,
    Back,
}

impl State {
    pub(super) fn size_of(&self, log: u64) -> u64 {
        if self.log == log { self.size } else { 0 }
    }

    /// The index behind the last record that it has.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn lacks(&self, lead: Lead) -> bool {
        self.size_of(lead.log) < lead.size
    }

    /// Whether it has had a head of this log, as far as anybody says so.
    pub(super) fn has_had(&self, log: u64) -> bool {
        self.noted == log || self.size_of(log) > 0
    }

    /// The store has noted something of this log.
    pub(super) fn noted(&mut self, log: u64) {
        self.noted = log;
    }

    /// The store has noted this.
    pub(super) fn load(&mut self, log: &LogRow, noted: &Anchored) {
        // One that is beyond the log itself was written by nobody of ours.
        self.is_doubted = noted.size > log.size;
        if noted.size > log.size || (self.log == log.number && self.size >= noted.size) {
            return;
        }
        (self.log, self.size) = (log.number, noted.size);
        self.end = log.first + noted.size;
        self.at = Some(noted.at);
        self.behind_since = None;
    }

    /// There is a head that it does not have.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.behind_since.get_or_insert(now);
    }

    /// It has so much of a log.
    pub(super) fn took(&mut self, log: &LogRow, size: u64, now: Timestamp) {
        (self.log, self.size) = (log.number, size);
        self.end = self.end.max(log.first + size);
        self.at = Some(now);
        self.behind_since = None;
        self.fault = None;
    }

    /// What the store has noted of it was believed, or not; tells whether it was until now.
    pub(super) fn judge(&mut self, is_believed: bool, now: Timestamp) -> bool {
        self.is_doubted = !is_believed;
        let was_bad = self.fault.is_some_and(|(fault, _)| fault == Fault::BadNote);
        match (is_believed, was_bad) {
            (true, true) => self.fault = None,
            (false, false) => {
                self.fault = Some((Fault::BadNote, now));
                return true;
            }
            _ => {}
        }
        false
    }

    pub(super) fn failed(&mut self, fault: Fault, now: Timestamp) {
        self.fault = Some((fault, now));
    }

    /// Told once each time.
    pub(super) fn news(&mut self, now: Timestamp, alert: std::time::Duration) -> Option<News> {
        let since = self.behind_since;
        let is_late = since.is_some_and(|since| now.since(since) >= alert);
        let news = match (is_late, self.is_told) {
            (true, false) => News::Late,
            (false, true) if since.is_none() => News::Back,
            _ => return None,
        };
        self.is_told = is_late;
        Some(news)
    }

    pub(super) fn standing(&self, lead: Lead, now: Timestamp, kind: &'static str) -> Standing {
        let size = self.size_of(lead.log);
        let lag = lead.size.saturating_sub(size);
        let since = self.behind_since.filter(|_| lag > 0);
        Standing {
            kind,
            size,
            lag,
            at: self.at,
            behind_seconds: since.map_or(0, |since| now.since(since).as_secs()),
            fault: self.fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn one_that_is_late_is_told_of_once_and_again_when_it_is_back() {
        let log = LogRow {
            number: 1,
            name: None,
            first: 100,
            size: 9,
            known: 9,
            is_open: true,
            closed: crate::store::Closed::default(),
        };
        let lead = Lead {
            log: 1,
            first: 100,
            size: 9,
            is_here: true,
        };
        let alert = Duration::from_mins(1);
        let mut state = State::default();
        assert!(state.lacks(lead));
        state.begin(at(10));
        state.failed(Fault::Unreachable, at(10));
        assert_eq!(state.news(at(69), alert), None);
        // What is told later is not what began to be lacked later.
        state.begin(at(69));
        assert_eq!(state.news(at(70), alert), Some(News::Late));
        assert_eq!(state.news(at(90), alert), None);
        let standing = state.standing(lead, at(90), "file");
        assert_eq!((standing.lag, standing.behind_seconds), (9, 80));
        state.took(&log, 9, at(91));
        assert_eq!(state.news(at(91), alert), Some(News::Back));
        assert_eq!(state.news(at(92), alert), None);
        assert!(!state.lacks(lead));
        assert_eq!(
            (state.size_of(1), state.size_of(2), state.end()),
            (9, 0, 109)
        );
        let standing = state.standing(lead, at(200), "file");
        assert_eq!((standing.lag, standing.behind_seconds), (0, 0));
        assert!(standing.fault.is_none());
    }
}
