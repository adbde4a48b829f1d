//! An Envoy that ends while requests are held in it.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use velum_end_to_end::stage::{REVIEWER, Setup, Stage, assert_masked, patients, problem, text};
use velum_harness::Envoy;

use crate::leaving::card_with;

/// How many requests are held when Envoy is drained.
const HELD: usize = 100;

/// How many uses of grants the audit log has.
async fn uses(stage: &Stage) -> usize {
    let audit = stage.reviewer(REVIEWER).audit(None).await.expect("the log");
    audit
        .iter()
        .filter(|entry| text(&entry["leaf"]["type"]).contains("grant.used"))
        .count()
}

#[tokio::test]
async fn an_envoy_that_is_killed_in_mid_hold_leaves_the_approval_to_the_same_request() {
    let (mut stage, options) = Setup::new(patients).start_with_options().await;
    // The next Envoy is elsewhere, and the same request has the same host.
    let host = stage.envoy.address().to_string();
    let held = tokio::spawn(stage.ask("/Patient/p1", "name", 60).send());
    let id = text(&stage.pending().await["id"]);
    card_with(&stage, &id, |card| card["waiting"] == 1).await;
    stage.envoy.kill();
    assert!(
        held.await.expect("a task").is_err(),
        "its connection is gone"
    );
    let card = card_with(&stage, &id, |card| card["waiting"] == 0).await;
    assert_eq!(card["state"], "pending", "{card}");
    assert!(stage.upstream.received().is_empty(), "it never ran");

    // People decide meanwhile: nobody is there who would use it.
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("approve").status, 200);
    assert_eq!(uses(&stage).await, 0);
    stage.envoy = Envoy::start(options).await.expect("Envoy");
    let again = stage.ask("/Patient/p1", "name", 20);
    let again = again.header("host", &host).send().await;
    let again = again.expect("an answer");
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.header("velum-lifted"), Some("name"));
    assert_eq!(again.json()["name"][0]["family"], "Thistlewood");
    let card = card_with(&stage, &id, |card| card["state"] == "used").await;
    assert_eq!(card["uses"].as_array().map(Vec::len), Some(1), "{card}");
    assert_eq!(uses(&stage).await, 1);
}

#[tokio::test]
async fn requests_that_are_held_when_envoy_is_drained_are_all_answered() {
    let stage = Stage::with_patients().await;
    let mut held = JoinSet::new();
    for _ in 0..HELD {
        held.spawn(stage.ask("/Patient/p1", "name", 60).send());
    }
    let id = text(&stage.pending().await["id"]);
    card_with(&stage, &id, |card| card["waiting"] == HELD).await;
    let drained = stage.envoy.command("/drain_listeners").await;
    drained.expect("the order to drain");
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(stage.envoy.address()).await.is_ok() {
        assert!(Instant::now() < patience, "it lets callers in");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let begun = Instant::now();
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("approve").status, 200);
    let (mut released, mut taken) = (0, 0);
    for answer in held.join_all().await {
        let answer = answer.expect("an answer");
        if answer.status == 200 {
            assert_eq!(answer.header("velum-lifted"), Some("name"));
            released += 1;
        } else {
            assert_eq!(problem(&answer), (409, "approval-taken".into()));
            assert_masked(&answer.text());
            taken += 1;
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!((released, taken), (1, HELD - 1));
    assert_eq!(uses(&stage).await, 1);
    assert_eq!(stage.upstream.received().len(), 1, "one has run");
}
