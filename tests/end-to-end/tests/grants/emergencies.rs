//! Break-glass: released at once, announced, reviewed afterwards.

use serde_json::json;
use velum_end_to_end::stage::{AGENT, REVIEWER, Setup, patients};

#[tokio::test]
async fn what_is_held_and_what_comes_is_released_and_each_use_has_its_record() {
    let mut setup = Setup::new(patients);
    // Somebody has to be left who may review it: neither who opens it nor the agent's owner.
    setup.service = r#"
        reviewers = [{ person = "grace" }, { person = "dr-jones" }, { person = "dr-smith" }]
        [break_glass]
        group = "privacy"
        lifetime = "30m"
        actions = ["read"]
    "#
    .to_owned();
    let stage = setup.start().await;
    let reviewer = stage.reviewer(REVIEWER);
    let principal = json!({"kind": "jwt", "issuer": velum_harness::ISSUER, "subject": AGENT});
    let body = json!({
        "principal": principal, "action": "read", "reason": "patient unconscious", "minutes": 5,
    });
    let call = stage.ask("/Patient/p1", "name", 30);
    let held = stage
        .while_waiting(call, |_| async move {
            let opened = reviewer
                .post("/v1/emergencies", &body)
                .await
                .expect("an answer");
            assert_eq!(opened.status, 201, "{}", opened.body);
        })
        .await;
    assert!(held.text().contains("Thistlewood"), "{}", held.text());
    let next = stage
        .ask("/Patient/p2", "name", 30)
        .send()
        .await
        .expect("an answer");
    assert!(next.text().contains("Thistlewood"), "{}", next.text());
    let reviewer = stage.reviewer(REVIEWER);
    let audit = reviewer.audit(None).await.expect("the log");
    let uses = audit
        .iter()
        .filter(|entry| entry["leaf"]["type"] == "org.velum.emergency.used.v1");
    assert_eq!(uses.count(), 2);
    let open = reviewer.get("/v1/emergencies").await.expect("a list").body;
    assert_eq!(open["emergencies"][0]["uses"], 2, "{open}");
}
