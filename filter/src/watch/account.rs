//! What is known of one stream: for metrics, access log, events, and what the policy service is told of
//! releases.

use std::borrow::Cow;
use std::rc::Rc;

use velum_approval::messages::ClassCounts;
use velum_approval::{ApprovalId, End, Evidence, Found, Identity, OutcomeReport, Shape, Tags};
use velum_engine::{ClassSet, Masker, Report};

use super::Outcome;
use crate::grant::{Collection, Grant};
use crate::host::{Host, Side};
use crate::outbox::{About, Message};
use crate::shape;

/// What the policy that is in force wants to know of streams.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    /// Nothing is changed.
    pub(crate) observes: bool,
    /// The access log is told.
    pub(crate) access_log: bool,
    /// The policy service is told of what nobody reviews.
    pub(crate) reports: bool,
}

/// The action that a request met.
pub(crate) struct Met {
    pub(crate) action: Option<String>,
    pub(super) passes: bool,
}

/// What is known of one stream.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(crate) struct Account {
    pub(crate) terms: Terms,
    /// The digest of the policy.
    pub(crate) policy: Option<[u8; 32]>,
    pub(crate) met: Option<Met>,
    pub(crate) principal: Option<Identity>,
    pub(crate) problem: Option<&'static str>,
    pub(crate) approval: Option<ApprovalId>,
    pub(crate) status: u32,
    /// Of the request's body and of the response's, once something was done to one.
    pub(super) bodies: Option<Box<[Counts; 2]>>,
    pub(super) replied: bool,
    pub(super) cut: bool,
    pub(super) unobserved: bool,
    pub(super) unread: bool,
    /// Whether the caller may have seen something of a body.
    pub(crate) written: bool,
    pub(super) records: bool,
    /// Whether the request's body would be held.
    pub(super) holds: bool,
    /// What has come of a request body that only seems to be held.
    pub(super) gathered: Vec<u8>,
    /// When the call was made that is not answered yet.
    pub(crate) called_at: u64,
    /// What it was granted.
    pub(super) grant: Option<Rc<Grant>>,
    /// Whether a stop, or a lost lease, had the rest of the answer masked.
    pub(super) stopped: bool,
    /// Who awaits what the answer holds.
    pub(super) collection: Option<Rc<Collection>>,
    /// What the answer holds, once it has come to its end.
    pub(super) collected: Option<Box<Collected>>,
    /// Whether the stream is in the metrics.
    pub(crate) is_counted: bool,
}

/// What an answer holds.
#[derive(Default)]
pub(super) struct Collected {
    tags: Tags,
    /// Whether these are the tags of all its values.
    is_complete: bool,
    shape: Option<Shape>,
}

/// What was done to a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) masked: ClassCounts,
    pub(crate) lifted: ClassCounts,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// What a grant's classes would have lifted, had it not been beyond its values, rules, records or
    /// bytes.
    pub(crate) drift: ClassCounts,
    /// Whether a part of it passes without being looked into.
    pub(crate) unread: bool,
}

impl Counts {
    /// What a masker did.
    pub(super) fn of(report: &Report) -> Self {
        Self {
            masked: ClassCounts::of(*report.masked_by_class()),
            lifted: ClassCounts::of(*report.lifted_by_class()),
            bytes: report.scanned() + report.not_scanned().total(),
            records: report.records(),
            drift: ClassCounts::of(*report.drift_by_class()),
            unread: false,
        }
    }

    /// Adds what a masker did.
    pub(crate) fn add(&mut self, report: &Report) {
        self.add_all(&Self::of(report));
    }

    fn add_all(&mut self, other: &Self) {
        self.masked.add_all(&other.masked);
        self.lifted.add_all(&other.lifted);
        self.drift.add_all(&other.drift);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.records = self.records.saturating_add(other.records);
    }

    /// What was found, as the policy service is told of it.
    pub(crate) fn told(&self) -> Found {
        Found::new(self.masked.iter())
    }

    /// The classes of which something was masked.
    pub(crate) fn classes(&self) -> ClassSet {
        self.masked.iter().map(|(class, _)| class).collect()
    }
}

impl Account {
    /// Whether it is known what becomes of the stream, although it has not ended.
    pub(crate) fn is_settled(&self) -> bool {
        self.problem.is_some() || self.cut || self.replied || self.unobserved
    }

    /// Whether the filter only looks on from here.
    pub(crate) fn is_bystander(&self) -> bool {
        self.terms.observes && self.is_settled()
    }

    /// What became of it; `ended`: its answer is complete.
    pub(crate) fn outcome(&self, ended: bool) -> Outcome {
        match self.problem {
            Some(code) => Outcome::of_problem(code),
            None if self.cut => Outcome::Cut,
            None if self.replied => Outcome::Polled,
            None if self.unobserved => Outcome::Unobserved,
            None if !ended => Outcome::Left,
            None if self.met.as_ref().is_some_and(|met| met.passes) => Outcome::Passed,
            None if self.unread => Outcome::Unread,
            None if self.lifts() => Outcome::Lifted,
            None => Outcome::Masked,
        }
    }

    /// Leaves for the access log what became of it. Where the stream ended early, it is too late.
    pub(crate) fn show(&self, host: &impl Host, outcome: Outcome) {
        let list = |counts: ClassCounts| {
            let mut list = String::new();
            for (class, count) in counts.iter() {
                list.push_str(if list.is_empty() { "" } else { "," });
                list.push_str(class.name());
                list.push('=');
                list.push_str(&count.to_string());
            }
            list
        };
        let counts = self.counts();
        let action = self.met.as_ref().and_then(|met| met.action.as_deref());
        for (name, value) in [
            ("velum.action", action.unwrap_or_default()),
            ("velum.outcome", outcome.name()),
            ("velum.problem", self.problem.unwrap_or_default()),
            ("velum.masked", &list(counts.masked)),
            ("velum.lifted", &list(counts.lifted)),
            (
                "velum.approval",
                self.approval.as_ref().map_or("", |id| id.as_str()),
            ),
        ] {
            if !value.is_empty() {
                // A line of the access log lacks the field then.
                let _missing = host.set_property(name, value.as_bytes());
            }
        }
    }

    /// What the policy service is told when the stream has ended. `ended`: its answer is complete.
    pub(crate) fn reports(&mut self, ended: bool) -> Vec<Message> {
        let (grant, collection) = (self.grant.take(), self.collection.take());
        if grant.is_none() && collection.is_none() {
            return Vec::new();
        }
        let collected = self.collected.take().unwrap_or_default();
        let counts = self.counts();
        let is_whole = ended && !self.cut && self.problem.is_none();
        let mut reports = Vec::new();
        if let Some(grant) = grant {
            let report = OutcomeReport {
                approval: grant.allow.approval.clone(),
                use_key: grant.allow.use_key,
                status: u16::try_from(self.status).unwrap_or(0),
                records: counts.records,
                bytes: counts.bytes,
                lifted: Found::new(counts.lifted.iter()),
                masked: Found::new(counts.masked.iter()),
                drift: Found::new(counts.drift.iter()),
                end: match (is_whole, self.stopped) {
                    (true, false) => End::Complete,
                    (true, true) => End::Stopped,
                    (false, _) => End::Cut,
                },
            };
            reports.push(Message {
                plugin: Rc::clone(&grant.plugin),
                about: About::Outcome,
                body: serde_json::to_vec(&report).unwrap_or_default(),
            });
        }
        if let Some(collection) = collection {
            let evidence = Evidence {
                use_key: collection.use_key,
                found: Found::new(counts.masked.iter()),
                records: counts.records,
                bytes: counts.bytes,
                tags: collected.tags,
                complete: collected.is_complete && is_whole,
                shape: collected.shape,
            };
            reports.push(Message {
                plugin: Rc::clone(&collection.plugin),
                about: About::Evidence(collection.approval.clone()),
                body: serde_json::to_vec(&evidence).unwrap_or_default(),
            });
        }
        reports
    }

    /// Takes note of what an answer holds, where somebody awaits that.
    pub(super) fn collect(&mut self, masker: &Masker) {
        let Some((collection, evidence)) = self.collection.as_ref().zip(masker.evidence()) else {
            return;
        };
        let Some(tags) = Tags::new(evidence.tags().iter()) else {
            return;
        };
        let rules = collection.plugin.policy.rule_names();
        self.collected = Some(Box::new(Collected {
            tags,
            is_complete: evidence.is_complete(),
            shape: masker.outline().map(|outline| shape::of(outline, rules)),
        }));
    }

    pub(super) fn note_body(&mut self, side: Side, counts: &Counts) {
        let bodies = self
            .bodies
            .get_or_insert_with(|| Box::new([Counts::default(); 2]));
        if let Some(body) = bodies.get_mut(side as usize) {
            *body = *counts;
        }
    }

    fn lifts(&self) -> bool {
        let mut bodies = self.bodies.iter().flat_map(|bodies| bodies.iter());
        bodies.any(|body| !body.lifted.is_empty())
    }

    /// What was done to its bodies.
    pub(crate) fn counts(&self) -> Cow<'_, Counts> {
        let Some(bodies) = &self.bodies else {
            return Cow::default();
        };
        let [request, response] = &**bodies;
        // Mostly only one of them has a body that was read.
        let mut counts = Cow::Borrowed(response);
        if request.bytes > 0 {
            counts.to_mut().add_all(request);
        }
        counts
    }
}
