//! What the response holds, or that nobody knows.

use super::{Refused, changed};
use crate::case::{Approval, State};
use crate::evidence::{Evidence, Seen};
use crate::record::Record;
use crate::words::{GatewayId, Timestamp};

pub(super) fn collect(
    approval: &Approval,
    gateway: &GatewayId,
    evidence: &Evidence,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    // An outsider learns nothing of the state.
    if approval.gateway != *gateway || approval.opened_by != evidence.use_key {
        return Err(Refused::NotTheStream);
    }
    if approval.state != State::Collecting {
        return Err(Refused::AlreadyDecided(approval.state));
    }
    if approval.state_at(now) == State::Expired {
        return Err(Refused::Expired);
    }
    Ok(show(approval, Some(Seen::from(evidence))))
}

pub(super) fn show_unseen(
    approval: &Approval,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    match approval.state {
        State::Collecting if approval.collect_by.is_some_and(|by| by > now) => Err(Refused::NotDue),
        State::Collecting => Ok(show(approval, None)),
        State::Pending => Err(Refused::Unchanged),
        state => Err(Refused::AlreadyDecided(state)),
    }
}

fn show(approval: &Approval, seen: Option<Seen>) -> (Approval, Record) {
    let mut next = changed(approval);
    next.state = State::Pending;
    next.collect_by = None;
    next.seen.clone_from(&seen);
    next.is_unseen = seen.is_none();
    let record = Record::Collected {
        approval: next.id.clone(),
        version: next.version,
        seen: seen.map(Box::new),
    };
    (next, record)
}
