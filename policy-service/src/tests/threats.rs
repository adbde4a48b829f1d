//! Attacks on approvals that no other file shows; [`table`] has all of them.

mod table;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::routing::MethodFilter;
use reqwest::Method;
use serde_json::{Value, json};
use velum_approval::record::Part;
use velum_approval::{ApprovalId, Check, Evidence, Found, Lineage, Tags, UseKey};
use velum_engine::Class;
use velum_harness::Postgres;

use crate::auth::Access;
use crate::http::ROUTES;
use crate::inbox::PAGES;
use crate::testing::browser::Browser;
use crate::testing::{CONFIGURATION, Service, identity, on_postgres, reason, reply, use_key};

/// An ask by somebody else than [`Service::ask`]'s, for themselves.
fn ask_of(service: &Service, person: &str, request: u8) -> Check {
    Check {
        principal: identity(person),
        lineage: Lineage::new(vec![identity(person)]).unwrap(),
        ..service.ask(request)
    }
}

fn evidence(use_key: UseKey) -> Value {
    json!(Evidence {
        use_key,
        found: Found::new([(Class::Name, 2)]),
        records: 1,
        bytes: 300,
        tags: Tags::new([[1; 8]]).unwrap(),
        complete: true,
        shape: None,
    })
}

fn outcome(approval: &ApprovalId, use_key: UseKey) -> Value {
    json!({
        "approval": approval, "use_key": use_key, "status": 200, "records": 1, "bytes": 300,
        "lifted": {"name": 1}, "masked": {}, "drift": {}, "end": "complete",
    })
}

#[tokio::test]
async fn no_operation_of_a_gateway_tells_or_changes_what_is_anothers() {
    let service = Service::start().await;
    // One whose evidence is awaited, one that waits for people, and one that was used.
    let mut collected = service.ask(1);
    collected.evidence = true;
    let (asked, used) = (service.ask(2), service.ask(3));
    let mut ids = Vec::new();
    for check in [&collected, &asked, &used] {
        ids.push(service.pending(check).await);
    }
    assert_eq!(service.approve("grace", &ids[2], json!({})).await.0, 200);
    service.verified(&used, &service.check(&used).await);
    let mut before = Vec::new();
    for id in &ids {
        before.push(service.show(id).await);
    }
    let stranger = json!({"principal": identity("omar")});
    let of_approvals = |id: &ApprovalId| {
        [
            ("/v1/approvals/{id}/status", "edge", stranger.clone()),
            (
                "/v1/approvals/{id}/proofs/{number}",
                "edge",
                stranger.clone(),
            ),
            ("/v1/approvals/{id}/withdrawal", "edge", stranger.clone()),
            // The gateway is another, or the stream is.
            (
                "/v1/approvals/{id}/evidence",
                "second-edge",
                evidence(collected.use_key),
            ),
            ("/v1/approvals/{id}/evidence", "edge", evidence(use_key())),
            ("/v1/outcomes", "second-edge", outcome(id, used.use_key)),
            ("/v1/outcomes", "edge", outcome(id, use_key())),
        ]
    };
    let mut walked = BTreeSet::from([
        "/v1/checks",
        "/v1/departures",
        // About no approval.
        "/v1/leases",
        "/v1/events",
    ]);
    for id in &ids {
        for (route, gateway, body) in of_approvals(id) {
            let path = route.replace("{id}", id.as_str()).replace("{number}", "1");
            let (status, answer) = service.reply_as(gateway, "POST", &path, &body).await;
            assert!(status.is_client_error(), "{route}: {status} {answer}");
            let told = answer.to_string();
            for secret in ["triage-bot", "/Patient", "\"state\""] {
                assert!(!told.contains(secret), "{route} tells {secret}: {told}");
            }
            walked.insert(route);
        }
        // Somebody else's use of it, for their own request and for the very same.
        for request in 1..=3 {
            let mut theirs = ask_of(&service, "omar", request);
            theirs.approval = Some(id.clone());
            let answer = service.check(&theirs).await;
            assert_eq!(answer["code"], "unknown-approval", "{answer}");
            assert_eq!(answer.get("approval").unwrap_or(&Value::Null), &Value::Null);
        }
    }
    // A stream of another gateway is not told to have left by its key.
    let left = json!({"use_key": asked.use_key});
    let (status, _) = service
        .reply_as("second-edge", "POST", "/v1/departures", &left)
        .await;
    assert!(status.is_success(), "{status}");
    assert_eq!(service.check(&asked).await["decision"], "pending");
    for (id, card) in ids.iter().zip(before) {
        assert_eq!(service.show(id).await, card);
    }
    let routes = ROUTES
        .iter()
        .filter(|route| route.access == Access::Gateway);
    let routes: BTreeSet<_> = routes.map(|route| route.path).collect();
    assert_eq!(walked, routes, "a route for gateways is not looked at");
}

#[tokio::test]
async fn whatever_is_only_looked_at_decides_nothing() {
    let service = Service::start().await;
    let waits = service.pending(&service.ask(1)).await;
    let granted = service.pending(&service.ask(2)).await;
    assert_eq!(service.approve("grace", &granted, json!({})).await.0, 200);
    let mut browser = Browser::new();
    let shown = browser.submit(&service.running.links["omar"], &[]).await;
    assert_eq!(shown.status, 303);
    let before = [service.show(&waits).await, service.show(&granted).await];
    let records = service.log().await.len();
    // What a mail scanner follows, and what somebody hopes that it does.
    let hopes = "approve=true&verdict=approve&version=1&_method=POST&form_token=x";
    let mut looked = 0;
    for id in [&waits, &granted] {
        let paths = |path: &str| {
            let path = path.replace("{id}", id.as_str()).replace("{number}", "0");
            let path = path.replace("{token}", "none").replace("{place}", "0");
            [path.replace("{*path}", "0/000"), format!("{path}?{hopes}")]
        };
        for route in ROUTES.iter().filter(|it| it.method == MethodFilter::GET) {
            for path in paths(route.path) {
                for method in ["GET", "HEAD"] {
                    let request = service.request(method, &path);
                    let request = request.bearer_auth(service.reviewer("omar"));
                    // A stream of events does not end by itself: its head is enough.
                    let response = request.send().await.unwrap();
                    assert!(response.status().as_u16() < 500, "{path}");
                    looked += 1;
                }
            }
        }
        for page in PAGES.iter().filter(|it| it.method == MethodFilter::GET) {
            // The inbox's stream of changes lasts for minutes.
            for path in paths(page.path) {
                let url = service.url(&path);
                let opened = tokio::time::timeout(Duration::from_millis(500), browser.open(&url));
                if let Ok(shown) = opened.await {
                    assert!(shown.status.as_u16() < 500, "{path}");
                }
                looked += 1;
            }
        }
        // What decides is there by POST alone.
        for verb in ["approve", "deny", "take-back", "question", "revoke"] {
            for path in [
                format!("/v1/approvals/{id}/{verb}"),
                format!("/approvals/{id}/{verb}"),
            ] {
                let from = [("sec-fetch-site", "same-origin")];
                let shown = browser
                    .send(Method::GET, &service.url(&path), &from, None)
                    .await;
                assert!(
                    [404, 405].contains(&shown.status.as_u16()),
                    "{path}: {}",
                    shown.status
                );
            }
        }
    }
    assert!(looked > 100, "{looked}");
    assert_eq!(
        [service.show(&waits).await, service.show(&granted).await],
        before
    );
    assert_eq!(
        service.log().await.len(),
        records,
        "a record of something that was only read"
    );
    // But for that the audit log was: once for the minute and the person, by token and in the browser together.
    service.clock.advance(60_000);
    let begun = Instant::now();
    while service.count("audit.read").await == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "nothing is recorded"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = service.log().await;
    let added: Vec<_> = log[records..].iter().map(|leaf| &leaf["type"]).collect();
    assert_eq!(added, ["org.velum.audit.read.v1"]);
    assert_eq!(log[records]["data"]["actor"]["id"], "omar");
    let counts = log[records]["data"]["reading"]["counts"]
        .as_object()
        .unwrap();
    for part in Part::ALL {
        assert!(counts.contains_key(part.name()), "{part:?}: {counts:?}");
    }
}

#[tokio::test]
async fn a_flood_of_asks_is_capped_for_a_principal_an_action_and_all_of_them() {
    let caps = "pending_per_principal = 5\npending_per_action = 6\npending = 8";
    let service = Service::with(&CONFIGURATION.replace("pending_per_principal = 5", caps)).await;
    let refused = async |check: &Check| service.check(check).await["code"] == "rate-limited";
    let purge = |person: &str, request: u8| Check {
        action: "purge".parse().unwrap(),
        method: "DELETE".to_owned(),
        classes: velum_engine::ClassSet::EMPTY,
        ..ask_of(&service, person, request)
    };
    let mut opened = 0;
    for request in 0..200 {
        opened += usize::from(!refused(&service.ask(request)).await);
    }
    assert_eq!(opened, 5, "of one principal");
    service.pending(&ask_of(&service, "omar", 1)).await;
    assert!(refused(&ask_of(&service, "nora", 1)).await, "of one action");
    service.pending(&purge("nora", 2)).await;
    service.pending(&purge("nora", 3)).await;
    assert!(refused(&purge("omar", 4)).await, "of all");
    // Reviewers see no more, and the log has not more than so many refusals a minute and caller.
    let (_, page) = service
        .get("grace", "/v1/approvals?state=pending&limit=100")
        .await;
    assert_eq!(page["approvals"].as_array().unwrap().len(), 8);
    assert_eq!(service.count("approval.refused").await, 62);
}

#[tokio::test]
async fn who_asks_again_and_again_with_a_detail_changed_is_held_to_so_many_a_minute() {
    let slow = CONFIGURATION
        .replace("pending_per_principal = 5", "pending_per_principal = 100")
        .replace("asks_per_minute = 1000", "asks_per_minute = 10");
    let service = Service::with(&slow).await;
    let open = async |requests: std::ops::Range<u8>| {
        let mut opened = 0;
        for request in requests {
            let answer = service.check(&service.ask(request)).await;
            opened += usize::from(answer["decision"] == "pending");
        }
        opened
    };
    assert_eq!(open(0..50).await, 10);
    service.clock.advance(59_000);
    assert_eq!(open(50..60).await, 0);
    service.clock.advance(2_000);
    assert_eq!(open(60..100).await, 10);
}

#[tokio::test]
async fn who_asks_the_same_again_and_again_is_put_before_people_once() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    for _ in 0..100 {
        assert_eq!(service.pending(&service.ask(1)).await, id);
    }
    let cards = async || {
        let (_, page) = service.get("grace", "/v1/approvals?limit=100").await;
        page["approvals"].as_array().unwrap().len()
    };
    assert_eq!(
        (cards().await, service.count("approval.requested").await),
        (1, 1)
    );
    assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
    for _ in 0..100 {
        assert_eq!(service.check(&service.ask(1)).await["code"], "denied");
    }
    assert_eq!(
        (cards().await, service.count("approval.requested").await),
        (1, 1)
    );
    // Whoever goes on all the same is stopped by a reviewer, and asks nobody anything.
    let scope = json!({"scope": {"kind": "principal", "identity": identity("triage-bot")}});
    let (status, body) = service.post("grace", "/v1/stops", &scope).await;
    assert_eq!(status, 201, "{body}");
    for request in 2..10 {
        assert_eq!(
            service.check(&service.ask(request)).await["code"],
            "stopped"
        );
    }
    assert_eq!(cards().await, 1);
}

const SQL: &str =
    "'; DROP TABLE approval; -- \"; UPDATE approval SET state = 'approved' WHERE ''='";

async fn what_looks_like_sql(service: &Service) {
    let mut check = service.ask(1);
    check.path = format!("/Patient/{SQL}");
    check.query = SQL.to_owned();
    check.authority = SQL.to_owned();
    check.method = "'; DROP TABLE vote; --".to_owned();
    check.reason = Some(reason(SQL));
    let id = service.pending(&check).await;
    let card = service.show(&id).await;
    // Of a route only words of the policy are kept; a reason is kept as it was written.
    assert_eq!(card["path"], "/Patient/{…}", "{card}");
    assert_eq!(card["reason"], SQL, "{card}");
    assert_eq!(card["state"], "pending");
    let encoded: String = form_urlencoded::byte_serialize(SQL.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    for path in [
        format!("/v1/approvals/{encoded}"),
        format!("/v1/approvals?after={encoded}"),
        format!("/v1/approvals?state={encoded}"),
        format!("/v1/audit?after={encoded}"),
        format!("/v1/stops/{encoded}"),
    ] {
        let status = service.get("grace", &path).await.0;
        assert!(!status.is_server_error(), "{path}: {status}");
    }
    let (status, _) = service
        .deny("grace", &id, json!({"comment": SQL, "public_reason": SQL}))
        .await;
    assert_eq!(status, 200);
    let told = json!({"principal": check.principal});
    let path = format!("/v1/approvals/{id}/status");
    let (_, told) = service.call_gateway("POST", &path, &told).await;
    assert_eq!(told["public_reason"], SQL, "{told}");
    let token = service.request("GET", "/v1/approvals").bearer_auth(SQL);
    assert_eq!(reply(token).await.0, 401);
    service.log().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_sql_is_a_text_wherever_it_may_stand() {
    what_looks_like_sql(&Service::start().await).await;
    let server = Postgres::start().await.unwrap();
    what_looks_like_sql(&Service::with(&on_postgres(&server.url())).await).await;
}
