//! Reviewers approve less than was asked, and no more than that leaves.

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Setup, Stage, bundle, patient};
use velum_harness::{Reply, Response};

async fn stage() -> Stage {
    let mut setup = Setup::new(|request| match request.path.as_str() {
        "/Patient/p1" => {
            let mut patient = patient();
            patient["contact_name"] = json!("Aldous Fenwick");
            Reply::json(&patient)
        }
        _ => Reply::json(&bundle(5)),
    });
    setup.policy["masking"]["rules"] =
        json!([{"name": "contact", "key": ["contact_name"], "class": "name"}]);
    setup.start().await
}

/// The answer to an ask of names that is approved with this body.
async fn approved(stage: &Stage, path: &str, body: Value) -> Response {
    let reviewer = stage.reviewer(REVIEWER);
    let call = stage.ask(path, "name,date", 30);
    stage
        .while_waiting(call, |id| async move {
            let path = format!("/v1/approvals/{id}/approve");
            let answer = reviewer.post(&path, &body).await.expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.body);
        })
        .await
}

fn count(answer: &Response, text: &str) -> usize {
    answer.text().matches(text).count()
}

#[tokio::test]
async fn by_class() {
    let stage = stage().await;
    let answer = approved(&stage, "/Patient/p1", json!({"classes": ["date"]})).await;
    assert_eq!(
        (count(&answer, "Thistlewood"), count(&answer, "1971-04-09")),
        (0, 1)
    );
}

#[tokio::test]
async fn by_rule() {
    let stage = stage().await;
    let answer = approved(&stage, "/Patient/p1", json!({"rules": ["contact"]})).await;
    assert_eq!(count(&answer, "Aldous Fenwick"), 1, "{}", answer.text());
    assert_eq!(
        (count(&answer, "Thistlewood"), count(&answer, "1971-04-09")),
        (0, 0)
    );
}

#[tokio::test]
async fn by_records_and_by_bytes() {
    let stage = stage().await;
    let answer = approved(&stage, "/Patient", json!({"records": 2})).await;
    assert_eq!(count(&answer, "Thistlewood"), 2, "{}", answer.text());
    assert_eq!(answer.json()["entry"].as_array().map(Vec::len), Some(5));
    let whole = bundle(5).to_string().len();
    let answer = approved(&stage, "/Patient", json!({"bytes": whole / 2})).await;
    let shown = count(&answer, "Thistlewood");
    assert!((1..4).contains(&shown), "{shown}");
    assert_eq!(answer.json()["entry"].as_array().map(Vec::len), Some(5));
}
