//! SIGTERM: who waits is answered at once, what runs ends, and the process is gone within ten seconds.

#[path = "kit/policy.rs"]
mod policy;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use velum_approval::{Fingerprint, UseKey};

use policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("data/policy-service.toml");
/// On one HTTP/2 connection there may be 256 requests.
const A_CONNECTION: u128 = 250;
const CONNECTIONS: u128 = 4;

struct Service {
    child: Child,
    said: Value,
}

impl Service {
    fn start(folder: &Path) -> Service {
        Service::start_with(folder, CONFIGURATION)
    }

    fn start_with(folder: &Path, configuration: &str) -> Service {
        std::fs::write(folder.join("policy.yaml"), POLICY).unwrap();
        let file = folder.join("service.toml");
        std::fs::write(&file, configuration).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".as_ref(), file.as_os_str()])
            .arg("--try")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Service { child, said }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.said["listening"].as_str().unwrap())
    }

    fn gateway(&self) -> String {
        self.said["gateways"]["edge"].as_str().unwrap().to_owned()
    }

    fn terminate(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
    }

    /// How long it takes to be gone, with success.
    async fn gone(&mut self) -> Duration {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "it stays");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(stream: u128) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    json!({
        "use_key": UseKey::from_bytes(stream.to_be_bytes()),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": "AAAAAAAAAAAAAAAAAAAAAA",
        "fingerprint": Fingerprint::from_bytes([1; 32]),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}

/// How many wait.
async fn waits(client: &Client, service: &Service) -> usize {
    let token = service.said["reviewers"]["grace"].as_str().unwrap();
    let request = client.get(service.url("/v1/approvals?state=pending"));
    let page: Value = request
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let waiting = &page["approvals"][0]["waiting"];
    usize::try_from(waiting.as_u64().unwrap_or_default()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_that_wait_are_answered_within_a_second_and_the_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path());
    let mut waiting = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let client = Client::builder().no_proxy().http2_prior_knowledge();
        let client = client.build().unwrap();
        for stream in 1..=A_CONNECTION {
            let request = client
                .post(service.url("/v1/checks"))
                .bearer_auth(service.gateway())
                .header("prefer", "wait=50")
                .json(&check(connection * A_CONNECTION + stream));
            waiting.spawn(async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                let answer: Value = response.json().await.unwrap();
                (answer["decision"] == "pending").then(Instant::now)
            });
        }
    }
    let client = Client::builder().no_proxy().build().unwrap();
    let all = usize::try_from(CONNECTIONS * A_CONNECTION).unwrap();
    let begun = Instant::now();
    while waits(&client, &service).await < all {
        assert!(begun.elapsed() < Duration::from_mins(1), "not all wait");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = Instant::now();
    service.terminate();
    let mut latest = begun;
    while let Some(answered) = waiting.join_next().await {
        latest = latest.max(answered.unwrap().expect("pending"));
    }
    let answered = latest.duration_since(begun);
    let gone = service.gone().await;
    assert!(answered < Duration::from_secs(1), "{answered:?}");
    assert!(gone < Duration::from_secs(5), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_finished_and_what_never_ends_is_cut_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path());
    let address = service.said["listening"].as_str().unwrap();
    let address = address.strip_prefix("http://").unwrap();
    let body = check(1).to_string();
    let head = format!(
        "POST /v1/checks HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        service.gateway(),
        body.len()
    );
    let (first, rest) = body.split_at(20);
    let mut finishing = TcpStream::connect(address).await.unwrap();
    let mut endless = TcpStream::connect(address).await.unwrap();
    for stream in [&mut finishing, &mut endless] {
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.terminate();
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "it takes new ones"
    );
    finishing.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    finishing.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"pending\""), "{answer}");
    service.gone().await;
    let elapsed = begun.elapsed();
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
}

/// Ends the process where it goes on for too long: it is waited for otherwise.
fn ends_within(child: &mut Child, most: Duration) -> Option<std::process::ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < most {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_that_does_not_answer_keeps_no_process_from_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let fence = folder.path().join("fence");
    let audit = format!("\n[audit]\nname = \"audit.example.org/velum\"\nfence = {fence:?}\n");
    let configuration = format!("{CONFIGURATION}{audit}");
    let mut service = Service::start_with(folder.path(), &configuration);
    let client = Client::builder().no_proxy().build().unwrap();
    let signed = async {
        while !fence.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), signed)
        .await
        .unwrap();
    // Whoever opens it to read waits for somebody who writes.
    std::fs::remove_file(&fence).unwrap();
    let made = Command::new("mkfifo").arg(&fence).status().unwrap();
    assert!(made.success());
    let request = client
        .post(service.url("/v1/checks"))
        .bearer_auth(service.gateway());
    let answer = request.json(&check(1)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    service.terminate();
    let status = ends_within(&mut service.child, Duration::from_secs(25));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    // Nor does one hang that cannot start.
    let mut command = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"));
    command.args([
        "--config".as_ref(),
        folder.path().join("service.toml").as_os_str(),
    ]);
    let mut child = command.arg("--try").stderr(Stdio::null()).spawn().unwrap();
    let status = ends_within(&mut child, Duration::from_secs(25));
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(status.and_then(|status| status.code()), Some(2));
}
