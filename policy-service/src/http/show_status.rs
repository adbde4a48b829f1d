//! `POST /v1/approvals/{id}/status`: what the filter tells a requester about their approval.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use velum_approval::messages::{StatusAnswer, StatusQuery};
use velum_approval::{ApprovalId, Identity, Reason, State as ApprovalState};

use super::app::unavailable;
use super::body::Body;
use super::ending::{self, Ending};
use super::id::Id;
use super::openapi::Described;
use super::{App, prefer};
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::{StoreError, Written};

/// When to ask again while nobody has decided, in seconds.
const RETRY_AFTER: u32 = 5;

/// Why there is no answer.
pub(crate) enum StatusError {
    /// No such approval, or not this principal's: the two cannot be told apart.
    Unknown,
    Store(StoreError),
}

impl From<StatusError> for Problem {
    fn from(error: StatusError) -> Problem {
        match error {
            StatusError::Unknown => Problem::unknown_approval(),
            StatusError::Store(error) => unavailable("show a status", &error),
        }
    }
}

/// How far an approval is, for whoever asked.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Status {
    #[serde(flatten)]
    answer: StatusAnswer,
    /// What it means: `approval-denied`, say.
    code: &'static str,
    /// Whether the same request may succeed when it is sent again.
    retryable: bool,
    /// A sentence that says what to do.
    detail: &'static str,
}

impl Status {
    fn new(answer: StatusAnswer) -> Status {
        let Ending {
            code,
            retryable,
            detail,
        } = ending::of(answer.state, answer.needs);
        Status {
            answer,
            code,
            retryable,
            detail,
        }
    }
}

/// Answers at once, or with `Prefer: wait=N` when something was decided.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Gateway,
    Id(id): Id,
    headers: HeaderMap,
    Body(query): Body<StatusQuery>,
) -> Result<Json<Status>, Problem> {
    let id: ApprovalId = id.parse().map_err(|_| StatusError::Unknown)?;
    let deadline = Instant::now() + prefer::wait(&headers);
    let mut ticket = None;
    loop {
        let answer = status(&app, &id, &query.principal).await?;
        let is_open = matches!(
            answer.state,
            ApprovalState::Collecting | ApprovalState::Pending
        );
        if !is_open || Instant::now() >= deadline || app.is_closing() {
            return Ok(Json(Status::new(answer)));
        }
        let Some(ticket) = &mut ticket else {
            ticket = Some(app.parts().waiters.join(&id));
            continue;
        };
        tokio::select! {
            () = ticket.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = app.closing() => return Ok(Json(Status::new(answer))),
        }
    }
}

async fn status(
    app: &App,
    id: &ApprovalId,
    principal: &Identity,
) -> Result<StatusAnswer, StatusError> {
    let stored = app.store().approval(id).await.map_err(StatusError::Store)?;
    let stored = stored
        .filter(|stored| stored.approval.principal == *principal)
        .ok_or(StatusError::Unknown)?;
    let state = stored.approval.state_at(app.now());
    let retry_after_seconds = match state {
        ApprovalState::Collecting | ApprovalState::Pending => Some(RETRY_AFTER),
        // The grant waits: the request can be sent again at once.
        ApprovalState::Approved => Some(0),
        _ => None,
    };
    let public_reason = stored.public_reason.map(Written::into_shown);
    let public_reason = public_reason.and_then(|text| Reason::new(text).ok());
    Ok(StatusAnswer {
        state,
        retry_after_seconds,
        public_reason,
        needs: stored.approval.needs,
    })
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "showStatus",
        "What a requester is told about their approval",
        "Answers only the approval's own principal.",
    )
    .takes::<StatusQuery>(&json!({
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
    }))
    .header("prefer", prefer::DESCRIPTION, &prefer::schema())
    .gives::<Status>(200, "How far it is.")
    .refuses(404, &["unknown-approval"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Service, identity};

    #[tokio::test]
    async fn a_status_says_what_to_do_next() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}/status");
        let query = json!({"principal": identity("triage-bot")});
        let status = async || service.call_gateway("POST", &path, &query).await.1;
        let told = |status: &Value| {
            assert!(
                status["detail"].as_str().unwrap().ends_with('.'),
                "{status}"
            );
            let code = status["code"].as_str().unwrap().to_owned();
            (code, status["retryable"].as_bool().unwrap())
        };
        assert_eq!(
            told(&status().await),
            ("approval-required".to_owned(), true)
        );
        let question = format!("/v1/approvals/{id}/question");
        assert_eq!(service.post("grace", &question, &json!({})).await.0, 200);
        let asked = status().await;
        assert_eq!(told(&asked), ("reason-required".to_owned(), true));
        assert_eq!(asked["needs"], "reason");
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let granted = status().await;
        assert_eq!(told(&granted), ("approval-granted".to_owned(), true));
        assert_eq!(granted["retry_after_seconds"], 0);
        let check = service.ask(1);
        service.verified(&check, &service.check(&check).await);
        assert_eq!(told(&status().await), ("approval-used".to_owned(), true));
        let revoke = format!("/v1/approvals/{id}/revoke");
        assert_eq!(service.post("grace", &revoke, &json!({})).await.0, 200);
        assert_eq!(
            told(&status().await),
            ("approval-revoked".to_owned(), false)
        );
    }

    #[tokio::test]
    async fn a_denial_carries_what_the_reviewer_said() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let told = json!({"public_reason": "ask with fewer classes"});
        assert_eq!(service.deny("grace", &id, told).await.0, 200);
        let path = format!("/v1/approvals/{id}/status");
        let query = json!({"principal": identity("triage-bot")});
        let (_, status) = service.call_gateway("POST", &path, &query).await;
        assert_eq!(
            (
                &status["code"],
                &status["retryable"],
                &status["public_reason"]
            ),
            (
                &json!("approval-denied"),
                &json!(false),
                &json!("ask with fewer classes")
            )
        );
        assert_eq!(status.get("retry_after_seconds"), None);
    }
}
