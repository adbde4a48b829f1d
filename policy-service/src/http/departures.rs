//! `POST /v1/departures`: a held request has ended before its answer. Its call is answered at once,
//! nothing is released to it, and its approval lives on.

use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;
use velum_approval::GatewayId;
use velum_approval::messages::Departure;

use super::App;
use super::body::Body;
use super::openapi::Described;
use crate::auth::Gateway;
use crate::problem::Problem;

/// Notes it. There is nothing to say of streams that are not known: the notice may come first.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    Body(departure): Body<Departure>,
) -> Result<StatusCode, Problem> {
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    let parts = app.parts();
    let stream = (gateway, departure.use_key);
    if let Some(approval) = parts.streams.depart(stream, app.now()) {
        parts.waiters.wake(&approval);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "depart",
        "A held request has ended before its answer",
        "Nothing is released to it; its approval lives on.",
    )
    .takes::<Departure>(&json!({"use_key": "AQEBAQEBAQEBAQEBAQEBAQ"}))
    .empty(204, "Noted.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use crate::testing::Service;

    #[tokio::test]
    async fn a_caller_that_left_waits_no_more_and_its_approval_lives() {
        let service = Service::start().await;
        let check = service.ask(1);
        let id = service.pending(&check).await;
        let waiting = service.check_waiting(&check, 20);
        let leaving = async {
            while service.show(&id).await["waiting"] != 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            service.depart(&check).await;
        };
        let both = async { tokio::join!(waiting, leaving) };
        let (answer, ()) = tokio::time::timeout(Duration::from_secs(10), both)
            .await
            .expect("the wait ends at once");
        assert_eq!(answer["decision"], "pending");
        let card = service.show(&id).await;
        assert_eq!(
            (&card["waiting"], &card["state"]),
            (&json!(0), &json!("pending"))
        );
        assert!(card["caller_left"].is_i64(), "{card}");
    }

    #[tokio::test]
    async fn nothing_is_released_to_a_stream_that_has_ended() {
        let service = Service::start().await;
        let id = service.pending(&service.ask(1)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let late = service.ask(1);
        service.depart(&late).await;
        let answer = service.check(&late).await;
        assert_eq!(answer["decision"], "deny", "{answer}");
        assert_eq!(service.show(&id).await["state"], "approved");
        assert_eq!(service.count("grant.used").await, 0);
        let alive = service.check(&service.ask(1)).await;
        assert_eq!(alive["decision"], "allow");
    }
}
