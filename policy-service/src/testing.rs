//! A whole service for tests: real HTTP, a real SQLite file, a clock that the test moves.

pub(crate) mod behind_tls;
pub(crate) mod browser;
pub(crate) mod provider;
pub(crate) mod soft_key;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use velum_approval::{
    Allow, Answer, ApprovalId, Check, Expected, Fingerprint, Identity, IdentityKind, LeaseRequest,
    Lineage, Notice, PolicyDigest, Reason, Record, SignedAllow, SignedNotice, Timestamp, UseKey,
    WorkerId, keyed_token,
};
use velum_engine::{Class, ClassSet};

use crate::clock::{Clock, ManualClock};
use crate::config::Config;
use crate::server::Bounds;
use crate::{Options, Running, StartError, serve};

pub(crate) const POLICY: &str = include_str!("../tests/data/policy.yaml");
pub(crate) const CONFIGURATION: &str = include_str!("../tests/data/policy-service.toml");

/// That configuration, where `triage-bot` is also called `triage-bot-2`.
pub(crate) fn with_alias(configuration: &str) -> String {
    let name = |subject| {
        format!("{{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"{subject}\"}}")
    };
    let one = format!("identities = [{}]", name("triage-bot"));
    let two = format!(
        "identities = [{}, {}]",
        name("triage-bot"),
        name("triage-bot-2")
    );
    assert!(configuration.contains(&one));
    configuration.replace(&one, &two)
}

/// That configuration, with an auditor who is called `ivy`.
pub(crate) fn with_auditor(configuration: &str) -> String {
    format!("{configuration}\n[[people]]\nid = \"ivy\"\n\n[[auditors]]\nperson = \"ivy\"\n")
}

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_464_104_123);

pub(crate) struct Service {
    pub(crate) running: Running,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: TempDir,
    pub(crate) policy: PolicyDigest,
    configuration: String,
    client: reqwest::Client,
}

/// A service that does not run, or not yet.
pub(crate) struct Stopped {
    pub(crate) clock: Arc<ManualClock>,
    folder: TempDir,
    client: reqwest::Client,
}

impl Stopped {
    /// One that has never run.
    pub(crate) fn new() -> Stopped {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        let next = POLICY.replace("hold: 120s", "hold: 60s");
        std::fs::write(folder.path().join("next-policy.yaml"), next).unwrap();
        Stopped {
            clock: Arc::new(ManualClock::new(START)),
            folder,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// One that will have this policy.
    pub(crate) fn under(policy: &str) -> Stopped {
        let stopped = Stopped::new();
        std::fs::write(stopped.folder.path().join("policy.yaml"), policy).unwrap();
        stopped
    }

    pub(crate) async fn start(self, configuration: &str) -> Service {
        self.start_with(configuration, Bounds::default()).await
    }

    async fn start_with(self, configuration: &str, bounds: Bounds) -> Service {
        let Stopped {
            clock,
            folder,
            client,
        } = self;
        let running = launch(&folder, configuration, &clock, bounds).await;
        let running = running.unwrap();
        let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
        let policy = velum_policy::document::from_text(&policy).unwrap();
        Service {
            running,
            clock,
            folder,
            policy: PolicyDigest::from_bytes(policy.digest()),
            configuration: configuration.to_owned(),
            client,
        }
    }

    /// Moves its clock while it does not run.
    pub(crate) fn advance(&self, milliseconds: i64) {
        self.clock.advance(milliseconds);
    }

    /// Where its store and its keys are.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("velum-data")
    }

    /// Removes the logs of years before this one, or says which would go.
    pub(crate) async fn prune(
        &self,
        configuration: &str,
        before: u32,
        is_dry: bool,
    ) -> Result<String, String> {
        let config = Config::from_toml(configuration, self.folder.path()).unwrap();
        let options = Options {
            clock: self.clock.clone(),
            ..Options::default()
        };
        let pruning = crate::Pruning {
            before,
            by: "grace".parse().unwrap(),
            reason: reason("its retention is over"),
            is_dry,
        };
        let done = crate::prune(config, options, pruning).await;
        done.map_err(|error| error.to_string())
    }

    /// Recovers its log, and reads what there is then again.
    pub(crate) async fn recover(&self, configuration: &str, by: &str) -> Result<String, String> {
        let config = Config::from_toml(configuration, self.folder.path()).unwrap();
        let options = Options {
            clock: self.clock.clone(),
            ..Options::default()
        };
        let by = by.parse().unwrap();
        let done = crate::recover(config, options, by, reason("drill")).await;
        if done.is_ok() {
            let config = Config::from_toml(configuration, self.folder.path()).unwrap();
            crate::tests::recovered::hold(&config).await;
        }
        done.map_err(|error| error.to_string())
    }

    /// Why it does not start.
    pub(crate) async fn refusal(&self, configuration: &str) -> String {
        let bounds = Bounds::default();
        let error = launch(&self.folder, configuration, &self.clock, bounds).await;
        error.err().expect("it starts").to_string()
    }
}

/// An answer with its status.
pub(crate) type Reply = (StatusCode, Value);

impl Service {
    pub(crate) async fn start() -> Service {
        Service::with(CONFIGURATION).await
    }

    /// One that takes so much upon itself at its listener.
    pub(crate) async fn with_bounds(bounds: Bounds) -> Service {
        Stopped::new().start_with(CONFIGURATION, bounds).await
    }

    pub(crate) async fn with(configuration: &str) -> Service {
        Stopped::new().start(configuration).await
    }

    /// Another service with the same keys, for a store that both use.
    pub(crate) async fn beside(first: &Service, configuration: &str) -> Service {
        first.keys_elsewhere().start(configuration).await
    }

    /// Why another one with this clock does not start.
    pub(crate) async fn refusal_beside(&self, configuration: &str, clock: impl Clock) -> String {
        let stopped = self.keys_elsewhere();
        let config = Config::from_toml(configuration, stopped.folder.path()).unwrap();
        let options = Options {
            try_mode: true,
            clock: Arc::new(clock),
            ..Options::default()
        };
        let error = serve(config, options).await;
        error.err().expect("it starts").to_string()
    }

    fn keys_elsewhere(&self) -> Stopped {
        let stopped = Stopped::new();
        let data = |folder: &TempDir| folder.path().join("velum-data");
        crate::keys::make_folder(&data(&stopped.folder)).unwrap();
        for key in ["signing.key", "fingerprint.key", "log.key"] {
            let from = data(&self.folder).join(key);
            std::fs::copy(from, data(&stopped.folder).join(key)).unwrap();
        }
        stopped
    }

    /// Stops the service; its data folder stays.
    pub(crate) async fn stop(self) -> Stopped {
        self.running.stop().await;
        Stopped {
            clock: self.clock,
            folder: self.folder,
            client: self.client,
        }
    }

    /// Stops the service and starts it anew with the same data folder.
    pub(crate) async fn restart(self) -> Service {
        let configuration = self.configuration.clone();
        self.restart_with(&configuration).await
    }

    /// The same with another configuration.
    pub(crate) async fn restart_with(self, configuration: &str) -> Service {
        self.stop().await.start(configuration).await
    }

    /// What it was started with.
    pub(crate) fn configuration(&self) -> &str {
        &self.configuration
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    pub(crate) fn gateway(&self) -> &str {
        &self.running.gateways["edge"]
    }

    pub(crate) fn reviewer(&self, person: &str) -> &str {
        &self.running.reviewers[person]
    }

    /// The token of an auditor of [`with_auditor`].
    pub(crate) fn auditor(&self, person: &str) -> &str {
        &self.running.auditors[person]
    }

    /// An ask of `triage-bot` for `dr-jones`, with a use key of its own.
    pub(crate) fn ask(&self, request: u8) -> Check {
        Check {
            use_key: use_key(),
            principal: identity("triage-bot"),
            lineage: Lineage::new(vec![identity("triage-bot"), identity("dr-jones")]).unwrap(),
            action: "read".parse().unwrap(),
            method: "GET".to_owned(),
            authority: "fhir.example".to_owned(),
            path: "/Patient/{…}".to_owned(),
            query: String::new(),
            resource: keyed_token(&[1; 32], &[request]),
            fingerprint: Fingerprint::from_bytes([request; 32]),
            policy: self.policy,
            classes: [Class::Name, Class::Date].into_iter().collect(),
            found: None,
            reason: None,
            approval: None,
            evidence: false,
            worker: None,
        }
    }

    pub(crate) async fn check(&self, check: &Check) -> Value {
        self.check_waiting(check, 0).await
    }

    pub(crate) async fn check_waiting(&self, check: &Check, seconds: u64) -> Value {
        let (status, body) = self.check_as(self.gateway(), check, seconds).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn check_as(&self, token: &str, check: &Check, seconds: u64) -> Reply {
        let request = self
            .request("POST", "/v1/checks")
            .bearer_auth(token)
            .header("prefer", format!("wait={seconds}"))
            .json(check);
        reply(request).await
    }

    /// The stream of this check has ended.
    pub(crate) async fn depart(&self, check: &Check) {
        let request = self
            .request("POST", "/v1/departures")
            .bearer_auth(self.gateway())
            .json(&json!({"use_key": check.use_key}));
        assert_eq!(reply(request).await.0, 204);
    }

    /// Asks and returns the approval that is now pending.
    pub(crate) async fn pending(&self, check: &Check) -> ApprovalId {
        let answer = self.check(check).await;
        assert_eq!(answer["decision"], "pending", "{answer}");
        answer["approval"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn post(&self, person: &str, path: &str, body: &Value) -> Reply {
        let token = self.reviewer(person);
        reply(self.request("POST", path).bearer_auth(token).json(body)).await
    }

    pub(crate) async fn call_gateway(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.reply_as("edge", method, path, body).await
    }

    /// The same as another gateway.
    pub(crate) async fn reply_as(
        &self,
        gateway: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Reply {
        let token = &self.running.gateways[gateway];
        reply(self.request(method, path).bearer_auth(token).json(body)).await
    }

    /// A lease of the worker of this number, which has seen this version.
    pub(crate) async fn lease(&self, worker: u8, seen: u64) -> Notice {
        let asked = LeaseRequest {
            worker: WorkerId::from_bytes([worker; 16]),
            nonce: use_key(),
            seen,
        };
        let body = serde_json::to_value(&asked).unwrap();
        let (status, body) = self.call_gateway("POST", "/v1/leases", &body).await;
        assert_eq!(status, 200, "{body}");
        let signed: SignedNotice = serde_json::from_value(body).unwrap();
        let key = *self.running.public_key.as_bytes();
        signed.verify(&[key], &asked).unwrap()
    }

    pub(crate) async fn approve(&self, person: &str, id: &ApprovalId, body: Value) -> Reply {
        self.decide(person, id, "approve", body).await
    }

    pub(crate) async fn deny(&self, person: &str, id: &ApprovalId, body: Value) -> Reply {
        self.decide(person, id, "deny", body).await
    }

    async fn decide(&self, person: &str, id: &ApprovalId, verb: &str, body: Value) -> Reply {
        let request = self
            .request("POST", &format!("/v1/approvals/{id}/{verb}"))
            .bearer_auth(self.reviewer(person))
            .json(&body);
        reply(request).await
    }

    pub(crate) async fn show(&self, id: &ApprovalId) -> Value {
        let (status, body) = self.get("grace", &format!("/v1/approvals/{id}")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn get(&self, person: &str, path: &str) -> Reply {
        reply(self.request("GET", path).bearer_auth(self.reviewer(person))).await
    }

    /// Every audit record, after checking that the log has no gap.
    pub(crate) async fn log(&self) -> Vec<Value> {
        // From the store: reading it by the API is recorded.
        let entries = self.running.app.store().entries(0, 1000).await.unwrap();
        let leaves = (0..).zip(entries).map(|(index, entry)| {
            assert_eq!(entry.index, index, "the log has a gap");
            let leaf: Value = serde_json::from_slice(&entry.leaf).unwrap();
            let code = leaf["data"]["code"].as_str().unwrap();
            let name = leaf["type"].as_str().unwrap();
            assert!(Record::CATALOGUE.contains(&(code, name)), "{code} {name}");
            leaf
        });
        leaves.collect()
    }

    /// How many records of the log are of the type that ends with `ending`.
    pub(crate) async fn count(&self, ending: &str) -> usize {
        let log = self.log().await;
        log.iter()
            .filter(|leaf| leaf["type"].as_str().unwrap().contains(ending))
            .count()
    }

    /// Checks the signature of an answer that allows, and reads it.
    pub(crate) fn verified(&self, check: &Check, answer: &Value) -> Allow {
        assert_eq!(answer["decision"], "allow", "{answer}");
        let Answer::Allow(signed) = serde_json::from_value(answer.clone()).unwrap() else {
            panic!("not an allow")
        };
        self.verify(check, &signed)
    }

    fn verify(&self, check: &Check, signed: &SignedAllow) -> Allow {
        let expected = Expected {
            use_key: check.use_key,
            fingerprint: check.fingerprint,
            now: self.clock.now(),
        };
        signed
            .verify(&[*self.running.public_key.as_bytes()], &expected)
            .unwrap()
    }
}

/// [`CONFIGURATION`] with its store in the database at this URL.
pub(crate) fn on_postgres(url: &str) -> String {
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    CONFIGURATION.replacen("[lifetimes]", &store, 1)
}

pub(crate) async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request
        .timeout(Duration::from_secs(40))
        .send()
        .await
        .unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(json!(text)))
}

pub(crate) fn identity(subject: &str) -> Identity {
    Identity::new(IdentityKind::Jwt, "https://idp.example", subject).unwrap()
}

/// A key that no other ask of this test run has.
pub(crate) fn use_key() -> UseKey {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    UseKey::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn classes(list: &[Class]) -> ClassSet {
    list.iter().copied().collect()
}

pub(crate) fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

async fn launch(
    folder: &TempDir,
    configuration: &str,
    clock: &Arc<ManualClock>,
    bounds: Bounds,
) -> Result<Running, StartError> {
    let config = Config::from_toml(configuration, folder.path()).unwrap();
    let options = Options {
        try_mode: true,
        clock: clock.clone(),
        bounds,
        ..Options::default()
    };
    serve(config, options).await
}

/// Leaves a figure for `cargo xtask claims`.
pub(crate) fn figure(test: &str, figure: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = std::path::Path::new(&folder).join(format!("{test}.txt"));
        std::fs::write(file, format!("{figure}\n")).unwrap();
    }
}
