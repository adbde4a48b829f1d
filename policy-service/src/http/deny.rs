//! `POST /v1/approvals/{id}/deny`: a reviewer says no, which ends it.

use axum::extract::State;
use serde_json::json;
use velum_approval::messages::DenyRequest;

use super::App;
use super::card::Card;
use super::conditions::{IfMatch, Shown};
use super::id::Id;
use super::once::Keyed;
use super::openapi::Described;
use super::vote::{self, Says, Voice, vote};
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::Once;

/// Casts the vote and shows the approval as it is then.
pub(crate) async fn handle(
    State(app): State<App>,
    reviewer: Reviewer,
    if_match: IfMatch,
    Id(id): Id,
    Keyed {
        body: request,
        once,
    }: Keyed<DenyRequest>,
) -> Result<Shown, Problem> {
    let request = DenyRequest {
        version: if_match.version(request.version),
        ..request
    };
    let voted = deny(app, reviewer, &id, request, once).await;
    voted.map(Shown).map_err(|problem| if_match.judge(problem))
}

/// The vote, whichever way it came.
pub(crate) async fn deny(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: DenyRequest,
    once: Option<Once>,
) -> Result<Card, Problem> {
    let voice = Voice {
        once,
        here: None,
        says: Says::Deny,
        version: request.version,
        comment: request.comment,
        public_reason: request.public_reason,
    };
    vote(app, reviewer, id, voice).await
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    vote::describe(
        Described::new("deny", "A reviewer says no, which ends it", "").takes::<DenyRequest>(
            &json!({"version": 1, "public_reason": "ask with fewer classes"}),
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Service, identity};

    #[tokio::test]
    async fn who_is_behind_the_request_or_in_no_group_decides_nothing() {
        let service = Service::start().await;
        let mut ask = service.ask(1);
        ask.action = "purge".parse().unwrap();
        ask.method = "DELETE".to_owned();
        ask.classes = velum_engine::ClassSet::EMPTY;
        ask.principal = identity("triage-bot");
        let id = service.pending(&ask).await;
        for (person, problem) in [("dr-jones", "self-approval"), ("nora", "not-a-reviewer")] {
            let (status, body) = service.deny(person, &id, json!({})).await;
            assert_eq!(status, 403);
            assert_eq!(
                body["type"],
                format!("https://velum.dev/problems/{problem}")
            );
        }
        assert_eq!(service.show(&id).await["state"], "pending");
        assert_eq!(service.count("vote.refused").await, 2);
    }
}
