//! Many that wait on one process: what they take, and how soon a decision reaches them.

#[path = "kit/policy.rs"]
mod policy;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use velum_approval::{Fingerprint, UseKey, keyed_token};
use velum_harness::Postgres;

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// How many streams share a connection, as behind one Envoy: the service takes 256.
const STREAMS: usize = 250;
/// How many come at a time.
const BURST: usize = 500;

/// How many decide at a time, where each waits for an approval of its own.
const REVIEWERS: usize = 4;

struct Service {
    child: Child,
    url: String,
    metrics: String,
    gateway: String,
    reviewer: String,
}

impl Service {
    /// On SQLite, or on this server.
    fn start(folder: &Path, postgres: Option<&Postgres>) -> Service {
        std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        let limits =
            "pending_per_principal = 100000\npending_per_action = 100000\npending = 100000";
        let store = postgres.map(|server| {
            let url = server.url();
            format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n")
        });
        let tables = format!(
            "[metrics]\nlisten = \"127.0.0.1:0\"\n\n{}[lifetimes]",
            store.unwrap_or_default()
        );
        let configuration = CONFIGURATION
            .replace("= 1000", "= 100000")
            .replace("pending_per_principal = 5", limits)
            .replacen("[lifetimes]", &tables, 1);
        std::fs::write(folder.join("service.toml"), configuration).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Service {
            child,
            url: text(&said["listening"]),
            metrics: text(&said["metrics"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
        }
    }

    fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kibibytes = line.split_whitespace().nth(1).unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Returns when so many wait.
    async fn wait_for(&self, many: usize) {
        let client = Client::builder().no_proxy().build().unwrap();
        let begun = Instant::now();
        let expected = format!("velum_policy_service_waits {many}");
        loop {
            assert!(
                begun.elapsed() < Duration::from_mins(3),
                "they do not all wait"
            );
            let page = client.get(&self.metrics).send().await.unwrap();
            let page = page.text().await.unwrap();
            if page.lines().any(|line| line == expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks without waiting, and says which approval that opened or found.
    async fn pending(&self, client: &Client, check: &Value) -> String {
        let call = client.post(format!("{}/v1/checks", self.url));
        let answer = call.bearer_auth(&self.gateway).json(check).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(answer["decision"], "pending", "{answer}");
        answer["approval"].as_str().unwrap().to_owned()
    }

    /// Decides, `approve` or `deny`, and says when that was sent.
    fn decide(
        &self,
        client: &Client,
        how: &str,
        id: &str,
    ) -> impl Future<Output = Instant> + use<> {
        let vote = client.post(format!("{}/v1/approvals/{id}/{how}", self.url));
        let vote = vote.bearer_auth(&self.reviewer).json(&json!({}));
        async move {
            let decided = Instant::now();
            assert_eq!(vote.send().await.unwrap().status(), 200);
            decided
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> Client {
    let client = Client::builder().no_proxy().http2_prior_knowledge();
    client.build().unwrap()
}

/// What a stream asks: requests of one number are the same request.
fn check(request: u64, stream: usize) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let mut fingerprint = [1; 32];
    fingerprint[..8].copy_from_slice(&request.to_be_bytes());
    let use_key = u128::from(request) << 64 | u128::try_from(stream).unwrap();
    json!({
        "use_key": UseKey::from_bytes(use_key.to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": keyed_token(&[1; 32], &request.to_be_bytes()),
        "fingerprint": Fingerprint::from_bytes(fingerprint),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}

/// What was measured.
struct Figure {
    /// `approve` or `deny`.
    how: &'static str,
    many: usize,
    /// How many approvals they wait for.
    approvals: usize,
    resident: u64,
    median: Duration,
    late: Duration,
}

impl Figure {
    fn new(
        how: &'static str,
        approvals: usize,
        resident: u64,
        mut latencies: Vec<Duration>,
    ) -> Figure {
        latencies.sort_unstable();
        let many = latencies.len();
        Figure {
            how,
            many,
            approvals,
            resident,
            median: latencies[many / 2],
            late: latencies[(many - 1) * 99 / 100],
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.approvals == 1 {
            "one approval"
        } else {
            "one each"
        };
        write!(
            formatter,
            "{} wait for {what} in {} MB resident at most; to {} reaches them in {} ms (median), {} ms (p99)",
            self.many,
            self.resident / 1_000_000,
            self.how,
            self.median.as_millis(),
            self.late.as_millis()
        )
    }
}

/// Streams that wait, each until it is decided: when each has heard of it, and its number.
struct Waiting(JoinSet<(usize, Instant)>);

impl Waiting {
    /// `check`: what the stream of this number asks.
    async fn begin(service: &Service, many: usize, check: impl Fn(usize) -> Value) -> Waiting {
        let mut waiting = JoinSet::new();
        let mut shared = client();
        for stream in 0..many {
            if stream % STREAMS == 0 {
                shared = client();
            }
            let (url, token) = (
                format!("{}/v1/checks", service.url),
                service.gateway.clone(),
            );
            let (client, body) = (shared.clone(), check(stream));
            waiting.spawn(async move {
                loop {
                    let call = client
                        .post(&url)
                        .bearer_auth(&token)
                        .header("prefer", "wait=25");
                    let answer = call.json(&body).send().await.unwrap();
                    let answer: Value = answer.json().await.unwrap();
                    let reached = Instant::now();
                    if answer["decision"] == "deny" {
                        assert_eq!(answer["code"], "denied", "{answer}");
                        return (stream, reached);
                    }
                    // That it is approved: who still lives asks again, and the newest has it.
                    if answer["retry_after_seconds"] == 0 {
                        return (stream, reached);
                    }
                }
            });
            if stream % BURST == BURST - 1 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        service.wait_for(many).await;
        Waiting(waiting)
    }
}

/// Has so many streams wait for one approval, and decides.
async fn measure(service: &Service, how: &'static str, request: u64, many: usize) -> Figure {
    let reviewer = client();
    let id = service.pending(&reviewer, &check(request, many)).await;
    let waiting = Waiting::begin(service, many, |stream| check(request, stream)).await;
    let resident = service.resident_bytes();
    let decided = service.decide(&reviewer, how, &id).await;
    let reached = waiting.0.join_all().await.into_iter();
    let latencies = reached.map(|(_, reached)| reached.saturating_duration_since(decided));
    let resident = resident.max(service.resident_bytes());
    Figure::new(how, 1, resident, latencies.collect())
}

/// Has so many streams wait, each for an approval of its own, and denies them all, a few at a time.
async fn measure_one_each(service: &Service, first: u64, many: usize) -> Figure {
    let request = |stream: usize| first + u64::try_from(stream).unwrap();
    let reviewer = client();
    let mut ids = Vec::with_capacity(many);
    for stream in 0..many {
        let check = check(request(stream), many + stream);
        ids.push(service.pending(&reviewer, &check).await);
    }
    let waiting = Waiting::begin(service, many, |stream| check(request(stream), stream)).await;
    let resident = service.resident_bytes();
    let mut deciding = JoinSet::new();
    for part in 0..REVIEWERS {
        let of_part = ids.iter().enumerate().skip(part).step_by(REVIEWERS);
        let denials: Vec<_> = of_part
            .map(|(stream, id)| (stream, service.decide(&reviewer, "deny", id)))
            .collect();
        deciding.spawn(async move {
            let mut decided = Vec::new();
            for (stream, denial) in denials {
                decided.push((stream, denial.await));
            }
            decided
        });
    }
    let decided: HashMap<_, _> = deciding.join_all().await.into_iter().flatten().collect();
    let reached = waiting.0.join_all().await.into_iter();
    let latencies =
        reached.map(|(stream, reached)| reached.saturating_duration_since(decided[&stream]));
    Figure::new("deny", many, resident, latencies.collect())
}

#[expect(clippy::print_stderr, reason = "the figures of the run")]
fn say(name: &str, figures: &[Figure]) {
    let line: Vec<_> = figures.iter().map(ToString::to_string).collect();
    let line = line.join("; ");
    eprintln!("{line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(Path::new(&folder).join(format!("{name}.txt")), line).unwrap();
    }
}

/// How many wait for one approval, first and then; and how many for one each.
async fn measured(name: &str, service: &Service, many: usize, each: usize) -> [Figure; 5] {
    let figures = [
        measure(service, "deny", 1, 100).await,
        measure(service, "approve", 2, 100).await,
        measure(service, "deny", 3, many).await,
        measure(service, "approve", 4, many).await,
        measure_one_each(service, 1000, each).await,
    ];
    say(name, &figures);
    figures
}

/// Far above what it takes: other tests run beside this one.
fn hold_loosely([denied, approved, others @ ..]: &[Figure; 5]) {
    for few in [denied, approved] {
        assert!(few.median < Duration::from_millis(500), "{few}");
    }
    for figure in others {
        assert!(figure.late < Duration::from_secs(5), "{figure}");
        assert!(figure.resident < 150_000_000, "{figure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reaches_five_hundred_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), None);
    let name = "a_decision_reaches_five_hundred_that_wait";
    hold_loosely(&measured(name, &service, 500, 200).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reaches_five_hundred_that_wait_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start().await.unwrap();
    let service = Service::start(folder.path(), Some(&server));
    let name = "a_decision_reaches_five_hundred_that_wait_on_postgres";
    hold_loosely(&measured(name, &service, 500, 200).await);
}

/// The bounds that are promised.
fn hold([denied, approved, others @ ..]: &[Figure; 5]) {
    for few in [denied, approved] {
        assert!(few.median < Duration::from_millis(50), "{few}");
    }
    for figure in others {
        assert!(figure.late < Duration::from_secs(1), "{figure}");
        assert!(figure.resident < 300_000_000, "{figure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute"]
async fn a_decision_reaches_ten_thousand_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), None);
    let name = "a_decision_reaches_ten_thousand_that_wait";
    hold(&measured(name, &service, 10_000, 2000).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute"]
async fn a_decision_reaches_ten_thousand_that_wait_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start().await.unwrap();
    let service = Service::start(folder.path(), Some(&server));
    let name = "a_decision_reaches_ten_thousand_that_wait_on_postgres";
    hold(&measured(name, &service, 10_000, 2000).await);
}
