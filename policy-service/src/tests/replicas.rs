//! Two services on one database.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use velum_approval::ApprovalId;
use velum_harness::Postgres;

use crate::testing::{CONFIGURATION, Service, Stopped, reply};

/// The configuration with the store in this server.
pub(super) fn configuration(server: &Postgres) -> String {
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    CONFIGURATION.replacen("[lifetimes]", &(store + "[lifetimes]"), 1)
}

/// Two services with the same keys.
pub(super) async fn two(server: &Postgres) -> (Service, Service) {
    let configuration = configuration(server);
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    (one, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_one_service_is_woken_by_a_vote_at_the_other() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    let check = one.ask(1);
    let id = one.pending(&check).await;
    let mut redeem = check.clone();
    redeem.approval = Some(id.clone());
    let voting = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(other.approve("grace", &id, json!({})).await.0, 200);
        Instant::now()
    };
    let waiting = async {
        let answer = one.check_waiting(&check, 20).await;
        (answer, Instant::now())
    };
    let (voted, (answer, woken)) = tokio::join!(voting, waiting);
    assert_eq!(answer["decision"], "pending", "{answer}");
    assert_eq!(answer["retry_after_seconds"], 0, "{answer}");
    let took = woken.saturating_duration_since(voted);
    assert!(took < Duration::from_secs(1), "{took:?}");

    one.verified(&redeem, &other.check(&redeem).await);
    let again = one.check(&redeem).await;
    assert_eq!(again, other.check(&redeem).await, "a replay elsewhere");
    assert_eq!(one.log().await, other.log().await);
    assert_eq!(one.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_with_other_keys_is_refused_and_one_whose_clock_is_behind_revives_nothing() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    let error = Stopped::new().refusal(&configuration(&server)).await;
    assert!(error.contains("fingerprint.key"), "{error}");

    let check = one.ask(1);
    let id = one.pending(&check).await;
    one.clock.advance(15 * 60 * 1000);
    let begun = Instant::now();
    while one.count("approval.expired").await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody swept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Its own clock has not moved.
    assert_eq!(other.show(&id).await["state"], "expired");
    let again = other.pending(&other.ask(1)).await;
    assert_ne!(again, id);
    assert!(
        other.show(&again).await["created"].as_i64() >= one.show(&id).await["ended"].as_i64(),
        "time ran backwards"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asks_and_uses_that_race_through_both_are_all_answered() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    let race = async |approval: Option<&ApprovalId>| {
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let service = if number % 2 == 0 { &one } else { &other };
            let mut check = service.ask(1);
            check.approval = approval.cloned();
            let request = service
                .request("POST", "/v1/checks")
                .bearer_auth(service.gateway())
                .json(&check);
            tasks.spawn(reply(request));
        }
        tasks.join_all().await
    };
    let asked = race(None).await;
    for (status, answer) in &asked {
        assert_eq!(*status, 200, "{answer}");
        assert_eq!(answer["approval"], asked[0].1["approval"]);
    }
    let id: ApprovalId = asked[0].1["approval"].as_str().unwrap().parse().unwrap();
    assert_eq!(one.count("approval.requested").await, 1);
    assert_eq!(one.approve("grace", &id, json!({})).await.0, 200);
    let used = race(Some(&id)).await;
    assert!(used.iter().all(|(status, _)| *status == 200), "{used:?}");
    let allowed = used
        .iter()
        .filter(|(_, answer)| answer["decision"] == "allow");
    assert_eq!(allowed.count(), 1);
    assert_eq!(other.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_one_stream_that_race_through_both_have_one_answer() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    for round in 1..=5 {
        let check = one.ask(round);
        let id = one.pending(&check).await;
        assert_eq!(one.approve("grace", &id, json!({})).await.0, 200);
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let service = if number % 2 == 0 { &one } else { &other };
            let request = service
                .request("POST", "/v1/checks")
                .bearer_auth(service.gateway())
                .json(&check);
            tasks.spawn(reply(request));
        }
        let answers = tasks.join_all().await;
        one.verified(&check, &answers[0].1);
        for (status, answer) in &answers {
            assert_eq!((status.as_u16(), answer), (200, &answers[0].1));
        }
        assert_eq!(one.count("approval.requested").await, usize::from(round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_emergencies_that_race_through_both_one_is_opened() {
    let server = Postgres::start().await.unwrap();
    let glass = "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
    let configuration = configuration(&server) + glass;
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    for round in 1..=5 {
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let service = if number % 2 == 0 { &one } else { &other };
            let request = service
                .request("POST", "/v1/emergencies")
                .bearer_auth(service.reviewer("omar"))
                .json(&json!({
                    "principal": crate::testing::identity("triage-bot"), "action": "read",
                    "reason": "patient unconscious", "minutes": 10,
                }));
            tasks.spawn(reply(request));
        }
        let mut answers = tasks.join_all().await;
        answers.sort_by_key(|(status, _)| status.as_u16());
        let statuses: Vec<_> = answers.iter().map(|(status, _)| status.as_u16()).collect();
        assert_eq!(
            statuses,
            [201, 409, 409, 409, 409, 409, 409, 409],
            "{answers:?}"
        );
        assert_eq!(one.count("emergency.opened").await, round);
        // The next one waits for the review of this one.
        let id = answers[0].1["id"].as_str().unwrap();
        let review = format!("/v1/emergencies/{id}/review");
        let (status, body) = one
            .post("grace", &review, &json!({"justified": true}))
            .await;
        assert_eq!(status, 200, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_no_reason_to_release_and_one_that_comes_back_is_used() {
    let mut server = Postgres::start().await.unwrap();
    let service = Service::with(&configuration(&server)).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    server.kill();
    let begun = Instant::now();
    let (status, body) = service.check_as(service.gateway(), &check, 0).await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(body["retryable"], true);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let ready = service.request("GET", "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    server.restart().await.unwrap();
    service.verified(&check, &service.check(&check).await);
    assert_eq!(service.count("grant.used").await, 1);
}

/// The machine's clock, an hour ahead.
struct Ahead;

impl crate::clock::Clock for Ahead {
    fn now(&self) -> velum_approval::Timestamp {
        crate::clock::SystemClock
            .now()
            .after(Duration::from_hours(1))
    }
}

#[tokio::test]
async fn a_service_whose_clock_is_far_ahead_writes_nothing_that_would_end_what_has_not_ended() {
    let server = Postgres::start().await.unwrap();
    let one = Service::with(&configuration(&server)).await;
    let id = one.pending(&one.ask(1)).await;
    let before = memberships(&server).await;
    // Another one reviews there, and one of them does not.
    let (nora, ida) = (
        "[[reviewers]]\nperson = \"nora\"",
        "[[reviewers]]\nperson = \"ida\"",
    );
    let others = configuration(&server).replacen(nora, ida, 1) + "\n[[people]]\nid = \"ida\"\n";
    let error = one.refusal_beside(&others, Ahead).await;
    assert!(error.contains("clock"), "{error}");
    assert_eq!(memberships(&server).await, before);
    assert_eq!(one.show(&id).await["state"], "pending");
    assert_eq!(one.get("grace", "/readyz").await.0, 200);
    // One whose clock is right notes it.
    let _other = Service::beside(&one, &others).await;
    let after = memberships(&server).await;
    let is_there = |person: &str| after.iter().any(|(member, ..)| member == person);
    assert!(is_there("ida") && !is_there("nora"), "{after:?}");
}

/// Since when everybody reviews, and is in their groups, as the database has it.
async fn memberships(server: &Postgres) -> Vec<(String, String, i64)> {
    let mut database = PgConnection::connect(&server.url()).await.unwrap();
    let all = "SELECT person, name, since_ms FROM membership ORDER BY person, name";
    let all: Vec<_> = sqlx::query_as(all).fetch_all(&mut database).await.unwrap();
    assert!(!all.is_empty());
    all
}
