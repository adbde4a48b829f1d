//! Many held requests at once.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use velum_end_to_end::stage::{REVIEWER, Stage, assert_masked, figure, problem, text};
use velum_harness::{Response, Result};

/// Holds so many requests, denies them, and returns their answers, with what one of them took in
/// Envoy and in the service, in bytes, and how long the denial took to reach them all.
async fn hold(stage: &Stage, many: usize, seconds: u32) -> (Vec<Response>, u64, u64, Duration) {
    let before = (stage.envoy.rss_bytes(), stage.service.rss_bytes());
    let mut held = JoinSet::new();
    for _ in 0..many {
        let call = stage.ask("/Patient/p1", "name", seconds);
        held.spawn(call.send());
        if held.len() % 100 == 0 {
            // No more at a time than a listener's queue takes.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let id = text(&stage.pending().await["id"]);
    let reviewer = stage.reviewer(REVIEWER);
    let patience = Instant::now() + Duration::from_mins(1);
    loop {
        let waiting = &reviewer.show(&id).await.expect("a card").body["waiting"];
        if waiting.as_u64() == Some(many as u64) {
            break;
        }
        assert!(Instant::now() < patience, "{waiting} of {many} wait");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let each = |now: Result<u64>, before: Result<u64>| {
        let (now, before) = (now.expect("memory"), before.expect("memory"));
        now.saturating_sub(before) / many as u64
    };
    let envoy = each(stage.envoy.rss_bytes(), before.0);
    let service = each(stage.service.rss_bytes(), before.1);
    let begun = Instant::now();
    let denied = reviewer.deny(&id, None).await.expect("deny");
    assert_eq!(denied.status, 200, "{}", denied.body);
    let answers = held.join_all().await;
    let answers = answers.into_iter().map(|answer| answer.expect("an answer"));
    (answers.collect(), envoy, service, begun.elapsed())
}

async fn check(many: usize, seconds: u32, name: &str) {
    let stage = Stage::with_patients().await;
    let (answers, envoy, service, time) = hold(&stage, many, seconds).await;
    for answer in &answers {
        assert_eq!(problem(answer), (403, "approval-denied".into()));
        assert_masked(&answer.text());
    }
    assert_eq!(answers.len(), many);
    assert!(stage.upstream.received().is_empty(), "none was released");
    let (envoy, service) = (envoy / 1024, service / 1024);
    figure(
        name,
        &format!(
            "{many} held at once: {envoy} KiB each in Envoy, {service} KiB each in the service, \
             all answered {} ms after the decision",
            time.as_millis()
        ),
    );
}

#[tokio::test]
async fn three_hundred_held_requests_are_all_answered_by_one_decision() {
    check(
        300,
        25,
        "three_hundred_held_requests_are_all_answered_by_one_decision",
    )
    .await;
}

#[tokio::test]
#[ignore = "a minute, and 20,000 file descriptors"]
async fn five_thousand_held_requests_are_all_answered_by_one_decision() {
    check(
        5_000,
        60,
        "five_thousand_held_requests_are_all_answered_by_one_decision",
    )
    .await;
}
