//! `GET /v1/events`: who reported what was masked or denied without any review, and what is missing.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use velum_approval::{Timestamp, WorkerId};

use super::App;
use super::app::unavailable;
use super::openapi::Described;
use crate::auth::Reviewer;
use crate::problem::Problem;
use crate::store::StoreError;

/// How many workers are listed: those that reported last.
const MOST: u32 = 200;

/// The workers, the latest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Workers {
    workers: Vec<WorkerView>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Worker)]
struct WorkerView {
    gateway: String,
    worker: WorkerId,
    batches: u64,
    latest_sequence: u64,
    /// Batches below the latest that never arrived.
    missing: u64,
    /// Requests that the worker could not count.
    lost: u64,
    requests: u64,
    first: Timestamp,
    latest: Timestamp,
}

/// Why there is no list.
pub(crate) struct ListError(StoreError);

impl From<ListError> for Problem {
    fn from(error: ListError) -> Problem {
        unavailable("list events", &error.0)
    }
}

/// Lists the workers that reported last.
pub(crate) async fn handle(State(app): State<App>, _: Reviewer) -> Result<Json<Workers>, Problem> {
    let workers = app.store().workers(MOST).await.map_err(ListError)?;
    let view = |known: crate::store::Worker| WorkerView {
        missing: known.latest_sequence.saturating_sub(known.batches),
        gateway: known.gateway,
        worker: known.id,
        batches: known.batches,
        latest_sequence: known.latest_sequence,
        lost: known.lost,
        requests: known.requests,
        first: known.first,
        latest: known.latest,
    };
    let workers = workers.into_iter().map(view).collect();
    Ok(Json(Workers { workers }))
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "listWorkers",
        "Who reported what was masked or denied without any review",
        "The 200 workers that reported last, and how much of what they counted is missing.",
    )
    .gives::<Workers>(200, "The workers, the latest first.")
}
