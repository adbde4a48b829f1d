//! `POST /v1/approvals/{id}/approve`: a reviewer says yes, to all that was asked or to less.

use axum::extract::State;
use serde_json::json;
use velum_approval::messages::ApproveRequest;

use super::App;
use super::card::Card;
use super::conditions::{IfMatch, Shown};
use super::counts;
use super::id::Id;
use super::once::Keyed;
use super::openapi::Described;
use super::vote::{self, Here, Says, Voice, vote};
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
    }: Keyed<ApproveRequest>,
) -> Result<Shown, Problem> {
    let request = ApproveRequest {
        version: if_match.version(request.version),
        ..request
    };
    let voted = approve(app, reviewer, &id, request, once, None).await;
    voted.map(Shown).map_err(|problem| if_match.judge(problem))
}

/// The vote, whichever way it came; from a page with the session in which it is cast.
pub(crate) async fn approve(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: ApproveRequest,
    once: Option<Once>,
    here: Option<Here>,
) -> Result<Card, Problem> {
    counts::check(request.records.into_iter().chain(request.bytes))?;
    let voice = Voice {
        once,
        here,
        version: request.version,
        comment: request.comment.clone(),
        public_reason: None,
        says: Says::Approve(Box::new(request)),
    };
    vote(app, reviewer, id, voice).await
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    vote::describe(
        Described::new(
            "approve",
            "A reviewer says yes, to all that was asked or to less",
            "What is absent is not narrowed. The grant is what all approvals that count have in common.",
        )
        .takes::<ApproveRequest>(&json!({
            "version": 1, "classes": ["name"], "records": 10, "comment": "for the discharge",
        })),
    )
    .refuses(409, &["unseen", "reason-changed"])
    .refuses(403, &["step-up-needed", "security-key-needed"])
    .refuses(
        400,
        &["wider-than-asked", "nothing-approved", "unknown-rule", "too-many-rules", "bad-count"],
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Service;

    #[tokio::test]
    async fn more_than_was_asked_is_refused_and_so_is_what_nobody_knows() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        for classes in [
            json!(["ssn"]),
            json!(["name", "credential"]),
            json!(["nmae"]),
        ] {
            let (status, body) = service
                .approve("grace", &id, json!({"classes": classes}))
                .await;
            assert_eq!(status, 400, "{body}");
        }
        for body in [
            json!({"clases": ["name"]}),
            json!([]),
            json!({"version": -1}),
        ] {
            let (status, _) = service.approve("grace", &id, body.clone()).await;
            assert_eq!(status, 400, "{body}");
        }
        let unknown = "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e".parse().unwrap();
        assert_eq!(service.approve("grace", &unknown, json!({})).await.0, 404);
        assert_eq!(service.show(&id).await["votes"], json!([]));
    }

    #[tokio::test]
    async fn approvals_with_nothing_in_common_are_a_denial() {
        let configuration = crate::testing::CONFIGURATION
            .replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
        let service = Service::with(&configuration).await;
        let ask = service.ask(1);
        let id = service.pending(&ask).await;
        assert_eq!(
            service
                .approve("grace", &id, json!({"classes": ["name"]}))
                .await
                .0,
            200
        );
        assert_eq!(
            service
                .approve("omar", &id, json!({"classes": ["date"]}))
                .await
                .0,
            200
        );
        assert_eq!(service.show(&id).await["state"], "denied");
        assert_eq!(service.check(&ask).await["decision"], "deny");
    }
}
