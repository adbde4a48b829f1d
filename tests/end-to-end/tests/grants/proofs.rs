//! A requester keeps the proof of their own release, through the gateway.

use std::process::Command;

use serde_json::Value;
use velum_end_to_end::stage::{AGENT, PERSON, REVIEWER, Stage, problem};
use velum_harness::locations;

#[tokio::test]
async fn a_requester_keeps_the_proof_of_their_own_release_and_nobody_elses() {
    let stage = Stage::with_patients().await;
    let call = stage.ask("/Patient/p1", "name", 30);
    let reviewer = stage.reviewer(REVIEWER);
    let (mut id, mut before) = (String::new(), None);
    let answer = stage
        .while_waiting(call, |pending| {
            let path = format!("/.well-known/velum/approvals/{pending}/proofs/1");
            id.clone_from(&pending);
            let early = stage.agent("GET", &path).send();
            let before = &mut before;
            async move {
                *before = Some(early.await.expect("an answer"));
                let approved = reviewer.approve(&pending, None).await.expect("approve");
                assert_eq!(approved.status, 200, "{}", approved.body);
            }
        })
        .await;
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    let before = before.expect("an answer");
    assert_eq!(problem(&before).0, 404, "nothing had been released");

    let path = format!("/.well-known/velum/approvals/{id}/proofs/1");
    let proof = stage.agent("GET", &path).send().await.expect("an answer");
    assert_eq!(proof.status, 200, "{}", proof.text());
    assert_eq!(proof.header("cache-control"), Some("no-store"));
    // Anyone verifies it without the log.
    let logs = stage
        .reviewer(REVIEWER)
        .get("/v1/logs")
        .await
        .expect("logs");
    let key = logs.body["logs"][0]["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("release.tlog-proof");
    std::fs::write(&file, proof.text()).expect("a file");
    let checked = Command::new(locations::program("velum").expect("velum"))
        .args(["audit", "check-proof", "--json", "--key", &key])
        .arg(&file)
        .output()
        .expect("velum");
    assert!(checked.status.success(), "{checked:?}");
    let checked: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
    let record = &checked["record"];
    assert_eq!(record["type"], "org.velum.grant.used.v1");
    assert_eq!(record["data"]["approval"]["id"], id);

    // Another principal is told nothing, and neither is who names another release.
    let other = stage
        .client()
        .call("GET", &path)
        .bearer(&stage.jwt.agent("other-bot", PERSON));
    let other = other.send().await.expect("an answer");
    assert_eq!(problem(&other), (404, "approval-unknown".to_owned()));
    let second = path.replace("/proofs/1", "/proofs/2");
    let second = stage.agent("GET", &second).send().await.expect("an answer");
    assert_eq!(problem(&second).0, 404);
    let taken = stage
        .agent("DELETE", &path)
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&taken).0, 403);
    assert_ne!(AGENT, "other-bot");
}
