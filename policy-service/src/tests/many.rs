//! Many approvals of every kind through a whole service, and what anyone finds who verifies its log then.
//!
//! 320 here; `VELUM_LONG` asks for 10,000.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use velum_approval::{
    ApprovalId, Check, Evidence, Fingerprint, Found, Lineage, Tags, WorkerId, keyed_token,
};
use velum_engine::Class;
use velum_harness::Postgres;

use super::log::{signed, verified};
use crate::testing::{CONFIGURATION, Service, classes, identity, reason, use_key};

/// How many kinds there are.
const KINDS: u32 = 16;

fn approvals() -> u32 {
    if std::env::var_os("VELUM_LONG").is_some() {
        10_000
    } else {
        320
    }
}

fn configuration(store: &str, fence: &std::path::Path) -> String {
    let more = format!(
        "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n\
         \n[audit]\nname = \"audit.example.org/velum\"\nfence = {:?}\n",
        fence.join("fence")
    );
    CONFIGURATION
        .replace(
            "pending_per_principal = 5",
            "pending_per_principal = 1000\npending_per_action = 1000",
        )
        .replacen("[lifetimes]", &format!("{store}[lifetimes]"), 1)
        + &more
}

/// An ask that is like no other.
fn ask(service: &Service, number: u32) -> Check {
    let mut fingerprint = [0; 32];
    fingerprint[..4].copy_from_slice(&number.to_be_bytes());
    Check {
        resource: keyed_token(&[1; 32], &number.to_be_bytes()),
        fingerprint: Fingerprint::from_bytes(fingerprint),
        reason: (number.is_multiple_of(3)).then(|| reason("discharge summary")),
        ..service.ask(0)
    }
}

async fn approve(service: &Service, person: &str, id: &ApprovalId, body: Value) {
    let (status, body) = service.approve(person, id, body).await;
    assert_eq!(status, 200, "{body}");
}

/// What reviewers do to an approval.
async fn act(service: &Service, person: &str, id: &ApprovalId, what: &str) -> u16 {
    let path = format!("/v1/approvals/{id}/{what}");
    service.post(person, &path, &json!({})).await.0.as_u16()
}

async fn used(service: &Service, check: &Check) {
    service.verified(check, &service.check(check).await);
}

/// Tells what left under the use of a stream.
async fn left(service: &Service, check: &Check, id: &ApprovalId, drift: u64, end: &str) {
    let drift = if drift > 0 {
        json!({"name": drift})
    } else {
        json!({})
    };
    let outcome = json!({
        "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
        "lifted": {"name": 1}, "masked": {"ssn": 1}, "drift": drift, "end": end,
    });
    let (status, body) = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
    assert_eq!(status, 204, "{body}");
}

/// One approval from its ask to its end.
async fn live(service: &Service, number: u32) {
    let mut check = ask(service, number);
    match number % KINDS {
        3 => {
            check.action = "purge".parse().unwrap();
            check.method = "DELETE".to_owned();
            check.classes = classes(&[]);
        }
        // What is under an emergency access is of somebody else.
        11 => {
            check.principal = identity("dr-jones");
            check.lineage = Lineage::new(vec![identity("dr-jones")]).unwrap();
            return emergency(service, &check).await;
        }
        12 => return stopped(service, &check).await,
        13 => check.evidence = true,
        _ => {}
    }
    let id = service.pending(&check).await;
    match number % KINDS {
        0 => {
            assert_eq!(service.deny("grace", &id, json!({})).await.0, 200);
            assert_eq!(service.check(&check).await["code"], "denied");
        }
        2 => {
            approve(
                service,
                "grace",
                &id,
                json!({"classes": ["name"], "records": 1}),
            )
            .await;
            used(service, &check).await;
            left(service, &check, &id, 1, "complete").await;
        }
        3 => {
            approve(service, "grace", &id, json!({})).await;
            assert_eq!(service.check(&check).await["decision"], "pending");
            approve(service, "omar", &id, json!({"comment": "seen"})).await;
            used(service, &check).await;
        }
        4 => {
            approve(service, "grace", &id, json!({})).await;
            assert_eq!(act(service, "grace", &id, "revoke").await, 200);
            check.approval = Some(id);
            assert_eq!(service.check(&check).await["code"], "revoked");
        }
        // Nobody decides; it expires.
        5 => {}
        // Nobody uses it; the grant expires.
        6 => approve(service, "omar", &id, json!({"seconds": 60})).await,
        7 => {
            let path = format!("/v1/approvals/{id}/withdrawal");
            let body = json!({"principal": identity("triage-bot")});
            let (status, body) = service.call_gateway("POST", &path, &body).await;
            assert!(status.is_success(), "{body}");
        }
        8 => {
            assert_eq!(act(service, "nora", &id, "take-back").await, 409);
            assert_eq!(
                service.deny("omar", &id, json!({"comment": "no"})).await.0,
                200
            );
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 409);
        }
        9 => {
            assert_eq!(service.approve("dr-jones", &id, json!({})).await.0, 403);
            approve(service, "grace", &id, json!({})).await;
            used(service, &check).await;
            // The same stream has the same answer; another has none.
            used(service, &check).await;
            let mut other = check.clone();
            (other.use_key, other.approval) = (use_key(), Some(id.clone()));
            assert_eq!(service.check(&other).await["decision"], "deny");
            left(service, &check, &id, 0, "complete").await;
        }
        10 => {
            assert_eq!(act(service, "grace", &id, "question").await, 200);
            let mut again = ask(service, number);
            again.reason = Some(reason("for the round of ward 4"));
            assert_eq!(service.pending(&again).await, id);
            approve(service, "grace", &id, json!({})).await;
            used(service, &again).await;
            left(service, &again, &id, 0, "cut").await;
        }
        13 => {
            let evidence = Evidence {
                use_key: check.use_key,
                found: Found::new([(Class::Name, 2)]),
                records: 1,
                bytes: 300,
                tags: Tags::new([[1; 8], [2; 8]]).unwrap(),
                complete: true,
                shape: None,
            };
            let path = format!("/v1/approvals/{id}/evidence");
            let body = serde_json::to_value(&evidence).unwrap();
            assert_eq!(service.call_gateway("POST", &path, &body).await.0, 204);
            approve(service, "grace", &id, json!({})).await;
            let again = ask(service, number);
            used(service, &again).await;
            left(service, &again, &id, 0, "stopped").await;
        }
        _ => {
            approve(service, "grace", &id, json!({})).await;
            used(service, &check).await;
            left(service, &check, &id, 0, "complete").await;
        }
    }
}

/// Approved, stopped, refused, resumed by another, used: through a gateway of its own, so that no other is
/// stopped.
async fn stopped(service: &Service, check: &Check) {
    let gateway = &service.running.gateways["second-edge"];
    let ask = async || service.check_as(gateway, check, 0).await.1;
    let id = ask().await["approval"].as_str().unwrap().parse().unwrap();
    approve(service, "grace", &id, json!({})).await;
    let scope = json!({"scope": {"kind": "gateway", "id": "second-edge"}});
    let (status, stop) = service.post("grace", "/v1/stops", &scope).await;
    assert_eq!(status, 201, "{stop}");
    assert_eq!(ask().await["code"], "stopped");
    let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 403);
    assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
    service.verified(check, &ask().await);
}

/// Opened, used without anybody's review, and reviewed.
async fn emergency(service: &Service, check: &Check) {
    let asked = json!({
        "principal": check.principal, "action": "read", "reason": "patient unconscious", "minutes": 10,
    });
    let (status, opened) = service.post("omar", "/v1/emergencies", &asked).await;
    assert_eq!(status, 201, "{opened}");
    used(service, check).await;
    let path = format!("/v1/emergencies/{}/review", opened["id"].as_str().unwrap());
    let justified = json!({"justified": opened["id"].as_str().unwrap().ends_with('a')});
    let (status, body) = service.post("grace", &path, &justified).await;
    assert_eq!(status, 200, "{body}");
}

/// What a worker masked meanwhile.
async fn report(service: &Service, sequence: u32) {
    let mut batch: Value =
        serde_json::from_str(include_str!("../../../approval/tests/golden/events.json")).unwrap();
    batch["worker"] = json!(WorkerId::from_bytes([9; 16]));
    batch["sequence"] = json!(sequence);
    assert_eq!(
        service.call_gateway("POST", "/v1/events", &batch).await.0,
        200
    );
}

/// How many records of each code all kinds together leave, for so many of each kind; but for those that come with
/// time: of minutes, and of silence.
fn expected(each: u64) -> BTreeMap<String, u64> {
    let codes = [
        ("VA1001I", 16),
        // Of 13.
        ("VA1003I", 1),
        // Of 10.
        ("VA1005I", 1),
        ("VA1006I", 1),
        // Of 3, which two approve.
        ("VA1101I", 1),
        // Of 0 and 8.
        ("VA1102I", 2),
        // Of 8 twice, and of 9.
        ("VA1104W", 3),
        // Of all but 0, 5, 7, 8 and 11.
        ("VA1111I", 11),
        // And those of them that are used: not 4 and 6.
        ("VA1201I", 9),
        // Of 9.
        ("VA1202W", 1),
        // Of 11.
        ("VA1203W", 1),
        // Of 1, 9, 14 and 15; of 2 and 13; of 10. Nothing is told of 3, 11 and 12.
        ("VA1211I", 4),
        ("VA1212W", 2),
        ("VA1213W", 1),
        // Of 5 and 6.
        ("VA1301I", 2),
        // Of 7.
        ("VA1302I", 1),
        // Of 4.
        ("VA1304W", 1),
        // Of 4 and 12; and of 11, whose emergency access is over when it is reviewed.
        ("VA1501W", 3),
        // Of 12.
        ("VA1502W", 1),
        ("VA1503W", 1),
        // Of 11.
        ("VA1601W", 1),
        ("VA1602I or VA1603W", 1),
    ];
    // The log begins, and says what decisions are made under.
    let once = ["VA1701I", "VA2001I"].map(|code| (code.to_owned(), 1));
    let each = codes.map(|(code, times)| (code.to_owned(), times * each));
    each.into_iter().chain(once).collect()
}

/// How many there are.
async fn counted(service: &Service) -> BTreeMap<String, u64> {
    let (mut counts, mut next) = (BTreeMap::new(), 0);
    let store = service.running.app.store();
    loop {
        let entries = store.entries(next, 1000).await.unwrap();
        let Some(last) = entries.last() else {
            return counts;
        };
        next = last.index + 1;
        for entry in entries {
            let record: Value = serde_json::from_slice(&entry.leaf).unwrap();
            let code = match record["data"]["code"].as_str().unwrap() {
                // As it was justified or not.
                "VA1602I" | "VA1603W" => "VA1602I or VA1603W",
                "VA1402I" | "VA1703I" => continue,
                code => code,
            };
            *counts.entry(code.to_owned()).or_default() += 1;
        }
    }
}

async fn many(test: &str, service: Service) {
    let (begun, number) = (Instant::now(), approvals());
    let service = Arc::new(service);
    for first in (0..number).step_by(KINDS as usize) {
        let mut tasks = JoinSet::new();
        for number in first..(first + KINDS).min(number) {
            let service = service.clone();
            tasks.spawn(async move { live(&service, number).await });
        }
        tasks.join_all().await;
        report(&service, first / KINDS + 1).await;
        service.clock.advance(10_000);
    }
    // What is open ends, and what was reported is summed.
    service.clock.advance(16 * 60_000);
    let ended = 2 * u64::from(number / KINDS);
    let settled = async {
        loop {
            // Until then they read as expired, and nobody has written it down.
            if counted(&service).await.get("VA1301I") >= Some(&ended) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let settled = tokio::time::timeout(std::time::Duration::from_mins(2), settled).await;
    assert!(settled.is_ok(), "something stays open");
    signed(&service).await;
    let lived = begun.elapsed();
    let begun = Instant::now();
    let (records, _) = verified(&service, &[]).await;
    let verified = begun.elapsed();
    // Every kind has left its records, and nothing else has.
    assert_eq!(counted(&service).await, expected(u64::from(number / KINDS)));
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let line = format!(
            "{number} approvals in {:.0} s, {records} records, verified in {:.1} s",
            lived.as_secs_f64(),
            verified.as_secs_f64()
        );
        let file = std::path::Path::new(&folder).join(format!("{test}.txt"));
        std::fs::write(file, line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_approvals_of_every_kind_leave_a_log_that_holds_on_sqlite() {
    let fence = tempfile::tempdir().unwrap();
    let service = Service::with(&configuration("", fence.path())).await;
    many(
        "many_approvals_of_every_kind_leave_a_log_that_holds_on_sqlite",
        service,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_approvals_of_every_kind_leave_a_log_that_holds_on_postgres() {
    let (server, fence) = (
        Postgres::start().await.unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    let service = Service::with(&configuration(&store, fence.path())).await;
    many(
        "many_approvals_of_every_kind_leave_a_log_that_holds_on_postgres",
        service,
    )
    .await;
}
