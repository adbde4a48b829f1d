//! Kills under load: nothing acknowledged is lost, nothing is released twice, the log has no gap.
//!
//! Short here; `VELUM_LONG` asks for 200 kills of the service and 25 of the server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use velum_approval::{Fingerprint, PolicyDigest, UseKey};
use velum_harness::Postgres;

const POLICY: &str = include_str!("data/policy.yaml");
const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// How many grants a round has, and how many streams go for each.
const GRANTS: u128 = 12;
const RACERS: u128 = 4;

fn rounds(short: u32, long: u32) -> u32 {
    if std::env::var_os("VELUM_LONG").is_some() {
        long
    } else {
        short
    }
}

struct Service {
    child: Child,
    url: String,
    gateway: String,
    reviewer: String,
    client: Client,
}

impl Service {
    fn start(folder: &Path) -> Service {
        let mut log = File::options();
        let log = log.create(true).append(true).open(folder.join("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Service {
            child,
            url: text(&said["listening"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    async fn approve(&self, id: &str) {
        let url = format!("{}/v1/approvals/{id}/approve", self.url);
        let request = self.client.post(url).bearer_auth(&self.reviewer);
        let response = request.json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }

    async fn check(&self, check: &Value) -> Option<Value> {
        ask(&self.client, &self.url, &self.gateway, check).await
    }

    /// The log, after checking that it has no gap.
    async fn uses(&self) -> Vec<String> {
        let (mut uses, mut next) = (Vec::new(), 0_u64);
        loop {
            let after = match next {
                0 => String::new(),
                next => format!("&after={}", next - 1),
            };
            let url = format!("{}/v1/audit?limit=1000{after}", self.url);
            let request = self.client.get(url).bearer_auth(&self.reviewer);
            let page: Value = request.send().await.unwrap().json().await.unwrap();
            let entries = page["entries"].as_array().unwrap();
            if entries.is_empty() {
                return uses;
            }
            for entry in entries {
                assert_eq!(entry["index"], next, "the log has a gap");
                assert_eq!(entry["leaf"]["data"]["seq"], next);
                next += 1;
                if entry["leaf"]["type"] == "org.velum.grant.used.v1" {
                    let id = &entry["leaf"]["data"]["approval"]["id"];
                    uses.push(id.as_str().unwrap().to_owned());
                }
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer; `None` where there was none.
async fn ask(client: &Client, url: &str, token: &str, check: &Value) -> Option<Value> {
    let request = client.post(format!("{url}/v1/checks")).bearer_auth(token);
    let response = request.json(check).send().await.ok()?;
    if response.status() != 200 {
        return None;
    }
    response.json().await.ok()
}

fn check(request: u128, stream: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let policy = velum_policy::document::from_text(POLICY).unwrap();
    let mut fingerprint = [0; 32];
    fingerprint[..16].copy_from_slice(&request.to_be_bytes());
    json!({
        "use_key": UseKey::from_bytes((request << 8 | stream).to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes(fingerprint),
        "policy": PolicyDigest::from_bytes(policy.digest()),
        "classes": ["name"],
    })
}

fn folder(store: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let configuration = CONFIGURATION
        .replace("pending_per_principal = 5", "pending_per_principal = 1000")
        .replacen("[lifetimes]", &format!("{store}[lifetimes]"), 1);
    std::fs::write(folder.path().join("service.toml"), configuration).unwrap();
    folder
}

/// What a stream was answered, if it was.
struct Race {
    id: String,
    check: Value,
    answer: Option<Value>,
    /// When it was answered, or was told that there is no answer.
    ended: Instant,
}

/// Opens grants, and sends streams for all of them at once.
async fn races(service: &Service, round: u32) -> JoinSet<Race> {
    let mut streams = JoinSet::new();
    let mut asked = Vec::new();
    for number in 0..GRANTS {
        let request = u128::from(round) * GRANTS + number + 1;
        let pending = service.check(&check(request, 0)).await.unwrap();
        let id = pending["approval"].as_str().unwrap().to_owned();
        service.approve(&id).await;
        asked.push((id, request));
    }
    for (id, request) in asked {
        for racer in 1..=RACERS {
            let (client, url) = (service.client.clone(), service.url.clone());
            let (token, id) = (service.gateway.clone(), id.clone());
            streams.spawn(async move {
                let mut check = check(request, racer);
                check["approval"] = json!(id);
                let answer = ask(&client, &url, &token, &check).await;
                Race {
                    id,
                    check,
                    answer,
                    ended: Instant::now(),
                }
            });
        }
    }
    streams
}

/// Asks once more for every stream: who was told yes is told the same, and one of each grant is.
/// How many had ended when the kill fell, and how many were open.
async fn settle(service: &Service, streams: JoinSet<Race>, killed: Instant) -> (usize, usize) {
    let (mut granted, mut answered, mut open) = (Vec::new(), 0, 0);
    for race in streams.join_all().await {
        let again = service.check(&race.check).await.expect("an answer");
        if let Some(answer) = race.answer {
            let was_yes = answer["decision"] == "allow";
            if was_yes {
                assert_eq!(answer, again, "an answer was lost");
            }
        }
        if race.ended < killed {
            answered += 1;
        } else {
            open += 1;
        }
        if again["decision"] == "allow" {
            granted.push(race.id);
        }
    }
    granted.sort();
    let before = granted.len();
    granted.dedup();
    assert_eq!(before, granted.len(), "a grant was released twice");
    assert_eq!(u128::try_from(before), Ok(GRANTS), "a grant was lost");
    let uses = service.uses().await;
    for id in &granted {
        assert_eq!(uses.iter().filter(|used| *used == id).count(), 1);
    }
    (answered, open)
}

/// Somewhere between the first and the last answer.
fn moment(round: u32) -> Duration {
    Duration::from_micros(u64::from(round) * 7_919 % 60_000)
}

/// Leaves a line for `cargo xtask claims`.
fn figure(test: &str, line: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

async fn kill_the_service(test: &str, store: &str, rounds: u32) {
    let folder = folder(store);
    let (mut answered, mut open) = (0, 0);
    let mut service = Service::start(folder.path());
    // At least one kill has to meet a stream: on a quick machine that may take some rounds more.
    for round in 0..rounds + 20 {
        if round >= rounds && open > 0 {
            break;
        }
        let streams = races(&service, round).await;
        tokio::time::sleep(moment(round)).await;
        let killed = Instant::now();
        service.kill();
        service = Service::start(folder.path());
        let settled = settle(&service, streams, killed).await;
        answered += settled.0;
        open += settled.1;
    }
    assert!(open > 0, "no kill met a stream: {answered} were answered");
    figure(
        test,
        &format!("{rounds} kills, {answered} streams answered before, {open} after"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_killed_under_load_on_sqlite_keeps_what_it_said() {
    let name = "a_service_killed_under_load_on_sqlite_keeps_what_it_said";
    kill_the_service(name, "", rounds(5, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_killed_under_load_on_postgres_keeps_what_it_said() {
    let server = Postgres::start().await.unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    let name = "a_service_killed_under_load_on_postgres_keeps_what_it_said";
    kill_the_service(name, &store, rounds(3, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_keeps_what_it_said() {
    let mut server = Postgres::start().await.unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n",
        server.url()
    );
    let folder = folder(&store);
    let service = Service::start(folder.path());
    let (mut answered, mut open) = (0, 0);
    let rounds = rounds(2, 25);
    // At least one kill has to meet a stream: on a quick machine that may take some rounds more.
    for round in 0..rounds + 20 {
        if round >= rounds && open > 0 {
            break;
        }
        let streams = races(&service, round).await;
        tokio::time::sleep(moment(round + 1)).await;
        let killed = Instant::now();
        server.kill();
        server.restart().await.unwrap();
        let settled = settle(&service, streams, killed).await;
        answered += settled.0;
        open += settled.1;
    }
    assert!(open > 0, "no kill met a stream: {answered} were answered");
    let line = format!("{rounds} kills, {answered} streams answered before, {open} after");
    figure("a_server_killed_under_load_keeps_what_it_said", &line);
}
