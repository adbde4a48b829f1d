//! Many that wait on one process: what they take, and how soon a decision reaches them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use velum_approval::{Fingerprint, PolicyDigest, UseKey};

const POLICY: &str = include_str!("data/policy.yaml");
const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// How many streams share a connection, as behind one Envoy: the service takes 256.
const STREAMS: usize = 250;
/// How many come at a time.
const BURST: usize = 500;

struct Service {
    child: Child,
    url: String,
    gateway: String,
    reviewer: String,
}

impl Service {
    fn start(folder: &Path) -> Service {
        std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        let configuration = CONFIGURATION.replace("= 1000", "= 100000");
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

fn check(request: u8, stream: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    let policy = velum_policy::document::from_text(POLICY).unwrap();
    json!({
        "use_key": UseKey::from_bytes((u128::from(request) << 64 | stream).to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes([request; 32]),
        "policy": PolicyDigest::from_bytes(policy.digest()),
        "classes": ["name"],
    })
}

/// What was measured.
struct Figure {
    many: usize,
    resident: u64,
    median: Duration,
    late: Duration,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} wait in {} MB resident; a decision reaches them in {} ms (median), {} ms (p99)",
            self.many,
            self.resident / 1_000_000,
            self.median.as_millis(),
            self.late.as_millis()
        )
    }
}

/// Has so many streams wait for one approval, and denies it.
async fn measure(service: &Service, request: u8, many: usize) -> Figure {
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
        let (client, body) = (shared.clone(), check(request, stream as u128));
        waiting.spawn(async move {
            loop {
                let call = client
                    .post(&url)
                    .bearer_auth(&token)
                    .header("prefer", "wait=25");
                let answer = call.json(&body).send().await.unwrap();
                let answer: Value = answer.json().await.unwrap();
                if answer["decision"] != "pending" {
                    assert_eq!(answer["code"], "denied", "{answer}");
                    return Instant::now();
                }
            }
        });
        if stream % BURST == BURST - 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let reviewer = client();
    let get = |path: String| {
        let call = reviewer.get(format!("{}{path}", service.url));
        async {
            call.bearer_auth(&service.reviewer)
                .send()
                .await
                .unwrap()
                .json::<Value>()
                .await
                .unwrap()
        }
    };
    let begun = Instant::now();
    let id = loop {
        assert!(
            begun.elapsed() < Duration::from_mins(3),
            "they do not all wait"
        );
        let page = get("/v1/approvals?state=pending".to_owned()).await;
        let card = &page["approvals"][0];
        if card["waiting"].as_u64() == Some(many as u64) {
            break card["id"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let resident = service.resident_bytes();
    let deny = reviewer.post(format!("{}/v1/approvals/{id}/deny", service.url));
    let deny = deny.bearer_auth(&service.reviewer).json(&json!({}));
    let decided = Instant::now();
    assert_eq!(deny.send().await.unwrap().status(), 200);
    let mut latencies = Vec::with_capacity(many);
    for reached in waiting.join_all().await {
        latencies.push(reached.saturating_duration_since(decided));
    }
    latencies.sort_unstable();
    Figure {
        many,
        resident,
        median: latencies[many / 2],
        late: latencies[(many - 1) * 99 / 100],
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reaches_five_hundred_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let few = measure(&service, 1, 100).await;
    let many = measure(&service, 2, 500).await;
    // Far above what it takes: other tests run beside this one.
    assert!(few.median < Duration::from_millis(500), "{few}");
    assert!(many.late < Duration::from_secs(5), "{many}");
    assert!(many.resident < 150_000_000, "{many}");
    say("a_decision_reaches_five_hundred_that_wait", &[few, many]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute"]
async fn a_decision_reaches_ten_thousand_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let few = measure(&service, 1, 100).await;
    let many = measure(&service, 2, 10_000).await;
    let (at_once, late, memory) = (few.median, many.late, many.resident);
    say("a_decision_reaches_ten_thousand_that_wait", &[few, many]);
    assert!(memory < 300_000_000, "{memory} bytes");
    assert!(at_once < Duration::from_millis(50), "{at_once:?}");
    assert!(late < Duration::from_secs(1), "{late:?}");
}
