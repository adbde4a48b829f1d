//! `POST /v1/events`: what a gateway's worker masked or denied without any review.
//!
//! A batch is kept once, however often it is sent; what a minute's batches add up to is recorded when the
//! minute is over (`summaries.rs`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use velum_approval::GatewayId;
use velum_approval::messages::Events;

use super::App;
use super::app::{to_the_end, unavailable};
use super::body::Body;
use super::counts;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::{Batch, Operation, StoreError, Transaction};

/// Why a batch is not taken.
pub(crate) enum ReportError {
    /// Its number is none.
    Sequence,
    Store(StoreError),
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Problem {
        match error {
            ReportError::Store(error) => unavailable("report events", &error),
            ReportError::Sequence => Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-sequence",
                "The batch has no number",
                "Batches of a worker are numbered from 1.",
            ),
        }
    }
}

/// That the batch is kept.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = EventsAnswer)]
pub(crate) struct Answer {
    /// Whether it was before.
    repeated: bool,
}

/// Keeps a batch.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    Body(mut events): Body<Events>,
) -> Result<Json<Answer>, Problem> {
    app.parts().policies.leave_out_unknown(&mut events);
    if events.sequence == 0 || events.sequence > counts::MOST {
        return Err(ReportError::Sequence.into());
    }
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    let kept = to_the_end(async move {
        let report = Report {
            app: app.clone(),
            gateway,
            events,
        };
        app.store().write(report).await
    })
    .await;
    let repeated = kept.map_err(ReportError::Store)?;
    Ok(Json(Answer { repeated }))
}

struct Report {
    app: App,
    gateway: GatewayId,
    events: Events,
}

impl Operation for Report {
    type Output = bool;
    type Error = StoreError;

    // Its number tells whether it is there.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Report {
            app,
            gateway,
            events,
        } = self;
        let (worker, sequence) = (events.worker, events.sequence);
        let (latest, is_there) = transaction.reported(gateway, worker, sequence).await?;
        if is_there {
            return Ok(true);
        }
        let body = serde_json::to_string(events).map_err(|_| StoreError::Refused("events"))?;
        let requests = events.rows.iter().map(|row| row.requests);
        let requests = requests.fold(0, u64::saturating_add);
        let batch = Batch {
            gateway: gateway.clone(),
            worker,
            sequence,
            missing: (sequence - 1).saturating_sub(latest),
            is_late: sequence < latest,
            lost: events.lost,
            requests,
            body,
        };
        let stamp = app.stamp(transaction).await?;
        transaction.keep(&batch, stamp.now).await?;
        Ok(false)
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "reportEvents",
        "What a worker masked or denied without any review",
        "A batch is kept once, however often it is sent. The log has one record of what a gateway reported in a minute.",
    )
    .takes::<Events>(&json!({
        "worker": "AQEBAQEBAQEBAQEBAQEBAQ", "sequence": 1, "lost": 0,
        "from": 1_795_464_104_123_i64, "until": 1_795_464_105_123_i64,
        "rows": [{
            "policy": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "action": "read",
            "outcome": "masked", "status": 200, "requests": 3, "masked": {"name": 3},
        }],
    }))
    .gives::<Answer>(200, "It is kept.")
    .refuses(400, &["bad-sequence"])
}
