//! Releases, and what left under them.

use std::collections::BTreeMap;

use super::KEPT;
use super::cases::{Case, Place, Word};
use super::credentials::Credentials;
use super::extent::Extent;
use super::findings::Findings;
use super::kind::Kind;
use super::said::{Released, Used};
use super::stops::Releasing;
use super::{Replay, votes};
use crate::case::State;
use crate::security_key::StepUp;
use crate::words::{ApprovalId, GatewayId, Timestamp, UseKey};

/// What is remembered of a use.
#[derive(Debug)]
struct Made {
    approval: ApprovalId,
    gateway: GatewayId,
    key: UseKey,
    extent: Extent,
    at: Timestamp,
    is_told: bool,
    /// Whether the record that told it may have been lost.
    rests: bool,
}

/// The uses of some time, by their indexes in the log.
#[derive(Debug, Default)]
pub(super) struct Uses {
    made: BTreeMap<u64, Made>,
    streams: BTreeMap<(GatewayId, UseKey), u64>,
    /// The index of the latest that is no longer remembered.
    forgotten: Option<u64>,
}

impl Uses {
    /// Forgets those whose outcome nobody will tell any more, and notes that.
    pub(super) fn forget(&mut self, now: Timestamp, found: &mut Findings) {
        while let Some(entry) = self.made.first_entry()
            && entry.get().at.after(KEPT) < now
        {
            let (index, made) = entry.remove_entry();
            note_missing(index, &made, found);
            self.forgotten = Some(index);
            let stream = (made.gateway, made.key);
            if self.streams.get(&stream) == Some(&index) {
                self.streams.remove(&stream);
            }
        }
    }

    /// Records were lost: what was told may be told again.
    pub(super) fn lose(&mut self) {
        self.made.values_mut().for_each(|made| made.rests = true);
    }

    /// At the end of the log.
    pub(super) fn finish(&self, found: &mut Findings) {
        for (index, made) in &self.made {
            note_missing(*index, made, found);
        }
    }

    fn make(&mut self, index: u64, used: &Used, at: Timestamp, found: &mut Findings) {
        let (gateway, key) = (used.actor.id().clone(), used.r#use.key);
        let earlier = self.streams.insert((gateway.clone(), key), index);
        if let Some(earlier) = earlier {
            let sentence = format!("The same stream was released something in record {earlier}.");
            found.add(Kind::StreamTwice, sentence);
        }
        let made = Made {
            approval: used.approval.id.clone(),
            gateway,
            key,
            extent: used.r#use.scope.clone(),
            at,
            is_told: false,
            rests: false,
        };
        self.made.insert(index, made);
    }

    /// What left under a use; `is_before`: one of a log that was not read, or that was lost.
    pub(super) fn released(&mut self, said: &Released, is_before: bool, found: &mut Findings) {
        let release = &said.release;
        let at = release.used_at;
        if self.forgotten.is_some_and(|latest| at <= latest) {
            found.add(
                Kind::OutcomeLate,
                "Its use is more than a day old: whether it is the first outcome is not known.",
            );
            return;
        }
        let made = self.made.get_mut(&at).filter(|made| {
            let is_same_use = made.gateway == *said.actor.id() && made.key == release.key;
            is_same_use && made.approval == said.approval.id
        });
        let Some(made) = made else {
            if is_before {
                found.add(Kind::OfLogBefore, "Its use is in the log before this one.");
                return;
            }
            let sentence = format!("Record {at} is no use of this approval by this stream.");
            found.add(Kind::OutcomeWithoutUse, sentence);
            return;
        };
        if made.is_told && !made.rests {
            found.add(
                Kind::OutcomeTwice,
                "The outcome of the use was told before.",
            );
        }
        (made.is_told, made.rests) = (true, false);
        let mut lifted = release.lifted.counts().map(|(class, _)| class);
        if let Some(class) = lifted.find(|class| !made.extent.classes.contains(*class)) {
            let sentence = format!("Values of {} left, which were not lifted.", class.name());
            found.add(Kind::OutcomeWider, sentence);
        }
        let exceeds = |went: u64, most: Option<u64>| most.is_some_and(|most| went > most);
        let is_beyond = exceeds(release.records, made.extent.records)
            || exceeds(release.bytes, made.extent.bytes);
        found.require(
            release.lifted.is_empty() || !is_beyond,
            Kind::OutcomeBeyondLimits,
            "More went by than values may be lifted of; which of them were, the log does not say.",
        );
    }
}

fn note_missing(index: u64, made: &Made, found: &mut Findings) {
    if !made.is_told {
        let (about, at) = (Some(made.approval.clone()), made.at);
        let sentence = format!("What left under the use of {at} has not been told.");
        found.add_at(index, about, Kind::OutcomeMissing, sentence.into());
    }
}

impl Replay {
    pub(super) fn used(&mut self, index: u64, used: &Used, now: Timestamp) {
        let (id, found) = (&used.approval.id, &mut self.found);
        let emergency = used.r#use.emergency.as_ref();
        self.uses.make(index, used, now, found);
        let mut releasing = Releasing {
            approval: id.as_str(),
            gateway: used.actor.id(),
            emergency,
            case: None,
        };
        match self.cases.place(id) {
            Place::Open(case) => {
                releasing.case = Some(case);
                self.stops.check(&releasing, found);
                case.check_use(used, found);
                if let Some(emergency) = emergency {
                    case.check_emergency(now, found);
                    let may_rest = self.succession.may_rest(now);
                    self.emergencies
                        .used(emergency, used, case, now, may_rest, found);
                } else {
                    case.check_grant(used, now, found);
                    case.check_keys(used, &self.credentials, found);
                }
                case.used = case.used.saturating_add(1);
                case.step(&used.approval, found);
            }
            Place::Over(over) => {
                self.stops.check(&releasing, found);
                let kind = match over.state {
                    State::Used => Kind::TooManyUses,
                    _ => Kind::UseAfterEnd,
                };
                let sentence = format!("The approval was over: {}.", over.why());
                found.add(kind, sentence);
                over.version = used.approval.version;
            }
            Place::Unknown if self.succession.may_rest(now) => {
                self.stops.check(&releasing, found);
                self.releases.resting = self.releases.resting.saturating_add(1);
                found.add(
                    Kind::OfLogBefore,
                    "What was released was asked for in the log before this one, or by nobody.",
                );
            }
            Place::Unknown => {
                self.stops.check(&releasing, found);
                found.add(
                    Kind::UseWithoutRequest,
                    "No record says that this approval was asked for, or it was over long ago.",
                );
            }
        }
        self.cases.settle(id, now);
    }
}

impl Case {
    /// What holds of every use.
    fn check_use(&self, used: &Used, found: &mut Findings) {
        let made = &used.r#use;
        let is_same = made.fingerprint_mac.matches(&self.fingerprint) && made.policy == self.policy;
        found.require(
            is_same && made.tags == self.seen,
            Kind::OtherRequest,
            "Its request, its policy or the values seen are not those of the approval.",
        );
        if let Some(what) = made.scope.beyond(&Extent::of(self.asked)) {
            let sentence = format!("The use is wider than what was asked: {what}.");
            found.add(Kind::UseWider, sentence);
        }
        found.require(
            made.number == self.used.saturating_add(1) && made.of == self.uses,
            Kind::Miscounted,
            "It is not the use that it says it is, or not of so many.",
        );
        if self.used >= self.uses {
            let sentence = format!("It had been used {} times, of {}.", self.used, self.uses);
            found.add(Kind::TooManyUses, sentence);
        }
    }

    fn check_emergency(&self, now: Timestamp, found: &mut Findings) {
        found.require(
            now < self.ends(),
            Kind::UseAfterExpiry,
            "The approval's time had run out.",
        );
    }

    /// What holds of a use that people approved.
    fn check_grant(&self, used: &Used, now: Timestamp, found: &mut Findings) {
        let made = &used.r#use;
        let Some(grant) = self
            .grant
            .as_ref()
            .filter(|_| self.state == State::Approved)
        else {
            found.add(Kind::UseWithoutGrant, "No grant had been issued.");
            self.check_people(used, self.needed, found);
            return;
        };
        self.check_people(used, self.needed.max(grant.needed), found);
        found.require(
            now < grant.expires,
            Kind::UseAfterExpiry,
            "The grant had expired.",
        );
        if made.expires.0 > grant.expires {
            found.add(Kind::UseWider, "The use lasts longer than the grant.");
        } else if made.expires.0 < grant.expires {
            found.add(Kind::Contradiction, "The use does not end with the grant.");
        }
        if let Some(what) = made.scope.beyond(&grant.extent) {
            let sentence = format!("The use is wider than the grant: {what}.");
            found.add(Kind::UseWider, sentence);
        }
    }

    /// That a security key, which its person still has, signed what each who is counted said, where that is asked for.
    fn check_keys(&self, used: &Used, keys: &Credentials, found: &mut Findings) {
        if self.step_up != Some(StepUp::Webauthn) {
            return;
        }
        for person in &used.approved_by {
            let is_proven = match self.words.get(person) {
                Some(Word::Yes { key, .. }) => key.is_some_and(|key| keys.is_there(&key)),
                // That it is no yes is found already.
                _ => true,
            };
            if !is_proven {
                let sentence =
                    format!("{person} is counted, and no security key that is theirs signed it.");
                found.add(Kind::ApproverNotProven, sentence);
            }
        }
    }

    /// Those who are named, and what each of them approved.
    fn check_people(&self, used: &Used, needed: u32, found: &mut Findings) {
        let mut counted = 0;
        for person in &used.approved_by {
            if self.excluded.contains(person) {
                let sentence = format!("{person} is named, who is behind the request.");
                found.add(Kind::ExcludedApprover, sentence);
                continue;
            }
            let Some((_, extent, _)) = self.yeses().find(|(says, ..)| *says == person) else {
                let sentence = format!("{person} is named, whose last word is no yes.");
                found.add(Kind::NotAnApprover, sentence);
                continue;
            };
            counted += 1;
            if let Some(what) = used.r#use.scope.beyond(extent) {
                let sentence = format!("The use is wider than what {person} approved: {what}.");
                found.add(Kind::UseWider, sentence);
            }
        }
        let counted = votes::people(counted);
        if counted < needed {
            let sentence = format!("{needed} people are needed, {counted} approved it.");
            found.add(Kind::TooFewApprovers, sentence);
        }
    }
}
