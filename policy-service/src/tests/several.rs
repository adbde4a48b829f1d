//! A grant that is good for several uses, within its time.

use serde_json::{Value, json};
use velum_approval::{ApprovalId, Check};
use velum_harness::Postgres;

use crate::testing::{CONFIGURATION, Service, on_postgres};

/// What a grant of these is good for, in milliseconds.
const GRANT: i64 = 10 * 60 * 1000;

/// The configuration, with grants of three uses within ten minutes.
fn of_three(configuration: &str) -> String {
    let read = "[actions.read]\nquorum = 1";
    assert!(configuration.contains(read));
    configuration.replace(read, &format!("{read}\nuses = 3\ngrant = \"10m\""))
}

/// A stream of its own that names the approval.
fn redeeming(service: &Service, request: u8, id: &ApprovalId) -> Check {
    let mut check = service.ask(request);
    check.approval = Some(id.clone());
    check
}

/// Asks, and has it approved.
async fn granted(service: &Service, request: u8) -> ApprovalId {
    let id = service.pending(&service.ask(request)).await;
    let (status, body) = service.approve("grace", &id, json!({})).await;
    assert_eq!(status, 200, "{body}");
    id
}

/// That a stream of its own is refused, and why.
async fn refused(service: &Service, check: &Check) -> Value {
    let answer = service.check(check).await;
    assert_eq!(answer["decision"], "deny", "{answer}");
    answer["code"].clone()
}

async fn uses(service: &Service, id: &ApprovalId) -> usize {
    service.show(id).await["uses"].as_array().unwrap().len()
}

async fn is_good_for_three_streams_and_no_fourth(service: &Service) {
    let id = granted(service, 1).await;
    let mut answers = Vec::new();
    for number in 1..=3 {
        let check = redeeming(service, 1, &id);
        let answer = service.check(&check).await;
        assert_eq!(service.verified(&check, &answer).approval, id);
        assert_eq!(uses(service, &id).await, number);
        let state = if number == 3 { "used" } else { "approved" };
        assert_eq!(service.show(&id).await["state"], state);
        answers.push((check, answer));
    }
    assert_eq!(refused(service, &redeeming(service, 1, &id)).await, "used");
    // Each of the three is answered the same again, and that is no use.
    for (check, answer) in &answers {
        assert_eq!(service.check(check).await, *answer);
    }
    assert_eq!(service.count("grant.used").await, 3);
    assert_eq!(service.count("grant.refused").await, 1);
}

async fn a_revocation_between_two_uses_stops_the_rest(service: &Service) {
    let before = service.count("grant.used").await;
    let id = granted(service, 2).await;
    let first = redeeming(service, 2, &id);
    service.verified(&first, &service.check(&first).await);
    let path = format!("/v1/approvals/{id}/revoke");
    assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
    let later = redeeming(service, 2, &id);
    assert_eq!(refused(service, &later).await, "revoked");
    // Nor is the stream answered again that has used it.
    assert_eq!(refused(service, &first).await, "revoked");
    assert_eq!(uses(service, &id).await, 1);
    assert_eq!(service.count("grant.used").await, before + 1);
}

async fn what_is_left_when_its_time_is_over_is_gone(service: &Service) {
    let before = service.count("grant.used").await;
    let id = granted(service, 3).await;
    let first = redeeming(service, 3, &id);
    service.verified(&first, &service.check(&first).await);
    service.clock.advance(GRANT - 1);
    let second = redeeming(service, 3, &id);
    service.verified(&second, &service.check(&second).await);
    service.clock.advance(1);
    let third = redeeming(service, 3, &id);
    assert_eq!(refused(service, &third).await, "expired");
    assert_eq!(uses(service, &id).await, 2);
    assert_eq!(service.count("grant.used").await, before + 2);
}

async fn a_grant_of_three_uses(service: &Service) {
    is_good_for_three_streams_and_no_fourth(service).await;
    a_revocation_between_two_uses_stops_the_rest(service).await;
    what_is_left_when_its_time_is_over_is_gone(service).await;
}

#[tokio::test]
async fn a_grant_of_three_uses_has_three_within_its_time_unless_it_is_revoked_on_sqlite() {
    a_grant_of_three_uses(&Service::with(&of_three(CONFIGURATION)).await).await;
}

#[tokio::test]
async fn a_grant_of_three_uses_has_three_within_its_time_unless_it_is_revoked_on_postgres() {
    let server = Postgres::start().await.unwrap();
    let configuration = of_three(&on_postgres(&server.url()));
    a_grant_of_three_uses(&Service::with(&configuration).await).await;
}
