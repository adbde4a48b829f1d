//! `POST /v1/approvals/{id}/status`: what the filter tells a requester about their approval.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;
use velum_approval::messages::{StatusAnswer, StatusQuery};
use velum_approval::{ApprovalId, Identity, Reason, State as ApprovalState};

use super::app::unavailable;
use super::body::Body;
use super::id::Id;
use super::openapi::Described;
use super::{App, prefer};
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::StoreError;

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

/// Answers at once, or with `Prefer: wait=N` when something was decided.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Gateway,
    Id(id): Id,
    headers: HeaderMap,
    Body(query): Body<StatusQuery>,
) -> Result<Json<StatusAnswer>, Problem> {
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
            return Ok(Json(answer));
        }
        let Some(ticket) = &mut ticket else {
            ticket = Some(app.parts().waiters.join(&id));
            continue;
        };
        tokio::select! {
            () = ticket.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = app.closing() => return Ok(Json(answer)),
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
    let public_reason = stored.public_reason.and_then(|text| Reason::new(text).ok());
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
    .gives::<StatusAnswer>(200, "How far it is.")
    .refuses(404, &["unknown-approval"])
}
