//! What is stopped, and who resumed it.

use std::collections::BTreeMap;

use super::KEPT;
use super::cases::Case;
use super::findings::Findings;
use super::kind::Kind;
use super::members::{Stop, StopKind};
use super::said::Stopped;
use crate::directory::Party;
use crate::words::{EmergencyId, GatewayId, PersonId, StopId, Timestamp};

#[derive(Debug)]
struct Standing {
    kind: StopKind,
    what: Option<String>,
    principal: Option<Party>,
    by: PersonId,
    at: Timestamp,
    /// Whether the record that ended it, or its own, may have been lost, or is not here.
    rests: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stops(BTreeMap<StopId, Standing>);

/// A release that may be stopped.
pub(super) struct Releasing<'a> {
    pub(super) approval: &'a str,
    pub(super) gateway: &'a GatewayId,
    pub(super) emergency: Option<&'a EmergencyId>,
    /// What was asked, where that is known.
    pub(super) case: Option<&'a Case>,
}

impl Standing {
    fn names(&self, name: &str) -> bool {
        self.what.as_deref() == Some(name)
    }

    /// Nobody ends it, and what it stops has ended by itself.
    fn is_final(&self) -> bool {
        matches!(self.kind, StopKind::Approval | StopKind::Emergency)
    }

    fn stops(&self, releasing: &Releasing<'_>) -> bool {
        match self.kind {
            StopKind::Everything => true,
            StopKind::Gateway => self.names(releasing.gateway.as_str()),
            StopKind::Action => releasing
                .case
                .is_some_and(|case| self.names(case.action.as_str())),
            StopKind::Principal => releasing.case.is_some_and(|case| self.is_behind(case)),
            StopKind::Approval => self.names(releasing.approval),
            StopKind::Emergency => releasing
                .emergency
                .is_some_and(|id| self.names(id.as_str())),
        }
    }

    /// A person is behind whatever they, or an agent of theirs, have a part in: all of these are excluded
    /// from the review. Of agents only the one who asks is in the log.
    fn is_behind(&self, case: &Case) -> bool {
        match (&self.principal, &case.requester) {
            (Some(Party::Person { id }), _) => case.excluded.contains(id),
            (Some(Party::Agent { id, .. }), Party::Agent { id: asks, .. }) => id == asks,
            _ => false,
        }
    }
}

impl Stops {
    /// Forgets those of grants and emergency accesses that have ended meanwhile.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0
            .retain(|_, stop| !stop.is_final() || now <= stop.at.after(KEPT));
    }

    /// Records were lost, or are not here: which of them stand is not known for certain.
    pub(super) fn lose(&mut self) {
        self.0.values_mut().for_each(|stop| stop.rests = true);
    }

    pub(super) fn begin(&mut self, said: Stopped, now: Timestamp, found: &mut Findings) {
        let Stop {
            id,
            kind,
            principal,
            what,
        } = said.stop;
        if self.0.contains_key(&id) {
            found.add(Kind::StopUnknown, "Another stop has the same id.");
            return;
        }
        let standing = Standing {
            kind,
            what,
            principal,
            by: said.actor.id().clone(),
            at: now,
            rests: false,
        };
        self.0.insert(id, standing);
    }

    /// A stop ends; `may_rest`: it may be one of a log that was not read.
    pub(super) fn resume(&mut self, said: &Stopped, may_rest: bool, found: &mut Findings) {
        let (stop, by) = (&said.stop, said.actor.id());
        let Some(standing) = self.0.get(&stop.id) else {
            if may_rest {
                found.add(
                    Kind::OfLogBefore,
                    "The stop was begun in a log before this one.",
                );
                return;
            }
            found.add(Kind::StopUnknown, "There is no such stop, or it has ended.");
            return;
        };
        let is_principal = standing.kind == StopKind::Principal;
        let is_same = standing.kind == stop.kind && (is_principal || standing.what == stop.what);
        found.require(
            is_same,
            Kind::Contradiction,
            "What is resumed is not what this stop has stopped.",
        );
        if standing.is_final() {
            found.add(
                Kind::ResumedFinal,
                "A grant that was taken back, or an emergency access that was reviewed, stays so.",
            );
            return;
        }
        let is_stopped = [&standing.principal, &stop.principal]
            .into_iter()
            .flatten()
            .any(|stopped| person(stopped) == by);
        found.require(
            *by != standing.by && !is_stopped,
            Kind::ResumedBySame,
            "Resumed by who stopped it, or by whom it stops.",
        );
        self.0.remove(&stop.id);
    }

    /// Whether a stop was in force, and which kind.
    pub(super) fn check(&self, releasing: &Releasing<'_>, found: &mut Findings) {
        let stopping = || self.0.iter().filter(|(_, stop)| stop.stops(releasing));
        if let Some((id, _)) = stopping().find(|(_, stop)| !stop.rests) {
            let sentence = format!("The stop {id} was in force.");
            found.add(Kind::UsedWhileStopped, sentence);
        } else if let Some((id, _)) = stopping().next() {
            let sentence = format!(
                "The stop {id} was in force before the log was recovered: it was resumed, or lost, in a record \
                 that is not here."
            );
            found.add(Kind::OfLogBefore, sentence);
        }
    }
}

fn person(party: &Party) -> &PersonId {
    match party {
        Party::Person { id } => id,
        Party::Agent { owner, .. } => owner,
    }
}
