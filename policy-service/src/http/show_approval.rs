//! `GET /v1/approvals/{id}?wait=25&after_version=3`: an approval as a reviewer sees it, at once or when
//! it changes.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use velum_approval::{ApprovalId, PersonId};

use super::app::unavailable;
use super::card::Card;
use super::conditions::{self, Shown};
use super::id::Id;
use super::openapi::Described;
use super::{App, prefer};
use crate::auth::Reviewer;
use crate::inbox::{Present, as_read_by};
use crate::problem::Problem;
use crate::store::StoreError;

/// How long to wait for what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Seconds; more than 25 are 25.
    wait: Option<u64>,
    /// The version that the client has.
    after_version: Option<u64>,
}

/// Why it is not shown.
pub(crate) enum ShowError {
    Unknown,
    Parameters,
    Store(StoreError),
}

impl From<ShowError> for Problem {
    fn from(error: ShowError) -> Problem {
        match error {
            ShowError::Parameters => {
                Problem::malformed_query("Takes wait=<seconds> and after_version=<version>.")
            }
            ShowError::Unknown => Problem::unknown_approval(),
            ShowError::Store(error) => unavailable("show an approval", &error),
        }
    }
}

/// Shows it, and with `wait` waits for a version beyond `after_version`, or beyond that of
/// `If-None-Match`. Changes nothing: links to it are opened by machines too.
pub(crate) async fn handle(
    State(app): State<App>,
    reviewer: Reviewer,
    Id(id): Id,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(parameters) = parameters.map_err(|_| ShowError::Parameters)?;
    let asked = parameters.wait.map(Duration::from_secs);
    let wait = asked.unwrap_or_else(|| prefer::wait(&headers));
    let deadline = Instant::now() + wait.min(prefer::LONGEST);
    let known = conditions::known_version(&headers);
    let seen = parameters.after_version.or(known);
    let id: ApprovalId = id.parse().map_err(|_| ShowError::Unknown)?;
    let reader = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    // Taken before the approval is read: a change after that is not missed.
    let mut ticket = app.parts().waiters.join(&id);
    loop {
        let card = show(&app, id.as_str(), &reader).await?;
        let is_news = seen.is_none_or(|seen| card.version > seen);
        if !is_news && Instant::now() < deadline && !app.is_closing() {
            tokio::select! {
                () = ticket.changed() => {}
                () = sleep_until(deadline) => {}
                () = app.closing() => {}
            }
            continue;
        }
        let tag = conditions::tag(&card);
        if conditions::is_known(&headers, &tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        return Ok(Shown(card).into_response());
    }
}

/// The card of the approval with this id, as this person may see it.
pub(super) async fn show(app: &App, id: &str, reader: &PersonId) -> Result<Card, ShowError> {
    let id = id.parse().map_err(|_| ShowError::Unknown)?;
    let stored = app.store().approval(&id).await.map_err(ShowError::Store)?;
    let stored = stored.ok_or(ShowError::Unknown)?;
    let present = Present::load(app).await.map_err(ShowError::Store)?;
    Ok(Card::new(as_read_by(reader, stored, app, &present), app))
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "showApproval",
        "An approval as a reviewer sees it",
        "With `wait` and `after_version` (or `If-None-Match`) it answers when the approval has a later \
         version, or when the wait is over. It changes nothing: links to it are opened by machines too.",
    )
    .query(
        "wait",
        "So many seconds at most, and at most 25. `Prefer: wait=N` does the same.",
        &json!({"type": "integer", "minimum": 0}),
    )
    .query(
        "after_version",
        "The version that the client has; without it the answer comes at once.",
        &json!({"type": "integer", "minimum": 0}),
    )
    .header("prefer", prefer::DESCRIPTION, &prefer::schema())
    .header("if-none-match", "The `ETag` that the client has.", &json!({"type": "string"}))
    .gives::<Card>(200, "The approval, changed or not.")
    .tagged(200)
    .empty(304, "The client has it.")
    .tagged(304)
    .refuses(400, &["malformed-query"])
    .refuses(404, &["unknown-approval"])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use crate::testing::{Service, reply};

    #[tokio::test]
    async fn a_later_version_is_shown_at_once_and_the_next_when_it_comes() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}");
        let begun = Instant::now();
        let (_, card) = service
            .get("grace", &format!("{path}?wait=20&after_version=0"))
            .await;
        assert_eq!(card["version"], 1);
        let (_, card) = service
            .get("grace", &format!("{path}?wait=1&after_version=1"))
            .await;
        assert_eq!(card["version"], 1, "no change is no fault");
        assert!(begun.elapsed() >= Duration::from_secs(1));
        let begun = Instant::now();
        let deciding = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        };
        let waiting = format!("{path}?wait=99&after_version=1");
        let preferring = service.request("GET", &format!("{path}?after_version=1"));
        let preferring = preferring.bearer_auth(service.reviewer("omar"));
        let tagged = service
            .request("GET", &path)
            .bearer_auth(service.reviewer("nora"));
        let (by_query, by_header, by_tag, ()) = tokio::join!(
            service.get("grace", &waiting),
            reply(preferring.header("prefer", "wait=20")),
            reply(
                tagged
                    .header("prefer", "wait=20")
                    .header("if-none-match", "\"1\"")
            ),
            deciding,
        );
        for (status, card) in [by_query, by_header, by_tag] {
            assert_eq!((status.as_u16(), &card["state"]), (200, &json!("approved")));
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn what_cannot_be_waited_for_is_refused() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        for query in ["wait=-1", "wait=x", "after_version=-1", "until=3"] {
            let path = format!("/v1/approvals/{id}?{query}");
            assert_eq!(service.get("grace", &path).await.0, 400, "{query}");
        }
        let (status, _) = service
            .get("grace", "/v1/approvals/none?wait=5&after_version=1")
            .await;
        assert_eq!(status, 404);
    }
}
