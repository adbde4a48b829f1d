//! The held requests that wait here for an approval: how many, which is the newest, and which have
//! gone.
//!
//! Kept in memory alone: nothing is released by it. A stream that nobody has heard of for a while
//! counts as gone.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use velum_approval::{ApprovalId, GatewayId, Timestamp, UseKey};

/// How long after an answer a stream's next call is awaited.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How many departures are remembered.
const DEPARTURES: usize = 4_096;

/// A stream, as its gateway names it.
pub(crate) type StreamKey = (GatewayId, UseKey);

/// The streams that wait in this process.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    known: Arc<Mutex<Known>>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they came first.
    waiting: HashMap<ApprovalId, BTreeMap<u64, Waiter>>,
    /// What each waits for, and its place there.
    places: HashMap<StreamKey, (ApprovalId, u64)>,
    /// The place of the next.
    next: u64,
    /// Those of `departed`, the latest last.
    departures: VecDeque<Departed>,
    departed: HashSet<StreamKey>,
}

impl Known {
    fn waiter(&mut self, approval: &ApprovalId, stream: &StreamKey) -> Option<&mut Waiter> {
        let (waits_for, place) = self.places.get(stream)?;
        if waits_for != approval {
            return None;
        }
        self.waiting.get_mut(approval)?.get_mut(place)
    }

    /// Forgets a stream, and returns what it waited for.
    fn remove(&mut self, stream: &StreamKey) -> Option<ApprovalId> {
        let (approval, place) = self.places.remove(stream)?;
        if let Some(waiters) = self.waiting.get_mut(&approval) {
            waiters.remove(&place);
            if waiters.is_empty() {
                self.waiting.remove(&approval);
            }
        }
        Some(approval)
    }
}

#[derive(Debug)]
struct Waiter {
    stream: StreamKey,
    /// Until when its caller waits, where that is known.
    until: Option<Timestamp>,
    /// When it was answered last; `None` while its call is open.
    answered: Option<Instant>,
}

#[derive(Debug)]
struct Departed {
    stream: StreamKey,
    approval: Option<ApprovalId>,
    at: Timestamp,
}

/// How a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Until when, where the gateway has said so: it asks for as much at a time as it may, and for the rest last.
    pub(crate) until: Option<Timestamp>,
    /// How many streams wait.
    pub(crate) count: usize,
}

impl Streams {
    /// Counts a stream as gone whose next call does not come within `patience`.
    pub(crate) fn new(patience: Duration) -> Streams {
        Streams {
            known: Arc::default(),
            patience,
        }
    }

    /// Notes that a stream waits for `approval`, until what is returned is dropped. A stream keeps
    /// its place when it comes again. `until`: when its caller is told that it still waits, where that is known.
    pub(crate) fn arrive(
        &self,
        approval: &ApprovalId,
        stream: StreamKey,
        until: Option<Timestamp>,
    ) -> Presence {
        let mut known = self.lock();
        if let Some(waiter) = known.waiter(approval, &stream) {
            waiter.answered = None;
            waiter.until = until;
        } else {
            known.remove(&stream);
            let place = known.next;
            known.next += 1;
            let waiter = Waiter {
                stream: stream.clone(),
                until,
                answered: None,
            };
            let waiters = known.waiting.entry(approval.clone()).or_default();
            waiters.insert(place, waiter);
            known
                .places
                .insert(stream.clone(), (approval.clone(), place));
        }
        Presence {
            streams: self.clone(),
            approval: approval.clone(),
            stream,
        }
    }

    /// Notes that a stream has ended, and returns the approval that it waited for.
    pub(crate) fn depart(&self, stream: StreamKey, at: Timestamp) -> Option<ApprovalId> {
        let mut known = self.lock();
        let approval = known.remove(&stream);
        if !known.departed.insert(stream.clone()) {
            return approval;
        }
        if known.departures.len() == DEPARTURES
            && let Some(first) = known.departures.pop_front()
        {
            known.departed.remove(&first.stream);
        }
        known.departures.push_back(Departed {
            stream,
            approval: approval.clone(),
            at,
        });
        approval
    }

    /// How many streams wait here.
    pub(crate) fn total(&self) -> usize {
        self.lock().places.len()
    }

    /// Whether this stream has ended: its notice may come before its call.
    pub(crate) fn has_departed(&self, stream: &StreamKey) -> bool {
        self.lock().departed.contains(stream)
    }

    /// Whether no live stream waits for `approval` that came after this one.
    pub(crate) fn is_newest(&self, approval: &ApprovalId, stream: &StreamKey) -> bool {
        let known = self.lock();
        let place = known.places.get(stream);
        let place = place.and_then(|(waits_for, place)| (waits_for == approval).then_some(place));
        // One that has not waited is the newest of all.
        let (Some(place), Some(waiters)) = (place, known.waiting.get(approval)) else {
            return true;
        };
        let mut after = waiters.range(place + 1..);
        !after.any(|(_, waiter)| self.is_live(waiter))
    }

    /// How callers wait for `approval`, if any does.
    pub(crate) fn wait(&self, approval: &ApprovalId) -> Option<Wait> {
        let known = self.lock();
        self.wait_of(known.waiting.get(approval)?)
    }

    /// The same of every approval for which any does.
    pub(crate) fn waits(&self) -> HashMap<ApprovalId, Wait> {
        let known = self.lock();
        let all = known.waiting.iter();
        all.filter_map(|(id, waiters)| Some((id.clone(), self.wait_of(waiters)?)))
            .collect()
    }

    fn wait_of(&self, waiters: &BTreeMap<u64, Waiter>) -> Option<Wait> {
        let live = waiters.values().filter(|waiter| self.is_live(waiter));
        // The newest takes what is granted.
        let until = live.clone().next_back()?.until;
        Some(Wait {
            until,
            count: live.count(),
        })
    }

    /// When a caller that waited for `approval` left last.
    pub(crate) fn left(&self, approval: &ApprovalId) -> Option<Timestamp> {
        let known = self.lock();
        let mut departures = known.departures.iter().rev();
        departures
            .find(|gone| gone.approval.as_ref() == Some(approval))
            .map(|gone| gone.at)
    }

    /// Forgets the streams that nobody has heard of for a while.
    pub(crate) fn sweep(&self) {
        let mut known = self.lock();
        let all = known.waiting.values().flat_map(BTreeMap::values);
        let gone = all.filter(|waiter| !self.is_live(waiter));
        let gone: Vec<_> = gone.map(|waiter| waiter.stream.clone()).collect();
        for stream in gone {
            known.remove(&stream);
        }
    }

    fn is_live(&self, waiter: &Waiter) -> bool {
        let mut answered = waiter.answered.into_iter();
        answered.all(|answered| answered.elapsed() < self.patience)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's open call; dropping it says that the call was answered, or cut.
#[derive(Debug)]
pub(crate) struct Presence {
    streams: Streams,
    approval: ApprovalId,
    stream: StreamKey,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut known = self.streams.lock();
        if let Some(waiter) = known.waiter(&self.approval, &self.stream) {
            waiter.answered = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(number: u8) -> StreamKey {
        let gateway = GatewayId::new("edge").unwrap();
        (gateway, UseKey::from_bytes([number; 16]))
    }

    fn count(streams: &Streams) -> usize {
        streams.wait(&id("a")).map_or(0, |wait| wait.count)
    }

    fn id(text: &str) -> ApprovalId {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_that_is_alive_is_told_whatever_it_is_that_calls_again() {
        let streams = Streams::new(PATIENCE);
        let older = streams.arrive(&id("a"), stream(1), None);
        let newer = streams.arrive(&id("a"), stream(2), None);
        drop(older);
        let _again = streams.arrive(&id("a"), stream(1), None);
        assert!(
            !streams.is_newest(&id("a"), &stream(1)),
            "its place is kept"
        );
        assert!(streams.is_newest(&id("a"), &stream(2)));
        assert!(streams.is_newest(&id("a"), &stream(3)), "has not waited");
        assert!(streams.is_newest(&id("b"), &stream(1)));
        drop(newer);
        assert!(
            !streams.is_newest(&id("a"), &stream(1)),
            "it may call again"
        );
    }

    #[test]
    fn until_when_a_caller_waits_is_what_the_newest_has_said_last() {
        let streams = Streams::new(PATIENCE);
        let at = |millis| Some(Timestamp::from_millis(millis));
        let wait = |until, count| Some(Wait { until, count });
        assert_eq!(streams.wait(&id("a")), None);
        let _older = streams.arrive(&id("a"), stream(1), at(9));
        let newer = streams.arrive(&id("a"), stream(2), None);
        assert_eq!(streams.wait(&id("a")), wait(None, 2));
        drop(newer);
        let _again = streams.arrive(&id("a"), stream(2), at(7));
        assert_eq!(streams.wait(&id("a")), wait(at(7), 2));
        streams.depart(stream(2), Timestamp::from_millis(0));
        let waits = streams.waits();
        assert_eq!(
            (waits.len(), waits.get(&id("a")).copied()),
            (1, wait(at(9), 1))
        );
    }

    #[test]
    fn one_that_does_not_call_again_stands_in_nobodys_way() {
        let streams = Streams::new(Duration::ZERO);
        let _older = streams.arrive(&id("a"), stream(1), None);
        let newer = streams.arrive(&id("a"), stream(2), None);
        assert_eq!(count(&streams), 2);
        drop(newer);
        assert!(streams.is_newest(&id("a"), &stream(1)));
        assert_eq!(count(&streams), 1);
    }

    #[test]
    fn one_that_has_left_neither_waits_nor_comes_again() {
        let streams = Streams::new(PATIENCE);
        let at = Timestamp::from_millis(7);
        let _older = streams.arrive(&id("a"), stream(1), None);
        let newer = streams.arrive(&id("a"), stream(2), None);
        assert_eq!(streams.depart(stream(2), at), Some(id("a")));
        drop(newer);
        assert!(streams.is_newest(&id("a"), &stream(1)));
        assert_eq!((count(&streams), streams.left(&id("a"))), (1, Some(at)));
        assert!(streams.has_departed(&stream(2)) && !streams.has_departed(&stream(1)));
        assert_eq!(streams.depart(stream(9), at), None, "its call comes later");
        assert!(streams.has_departed(&stream(9)));
    }

    #[test]
    fn nothing_is_kept_of_streams_that_are_gone_but_a_bounded_number_of_notices() {
        let streams = Streams::new(Duration::ZERO);
        drop(streams.arrive(&id("a"), stream(1), None));
        streams.sweep();
        assert!(streams.lock().waiting.is_empty() && streams.lock().places.is_empty());
        for number in 0..DEPARTURES as u128 + 10 {
            let gateway = GatewayId::new("edge").unwrap();
            let stream = (gateway, UseKey::from_bytes(number.to_be_bytes()));
            streams.depart(stream, Timestamp::from_millis(0));
        }
        let known = streams.lock();
        assert_eq!(known.departures.len(), DEPARTURES);
        assert_eq!(known.departed.len(), DEPARTURES);
    }
}
