//! `GET /v1/approvals?state=pending&after=ID&limit=N`: approvals in the order they were asked.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use velum_approval::{ApprovalId, PersonId};

use super::app::unavailable;
use super::card::Card;
use super::openapi::Described;
use super::{App, page};
use crate::auth::Reviewer;
use crate::inbox::{Present, as_read_by};
use crate::problem::Problem;
use crate::store::{Listing, Order, StoreError};

/// What to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    state: Option<velum_approval::State>,
    /// The `next` of the page before.
    after: Option<ApprovalId>,
    limit: Option<u32>,
}

/// A page.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ApprovalPage)]
pub(crate) struct Page {
    approvals: Vec<Card>,
    /// Where the next page starts, if there may be one; also of a page with few or none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<ApprovalId>,
}

/// Why nothing is listed.
pub(crate) enum ListError {
    Parameters,
    Store(StoreError),
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Problem {
        match error {
            ListError::Store(error) => unavailable("list approvals", &error),
            ListError::Parameters => {
                Problem::malformed_query("Takes state=<state>, after=<id> and limit=<1 to 200>.")
            }
        }
    }
}

/// Lists at most `limit` approvals.
pub(crate) async fn handle(
    State(app): State<App>,
    reviewer: Reviewer,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Ok(Query(parameters)) = parameters else {
        return Err(ListError::Parameters.into());
    };
    let limit = page::limit(parameters.limit, page::DEFAULT, page::MOST);
    let limit = limit.ok_or(ListError::Parameters)?;
    let now = app.now();
    let listing = Listing {
        order: Order::OldestFirst,
        state: parameters.state,
        action: None,
        behind: parameters.after,
        limit,
        now,
    };
    let listed = app.store().list(&listing).await;
    let listed = listed.map_err(ListError::Store)?;
    let reader = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let present = Present::load(&app).await.map_err(ListError::Store)?;
    let next = listed.next;
    let approvals = listed
        .approvals
        .into_iter()
        .map(|stored| Card::new(as_read_by(&reader, stored, &app, &present), &app))
        .collect();
    Ok(Json(Page { approvals, next }))
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "listApprovals",
        "Approvals in the order they were asked",
        "",
    )
    .query_of::<velum_approval::State>("state", "Only those in this state.")
    .query_of::<ApprovalId>("after", "The `next` of the page before.")
    .query(
        "limit",
        "How many at most; 50 if absent.",
        &page::limit_schema(page::MOST),
    )
    .gives::<Page>(200, "A page.")
    .refuses(400, &["malformed-query"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Service;

    #[tokio::test]
    async fn pages_follow_each_other_and_states_are_told_apart() {
        let service = Service::start().await;
        let mut ids = Vec::new();
        for request in 0..3 {
            ids.push(service.pending(&service.ask(request)).await.to_string());
            service.clock.advance(1);
        }
        let (_, page) = service
            .get("grace", "/v1/approvals?state=pending&limit=2")
            .await;
        let listed = |page: &serde_json::Value| -> Vec<String> {
            let cards = page["approvals"].as_array().unwrap().iter();
            cards
                .map(|card| card["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(listed(&page), ids[..2]);
        let next = page["next"].as_str().unwrap();
        let path = format!("/v1/approvals?state=pending&limit=2&after={next}");
        let (_, page) = service.get("grace", &path).await;
        assert_eq!((listed(&page), page.get("next")), (ids[2..].to_vec(), None));

        let (_, page) = service.get("grace", "/v1/approvals?state=denied").await;
        assert_eq!(page["approvals"], json!([]));
        for query in [
            "state=open",
            "limit=0",
            "limit=201",
            "after=a/b",
            "order=up",
        ] {
            let (status, _) = service
                .get("grace", &format!("/v1/approvals?{query}"))
                .await;
            assert_eq!(status, 400, "{query}");
        }
    }
}
