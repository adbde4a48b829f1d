//! A service with small caps, and what is asked of it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use serde_json::{Value, json};
use velum_approval::{Fingerprint, PolicyDigest, UseKey};

const POLICY: &str = include_str!("../data/policy.yaml");
const CONFIGURATION: &str = include_str!("../data/policy-service.toml");

/// What may wait, and how many asks of one principal a minute may become an approval.
pub(crate) const OF_PRINCIPAL: usize = 5;
pub(crate) const OF_ACTION: usize = 100;
pub(crate) const OVERALL: usize = 150;
pub(crate) const A_MINUTE: usize = 100;
/// Those who behave.
pub(crate) const CALM: [&str; 3] = ["calm-0", "calm-1", "calm-2"];

/// A service with small caps.
pub(crate) struct Service {
    child: Child,
    url: String,
    gateway: String,
    reviewer: String,
    client: Client,
    policy: PolicyDigest,
    _folder: tempfile::TempDir,
}

pub(crate) fn client() -> Client {
    let client = Client::builder().no_proxy().http2_prior_knowledge();
    client.build().unwrap()
}

impl Service {
    /// With so many people more, and actions of which each has as much room as `read`.
    pub(crate) fn start(people: usize) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let policy = policy();
        fs::write(folder.path().join("policy.yaml"), &policy).unwrap();
        fs::write(folder.path().join("service.toml"), configuration(people)).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args([
                "--config".as_ref(),
                folder.path().join("service.toml").as_os_str(),
            ])
            .arg("--try")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("{}", fs::read_to_string(folder.path().join("log")).unwrap())
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let digest = velum_policy::document::from_text(&policy).unwrap().digest();
        Service {
            child,
            url: text(&said["listening"]),
            gateway: text(&said["gateways"]["edge"]),
            reviewer: text(&said["reviewers"]["grace"]),
            client: client(),
            policy: PolicyDigest::from_bytes(digest),
            _folder: folder,
        }
    }

    /// From `/proc`: a size that the process has, or had at most.
    pub(crate) fn bytes(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        let kibibytes = line.split_whitespace().nth(1).unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    pub(crate) async fn check(&self, client: &Client, ask: &Ask, use_key: u64) -> Value {
        let request = client.post(format!("{}/v1/checks", self.url));
        let request = request.bearer_auth(&self.gateway);
        let answer = request.json(&self.body(ask, use_key)).send().await.unwrap();
        // A refusal is a decision like any other.
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    fn body(&self, ask: &Ask, use_key: u64) -> Value {
        let identity = identity(&ask.who);
        let mut fingerprint = [1; 32];
        fingerprint[..8].copy_from_slice(&ask.number.to_be_bytes());
        let path = match ask.action {
            "read" => "/Patient/{…}".to_owned(),
            other => format!("/{other}/{{…}}"),
        };
        json!({
            "use_key": UseKey::from_bytes(u128::from(use_key).to_be_bytes()),
            "principal": identity,
            "lineage": [identity],
            "action": ask.action,
            "method": "GET",
            "authority": "fhir.example",
            "path": path,
            "query": "",
            "resource": UseKey::from_bytes(u128::from(ask.number).to_be_bytes()),
            "fingerprint": Fingerprint::from_bytes(fingerprint),
            "policy": self.policy,
            "classes": ["name"],
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.url));
        let answer = request.bearer_auth(&self.reviewer).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub(crate) async fn approve(&self, id: &str) {
        let request = self
            .client
            .post(format!("{}/v1/approvals/{id}/approve", self.url));
        let request = request.bearer_auth(&self.reviewer).json(&json!({}));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// What waits.
    pub(crate) async fn pending(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self
                .get(&format!("/v1/approvals?state=pending&limit=100{after}"))
                .await;
            all.extend(page["approvals"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    pub(crate) async fn records(&self) -> Vec<Value> {
        let mut records = Vec::<Value>::new();
        loop {
            let after = match records.len() {
                0 => String::new(),
                many => format!("&after={}", many - 1),
            };
            let page = self.get(&format!("/v1/audit?limit=1000{after}")).await;
            let entries = page["entries"].as_array().unwrap();
            if entries.is_empty() {
                return records;
            }
            records.extend(entries.iter().map(|entry| entry["leaf"].clone()));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn identity(who: &str) -> Value {
    json!({"kind": "jwt", "issuer": "https://idp.example", "subject": who})
}

/// What somebody asks: the same number of the same principal is the same ask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    pub(crate) who: String,
    pub(crate) action: &'static str,
    pub(crate) number: u64,
}

/// The policy with an action more for those who behave, and one for a flood that is not content with its own.
fn policy() -> String {
    let mut actions = String::new();
    for name in ["visit", "bed"] {
        writeln!(
            actions,
            "  - {{name: {name}, when: {{method: GET, path: {{segments: \"/{name}/{{id}}\"}}}}, effect: mask, \
             ask: {{lift: [name], hold: 30s}}}}"
        )
        .unwrap();
    }
    let read = "  - {name: read,";
    POLICY.replacen(read, &(actions + read), 1)
}

/// The configuration with small caps, and with so many people more.
fn configuration(people: usize) -> String {
    let limits = format!(
        "pending_per_principal = {OF_PRINCIPAL}\npending_per_action = {OF_ACTION}\npending = {OVERALL}"
    );
    let asks = format!("asks_per_minute = {A_MINUTE}");
    let mut configuration = CONFIGURATION
        .replace("pending_per_principal = 5", &limits)
        .replace("asks_per_minute = 1000", &asks);
    configuration += "\n[actions.visit]\nquorum = 1\n\n[actions.bed]\nquorum = 1\n";
    let many = (0..people).map(|number| format!("many-{number}"));
    for name in many.chain(CALM.map(str::to_owned)) {
        write!(
            configuration,
            "\n[[people]]\nid = \"{name}\"\nidentities = [{{kind = \"jwt\", issuer = \"https://idp.example\", \
             subject = \"{name}\"}}]\n"
        )
        .unwrap();
    }
    configuration
}
