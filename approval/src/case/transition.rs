//! The one place where an approval changes.

mod evidence;
mod uses;
mod votes;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use self::evidence::{collect, show_unseen};
use self::uses::{break_glass, consume, revoke};
use self::votes::{explain, question, vote};
use super::{Approval, Ask, State, Use, Verdict};
use crate::emergency::Emergency;
use crate::evidence::Evidence;
use crate::messages::DenyCode;
use crate::panel::Panel;
use crate::record::{Ended, Record};
use crate::security_key::Assertion;
use crate::words::{Commitment, GatewayId, Identity, PersonId, PolicyDigest, RuleName, Timestamp};

/// What can happen to an approval.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The stream that opened it says what the response holds: reviewers see it with that.
    Evidence {
        /// Through which gateway it came.
        gateway: &'a GatewayId,
        /// What it holds.
        evidence: &'a Evidence,
    },
    /// The time for its evidence ran out: reviewers see it without.
    Unseen,
    /// A reviewer votes.
    Vote(Ballot<'a>),
    /// A reviewer wants to know more before they decide.
    Question {
        /// Who.
        person: &'a PersonId,
        /// The version that they saw; on another it is refused.
        version: Option<u64>,
        /// A commitment to what they ask: the requester is told.
        comment: Option<Commitment>,
        /// Who may review it now.
        panel: &'a Panel,
    },
    /// The requester answers with another reason: votes on the one before count no more.
    Explain {
        /// Who says so.
        principal: &'a Identity,
        /// A commitment to the reason.
        reason: Commitment,
    },
    /// The grant is used.
    Consume {
        /// By whom, for what.
        ask: Ask<'a>,
        /// The uses there are.
        uses: &'a [Use],
        /// Who may review it now.
        panel: &'a Panel,
    },
    /// It is used under an emergency access, without any review.
    BreakGlass {
        /// By whom, for what.
        ask: Ask<'a>,
        /// The access.
        emergency: &'a Emergency,
    },
    /// The requester withdraws it.
    Withdraw {
        /// Who says so.
        principal: &'a Identity,
    },
    /// What it was decided under is no longer so.
    Supersede(Cause),
    /// A reviewer takes the grant back, be it used or not. Anyone who reviews may: it only closes.
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
    /// What their security key has signed of it; the caller has verified it.
    pub assertion: Option<Assertion>,
    /// Who may review it now.
    pub panel: &'a Panel,
    /// The names of the policy's rules.
    pub rules: &'a BTreeSet<RuleName>,
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
    /// The service was restored from a backup: nobody knows what has become of it since.
    Recovery,
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
    /// What was approved is nothing: a no says that better.
    Nothing,
    /// Nobody has seen what the response holds, and the vote does not say that it may be so.
    Unseen,
    /// The policy has no rule of this name.
    UnknownRule,
    /// More rules are named than a record of the audit log holds.
    TooManyRules,
    /// Another stream opened it.
    NotTheStream,
    /// The access is for another principal, another action, or over.
    NoEmergency,
    /// There is no vote to take back.
    NoVote,
    /// Somebody else's approval.
    NotTheRequester,
    /// It is so already.
    Unchanged,
    /// What came with it is not what a security key of the person has signed of it.
    NotProven,
    /// The security key counts less than it did before: there may be a copy of it.
    KeyCopied,
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
            Self::Nothing => "nothing-approved",
            Self::Unseen => "unseen",
            Self::UnknownRule => "unknown-rule",
            Self::TooManyRules => "too-many-rules",
            Self::NotTheStream => "not-the-stream",
            Self::NoEmergency => "no-emergency",
            Self::NoVote => "no-vote",
            Self::NotTheRequester => "not-the-requester",
            Self::Unchanged => "unchanged",
            Self::NotProven => "not-proven",
            Self::KeyCopied => "key-copied",
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
            Self::Wider => "only what was asked can be approved",
            Self::Nothing => "nothing would be lifted under this approval: deny it instead",
            Self::Unseen => {
                "what the response holds was awaited and never came: approve with `unseen`, or deny"
            }
            Self::UnknownRule => "the policy has no masking rule of this name",
            Self::TooManyRules => "at most 64 rules can be named",
            Self::NotTheStream => "only the stream that opened the approval says what it holds",
            Self::NoEmergency => "no emergency access covers this request",
            Self::NoVote => "there is no approval of this person to take back",
            Self::NotTheRequester => "only the requester withdraws an approval",
            Self::Unchanged => "there is nothing to change",
            Self::NotProven => "no security key of this person has signed that they approve this",
            Self::KeyCopied => {
                "the security key counts less than it did before: there may be a copy of it"
            }
            Self::Use(_) => "the approval cannot be used for this request",
        })
    }
}

impl std::error::Error for Refused {}

/// How long after its use a grant can be revoked: a stop of what still runs, and a note for who looks
/// into it.
pub const REVOCABLE: Duration = Duration::from_hours(24);

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
    match event {
        // They know by themselves whose business the approval's state is.
        Event::Consume { ask, uses, panel } => return consume(approval, ask, uses, panel, now),
        Event::Evidence { gateway, evidence } => return collect(approval, gateway, evidence, now),
        Event::Revoke { person } => return revoke(approval, person, now),
        _ => {}
    }
    if approval.state.is_final() {
        return Err(Refused::AlreadyDecided(approval.state));
    }
    let is_due = approval.state_at(now) == State::Expired;
    match event {
        Event::Expire if is_due => Ok(end(approval, State::Expired, now, Ended::Expired)),
        Event::Expire => Err(Refused::NotDue),
        _ if is_due => Err(Refused::Expired),
        Event::Unseen => show_unseen(approval, now),
        Event::Vote(ballot) => vote(approval, ballot, now),
        Event::Question {
            person,
            version,
            comment,
            panel,
        } => question(approval, person, panel, *version, *comment),
        Event::Explain { principal, reason } => explain(approval, principal, *reason),
        Event::BreakGlass { ask, emergency } => break_glass(approval, ask, emergency, now),
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
        Event::Consume { .. } | Event::Evidence { .. } | Event::Revoke { .. } => {
            Err(Refused::Unchanged)
        }
    }
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
