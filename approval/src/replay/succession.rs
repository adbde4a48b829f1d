//! One log after the other: a log that goes on from another says from which, as it was left.

use super::findings::Findings;
use super::kind::Kind;
use super::members::Anybody;
use super::said::LogEvent;
use super::{KEPT, Replay};
use crate::words::{LogName, Timestamp};

/// A log that another one goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foundation {
    /// Its name.
    pub name: LogName,
    /// How many records it had.
    pub size: u64,
}

/// Where the log that is read stands among the others.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// How many records were in the logs before it: what outcomes name uses by.
    first: u64,
    /// The name of the log that goes on, once this one is closed.
    next: Option<LogName>,
    /// The log that was read before this one, until its first record has come.
    before: Option<Before>,
    /// The log before it, where that was not read; and when this one began.
    rests_on: Option<(Foundation, Timestamp)>,
    /// Records were lost before it began.
    is_recovered: bool,
    /// Before it, or one of those before it, there were records that were not read, or that were read and lost:
    /// what was open then is not known for certain.
    is_uncertain: bool,
}

#[derive(Debug)]
struct Before {
    name: Option<LogName>,
    size: u64,
    next: Option<LogName>,
}

impl Succession {
    /// The number of a place of this log among the records of all.
    pub(super) fn index(&self, place: u64) -> u64 {
        self.first.saturating_add(place)
    }

    pub(super) fn rests_on(&self) -> Option<Foundation> {
        self.rests_on.as_ref().map(|(log, _)| log.clone())
    }

    /// Whether a record may be about something of a log that was not read: an approval that was asked for
    /// there is over two days later.
    pub(super) fn may_rest(&self, now: Timestamp) -> bool {
        let begun = self.rests_on.as_ref().map(|(_, begun)| *begun);
        // After records were lost all that was open was ended.
        !self.is_recovered && begun.is_some_and(|begun| now <= begun.after(KEPT).after(KEPT))
    }

    /// The same of what does not end by itself.
    pub(super) fn may_rest_for_ever(&self) -> bool {
        self.rests_on.is_some() || self.is_uncertain
    }

    /// Whether the log before this one was not read at all.
    pub(super) fn rests(&self) -> bool {
        self.rests_on.is_some()
    }

    /// Whether a use of this index may have been in a log that was not read, or among what was lost.
    pub(super) fn is_before(&self, index: u64, now: Timestamp) -> bool {
        index < self.first && (self.may_rest(now) || self.is_recovered)
    }

    /// The log was closed: nothing follows in it.
    pub(super) fn close(&mut self, next: LogName) {
        self.next = Some(next);
    }

    /// Every record of a log comes before it is closed. The first one opens or recovers it, and that of one that
    /// follows another says so.
    pub(super) fn follow(&mut self, index: u64, is_beginning: bool, found: &mut Findings) {
        found.require(
            self.next.is_none(),
            Kind::Contradiction,
            "The log was closed by the record before this one.",
        );
        if self.before.is_some() && !is_beginning {
            self.before = None;
            found.add(
                Kind::NotNext,
                "A log that goes on from another says so in its first record.",
            );
        } else {
            found.require(
                index > 0 || is_beginning,
                Kind::NotBegun,
                "A log begins with the record that opens or recovers it.",
            );
        }
    }

    /// Gives whether records were lost before it, or are not here, that may have changed what was open.
    pub(super) fn begin(&mut self, said: &LogEvent, now: Timestamp, found: &mut Findings) -> bool {
        let log = &said.log;
        self.first = log.first.unwrap_or(0);
        let has_lost = self.recover(said, found);
        self.is_uncertain |= has_lost;
        self.is_recovered = log.restored.is_some();
        let previous = log.previous.as_ref().map(|previous| Foundation {
            name: previous.name.clone(),
            size: previous.size,
        });
        let Some(before) = self.before.take() else {
            self.rests_on = previous.map(|previous| (previous, now));
            return has_lost;
        };
        let is_next = previous.is_some_and(|previous| {
            let is_whole = previous.size == before.size && before.next == log.name;
            let is_it = Some(&previous.name) == before.name.as_ref();
            // Of one that has lost records there are fewer than it is known to have had; and where its end
            // was lost too, it is a later one that is known.
            let is_lost = self.is_recovered && (!is_it || previous.size >= before.size);
            is_lost || (is_it && is_whole)
        });
        found.require(
            is_next,
            Kind::NotNext,
            "It does not go on from the log before it: another name or size, or that one was not closed.",
        );
        has_lost
    }

    /// What its first record says of a recovery, held against what was read.
    fn recover(&self, said: &LogEvent, found: &mut Findings) -> bool {
        let (Some(restored), Some(previous)) = (said.log.restored, &said.log.previous) else {
            return false;
        };
        let by = match &said.actor {
            Anybody::Person { id } => id.to_string(),
            _ => "nobody".to_owned(),
        };
        let read = self.before.as_ref().map(|before| {
            let is_it = before.name.as_ref() == Some(&previous.name);
            if is_it { before.size } else { 0 }
        });
        let told = match read {
            Some(read) => format!("{read} were read"),
            None => "it was not read".to_owned(),
        };
        let (name, size) = (&previous.name, previous.size);
        let sentence = format!(
            "{by} recovered the log: of the {size} records that {name} is known to have had, {restored} were left, \
             and {told}."
        );
        found.add(Kind::LogRecovered, sentence);
        let unsigned = said.log.unsigned.unwrap_or(0);
        if let Some(read) = read
            && read < restored.saturating_sub(unsigned)
        {
            let sentence = format!(
                "{restored} records of {name} were left when it was recovered, {unsigned} of them under no signed \
                 head, and {read} are here."
            );
            found.add(Kind::RecordsMissing, sentence);
        }
        read != Some(size) || restored != size
    }
}

impl Replay {
    /// The records of the next log follow: of the one that its first record says it goes on from. What was
    /// open stays so.
    pub fn begin_next(&mut self) {
        let before = Before {
            name: self.order.name(),
            size: self.order.begin_next(),
            next: self.succession.next.take(),
        };
        self.succession.first = self.succession.index(before.size);
        self.succession.before = Some(before);
    }
}
