//! One review case: what was asked, how far it is, who said what.

mod decide;
mod transition;

pub use decide::{Ask, Decision, Grant, REPLAY_WINDOW, Use, decide};
pub use transition::{Ballot, Cause, Event, REVOCABLE, Refused, transition};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use velum_engine::ClassSet;

use crate::directory::{ExcludedPersons, Party};
use crate::evidence::Seen;
use crate::found::Found;
use crate::keys::KeyedToken;
use crate::messages::{Check, DenyCode};
use crate::panel::Panel;
use crate::record::{Record, Requested, known_method};
use crate::scope::Scope;
use crate::security_key::{Assertion, StepUp};
use crate::words::{
    ActionName, ApprovalId, Commitment, EmergencyId, FingerprintMac, GatewayId, Identity, Lineage,
    PersonId, PolicyDigest, RouteTemplate, Timestamp, UseKey,
};

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its evidence is awaited; no reviewer sees it yet.
    Collecting,
    /// Reviewers decide.
    Pending,
    /// Enough of them agreed; the grant may be used.
    Approved,
    /// One of them said no, or the yes of all of them had no class in common.
    Denied,
    /// Its time ran out, undecided or unused.
    Expired,
    /// The requester withdrew it.
    Cancelled,
    /// The policy, or who may review, changed.
    Superseded,
    /// A reviewer took the grant back before its use.
    Revoked,
    /// The grant was used.
    Used,
}

impl State {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::Collecting,
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Superseded,
        Self::Revoked,
        Self::Used,
    ];

    /// The name used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
            Self::Used => "used",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.name() == name)
    }

    /// Whether nothing can change any more.
    pub fn is_final(self) -> bool {
        self.denial().is_some()
    }

    /// What a requester is told about a final state.
    pub fn denial(self) -> Option<DenyCode> {
        match self {
            Self::Collecting | Self::Pending | Self::Approved => None,
            Self::Denied => Some(DenyCode::Denied),
            Self::Expired => Some(DenyCode::Expired),
            Self::Cancelled => Some(DenyCode::Cancelled),
            Self::Superseded => Some(DenyCode::Superseded),
            Self::Revoked => Some(DenyCode::Revoked),
            Self::Used => Some(DenyCode::Used),
        }
    }
}

/// A person's word on an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verdict {
    /// Yes, to this much of what was asked.
    Approve {
        /// How much.
        scope: Scope,
        /// For how long, where that is shorter than it would be: in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u32>,
        /// Although nobody has seen what the response holds.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unseen: bool,
    },
    /// No, which ends it.
    Deny,
    /// An earlier yes is taken back.
    TakeBack,
}

/// One vote. They are only ever appended; a person's latest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Whose.
    pub person: PersonId,
    /// What they said.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// A commitment to what they wrote.
    pub comment: Option<Commitment>,
    /// What their security key has signed of it, where the action asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Box<Assertion>>,
}

/// What reviewers want to know before they decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A better reason.
    Reason,
}

/// One review case. The fields are open because a store reads and writes them; what changes them
/// is [`transition`] alone, and what makes them is [`open`](Self::open).
///
/// Its JSON leaves the votes out: they are rows of their own. `Debug` leaves out what a caller
/// wrote freely.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The gateway that asked.
    pub gateway: GatewayId,
    /// Who asked.
    pub principal: Identity,
    /// Everyone behind the request.
    pub lineage: Lineage,
    /// The persons they are; none of them reviews.
    pub excluded: ExcludedPersons,
    /// The action asked for.
    pub action: ActionName,
    /// The request's method, or `OTHER` where it is none of those that are registered.
    pub method: String,
    /// The request's authority.
    pub authority: String,
    /// The path of its [`RouteTemplate`].
    pub path: String,
    /// The query of it.
    pub query: String,
    /// Which resource it is, for who holds the key.
    pub resource: KeyedToken,
    /// What it is bound to.
    pub fingerprint_mac: FingerprintMac,
    /// The policy under which it was asked.
    pub policy: PolicyDigest,
    /// The classes asked for.
    #[serde(with = "crate::class_names")]
    pub classes: ClassSet,
    /// What the request's body was found to hold, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// The stream that opened it: the only one that may say what the response holds.
    pub opened_by: UseKey,
    /// When reviewers see it without evidence; `None` where none is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collect_by: Option<Timestamp>,
    /// What the response holds, where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whether that was awaited and never came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unseen: bool,
    /// What is granted: nothing before it is approved, never more than asked.
    pub granted: Scope,
    /// How many times the grant may be used.
    pub uses: u32,
    /// How many times it was.
    pub used: u32,
    /// What the reviewers want to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Need>,
    /// The emergency access under which it was used, without any review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<EmergencyId>,
    /// How far it is. Read it with [`state_at`](Self::state_at), which knows the time.
    pub state: State,
    /// When it was asked.
    pub created: Timestamp,
    /// When it expires undecided.
    pub decide_by: Timestamp,
    /// When the grant expires unused; `None` before it is approved.
    pub grant_expires: Option<Timestamp>,
    /// When it came to its final state.
    pub ended: Option<Timestamp>,
    /// How many different people had to agree when it was asked. A later configuration can ask for
    /// more, not for fewer.
    pub quorum: u32,
    /// What whoever approves has to do beside. A later configuration can ask for more, not for less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_up: Option<StepUp>,
    /// Counts its changes; the first is 1.
    pub version: u64,
    /// A commitment to the requester's reason.
    pub reason: Option<Commitment>,
    /// Commitments to the reasons before that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_reasons: Vec<Commitment>,
    /// A commitment to what the reviewer who denied it, or asked for a better reason, tells the requester.
    pub public_reason: Option<Commitment>,
    /// How many of the votes were cast on another reason than the present one. They count no more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outdated: u32,
    /// Every vote, in the order cast.
    #[serde(skip)]
    pub votes: Vec<Vote>,
}

impl fmt::Debug for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approval")
            .field("id", &self.id)
            .field("action", &self.action)
            .field("classes", &self.classes)
            .field("granted", &self.granted)
            .field("state", &self.state)
            .field("decide_by", &self.decide_by)
            .field("grant_expires", &self.grant_expires)
            .field("version", &self.version)
            .field("votes", &self.votes)
            .finish_non_exhaustive()
    }
}

/// What a check needs to become an approval.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The new approval's id.
    pub id: ApprovalId,
    /// The gateway that asked.
    pub gateway: GatewayId,
    /// What it asked.
    pub check: &'a Check,
    /// What of its path and its query may be kept, by the words of its policy.
    pub route: RouteTemplate,
    /// The service's HMAC of the check's fingerprint.
    pub fingerprint_mac: FingerprintMac,
    /// Whom the principal belongs to.
    pub requester: Party,
    /// Who may review it.
    pub panel: &'a Panel,
    /// A commitment to the check's reason.
    pub reason: Option<Commitment>,
    /// How long evidence is awaited before reviewers see it (60 seconds, unless configured); `None`
    /// where none will come.
    pub collecting: Option<Duration>,
    /// How many times the grant may be used: 1, unless configured.
    pub uses: u32,
    /// What whoever approves has to do beside.
    pub step_up: Option<StepUp>,
    /// Whether it is opened to be used under an emergency access: nobody has to be left to review it.
    pub in_emergency: bool,
    /// How long it stays undecided (15 minutes, unless configured).
    pub lifetime: Duration,
}

impl Approval {
    /// Opens a case, with the record that says so.
    ///
    /// # Errors
    /// [`DenyCode::NoReviewer`] where those who are left to review it could not approve it;
    /// [`DenyCode::LineageUnknown`] where the panel was made without the requester's person.
    pub fn open(opening: Opening<'_>, now: Timestamp) -> Result<(Self, Record), DenyCode> {
        let Opening { check, panel, .. } = opening;
        if !panel.excludes(opening.requester.person()) {
            return Err(DenyCode::LineageUnknown);
        }
        if !panel.can_decide() && !opening.in_emergency {
            return Err(DenyCode::NoReviewer);
        }
        let approval = Self {
            id: opening.id,
            gateway: opening.gateway,
            principal: check.principal.clone(),
            lineage: check.lineage.clone(),
            excluded: panel.excluded().clone(),
            action: check.action.clone(),
            method: known_method(&check.method).to_owned(),
            authority: check.authority.clone(),
            path: opening.route.path().to_owned(),
            query: opening.route.query().to_owned(),
            resource: check.resource,
            fingerprint_mac: opening.fingerprint_mac,
            policy: check.policy,
            classes: check
                .classes
                .iter()
                .filter(|class| class.may_be_lifted())
                .collect(),
            found: check.found.clone(),
            opened_by: check.use_key,
            collect_by: opening.collecting.map(|lifetime| now.after(lifetime)),
            seen: None,
            is_unseen: false,
            granted: Scope::NONE,
            uses: opening.uses.max(1),
            used: 0,
            needs: None,
            emergency: None,
            state: match opening.collecting {
                Some(_) => State::Collecting,
                None => State::Pending,
            },
            created: now,
            decide_by: now.after(opening.lifetime),
            grant_expires: None,
            ended: None,
            quorum: panel.needed(),
            step_up: opening.step_up,
            version: 1,
            reason: opening.reason,
            earlier_reasons: Vec::new(),
            public_reason: None,
            outdated: 0,
            votes: Vec::new(),
        };
        let record = Record::Requested(Box::new(Requested::of(
            &approval,
            opening.route,
            opening.requester,
        )));
        Ok((approval, record))
    }

    /// Its state at a time: one that has run out reads as expired before anybody has said so.
    pub fn state_at(&self, now: Timestamp) -> State {
        match self.ends() {
            Some(end) if end <= now => State::Expired,
            _ => self.state,
        }
    }

    /// When something becomes of it by itself: it ends, or is shown without evidence. `None` once it is
    /// final.
    pub fn due(&self) -> Option<Timestamp> {
        match (self.state, self.collect_by) {
            (State::Collecting, Some(shown)) => Some(shown.min(self.decide_by)),
            _ => self.ends(),
        }
    }

    /// When it ends by itself; `None` once it is final.
    fn ends(&self) -> Option<Timestamp> {
        match self.state {
            State::Collecting | State::Pending => Some(self.decide_by),
            // An approved case without an expiry is nothing that was ever written: due at once.
            State::Approved => Some(self.grant_expires.unwrap_or(Timestamp::from_millis(0))),
            _ => None,
        }
    }

    /// Every person's latest word on the present reason.
    pub fn latest_verdicts(&self) -> BTreeMap<&PersonId, &Verdict> {
        self.votes
            .iter()
            .skip(usize::try_from(self.outdated).unwrap_or(usize::MAX))
            .map(|vote| (&vote.person, &vote.verdict))
            .collect()
    }

    /// Whether the vote of this number is its person's latest word on the present reason.
    pub fn is_current(&self, number: usize) -> bool {
        let is_outdated = u32::try_from(number).is_ok_and(|number| number < self.outdated);
        let Some((vote, later)) = self.votes.get(number..).and_then(<[Vote]>::split_first) else {
            return false;
        };
        !is_outdated && later.iter().all(|later| later.person != vote.person)
    }

    /// Those whose approval counts under this panel. `None` where somebody's latest word is no.
    fn count(&self, panel: &Panel) -> Option<Count<'_>> {
        let mut count = Count {
            people: Vec::new(),
            agreed: self.asked(),
            seconds: None,
        };
        for (person, verdict) in self.latest_verdicts() {
            match verdict {
                Verdict::Deny => return None,
                Verdict::TakeBack => {}
                Verdict::Approve { scope, seconds, .. } => {
                    if panel.admits(person) && !self.excluded.contains(person) {
                        count.people.push(person);
                        count.agreed = count.agreed.intersection(scope);
                        count.seconds = match (count.seconds, *seconds) {
                            (Some(one), Some(other)) => Some(one.min(other)),
                            (one, other) => one.or(other),
                        };
                    }
                }
            }
        }
        Some(count)
    }

    /// What was asked, as a scope.
    pub fn asked(&self) -> Scope {
        Scope::of(self.classes)
    }

    /// Whether these persons are enough: for the panel as it is, and for the quorum as it was.
    fn is_enough(&self, people: &[&PersonId], panel: &Panel) -> bool {
        people.len() >= usize::try_from(self.quorum).unwrap_or(usize::MAX)
            && panel.is_satisfied_by(people.iter().copied())
    }

    /// How many different people have to agree: as it was, or as it is where that is more.
    fn needed(&self, panel: &Panel) -> u32 {
        self.quorum.max(panel.needed())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The approvals that count, together.
struct Count<'a> {
    /// Whose.
    people: Vec<&'a PersonId>,
    /// What all of them agree to.
    agreed: Scope,
    /// The shortest of the lifetimes that they name.
    seconds: Option<u32>,
}
