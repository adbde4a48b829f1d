//! `POST /v1/approvals/{id}/withdrawal`: the requester takes the ask back, through their gateway.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use velum_approval::messages::Withdrawal;
use velum_approval::{ApprovalId, Event, Refused, State as ApprovalState, transition};

use super::App;
use super::app::to_the_end;
use super::body::Body;
use super::case::CaseError;
use super::id::Id;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::{Change, Operation, Transaction};

/// Ends it; the same again is no fault.
pub(crate) async fn handle(
    State(app): State<App>,
    _: Gateway,
    Id(id): Id,
    Body(withdrawal): Body<Withdrawal>,
) -> Result<StatusCode, Problem> {
    let id: ApprovalId = id.parse().map_err(|_| CaseError::Unknown)?;
    let withdraw = Withdraw {
        app: app.clone(),
        id: id.clone(),
        withdrawal,
    };
    let withdrawn = {
        let app = app.clone();
        to_the_end(async move { Ok(app.store().write(withdraw).await) })
    };
    withdrawn.await.map_err(CaseError::Store)??;
    app.parts().waiters.wake(&id);
    Ok(StatusCode::NO_CONTENT)
}

struct Withdraw {
    app: App,
    id: ApprovalId,
    withdrawal: Withdrawal,
}

impl Operation for Withdraw {
    type Output = ();
    type Error = CaseError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), CaseError> {
        let approval = transaction.approval(&self.id).await?;
        let principal = &self.withdrawal.principal;
        let approval = approval
            .filter(|approval| approval.principal == *principal)
            .ok_or(CaseError::Unknown)?;
        let stamp = self.app.stamp(transaction).await?;
        let event = Event::Withdraw { principal };
        let (next, record) = match transition(&approval, &event, stamp.now) {
            Ok(withdrawn) => withdrawn,
            Err(Refused::AlreadyDecided(ApprovalState::Cancelled)) => return Ok(()),
            Err(refused) => return Err(CaseError::Refused(refused)),
        };
        let change = Change::Case {
            approval: &next,
            written: None,
            evidence: None,
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "withdraw",
        "The requester takes the ask back",
        "Through their gateway; the same again is no fault.",
    )
    .takes::<Withdrawal>(&json!({
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
    }))
    .empty(204, "It is cancelled.")
    .refuses(404, &["unknown-approval"])
    .refuses(409, &["already-decided", "expired"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Service, identity};

    #[tokio::test]
    async fn only_the_requester_withdraws_and_a_decision_stands() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        let path = format!("/v1/approvals/{id}/withdrawal");
        let withdraw = |subject: &str| json!({"principal": identity(subject)});
        let call = async |subject| {
            service
                .call_gateway("POST", &path, &withdraw(subject))
                .await
        };
        assert_eq!(call("dr-jones").await.0, 404);
        assert_eq!(call("triage-bot").await.0, 204);
        assert_eq!(call("triage-bot").await.0, 204);
        assert_eq!(service.show(&id).await["state"], "cancelled");
        let (status, _) = service.approve("grace", &id, json!({})).await;
        assert_eq!(status, 409);

        let decided = service.pending(&service.ask(2)).await;
        assert_eq!(service.deny("grace", &decided, json!({})).await.0, 200);
        let path = format!("/v1/approvals/{decided}/withdrawal");
        let (status, _) = service
            .call_gateway("POST", &path, &withdraw("triage-bot"))
            .await;
        assert_eq!(status, 409);
        assert_eq!(service.show(&decided).await["state"], "denied");
    }
}
