//! Kills under load: nothing acknowledged is lost, nothing is released twice, the log has no gap.
//!
//! Short here; `VELUM_LONG` asks for 200 kills of the service and 25 of the server.

#[path = "kit/checks.rs"]
mod checks;
#[path = "kit/policy.rs"]
mod policy;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use velum_harness::Postgres;

use checks::check;
use policy::POLICY;

const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// How many grants a round has, and how many streams go for each.
const GRANTS: u128 = 12;
const RACERS: u128 = 4;
/// How many of each of what reviewers do a round has.
const DECISIONS: u128 = 2;

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
        assert!(self.act(id, Verb::Approve).await);
    }

    /// Whether it was acknowledged.
    async fn act(&self, id: &str, verb: Verb) -> bool {
        act(&self.client, &self.url, &self.reviewer, id, verb).await
    }

    async fn state(&self, id: &str) -> String {
        let url = format!("{}/v1/approvals/{id}", self.url);
        let request = self.client.get(url).bearer_auth(&self.reviewer);
        let shown: Value = request.send().await.unwrap().json().await.unwrap();
        shown["state"].as_str().unwrap().to_owned()
    }

    async fn check(&self, check: &Value) -> Option<Value> {
        ask(&self.client, &self.url, &self.gateway, check).await
    }

    /// The type and the approval of every record that has one, after checking that the log has no gap.
    async fn records(&self) -> Vec<(String, String)> {
        let (mut records, mut next) = (Vec::new(), 0_u64);
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
                return records;
            }
            for entry in entries {
                assert_eq!(entry["index"], next, "the log has a gap");
                assert_eq!(entry["leaf"]["data"]["seq"], next);
                next += 1;
                if let Some(id) = entry["leaf"]["data"]["approval"]["id"].as_str() {
                    let kind = entry["leaf"]["type"].as_str().unwrap();
                    records.push((kind.to_owned(), id.to_owned()));
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

/// What a reviewer does.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Approve,
    Deny,
    Revoke,
}

impl Verb {
    const ALL: [Verb; 3] = [Verb::Approve, Verb::Deny, Verb::Revoke];

    /// Its path, the state that it finds, the one that it leaves, and its record.
    fn parts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            // One of one: the vote is what grants.
            Verb::Approve => (
                "approve",
                "pending",
                "approved",
                "org.velum.grant.issued.v1",
            ),
            Verb::Deny => ("deny", "pending", "denied", "org.velum.vote.denied.v1"),
            Verb::Revoke => (
                "revoke",
                "approved",
                "revoked",
                "org.velum.grant.revoked.v1",
            ),
        }
    }
}

async fn act(client: &Client, url: &str, token: &str, id: &str, verb: Verb) -> bool {
    let url = format!("{url}/v1/approvals/{id}/{}", verb.parts().0);
    let request = client.post(url).bearer_auth(token).json(&json!({}));
    request
        .send()
        .await
        .is_ok_and(|answer| answer.status() == 200)
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

/// What a reviewer did, and whether that was acknowledged.
struct Act {
    id: String,
    verb: Verb,
    is_acknowledged: bool,
    ended: Instant,
}

struct Load {
    races: JoinSet<Race>,
    acts: JoinSet<Act>,
}

/// Asks for what nobody has asked for yet.
async fn ask_anew(service: &Service, request: u128) -> String {
    let pending = service.check(&check(request, 0)).await.unwrap();
    pending["approval"].as_str().unwrap().to_owned()
}

/// Opens grants and asks, and sends streams and decisions for all of them at once.
async fn load(service: &Service, round: u32) -> Load {
    let mut streams = JoinSet::new();
    let mut asked = Vec::new();
    let first = u128::from(round) * 1000 + 1;
    for request in first..first + GRANTS {
        let id = ask_anew(service, request).await;
        service.approve(&id).await;
        asked.push((id, request));
    }
    let mut decided = Vec::new();
    for (verb, first) in Verb::ALL.into_iter().zip((first + 500..).step_by(100)) {
        for request in first..first + DECISIONS {
            let id = ask_anew(service, request).await;
            if matches!(verb, Verb::Revoke) {
                service.approve(&id).await;
            }
            decided.push((id, verb));
        }
    }
    let mut acts = JoinSet::new();
    for (id, verb) in decided {
        let (client, url) = (service.client.clone(), service.url.clone());
        let token = service.reviewer.clone();
        acts.spawn(async move {
            let is_acknowledged = act(&client, &url, &token, &id, verb).await;
            Act {
                id,
                verb,
                is_acknowledged,
                ended: Instant::now(),
            }
        });
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
    Load {
        races: streams,
        acts,
    }
}

/// What became of it: how many had ended when the kill fell, and how many were open.
#[derive(Default)]
struct Tally {
    answered: usize,
    open: usize,
    decided: usize,
    undecided: usize,
}

impl Tally {
    fn line(&self, kills: u32) -> String {
        format!(
            "{kills} kills; {} streams answered before, {} after; {} decisions before, {} after",
            self.answered, self.open, self.decided, self.undecided
        )
    }

    fn is_met(&self) -> bool {
        self.open > 0 && self.undecided > 0
    }
}

/// Asks once more for every stream: who was told yes is told the same, and one of each grant is. What a
/// reviewer was told is done, is; what was not acknowledged is done once or not at all, and can be done then.
async fn settle(service: &Service, load: Load, killed: Instant, tally: &mut Tally) {
    let mut done = Vec::new();
    for act in load.acts.join_all().await {
        let (_, before, after, record) = act.verb.parts();
        let state = service.state(&act.id).await;
        if act.is_acknowledged {
            assert_eq!(state, after, "an acknowledged {:?} was lost", act.verb);
        } else {
            assert!(state == before || state == after, "{:?}: {state}", act.verb);
            service.act(&act.id, act.verb).await;
            assert_eq!(service.state(&act.id).await, after, "{:?} again", act.verb);
        }
        if act.ended < killed {
            tally.decided += 1;
        } else {
            tally.undecided += 1;
        }
        done.push((record.to_owned(), act.id));
    }
    let mut granted = Vec::new();
    for race in load.races.join_all().await {
        let again = service.check(&race.check).await.expect("an answer");
        if let Some(answer) = race.answer {
            let was_yes = answer["decision"] == "allow";
            if was_yes {
                assert_eq!(answer, again, "an answer was lost");
            }
        }
        if race.ended < killed {
            tally.answered += 1;
        } else {
            tally.open += 1;
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
    let used = |id| ("org.velum.grant.used.v1".to_owned(), id);
    done.extend(granted.into_iter().map(used));
    let records = service.records().await;
    for record in &done {
        let times = records.iter().filter(|found| *found == record).count();
        assert_eq!(times, 1, "{record:?}");
    }
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
    let mut tally = Tally::default();
    let mut service = Service::start(folder.path());
    // Kills have to meet both: on a quick machine that may take some rounds more.
    for round in 0..rounds + 20 {
        if round >= rounds && tally.is_met() {
            break;
        }
        let load = load(&service, round).await;
        tokio::time::sleep(moment(round)).await;
        let killed = Instant::now();
        service.kill();
        service = Service::start(folder.path());
        settle(&service, load, killed, &mut tally).await;
    }
    let line = tally.line(rounds);
    assert!(
        tally.is_met(),
        "no kill met a stream and a decision: {line}"
    );
    figure(test, &line);
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
    let mut tally = Tally::default();
    let rounds = rounds(2, 25);
    // Kills have to meet both: on a quick machine that may take some rounds more.
    for round in 0..rounds + 20 {
        if round >= rounds && tally.is_met() {
            break;
        }
        let load = load(&service, round).await;
        tokio::time::sleep(moment(round + 1)).await;
        let killed = Instant::now();
        server.kill();
        server.restart().await.unwrap();
        settle(&service, load, killed, &mut tally).await;
    }
    let line = tally.line(rounds);
    assert!(
        tally.is_met(),
        "no kill met a stream and a decision: {line}"
    );
    figure("a_server_killed_under_load_keeps_what_it_said", &line);
}
