//! Clients that hang up at any moment, in every operation that takes a body: what they said is done whole, with
//! its record, or not at all, and when they say it again it has been done once.

use std::time::Duration;

use axum::routing::MethodFilter;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use velum_approval::{ApprovalId, Check, Evidence, Fingerprint, Found, Tags, WorkerId};
use velum_engine::Class;
use velum_harness::Postgres;

use crate::auth::Access;
use crate::http::ROUTES;
use crate::testing::{
    CONFIGURATION, Reply, Service, figure, identity, on_postgres, reply, use_key,
};

/// How often each operation is cut short; `VELUM_LONG` asks for more than 1,000 cuts in all.
fn rounds() -> u32 {
    if std::env::var_os("VELUM_LONG").is_some() {
        60
    } else {
        3
    }
}

/// Where cuts are: the same in each run, while what they meet is not.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX; its upper half is random enough.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What somebody says, and how often it may be noted.
struct Said {
    token: String,
    path: String,
    body: Value,
    key: Option<String>,
    /// The kind of its record; `None` where nothing is to be recorded.
    record: Option<&'static str>,
    /// What it is about.
    about: Option<ApprovalId>,
}

impl Said {
    fn new(token: &str, path: impl Into<String>, body: Value) -> Said {
        Said {
            token: token.to_owned(),
            path: path.into(),
            body,
            key: None,
            record: None,
            about: None,
        }
    }

    fn about(self, id: &ApprovalId) -> Said {
        Said {
            about: Some(id.clone()),
            ..self
        }
    }

    /// It leaves one record of this kind.
    fn once(self, record: &'static str) -> Said {
        Said {
            record: Some(record),
            ..self
        }
    }

    /// It is known by a key.
    fn keyed(self, route: &str, round: u32) -> Said {
        Said {
            key: Some(format!("{route}-{round}")),
            ..self
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let body = self.body.to_string();
        let key = self.key.as_ref();
        let key = key.map_or_else(String::new, |key| format!("idempotency-key: {key}\r\n"));
        format!(
            "POST {} HTTP/1.1\r\nhost: velum\r\nauthorization: Bearer {}\r\n{key}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.path,
            self.token,
            body.len()
        )
        .into_bytes()
    }

    /// Says so much of it, and leaves so many microseconds later.
    async fn leave(&self, service: &Service, length: usize, after: u64) {
        let mut stream = TcpStream::connect(service.running.address).await.unwrap();
        stream.write_all(&self.bytes()[..length]).await.unwrap();
        tokio::time::sleep(Duration::from_micros(after)).await;
    }

    async fn say(&self, service: &Service) -> Reply {
        let request = service.request("POST", &self.path).bearer_auth(&self.token);
        let request = match &self.key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        reply(request.json(&self.body)).await
    }
}

/// An ask that nobody else makes.
fn ask(service: &Service, route: &str, round: u32) -> Check {
    let mut check = service.ask(0);
    let name = format!("{route} {round}");
    let mut digest = [7; 32];
    let fingerprint = velum_approval::keyed_token(&[1; 32], name.as_bytes()).to_string();
    digest[..16].copy_from_slice(&fingerprint.as_bytes()[..16]);
    check.fingerprint = Fingerprint::from_bytes(digest);
    check.resource = velum_approval::keyed_token(&[2; 32], name.as_bytes());
    check
}

/// Has it approved by as many of the two as these are.
async fn approved(service: &Service, check: &Check, people: &[&str]) -> ApprovalId {
    let id = service.pending(check).await;
    for person in people {
        let (status, body) = service.approve(person, &id, json!({})).await;
        assert_eq!(status, 200, "{body}");
    }
    id
}

const BOTH: [&str; 2] = ["grace", "omar"];

/// Prepares what can be said once to this route. Who adds a route says here what it changes.
async fn prepare(service: &Service, route: &'static str, round: u32) -> Said {
    let (gateway, grace, omar) = (
        service.gateway(),
        service.reviewer("grace"),
        service.reviewer("omar"),
    );
    let check = ask(service, route, round);
    let of = |id: &ApprovalId| route.replace("{id}", id.as_str()).replace("{number}", "1");
    let principal = json!({"principal": check.principal});
    match route {
        "/v1/checks" => {
            let id = approved(service, &check, &BOTH).await;
            let said = Said::new(gateway, route, json!(check));
            said.about(&id).once("grant.used")
        }
        "/v1/departures" => Said::new(gateway, route, json!({"use_key": check.use_key})),
        "/v1/leases" => {
            let asked =
                json!({"worker": WorkerId::from_bytes([7; 16]), "nonce": use_key(), "seen": 0});
            Said::new(gateway, route, asked)
        }
        "/v1/approvals/{id}/status" => {
            let id = service.pending(&check).await;
            Said::new(gateway, of(&id), principal)
        }
        "/v1/approvals/{id}/proofs/{number}" => {
            let id = approved(service, &check, &BOTH).await;
            service.verified(&check, &service.check(&check).await);
            Said::new(gateway, of(&id), principal)
        }
        "/v1/approvals/{id}/evidence" => {
            let mut check = check;
            check.evidence = true;
            let id = service.pending(&check).await;
            let evidence = Evidence {
                use_key: check.use_key,
                found: Found::new([(Class::Name, 2)]),
                records: 1,
                bytes: 300,
                tags: Tags::new([[1; 8]]).unwrap(),
                complete: true,
                shape: None,
            };
            let said = Said::new(gateway, of(&id), json!(evidence));
            said.about(&id).once("approval.collected")
        }
        "/v1/approvals/{id}/withdrawal" => {
            let id = service.pending(&check).await;
            let said = Said::new(gateway, of(&id), principal);
            said.about(&id).once("approval.cancelled")
        }
        "/v1/outcomes" => {
            let id = approved(service, &check, &BOTH).await;
            service.verified(&check, &service.check(&check).await);
            let outcome = json!({
                "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 30,
                "lifted": {"name": 1}, "masked": {}, "drift": {}, "end": "complete",
            });
            let said = Said::new(gateway, route, outcome);
            said.about(&id).once("release.delivered")
        }
        "/v1/approvals/{id}/approve" => {
            let id = approved(service, &check, &["grace"]).await;
            let said = Said::new(omar, of(&id), json!({})).keyed(route, round);
            said.about(&id).once("grant.issued")
        }
        "/v1/approvals/{id}/deny" => {
            let id = service.pending(&check).await;
            let said = Said::new(grace, of(&id), json!({})).keyed(route, round);
            said.about(&id).once("vote.denied")
        }
        "/v1/approvals/{id}/take-back" => {
            let id = approved(service, &check, &["grace"]).await;
            let said = Said::new(grace, of(&id), json!({})).keyed(route, round);
            said.about(&id).once("vote.taken-back")
        }
        "/v1/approvals/{id}/question" => {
            let id = service.pending(&check).await;
            let said = Said::new(grace, of(&id), json!({})).keyed(route, round);
            said.about(&id).once("approval.questioned")
        }
        "/v1/approvals/{id}/revoke" => {
            let id = approved(service, &check, &BOTH).await;
            let said = Said::new(grace, of(&id), json!({})).keyed(route, round);
            said.about(&id).once("grant.revoked")
        }
        "/v1/stops" => {
            let stop = json!({"scope": {"kind": "action", "name": "purge"}});
            let said = Said::new(grace, route, stop).keyed(route, round);
            said.once("stop.begun")
        }
        "/v1/stops/{id}/resume" => {
            let stop = json!({"scope": {"kind": "action", "name": "purge"}});
            let (status, stop) = service.post("grace", "/v1/stops", &stop).await;
            assert_eq!(status, 201, "{stop}");
            let path = route.replace("{id}", stop["id"].as_str().unwrap());
            Said::new(omar, path, json!({})).once("stop.resumed")
        }
        "/v1/emergencies" => {
            let said = Said::new(omar, route, emergency()).keyed(route, round);
            said.once("emergency.opened")
        }
        "/v1/emergencies/{id}/review" => {
            let (status, opened) = service.post("omar", "/v1/emergencies", &emergency()).await;
            assert_eq!(status, 201, "{opened}");
            let path = route.replace("{id}", opened["id"].as_str().unwrap());
            let said = Said::new(grace, path, json!({"justified": true}));
            said.once("emergency.reviewed")
        }
        "/v1/events" => {
            let batch = include_str!("../../../approval/tests/golden/events.json");
            let mut batch: Value = serde_json::from_str(batch).unwrap();
            batch["sequence"] = json!(round + 1);
            Said::new(gateway, route, batch)
        }
        _ => {
            panic!("{route} takes a body: what does it change, and what is there of it afterwards?")
        }
    }
}

/// For somebody whom no ask here is for.
fn emergency() -> Value {
    json!({
        "principal": identity("dr-jones"), "action": "read", "reason": "patient unconscious",
        "minutes": 10,
    })
}

/// Makes sure that it is done, and leaves room for the next.
async fn conclude(service: &Service, route: &str, said: &Said, told: &Value, round: u32) {
    let shown = match &said.about {
        Some(id) => service.show(id).await,
        None => Value::Null,
    };
    let length = |list: &str| shown[list].as_array().unwrap().len();
    match route {
        "/v1/checks" => {
            assert_eq!((&shown["state"], length("uses")), (&json!("used"), 1));
            let check: Check = serde_json::from_value(said.body.clone()).unwrap();
            service.verified(&check, told);
        }
        "/v1/approvals/{id}/approve" => {
            assert_eq!((&shown["state"], length("votes")), (&json!("approved"), 2));
        }
        "/v1/approvals/{id}/deny" => {
            assert_eq!((&shown["state"], length("votes")), (&json!("denied"), 1));
        }
        "/v1/approvals/{id}/take-back" => {
            assert_eq!((&shown["state"], length("votes")), (&json!("pending"), 2));
        }
        "/v1/approvals/{id}/question" => assert!(!shown["needs"].is_null(), "{shown}"),
        "/v1/approvals/{id}/evidence" => {
            assert_eq!(shown["state"], "pending");
            assert_eq!(shown["evidence"]["found"], json!({"name": 2}), "{shown}");
        }
        "/v1/approvals/{id}/withdrawal" => assert_eq!(shown["state"], "cancelled"),
        "/v1/approvals/{id}/revoke" => assert_eq!(shown["state"], "revoked"),
        "/v1/outcomes" => assert!(shown["uses"][0]["outcome"].is_object(), "{shown}"),
        "/v1/stops" => {
            let path = format!("/v1/stops/{}", told["id"].as_str().unwrap());
            assert_eq!(service.get("omar", &path).await.0, 200);
        }
        "/v1/stops/{id}/resume" => {
            let path = said.path.replace("/resume", "");
            let (_, stop) = service.get("omar", &path).await;
            assert_eq!(stop["resumed_by"], "omar");
        }
        "/v1/emergencies" => {
            let path = format!("{route}/{}/review", told["id"].as_str().unwrap());
            let review = json!({"justified": true});
            assert_eq!(service.post("grace", &path, &review).await.0, 200);
        }
        "/v1/emergencies/{id}/review" => {
            let (_, page) = service.get("grace", "/v1/emergencies").await;
            assert_eq!(page["emergencies"], json!([]));
        }
        "/v1/events" => {
            let (_, list) = service.get("grace", route).await;
            let worker = &list["workers"][0];
            assert_eq!(
                (&worker["batches"], &worker["missing"]),
                (&json!(round + 1), &json!(0))
            );
        }
        _ => {}
    }
}

/// The kinds of the records from this index on.
async fn kinds(service: &Service, from: u64) -> Vec<String> {
    let entries = service.running.store.entries(from, 1000).await.unwrap();
    let kind = |leaf: &[u8]| {
        let leaf: Value = serde_json::from_slice(leaf).unwrap();
        leaf["type"].as_str().unwrap().to_owned()
    };
    entries.iter().map(|entry| kind(&entry.leaf)).collect()
}

/// Has it said and cut short, said again to its end, and looked at.
async fn cut_one(service: &Service, route: &'static str, round: u32, dice: &mut Dice) {
    let said = prepare(service, route, round).await;
    let from = service.running.store.next_index().await.unwrap();
    let place = format!("{route}, cut {round}");
    let whole = said.bytes().len();
    // Some leave before they have said all of it.
    let is_whole = dice.below(4) > 0;
    let length = if is_whole {
        whole
    } else {
        usize::try_from(dice.below(whole as u64)).unwrap()
    };
    said.leave(service, length, dice.below(4_000)).await;
    if !is_whole {
        let done = kinds(service, from).await;
        assert!(
            done.is_empty(),
            "{place}: after {length} of {whole} bytes {done:?}"
        );
    }
    let (status, told) = said.say(service).await;
    // What has no key is refused where it is done already.
    let is_done_already = status == 409 && said.key.is_none();
    assert!(
        status.is_success() || is_done_already,
        "{place}: {status} {told}"
    );
    let done = kinds(service, from).await;
    match said.record {
        Some(kind) => {
            let of_kind = done.iter().filter(|done| done.contains(kind)).count();
            assert_eq!(of_kind, 1, "{place}: {done:?}");
        }
        None => assert!(done.is_empty(), "{place}: {done:?}"),
    }
    conclude(service, route, &said, &told, round).await;
}

async fn cut_all(name: &str, configuration: &str) {
    let glass = "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
    let limits = "pending_per_principal = 100000\npending_per_action = 100000\npending = 100000";
    let configuration = configuration
        .replace("= 1000", "= 100000")
        .replace("pending_per_principal = 5", limits)
        .replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
    let service = Service::with(&(configuration + glass)).await;
    let mut dice = Dice(20_261_127);
    let mut cuts = 0;
    for round in 0..rounds() {
        for route in ROUTES {
            if route.method == MethodFilter::GET {
                continue;
            }
            assert_eq!(
                route.method,
                MethodFilter::POST,
                "{}: is it safe to repeat?",
                route.path
            );
            assert_ne!(route.access, Access::Public, "{}", route.path);
            cut_one(&service, route.path, round, &mut dice).await;
            cuts += 1;
        }
    }
    figure(name, &format!("{cuts} cuts"));
    service.running.store.verify_log().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_has_said_it_once_or_not_at_all_on_sqlite() {
    let name = "whoever_hangs_up_has_said_it_once_or_not_at_all_on_sqlite";
    cut_all(name, CONFIGURATION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_hangs_up_has_said_it_once_or_not_at_all_on_postgres() {
    let server = Postgres::start().await.unwrap();
    let name = "whoever_hangs_up_has_said_it_once_or_not_at_all_on_postgres";
    cut_all(name, &on_postgres(&server.url())).await;
}
