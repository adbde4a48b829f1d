//! A stop and a use that come at the same time, through two replicas.

use std::time::Duration;

use serde_json::{Value, json};
use velum_harness::Postgres;

use super::replicas::two;
use crate::testing::{Service, identity};

/// How many times they race.
const ROUNDS: u8 = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_used_behind_a_stop_in_the_log_however_they_race() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    let mut used = 0;
    for round in 0..ROUNDS {
        let check = one.ask(round);
        let id = one.pending(&check).await;
        assert_eq!(one.approve("grace", &id, json!({})).await.0, 200);
        let before = one.log().await.len();
        let using = async {
            // From well before the stop until it has been written.
            tokio::time::sleep(Duration::from_millis(u64::from(round) / 2)).await;
            one.check(&check).await
        };
        let body = json!({"scope": {"kind": "everything"}});
        let stopping = other.post("grace", "/v1/stops", &body);
        let (answer, (status, stop)) = tokio::join!(using, stopping);
        assert_eq!(status, 201, "{stop}");
        let log = one.log().await;
        let place = |ending: &str| {
            let mut new = log[before..].iter();
            new.position(|leaf: &Value| leaf["type"].as_str().unwrap().contains(ending))
        };
        let stopped = place("stop.begun").unwrap();
        if answer["decision"] == "allow" {
            assert!(place("grant.used").unwrap() < stopped, "used behind a stop");
            used += 1;
        } else {
            assert_eq!(answer["code"], "stopped", "{answer}");
            assert_eq!(place("grant.used"), None);
        }
        let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
        assert_eq!(other.post("omar", &path, &json!({})).await.0, 200);
    }
    assert!(used < ROUNDS, "no stop came first");
}

#[tokio::test]
async fn what_is_stopped_is_not_put_before_reviewers() {
    let service = Service::start().await;
    for scope in [
        json!({"kind": "everything"}),
        json!({"kind": "action", "name": "read"}),
        json!({"kind": "principal", "identity": identity("dr-jones")}),
    ] {
        let (_, stop) = service
            .post("grace", "/v1/stops", &json!({"scope": scope}))
            .await;
        let answer = service.check(&service.ask(1)).await;
        assert_eq!(answer["code"], "stopped", "{scope}: {answer}");
        let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
        assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
    }
    assert_eq!(service.count("approval.requested").await, 0);
    service.pending(&service.ask(1)).await;
}
