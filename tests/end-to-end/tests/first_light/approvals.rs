use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use velum_harness::{Reply, Response};

use velum_end_to_end::stage::{
    AGENT, PERSON, REVIEWER, SECRETS, Setup, Stage, assert_masked, patient, patients, problem, text,
};

#[tokio::test]
async fn a_held_request_returns_with_what_was_approved_and_no_more() {
    let stage = Stage::with_patients().await;
    let answer = stage
        .approved(stage.ask("/Patient/p1", "name,date", 30), Some(&["name"]))
        .await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["name"][0]["family"], "Thistlewood");
    assert_eq!(body["name"][0]["given"][0], "Orla");
    for hidden in [
        "1971-04-09",
        "000-12-3456",
        "555-0142",
        "Lantern",
        "MRN-88213",
    ] {
        assert!(!answer.text().contains(hidden), "{hidden}");
    }
    assert_eq!(answer.header("velum-lifted"), Some("name"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn what_a_reviewer_sees_says_who_asks_for_what_and_why() {
    let stage = Stage::with_patients().await;
    let waiting = tokio::spawn(stage.ask("/Patient/p1?_id=Thistlewood", "name", 5).send());
    let seen = stage.pending().await;
    let shown = stage
        .reviewer(REVIEWER)
        .show(&text(&seen["id"]))
        .await
        .expect("shown")
        .body;
    let page = shown.to_string();
    for expected in [AGENT, PERSON, "read", "GET", "name", "discharge summary"] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    for hidden in ["p1", "Thistlewood"] {
        assert!(!page.contains(hidden), "{hidden} is in {page}");
    }
    waiting.await.expect("task").expect("an answer");
}

#[tokio::test]
async fn nobody_behind_the_request_approves_it() {
    let stage = Stage::with_patients().await;
    let waiting = tokio::spawn(stage.ask("/Patient/p1", "name", 3).send());
    let id = text(&stage.pending().await["id"]);
    let refused = stage
        .reviewer(PERSON)
        .approve(&id, None)
        .await
        .expect("an answer");
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(
        text(&refused.body["type"]).ends_with("/self-approval"),
        "{}",
        refused.body
    );
    let answer = waiting.await.expect("task").expect("an answer");
    assert_eq!(problem(&answer), (403, "approval-required".into()));
}

#[tokio::test]
async fn an_identity_that_the_directory_does_not_know_gets_no_review() {
    let stage = Stage::with_patients().await;
    for token in [
        stage.jwt.agent("unlisted-bot", PERSON),
        stage.jwt.agent(AGENT, "unlisted-person"),
    ] {
        let call = stage.client().get("/Patient/p1").bearer(&token);
        let call = call.header("velum-lift", "name").header("prefer", "wait=5");
        let answer = call.send().await.expect("an answer");
        assert_eq!(problem(&answer), (403, "lineage-unknown".into()));
    }
}

#[tokio::test]
async fn a_denial_is_told_with_its_public_reason() {
    let stage = Stage::with_patients().await;
    let reviewer = stage.reviewer(REVIEWER);
    let call = stage.ask("/Patient/p1", "name", 30);
    let answer = stage
        .while_waiting(call, |id| async move {
            let denied = reviewer
                .deny(&id, Some("use the masked record"))
                .await
                .expect("deny");
            assert_eq!(denied.status, 200, "{}", denied.body);
        })
        .await;
    assert_eq!(problem(&answer), (403, "approval-denied".into()));
    assert_eq!(answer.json()["public_reason"], "use the masked record");
    assert_eq!(answer.json()["retryable"], false);
}

#[tokio::test]
async fn a_hold_that_ran_out_names_the_approval_which_the_same_request_redeems_once() {
    let stage = Stage::with_patients().await;
    let first = stage
        .ask("/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&first), (403, "approval-required".into()));
    let id = first
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    assert_eq!(first.json()["approval"], id.as_str());
    assert!(first.header("retry-after").is_some());
    let location = first.header("location").expect("a location").to_owned();
    let poll = stage
        .agent("GET", &location)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (poll.status, poll.json()["state"].as_str()),
        (200, Some("pending"))
    );
    let approved = stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    assert_eq!(approved.status, 200, "{}", approved.body);
    let poll = stage
        .agent("GET", &location)
        .send()
        .await
        .expect("an answer");
    assert_eq!(poll.json()["state"].as_str(), Some("approved"));

    let again = || {
        stage
            .ask("/Patient/p1", "name", 1)
            .header("velum-approval", &id)
    };
    let released = again().send().await.expect("an answer");
    assert_eq!(released.json()["name"][0]["family"], "Thistlewood");
    let second = again().send().await.expect("an answer");
    assert_eq!(problem(&second), (403, "approval-used".into()));
}

#[tokio::test]
async fn an_approval_is_good_for_its_request_and_its_principal_alone() {
    let stage = Stage::with_patients().await;
    let first = stage
        .ask("/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    let id = first
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");

    for (path, lift) in [
        ("/Patient/p2", "name"),
        ("/Patient/p1?x=1", "name"),
        ("/Patient/p1", "date"),
    ] {
        let other = stage.ask(path, lift, 1).header("velum-approval", &id);
        let answer = other.send().await.expect("an answer");
        assert_eq!(
            problem(&answer),
            (409, "approval-mismatch".into()),
            "{path} {lift}"
        );
    }
    let other = stage
        .client()
        .get("/Patient/p1")
        .bearer(&stage.jwt.agent("intake-bot", "dr-smith"));
    let other = other
        .header("velum-lift", "name")
        .header("velum-approval", &id);
    let answer = other
        .header("prefer", "wait=1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&answer), (404, "approval-unknown".into()));
    let poll = stage
        .client()
        .get(&format!("/.well-known/velum/approvals/{id}"));
    let poll = poll
        .bearer(&stage.jwt.agent("intake-bot", "dr-smith"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&poll), (404, "approval-unknown".into()));

    let rightful = stage
        .ask("/Patient/p1", "name", 1)
        .header("velum-approval", &id);
    let released = rightful.send().await.expect("an answer");
    assert_eq!(released.json()["name"][0]["family"], "Thistlewood");
}

#[tokio::test]
async fn a_grant_that_was_not_used_in_time_is_gone() {
    let mut setup = Setup::new(patients);
    setup.lifetimes = Some(("15m", "1s"));
    let stage = setup.start().await;
    let first = stage
        .ask("/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    let id = first
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let late = stage
        .ask("/Patient/p1", "name", 1)
        .header("velum-approval", &id);
    let answer = late.send().await.expect("an answer");
    assert_eq!(problem(&answer), (403, "approval-expired".into()));
    assert_masked(&answer.text());
}

#[tokio::test]
async fn a_caller_that_leaves_loses_its_place_and_not_its_approval() {
    let stage = Stage::with_patients().await;
    let waiting = tokio::spawn(stage.ask("/Patient/p1", "name", 20).send());
    let id = text(&stage.pending().await["id"]);
    waiting.abort();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let approved = stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    assert_eq!(approved.status, 200, "{}", approved.body);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let again = stage
        .ask("/Patient/p1", "name", 5)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        again.json()["name"][0]["family"],
        "Thistlewood",
        "re-sending finds it"
    );
    assert_eq!(again.header("velum-lifted"), Some("name"));
}

#[tokio::test]
async fn without_a_hold_the_masked_answer_comes_at_once_with_its_approval() {
    let stage = Stage::with_patients().await;
    let ask = || {
        stage
            .agent("GET", "/Patient/p1")
            .header("velum-lift", "name")
    };
    let masked = ask().send().await.expect("an answer");
    assert_eq!(masked.status, 200);
    assert_masked(&masked.text());
    let id = masked
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    assert!(
        masked
            .header("link")
            .is_some_and(|link| link.contains("rel=\"approval\""))
    );
    // Reviewers see it once it is known what the answer holds.
    assert_eq!(stage.pending().await["id"], id.as_str());
    stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    let released = ask().send().await.expect("an answer");
    assert_eq!(
        released.json()["name"][0]["family"],
        "Thistlewood",
        "re-sending finds it"
    );
}

#[tokio::test]
async fn every_decision_is_in_the_audit_log() {
    let stage = Stage::with_patients().await;
    stage
        .approved(stage.ask("/Patient/p1", "name,date", 30), Some(&["name"]))
        .await;
    let entries = stage
        .reviewer(REVIEWER)
        .audit(None)
        .await
        .expect("the audit log");
    let log = json!(entries).to_string();
    for part in ["approval.requested", "grant.issued", "grant.used"] {
        assert!(log.contains(part), "{part} is not in {log}");
    }
    for (position, entry) in entries.iter().enumerate() {
        assert_eq!(entry["index"], position, "the index has no gap");
    }
}

/// Names show, and nothing else of whoever it is.
fn assert_names_alone(answer: &Response) {
    assert_eq!(answer.header("velum-lifted"), Some("name"));
    let text = answer.text();
    for granted in ["Wetherell", "Thistlewood"] {
        assert!(text.contains(granted), "{granted} was granted: {text}");
    }
    for secret in SECRETS
        .iter()
        .filter(|secret| !["Thistlewood", "Orla"].contains(secret))
    {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for secret in [
        "000-98-7654",
        "1944-12-30",
        "555-0177",
        "MRN-10299",
        "Quarry",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn another_answer_than_when_it_was_approved_shows_only_what_was_granted() {
    let changed = Arc::new(AtomicBool::new(false));
    let is_changed = Arc::clone(&changed);
    let stage = Setup::new(move |request| {
        if !is_changed.load(Ordering::SeqCst) {
            return patients(request);
        }
        // Someone else's record, with more in it, and the first one's inside.
        Reply::json(&json!({
            "resourceType": "Patient",
            "identifier": [
                {"value": "MRN-10299", "type": {"coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}},
                {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-98-7654"},
            ],
            "name": [{"family": "Wetherell"}],
            "birthDate": "1944-12-30",
            "telecom": [{"system": "phone", "value": "555-0177"}],
            "address": [{"line": ["7 Quarry Lane"]}],
            "contained": [patient()],
        }))
    })
    .start()
    .await;
    let change = |is: bool| changed.store(is, Ordering::SeqCst);
    let reviewer = stage.reviewer(REVIEWER);
    // While it is held.
    let call = stage.ask("/Patient/p1", "name,date", 30);
    let held = stage.while_waiting(call, |id| {
        change(true);
        let reviewer = &reviewer;
        async move {
            let approved = reviewer.approve(&id, Some(&["name"])).await;
            assert_eq!(approved.expect("approve").status, 200);
        }
    });
    assert_names_alone(&held.await);
    // Between the masked answer and the one that was approved.
    change(false);
    let ask = || {
        stage
            .agent("GET", "/Patient/p1?later")
            .header("velum-lift", "name,date")
    };
    let masked = ask().send().await.expect("an answer");
    assert_masked(&masked.text());
    let id = masked.header("velum-approval").expect("an approval id");
    assert_eq!(stage.pending().await["id"], id);
    let approved = reviewer.approve(id, Some(&["name"])).await;
    assert_eq!(approved.expect("approve").status, 200);
    change(true);
    // Reviewers saw what the answer held: of another one, only the same names.
    let answer = ask().send().await.expect("an answer");
    assert!(answer.text().contains("Thistlewood"), "{}", answer.text());
    for hidden in ["Wetherell", "1944-12-30", "1971-04-09", "000-98-7654"] {
        assert!(!answer.text().contains(hidden), "{hidden}");
    }
}
