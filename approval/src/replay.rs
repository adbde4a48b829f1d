//! Reads the audit log again, from its first record on, and says whether anything was released without
//! the people that it needed.
//!
//! That the records are those that were written is what a Merkle tree proves. This is the other half:
//! that they tell of nothing that the rules forbid. It is written from the rules, not from the code that
//! keeps them: it calls neither [`transition`](crate::transition) nor [`decide`](crate::decide), counts
//! votes and compares scopes by itself, and knows nothing but the records: no directory, no
//! configuration, no store.
//!
//! ```
//! use velum_approval::replay::Replay;
//! # use velum_approval::{LogName, Record, RecordId, Timestamp, record::LogEvent};
//! # let name = LogName::new("audit.example/main/2026").unwrap();
//! # let opened = LogEvent::Opened { name, key: [1; 32], previous: None, first: 0 };
//! # let (now, id) = (Timestamp::from_millis(1_795_464_104_123), RecordId::new("r0").unwrap());
//! # let opened = Record::Log(Box::new(opened)).to_leaf(0, now, &id, "urn:velum:audit.example/main/2026");
//! # let leaves = [opened.unwrap()];
//! let mut replay = Replay::default();
//! for (index, leaf) in (0..).zip(leaves) {
//!     replay.leaf(index, &leaf);
//! }
//! let report = replay.finish();
//! assert!(report.is_sound(), "{:?}", report.findings);
//! ```
//!
//! What records alone cannot tell:
//!
//! - who was a reviewer, and of which group: groups, and whether different people stood for each, are of
//!   the configuration. That nobody behind the request is counted, and that there are as many people as
//!   the request needed, is in the records;
//! - whether two persons of the directory are one human;
//! - what a reviewer's screen showed: that their security key has signed exactly this yes is verified, by the
//!   public key in the record of its registration; whose key that is, that record says;
//! - how long undecided approvals and grants may last by configuration, and who may open an emergency
//!   access; that one lasts an hour at most is checked;
//! - stops of an agent that has a part in a request without making it, and of a principal whom the
//!   directory did not know: a record names no identities, which may be a patient's. Stops of persons are
//!   found by who was behind the request when it was asked;
//! - when a stop reached the streams that were running: what is checked is that nothing was released after
//!   its record;
//! - which values were lifted, beyond their classes: an outcome has counts;
//! - releases of which there is no record.
//!
//! A log goes on from the one of the year before: [`Replay::begin_next`] says that its records follow. Where
//! the one before was not read, what was asked for there is noted ([`Kind::OfLogBefore`]), and
//! [`Report::rests_on`] names it.
//!
//! Memory: what is open (approvals that are not over, stops that stand, emergency accesses that nobody
//! has reviewed), security keys, what a later record may still be about ([`KEPT`]: approvals that are over, uses, stops
//! of grants, reviews), the latest 4,096 ids, 65,536 workers and 10,000 findings.

mod agreement;
mod cases;
mod configurations;
mod credentials;
mod emergencies;
mod extent;
mod findings;
mod form;
mod kind;
mod log_keys;
mod members;
mod moment;
mod order;
mod plain;
mod reading;
mod route;
mod said;
mod stops;
mod succession;
mod summaries;
mod uses;
mod votes;
mod workers;

pub use findings::Finding;
pub use kind::{Kind, Severity};
pub use log_keys::Rotation;
pub use succession::Foundation;

use std::collections::BTreeMap;
use std::time::Duration;

use self::cases::Cases;
use self::configurations::Configurations;
use self::credentials::Credentials;
use self::emergencies::Emergencies;
use self::findings::Findings;
use self::log_keys::LogKeys;
use self::order::Order;
use self::reading::Leaf;
use self::said::Event;
use self::stops::Stops;
use self::succession::Succession;
use self::summaries::Summaries;
use self::uses::Uses;
use self::workers::Workers;
use crate::words::Timestamp;

/// For how long, by the times of the records, what is over is remembered: longer than a grant can be
/// taken back ([`REVOCABLE`](crate::REVOCABLE)). Of what was over before, any further change is found as
/// one of an approval that nobody asked for; an outcome that comes later than that is noted as late.
pub const KEPT: Duration = Duration::from_hours(25);

/// How often what is over is looked for.
const FORGETS: Duration = Duration::from_mins(1);

/// Reads records in their order. See the [module](self).
#[derive(Debug, Default)]
pub struct Replay {
    found: Findings,
    order: Order,
    succession: Succession,
    cases: Cases,
    uses: Uses,
    stops: Stops,
    emergencies: Emergencies,
    credentials: Credentials,
    configurations: Configurations,
    workers: Workers,
    summaries: Summaries,
    keys: LogKeys,
    counts: BTreeMap<&'static str, u64>,
    leaves: u64,
    releases: Releases,
    forgot: Option<Timestamp>,
}

/// How much was released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Releases {
    /// Under grants of people.
    pub approved: u64,
    /// Under an emergency access.
    pub in_emergency: u64,
    /// Of both, those of which it was told what left.
    pub told: u64,
    /// Of all, those whose approval was asked for in a log that was not read.
    pub resting: u64,
}

/// What a log comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many records there were, those that could not be read too.
    pub leaves: u64,
    /// How many of each event type; types without any are left out.
    pub counts: BTreeMap<&'static str, u64>,
    /// How much was released.
    pub releases: Releases,
    /// The log that the first one goes on from, which was not read: what it says is not verified, and the
    /// approvals that were open when it ended are not known.
    pub rests_on: Option<Foundation>,
    /// How many records were in the logs before the last one that was read: the index of a finding less this
    /// is its place there.
    pub first: u64,
    /// What was found, mostly in the order of the records: that an outcome is missing is said late.
    pub findings: Vec<Finding>,
    /// How many findings more there were than are listed.
    pub omitted: u64,
}

impl Report {
    /// Whether nothing was found that weighs more than a note.
    pub fn is_sound(&self) -> bool {
        self.failures().next().is_none() && self.omitted == 0
    }

    /// What weighs more than a note.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.of(Severity::Failure)
    }

    /// What is worth knowing.
    pub fn notes(&self) -> impl Iterator<Item = &Finding> {
        self.of(Severity::Note)
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(move |finding| finding.kind.severity() == severity)
    }
}

impl Replay {
    /// The same, that also notes where nothing was recorded for longer than this: a log that beats each so often
    /// proves its silence.
    #[must_use]
    pub fn with_heartbeat(mut self, longest: Duration) -> Replay {
        self.order.expect_within(longest);
        self
    }

    /// Reads the next record: `bytes` as the log has them, `index` its place, from 0 on without a gap.
    /// Any bytes may be handed in: what cannot be read is a finding.
    pub fn leaf(&mut self, index: u64, bytes: &[u8]) {
        self.leaves = self.leaves.saturating_add(1);
        self.found.at(self.succession.index(index));
        self.order.place(index, &mut self.found);
        let Some(leaf) = reading::read(index, bytes, &mut self.found) else {
            return;
        };
        let count = self.counts.entry(leaf.name).or_default();
        *count = count.saturating_add(1);
        self.order.follow(&leaf, &mut self.found);
        let is_beginning = matches!(leaf.event, Event::LogBegun(_));
        self.succession.follow(index, is_beginning, &mut self.found);
        self.cases.rest(self.succession.may_rest(leaf.time));
        if let Some(fault) = agreement::fault(leaf.code, &leaf.event) {
            self.found.add(Kind::Contradiction, fault);
        }
        self.forget();
        self.happen(index, leaf);
    }

    /// The public key that signs the heads of the log that is read, as its records say.
    pub fn key(&self) -> Option<[u8; 32]> {
        self.keys.current()
    }

    /// When the key that signs the heads of the log that is read was exchanged.
    pub fn rotations(&self) -> &[Rotation] {
        &self.keys.rotations
    }

    fn happen(&mut self, index: u64, leaf: Leaf) {
        let (now, found) = (leaf.time, &mut self.found);
        match leaf.event {
            Event::Requested(said) => {
                route::look(&said.request.path, &said.request.query, found);
                self.cases.requested(*said, now, found);
            }
            Event::Collected(said) => self.cases.collected(said, now, found),
            Event::Questioned(said) => self.cases.questioned(&said, now, found),
            Event::Explained(said) => self.cases.explained(&said, found),
            Event::Voted(said, outcome) => {
                let (rests, soon) = (&self.succession, self.succession.may_rest(now));
                let may_rest = (rests.may_rest_for_ever(), soon);
                let keys = (&mut self.credentials, may_rest);
                self.cases.voted(&said, outcome, now, keys, found);
            }
            Event::Confirmed(said) => self.cases.confirmed(&said),
            Event::KeyAdded(said) => self.credentials.added(*said, now, found),
            Event::KeyRemoved(said) => {
                let may_rest = self.succession.may_rest_for_ever();
                self.credentials.removed(&said, may_rest, found);
            }
            Event::Ended(said) => self.cases.ended(&said, now, found),
            Event::Used(said) => {
                let count = match said.r#use.emergency {
                    Some(_) => &mut self.releases.in_emergency,
                    None => &mut self.releases.approved,
                };
                *count = count.saturating_add(1);
                self.used(self.succession.index(index), &said, now);
            }
            Event::Released(said) => {
                self.releases.told = self.releases.told.saturating_add(1);
                let at = said.release.used_at;
                let is_before = self.succession.is_before(at, now);
                self.uses.released(&said, is_before, found);
            }
            Event::Reported(said) => self.workers.reported(said, found),
            Event::Summarised(said) => self.summaries.summarised(&said, now, found),
            Event::Stopped(said) => self.stops.begin(said, now, found),
            Event::Resumed(said) => {
                let may_rest = self.succession.may_rest_for_ever();
                self.stops.resume(&said, may_rest, found);
            }
            Event::Opened(said) => self.emergencies.opened(*said, now, found),
            Event::Reviewed(said) => {
                let may_rest = self.succession.may_rest_for_ever();
                self.emergencies.reviewed(&said, now, may_rest, found);
            }
            Event::Cut(said) => self.emergencies.cut(&said, now, found),
            Event::LogBegun(said) => {
                found.require(
                    index == 0 && self.order.is_named(said.log.name.as_ref()),
                    Kind::Contradiction,
                    "A log begins with its first record, which has the name of its source.",
                );
                self.cases.follow(said.log.restored.is_some());
                self.configurations.begin();
                let has_lost = self.succession.begin(&said, now, found);
                if self.succession.rests() {
                    self.workers.rest();
                }
                if has_lost {
                    self.cases.lose(now);
                    self.uses.lose();
                    self.stops.lose();
                    self.emergencies.lose();
                    self.credentials.lose();
                    self.workers.lose();
                    self.summaries.lose();
                }
                self.keys.begun(&said, found);
            }
            Event::LogClosed(said) => {
                if let Some(next) = said.log.next {
                    self.succession.close(next);
                }
            }
            Event::LogRotated(said) => self.keys.rotated(index, &said, found),
            Event::Configured(said) => self.configurations.configured(said, found),
            Event::Read(said) => found.require(
                said.reading.since.0 <= now,
                Kind::Contradiction,
                "Somebody has read the log after the record that says so.",
            ),
            // Nothing changed.
            Event::Refused(_)
            | Event::RequestRefused
            | Event::Barred
            | Event::Session
            | Event::LogPruned(_)
            | Event::Log => {}
        }
    }

    fn forget(&mut self) {
        let now = self.order.latest();
        if self.forgot.is_some_and(|last| now < last.after(FORGETS)) {
            return;
        }
        self.forgot = Some(now);
        self.cases.forget(now);
        self.uses.forget(now, &mut self.found);
        self.stops.forget(now);
        self.emergencies.forget(now);
    }

    /// What the log came to. Uses of which it was not told what left are noted now.
    pub fn finish(mut self) -> Report {
        self.uses.finish(&mut self.found);
        Report {
            leaves: self.leaves,
            counts: self.counts,
            releases: self.releases,
            rests_on: self.succession.rests_on(),
            first: self.succession.index(0),
            findings: self.found.list,
            omitted: self.found.omitted,
        }
    }
}
