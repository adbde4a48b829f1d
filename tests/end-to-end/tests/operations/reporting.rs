//! Events from Envoy to the real service.

use std::time::Duration;

use serde_json::Value;
use velum_end_to_end::stage::{REVIEWER, Setup};
use velum_end_to_end::stage::{Stage, patients};
use velum_harness::Client;

/// What the service shows of the workers that reported.
async fn workers(stage: &Stage) -> Vec<Value> {
    let token = stage.service.reviewer_token(REVIEWER).expect("a token");
    let client = Client::new(stage.service.address());
    let answer = client.get("/v1/events").bearer(token).send().await;
    let body = answer.expect("an answer").json();
    body["workers"].as_array().expect("a list").clone()
}

async fn reported(stage: &Stage, requests: u64) -> Vec<Value> {
    for _ in 0..300 {
        let workers = workers(stage).await;
        let sum = workers.iter().map(|worker| worker["requests"].as_u64());
        if sum.flatten().sum::<u64>() == requests {
            return workers;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?}\n{}", workers(stage).await, stage.envoy.log());
}

/// Waits for an attempt that failed: there is one within five seconds, and it is counted a second later.
async fn failed_once(stage: &Stage) {
    for _ in 0..100 {
        let failed = stage
            .envoy
            .stat("wasmcustom.velum_event_batches_failed_total");
        if failed.await.expect("statistics") >= Some(1) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no batch failed\n{}", stage.envoy.log());
}

#[tokio::test]
async fn what_nobody_reviewed_arrives_in_batches_and_outlives_an_outage_of_the_service() {
    let mut stage = Setup::new(patients).start().await;
    for _ in 0..3 {
        stage
            .agent("GET", "/Patient/p1")
            .send()
            .await
            .expect("an answer");
    }
    let first = reported(&stage, 3).await;
    assert_eq!(
        (&first[0]["missing"], &first[0]["lost"]),
        (&0.into(), &0.into())
    );
    let token = stage.service.reviewer_token(REVIEWER).expect("a token");
    let log = Client::new(stage.service.address()).get("/v1/audit?limit=100");
    let log = log.bearer(token).send().await.expect("an answer").text();
    assert!(log.contains("org.velum.events.reported.v1"), "{log}");

    stage.service.stop();
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    assert_eq!(answer.expect("an answer").status, 200, "traffic goes on");
    failed_once(&stage).await;
    stage.service.restart().await.expect("restart");
    let after = reported(&stage, 4).await;
    assert_eq!(after[0]["missing"], 0, "the batch came late, and once");
}
