//! What reviewers say, and what the requester answers.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Ballot, Refused, changed};
use crate::case::{Approval, Need, State, Verdict, Vote};
use crate::panel::Panel;
use crate::record::{Record, Voted};
use crate::scope::Scope;
use crate::words::{Commitment, Identity, PersonId, RuleName, Timestamp};

pub(super) fn vote(
    approval: &Approval,
    ballot: &Ballot<'_>,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    check_ballot(approval, ballot)?;
    let mut next = changed(approval);
    next.votes.push(Vote {
        person: ballot.person.clone(),
        verdict: ballot.verdict.clone(),
        at: now,
        comment: ballot.comment,
        assertion: ballot.assertion.clone().map(Box::new),
    });
    let count = next.count(ballot.panel);
    let got = count.as_ref().map_or(0, |count| count.people.len());
    let enough = count.filter(|count| next.is_enough(&count.people, ballot.panel));
    let agreed = enough.map(|count| (count.agreed, count.seconds));
    let is_decided = agreed.is_some() || matches!(ballot.verdict, Verdict::Deny);
    if is_decided {
        // What the requester was asked is settled by it.
        (next.needs, next.public_reason) = (None, None);
    }
    match (&ballot.verdict, agreed) {
        (Verdict::Deny, _) => {
            next.public_reason = ballot.public_reason;
            next.state = State::Denied;
            next.ended = Some(now);
        }
        // Nothing in common, though something was asked: that is a no.
        (Verdict::Approve { .. }, Some((agreed, _)))
            if agreed.is_empty() && !next.classes.is_empty() =>
        {
            next.state = State::Denied;
            next.ended = Some(now);
        }
        (Verdict::Approve { .. }, Some((agreed, seconds))) => {
            let named = seconds.map(|seconds| Duration::from_secs(seconds.into()));
            let lifetime = named.map_or(ballot.grant_lifetime, |it| it.min(ballot.grant_lifetime));
            next.state = State::Approved;
            next.granted = agreed;
            next.grant_expires = Some(now.after(lifetime));
        }
        _ => {}
    }
    let record = Record::Voted(Box::new(Voted {
        approval: next.id.clone(),
        version: next.version,
        state: next.state,
        person: ballot.person.clone(),
        verdict: ballot.verdict.clone(),
        comment: ballot.comment,
        assertion: ballot.assertion.clone(),
        public_reason: next.public_reason.filter(|_| is_decided),
        got: u32::try_from(got).unwrap_or(u32::MAX),
        needed: next.needed(ballot.panel),
        granted: next.granted.clone(),
        uses: next.uses,
        grant_expires: next.grant_expires,
    }));
    Ok((next, record))
}

fn check_ballot(approval: &Approval, ballot: &Ballot<'_>) -> Result<(), Refused> {
    check_reviewer(approval, ballot.person, ballot.panel, ballot.version)?;
    match &ballot.verdict {
        Verdict::Approve { unseen: false, .. } if approval.is_unseen => Err(Refused::Unseen),
        Verdict::Approve { scope, seconds, .. } => {
            check_scope(approval, scope, *seconds, ballot.rules)
        }
        Verdict::TakeBack
            if !matches!(
                approval.latest_verdicts().get(ballot.person),
                Some(Verdict::Approve { .. })
            ) =>
        {
            Err(Refused::NoVote)
        }
        _ => Ok(()),
    }
}

/// First who they are: an outsider learns nothing of the state.
fn check_reviewer(
    approval: &Approval,
    person: &PersonId,
    panel: &Panel,
    version: Option<u64>,
) -> Result<(), Refused> {
    if panel.excludes(person) || approval.excluded.contains(person) {
        return Err(Refused::SelfApproval);
    }
    if !panel.admits(person) {
        return Err(Refused::NotAReviewer);
    }
    match approval.state {
        State::Pending => {}
        State::Collecting => return Err(Refused::NotShown),
        state => return Err(Refused::AlreadyDecided(state)),
    }
    match version {
        Some(version) if version != approval.version => Err(Refused::StaleVersion),
        _ => Ok(()),
    }
}

fn check_scope(
    approval: &Approval,
    scope: &Scope,
    seconds: Option<u32>,
    rules: &BTreeSet<RuleName>,
) -> Result<(), Refused> {
    if !scope.is_within(&approval.asked()) {
        return Err(Refused::Wider);
    }
    let lifts_nothing = scope.is_empty() && !approval.classes.is_empty();
    // Where no class is asked there are no values to be bounded: such a bound would not be kept.
    let bounds_nothing = approval.classes.is_empty() && *scope != Scope::NONE;
    if lifts_nothing || bounds_nothing || seconds == Some(0) {
        return Err(Refused::Nothing);
    }
    match &scope.rules {
        Some(named) if !named.is_subset(rules) => Err(Refused::UnknownRule),
        Some(named) if named.len() > Scope::MOST_RULES => Err(Refused::TooManyRules),
        _ => Ok(()),
    }
}

pub(super) fn question(
    approval: &Approval,
    person: &PersonId,
    panel: &Panel,
    version: Option<u64>,
    comment: Option<Commitment>,
) -> Result<(Approval, Record), Refused> {
    check_reviewer(approval, person, panel, version)?;
    if approval.needs.is_some() {
        return Err(Refused::Unchanged);
    }
    let mut next = changed(approval);
    next.needs = Some(Need::Reason);
    next.public_reason = comment;
    let record = Record::Questioned {
        approval: next.id.clone(),
        version: next.version,
        person: person.clone(),
        comment,
    };
    Ok((next, record))
}

pub(super) fn explain(
    approval: &Approval,
    principal: &Identity,
    reason: Commitment,
) -> Result<(Approval, Record), Refused> {
    if approval.principal != *principal {
        return Err(Refused::NotTheRequester);
    }
    if approval.state != State::Pending || approval.needs.is_none() {
        return Err(Refused::Unchanged);
    }
    let mut next = changed(approval);
    next.needs = None;
    next.public_reason = None;
    next.earlier_reasons.extend(next.reason);
    next.reason = Some(reason);
    next.outdated = u32::try_from(next.votes.len()).unwrap_or(u32::MAX);
    let record = Record::Explained {
        approval: next.id.clone(),
        version: next.version,
        reason,
    };
    Ok((next, record))
}
