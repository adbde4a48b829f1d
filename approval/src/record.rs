//! The audit events: what happened, in words that have no room for PHI.
//!
//! A record holds ids, names from the configuration, classes, hashes, commitments, keyed tokens,
//! times and the scrubbed path. What a caller or a reviewer wrote freely is there as a commitment
//! only; the authority, which a caller writes too, not at all.

pub mod canonical;
mod leaf;

pub use leaf::LeafError;

use std::collections::BTreeSet;
use velum_engine::ClassSet;

use crate::case::{Approval, Cause, Refused, State, Verdict};
use crate::directory::Party;
use crate::keys::KeyedToken;
use crate::messages::DenyCode;
use crate::words::{
    ActionName, ApprovalId, Commitment, FingerprintMac, GatewayId, PersonId, PolicyDigest,
    Timestamp, UseKey, WorkerId,
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
    /// The approval, now of this version, is shown to reviewers.
    Collected(ApprovalId, u64),
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
    /// A gateway reported what it did without any review.
    Reported(Box<Reported>),
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
    path: String,
    query: String,
    resource: KeyedToken,
    fingerprint_mac: FingerprintMac,
    policy: PolicyDigest,
    classes: ClassSet,
    reason: Option<Commitment>,
    decide_by: Timestamp,
    needed: u32,
}

impl Requested {
    pub(crate) fn of(approval: &Approval, requester: Party) -> Self {
        Self {
            approval: approval.id.clone(),
            version: approval.version,
            state: approval.state,
            gateway: approval.gateway.clone(),
            requester,
            excluded: approval.excluded.iter().cloned().collect(),
            action: approval.action.clone(),
            method: known_method(&approval.method),
            path: approval.path.clone(),
            query: approval.query.clone(),
            resource: approval.resource,
            fingerprint_mac: approval.fingerprint_mac,
            policy: approval.policy,
            classes: approval.classes,
            reason: approval.reason,
            decide_by: approval.decide_by,
            needed: approval.quorum,
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
    pub(crate) public_reason: Option<Commitment>,
    pub(crate) got: u32,
    pub(crate) needed: u32,
    pub(crate) granted: ClassSet,
    pub(crate) grant_expires: Option<Timestamp>,
}

/// A use, of [`Record::Used`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub(crate) approval: ApprovalId,
    pub(crate) version: u64,
    pub(crate) gateway: GatewayId,
    pub(crate) use_key: UseKey,
    pub(crate) fingerprint_mac: FingerprintMac,
    pub(crate) policy: PolicyDigest,
    pub(crate) classes: ClassSet,
    pub(crate) approved_by: BTreeSet<PersonId>,
    pub(crate) expires: Timestamp,
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
    /// Every code with its event's type, for the catalogue of events.
    pub const CATALOGUE: &[(&'static str, &'static str)] = &[
        ("VA1001I", "org.velum.approval.requested.v1"),
        ("VA1002W", "org.velum.approval.refused.v1"),
        ("VA1003I", "org.velum.approval.collected.v1"),
        ("VA1101I", "org.velum.vote.approved.v1"),
        ("VA1102I", "org.velum.vote.denied.v1"),
        ("VA1103I", "org.velum.vote.taken-back.v1"),
        ("VA1104W", "org.velum.vote.refused.v1"),
        ("VA1111I", "org.velum.grant.issued.v1"),
        ("VA1112W", "org.velum.grant.empty.v1"),
        ("VA1201I", "org.velum.grant.used.v1"),
        ("VA1202W", "org.velum.grant.refused.v1"),
        ("VA1301I", "org.velum.approval.expired.v1"),
        ("VA1302I", "org.velum.approval.cancelled.v1"),
        ("VA1303W", "org.velum.approval.superseded.v1"),
        ("VA1304W", "org.velum.grant.revoked.v1"),
        ("VA1401I", "org.velum.events.reported.v1"),
    ];

    /// The stable code of the event and its outcome: I for what went as asked, W for the rest.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Requested(_) => "VA1001I",
            Self::RequestRefused { .. } => "VA1002W",
            Self::Collected(..) => "VA1003I",
            Self::Voted(voted) => match (voted.verdict, voted.state) {
                (Verdict::Approve { .. }, State::Approved) => "VA1111I",
                (Verdict::Approve { .. }, State::Denied) => "VA1112W",
                (Verdict::Approve { .. }, _) => "VA1101I",
                (Verdict::Deny, _) => "VA1102I",
                (Verdict::TakeBack, _) => "VA1103I",
            },
            Self::VoteRefused { .. } => "VA1104W",
            Self::Used(_) => "VA1201I",
            Self::UseRefused { .. } => "VA1202W",
            Self::Ended { how, .. } => match how {
                Ended::Expired => "VA1301I",
                Ended::Cancelled => "VA1302I",
                Ended::Superseded(_) => "VA1303W",
                Ended::Revoked(_) => "VA1304W",
            },
            Self::Reported(_) => "VA1401I",
        }
    }

    /// The `CloudEvents` type.
    pub fn event_type(&self) -> &'static str {
        let code = self.code();
        Self::CATALOGUE
            .iter()
            .find(|(known, _)| *known == code)
            .map_or("", |(_, name)| name)
    }

    /// The approval it is about.
    pub fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::Requested(requested) => Some(&requested.approval),
            Self::RequestRefused { .. } | Self::Reported(_) => None,
            Self::Collected(approval, _)
            | Self::VoteRefused { approval, .. }
            | Self::UseRefused { approval, .. }
            | Self::Ended { approval, .. } => Some(approval),
            Self::Voted(voted) => Some(&voted.approval),
            Self::Used(used) => Some(&used.approval),
        }
    }
}

/// A method is free text too: only those that are registered are named.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("OTHER")
}
