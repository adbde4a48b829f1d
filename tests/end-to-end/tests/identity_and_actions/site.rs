//! An Envoy whose policy service is played: it allows whatever is asked, and remembers it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use velum_harness::{
    Behaviour, BootstrapOptions, Call, DownstreamTls, Envoy, EnvoyOptions, FakeService, Jwt,
    Protocol, Response, Upstream, bootstrap, locations,
};

use velum_end_to_end::stage::{patients, problem};

/// 32 bytes in base64, for tests only.
const MASKING_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What differs from a bare gateway.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) policy: Value,
    pub(crate) routes: Option<Value>,
    pub(crate) tls: Option<DownstreamTls>,
    pub(crate) filters_before: Vec<Value>,
    /// Without it requests need a token.
    pub(crate) without_tokens: bool,
}

pub(crate) struct Site {
    pub(crate) envoy: Envoy,
    pub(crate) upstream: Upstream,
    pub(crate) jwt: Jwt,
    pub(crate) service: FakeService,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Met {
    /// The action that was asked for, or how the request was answered.
    pub(crate) what: String,
    /// The subjects of principal and lineage, as the policy service was told.
    pub(crate) lineage: Vec<String>,
}

/// The policy with a service whose key the played one has.
pub(crate) fn with_service(mut policy: Value) -> Value {
    let key = signing_key().verifying_key();
    policy["policy_service"] = json!({
        "cluster": "velum-policy-service", "authority": "policy-service.velum",
        "token": {"environment": "VELUM_GATEWAY_TOKEN"},
        "public_keys": [format!("ed25519:{}", STANDARD.encode(key.to_bytes()))],
    });
    policy["host"] = json!({"headers_stop_iteration": true});
    policy
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

/// Envoy's configuration with these routes in place of its own.
pub(crate) fn envoy_options(options: &BootstrapOptions, routes: Option<&Value>) -> EnvoyOptions {
    let text = bootstrap(options).expect("a bootstrap");
    let mut document: Value = serde_json::from_str(&text).expect("JSON");
    if let Some(routes) = routes {
        let place = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config\
                     /route_config/virtual_hosts/0/routes";
        *document.pointer_mut(place).expect("routes") = routes.clone();
    }
    EnvoyOptions::new(document.to_string())
        .environment("VELUM_GATEWAY_TOKEN", "token-of-the-gateway")
        .environment("VELUM_MASKING_KEY", MASKING_KEY)
}

impl Site {
    pub(crate) async fn start(options: Options) -> Self {
        let upstream = Upstream::start(Protocol::Http1, patients)
            .await
            .expect("upstream");
        let behaviour = Behaviour::Sign(Arc::new(signing_key()));
        let service = FakeService::start(behaviour).await.expect("service");
        let jwt = Jwt::new().expect("token issuer");
        let filter = locations::filter().expect("the built filter");
        let mut bootstrap =
            BootstrapOptions::new(upstream.address(), filter, options.policy, jwt.jwks());
        bootstrap.policy_service = Some(service.address());
        bootstrap.tls = options.tls;
        bootstrap.filters_before = options.filters_before;
        if options.without_tokens {
            bootstrap.jwks = None;
        }
        let envoy = Envoy::start(envoy_options(&bootstrap, options.routes.as_ref())).await;
        Self {
            envoy: envoy.expect("Envoy"),
            upstream,
            jwt,
            service,
        }
    }

    /// Sends a request, and tells what became of it.
    pub(crate) async fn meets(&self, call: Call) -> Met {
        let before = self.service.checks().len();
        let response = call.send().await.expect("an answer");
        let exchanges = self.service.checks();
        let Some(exchange) = exchanges.get(before) else {
            return Met {
                what: answered(&response),
                lineage: Vec::new(),
            };
        };
        let check = &exchange.body;
        let subjects = check["lineage"].as_array().expect("a lineage").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let lineage: Vec<String> = subjects
            .map(|identity| text(&identity["subject"]))
            .collect();
        assert_eq!(check["principal"]["subject"], lineage[0].as_str());
        Met {
            what: text(&check["action"]),
            lineage,
        }
    }
}

fn answered(response: &Response) -> String {
    match response.status {
        200 if response.text().contains("Thistlewood") => "passed".to_owned(),
        200 => "masked".to_owned(),
        _ => problem(response).1,
    }
}
