//! `POST /v1/approvals/{id}/revoke`: a reviewer takes a grant back, be it used or not. What still runs
//! under it is stopped like by an emergency stop.

use axum::extract::State;
use serde_json::json;
use velum_approval::messages::NoteRequest;
use velum_approval::{
    ApprovalId, Event, MOST_EMERGENCY, PersonId, Refused, Stop, StopScope, transition,
};

use super::App;
use super::card::Card;
use super::conditions::{self, IfMatch, Shown};
use super::id::Id;
use super::once::{self, Keyed};
use super::openapi::Described;
use super::vote::{VoteError, is_first, say};
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::{Change, Once, Operation, Transaction};

/// Revokes, tells every worker, and shows the approval as it is then.
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
    let revoked = revoke(app, reviewer, &id, request, once).await;
    revoked
        .map(Shown)
        .map_err(|problem| if_match.judge(problem))
}

/// The revocation, whichever way it came.
pub(crate) async fn revoke(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: NoteRequest,
    once: Option<Once>,
) -> Result<Card, Problem> {
    let revoked = say(app, reviewer, id, |app, id, person| {
        let revoked = id.clone();
        let revoke = Revoke {
            app,
            id,
            person,
            request,
            once,
        };
        (revoke, move |app: &App, ()| {
            app.parts().leases.wake();
            app.parts().waiters.wake(&revoked);
        })
    });
    revoked.await
}

struct Revoke {
    app: App,
    id: ApprovalId,
    person: PersonId,
    request: NoteRequest,
    once: Option<Once>,
}

impl Operation for Revoke {
    type Output = ();
    type Error = VoteError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), VoteError> {
        let Revoke {
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
        if request
            .version
            .is_some_and(|version| version != approval.version)
        {
            return Err(VoteError::Refused(Refused::StaleVersion));
        }
        let stamp = app.stamp(transaction).await?;
        let event = Event::Revoke { person };
        let (next, record) =
            transition(&approval, &event, stamp.now).map_err(VoteError::Refused)?;
        let comment = app.secret(request.comment.as_ref())?;
        let change = Change::Case {
            approval: &next,
            written: None,
            evidence: None,
        };
        transaction.apply(&change, &record, &stamp).await?;
        let scope = StopScope::Approval { id: id.clone() };
        // Under an emergency access a release lasts as long as that, at most as long as any.
        let ends = approval
            .grant_expires
            .unwrap_or(stamp.now.after(MOST_EMERGENCY));
        let (stop, record) = Stop::of_grant(app.new_id()?, scope, person.clone(), ends, stamp.now);
        let change = Change::Stop {
            stop: &stop,
            comment: comment.as_ref(),
        };
        let stamp = app.stamp(transaction).await?;
        transaction.apply(&change, &record, &stamp).await?;
        let noted = transaction.note(once.as_ref(), id.as_str(), stamp.now);
        Ok(noted.await?)
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    let described = Described::new(
        "revoke",
        "A reviewer takes a grant back, be it used or not",
        "What still runs under it is stopped like by an emergency stop.",
    )
    .takes::<NoteRequest>(&json!({"comment": "asked by mistake"}))
    .header(
        "if-match",
        conditions::DESCRIPTION,
        &json!({"type": "string"}),
    )
    .gives::<Card>(200, "The approval as it is then.")
    .tagged(200)
    .refuses(412, &["stale-version"])
    .refuses(404, &["unknown-approval"])
    .refuses(
        409,
        &[
            "stale-version",
            "already-decided",
            "expired",
            "not-approved",
        ],
    );
    once::describe(described)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Service;

    #[tokio::test]
    async fn a_grant_is_taken_back_before_and_after_its_use_and_workers_are_told() {
        let service = Service::start().await;
        for used in [false, true] {
            let check = service.ask(u8::from(used));
            let id = service.pending(&check).await;
            let path = format!("/v1/approvals/{id}/revoke");
            assert_eq!(
                service.post("grace", &path, &json!({})).await.0,
                409,
                "undecided"
            );
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
            if used {
                service.verified(&check, &service.check(&check).await);
            }
            assert_eq!(
                service.post("omar", &path, &json!({"version": 1})).await.0,
                409
            );
            let (status, card) = service.post("omar", &path, &json!({})).await;
            assert_eq!((status.as_u16(), &card["state"]), (200, &json!("revoked")));
            // Neither the stream that has used it nor another gets anything.
            let answer = service.check(&check).await;
            assert_eq!(
                answer["decision"],
                if used { "deny" } else { "pending" },
                "{answer}"
            );
            let mut redeeming = service.ask(u8::from(used));
            redeeming.approval = Some(id.clone());
            assert_eq!(service.check(&redeeming).await["code"], "revoked");
            let notice = service.lease(1, 0).await;
            let stopped = notice.stops.last().unwrap();
            assert_eq!(json!(stopped), json!({"kind": "approval", "id": id}));
        }
        assert_eq!(service.count("grant.revoked").await, 2);
        // When the grant has ended there is nothing left to stop.
        service.clock.advance(11 * 60_000);
        assert!(service.lease(1, 0).await.stops.is_empty());
    }
}
