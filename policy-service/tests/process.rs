//! The program itself: what it prints, what it logs, and what a kill leaves.

#[path = "kit/policy.rs"]
mod policy;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use velum_approval::{Check, Fingerprint, UseKey};

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

struct Service {
    child: Child,
    said: Value,
}

impl Service {
    fn start(folder: &Path) -> Service {
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), folder.join("service.toml").as_os_str()])
            .arg("--try")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Service { child, said }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.said["listening"].as_str().unwrap())
    }

    async fn check(&self, client: &Client, check: &Check) -> reqwest::Result<Value> {
        let token = self.said["gateways"]["edge"].as_str().unwrap();
        let request = client
            .post(self.url("/v1/checks"))
            .bearer_auth(token)
            .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
            .json(check);
        let response = request.send().await?;
        for header in ["traceparent", "tracestate", "traceresponse"] {
            assert!(!response.headers().contains_key(header), "{header}");
        }
        response.json().await
    }

    async fn approve(&self, client: &Client, id: &str) -> u16 {
        let token = self.said["reviewers"]["grace"].as_str().unwrap();
        let url = self.url(&format!("/v1/approvals/{id}/approve"));
        let request = client.post(url).bearer_auth(token).json(&json!({}));
        request.send().await.unwrap().status().as_u16()
    }

    async fn log(&self, client: &Client) -> Vec<Value> {
        let token = self.said["reviewers"]["grace"].as_str().unwrap();
        let request = client
            .get(self.url("/v1/audit?limit=1000"))
            .bearer_auth(token);
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        page["entries"].as_array().unwrap().clone()
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

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    std::fs::write(folder.path().join("service.toml"), CONFIGURATION).unwrap();
    folder
}

fn ask(request: u8, stream: u128) -> Check {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    serde_json::from_value(json!({
        "use_key": UseKey::from_bytes(stream.to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes([request; 32]),
        "policy": *DIGEST,
        "classes": ["name"],
        "reason": "heliotrope",
    }))
    .unwrap()
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn it_says_where_it_is_and_logs_nothing_of_what_was_asked() {
    let folder = folder();
    let service = Service::start(folder.path());
    assert!(
        service.said["public_key"]
            .as_str()
            .unwrap()
            .starts_with("ed25519:")
    );
    let (client, asked) = (client(), ask(1, 1));
    let answer = service.check(&client, &asked).await.unwrap();
    let id = answer["approval"].as_str().unwrap().to_owned();
    assert_eq!(service.approve(&client, &id).await, 200);
    assert_eq!(
        service.check(&client, &asked).await.unwrap()["decision"],
        "allow"
    );
    drop(service);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(
        lines
            .iter()
            .any(|line| line["fields"]["route"] == "/v1/approvals/{id}/approve"),
        "{log}"
    );
    let of_checks = |line: &&Value| line["fields"]["route"] == "/v1/checks";
    let checks: Vec<_> = lines.iter().filter(of_checks).collect();
    assert_eq!(checks.len(), 2, "one line a request");
    for line in checks {
        assert_eq!(line["fields"]["trace"], TRACE);
        assert_eq!(
            (&line["fields"]["caller"], &line["fields"]["id"]),
            (&json!("gateway"), &json!("edge"))
        );
    }
    for secret in [
        "00f067aa0ba902b7",
        "heliotrope",
        "dr-jones",
        "Patient",
        id.as_str(),
        &asked.fingerprint.to_string(),
    ] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn who_approves_too_fast_is_named_once_in_the_log() {
    let folder = folder();
    let limited = CONFIGURATION.replace("[limits]", "[limits]\napprovals_per_minute = 2");
    std::fs::write(folder.path().join("service.toml"), limited).unwrap();
    let service = Service::start(folder.path());
    let client = client();
    for request in 0..5_u8 {
        let asked = ask(request, u128::from(request) + 1);
        let answer = service.check(&client, &asked).await.unwrap();
        let id = answer["approval"].as_str().unwrap();
        assert_eq!(service.approve(&client, id).await, 200);
    }
    drop(service);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["level"] == "WARN" && line["fields"]["person"] != Value::Null);
    let [line] = lines.collect::<Vec<_>>().try_into().expect("one line");
    assert_eq!(line["fields"]["person"], "grace");
    assert_eq!(line["fields"]["approvals"], 3);
    assert_eq!(line["fields"]["limit"], 2);
}

#[test]
fn an_anchor_that_is_late_is_told_of_as_soon_as_the_configuration_says() {
    let folder = folder();
    let audit = "[audit]\nname = \"audit.example.org/velum\"\nanchor_alert = \"1s\"\n\
                 [[audit.anchors]]\nname = \"vault\"\nkind = \"file\"\npath = \"nowhere/heads\"\n";
    let text = format!("{CONFIGURATION}\n{audit}");
    std::fs::write(folder.path().join("service.toml"), text).unwrap();
    let _service = Service::start(folder.path());
    let begun = Instant::now();
    let line: Value = loop {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        // A line that is not at its end yet is read the next time.
        let mut lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        if let Some(line) = lines.find(|line| line.contains("audit.anchor_alert")) {
            break serde_json::from_str(line).unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{log}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["fields"]["anchor"], "vault");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_no_answer_and_repeats_none() {
    let folder = folder();
    let (client, mut answered) = (client(), Vec::new());
    for round in 0..8_u8 {
        let mut service = Service::start(folder.path());
        let asked = ask(round, u128::from(round) + 1);
        let answer = service.check(&client, &asked).await.unwrap();
        let id = answer["approval"].as_str().unwrap().to_owned();
        assert_eq!(service.approve(&client, &id).await, 200);
        let use_it = service.check(&client, &asked);
        let wait = Duration::from_micros(u64::from(round) * 700);
        if let Ok(Ok(answer)) = tokio::time::timeout(wait, use_it).await {
            assert_eq!(answer["decision"], "allow");
            answered.push(id.clone());
        }
        service.kill();

        let service = Service::start(folder.path());
        // Used or not, the key of the stream finds out, and there is one use in the end.
        let again = service.check(&client, &asked).await.unwrap();
        assert_eq!(again["decision"], "allow", "{again}");
        let log = service.log(&client).await;
        for (index, entry) in log.iter().enumerate() {
            assert_eq!(entry["index"], index);
            assert_eq!(entry["leaf"]["data"]["seq"], index);
        }
        let uses = |entry: &&Value| {
            entry["leaf"]["type"] == "org.velum.grant.used.v1"
                && entry["leaf"]["data"]["approval"]["id"] == id
        };
        assert_eq!(log.iter().filter(uses).count(), 1);
    }
}

#[test]
fn a_faulty_configuration_is_refused_with_its_place() {
    let folder = folder();
    let path = folder.path().join("service.toml");
    std::fs::write(&path, CONFIGURATION.replace("[lifetimes]", "[lifetime]")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
        .args(["--config".as_ref(), path.as_os_str()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("service.toml") && error.contains("unknown field `lifetime`"),
        "{error}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_database_that_cannot_be_had_is_refused_without_its_password() {
    let folder = folder();
    let path = folder.path().join("service.toml");
    let url = "postgres://velum:heliotrope@127.0.0.1:1/velum";
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    std::fs::write(&path, CONFIGURATION.replace("[lifetimes]", &store)).unwrap();
    let serve = ["--try", "--config", path.to_str().unwrap()];
    let check = ["store-check", "--dsn-environment", "VELUM_DATABASE"];
    let data = folder.path().join("no-such-data");
    let from = data.to_str().unwrap();
    let migrate = ["migrate-store", "--from", from, "--to", url];
    for (arguments, expected) in [
        (&serve[..], "127.0.0.1:1/velum"),
        (&check[..], "127.0.0.1:1/velum"),
        (&migrate[..], "no store is there"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(arguments)
            .env("VELUM_DATABASE", url)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("heliotrope"), "{said}");
    }
    assert!(!data.exists());
}

#[test]
fn help_has_an_example() {
    let output = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
        .arg("--help")
        .output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(
        text.contains("velum-policy-service --config policy-service.toml --try"),
        "{text}"
    );
}
