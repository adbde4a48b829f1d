//! `POST /v1/approvals/{id}/question`: a reviewer asks for a better reason. The same request with
//! another `velum-reason` answers it.

use axum::extract::State;
use serde_json::json;
use velum_approval::messages::NoteRequest;
use velum_approval::{ApprovalId, Event, PersonId, transition};

use super::App;
use super::card::Card;
use super::conditions::{IfMatch, Shown};
use super::id::Id;
use super::once::Keyed;
use super::openapi::Described;
use super::vote::{self, VoteError, is_first, panel, say};
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::{Change, Once, Operation, Transaction};

/// Asks, wakes who waits, and shows the approval as it is then.
pub(crate) async fn handle(
    State(app): State<App>,
    reviewer: Reviewer,
    if_match: IfMatch,
    Id(id): Id,
    Keyed {
        body: mut request,
        once,
    }: Keyed<NoteRequest>,
) -> Result<Shown, Problem> {
    request.version = if_match.version(request.version);
    let asked = question(app, reviewer, &id, request, once).await;
    asked.map(Shown).map_err(|problem| if_match.judge(problem))
}

/// The question, whichever way it came.
pub(crate) async fn question(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: NoteRequest,
    once: Option<Once>,
) -> Result<Card, Problem> {
    let asked = say(app, reviewer, id, |app, id, person| {
        let ask = Question {
            app,
            id: id.clone(),
            person,
            request,
            once,
        };
        (ask, move |app: &App, ()| app.parts().waiters.wake(&id))
    });
    asked.await
}

struct Question {
    app: App,
    id: ApprovalId,
    person: PersonId,
    request: NoteRequest,
    once: Option<Once>,
}

impl Operation for Question {
    type Output = ();
    type Error = VoteError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), VoteError> {
        let Question {
            app,
            id,
            person,
            request,
            once,
        } = self;
        let approval = transaction.approval(id).await?.ok_or(VoteError::Unknown)?;
        // With the approval locked: the same request may be carried out at another replica at this moment.
        if !is_first(transaction, once.as_ref(), app).await? {
            return Ok(());
        }
        let panel = panel(app, transaction, &approval, person).await?;
        let comment = app.secret(request.comment.as_ref())?;
        let event = Event::Question {
            person,
            version: request.version,
            comment: comment.as_ref().map(|comment| comment.commitment),
            panel: &panel,
        };
        let stamp = app.stamp(transaction).await?;
        let (next, record) =
            transition(&approval, &event, stamp.now).map_err(VoteError::Refused)?;
        let change = Change::Case {
            approval: &next,
            written: comment.as_ref(),
            evidence: None,
        };
        transaction.apply(&change, &record, &stamp).await?;
        let noted = transaction.note(once.as_ref(), id.as_str(), stamp.now);
        Ok(noted.await?)
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    vote::describe(
        Described::new(
            "question",
            "A reviewer asks for a better reason",
            "The requester is told the comment. The same request with another `velum-reason` answers it.",
        )
        .takes::<NoteRequest>(&json!({"version": 1, "comment": "for which ward?"})),
    )
    .refuses(409, &["unchanged"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{CONFIGURATION, Service, identity, reason};

    #[tokio::test]
    async fn a_question_is_answered_by_the_same_request_with_another_reason() {
        let service = Service::start().await;
        let mut check = service.ask(1);
        check.reason = Some(reason("because"));
        let id = service.pending(&check).await;
        let path = format!("/v1/approvals/{id}/question");
        let (status, body) = service.post("dr-jones", &path, &json!({})).await;
        assert_eq!(status, 403, "{body}");
        let asked = json!({"version": 1, "comment": "for which ward?"});
        let (status, card) = service.post("grace", &path, &asked).await;
        assert_eq!(
            (status.as_u16(), &card["needs"], &card["public_reason"]),
            (200, &json!("reason"), &json!("for which ward?")),
            "{card}"
        );
        assert_eq!(service.post("grace", &path, &json!({})).await.0, 409);

        let principal = json!({"principal": identity("triage-bot")});
        let status = format!("/v1/approvals/{id}/status");
        let (_, told) = service.call_gateway("POST", &status, &principal).await;
        assert_eq!(told["needs"], "reason", "{told}");
        assert_eq!(told["public_reason"], "for which ward?", "{told}");
        // The same reason, or none, answers nothing.
        for same in [Some(reason("because")), None] {
            let mut again = service.ask(1);
            again.reason = same;
            assert_eq!(service.check(&again).await["approval"], id.as_str());
            assert_eq!(service.show(&id).await["needs"], "reason");
        }
        let mut again = service.ask(1);
        again.reason = Some(reason("transfer to the ward of nora"));
        assert_eq!(service.check(&again).await["approval"], id.as_str());
        let card = service.show(&id).await;
        assert_eq!(card["needs"], Value::Null);
        assert_eq!(card["public_reason"], Value::Null, "it is answered");
        assert_eq!(card["reason"], "transfer to the ward of nora", "{card}");
        assert_eq!(service.count("approval.explained").await, 1);
        // Who decides on the card that had the other reason is told to read it again.
        let (status, _) = service.approve("grace", &id, json!({"version": 2})).await;
        assert_eq!(status, 409);
    }

    #[tokio::test]
    async fn votes_on_the_reason_before_count_nowhere_and_it_does_not_come_back() {
        let two = CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
        let service = Service::with(&two).await;
        let with = |why: &str| {
            let mut ask = service.ask(1);
            ask.reason = Some(reason(why));
            ask
        };
        let id = service.pending(&with("because")).await;
        let question = format!("/v1/approvals/{id}/question");
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        assert_eq!(service.post("omar", &question, &json!({})).await.0, 200);
        service.pending(&with("transfer to the ward")).await;
        let card = service.show(&id).await;
        assert_eq!(card["votes"][0]["counts"], false, "{card}");
        // The attempt that is still held says what it said before: that answers no other question.
        assert_eq!(service.post("omar", &question, &json!({})).await.0, 200);
        for known in ["because", "transfer to the ward"] {
            service.pending(&with(known)).await;
            assert_eq!(service.show(&id).await["needs"], "reason", "{known}");
        }
        let check = with("transfer to the ward, by order of the physician");
        service.pending(&check).await;
        for person in ["omar", "nora"] {
            assert_eq!(service.approve(person, &id, json!({})).await.0, 200);
        }
        let check = with("transfer to the ward, by order of the physician");
        service.verified(&check, &service.check(&check).await);
        let path = format!("/v1/approvals/{id}/receipt");
        let (_, receipt) = service.get("grace", &path).await;
        let summary = receipt["summary"].as_str().unwrap();
        assert!(summary.contains("approved by omar and nora."), "{summary}");
    }
}
