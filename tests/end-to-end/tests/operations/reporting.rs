//! Events from Envoy to the real service.

use std::time::Duration;

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Setup};
use velum_end_to_end::stage::{Stage, patients};
use velum_harness::{Behaviour, Client, Exchange, FakeService};

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

    stage.service.stop();
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    assert_eq!(answer.expect("an answer").status, 200, "traffic goes on");
    failed_once(&stage).await;
    stage.service.restart().await.expect("restart");
    let after = reported(&stage, 4).await;
    assert_eq!(after[0]["missing"], 0, "the batch came late, and once");
}

/// Waits for a batch that tells of a request, and gives all batches so far.
async fn sent(fake: &FakeService, status: u16) -> Vec<Exchange> {
    for _ in 0..600 {
        let mut batches = fake.exchanges();
        batches.retain(|exchange| exchange.request == "POST /v1/events");
        let tells = |batch: &Exchange| batch.status == status && batch.body["rows"] != json!([]);
        if batches.iter().any(tells) {
            return batches;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no batch is answered {status}");
}

#[tokio::test]
async fn a_batch_that_the_service_refuses_is_lost_counted_and_not_sent_again() {
    let fake = FakeService::start(Behaviour::Silent).await.expect("fake");
    let mut setup = Setup::new(patients);
    setup.service_address = Some(fake.address());
    let stage = setup.start().await;
    let mut batches = Vec::new();
    for status in [400, 413] {
        let problem = json!({"type": "about:blank", "status": status}).to_string();
        fake.set(Behaviour::Answer(status, problem.into_bytes()));
        let answer = stage.agent("GET", "/Patient/p1").send().await;
        assert_eq!(answer.expect("an answer").status, 200, "traffic goes on");
        batches = sent(&fake, status).await;
    }
    // Each tells of its request once; between them, only what was lost is told, less and less often.
    let told = batches
        .iter()
        .filter(|batch| batch.body["rows"] != json!([]));
    assert_eq!(told.count(), 2, "{batches:#?}");
    let numbers: Vec<_> = batches
        .iter()
        .map(|batch| batch.body["sequence"].as_u64())
        .collect();
    let expected: Vec<_> = (1..).map(Some).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "no number comes twice");
    let statistic = async |name: &str| {
        let name = format!("wasmcustom.{name}");
        let value = stage.envoy.stat(&name).await.expect("statistics");
        value.unwrap_or_default()
    };
    // What is counted comes with the next tick of a worker.
    let all = (2, batches.len() as u64);
    let mut counted = (0, 0);
    for _ in 0..50 {
        let lost = statistic("velum_events_lost_total").await;
        counted = (lost, statistic("velum_event_batches_failed_total").await);
        if counted == all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(counted, all);

    fake.set(Behaviour::Forward(stage.service.address()));
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    assert_eq!(answer.expect("an answer").status, 200);
    let after = reported(&stage, 1).await;
    assert_eq!(
        after[0]["lost"], 2,
        "the loss is told once somebody listens"
    );
}
