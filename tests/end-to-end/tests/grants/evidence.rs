//! Mask first: reviewers decide on what the response holds, and only that is released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use velum_end_to_end::stage::{REVIEWER, Setup, Stage, assert_masked, patient, text};
use velum_harness::Reply;

/// An installation whose upstream can be made to tell of another patient.
async fn with_another_patient() -> (Stage, Arc<AtomicBool>) {
    let other = Arc::new(AtomicBool::new(false));
    let is_other = Arc::clone(&other);
    let stage = Setup::new(move |_| {
        let mut patient = patient();
        if is_other.load(Ordering::Relaxed) {
            patient["name"][0]["family"] = json!("Hollowell");
            patient["name"][0]["given"] = json!(["Bram"]);
            patient["birthDate"] = json!("1988-11-30");
        }
        Reply::json(&patient)
    })
    .start()
    .await;
    (stage, other)
}

/// The agent asks and goes on with the masked answer; gives the approval once its evidence is there.
async fn masked_first(stage: &Stage) -> String {
    let call = stage
        .agent("GET", "/Patient/p1")
        .header("velum-lift", "name,date")
        .header("velum-reason", "discharge summary");
    let answer = call.send().await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_masked(&answer.text());
    let link = answer.header("link").expect("a link").to_owned();
    assert!(link.contains("rel=\"approval\""), "{link}");
    let id = answer.header("velum-approval").expect("an id").to_owned();
    let shown = stage.pending().await;
    assert_eq!(shown["id"], id.as_str());
    id
}

async fn card(stage: &Stage, id: &str) -> Value {
    let card = stage.reviewer(REVIEWER).show(id).await;
    card.expect("shown").body
}

/// The card once the outcome of its use is there.
async fn with_outcome(stage: &Stage, id: &str) -> Value {
    for _ in 0..100 {
        let card = card(stage, id).await;
        if card["uses"][0]["outcome"].is_object() {
            return card;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no outcome came: {}", card(stage, id).await);
}

#[tokio::test]
async fn a_masked_answer_comes_at_once_and_what_it_holds_is_released_later() {
    let (stage, _) = with_another_patient().await;
    let id = masked_first(&stage).await;
    let shown = card(&stage, &id).await;
    assert_eq!(shown["evidence"]["records"], 1, "{shown}");
    assert_eq!(shown["evidence"]["complete"], true, "{shown}");
    assert!(
        shown["evidence"]["found"]["name"].as_u64() >= Some(1),
        "{shown}"
    );
    assert_masked(&shown.to_string());
    // Where it stands, by keys that the policy or a profile names.
    let fields = shown["shape"]["fields"].as_array().expect("a shape");
    let paths: Vec<_> = fields.iter().map(|field| text(&field["path"])).collect();
    for path in ["$.birthDate", "$.name[*].family", "$.name[*].given[*]"] {
        assert!(paths.iter().any(|told| told == path), "{path}: {shown}");
    }

    let answer = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(answer.expect("an answer").status, 200);
    let redeemed = stage.ask("/Patient/p1", "name,date", 20).send().await;
    let redeemed = redeemed.expect("an answer");
    let body = redeemed.json();
    assert_eq!(body["name"][0]["family"], "Thistlewood");
    assert_eq!(body["birthDate"], "1971-04-09");
    for hidden in ["000-12-3456", "555-0142", "MRN-88213"] {
        assert!(!redeemed.text().contains(hidden), "{hidden}");
    }
    let card = with_outcome(&stage, &id).await;
    let outcome = &card["uses"][0]["outcome"];
    assert_eq!(
        (&outcome["status"], &outcome["end"]),
        (&json!(200), &json!("complete"))
    );
    assert_eq!(outcome["drift"], json!({}), "{outcome}");
    assert!(outcome["lifted"]["name"].as_u64() >= Some(1), "{outcome}");
    let audit = stage.reviewer(REVIEWER).audit(None).await.expect("the log");
    let log = Value::from(audit).to_string();
    for kind in [
        "approval.collected",
        "grant.issued",
        "grant.used",
        "release.delivered",
    ] {
        assert!(log.contains(kind), "{kind} is not in {log}");
    }
    assert_masked(&log);
}

#[tokio::test]
async fn other_values_behind_the_same_counts_do_not_pass_and_are_drift() {
    let (stage, other) = with_another_patient().await;
    let id = masked_first(&stage).await;
    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("an answer").status, 200);
    other.store(true, Ordering::Relaxed);
    let redeemed = stage.ask("/Patient/p1", "name,date", 20).send().await;
    let redeemed = redeemed.expect("an answer");
    assert_eq!(redeemed.status, 200);
    for hidden in ["Hollowell", "Bram", "1988-11-30", "Thistlewood"] {
        assert!(
            !redeemed.text().contains(hidden),
            "{hidden}: {}",
            redeemed.text()
        );
    }
    let card = with_outcome(&stage, &id).await;
    let outcome = &card["uses"][0]["outcome"];
    assert!(outcome["drift"]["name"].as_u64() >= Some(1), "{outcome}");
    assert_eq!(outcome["lifted"], json!({}), "{outcome}");
    let audit = stage.reviewer(REVIEWER).audit(None).await.expect("the log");
    assert!(Value::from(audit).to_string().contains("release.drifted"));
}

#[tokio::test]
async fn who_asked_takes_it_back() {
    let (stage, _) = with_another_patient().await;
    let id = masked_first(&stage).await;
    let path = format!("/.well-known/velum/approvals/{id}");
    let stranger = stage.jwt.agent("intake-bot", "dr-smith");
    let call = stage.client().call("DELETE", &path).bearer(&stranger);
    assert_eq!(call.send().await.expect("an answer").status, 404);
    let withdrawn = stage.agent("DELETE", &path).send().await;
    assert_eq!(withdrawn.expect("an answer").status, 204);
    assert_eq!(card(&stage, &id).await["state"], "cancelled");
    let shown = stage.agent("GET", &path).send().await.expect("an answer");
    let shown = shown.json();
    assert_eq!(text(&shown["state"]), "cancelled");
    assert_eq!(text(&shown["code"]), "approval-cancelled");
    assert_eq!(shown["retryable"], true);
    assert!(text(&shown["detail"]).contains("Ask again"), "{shown}");
    let refused = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(refused.expect("an answer").status, 409);
}
