//! A machine with a service on it, and with a clock that a test moves.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use velum_approval::{Fingerprint, UseKey};

use crate::policy::{DIGEST, POLICY};

const CONFIGURATION: &str = include_str!("../data/policy-service.toml");
const LIBRARY: &str = include_str!("clock.c");

/// The time of the world in milliseconds, as nobody has moved it.
pub(crate) fn world() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "what the moved clock is held against"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A machine with a service on it, and with a clock.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    clock: File,
    service: Service,
}

struct Service {
    child: Child,
    said: Value,
    client: Client,
}

impl Service {
    fn start(folder: &tempfile::TempDir) -> Service {
        let path = |name: &str| folder.path().join(name);
        let mut log = File::options();
        let log = log.create(true).append(true).open(path("log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_velum-policy-service"))
            .args(["--config".into(), path("service.toml")])
            .arg("--try")
            .env("LD_PRELOAD", path("clock.so"))
            .env("VELUM_CLOCK", path("clock"))
            .stdout(Stdio::piped())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        Service {
            child,
            said: serde_json::from_str(&line).unwrap(),
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machine {
    /// One whose grants last so long, with a clock that is right.
    pub(crate) fn start(grants: &str) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| -> PathBuf { folder.path().join(name) };
        std::fs::write(path("clock.c"), LIBRARY).unwrap();
        // The compiler that SQLite is built with.
        let mut compiler = Command::new("cc");
        let compiler = compiler.args(["-shared", "-fPIC", "-o"]);
        let compiler = compiler.args([path("clock.so"), path("clock.c")]);
        let ended = compiler.status().unwrap();
        assert!(ended.success(), "{ended}");
        std::fs::write(path("policy.yaml"), POLICY).unwrap();
        let grants = format!("grant = \"{grants}\"");
        let configuration = CONFIGURATION.replace("grant = \"5m\"", &grants);
        std::fs::write(path("service.toml"), configuration).unwrap();
        std::fs::write(path("clock"), [0; 16]).unwrap();
        let clock = File::options().write(true).open(path("clock"));
        let service = Service::start(&folder);
        Machine {
            folder,
            clock: clock.unwrap(),
            service,
        }
    }

    /// Sets the clock so many milliseconds beside the time of the world.
    pub(crate) fn set_clock(&self, milliseconds: i64) {
        let bytes = milliseconds.to_ne_bytes();
        self.clock.write_all_at(&bytes, 0).unwrap();
    }

    /// Has the clock go so many millionths too fast.
    pub(crate) fn set_rate(&self, millionths: i64) {
        let bytes = millionths.to_ne_bytes();
        self.clock.write_all_at(&bytes, 8).unwrap();
    }

    pub(crate) fn restart(&mut self) {
        self.service.child.kill().unwrap();
        self.service.child.wait().unwrap();
        self.service = Service::start(&self.folder);
    }

    fn url(&self, path: &str) -> String {
        let listening = self.service.said["listening"].as_str().unwrap();
        format!("{listening}{path}")
    }

    async fn send(&self, request: RequestBuilder, of: &str, who: &str) -> (u16, Value) {
        let token = self.service.said[of][who].as_str().unwrap();
        let answer = request.bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn check(&self, check: &Value) -> Value {
        let request = self.service.client.post(self.url("/v1/checks")).json(check);
        let (status, answer) = self.send(request, "gateways", "edge").await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) async fn pending(&self, check: &Value) -> String {
        let answer = self.check(check).await;
        assert_eq!(answer["decision"], "pending", "{answer}");
        answer["approval"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn approve(&self, id: &str) -> u16 {
        let url = self.url(&format!("/v1/approvals/{id}/approve"));
        let request = self.service.client.post(url).json(&json!({}));
        self.send(request, "reviewers", "grace").await.0
    }

    pub(crate) async fn approved(&self, check: &Value) -> String {
        let id = self.pending(check).await;
        assert_eq!(self.approve(&id).await, 200);
        id
    }

    /// Asks anew, has it approved, and uses it.
    pub(crate) async fn goes_on(&self, request: u8) {
        let check = check(request, request);
        self.approved(&check).await;
        assert_eq!(self.check(&check).await["decision"], "allow");
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.service.client.get(self.url(path));
        self.send(request, "reviewers", "grace").await
    }

    pub(crate) async fn card(&self, id: &str) -> Value {
        self.get(&format!("/v1/approvals/{id}")).await.1
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        self.card(id).await["state"].as_str().unwrap().to_owned()
    }

    /// The status of `/readyz`; the process lives.
    pub(crate) async fn ready(&self) -> u16 {
        assert_eq!(self.get("/livez").await.0, 200);
        self.get("/readyz").await.0
    }

    /// How many records there are of this kind; none is of a time before that of another.
    pub(crate) async fn count(&self, kind: &str) -> usize {
        let (_, page) = self.get("/v1/audit?limit=1000").await;
        let leaves = page["entries"].as_array().unwrap().iter();
        let leaves: Vec<_> = leaves.map(|entry| &entry["leaf"]).collect();
        let times = leaves.iter().map(|leaf| leaf["time"].as_str().unwrap());
        assert!(times.is_sorted(), "time ran backwards");
        let is_one = |leaf: &&&Value| leaf["type"].as_str().unwrap().contains(kind);
        leaves.iter().filter(is_one).count()
    }

    pub(crate) async fn until_count(&self, kind: &str, count: usize) {
        let begun = Instant::now();
        while self.count(kind).await != count {
            assert!(begun.elapsed() < Duration::from_secs(10), "{kind}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows the link of a reviewer, and gives the cookie of their session.
    pub(crate) async fn sign_in(&self) -> String {
        let link = self.service.said["links"]["grace"].as_str().unwrap();
        let client = Client::builder().no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none());
        let request = client.build().unwrap().post(link);
        let form = "application/x-www-form-urlencoded";
        let request = request.header("content-type", form);
        let request = request.header("sec-fetch-site", "same-origin");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Whether somebody with this cookie is known.
    pub(crate) async fn is_signed_in(&self, cookie: &str) -> bool {
        let request = self.service.client.get(self.url("/session"));
        let request = request.header("cookie", cookie);
        let request = request.header("sec-fetch-site", "none");
        let answer = request.send().await.unwrap();
        answer.url().path() == "/session"
    }
}

/// A check of what no other request is of, by a stream.
pub(crate) fn check(request: u8, stream: u8) -> Value {
    let identity = json!({"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"});
    json!({
        "use_key": UseKey::from_bytes([stream; 16]),
        "principal": identity,
        "lineage": [identity],
        "action": "read",
        "method": "GET",
        "authority": "fhir.example",
        "path": "/Patient/{…}",
        "query": "",
        "resource": velum_approval::keyed_token(&[1; 32], &[request]),
        "fingerprint": Fingerprint::from_bytes([request; 32]),
        "policy": *DIGEST,
        "classes": ["name"],
    })
}
