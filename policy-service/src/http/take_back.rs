//! `POST /v1/approvals/{id}/take-back`: a reviewer takes an approval of theirs back while others are
//! still to decide.

use axum::extract::State;
use serde_json::json;
use velum_approval::messages::NoteRequest;

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
    }: Keyed<NoteRequest>,
) -> Result<Shown, Problem> {
    let request = NoteRequest {
        version: if_match.version(request.version),
        ..request
    };
    let voted = take_back(app, reviewer, &id, request, once).await;
    voted.map(Shown).map_err(|problem| if_match.judge(problem))
}

/// The vote, whichever way it came.
pub(crate) async fn take_back(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: NoteRequest,
    once: Option<Once>,
) -> Result<Card, Problem> {
    let voice = Voice {
        once,
        here: None,
        says: Says::TakeBack,
        version: request.version,
        comment: request.comment,
        public_reason: None,
    };
    vote(app, reviewer, id, voice).await
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    vote::describe(
        Described::new(
            "takeBack",
            "A reviewer takes an approval of theirs back",
            "While others are still to decide.",
        )
        .takes::<NoteRequest>(&json!({"version": 2})),
    )
    .refuses(409, &["no-vote"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{CONFIGURATION, Service};

    #[tokio::test]
    async fn a_vote_is_taken_back_while_others_are_to_decide() {
        let two = CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
        let service = Service::with(&two).await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}/take-back");
        let take_back = async |person| service.post(person, &path, &json!({})).await.0;
        assert_eq!(take_back("grace").await, 409, "nothing to take back");
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        assert_eq!(take_back("grace").await, 200);
        assert_eq!(service.approve("omar", &id, json!({})).await.0, 200);
        assert_eq!(service.show(&id).await["state"], "pending");
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        assert_eq!(service.show(&id).await["state"], "approved");
        assert_eq!(take_back("grace").await, 409);
    }
}
