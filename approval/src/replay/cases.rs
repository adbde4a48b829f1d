//! Approvals, from the first record of each to its last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use velum_engine::{Class, ClassSet};

use super::KEPT;
use super::extent::Extent;
use super::findings::Findings;
use super::kind::Kind;
use super::members::{Anybody, Cause, Step};
use super::said::{Collected, Confirmed, Ended, Explained, Questioned, Requested};
use crate::case::{REVOCABLE, State};
use crate::directory::Party;
use crate::security_key::StepUp;
use crate::words::{
    ActionName, ApprovalId, Commitment, CredentialId, FingerprintMac, PersonId, PolicyDigest,
    Timestamp,
};

/// An approval that is not over.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) requester: Party,
    pub(super) excluded: BTreeSet<PersonId>,
    pub(super) action: ActionName,
    pub(super) fingerprint: FingerprintMac,
    pub(super) policy: PolicyDigest,
    pub(super) asked: ClassSet,
    pub(super) needed: u32,
    pub(super) uses: u32,
    pub(super) used: u32,
    pub(super) decide_by: Timestamp,
    pub(super) state: State,
    pub(super) version: u64,
    pub(super) is_unseen: bool,
    /// The digest of the tags of what was seen.
    pub(super) seen: Option<PolicyDigest>,
    /// And of its shape.
    pub(super) shape: Option<PolicyDigest>,
    pub(super) is_questioned: bool,
    /// The commitment to the present reason.
    pub(super) reason: Option<Commitment>,
    /// What whoever approves has to do beside.
    pub(super) step_up: Option<StepUp>,
    /// Who has signed in anew for it, since they last said yes.
    pub(super) confirmed: BTreeSet<PersonId>,
    /// Every person's latest word on the present reason.
    pub(super) words: BTreeMap<PersonId, Word>,
    pub(super) grant: Option<Granted>,
}

/// A person's latest word.
#[derive(Debug)]
pub(super) enum Word {
    Yes {
        extent: Extent,
        seconds: Option<u32>,
        /// The security key that has signed it.
        key: Option<CredentialId>,
    },
    No,
    TakenBack,
}

#[derive(Debug)]
pub(super) struct Granted {
    pub(super) extent: Extent,
    pub(super) expires: Timestamp,
    /// How many people the record that issued it needed.
    pub(super) needed: u32,
}

/// What is remembered of an approval that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    pub(super) state: State,
    pub(super) version: u64,
    pub(super) ended: Timestamp,
    /// Records of it may be missing: then it is as the first record of its end says.
    pub(super) rests: bool,
}

#[derive(Debug, Default)]
pub(super) struct Cases {
    open: BTreeMap<ApprovalId, Case>,
    over: BTreeMap<ApprovalId, Over>,
    by_end: VecDeque<(Timestamp, ApprovalId)>,
    /// Whether this log follows one that has lost records.
    is_recovered: bool,
    /// Whether records of what was open then were lost, or are not here.
    has_lost: bool,
    /// Whether what nobody asked for may have been asked for in a log that was not read.
    may_rest: bool,
}

/// Where an approval stands.
pub(super) enum Place<'a> {
    Open(&'a mut Case),
    Over(&'a mut Over),
    Unknown,
}

impl Case {
    /// When it ends by itself.
    pub(super) fn ends(&self) -> Timestamp {
        match (self.state, &self.grant) {
            (State::Approved, Some(grant)) => grant.expires,
            _ => self.decide_by,
        }
    }

    /// Takes the number of the change.
    pub(super) fn step(&mut self, step: &Step, found: &mut Findings) {
        number(&mut self.version, step, found);
        self.state = step.state;
    }
}

impl Over {
    fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::Collecting | State::Pending | State::Approved
        )
    }

    /// Why it is over.
    pub(super) fn why(&self) -> &'static str {
        if self.rests && self.is_open() {
            "the log was recovered"
        } else {
            self.state.name()
        }
    }
}

fn number(version: &mut u64, step: &Step, found: &mut Findings) {
    if step.version != version.saturating_add(1) {
        let sentence = format!("Version {} follows version {version}.", step.version);
        found.add(Kind::VersionGap, sentence);
    }
    *version = step.version;
}

impl Cases {
    /// Forgets what no later record of a sound log is about.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some((ended, _)) = self.by_end.front()
            && ended.after(KEPT) < now
        {
            let Some((ended, id)) = self.by_end.pop_front() else {
                return;
            };
            // One that was taken back later stands in the queue again.
            if self.over.get(&id).is_some_and(|over| over.ended <= ended) {
                self.over.remove(&id);
            }
        }
    }

    pub(super) fn place(&mut self, id: &ApprovalId) -> Place<'_> {
        if let Some(case) = self.open.get_mut(id) {
            return Place::Open(case);
        }
        match self.over.get_mut(id) {
            Some(over) => Place::Over(over),
            None => Place::Unknown,
        }
    }

    /// Keeps little of one that is over.
    pub(super) fn settle(&mut self, id: &ApprovalId, now: Timestamp) {
        let is_over = |case: &Case| {
            !matches!(
                case.state,
                State::Collecting | State::Pending | State::Approved
            )
        };
        if self.open.get(id).is_some_and(is_over)
            && let Some(case) = self.open.remove(id)
        {
            let over = Over {
                state: case.state,
                version: case.version,
                ended: now,
                rests: false,
            };
            self.over.insert(id.clone(), over);
            self.by_end.push_back((now, id.clone()));
        }
    }

    /// Records were lost, or are not here: nothing of before goes on, and how far it was is not known.
    pub(super) fn lose(&mut self, now: Timestamp) {
        self.over.values_mut().for_each(|over| over.rests = true);
        for (id, case) in std::mem::take(&mut self.open) {
            let over = Over {
                state: case.state,
                version: case.version,
                ended: now,
                rests: true,
            };
            self.over.insert(id.clone(), over);
            self.by_end.push_back((now, id));
        }
        self.has_lost = true;
    }

    pub(super) fn requested(&mut self, said: Requested, now: Timestamp, found: &mut Findings) {
        if !matches!(self.place(&said.approval.id), Place::Unknown) {
            found.add(Kind::RequestedTwice, "There is an approval of this id.");
            return;
        }
        let person = match &said.requester {
            Party::Person { id } => id,
            Party::Agent { owner, .. } => owner,
        };
        found.require(
            said.excluded.contains(person),
            Kind::RequesterMayReview,
            "The requester's person is not among those who may not review.",
        );
        found.require(
            said.request.classes.iter().all(Class::may_be_lifted),
            Kind::NeverLifted,
            "A class is asked for that is never lifted.",
        );
        found.require(
            now < said.decide_by.0,
            Kind::IllegalChange,
            "It is to be decided before it was asked for.",
        );
        let case = Case {
            requester: said.requester,
            excluded: said.excluded,
            action: said.request.action,
            fingerprint: said.request.fingerprint_mac,
            policy: said.request.policy,
            asked: said.request.classes,
            needed: said.needed,
            uses: said.uses,
            used: 0,
            decide_by: said.decide_by.0,
            state: said.approval.state,
            version: said.approval.version,
            is_unseen: false,
            seen: None,
            shape: None,
            is_questioned: false,
            reason: said.request.reason,
            step_up: said.step_up,
            confirmed: BTreeSet::new(),
            words: BTreeMap::new(),
            grant: None,
        };
        self.open.insert(said.approval.id, case);
    }

    pub(super) fn collected(&mut self, said: Collected, now: Timestamp, found: &mut Findings) {
        let Some(case) = self.changed(&said.approval, found) else {
            return;
        };
        found.require(
            case.state == State::Collecting && now < case.decide_by,
            Kind::IllegalChange,
            "Evidence, or that there is none, for an approval that does not await it.",
        );
        case.is_unseen = said.evidence.is_none();
        case.shape = said.evidence.as_ref().and_then(|seen| seen.shape);
        case.seen = said.evidence.map(|seen| seen.tags);
        case.step(&said.approval, found);
    }

    pub(super) fn questioned(&mut self, said: &Questioned, now: Timestamp, found: &mut Findings) {
        let Some(case) = self.changed(&said.approval, found) else {
            return;
        };
        found.require(
            !case.excluded.contains(said.actor.id()),
            Kind::ExcludedVote,
            "The question is by somebody who is behind the request.",
        );
        let is_open = case.state == State::Pending && now < case.decide_by;
        found.require(
            is_open && !case.is_questioned,
            Kind::IllegalChange,
            "A question about what is not pending, or where one is open.",
        );
        case.is_questioned = true;
        case.step(&said.approval, found);
    }

    pub(super) fn explained(&mut self, said: &Explained, found: &mut Findings) {
        let Some(case) = self.changed(&said.approval, found) else {
            return;
        };
        // Not by its time: the service looks at the clock before the record has its own.
        found.require(
            case.state == State::Pending && case.is_questioned,
            Kind::IllegalChange,
            "A reason that nobody asked for.",
        );
        case.is_questioned = false;
        case.reason = Some(said.reason);
        // They agreed to another reason.
        case.words.clear();
        case.step(&said.approval, found);
    }

    /// Somebody has signed in anew for one.
    pub(super) fn confirmed(&mut self, said: &Confirmed) {
        let Some(approval) = &said.approval else {
            return;
        };
        if let Place::Open(case) = self.place(&approval.id) {
            case.confirmed.insert(said.actor.id().clone());
        }
    }

    /// Whether this log follows one that has lost records: what that one left open ends in this one.
    pub(super) fn follow(&mut self, is_recovered: bool) {
        self.is_recovered = is_recovered;
    }

    /// Whether a record may now be about an approval of a log that was not read.
    pub(super) fn rest(&mut self, may_rest: bool) {
        self.may_rest = may_rest;
    }

    pub(super) fn unknown(&self, found: &mut Findings) {
        if self.may_rest {
            found.add(
                Kind::OfLogBefore,
                "The approval was asked for in the log before this one, or by nobody.",
            );
        } else {
            found.add(
                Kind::UnknownApproval,
                "No record says that this approval was asked for, or it was over long ago.",
            );
        }
    }

    pub(super) fn ended(&mut self, said: &Ended, now: Timestamp, found: &mut Findings) {
        let (is_recovered, has_lost) = (self.is_recovered, self.has_lost);
        let is_of_recovery =
            said.cause == Some(Cause::Recovery) || said.approval.state == State::Expired;
        match self.place(&said.approval.id) {
            Place::Open(case) => {
                let is_due = case.ends() <= now;
                let is_legal = match said.approval.state {
                    State::Expired => is_due,
                    State::Revoked => !is_due && case.state == State::Approved,
                    _ => !is_due,
                };
                found.require(
                    is_legal && said.policy != Some(case.policy),
                    Kind::IllegalChange,
                    "It did not end so: by its time, its grant, or its policy.",
                );
                case.step(&said.approval, found);
            }
            Place::Over(over) => {
                let is_revoked = matches!(said.actor, Anybody::Person { .. });
                let is_recent = now <= over.ended.after(REVOCABLE);
                let may_be_used = over.state == State::Used || (over.rests && over.is_open());
                let is_legal = is_revoked && may_be_used && is_recent;
                let is_recovery = over.rests && is_recovered && is_of_recovery;
                found.require(
                    is_legal || is_recovery,
                    Kind::IllegalChange,
                    "What is over ended again.",
                );
                if over.rests {
                    over.version = said.approval.version;
                } else {
                    number(&mut over.version, &said.approval, found);
                }
                over.rests = false;
                over.state = said.approval.state;
                over.ended = now;
                self.by_end.push_back((now, said.approval.id.clone()));
            }
            // Of the log before this one.
            Place::Unknown if is_recovered && is_of_recovery => {}
            Place::Unknown if has_lost && said.approval.state == State::Revoked => found.add(
                Kind::OfLogBefore,
                "What is taken back was used in a record that was lost, or is not here.",
            ),
            Place::Unknown => self.unknown(found),
        }
        self.settle(&said.approval.id, now);
    }

    /// The case of a change that only an open one has.
    pub(super) fn changed(&mut self, step: &Step, found: &mut Findings) -> Option<&mut Case> {
        if matches!(self.place(&step.id), Place::Unknown) {
            self.unknown(found);
            return None;
        }
        match self.place(&step.id) {
            Place::Open(case) => Some(case),
            Place::Over(over) => {
                let sentence = format!("The approval is over: {}.", over.why());
                found.add(Kind::IllegalChange, sentence);
                number(&mut over.version, step, found);
                None
            }
            Place::Unknown => None,
        }
    }
}
