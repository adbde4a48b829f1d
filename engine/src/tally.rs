//! Who decided, and what is counted for whom.

use crate::clean::Clean;
use crate::evidence::{Evidence, Value};
use crate::people::People;
use crate::recorder::Recorder;
use crate::{Class, Report};

/// What decided about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A rule, by its number.
    Rule(u16),
    /// What stands beside the value, by a table of a profile.
    Siblings,
    /// What stands beside the value does not say what it is, or came too late.
    Unclear,
    /// A detector, by its number.
    Detector(u8),
    /// A custom detector, by its number.
    Custom(u8),
    /// A name that a field of the record holds.
    Mention,
    /// Detectors, of a text that was made to be found again and again.
    Unsettled,
}

/// Counts, and records where a value stood if that is asked for.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) report: Report,
    pub(crate) recorder: Option<Box<Recorder>>,
    /// The names that it has come by.
    pub(crate) people: People,
    /// Texts in which detectors found nothing.
    pub(crate) clean: Clean,
    /// The tags of what is masked, if they are asked for.
    pub(crate) evidence: Option<Box<Evidence>>,
    /// Which record is at hand, from 1, as a grant counts them.
    pub(crate) record: u64,
}

impl Tally {
    /// Takes over what was counted inside of the value at hand.
    pub(crate) fn absorb(&mut self, inner: &mut Self) {
        self.report.absorb(&inner.report);
        let found = inner.recorder.as_mut().map(|recorder| recorder.take());
        for found in found.unwrap_or_default() {
            self.count(found.cause, found.class, found.lifted);
        }
        if let (Some(evidence), Some(inner)) = (&mut self.evidence, &inner.evidence) {
            evidence.absorb(inner);
        }
    }

    /// A value has been masked; `is_drift`: only because the grant for its class is not for it.
    #[inline]
    pub(crate) fn mask(&mut self, cause: Cause, class: Class, is_drift: bool, value: Value<'_>) {
        self.count(cause, class, false);
        if is_drift || self.evidence.is_some() {
            self.note(class, is_drift, value);
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&mut self, class: Class, is_drift: bool, value: Value<'_>) {
        if is_drift {
            self.report.count_drift(class);
        }
        if let Some(evidence) = &mut self.evidence {
            evidence.see(class, value);
        }
    }

    /// A value has been masked or lifted.
    pub(crate) fn count(&mut self, cause: Cause, class: Class, lifted: bool) {
        self.report.count(cause, class, lifted);
        if let Some(recorder) = &mut self.recorder {
            recorder.find(cause, class, lifted);
        }
    }

    /// Whether what is counted next stands outside of the JSON texts.
    pub(crate) fn outside(&mut self, outside: bool) {
        if let Some(recorder) = &mut self.recorder {
            recorder.outside(outside);
        }
    }

    /// What is counted next is a value that has waited, by its number, or the one at hand; then
    /// nothing waits any more.
    #[inline]
    pub(crate) fn at_waiting(&mut self, number: Option<usize>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.at_waiting(number);
        }
    }
}
