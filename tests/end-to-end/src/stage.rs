//! A whole installation for one test: upstream, policy service, Envoy with the filter.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use velum_harness::{
    BootstrapOptions, Call, Client, DownstreamTls, Envoy, EnvoyOptions, Jwt, PolicyDocument,
    PolicyService, PolicyServiceOptions, Protocol, Received, Reply, Response, Reviewer, Upstream,
    bootstrap, example_policy, locations,
};

/// The agent that asks.
pub const AGENT: &str = "triage-bot";
/// The person on whose behalf it does.
pub const PERSON: &str = "dr-jones";
/// Someone who may review.
pub const REVIEWER: &str = "grace";
/// 32 bytes in base64, for tests only.
const MASKING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

type Handler = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// What differs from the example's installation.
pub struct Setup {
    /// The policy document. Where its `host` says that headers cannot be held, Envoy does not hold them.
    pub policy: Value,
    /// What the upstream speaks.
    pub protocol: Protocol,
    /// How long approvals stay pending, and how long a grant lives.
    pub lifetimes: Option<(&'static str, &'static str)>,
    /// Where Envoy looks for the service, instead of where it is.
    pub service_address: Option<SocketAddr>,
    /// Where Envoy looks for the API, instead of where it is.
    pub upstream_address: Option<SocketAddr>,
    /// What Envoy shows the service, instead of the token that the service knows.
    pub gateway_token: Option<String>,
    /// TLS for clients, and who calls told by their certificates.
    pub tls: Option<DownstreamTls>,
    /// A file from which Envoy discovers the filter.
    pub discovery: Option<PathBuf>,
    /// What the service's configuration has beside the example's, in TOML.
    pub service: String,
    /// How many further replicas of the service there are, on the same store.
    pub replicas: usize,
    /// Any other change.
    pub change: fn(&mut BootstrapOptions),
    handler: Handler,
}

impl Setup {
    /// The example's installation in front of this upstream.
    pub fn new(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            policy: example_policy().expect("the example's policy"),
            protocol: Protocol::Http1,
            lifetimes: None,
            service_address: None,
            upstream_address: None,
            gateway_token: None,
            tls: None,
            discovery: None,
            service: String::new(),
            replicas: 0,
            change: |_| {},
            handler: Box::new(handler),
        }
    }

    /// Starts everything.
    pub async fn start(self) -> Stage {
        self.start_with_options().await.0
    }

    /// The same, with what another Envoy in the place of this one is started with.
    pub async fn start_with_options(self) -> (Stage, EnvoyOptions) {
        let handler = self.handler;
        let upstream = Upstream::start(self.protocol, handler)
            .await
            .expect("upstream");
        let holds = self.policy["host"]["headers_stop_iteration"] != json!(false);
        let mut options = PolicyServiceOptions::new(self.policy).expect("service options");
        if let Some((pending, grant)) = self.lifetimes {
            options = options.lifetimes(pending, grant);
        }
        options = options.with(&self.service).expect("TOML");
        let service = PolicyService::start(options).await.expect("policy service");
        let mut replicas = Vec::new();
        for _ in 0..self.replicas {
            replicas.push(service.replica().await.expect("a replica"));
        }
        let jwt = Jwt::new().expect("token issuer");
        let filter = locations::filter().expect("the built filter");
        let mut options = BootstrapOptions::new(
            self.upstream_address.unwrap_or_else(|| upstream.address()),
            filter,
            service.policy().clone(),
            jwt.jwks(),
        );
        options.upstream_protocol = self.protocol;
        options.headers_stop_iteration = holds;
        options.policy_service = Some(self.service_address.unwrap_or_else(|| service.address()));
        options.policy_service_replicas = replicas.iter().map(PolicyService::address).collect();
        if self.tls.is_some() {
            // Who calls is told by the certificate: no tokens.
            options.jwks = None;
            options.tls = self.tls;
        }
        options.discovery = self.discovery;
        (self.change)(&mut options);
        let token = service.gateway_token("edge").expect("token");
        let token = self.gateway_token.as_deref().unwrap_or(token);
        let options = envoy_options(&options, token);
        let envoy = Envoy::start(options.clone()).await.expect("Envoy");
        let stage = Stage {
            envoy,
            service,
            replicas,
            upstream,
            jwt,
        };
        (stage, options)
    }
}

/// Starts Envoy alone.
pub async fn start_envoy(options: &BootstrapOptions, gateway_token: &str) -> Envoy {
    Envoy::start(envoy_options(options, gateway_token))
        .await
        .expect("Envoy")
}

/// Envoy's options, with the secrets that the filter reads.
pub fn envoy_options(options: &BootstrapOptions, gateway_token: &str) -> EnvoyOptions {
    EnvoyOptions::new(bootstrap(options).expect("bootstrap"))
        .environment("VELUM_GATEWAY_TOKEN", gateway_token)
        .environment("VELUM_MASKING_KEY", MASKING_KEY)
}

/// A running installation.
pub struct Stage {
    // Envoy goes first, while its upstream and its service still answer.
    /// The gateway.
    pub envoy: Envoy,
    /// The policy service.
    pub service: PolicyService,
    /// Its further replicas.
    pub replicas: Vec<PolicyService>,
    /// The protected API.
    pub upstream: Upstream,
    /// The issuer of tokens.
    pub jwt: Jwt,
}

impl Stage {
    /// The example's installation in front of invented patients.
    pub async fn with_patients() -> Self {
        Setup::new(patients).start().await
    }

    /// A client of the gateway.
    pub fn client(&self) -> Client {
        self.envoy.client()
    }

    /// A request of the agent, on behalf of the person.
    pub fn agent(&self, method: &str, path: &str) -> Call {
        self.client()
            .call(method, path)
            .bearer(&self.jwt.agent(AGENT, PERSON))
    }

    /// The agent asks for names and waits.
    pub fn ask(&self, path: &str, lift: &str, wait: u32) -> Call {
        self.agent("GET", path)
            .header("velum-lift", lift)
            .header("velum-reason", "discharge summary")
            .header("prefer", format!("wait={wait}"))
    }

    /// A reviewer's connection to the service.
    pub fn reviewer(&self, person: &str) -> Reviewer {
        self.service.reviewer(person).expect("a reviewer's token")
    }

    /// Waits for the one pending approval, as the reviewer sees it.
    pub async fn pending(&self) -> Value {
        let patience = Duration::from_secs(20);
        self.reviewer(REVIEWER)
            .wait_for_pending(patience)
            .await
            .expect("a pending approval")
    }

    /// Sends the call and, while it waits, lets the reviewer decide with `decide`.
    pub async fn while_waiting<F: Future>(
        &self,
        call: Call,
        decide: impl FnOnce(String) -> F,
    ) -> Response {
        let waiting = tokio::spawn(call.send());
        let id = text(&self.pending().await["id"]);
        decide(id).await;
        waiting
            .await
            .expect("the request's task")
            .expect("an answer")
    }

    /// A request that grace approves while it waits.
    pub async fn approved(&self, call: Call, classes: Option<&[&str]>) -> Response {
        let reviewer = self.reviewer(REVIEWER);
        self.while_waiting(call, |id| async move {
            let answer = reviewer.approve(&id, classes).await.expect("approve");
            assert_eq!(answer.status, 200, "{}", answer.body);
        })
        .await
    }
}

/// The text that a JSON string holds.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// The last part of a problem's type.
pub fn problem(response: &Response) -> (u16, String) {
    assert_eq!(
        response.header("content-type"),
        Some("application/problem+json")
    );
    let body = response.json();
    let code = text(&body["type"])
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    assert_eq!(body["status"], response.status, "{body}");
    assert!(
        body["retryable"].is_boolean() && body["detail"].is_string(),
        "{body}"
    );
    (response.status, code)
}

/// Values of [`patient`] that must stay behind the veil.
pub const SECRETS: [&str; 8] = [
    "Thistlewood",
    "Orla",
    "000-12-3456",
    "555-0142",
    "Lantern",
    "1971-04-09",
    "MRN-88213",
    "orla@",
];

/// An invented patient.
pub fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [
            {"value": "MRN-88213", "type": {"coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}},
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-12-3456"},
        ],
        "name": [{"use": "official", "family": "Thistlewood", "given": ["Orla"]}],
        "telecom": [
            {"system": "phone", "value": "555-0142"},
            {"value": "orla@example.org", "system": "email"},
        ],
        "gender": "female",
        "birthDate": "1971-04-09",
        "address": [{"line": ["4 Lantern Court"], "city": "Millbrook", "state": "VT"}],
        "maritalStatus": {"coding": [{"code": "M", "display": "Married"}]},
    })
}

/// A bundle of so many such patients.
pub fn bundle(count: usize) -> Value {
    let entry: Vec<Value> = (0..count).map(|_| json!({"resource": patient()})).collect();
    json!({"resourceType": "Bundle", "type": "searchset", "total": count, "entry": entry})
}

/// `/Patient/…` is a patient, `/Patient` a list; a query `chunked` sends it in chunks of 7 bytes.
pub fn patients(request: &Received) -> Reply {
    let document = if request.path.starts_with("/Patient/") {
        patient()
    } else {
        bundle(20)
    };
    let body = document.to_string().into_bytes();
    let reply = Reply::new(200).header("content-type", "application/fhir+json");
    if request.path.contains("chunked") {
        reply.chunks(body.chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>())
    } else {
        reply.whole(body)
    }
}

/// Fails if a secret of the patient shows.
pub fn assert_masked(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} shows in {text}");
    }
}

/// A policy document as the bootstrap's text, which may be anything.
pub fn as_text(policy: &Value) -> PolicyDocument {
    PolicyDocument::Text(policy.to_string())
}

/// Leaves a figure for `cargo xtask claims`.
pub fn figure(test: &str, figure: &str) {
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = std::path::Path::new(&folder).join(format!("{test}.txt"));
        std::fs::write(file, format!("{figure}\n")).expect("the figures' folder");
    }
}
