//! `POST /v1/outcomes`: what left under a grant. With it the receipt is complete.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use velum_approval::record::Released;
use velum_approval::{GatewayId, OutcomeReport, Record};

use super::App;
use super::app::{to_the_end, unavailable};
use super::body::Body;
use super::counts;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::{Change, Operation, StoreError, Transaction};

/// Why an outcome is not taken.
pub(crate) enum OutcomeError {
    /// This gateway has made no such use.
    Unknown,
    Store(StoreError),
}

impl From<StoreError> for OutcomeError {
    fn from(error: StoreError) -> OutcomeError {
        OutcomeError::Store(error)
    }
}

impl From<OutcomeError> for Problem {
    fn from(error: OutcomeError) -> Problem {
        match error {
            OutcomeError::Store(error) => unavailable("note an outcome", &error),
            OutcomeError::Unknown => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-use",
                "No such use",
                "This gateway has used no such approval with this key.",
            ),
        }
    }
}

/// Takes it once; the same use again is no fault, and changes nothing.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    Body(report): Body<OutcomeReport>,
) -> Result<StatusCode, Problem> {
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    let of_classes = [&report.lifted, &report.masked, &report.drift].map(counts::of);
    counts::check(
        [report.records, report.bytes]
            .into_iter()
            .chain(of_classes.into_iter().flatten()),
    )?;
    let noted = to_the_end(async move {
        let note = || Note {
            app: app.clone(),
            gateway: gateway.clone(),
            report: report.clone(),
        };
        Ok(match app.store().write(note()).await {
            Err(OutcomeError::Store(StoreError::OutcomeUnknown)) => app.store().write(note()).await,
            noted => noted,
        })
    });
    noted.await.map_err(OutcomeError::Store)??;
    Ok(StatusCode::NO_CONTENT)
}

struct Note {
    app: App,
    gateway: GatewayId,
    report: OutcomeReport,
}

impl Operation for Note {
    type Output = ();
    type Error = OutcomeError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), OutcomeError> {
        let Note {
            app,
            gateway,
            report,
        } = self;
        // The approval is locked before the log, as everywhere: the outcome's row names it.
        transaction.approval(&report.approval).await?;
        let uses = transaction.uses(&report.approval).await?;
        let made = uses
            .iter()
            .find(|one| one.made.gateway == *gateway && one.made.use_key == report.use_key)
            .ok_or(OutcomeError::Unknown)?;
        if transaction.has_outcome(gateway, report.use_key).await? {
            return Ok(());
        }
        let record = Record::Released(Box::new(Released {
            gateway: gateway.clone(),
            report: report.clone(),
            used: made.made.index,
        }));
        let change = Change::Outcome { gateway, report };
        let stamp = app.stamp(transaction).await?;
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "reportOutcome",
        "What left under a grant",
        "Taken once a use, from the gateway that made it; the same use again is no fault.",
    )
    .takes::<OutcomeReport>(&json!({
        "approval": "0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e", "use_key": "AQEBAQEBAQEBAQEBAQEBAQ",
        "status": 200, "records": 1, "bytes": 300, "lifted": {"name": 1}, "masked": {"ssn": 1},
        "drift": {}, "end": "complete",
    }))
    .empty(204, "Noted.")
    .refuses(400, &["bad-count"])
    .refuses(404, &["unknown-use"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{Service, use_key};

    #[tokio::test]
    async fn an_outcome_is_taken_once_from_who_used_the_grant() {
        let service = Service::start().await;
        let check = service.ask(1);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        service.verified(&check, &service.check(&check).await);
        let card = service.show(&id).await;
        assert_eq!(card["uses"][0]["outcome"], Value::Null, "{card}");

        let report = |key: &Value, name: u64| {
            json!({
                "approval": id, "use_key": key, "status": 200, "records": 1, "bytes": 300,
                "lifted": {"name": name}, "masked": {"ssn": 1}, "drift": {}, "end": "complete",
            })
        };
        let own = json!(check.use_key);
        let send = async |body: Value| service.call_gateway("POST", "/v1/outcomes", &body).await.0;
        assert_eq!(send(report(&json!(use_key()), 2)).await, 404);
        assert_eq!(send(report(&own, 1 << 53)).await, 400);
        assert_eq!(send(report(&own, 2)).await, 204);
        assert_eq!(send(report(&own, 3)).await, 204);
        let card = service.show(&id).await;
        assert_eq!(
            card["uses"][0]["outcome"]["lifted"],
            json!({"name": 2}),
            "{card}"
        );
        assert_eq!(service.count("release.delivered").await, 1);
        let other = service
            .reply_as("second-edge", "POST", "/v1/outcomes", &report(&own, 2))
            .await;
        assert_eq!(other.0, 404, "another gateway has used nothing");
    }
}
