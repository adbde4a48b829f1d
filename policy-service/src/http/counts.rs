//! Counts that callers send: those that a record of the audit log can hold.

use axum::http::StatusCode;
use velum_approval::{Found, Shape};
use velum_engine::Class;

use crate::problem::Problem;

/// The largest integer that every reader of JSON has (RFC 8785, section 3.2.2.3).
pub(super) const MOST: u64 = (1 << 53) - 1;

/// Refuses what is beyond it: no record could be written of it.
pub(super) fn check(counts: impl IntoIterator<Item = u64>) -> Result<(), Problem> {
    if counts.into_iter().all(|count| count <= MOST) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "bad-count",
        "A count cannot be",
        "Counts are at most 2^53 - 1.",
    ))
}

/// Refuses a shape that tells of more values of a class than were found: it cannot be that of the same body.
pub(super) fn check_shape(shape: &Shape, found: &Found) -> Result<(), Problem> {
    let is_found = |(class, count): (Class, u64)| {
        let mut counts = found.counts();
        counts.any(|(known, most)| known == class && count <= most)
    };
    if shape.counts().counts().all(is_found) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "bad-count",
        "A count cannot be",
        "The shape tells of more values of a class than were found.",
    ))
}

/// The counts of classes.
pub(super) fn of(found: &Found) -> impl Iterator<Item = u64> {
    found.counts().map(|(_, count)| count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Service;

    #[tokio::test]
    async fn a_count_that_no_record_can_hold_is_refused_before_anything_is_written() {
        let service = Service::start().await;
        let mut flagged = service.ask(1);
        flagged.found = Some(Found::new([(Class::Ssn, MOST + 1)]));
        let (status, problem) = service.check_as(service.gateway(), &flagged, 0).await;
        assert_eq!(status, 400, "{problem}");
        assert!(problem["type"].as_str().unwrap().ends_with("/bad-count"));
        let id = service.pending(&service.ask(2)).await;
        for body in [json!({"records": MOST + 1}), json!({"bytes": MOST + 1})] {
            assert_eq!(service.approve("grace", &id, body).await.0, 400);
        }
        let events = json!({
            "worker": "AQEBAQEBAQEBAQEBAQEBAQ", "sequence": MOST + 1, "lost": 0,
            "from": 1, "until": 2, "rows": [],
        });
        let (status, problem) = service.call_gateway("POST", "/v1/events", &events).await;
        assert_eq!(status, 400, "{problem}");
        flagged.found = Some(Found::new([(Class::Ssn, MOST)]));
        service.pending(&flagged).await;
        assert_eq!(
            service
                .approve("grace", &id, json!({"records": MOST}))
                .await
                .0,
            200
        );
    }
}
