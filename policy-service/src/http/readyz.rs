//! `GET /readyz`: the service can take decisions.

use axum::extract::State;
use axum::http::StatusCode;

use super::App;
use super::openapi::Described;
use crate::problem::Problem;

/// How far the clock may be behind what the store has seen, in milliseconds.
const MOST_BEHIND: i64 = 30_000;

/// What is answered while no head of the audit log is signed: what needs none goes on.
const UNSIGNED: &str = "ok, but no head of the audit log is signed at present: see GET /v1/logs\n";

/// The same where a closed log is not what it was: nothing waits for that.
const CLOSED: &str = "ok, but a closed audit log is damaged or cannot be read: see GET /v1/logs\n";

/// The same where there is little room: what is full records nothing, and so releases nothing.
const NEARLY_FULL: &str = "ok, but less than a fifth of a volume is free: see GET /v1/logs\n";

/// 200 when the store answers and the clock can be believed, else 503.
pub(crate) async fn handle(State(app): State<App>) -> Result<&'static str, Problem> {
    let not_ready = |detail: &str| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-ready",
            "Not ready",
            detail,
        )
        .retryable()
    };
    if app.is_closing() {
        return Err(not_ready("The service is shutting down."));
    }
    if !app.store().is_ready().await {
        return Err(not_ready("The store does not answer."));
    }
    let Ok(others) = app.store().others().await else {
        return Err(not_ready("The store does not answer."));
    };
    if app.is_ahead(others) {
        return Err(not_ready(
            "The clock is far ahead of the database's: correct it.",
        ));
    }
    if app.clock_behind() > MOST_BEHIND {
        return Err(not_ready(
            "The clock is behind the times in the store: correct it.",
        ));
    }
    let parts = app.parts();
    let log = &parts.log;
    let is_closed_whole = log.closed_damage.borrow().is_empty();
    Ok(match log.fault() {
        None if is_closed_whole && parts.volumes.is_low() => NEARLY_FULL,
        None if is_closed_whole => "ok\n",
        None => CLOSED,
        Some(_) => UNSIGNED,
    })
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "ready",
        "The service can take decisions",
        "For a readiness probe.",
    )
    .says(
        "text/plain",
        "`ok`; with more behind it where no head of the audit log is signed at present, a closed log is \
         damaged or cannot be read, or there is little room on a volume.",
    )
    .refuses(503, &["not-ready"])
}
