//! The log as a whole: one place after the other, one time after the other, each id once.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::findings::Findings;
use super::kind::Kind;
use super::reading::Leaf;
use crate::words::{LogName, RecordId, Timestamp};

/// How many ids are remembered. An id that comes again later than that is told by its own time only.
const IDS: usize = 4096;

/// How much older than its record an id may be.
const AGE: Duration = Duration::from_hours(1);

#[derive(Debug, Default)]
pub(super) struct Order {
    next: u64,
    source: Option<String>,
    /// The latest time of a record.
    latest: Option<Timestamp>,
    /// How long nothing may be recorded without a note.
    longest: Option<Duration>,
    ids: BTreeSet<RecordId>,
    by_age: VecDeque<RecordId>,
}

impl Order {
    /// The latest time that a record has told.
    pub(super) fn latest(&self) -> Timestamp {
        self.latest.unwrap_or(Timestamp::from_millis(0))
    }

    /// The name of the log that is read.
    pub(super) fn name(&self) -> Option<LogName> {
        let name = self.source.as_deref()?.strip_prefix("urn:velum:")?;
        LogName::new(name).ok()
    }

    /// Notes where nothing was recorded for longer than this.
    pub(super) fn expect_within(&mut self, longest: Duration) {
        self.longest = Some(longest);
    }

    /// The places of another log follow; gives how many this one had.
    pub(super) fn begin_next(&mut self) -> u64 {
        self.source = None;
        std::mem::take(&mut self.next)
    }

    /// Whether this is the log that the records name as their source.
    pub(super) fn is_named(&self, name: Option<&LogName>) -> bool {
        let source = self
            .source
            .as_deref()
            .and_then(|source| source.strip_prefix("urn:velum:"));
        source.is_some() && source == name.map(LogName::as_str)
    }

    /// Takes the place of the next record.
    pub(super) fn place(&mut self, index: u64, found: &mut Findings) {
        if index != self.next {
            let sentence = format!("Record {} was to come here.", self.next);
            found.add(Kind::WrongIndex, sentence);
        }
        self.next = index.saturating_add(1);
    }

    pub(super) fn follow(&mut self, leaf: &Leaf, found: &mut Findings) {
        let source = self.source.get_or_insert_with(|| leaf.source.clone());
        found.require(
            *source == leaf.source,
            Kind::OtherLog,
            "The record names another log as its source than the first one.",
        );
        if let Some(latest) = self.latest
            && leaf.time < latest
        {
            let sentence = format!("{} is before {latest}.", leaf.time);
            found.add(Kind::TimeBack, sentence);
        }
        if let (Some(latest), Some(longest)) = (self.latest, self.longest)
            && leaf.time.since(latest) > longest
        {
            let seconds = leaf.time.since(latest).as_secs();
            let sentence =
                format!("Nothing was recorded for {seconds} s before it, since {latest}.");
            found.add(Kind::Silence, sentence);
        }
        self.latest = self.latest.max(Some(leaf.time));
        self.identify(leaf, found);
    }

    fn identify(&mut self, leaf: &Leaf, found: &mut Findings) {
        if made(&leaf.id).is_some_and(|made| leaf.time > made.after(AGE)) {
            found.add(
                Kind::IdOutOfTime,
                "The record's id was made more than an hour before its time.",
            );
        }
        if !self.ids.insert(leaf.id.clone()) {
            found.add(Kind::IdTwice, "An earlier record has the same id.");
            return;
        }
        self.by_age.push_back(leaf.id.clone());
        if self.by_age.len() > IDS
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}

/// When an id was made, where it is a UUID of version 7 (RFC 9562, section 5.7): its first 48 bits are
/// milliseconds since 1970.
fn made(id: &RecordId) -> Option<Timestamp> {
    let text = id.as_str();
    let (high, rest) = text.split_once('-')?;
    let (low, rest) = rest.split_once('-')?;
    let is_version_7 = text.len() == 36 && high.len() == 8 && low.len() == 4;
    if !is_version_7 || !rest.starts_with('7') {
        return None;
    }
    let millis = i64::from_str_radix(&format!("{high}{low}"), 16).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_id_is_that_of_its_uuid() {
        let id = |text| RecordId::new(text).unwrap();
        // The example of RFC 9562, appendix A.6: 22 February 2022, 19:22:22 UTC.
        let made_at = made(&id("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")).unwrap();
        assert_eq!(made_at.to_string(), "2022-02-22T19:22:22.000Z");
        for other in [
            "r1",
            "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3",
            "zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz",
        ] {
            assert_eq!(made(&id(other)), None, "{other}");
        }
    }
}
