//! What the filter, the policy service and its clients say to each other, as JSON.
//!
//! Requests refuse unknown fields; answers do not, so that a service may say more than an older
//! filter understands. The one exception is [`Allow`](crate::Allow), whose unknown fields may be
//! limits. `tests/golden` holds one example of each, compared byte for byte.

mod events;

pub use events::{ClassCounts, EventOutcome, EventRow, Events, MOST_ROWS};

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use velum_engine::ClassSet;

use crate::allow::SignedAllow;
use crate::case::{Need, State};
use crate::found::Found;
use crate::keys::KeyedToken;
use crate::stops::StopScope;
use crate::words::{
    ActionName, ApprovalId, Fingerprint, Identity, Lineage, PolicyDigest, Reason, RuleName,
    Timestamp, UseKey, WorkerId, check_text,
};

/// `POST /v1/checks`: may this request go on, and with what lifted?
///
/// `Debug` leaves out what a caller wrote freely.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The stream that asks: the idempotency key, scoped to the gateway.
    pub use_key: UseKey,
    /// Who makes the request.
    pub principal: Identity,
    /// Everyone behind it.
    pub lineage: Lineage,
    /// The action that the request matched.
    pub action: ActionName,
    /// The request's method; 1 to 32 bytes.
    #[serde(deserialize_with = "method")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 32))]
    pub method: String,
    /// The request's authority; 1 to 255 bytes.
    #[serde(deserialize_with = "authority")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub authority: String,
    /// The path, scrubbed: only what the policy itself names, otherwise `{…}`; 1 to 2,048 bytes. The service
    /// keeps no more of it than its [`RouteTemplate`](crate::RouteTemplate), whatever it is.
    #[serde(deserialize_with = "path")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2048))]
    pub path: String,
    /// The query's names, scrubbed alike; empty where there are none, at most 2,048 bytes.
    #[serde(deserialize_with = "query")]
    #[cfg_attr(feature = "openapi", schema(max_length = 2048))]
    pub query: String,
    /// Which resource it is, for who holds the key.
    pub resource: KeyedToken,
    /// The exact request.
    pub fingerprint: Fingerprint,
    /// The policy that the filter runs.
    pub policy: PolicyDigest,
    /// The classes asked to be lifted.
    #[serde(with = "crate::class_names")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::schema::ClassName>))]
    pub classes: ClassSet,
    /// What the request's body holds, where the policy has it inspected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
    /// Why, in the requester's words, scrubbed by the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The approval that the requester redeems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// Whether the caller has the masked answer meanwhile, and this stream will say what it holds
    /// ([`Evidence`](crate::Evidence)).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence: bool,
    /// Which worker of the gateway asks: its release is a lease of its own, and a stop waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("use_key", &self.use_key)
            .field("action", &self.action)
            .field("policy", &self.policy)
            .field("approval", &self.approval)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`Check`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Answer {
    /// Go on, within what is signed.
    Allow(SignedAllow),
    /// A person has to decide.
    Pending {
        /// The approval to wait for, and to redeem.
        approval: ApprovalId,
        /// When to ask again, in seconds.
        retry_after_seconds: u32,
        /// When it is decided at the latest.
        expires: Timestamp,
        /// Whether what the masked answer holds is awaited from this stream.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        evidence: bool,
    },
    /// No.
    Deny {
        /// Why.
        code: DenyCode,
        /// The approval that was denied, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalId>,
        /// What the reviewer tells the requester.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        public_reason: Option<Reason>,
    },
}

macro_rules! deny_codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $problem:literal $retryable:literal $detail:literal,)*) => {
        /// Why a request was not allowed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum DenyCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl DenyCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name used in JSON.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The last part of the type of the problem that a caller is given (RFC 9457).
            pub fn problem(self) -> &'static str {
                match self { $(Self::$variant => $problem,)* }
            }

            /// A sentence for the caller, that says what to do.
            pub fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }

            /// Whether the same request may succeed when it is sent again, unchanged and without
            /// the approval it named.
            pub fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }
        }
    };
}

deny_codes! {
    /// A reviewer denied it, or what was approved had nothing in common.
    Denied "denied" "approval-denied" false
        "Do not retry the same request; ask a person what they need.",
    /// Nobody decided in time, or the grant was not used in time.
    Expired "expired" "approval-expired" true
        "The approval was not decided or not used in time. Ask again.",
    /// The approval is for another request.
    Mismatch "mismatch" "approval-mismatch" false
        "This approval is for another request. Send exactly the request that was approved.",
    /// The approval was used before.
    Used "used" "approval-used" true
        "This approval was used; it was good for one request. Ask again.",
    /// The policy, or who may review, changed between asking and use.
    Superseded "superseded" "approval-superseded" true
        "The policy, or who may review, has changed since this was asked. Ask again.",
    /// No such approval of this principal.
    UnknownApproval "unknown-approval" "approval-unknown" false
        "There is no such approval for you. Ask without velum-approval.",
    /// Somebody behind the request is not in the directory.
    LineageUnknown "lineage-unknown" "lineage-unknown" false
        "Somebody behind this request is not in the directory, so nobody can tell who may review it. \
         Its operator must add them.",
    /// Nobody is left who may review it.
    NoReviewer "no-reviewer" "no-reviewer" false
        "Nobody may review this request: everyone who could is behind it. Do not retry; ask a person \
         what they need.",
    /// The service does not have the filter's policy.
    PolicyUnknown "policy-unknown" "policy-unknown" false
        "The policy service does not know this gateway's policy; its operator must look.",
    /// The policy has no such action to review.
    ActionUnknown "action-unknown" "action-unknown" false
        "The policy service does not know who reviews this action; its operator must look.",
    /// Another stream with the same request took the grant.
    Taken "taken" "approval-taken" true
        "Another stream with the same request took the approval. Ask again.",
    /// A reviewer took the grant back.
    Revoked "revoked" "approval-revoked" false
        "A reviewer took the approval back. Do not retry; ask a person what they need.",
    /// The requester withdrew it.
    Cancelled "cancelled" "approval-cancelled" true
        "You withdrew this approval. Ask again if it is needed after all.",
    /// Too many asks.
    RateLimited "rate-limited" "rate-limited" true
        "Too many approvals are waiting for you already. Retry later.",
    /// Releases are stopped.
    Stopped "stopped" "releases-stopped" true
        "An emergency stop is in force: nothing is released until people resume. Retry later.",
}

/// `POST /v1/departures`: a stream that asked has ended before its answer. Nobody waits there any
/// more, and nothing is released to it; its approval lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// The stream, as its check named it.
    pub use_key: UseKey,
}

/// `POST /v1/approvals/{id}/status`: what the filter tells a requester.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
    /// Who asks; only the approval's own principal is answered.
    pub principal: Identity,
}

/// The answer to a [`StatusQuery`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusAnswer {
    /// How far the approval is.
    pub state: State,
    /// When to ask again, in seconds; absent once it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// What the reviewer who denied it, or asked for a better reason, tells the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_reason: Option<Reason>,
    /// What the reviewers want to know: the same request with it answers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Need>,
}

/// `POST /v1/approvals/{id}/withdrawal`: the requester takes the ask back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Who says so; only the approval's own principal may.
    pub principal: Identity,
}

/// `POST /v1/approvals/{id}/approve`. What is absent is not narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// Fewer classes than were asked.
    #[serde(
        default,
        with = "crate::class_names::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::schema::ClassName>>))]
    pub classes: Option<ClassSet>,
    /// Only values that these rules of the policy select, by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<BTreeSet<RuleName>>,
    /// So many records at most; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub records: Option<u64>,
    /// So many bytes at most; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 9_007_199_254_740_991_u64))]
    pub bytes: Option<u64>,
    /// How long the grant lasts, where that is shorter than configured; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Although what the response holds was awaited and never came: any value of the classes may be
    /// lifted then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
    /// The version that the reviewer saw; a vote on another is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// For the other reviewers and the auditor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Reason>,
}

/// `POST /v1/approvals/{id}/deny`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DenyRequest {
    /// What the requester is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_reason: Option<Reason>,
    /// The version that the reviewer saw; a vote on another is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// For the other reviewers and the auditor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Reason>,
}

/// `POST /v1/approvals/{id}/take-back`, `/question` and `/revoke`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// The version that the reviewer saw; on another it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// For the other reviewers and the auditor; of a question, what the requester is asked and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Reason>,
}

/// `POST /v1/stops`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// What is stopped.
    pub scope: StopScope,
    /// For the other reviewers and the auditor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Reason>,
}

/// `POST /v1/emergencies`: break-glass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EmergencyRequest {
    /// Whose requests are released.
    pub principal: Identity,
    /// Of which action.
    pub action: ActionName,
    /// Why.
    pub reason: Reason,
    /// For how long; at most what is configured, and 60.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 60))]
    pub minutes: u32,
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "method", 32)
}

fn authority<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "authority", 255)
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, "path", 2048)
}

fn query<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if !text.is_empty() {
        check_text("query", &text, 2048).map_err(serde::de::Error::custom)?;
    }
    Ok(text)
}

fn text<'de, D: Deserializer<'de>>(
    deserializer: D,
    word: &'static str,
    most: usize,
) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    check_text(word, &text, most).map_err(serde::de::Error::custom)?;
    Ok(text)
}
