//! What these tests have in common: an installation, and people who have signed in.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinHandle;
use velum_approval::{
    Check, Fingerprint, Identity, IdentityKind, Lineage, PolicyDigest, Reason, UseKey, keyed_token,
};
use velum_end_to_end::stage::{Setup, Stage, patients, text};
use velum_engine::Class;
use velum_harness::{
    Browser, BrowserOptions, Client, PolicyServiceOptions, Received, Reply, Response, locations,
};

/// The directory of these tests: `omar` reviews too, and is behind nothing.
pub(crate) const PEOPLE: &str = r#"
[[people]]
id = "dr-jones"
identities = [{ kind = "jwt", issuer = "https://idp.example", subject = "dr-jones" }]
groups = ["clinical"]

[[people]]
id = "grace"
identities = [{ kind = "jwt", issuer = "https://idp.example", subject = "grace" }]
groups = ["clinical", "privacy"]

[[people]]
id = "omar"
identities = [{ kind = "jwt", issuer = "https://idp.example", subject = "omar" }]
groups = ["clinical"]

[[agents]]
id = "triage-bot"
owner = "dr-jones"
identities = [{ kind = "jwt", issuer = "https://idp.example", subject = "triage-bot" }]

[[reviewers]]
person = "grace"

[[reviewers]]
person = "omar"

[[reviewers]]
person = "dr-jones"

[[gateways]]
id = "edge"
"#;

/// An installation where so many people have to agree.
pub(crate) async fn stage(quorum: u32) -> Stage {
    stage_with(quorum, "").await
}

/// One in front of this upstream, where one person is enough.
pub(crate) async fn stage_of(
    upstream: impl Fn(&Received) -> Reply + Send + Sync + 'static,
) -> Stage {
    let mut setup = Setup::new(upstream);
    PEOPLE.clone_into(&mut setup.service);
    setup.start().await
}

/// The same with more in the service's configuration.
pub(crate) async fn stage_with(quorum: u32, more: &str) -> Stage {
    let mut setup = Setup::new(patients);
    setup.service = format!("{PEOPLE}\n{more}\n[actions.read]\nquorum = {quorum}\n");
    setup.start().await
}

/// Every record of the log, but for those that are written although nobody does anything.
pub(crate) async fn records(stage: &Stage) -> Vec<Value> {
    let records = stage.reviewer("grace").audit(None).await.expect("the log");
    let is_done = |record: &Value| {
        let kind = record["leaf"]["type"].as_str().unwrap_or_default();
        let of_itself = [".heartbeat.", ".summary.", ".audit.read."];
        !of_itself.iter().any(|name| kind.contains(name))
    };
    records.into_iter().filter(is_done).collect()
}

/// The same beside the playground, whose wasm verifies records in the reader's browser.
pub(crate) async fn stage_beside_playground(quorum: u32, more: &str) -> Stage {
    let folder = locations::playground().expect("the built playground");
    let folder = folder.join("www").display().to_string();
    let mut setup = Setup::new(patients);
    setup.service =
        format!("playground = {folder:?}\n{PEOPLE}\n{more}\n[actions.read]\nquorum = {quorum}\n");
    setup.start().await
}

/// One whose action is approved with a security key, which counts at once.
pub(crate) async fn keyed_stage() -> Stage {
    let mut setup = Setup::new(patients);
    let url = PolicyServiceOptions::BY_NAME;
    setup.service = format!(
        "{PEOPLE}\n[inbox]\nurl = \"{url}\"\n[inbox.keys]\nage = \"0s\"\n\
         [actions.read]\nquorum = 1\nstep_up = \"webauthn\"\n"
    );
    setup.start().await
}

/// A browser in which this person has signed in, at what waits.
pub(crate) async fn signed_in(stage: &Stage, person: &str, options: BrowserOptions) -> Browser {
    let browser = Browser::start(options).await.expect("a browser");
    let link = stage.service.link(person).expect("a link");
    browser.open(link).await.expect("the link's page");
    browser.click("form button").await.expect("the button");
    browser.wait_for("#queue").await.expect("what waits");
    browser
}

/// A request that is held while somebody decides.
pub(crate) fn held(stage: &Stage, lift: &str) -> JoinHandle<Response> {
    let call = stage.ask("/Patient/p1", lift, 60);
    tokio::spawn(async move { call.send().await.expect("an answer") })
}

/// The id of the one approval that waits.
pub(crate) async fn waiting(stage: &Stage) -> String {
    let reviewer = stage.reviewer("grace");
    let pending = reviewer.wait_for_pending(Duration::from_secs(20)).await;
    text(&pending.expect("a pending approval")["id"])
}

/// Nothing was refused by a page's policy, and no script has failed.
pub(crate) async fn assert_quiet(browser: &Browser) {
    let complaints = browser.complaints().await.expect("the browser's log");
    assert_eq!(complaints, Vec::<String>::new());
}

/// Somebody else's vote, by the API.
pub(crate) async fn vote(stage: &Stage, person: &str, id: &str, verb: &str) {
    let path = format!("/v1/approvals/{id}/{verb}");
    let answer = stage.reviewer(person).post(&path, &json!({})).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// An ask as a gateway sends it.
pub(crate) struct Asked {
    number: u8,
    classes: Vec<Class>,
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) reason: Option<String>,
    pub(crate) evidence: bool,
    /// Asks with the same are about the same resource.
    pub(crate) resource: u8,
}

impl Asked {
    /// One with a number of its own, for these classes.
    pub(crate) fn new(number: u8, classes: &[Class]) -> Self {
        Self {
            number,
            classes: classes.to_vec(),
            method: "GET".to_owned(),
            authority: "fhir.example".to_owned(),
            path: "/Patient/{…}".to_owned(),
            query: String::new(),
            reason: None,
            evidence: false,
            resource: number,
        }
    }

    fn check(&self, policy: PolicyDigest) -> Check {
        let identity = |subject| {
            Identity::new(IdentityKind::Jwt, "https://idp.example", subject).expect("an identity")
        };
        let agent = identity("triage-bot");
        let reason = self.reason.as_ref();
        Check {
            use_key: UseKey::from_bytes([self.number; 16]),
            lineage: Lineage::new(vec![agent.clone(), identity("dr-jones")]).expect("a lineage"),
            principal: agent,
            action: "read".parse().expect("an action"),
            method: self.method.clone(),
            authority: self.authority.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            resource: keyed_token(&[1; 32], &[self.resource]),
            fingerprint: Fingerprint::from_bytes([self.number; 32]),
            policy,
            classes: self.classes.iter().copied().collect(),
            found: None,
            reason: reason.map(|reason| Reason::new(reason.clone()).expect("a reason")),
            approval: None,
            evidence: self.evidence,
            worker: None,
        }
    }
}

/// Asks the same so many times, each time for another request.
pub(crate) async fn ask_all(stage: &Stage, ask: &Asked, count: usize) {
    let policy = stage.service.policy().to_string();
    let policy = velum_policy::Policy::parse(policy.as_bytes()).expect("a policy");
    let mut check = ask.check(PolicyDigest::from_bytes(policy.digest()));
    let token = stage.service.gateway_token("edge").expect("a token");
    let client = Client::new(stage.service.address());
    for number in 0..count {
        let (mut key, mut request) = ([0; 16], [0; 32]);
        key[..8].copy_from_slice(&number.to_be_bytes());
        request[..8].copy_from_slice(&number.to_be_bytes());
        check.use_key = UseKey::from_bytes(key);
        check.fingerprint = Fingerprint::from_bytes(request);
        let body = serde_json::to_value(&check).expect("JSON");
        let call = client.call("POST", "/v1/checks").bearer(token).json(&body);
        let answer = call.send().await.expect("an answer").json();
        assert_eq!(answer["decision"], "pending", "{answer}");
    }
}

/// Asks as the gateway does, and gives the approval's id.
pub(crate) async fn asked(stage: &Stage, ask: &Asked) -> String {
    let policy = stage.service.policy().to_string();
    let policy = velum_policy::Policy::parse(policy.as_bytes()).expect("a policy");
    let check = ask.check(PolicyDigest::from_bytes(policy.digest()));
    let check = serde_json::to_value(check).expect("JSON");
    let token = stage.service.gateway_token("edge").expect("a token");
    let client = Client::new(stage.service.address());
    let call = client.call("POST", "/v1/checks").bearer(token).json(&check);
    let answer = call.send().await.expect("an answer").json();
    assert_eq!(answer["decision"], "pending", "{answer}");
    text(&answer["approval"])
}

/// A way past the service to its database.
pub(crate) async fn store(stage: &Stage) -> SqliteConnection {
    let file = stage.service.data_dir().join("velum.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let store = SqliteConnection::connect_with(&options).await;
    store.expect("the store")
}

/// The index of the last record about an approval, once a signed head is over it.
pub(crate) async fn last_record(stage: &Stage, id: &str) -> i64 {
    let query = "SELECT idx FROM audit_entry WHERE instr(CAST(entry AS TEXT), $1) > 0
                 ORDER BY idx DESC LIMIT 1";
    let index = sqlx::query_scalar(query).bind(id);
    let index: i64 = index
        .fetch_one(&mut store(stage).await)
        .await
        .expect("a record");
    let token = stage.service.reviewer_token("grace").expect("a token");
    let client = Client::new(stage.service.address());
    let path = format!("/v1/logs/1/proofs/{index}");
    for _ in 0..200 {
        let answer = client.get(&path).bearer(token).send().await;
        let answer = answer.expect("an answer");
        if answer.status == 200 {
            return index;
        }
        assert_eq!(answer.status, 404, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("record {index} is under no head");
}
