//! Using a grant, and taking it back.

use std::collections::BTreeSet;

use super::{REVOCABLE, Refused, changed, end};
use crate::case::decide::is_stopped;
use crate::case::{Approval, Ask, Decision, State, Use, decide};
use crate::emergency::Emergency;
use crate::messages::DenyCode;
use crate::panel::Panel;
use crate::record::{Ended, Record, Used};
use crate::scope::Scope;
use crate::words::{PersonId, Timestamp};

pub(super) fn consume(
    approval: &Approval,
    ask: &Ask<'_>,
    uses: &[Use],
    panel: &Panel,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    let grant = match decide(approval, ask, uses, panel, now) {
        Decision::Allow(grant) => grant,
        Decision::Pending => return Err(Refused::NotApproved),
        Decision::Refused(code) => return Err(Refused::Use(code)),
        Decision::Taken => return Err(Refused::Use(DenyCode::Taken)),
        Decision::Replay(_) => return Err(Refused::Use(DenyCode::Used)),
    };
    let people = approval.count(panel).map(|count| count.people);
    let mut next = changed(approval);
    next.used = next.used.saturating_add(1);
    if next.used >= next.uses {
        next.state = State::Used;
        next.ended = Some(now);
    }
    let approved_by = people.unwrap_or_default().into_iter().cloned().collect();
    let record = used(&next, ask, grant.scope, approved_by, grant.expires);
    Ok((next, record))
}

pub(super) fn break_glass(
    approval: &Approval,
    ask: &Ask<'_>,
    emergency: &Emergency,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    let is_this = approval.principal == *ask.principal
        && approval.fingerprint_mac.matches(&ask.fingerprint_mac)
        && approval.policy == ask.policy;
    if !is_this || !emergency.covers(&approval.principal, &approval.action, now) {
        return Err(Refused::NoEmergency);
    }
    if is_stopped(approval, ask) {
        return Err(Refused::Use(DenyCode::Stopped));
    }
    let mut next = changed(approval);
    next.used = next.used.saturating_add(1);
    next.state = State::Used;
    next.ended = Some(now);
    next.collect_by = None;
    next.granted = next.asked();
    next.emergency = Some(emergency.id.clone());
    let (scope, expires) = (next.granted.clone(), emergency.until);
    let record = used(&next, ask, scope, BTreeSet::new(), expires);
    Ok((next, record))
}

fn used(
    next: &Approval,
    ask: &Ask<'_>,
    scope: Scope,
    approved_by: BTreeSet<PersonId>,
    expires: Timestamp,
) -> Record {
    Record::Used(Box::new(Used {
        approval: next.id.clone(),
        version: next.version,
        state: next.state,
        gateway: ask.gateway.clone(),
        use_key: ask.use_key,
        fingerprint_mac: next.fingerprint_mac,
        policy: next.policy,
        scope,
        seen: next.seen.as_ref().map(|seen| seen.tags),
        number: next.used,
        of: next.uses,
        approved_by,
        emergency: next.emergency.clone(),
        expires,
    }))
}

pub(super) fn revoke(
    approval: &Approval,
    person: &PersonId,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    let is_open = match approval.state {
        _ if approval.state_at(now) == State::Expired && !approval.state.is_final() => false,
        State::Approved => true,
        State::Used => approval
            .ended
            .is_some_and(|ended| now.since(ended) <= REVOCABLE),
        state if state.is_final() => return Err(Refused::AlreadyDecided(state)),
        _ => return Err(Refused::NotApproved),
    };
    if is_open {
        Ok(end(
            approval,
            State::Revoked,
            now,
            Ended::Revoked(person.clone()),
        ))
    } else {
        Err(Refused::Expired)
    }
}
