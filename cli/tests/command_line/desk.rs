//! A whole policy service, and the gateway that asks it.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use velum_approval::{Fingerprint, PolicyDigest, UseKey};
use velum_policy_service::{Config, Options, Running, serve};

use crate::program::{Outcome, command, run};

const POLICY: &str = include_str!("../../../policy-service/tests/data/policy.yaml");
const CONFIGURATION: &str = include_str!("../../../policy-service/tests/data/policy-service.toml");

/// The service, with real HTTP and a store in a folder that goes away.
pub(crate) struct Desk {
    running: Option<Running>,
    runtime: Runtime,
    policy: PolicyDigest,
    url: String,
    text: String,
    folder: TempDir,
}

impl Desk {
    pub(crate) fn open() -> Desk {
        Desk::with("", 1)
    }

    /// With more in the configuration, and so many people who have to agree.
    pub(crate) fn with(more: &str, quorum: u32) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let rule = "profiles: [fhir-r4]\n  rules: [{name: ward, path: \"$..ward\", class: name}]";
        let policy = POLICY.replace("profiles: [fhir-r4]", rule);
        std::fs::write(folder.path().join("policy.yaml"), &policy).unwrap();
        let rule = format!("[actions.read]\nquorum = {quorum}");
        let text = CONFIGURATION.replace("[actions.read]\nquorum = 1", &rule) + more;
        let config = Config::from_toml(&text, folder.path()).unwrap();
        let options = Options {
            try_mode: true,
            ..Options::default()
        };
        let runtime = Runtime::new().unwrap();
        let running = runtime.block_on(serve(config, options)).unwrap();
        let digest = velum_policy::document::from_text(&policy).unwrap().digest();
        Desk {
            url: format!("http://{}", running.address),
            running: Some(running),
            runtime,
            policy: PolicyDigest::from_bytes(digest),
            text,
            folder,
        }
    }

    /// The key of the log becomes the one before, and the service goes on with another.
    pub(crate) fn exchange_key(&mut self) {
        self.again(|data| {
            std::fs::rename(data.join("log.key"), data.join("log-previous.key")).unwrap();
        });
    }

    /// The service goes on without the key before.
    pub(crate) fn forget_key(&mut self) {
        self.signed();
        self.again(|data| std::fs::remove_file(data.join("log-previous.key")).unwrap());
    }

    /// Starts the service once more, after its data folder was changed.
    fn again(&mut self, change: impl FnOnce(&std::path::Path)) {
        let running = self.running.take().unwrap();
        self.runtime.block_on(running.stop());
        change(&self.folder.path().join("velum-data"));
        let config = Config::from_toml(&self.text, self.folder.path()).unwrap();
        let options = Options {
            try_mode: true,
            ..Options::default()
        };
        let running = self.runtime.block_on(serve(config, options)).unwrap();
        self.url = format!("http://{}", running.address);
        self.running = Some(running);
    }

    /// The program, as a person.
    pub(crate) fn command(&self, person: &str, arguments: &[&str]) -> Command {
        self.tell(person, command(arguments))
    }

    /// Another program, as a person.
    pub(crate) fn program(&self, person: &str, program: &str) -> Command {
        self.tell(person, Command::new(program))
    }

    fn tell(&self, person: &str, mut command: Command) -> Command {
        let token = &self.running.as_ref().unwrap().reviewers[person];
        command
            .env("VELUM_URL", &self.url)
            .env("VELUM_TOKEN", token);
        command
    }

    pub(crate) fn run(&self, person: &str, arguments: &[&str]) -> Outcome {
        run(self.command(person, arguments), "")
    }

    /// Runs it, where it has to succeed, and gives what it printed.
    pub(crate) fn ok(&self, person: &str, arguments: &[&str]) -> String {
        let outcome = self.run(person, arguments);
        assert_eq!(
            (outcome.code, &*outcome.errors),
            (Some(0), ""),
            "{arguments:?}"
        );
        outcome.output
    }

    /// Runs it, where it has to be refused, and gives what it complained of.
    pub(crate) fn refused(&self, person: &str, arguments: &[&str]) -> String {
        let outcome = self.run(person, arguments);
        assert_eq!(
            (outcome.code, &*outcome.output),
            (Some(1), ""),
            "{arguments:?}"
        );
        outcome.errors
    }

    /// An ask of `triage-bot` for `dr-jones`, by a stream of its own.
    pub(crate) fn ask(&self, request: u8) -> Value {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let stream = u128::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let identity = |subject: &str| json!({"kind": "jwt", "issuer": "https://idp.example", "subject": subject});
        json!({
            "use_key": UseKey::from_bytes(stream.to_be_bytes()),
            "principal": identity("triage-bot"),
            "lineage": [identity("triage-bot"), identity("dr-jones")],
            "action": "read", "method": "GET", "authority": "fhir.example",
            "path": "/Patient/{…}", "query": "", "resource": "AAAAAAAAAAAAAAAAAAAAAA",
            "fingerprint": Fingerprint::from_bytes([request; 32]),
            "policy": self.policy, "classes": ["name", "date"],
            "reason": "summary\u{202e}",
        })
    }

    /// What a reviewer reads over REST.
    pub(crate) fn read(&self, person: &str, path: &str) -> Value {
        let token = &self.running.as_ref().unwrap().reviewers[person];
        let mut answer = ureq::get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        answer.body_mut().read_json().unwrap()
    }

    /// What a reviewer does over REST.
    pub(crate) fn post(&self, person: &str, path: &str, body: &Value) {
        let token = &self.running.as_ref().unwrap().reviewers[person];
        ureq::post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .send_json(body)
            .unwrap();
    }

    /// Waits until every record is under a signed head, and gives the log.
    pub(crate) fn signed(&self) -> Value {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let log = self.read("grace", "/v1/logs")["logs"][0].clone();
            if log["signed"] == log["size"] {
                return log;
            }
            assert!(Instant::now() < end, "{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The gateway's call.
    pub(crate) fn call(&self, path: &str, body: &Value) -> Value {
        let token = &self.running.as_ref().unwrap().gateways["edge"];
        let mut answer = ureq::post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .send_json(body)
            .unwrap();
        answer.body_mut().read_json().unwrap_or_default()
    }

    pub(crate) fn check(&self, ask: &Value) -> Value {
        self.call("/v1/checks", ask)
    }

    /// Asks, and gives the id of what is pending then.
    pub(crate) fn pending(&self, ask: &Value) -> String {
        let answer = self.check(ask);
        assert_eq!(answer["decision"], "pending", "{answer}");
        answer["approval"].as_str().unwrap().to_owned()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}
