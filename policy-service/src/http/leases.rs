//! `POST /v1/leases`: a worker asks for a lease, and hears what is stopped.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use velum_approval::{GatewayId, LeaseRequest, Notice, SignedNotice};

use super::app::unavailable;
use super::body::Body;
use super::openapi::Described;
use super::{App, prefer};
use crate::auth::Gateway;
use crate::problem::Problem;
use crate::store::StoreError;

/// Answers at once, or with `Prefer: wait=N` when there is something new. A call is answered within
/// half a lease, so that the lease of its answer is worth something.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    headers: HeaderMap,
    Body(asked): Body<LeaseRequest>,
) -> Result<Json<SignedNotice>, Problem> {
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    let wait = prefer::wait(&headers).min(velum_approval::LEASE / 2);
    let deadline = Instant::now() + wait;
    let leases = &app.parts().leases;
    leases.call(&gateway, asked.worker, asked.seen, app.now());
    let mut changes = leases.changes();
    loop {
        if app.store().is_frozen() {
            // Stops that were made since may be among the records that were lost.
            return Err(unavailable("give a lease", &StoreError::Frozen));
        }
        changes.mark_unchanged();
        let stops = app.store().stops(app.now()).await;
        let (version, stops) = stops.map_err(|error| unavailable("give a lease", &error))?;
        if version != asked.seen || Instant::now() >= deadline || app.is_closing() {
            let notice = Notice {
                gateway,
                worker: asked.worker,
                nonce: asked.nonce,
                version,
                stops: app.parts().directory.spread(&stops),
            };
            return Ok(Json(SignedNotice::sign(&notice, &app.parts().keys.signing)));
        }
        tokio::select! {
            _ = changes.changed() => {}
            () = sleep_until(deadline) => {}
            () = app.closing() => {}
        }
    }
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "lease",
        "A worker asks for a lease, and hears what is stopped",
        "With `Prefer: wait`, at most 5 seconds, when the version is another than the one seen.",
    )
    .takes::<LeaseRequest>(&json!({
        "worker": "AQEBAQEBAQEBAQEBAQEBAQ", "nonce": "AgICAgICAgICAgICAgICAg", "seen": 0,
    }))
    .header("prefer", prefer::DESCRIPTION, &prefer::schema())
    .gives::<SignedNotice>(200, "What is stopped, signed.")
}
