//! The answers of the filter itself: RFC 9457 problems that an agent can act on.

use std::time::Duration;

use serde_json::{Map, Value, json};
use velum_approval::messages::StatusAnswer;
use velum_approval::{ApprovalId, DenyCode, Need, Reason};
use velum_engine::{Class, ClassSet};
use velum_policy::Refusal;

use crate::ask::AskFault;
use crate::host::{Headers, Host, HostError};
use crate::watch::Fact;

/// Where problem types are explained.
const TYPES: &str = "https://velum.dev/problems/";
/// What a caller may wait before it asks again, where nobody said otherwise.
const RETRY_AFTER: u32 = 5;

/// Why the filter answers in place of the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The policy cannot be had: nothing may pass.
    NotConfigured,
    /// The route names no policy, or none that there is.
    PolicyNotChosen,
    ActionDenied,
    Refused(Refusal),
    Asked(AskFault, ClassSet),
    NothingToLift(ClassSet),
    IdentityRequired,
    BodyNotReviewable,
    BodyTooLarge,
    BodyNotJson,
    BodyEncoded,
    MaskedValue,
    UpgradeRefused,
    GrpcRefused,
    /// The worker has no memory left for a body.
    GatewayBusy,
    RequestNotMaskable(&'static str),
    ReplacementRefused,
    ApprovalRequired {
        approval: ApprovalId,
        retry_after: u32,
    },
    ApprovalDenied {
        code: DenyCode,
        approval: Option<ApprovalId>,
        public_reason: Option<Reason>,
    },
    ApprovalUnavailable,
    /// What is to be taken back is decided.
    ApprovalDecided,
    NotMaskable(&'static str),
}

impl Problem {
    /// Answers the client with this problem.
    pub(crate) fn send(&self, host: &impl Host) -> Result<(), HostError> {
        host.tell(Fact::Problem(self.code()));
        let mut headers: Headers = vec![
            pair("content-type", "application/problem+json"),
            pair("cache-control", "no-store"),
        ];
        if let Some(approval) = self.approval() {
            host.tell(Fact::Approval(approval));
            headers.push(pair("velum-approval", &approval.to_string()));
        }
        if let Self::ApprovalRequired { approval, .. } = self {
            headers.push(pair("location", &location(approval)));
        }
        if let Some(seconds) = self.retry_after() {
            headers.push(pair("retry-after", &seconds.to_string()));
        }
        host.reply(self.status(), &headers, self.body().to_string().as_bytes())
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("type".into(), format!("{TYPES}{}", self.code()).into());
        body.insert("title".into(), self.title().into());
        body.insert("status".into(), self.status().into());
        body.insert("detail".into(), self.detail().into());
        body.insert("retryable".into(), self.is_retryable().into());
        if let Some(approval) = self.approval() {
            body.insert("approval".into(), approval.to_string().into());
        }
        if let Self::ApprovalDenied {
            public_reason: Some(reason),
            ..
        } = self
        {
            body.insert("public_reason".into(), reason.as_str().into());
        }
        if let Self::Asked(_, classes) | Self::NothingToLift(classes) = self {
            body.insert(
                "may_be_asked".into(),
                classes.iter().map(Class::name).collect(),
            );
        }
        Value::Object(body)
    }

    fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::ApprovalRequired { approval, .. } => Some(approval),
            Self::ApprovalDenied { approval, .. } => approval.as_ref(),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::ApprovalRequired { retry_after, .. } => Some(*retry_after),
            Self::ApprovalUnavailable | Self::GatewayBusy => Some(RETRY_AFTER),
            Self::ApprovalDenied { code, .. } if code.retryable() => Some(RETRY_AFTER),
            _ => None,
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::ApprovalRequired { .. }
            | Self::ApprovalUnavailable
            | Self::NotConfigured
            | Self::GatewayBusy => true,
            Self::ApprovalDenied { code, .. } => code.retryable(),
            _ => false,
        }
    }

    fn status(&self) -> u32 {
        match self {
            Self::NotConfigured
            | Self::PolicyNotChosen
            | Self::ApprovalUnavailable
            | Self::GatewayBusy => 503,
            Self::Refused(_) | Self::Asked(..) | Self::NothingToLift(_) | Self::BodyNotJson => 400,
            Self::ActionDenied
            | Self::IdentityRequired
            | Self::BodyNotReviewable
            | Self::UpgradeRefused
            | Self::GrpcRefused
            | Self::ReplacementRefused
            | Self::ApprovalRequired { .. } => 403,
            Self::BodyTooLarge => 413,
            Self::BodyEncoded | Self::RequestNotMaskable(_) => 415,
            Self::MaskedValue => 422,
            Self::ApprovalDecided => 409,
            Self::NotMaskable(_) => 502,
            Self::ApprovalDenied { code, .. } => match code {
                DenyCode::Mismatch | DenyCode::Taken => 409,
                DenyCode::UnknownApproval => 404,
                DenyCode::RateLimited => 429,
                _ => 403,
            },
        }
    }

    /// The problem's stable name: the last part of its type.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured => "not-configured",
            Self::PolicyNotChosen => "policy-not-chosen",
            Self::ActionDenied => "action-denied",
            Self::Refused(refusal) => refusal.code(),
            Self::Asked(AskFault::UnknownClass, _) | Self::NothingToLift(_) => "unknown-class",
            Self::Asked(AskFault::Reason, _) => "bad-reason",
            Self::Asked(AskFault::Approval, _) => "bad-approval",
            Self::IdentityRequired => "identity-required",
            Self::BodyNotReviewable => "body-not-reviewable",
            Self::BodyTooLarge => "body-too-large",
            Self::BodyNotJson => "body-not-json",
            Self::BodyEncoded => "body-encoded",
            Self::MaskedValue => "masked-value",
            Self::UpgradeRefused => "upgrade-refused",
            Self::GrpcRefused => "grpc-refused",
            Self::GatewayBusy => "gateway-busy",
            Self::RequestNotMaskable(_) => "request-not-maskable",
            Self::ReplacementRefused => "replacement-refused",
            Self::ApprovalRequired { .. } => "approval-required",
            Self::ApprovalUnavailable => "approval-unavailable",
            Self::ApprovalDecided => "approval-decided",
            Self::NotMaskable(_) => "response-not-maskable",
            Self::ApprovalDenied { code, .. } => match code {
                DenyCode::Denied => "approval-denied",
                DenyCode::Expired => "approval-expired",
                DenyCode::Mismatch => "approval-mismatch",
                DenyCode::Used => "approval-used",
                DenyCode::Superseded => "approval-superseded",
                DenyCode::UnknownApproval => "approval-unknown",
                DenyCode::LineageUnknown => "lineage-unknown",
                DenyCode::NoReviewer => "no-reviewer",
                DenyCode::PolicyUnknown => "policy-unknown",
                DenyCode::ActionUnknown => "action-unknown",
                DenyCode::Taken => "approval-taken",
                DenyCode::Revoked => "approval-revoked",
                DenyCode::Cancelled => "approval-cancelled",
                DenyCode::RateLimited => "rate-limited",
                DenyCode::Stopped => "releases-stopped",
            },
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::ApprovalRequired { .. } => "A person must approve this request",
            Self::ApprovalDenied {
                code: DenyCode::Denied,
                ..
            } => "A reviewer denied this request",
            Self::ApprovalDenied { .. } => "This request is not approved",
            Self::ApprovalUnavailable => "Approvals cannot be had right now",
            Self::NotMaskable(_) => "The answer cannot be masked, so it is withheld",
            Self::MaskedValue => "The body holds a masked value",
            Self::RequestNotMaskable(_) => "The request cannot be masked, so it is not sent on",
            Self::NotConfigured => "The gateway has no policy",
            _ => "The gateway refuses this request",
        }
    }

    fn detail(&self) -> &'static str {
        match self {
            Self::PolicyNotChosen => {
                "The gateway's route for this request names none of its policies; its operator must \
                 look."
            }
            Self::NotConfigured => "No policy is in force on this gateway; its operator must look.",
            Self::ActionDenied => "The policy denies this action to everyone. Do not retry.",
            Self::Refused(refusal) => refusal.detail(),
            Self::Asked(AskFault::UnknownClass, _) => {
                "velum-lift names a class that cannot be asked for; may_be_asked lists those that can."
            }
            Self::Asked(AskFault::Reason, _) => {
                "velum-reason must stand once, in UTF-8, with at most 1,000 bytes."
            }
            Self::Asked(AskFault::Approval, _) => {
                "velum-approval must stand once and be an id as this gateway gave it."
            }
            Self::NothingToLift(_) => {
                "None of the classes asked for may be lifted here; may_be_asked lists those that may."
            }
            Self::IdentityRequired => {
                "This needs a review, and a review needs a verified identity: sign in and retry."
            }
            Self::BodyNotReviewable => {
                "This gateway cannot hold a request body for review. Send it without a body, or \
                 through a gateway that can."
            }
            Self::BodyTooLarge => "The request body is larger than this gateway may hold.",
            Self::BodyNotJson => "The request body says it is JSON and is not.",
            Self::BodyEncoded => "Send the request body without content-encoding.",
            Self::MaskedValue => {
                "The body holds a placeholder or token from a masked answer, which would overwrite the \
                 real value. Leave the masked fields out, for example with PATCH."
            }
            Self::UpgradeRefused => {
                "What goes through a tunnel or WebSocket cannot be masked. Use HTTP requests."
            }
            Self::GatewayBusy => "Too many bodies are under way. Retry later.",
            Self::GrpcRefused => "Answers of gRPC cannot be masked. Use the API's JSON form.",
            Self::ApprovalRequired { .. } => {
                "A person must decide. Poll Location, not before Retry-After; when it says \
                 approved, send the identical request again with velum-approval."
            }
            Self::ApprovalUnavailable => {
                "The policy service did not answer, so nothing is released. Retry later, or ask \
                 without velum-lift for the masked answer."
            }
            Self::ApprovalDecided => "It is decided: there is nothing to take back.",
            Self::ReplacementRefused => {
                "A record may not be replaced as a whole here: what was masked in it would be lost. Send \
                 what changes, with PATCH."
            }
            Self::NotMaskable(why) | Self::RequestNotMaskable(why) => why,
            Self::ApprovalDenied { code, .. } => denial(*code),
        }
    }
}

fn denial(code: DenyCode) -> &'static str {
    match code {
        DenyCode::Denied => "Do not retry the same request; ask a person what they need.",
        DenyCode::Expired => "The approval was not decided or not used in time. Ask again.",
        DenyCode::Mismatch => {
            "This approval is for another request. Send exactly the request that was approved."
        }
        DenyCode::Used => "This approval was used; it was good for one request. Ask again.",
        DenyCode::Superseded => "The policy has changed since this was asked. Ask again.",
        DenyCode::UnknownApproval => "There is no such approval for you.",
        DenyCode::LineageUnknown => {
            "Somebody behind this request is not in the directory, so nobody can tell who may \
             review it. Its operator must add them."
        }
        DenyCode::NoReviewer => "Nobody may review this request: everyone who could is behind it.",
        DenyCode::PolicyUnknown => "The policy service does not know this gateway's policy.",
        DenyCode::ActionUnknown => "The policy service does not know who reviews this action.",
        DenyCode::Taken => "Another stream with the same request took the approval. Ask again.",
        DenyCode::Revoked => "The approval was revoked.",
        DenyCode::Cancelled => "You withdrew this approval. Ask again if it is needed after all.",
        DenyCode::RateLimited => "Too many approvals are waiting for you already. Retry later.",
        DenyCode::Stopped => {
            "An emergency stop is in force: nothing is released until people resume. Retry later."
        }
    }
}

/// Where the state of an approval can be polled.
pub(crate) fn location(approval: &ApprovalId) -> String {
    format!("{}{approval}", crate::check::STATUS_PREFIX)
}

/// The answer to a poll.
pub(crate) fn send_status(
    host: &impl Host,
    answer: &StatusAnswer,
    retry_after: Option<Duration>,
) -> Result<(), HostError> {
    let mut headers: Headers = vec![
        pair("content-type", "application/json"),
        pair("cache-control", "no-store"),
    ];
    let mut body = json!({"state": answer.state.name()});
    if let (Some(wait), Some(body)) = (retry_after, body.as_object_mut()) {
        headers.push(pair("retry-after", &wait.as_secs().to_string()));
        body.insert("retry_after_seconds".into(), wait.as_secs().into());
    }
    if let (Some(reason), Some(body)) = (&answer.public_reason, body.as_object_mut()) {
        body.insert("public_reason".into(), reason.as_str().into());
    }
    if let (Some(Need::Reason), Some(body)) = (answer.needs, body.as_object_mut()) {
        body.insert("needs".into(), "reason".into());
        let detail = "The reviewers ask why. Send the same request with another velum-reason.";
        body.insert("detail".into(), detail.into());
    }
    host.reply(200, &headers, body.to_string().as_bytes())
}

/// The answer to who has taken an ask back.
pub(crate) fn send_withdrawn(host: &impl Host) -> Result<(), HostError> {
    host.reply(204, &vec![pair("cache-control", "no-store")], b"")
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}
