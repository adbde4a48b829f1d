//! Reviewers approve less than was asked, and no more than that leaves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Setup, Stage, bundle, patient, text};
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

/// The answer to an ask of names and dates that is approved with this body, and what the service was told of it.
async fn approved(stage: &Stage, path: &str, body: Value) -> (Response, Value) {
    let reviewer = stage.reviewer(REVIEWER);
    let call = stage.ask(path, "name,date", 30);
    let mut approval = String::new();
    let answer = stage
        .while_waiting(call, |id| {
            approval.clone_from(&id);
            async move {
                let path = format!("/v1/approvals/{id}/approve");
                let answer = reviewer.post(&path, &body).await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        })
        .await;
    let outcome = outcome(stage, &approval).await;
    (answer, outcome)
}

/// What left, once the gateway has told: by the card, by the receipt, and by the record's kind.
async fn outcome(stage: &Stage, id: &str) -> Value {
    let reviewer = stage.reviewer(REVIEWER);
    let patience = Instant::now() + Duration::from_secs(20);
    let outcome = loop {
        let card = reviewer.show(id).await.expect("a card").body;
        if card["uses"][0]["outcome"].is_object() {
            break card["uses"][0]["outcome"].clone();
        }
        assert!(Instant::now() < patience, "no outcome came: {card}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let path = format!("/v1/approvals/{id}/receipt");
    let receipt = reviewer.get(&path).await.expect("a receipt").body;
    assert_eq!(receipt["releases"][0]["outcome"], outcome, "{receipt}");
    let audit = reviewer.audit(None).await.expect("the log");
    let of_this = audit
        .iter()
        .filter(|entry| entry["leaf"]["data"]["approval"]["id"] == *id);
    let kinds: Vec<_> = of_this.map(|entry| text(&entry["leaf"]["type"])).collect();
    let is_there = |kind: &str| kinds.iter().any(|found| found.contains(kind));
    let has_drifted = outcome["drift"] != json!({});
    assert_eq!(is_there("release.drifted"), has_drifted, "{kinds:?}");
    assert_eq!(is_there("release.delivered"), !has_drifted, "{kinds:?}");
    outcome
}

fn of(counts: &Value, class: &str) -> u64 {
    counts[class].as_u64().unwrap_or_default()
}

fn count(answer: &Response, text: &str) -> usize {
    answer.text().matches(text).count()
}

#[tokio::test]
async fn by_class() {
    let stage = stage().await;
    let (answer, outcome) = approved(&stage, "/Patient/p1", json!({"classes": ["date"]})).await;
    assert_eq!(
        (count(&answer, "Thistlewood"), count(&answer, "1971-04-09")),
        (0, 1)
    );
    assert_eq!(outcome["lifted"], json!({"date": 1}), "{outcome}");
    // A class that was not granted is masked as without any grant: that is no drift.
    assert!(of(&outcome["masked"], "name") >= 1, "{outcome}");
    assert_eq!(outcome["drift"], json!({}), "{outcome}");
}

#[tokio::test]
async fn by_rule() {
    let stage = stage().await;
    let (answer, outcome) = approved(&stage, "/Patient/p1", json!({"rules": ["contact"]})).await;
    assert_eq!(count(&answer, "Aldous Fenwick"), 1, "{}", answer.text());
    assert_eq!(
        (count(&answer, "Thistlewood"), count(&answer, "1971-04-09")),
        (0, 0)
    );
    assert_eq!(outcome["lifted"], json!({"name": 1}), "{outcome}");
    // Of the classes that were granted what other rules and profiles mask is beyond the grant.
    let drift = &outcome["drift"];
    assert!(of(drift, "name") >= 1, "{outcome}");
    assert_eq!(of(drift, "date"), 1, "{outcome}");
}

#[tokio::test]
async fn by_records_and_by_bytes() {
    let stage = stage().await;
    let (answer, outcome) = approved(&stage, "/Patient", json!({"records": 2})).await;
    assert_eq!(count(&answer, "Thistlewood"), 2, "{}", answer.text());
    assert_eq!(answer.json()["entry"].as_array().map(Vec::len), Some(5));
    let (lifted, drift) = (&outcome["lifted"], &outcome["drift"]);
    assert_eq!((of(lifted, "date"), of(drift, "date")), (2, 3), "{outcome}");
    // As many names in each record.
    assert!(of(lifted, "name") >= 2, "{outcome}");
    assert_eq!(of(lifted, "name") * 3, of(drift, "name") * 2, "{outcome}");

    let whole = bundle(5).to_string().len();
    let (answer, outcome) = approved(&stage, "/Patient", json!({"bytes": whole / 2})).await;
    let shown = count(&answer, "Thistlewood");
    assert!((1..4).contains(&shown), "{shown}");
    assert_eq!(answer.json()["entry"].as_array().map(Vec::len), Some(5));
    let (lifted, drift) = (&outcome["lifted"], &outcome["drift"]);
    assert_eq!(of(lifted, "date") + of(drift, "date"), 5, "{outcome}");
    assert!(
        of(lifted, "name") >= 1 && of(drift, "name") >= 1,
        "{outcome}"
    );
}
