//! The one place where an approval changes.

use std::fmt;
use std::time::Duration;
use velum_engine::ClassSet;

use super::{Approval, Ask, Decision, State, Verdict, Vote, decide};
use crate::messages::DenyCode;
use crate::panel::Panel;
use crate::record::{Ended, Record, Used, Voted};
use crate::words::{Commitment, Identity, PersonId, PolicyDigest, Timestamp};

/// What can happen to an approval.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Its evidence came, or the time for it ran out: reviewers see it.
    Collected,
    /// A reviewer votes.
    Vote(Ballot<'a>),
    /// The grant is used.
    Consume {
        /// By whom, for what.
        ask: Ask<'a>,
        /// Who may review it now.
        panel: &'a Panel,
    },
    /// The requester withdraws it.
    Withdraw {
        /// Who says so.
        principal: &'a Identity,
    },
    /// What it was decided under is no longer so.
    Supersede(Cause),
    /// A reviewer takes the grant back before its use. Anyone who reviews may: it only closes.
    Revoke {
        /// Who.
        person: &'a PersonId,
    },
    /// Its time has run out.
    Expire,
}

/// A vote as it is cast.
#[derive(Clone, Debug)]
pub struct Ballot<'a> {
    /// Who votes.
    pub person: &'a PersonId,
    /// What they say.
    pub verdict: Verdict,
    /// The version that they saw; a vote on another is refused.
    pub version: Option<u64>,
    /// A commitment to what they wrote for the other reviewers.
    pub comment: Option<Commitment>,
    /// A commitment to what they tell the requester; kept only of who denies.
    pub public_reason: Option<Commitment>,
    /// Who may review it now.
    pub panel: &'a Panel,
    /// How long the grant lasts if this vote completes it (5 minutes, unless configured).
    pub grant_lifetime: Duration,
}

/// Why an approval no longer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The gateway runs another policy now.
    Policy(PolicyDigest),
    /// Those who approved it are no longer enough to do so.
    Reviewers,
}

/// Why an event was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The person is behind the request.
    SelfApproval,
    /// The person does not review this.
    NotAReviewer,
    /// The approval has changed since the person saw it.
    StaleVersion,
    /// It is decided, or over.
    AlreadyDecided(State),
    /// Its time has run out.
    Expired,
    /// Its time has not run out.
    NotDue,
    /// Reviewers do not see it yet.
    NotShown,
    /// There is no grant to use or to take back.
    NotApproved,
    /// More was approved than asked.
    Wider,
    /// There is no vote to take back.
    NoVote,
    /// Somebody else's approval.
    NotTheRequester,
    /// It is so already.
    Unchanged,
    /// The use may not be released.
    Use(DenyCode),
}

impl Refused {
    /// The name used in problem types and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::SelfApproval => "self-approval",
            Self::NotAReviewer => "not-a-reviewer",
            Self::StaleVersion => "stale-version",
            Self::AlreadyDecided(_) => "already-decided",
            Self::Expired => "expired",
            Self::NotDue => "not-due",
            Self::NotShown => "not-shown",
            Self::NotApproved => "not-approved",
            Self::Wider => "wider-than-asked",
            Self::NoVote => "no-vote",
            Self::NotTheRequester => "not-the-requester",
            Self::Unchanged => "unchanged",
            Self::Use(code) => code.name(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SelfApproval => "whoever is behind a request does not review it",
            Self::NotAReviewer => "this person does not review this action",
            Self::StaleVersion => "the approval has changed since it was read: read it again",
            Self::AlreadyDecided(_) => "the approval is decided",
            Self::Expired => "the approval has expired",
            Self::NotDue => "the approval has not expired",
            Self::NotShown => "the approval still awaits its evidence",
            Self::NotApproved => "the approval is not approved",
            Self::Wider => "only classes that were asked can be approved",
            Self::NoVote => "there is no approval of this person to take back",
            Self::NotTheRequester => "only the requester withdraws an approval",
            Self::Unchanged => "there is nothing to change",
            Self::Use(_) => "the approval cannot be used for this request",
        })
    }
}

impl std::error::Error for Refused {}

/// Applies an event: the approval as it is then, and the record of it, which belongs into the same
/// transaction. Total over states and events: whatever is not a change is refused.
///
/// An approval whose time has run out counts as expired before any event; only
/// [`Event::Expire`] then writes that down.
pub fn transition(
    approval: &Approval,
    event: &Event<'_>,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    if let Event::Consume { ask, panel } = event {
        // Knows by itself whose business the approval's state is.
        return consume(approval, ask, panel, now);
    }
    if approval.state.is_final() {
        return Err(Refused::AlreadyDecided(approval.state));
    }
    let is_due = approval.state_at(now) == State::Expired;
    match event {
        Event::Expire if is_due => Ok(end(approval, State::Expired, now, Ended::Expired)),
        Event::Expire => Err(Refused::NotDue),
        _ if is_due => Err(Refused::Expired),
        Event::Collected => collect(approval),
        Event::Vote(ballot) => vote(approval, ballot, now),
        Event::Consume { ask, panel } => consume(approval, ask, panel, now),
        Event::Withdraw { principal } if approval.principal == **principal => {
            Ok(end(approval, State::Cancelled, now, Ended::Cancelled))
        }
        Event::Withdraw { .. } => Err(Refused::NotTheRequester),
        Event::Supersede(Cause::Policy(policy)) if approval.policy == *policy => {
            Err(Refused::Unchanged)
        }
        Event::Supersede(cause) => Ok(end(
            approval,
            State::Superseded,
            now,
            Ended::Superseded(*cause),
        )),
        Event::Revoke { person } if approval.state == State::Approved => Ok(end(
            approval,
            State::Revoked,
            now,
            Ended::Revoked((*person).clone()),
        )),
        Event::Revoke { .. } => Err(Refused::NotApproved),
    }
}

fn collect(approval: &Approval) -> Result<(Approval, Record), Refused> {
    match approval.state {
        State::Collecting => {
            let mut next = changed(approval);
            next.state = State::Pending;
            let record = Record::Collected(next.id.clone(), next.version);
            Ok((next, record))
        }
        State::Pending => Err(Refused::Unchanged),
        state => Err(Refused::AlreadyDecided(state)),
    }
}

fn vote(
    approval: &Approval,
    ballot: &Ballot<'_>,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    check_ballot(approval, ballot)?;
    let mut next = changed(approval);
    next.votes.push(Vote {
        person: ballot.person.clone(),
        verdict: ballot.verdict,
        at: now,
        comment: ballot.comment,
    });
    let (people, agreed) = next.count(ballot.panel).unwrap_or_default();
    let got = u32::try_from(people.len()).unwrap_or(u32::MAX);
    if ballot.verdict == Verdict::Deny {
        next.public_reason = ballot.public_reason;
        next.state = State::Denied;
        next.ended = Some(now);
    } else if ballot.verdict != Verdict::TakeBack && next.is_enough(&people, ballot.panel) {
        // Nothing in common, though something was asked: that is a no.
        if agreed.is_empty() && !next.classes.is_empty() {
            next.state = State::Denied;
            next.ended = Some(now);
        } else {
            next.state = State::Approved;
            next.granted = agreed;
            next.grant_expires = Some(now.after(ballot.grant_lifetime));
        }
    }
    let record = Record::Voted(Box::new(Voted {
        approval: next.id.clone(),
        version: next.version,
        state: next.state,
        person: ballot.person.clone(),
        verdict: ballot.verdict,
        comment: ballot.comment,
        public_reason: next.public_reason,
        got,
        needed: next.needed(ballot.panel),
        granted: next.granted,
        grant_expires: next.grant_expires,
    }));
    Ok((next, record))
}

fn check_ballot(approval: &Approval, ballot: &Ballot<'_>) -> Result<(), Refused> {
    // First who they are: an outsider learns nothing of the state.
    if ballot.panel.excludes(ballot.person) || approval.excluded.contains(ballot.person) {
        return Err(Refused::SelfApproval);
    }
    if !ballot.panel.admits(ballot.person) {
        return Err(Refused::NotAReviewer);
    }
    match approval.state {
        State::Pending => {}
        State::Collecting => return Err(Refused::NotShown),
        state => return Err(Refused::AlreadyDecided(state)),
    }
    if ballot
        .version
        .is_some_and(|version| version != approval.version)
    {
        return Err(Refused::StaleVersion);
    }
    match ballot.verdict {
        Verdict::Approve { classes } if !classes.is_subset(approval.classes) => Err(Refused::Wider),
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

fn consume(
    approval: &Approval,
    ask: &Ask<'_>,
    panel: &Panel,
    now: Timestamp,
) -> Result<(Approval, Record), Refused> {
    let grant = match decide(approval, ask, &[], panel, now) {
        Decision::Allow(grant) => grant,
        Decision::Pending => return Err(Refused::NotApproved),
        Decision::Refused(code) => return Err(Refused::Use(code)),
        Decision::Taken => return Err(Refused::Use(DenyCode::Taken)),
        Decision::Replay(_) => return Err(Refused::Use(DenyCode::Used)),
    };
    let (people, _) = approval
        .count(panel)
        .unwrap_or((Vec::new(), ClassSet::EMPTY));
    let mut next = changed(approval);
    next.state = State::Used;
    next.ended = Some(now);
    let record = Record::Used(Box::new(Used {
        approval: next.id.clone(),
        version: next.version,
        gateway: ask.gateway.clone(),
        use_key: ask.use_key,
        fingerprint_mac: next.fingerprint_mac,
        policy: next.policy,
        classes: grant.classes,
        approved_by: people.into_iter().cloned().collect(),
        expires: grant.expires,
    }));
    Ok((next, record))
}

fn end(approval: &Approval, state: State, now: Timestamp, how: Ended) -> (Approval, Record) {
    let mut next = changed(approval);
    next.state = state;
    next.ended = Some(now);
    let record = Record::Ended {
        approval: next.id.clone(),
        version: next.version,
        how,
    };
    (next, record)
}

fn changed(approval: &Approval) -> Approval {
    Approval {
        version: approval.version.saturating_add(1),
        ..approval.clone()
    }
}
