//! Two replicas of the service on one PostgreSQL, behind one cluster of Envoy.

use std::time::Duration;

use serde_json::Value;
use velum_end_to_end::stage::{REVIEWER, Setup, patients, text};
use velum_harness::Postgres;

#[tokio::test]
async fn requests_that_wait_are_released_although_one_replica_is_killed() {
    let postgres = Postgres::start().await.expect("PostgreSQL");
    let mut setup = Setup::new(patients);
    setup.replicas = 1;
    setup.service = format!("[store]\nengine = \"postgres\"\nurl = {:?}", postgres.url());
    let mut stage = setup.start().await;
    let mut waiting = Vec::new();
    for number in 0..5 {
        let call = stage.ask(&format!("/Patient/p{number}"), "name", 60);
        waiting.push(tokio::spawn(call.send()));
    }
    let reviewer = stage.replicas[0].reviewer(REVIEWER).expect("a reviewer");
    let killed = stage.service.reviewer(REVIEWER).expect("a reviewer");
    let waits = |cards: &[Value]| cards.iter().filter(|card| card["waiting"] == 1).count();
    // Each waits at one of the two: some at the one that is killed.
    let pending = loop {
        let pending = reviewer.list().await.expect("a list");
        let there = waits(&killed.list().await.expect("a list"));
        if pending.len() == 5 && waits(&pending) + there == 5 {
            assert!(there > 0, "none waits at the replica that is killed");
            break pending;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    stage.service.stop();
    for approval in &pending {
        let approved = reviewer.approve(&text(&approval["id"]), None).await;
        assert_eq!(approved.expect("an answer").status, 200);
    }
    // Whoever waited there is asked about at the other.
    for one in waiting {
        let answer = one.await.expect("task").expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    }
    let used = reviewer
        .get("/v1/approvals?state=used")
        .await
        .expect("a list");
    let used = used.body["approvals"].as_array().expect("a list").len();
    assert_eq!(used, 5);
}
