//! The answers of the filter itself: RFC 9457 problems that an agent can act on.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use velum_approval::messages::StatusAnswer;
use velum_approval::{ApprovalId, DenyCode, Need, Reason, State};
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
            Self::ApprovalDenied { code, .. } => code.problem(),
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
            Self::ApprovalDenied { code, .. } => code.detail(),
        }
    }
}

/// Where the state of an approval can be polled.
pub(crate) fn location(approval: &ApprovalId) -> String {
    format!("{}{approval}", crate::check::STATUS_PREFIX)
}

/// What a state means for who asked: a code, whether the same request may succeed when it is sent again,
/// and what to do. A final one means what a request with its approval would be told.
struct Standing {
    code: &'static str,
    is_retryable: bool,
    detail: Cow<'static, str>,
}

impl Standing {
    /// `wait`: when to poll again, in seconds.
    fn of(state: State, needs: Option<Need>, wait: u32) -> Self {
        let (code, is_retryable, detail) = match (state.denial(), state, needs) {
            (Some(denial), ..) => (
                denial.problem(),
                denial.retryable(),
                denial.detail().into(),
            ),
            (None, State::Approved, _) => (
                "approval-granted",
                true,
                "Send the identical request again now, with velum-approval.".into(),
            ),
            (None, State::Collecting, _) => (
                "approval-required",
                true,
                format!(
                    "A person must decide, once the masked answer has come to its end. Read it to its \
                     end, and poll again after {wait} s."
                )
                .into(),
            ),
            (None, _, Some(Need::Reason)) => (
                "reason-required",
                true,
                format!(
                    "The reviewers ask why. Send the identical request again with another \
                     velum-reason, and poll again after {wait} s."
                )
                .into(),
            ),
            (None, _, None) => (
                "approval-required",
                true,
                format!(
                    "A person must decide. Poll again after {wait} s; when it says approved, send the \
                     identical request again with velum-approval."
                )
                .into(),
            ),
        };
        Self {
            code,
            is_retryable,
            detail,
        }
    }
}

/// The answer to a poll.
pub(crate) fn send_status(host: &impl Host, answer: &StatusAnswer) -> Result<(), HostError> {
    let mut headers: Headers = vec![
        pair("content-type", "application/json"),
        pair("cache-control", "no-store"),
    ];
    let state = answer.state;
    let is_open = matches!(state, State::Collecting | State::Pending);
    let needs = answer.needs.filter(|_| state == State::Pending);
    // Who is told to poll again is told when.
    let given = answer.retry_after_seconds.filter(|_| !state.is_final());
    let wait = given.or(is_open.then_some(RETRY_AFTER));
    let standing = Standing::of(state, needs, wait.unwrap_or_default());
    let mut body = json!({
        "state": state.name(),
        "code": standing.code,
        "retryable": standing.is_retryable,
        "detail": standing.detail,
    });
    if let Some(body) = body.as_object_mut() {
        if let Some(seconds) = wait {
            headers.push(pair("retry-after", &seconds.to_string()));
            body.insert("retry_after_seconds".into(), seconds.into());
        }
        if let Some(reason) = &answer.public_reason {
            body.insert("public_reason".into(), reason.as_str().into());
        }
        if let Some(Need::Reason) = needs {
            body.insert("needs".into(), "reason".into());
        }
    }
    host.reply(200, &headers, body.to_string().as_bytes())
}

/// A proof as the service gave it.
pub(crate) fn send_proof(host: &impl Host, proof: &[u8]) -> Result<(), HostError> {
    let headers: Headers = vec![
        pair("content-type", "text/plain; charset=utf-8"),
        pair("cache-control", "no-store"),
    ];
    host.reply(200, &headers, proof)
}

/// The answer to who has taken an ask back.
pub(crate) fn send_withdrawn(host: &impl Host) -> Result<(), HostError> {
    host.reply(204, &vec![pair("cache-control", "no-store")], b"")
}

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    fn told(answer: &StatusAnswer) -> (Value, Option<String>) {
        let host = Fake::default();
        send_status(&host, answer).unwrap();
        let reply = host.replies.take().remove(0);
        assert_eq!(reply.status, 200);
        let wait = crate::host::header(&reply.headers, "retry-after");
        let wait = wait.map(|value| String::from_utf8(value.to_vec()).unwrap());
        (serde_json::from_str(&reply.body).unwrap(), wait)
    }

    fn answer(state: State) -> StatusAnswer {
        StatusAnswer {
            state,
            retry_after_seconds: None,
            public_reason: None,
            needs: None,
        }
    }

    const TOLD: &[(State, &str, bool, &str)] = &[
        (
            State::Collecting,
            "approval-required",
            true,
            "A person must decide, once the masked answer has come to its end. Read it to its end, and \
             poll again after 7 s.",
        ),
        (
            State::Pending,
            "approval-required",
            true,
            "A person must decide. Poll again after 7 s; when it says approved, send the identical \
             request again with velum-approval.",
        ),
        (
            State::Approved,
            "approval-granted",
            true,
            "Send the identical request again now, with velum-approval.",
        ),
        (
            State::Denied,
            "approval-denied",
            false,
            "Do not retry the same request; ask a person what they need.",
        ),
        (
            State::Expired,
            "approval-expired",
            true,
            "The approval was not decided or not used in time. Ask again.",
        ),
        (
            State::Cancelled,
            "approval-cancelled",
            true,
            "You withdrew this approval. Ask again if it is needed after all.",
        ),
        (
            State::Superseded,
            "approval-superseded",
            true,
            "The policy, or who may review, has changed since this was asked. Ask again.",
        ),
        (
            State::Revoked,
            "approval-revoked",
            false,
            "A reviewer took the approval back. Do not retry; ask a person what they need.",
        ),
        (
            State::Used,
            "approval-used",
            true,
            "This approval was used; it was good for one request. Ask again.",
        ),
    ];

    #[test]
    fn every_state_has_a_code_and_says_what_to_do() {
        let states: Vec<State> = TOLD.iter().map(|(state, ..)| *state).collect();
        assert_eq!(states, State::ALL);
        for (state, code, is_retryable, detail) in TOLD {
            let (body, wait) = told(&StatusAnswer {
                retry_after_seconds: Some(7),
                ..answer(*state)
            });
            let mut expected = json!({
                "state": state.name(), "code": code, "retryable": is_retryable, "detail": detail,
            });
            if !state.is_final() {
                expected["retry_after_seconds"] = 7.into();
            }
            assert_eq!(body, expected);
            assert_eq!(wait.as_deref(), (!state.is_final()).then_some("7"));
        }
    }

    #[test]
    fn the_document_lists_every_state_with_its_code() {
        let document = include_str!("../../docs/waiting.md");
        for (state, code, is_retryable, _) in TOLD {
            let (state, code) = (format!("`{}`", state.name()), format!("`{code}`"));
            let again = if *is_retryable { "| yes" } else { "| no |" };
            let is_told = |line: &str| [&state, &code, again].iter().all(|it| line.contains(*it));
            assert!(document.lines().any(is_told), "{state}: {code}");
        }
    }

    #[test]
    fn an_ending_is_told_as_the_problem_of_a_request_with_that_approval() {
        for state in State::ALL.iter().filter(|state| state.is_final()) {
            let problem = Problem::ApprovalDenied {
                code: state.denial().unwrap(),
                approval: None,
                public_reason: None,
            };
            let (problem, (status, _)) = (problem.body(), told(&answer(*state)));
            assert_eq!(
                problem["type"],
                format!("{TYPES}{}", status["code"].as_str().unwrap())
            );
            for member in ["retryable", "detail"] {
                assert_eq!(problem[member], status[member], "{}", state.name());
            }
        }
        let problem = Problem::ApprovalRequired {
            approval: "0192f0c1-2b3c-7d4e-8f50-123456789abc".parse().unwrap(),
            retry_after: 5,
        };
        let (status, _) = told(&answer(State::Pending));
        assert_eq!(status["code"], problem.code());
        assert_eq!(status["retryable"], problem.is_retryable());
    }

    #[test]
    fn who_is_to_poll_again_is_told_when_although_the_service_does_not_say() {
        for (state, expected) in [
            (State::Collecting, Some("5")),
            (State::Pending, Some("5")),
            (State::Approved, None),
            (State::Denied, None),
        ] {
            let (body, wait) = told(&answer(state));
            assert_eq!(wait.as_deref(), expected, "{}", state.name());
            let seconds = body.get("retry_after_seconds").map(Value::to_string);
            assert_eq!(seconds.as_deref(), expected, "{}", state.name());
        }
    }

    #[test]
    fn a_question_is_told_while_it_is_open_and_no_longer() {
        for state in State::ALL {
            let (body, _) = told(&StatusAnswer {
                needs: Some(Need::Reason),
                public_reason: Reason::new("ask with fewer classes").ok(),
                ..answer(*state)
            });
            assert_eq!(body["public_reason"], "ask with fewer classes");
            let is_open = *state == State::Pending;
            assert_eq!(body.get("needs").is_some(), is_open, "{}", state.name());
            assert_eq!(body["code"] == "reason-required", is_open);
        }
        let (body, _) = told(&StatusAnswer {
            needs: Some(Need::Reason),
            ..answer(State::Pending)
        });
        assert_eq!(
            (&body["needs"], &body["retryable"]),
            (&json!("reason"), &json!(true))
        );
        assert_eq!(
            body["detail"],
            "The reviewers ask why. Send the identical request again with another velum-reason, and \
             poll again after 5 s."
        );
    }
}
