//! Callers that leave while they wait, and callers that come twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Stage, assert_masked, problem, text};

/// Waits until the reviewer's card says `what`.
pub(crate) async fn card_with(stage: &Stage, id: &str, what: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let card = stage
            .reviewer(REVIEWER)
            .show(id)
            .await
            .expect("a card")
            .body;
        if what(&card) {
            return card;
        }
        assert!(Instant::now() < patience, "{card}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_service_is_told_when_a_caller_leaves_over_either_protocol() {
    for http2 in [false, true] {
        let stage = Stage::with_patients().await;
        let call = stage.ask("/Patient/p1", "name", 20);
        let call = if http2 { call.http2() } else { call };
        let waiting = tokio::spawn(call.send());
        let id = text(&stage.pending().await["id"]);
        card_with(&stage, &id, |card| card["waiting"] == 1).await;
        waiting.abort();
        let card = card_with(&stage, &id, |card| card["waiting"] == 0).await;
        assert!(card["caller_left"].is_i64(), "{card}");
        assert_eq!(card["state"], "pending", "its approval lives");
    }
}

#[tokio::test]
async fn of_two_streams_with_one_request_the_newest_takes_the_grant() {
    let stage = Stage::with_patients().await;
    let older = tokio::spawn(stage.ask("/Patient/p1", "name", 20).send());
    let id = text(&stage.pending().await["id"]);
    card_with(&stage, &id, |card| card["waiting"] == 1).await;
    let newer = tokio::spawn(stage.ask("/Patient/p1", "name", 20).send());
    card_with(&stage, &id, |card| card["waiting"] == 2).await;
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("approve").status, 200);
    let newer = newer.await.expect("a task").expect("an answer");
    assert_eq!(
        newer.header("velum-lifted"),
        Some("name"),
        "{}",
        newer.text()
    );
    assert_eq!(newer.json()["name"][0]["family"], "Thistlewood");
    let older = older.await.expect("a task").expect("an answer");
    assert_eq!(problem(&older), (409, "approval-taken".into()));
    assert_eq!(older.json()["retryable"], json!(true));
    assert_masked(&older.text());
    let card = stage
        .reviewer(REVIEWER)
        .show(&id)
        .await
        .expect("a card")
        .body;
    assert!(
        card["caller_left"].is_null(),
        "both had their answers: {card}"
    );
}

#[tokio::test]
async fn a_newer_stream_that_has_left_stands_in_nobodys_way() {
    let stage = Stage::with_patients().await;
    let older = tokio::spawn(stage.ask("/Patient/p1", "name", 20).send());
    let id = text(&stage.pending().await["id"]);
    card_with(&stage, &id, |card| card["waiting"] == 1).await;
    let newer = tokio::spawn(stage.ask("/Patient/p1", "name", 20).send());
    card_with(&stage, &id, |card| card["waiting"] == 2).await;
    newer.abort();
    card_with(&stage, &id, |card| card["waiting"] == 1).await;
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("approve").status, 200);
    let older = older.await.expect("a task").expect("an answer");
    assert_eq!(
        older.header("velum-lifted"),
        Some("name"),
        "{}",
        older.text()
    );
}

#[tokio::test]
async fn the_requester_alone_learns_how_the_approval_stands_and_waits_for_it() {
    let stage = Stage::with_patients().await;
    let asked = stage
        .ask("/Patient/p1", "name", 0)
        .send()
        .await
        .expect("an answer");
    assert_masked(&asked.text());
    let id = asked.header("velum-approval").expect("an id").to_owned();
    let path = format!("/.well-known/velum/approvals/{id}");
    // Reviewers see it once it is known what the masked answer holds.
    assert_eq!(stage.pending().await["id"], id.as_str());
    let poll = stage.agent("GET", &path).send().await.expect("an answer");
    assert_eq!(
        (poll.status, &poll.json()["state"]),
        (200, &json!("pending"))
    );
    assert!(poll.header("retry-after").is_some());
    let other = stage.client().call("GET", &path);
    let other = other.bearer(&stage.jwt.agent("other-bot", "dr-jones"));
    let other = other.send().await.expect("an answer");
    assert_eq!(problem(&other), (404, "approval-unknown".into()));
    let nobody = stage
        .client()
        .call("GET", &path)
        .send()
        .await
        .expect("an answer");
    assert_ne!(nobody.status, 200);
    let waiting = stage.agent("GET", &path).header("prefer", "wait=20");
    let waiting = tokio::spawn(waiting.send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    let denied = stage
        .reviewer(REVIEWER)
        .deny(&id, Some("ask the ward"))
        .await;
    assert_eq!(denied.expect("deny").status, 200);
    let told = waiting.await.expect("a task").expect("an answer").json();
    assert_eq!(
        (&told["state"], &told["public_reason"]),
        (&json!("denied"), &json!("ask the ward"))
    );
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "it is told at once"
    );
    assert!(
        stage
            .upstream
            .received()
            .iter()
            .all(|request| !request.path.contains("velum"))
    );
}
