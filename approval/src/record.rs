//! The audit events: what happened, in words that have no room for PHI.
//!
//! A record holds ids, names from the configuration, classes, hashes, commitments, keyed tokens,
//! times and the route as a template ([`RouteTemplate`]). What a caller or a reviewer wrote freely is there as a commitment
//! only; the authority, which a caller writes too, not at all.

pub mod canonical;
mod catalogue;
mod configuration;
mod credential;
mod leaf;
mod log;
mod reading;
mod session;
mod summary;

pub use catalogue::{EventKind, MEMBERS};
pub use configuration::{Configuration, ConfigurationPart};
pub use credential::CredentialEvent;
pub use leaf::LeafError;
pub use log::{LogEvent, PreviousLog};
pub use reading::{Part, ReaderRole, Reading};
pub use session::{SessionEvent, SignInRefused, SignedInBy};
pub use summary::{Reception, Summary};

use std::collections::BTreeSet;
use velum_engine::ClassSet;

use crate::case::{Approval, Cause, Refused, State, Verdict};
use crate::directory::Party;
use crate::emergency::{Emergency, Reviewed};
use crate::evidence::{OutcomeReport, Seen};
use crate::found::Found;
use crate::keys::KeyedToken;
use crate::messages::DenyCode;
use crate::scope::Scope;
use crate::security_key::{Assertion, StepUp};
use crate::stops::{Stop, StopScope};
use crate::words::{
    ActionName, ApprovalId, Commitment, EmergencyId, FingerprintMac, GatewayId, PersonId,
    PolicyDigest, RouteTemplate, StopId, Timestamp, UseKey, WorkerId,
};

/// One audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An approval was asked for.
    Requested(Box<Requested>),
    /// An ask was refused before it became an approval.
    RequestRefused {
        /// The gateway that asked.
        gateway: GatewayId,
        /// The action, where the policy has it.
        action: Option<ActionName>,
        /// Why.
        code: DenyCode,
    },
    /// The approval is shown to reviewers.
    Collected {
        /// Which.
        approval: ApprovalId,
        /// Its version then.
        version: u64,
        /// What the response holds; `None` where nobody has seen it.
        seen: Option<Box<Seen>>,
    },
    /// A reviewer wants to know more.
    Questioned {
        /// Of which approval.
        approval: ApprovalId,
        /// Its version then.
        version: u64,
        /// Who.
        person: PersonId,
        /// A commitment to what they wrote.
        comment: Option<Commitment>,
    },
    /// The requester gave another reason.
    Explained {
        /// Of which approval.
        approval: ApprovalId,
        /// Its version then.
        version: u64,
        /// A commitment to it.
        reason: Commitment,
    },
    /// A reviewer voted; it may have decided the approval.
    Voted(Box<Voted>),
    /// A vote was refused.
    VoteRefused {
        /// On which approval.
        approval: ApprovalId,
        /// Whose.
        person: PersonId,
        /// Why.
        refused: Refused,
    },
    /// The grant was used: the release is on its way.
    Used(Box<Used>),
    /// A use was refused.
    UseRefused {
        /// Of which approval.
        approval: ApprovalId,
        /// Through which gateway.
        gateway: GatewayId,
        /// Why.
        code: DenyCode,
    },
    /// The approval ended otherwise.
    Ended {
        /// Which.
        approval: ApprovalId,
        /// Its version then.
        version: u64,
        /// How.
        how: Ended,
    },
    /// What a gateway did without any review, as earlier versions recorded it: each batch by itself.
    Reported(Box<Reported>),
    /// What a gateway did without any review, in a minute.
    Summarised(Box<Summary>),
    /// A gateway reported what left under a grant.
    Released(Box<Released>),
    /// Releases were stopped, or resumed.
    Stopped(Box<Stopped>),
    /// A stop was not ended, or an emergency access not opened or not reviewed.
    Barred {
        /// Who wanted it.
        person: PersonId,
        /// Why not.
        refused: &'static str,
    },
    /// An emergency access was opened or reviewed.
    Emergency(Box<EmergencyEvent>),
    /// Somebody signed in or out, or did not.
    Session(Box<SessionEvent>),
    /// Somebody has added a security key, or removed one.
    Credential(Box<CredentialEvent>),
    /// Somebody has read the log.
    Read(Box<Reading>),
    /// A service starts under a configuration that is not that of the record before.
    Configured(Box<Configuration>),
    /// Something about the log itself.
    Log(Box<LogEvent>),
}

/// A batch of events that a gateway reported, of [`Record::Reported`]. The batch itself is kept beside
/// the log; its digest binds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Through which gateway.
    pub gateway: GatewayId,
    /// Which of its workers.
    pub worker: WorkerId,
    /// The number of the batch.
    pub sequence: u64,
    /// How many batches of the worker are missing before it.
    pub missing: u64,
    /// How many requests the worker could not count.
    pub lost: u64,
    /// How many requests it tells of.
    pub requests: u64,
    /// How many values were masked for them.
    pub masked: u64,
    /// SHA-256 of the batch as it is kept.
    pub digest: [u8; 32],
}

/// What was asked, of [`Record::Requested`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    approval: ApprovalId,
    version: u64,
    state: State,
    gateway: GatewayId,
    requester: Party,
    excluded: Vec<PersonId>,
    action: ActionName,
    method: &'static str,
    route: RouteTemplate,
    resource: KeyedToken,
    fingerprint_mac: FingerprintMac,
    policy: PolicyDigest,
    classes: ClassSet,
    found: Option<Found>,
    reason: Option<Commitment>,
    decide_by: Timestamp,
    needed: u32,
    uses: u32,
    step_up: Option<StepUp>,
}

impl Requested {
    pub(crate) fn of(approval: &Approval, route: RouteTemplate, requester: Party) -> Self {
        Self {
            approval: approval.id.clone(),
            version: approval.version,
            state: approval.state,
            gateway: approval.gateway.clone(),
            requester,
            excluded: approval.excluded.iter().cloned().collect(),
            action: approval.action.clone(),
            method: known_method(&approval.method),
            route,
            resource: approval.resource,
            fingerprint_mac: approval.fingerprint_mac,
            policy: approval.policy,
            classes: approval.classes,
            found: approval.found.clone(),
            reason: approval.reason,
            decide_by: approval.decide_by,
            needed: approval.quorum,
            uses: approval.uses,
            step_up: approval.step_up,
        }
    }
}

/// A vote and what it led to, of [`Record::Voted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voted {
    pub(crate) approval: ApprovalId,
    pub(crate) version: u64,
    pub(crate) state: State,
    pub(crate) person: PersonId,
    pub(crate) verdict: Verdict,
    pub(crate) comment: Option<Commitment>,
    pub(crate) assertion: Option<Assertion>,
    pub(crate) public_reason: Option<Commitment>,
    pub(crate) got: u32,
    pub(crate) needed: u32,
    pub(crate) granted: Scope,
    pub(crate) uses: u32,
    pub(crate) grant_expires: Option<Timestamp>,
}

/// A use, of [`Record::Used`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub(crate) approval: ApprovalId,
    pub(crate) version: u64,
    pub(crate) state: State,
    pub(crate) gateway: GatewayId,
    pub(crate) use_key: UseKey,
    pub(crate) fingerprint_mac: FingerprintMac,
    pub(crate) policy: PolicyDigest,
    pub(crate) scope: Scope,
    /// The digest of the tags that bind it, where the response was seen.
    pub(crate) seen: Option<[u8; 32]>,
    /// Which use it is, and of how many.
    pub(crate) number: u32,
    pub(crate) of: u32,
    pub(crate) approved_by: BTreeSet<PersonId>,
    pub(crate) emergency: Option<EmergencyId>,
    pub(crate) expires: Timestamp,
}

/// What left under a grant, of [`Record::Released`]: the receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The gateway that tells.
    pub gateway: GatewayId,
    /// What it tells.
    pub report: OutcomeReport,
    /// The index of the record of the use.
    pub used: u64,
}

/// A stop or its end, of [`Record::Stopped`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    stop: StopId,
    by: PersonId,
    is_resumed: bool,
    kind: &'static str,
    /// The name of what is stopped; of a principal the directory's.
    what: Option<String>,
    /// Whom it stops, as far as the directory knows: whether that is a person or an agent, and whose, is
    /// what tells which releases it stops, and who does not resume it.
    principal: Option<Party>,
}

impl Stopped {
    pub(crate) fn of(stop: &Stop, principal: Option<&Party>) -> Self {
        let what = match &stop.scope {
            StopScope::Everything => None,
            StopScope::Gateway { id } => Some(id.to_string()),
            StopScope::Action { name } => Some(name.to_string()),
            StopScope::Approval { id } => Some(id.to_string()),
            StopScope::Emergency { id } => Some(id.to_string()),
            // The identity itself may be a patient's.
            StopScope::Principal { .. } => principal.map(|party| match party {
                Party::Person { id } => id.to_string(),
                Party::Agent { id, .. } => id.to_string(),
            }),
        };
        let resumed = stop.resumed.as_ref().map(|(by, _)| by);
        Self {
            stop: stop.id.clone(),
            by: resumed.unwrap_or(&stop.by).clone(),
            is_resumed: resumed.is_some(),
            kind: stop.scope.kind(),
            what,
            principal: principal
                .filter(|_| matches!(stop.scope, StopScope::Principal { .. }))
                .cloned(),
        }
    }
}

/// An emergency access, of [`Record::Emergency`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyEvent {
    emergency: EmergencyId,
    version: u64,
    opened_by: PersonId,
    requester: Option<Party>,
    excluded: Vec<PersonId>,
    action: ActionName,
    until: Timestamp,
    uses: u32,
    reason: Commitment,
    reviewed: Option<Reviewed>,
    /// Whether it ended before its time, without a review.
    is_ended: bool,
}

impl EmergencyEvent {
    pub(crate) fn ended(emergency: &Emergency, requester: Option<Party>) -> Self {
        Self {
            is_ended: true,
            ..Self::of(emergency, requester)
        }
    }

    pub(crate) fn of(emergency: &Emergency, requester: Option<Party>) -> Self {
        Self {
            is_ended: false,
            emergency: emergency.id.clone(),
            version: emergency.version,
            opened_by: emergency.opened_by.clone(),
            requester,
            excluded: emergency.excluded.iter().cloned().collect(),
            action: emergency.action.clone(),
            until: emergency.until,
            uses: emergency.uses,
            reason: emergency.reason,
            reviewed: emergency.reviewed.clone(),
        }
    }
}

/// How an approval ended without a vote or a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its time ran out.
    Expired,
    /// The requester withdrew it.
    Cancelled,
    /// What it was decided under is no longer so.
    Superseded(Cause),
    /// This person took the grant back.
    Revoked(PersonId),
}

impl Record {
    /// Every code with its event's type.
    pub const CATALOGUE: &[(&'static str, &'static str)] = EventKind::CODES;

    /// The stable code of the event and its outcome: I for what went as asked, W for the rest.
    pub fn code(&self) -> &'static str {
        self.kind().code()
    }

    /// The `CloudEvents` type.
    pub fn event_type(&self) -> &'static str {
        self.kind().event_type()
    }

    /// The approval it is about.
    pub fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::Requested(requested) => Some(&requested.approval),
            Self::RequestRefused { .. }
            | Self::Reported(_)
            | Self::Summarised(_)
            | Self::Stopped(_)
            | Self::Barred { .. }
            | Self::Emergency(_)
            | Self::Credential(_)
            | Self::Read(_)
            | Self::Configured(_)
            | Self::Log(_) => None,
            Self::Session(event) => match &**event {
                SessionEvent::Confirmed { approval, .. } => approval.as_ref(),
                _ => None,
            },
            Self::Released(released) => Some(&released.report.approval),
            Self::Collected { approval, .. }
            | Self::Questioned { approval, .. }
            | Self::Explained { approval, .. }
            | Self::VoteRefused { approval, .. }
            | Self::UseRefused { approval, .. }
            | Self::Ended { approval, .. } => Some(approval),
            Self::Voted(voted) => Some(&voted.approval),
            Self::Used(used) => Some(&used.approval),
        }
    }
}

/// A method is free text too: only those that are registered are named.
pub(crate) fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}
