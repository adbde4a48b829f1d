//! Emergency accesses: what is released without a review before, and with one after.

use std::collections::{BTreeMap, BTreeSet};

use super::KEPT;
use super::cases::Case;
use super::findings::Findings;
use super::kind::Kind;
use super::said::{Emergency, Used};
use crate::directory::Party;
use crate::emergency::MOST_EMERGENCY;
use crate::words::{ActionName, EmergencyId, PersonId, Timestamp};

#[derive(Debug)]
struct Access {
    opened_by: PersonId,
    requester: Party,
    action: ActionName,
    until: Timestamp,
    uses: u32,
    /// Who is behind the principal, and behind every request that was released.
    excluded: BTreeSet<PersonId>,
    reviewed: Option<Timestamp>,
    /// How many of its versions are neither its opening nor a use.
    changes: u64,
    /// Whether records about it may have been lost, or are not here.
    rests: bool,
}

#[derive(Debug, Default)]
pub(super) struct Emergencies(BTreeMap<EmergencyId, Access>);

impl Emergencies {
    /// Forgets those that were reviewed long ago: a use of one is that of one that nobody opened.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0
            .retain(|_, access| access.reviewed.is_none_or(|at| now <= at.after(KEPT)));
    }

    /// Records were lost, or are not here: how far each of them was is not known for certain.
    pub(super) fn lose(&mut self) {
        self.0.values_mut().for_each(|access| access.rests = true);
    }

    pub(super) fn opened(&mut self, said: Emergency, now: Timestamp, found: &mut Findings) {
        let until = said.access.until.0;
        let Some(requester) = said.requester else {
            let sentence = "Whose requests an emergency access is for is told when it is opened.";
            found.add(Kind::Contradiction, sentence);
            return;
        };
        found.require(
            now < until && until <= now.after(MOST_EMERGENCY),
            Kind::EmergencyTooLong,
            "An emergency access lasts for some time, and for an hour at most.",
        );
        let blocking = || {
            self.0.values().filter(|earlier| {
                let is_theirs = earlier.opened_by == said.access.opened_by;
                let is_unreviewed = earlier.reviewed.is_none();
                is_unreviewed && (is_theirs || is_same(&earlier.requester, &requester))
            })
        };
        if blocking().any(|earlier| !earlier.rests) {
            found.add(
                Kind::EmergencyBlocked,
                "One of the same person, or for the same principal, had not been reviewed.",
            );
        } else if blocking().next().is_some() {
            found.add(
                Kind::OfLogBefore,
                "One of the same person, or for the same principal, was reviewed, or lost, in a record that is \
                 not here.",
            );
        }
        let access = Access {
            opened_by: said.access.opened_by,
            requester,
            action: said.access.action,
            until,
            uses: 0,
            excluded: said.excluded,
            reviewed: None,
            changes: 0,
            rests: false,
        };
        let id = said.access.id;
        if self.0.insert(id, access).is_some() {
            found.add(
                Kind::Contradiction,
                "An emergency access of this id was opened before.",
            );
        }
    }

    /// It ends before its time, unreviewed. One of the log before this is not known.
    pub(super) fn cut(&mut self, said: &Emergency, now: Timestamp, found: &mut Findings) {
        let Some(access) = self.0.get_mut(&said.access.id) else {
            return;
        };
        let is_running = access.reviewed.is_none() && now < access.until;
        found.require(
            (is_running || access.rests) && said.access.until.0 == now,
            Kind::Contradiction,
            "An emergency access ends before its time, at the time of its record, or not at all.",
        );
        if access.rests {
            access.reviewed = None;
        }
        access.until = access.until.min(now);
        access.changes += 1;
    }

    /// It is reviewed; `may_rest`: it may have been opened in a log that was not read.
    pub(super) fn reviewed(
        &mut self,
        said: &Emergency,
        now: Timestamp,
        may_rest: bool,
        found: &mut Findings,
    ) {
        let told = &said.access;
        let Some(access) = self.0.get_mut(&told.id) else {
            if may_rest {
                found.add(Kind::OfLogBefore, "It was opened in a log before this one.");
                return;
            }
            found.add(Kind::EmergencyUnknown, "Nobody opened what is reviewed.");
            return;
        };
        if access.reviewed.is_some() && !access.rests {
            found.add(Kind::Contradiction, "It was reviewed before.");
            return;
        }
        let by = said.actor.id();
        found.require(
            *by != access.opened_by && !access.excluded.contains(by),
            Kind::EmergencySelfReview,
            "Reviewed by who opened it, or is behind what was released under it.",
        );
        let is_counted = told.uses == access.uses
            && told.version == u64::from(access.uses).saturating_add(2 + access.changes)
            && access.excluded.is_subset(&said.excluded);
        if !is_counted && !access.rests {
            let sentence = format!(
                "{} releases are told, where there were {}, or persons behind them are left out.",
                told.uses, access.uses
            );
            found.add(Kind::Miscounted, sentence);
        }
        let is_same = told.opened_by == access.opened_by
            && told.action == access.action
            && (access.rests || told.until.0 == access.until.min(now));
        found.require(
            is_same,
            Kind::Contradiction,
            "Who opened it, for which action or until when is not as it was opened.",
        );
        (access.reviewed, access.rests) = (Some(now), false);
        access.until = access.until.min(now);
    }

    /// One request more is released under it.
    pub(super) fn used(
        &mut self,
        id: &EmergencyId,
        used: &Used,
        case: &Case,
        now: Timestamp,
        may_rest: bool,
        found: &mut Findings,
    ) {
        let Some(access) = self.0.get_mut(id) else {
            if may_rest {
                found.add(Kind::OfLogBefore, "It was opened in a log before this one.");
                return;
            }
            found.add(
                Kind::EmergencyUnknown,
                "Nobody opened the emergency access, or it was reviewed long ago.",
            );
            return;
        };
        if access.reviewed.is_some() {
            found.add(
                Kind::EmergencyAfterReview,
                "The emergency access had been reviewed.",
            );
        } else if access.rests {
            found.add(
                Kind::EmergencyOver,
                "The emergency access ended with the recovery of the log.",
            );
        } else if now >= access.until {
            let sentence = format!("The emergency access ended at {}.", access.until);
            found.add(Kind::EmergencyOver, sentence);
        }
        found.require(
            access.action == case.action,
            Kind::EmergencyOtherAction,
            "It was opened for another action.",
        );
        found.require(
            is_same(&access.requester, &case.requester),
            Kind::EmergencyOtherPrincipal,
            "It was opened for another principal.",
        );
        found.require(
            used.r#use.expires.0 <= access.until,
            Kind::UseWider,
            "The use lasts longer than the emergency access.",
        );
        access.uses = access.uses.saturating_add(1);
        access.excluded.extend(case.excluded.iter().cloned());
    }
}

/// An agent may have another owner by now, and is the same.
fn is_same(one: &Party, other: &Party) -> bool {
    match (one, other) {
        (Party::Person { id: one }, Party::Person { id: other }) => one == other,
        (Party::Agent { id: one, .. }, Party::Agent { id: other, .. }) => one == other,
        _ => false,
    }
}
