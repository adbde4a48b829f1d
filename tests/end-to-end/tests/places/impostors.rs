//! Threat 8: someone between filter and policy service says "approved". The cluster of
//! `envoy/policy-service.yaml` does not even ask; an answer that nobody signed would lift nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use velum_end_to_end::stage::{Stage, assert_masked, problem};
use velum_harness::{Authority, Behaviour, FakeService, PolicyDocument, TlsFront, example_policy};

use crate::installation::{Installation, endpoint, text_of};

const NAME: &str = "policy-service.velum";

/// The cluster of the file, which trusts this authority and finds the service here.
fn cluster(authority: &Authority, address: SocketAddr) -> Value {
    let clusters: Value =
        serde_saphyr::from_str(&text_of("envoy/policy-service.yaml")).expect("YAML");
    let mut document = json!({"static_resources": {"clusters": clusters}});
    *endpoint(&mut document, "velum-policy-service") = address.port().into();
    let mut cluster = document["static_resources"]["clusters"][0].take();
    let context = cluster
        .pointer_mut("/transport_socket/typed_config/common_tls_context/validation_context")
        .expect("a validation context");
    context["trusted_ca"] = json!({"inline_string": authority.certificate()});
    cluster
}

/// An installation that believes answers of `key`, and finds the service behind that address.
async fn behind(authority: &Authority, front: &TlsFront, key: Option<&SigningKey>) -> Stage {
    let installation = Installation::new().await;
    let mut options = installation.options();
    if let (Some(key), Some(PolicyDocument::Struct(policy))) = (key, &mut options.policy) {
        let public = STANDARD.encode(key.verifying_key().to_bytes());
        policy["policy_service"]["public_keys"] = json!([format!("ed25519:{public}")]);
    }
    let cluster = cluster(authority, front.address());
    let envoy = installation.envoy_options(&options, |document| {
        let clusters = document["static_resources"]["clusters"].as_array_mut();
        for place in clusters.expect("clusters") {
            if place["name"] == "velum-policy-service" {
                *place = cluster.clone();
            }
        }
    });
    installation.start(envoy).await
}

#[tokio::test]
async fn a_service_that_proves_its_name_is_believed() {
    let authority = Authority::new().expect("authority");
    let key = SigningKey::from_bytes(&[42; 32]);
    let service = FakeService::start(Behaviour::Sign(Arc::new(key.clone())))
        .await
        .expect("fake");
    let certificate = authority.server_named(NAME).expect("certificate");
    let front = TlsFront::start(&certificate, service.address()).expect("TLS");
    let stage = behind(&authority, &front, Some(&key)).await;
    let answer = stage.ask("/Patient/p1", "name", 2).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.json()["name"][0]["family"], "Thistlewood");
    assert!(front.handshakes() > 0);
}

/// The impostor even holds the service's signing key: TLS alone keeps it out.
#[tokio::test]
async fn an_impostor_of_the_policy_service_is_never_asked() {
    let authority = Authority::new().expect("authority");
    let another = Authority::new().expect("authority");
    let key = SigningKey::from_bytes(&[42; 32]);
    let service = FakeService::start(Behaviour::Sign(Arc::new(key.clone())))
        .await
        .expect("fake");
    for (certificate, why) in [
        (another.server_named(NAME), "another authority"),
        (authority.server_named("other.velum"), "another name"),
    ] {
        let certificate = certificate.expect("certificate");
        let front = TlsFront::start(&certificate, service.address()).expect("TLS");
        let stage = behind(&authority, &front, Some(&key)).await;
        assert_lifts_nothing(&stage, why).await;
        assert!(
            service.exchanges().is_empty(),
            "{why}: it was told who asks for what"
        );
    }
}

/// What is left where the cluster verifies nothing: an answer must be signed by a listed key.
#[tokio::test]
async fn an_impostor_that_is_asked_all_the_same_lifts_nothing() {
    let authority = Authority::new().expect("authority");
    let theirs = SigningKey::from_bytes(&[43; 32]);
    let unsigned = json!({"decision": "allow", "allow": "e30", "signature": ""});
    for behaviour in [
        Behaviour::Sign(Arc::new(theirs)),
        Behaviour::Answer(200, unsigned.to_string().into_bytes()),
    ] {
        let service = FakeService::start(behaviour).await.expect("fake");
        let certificate = authority.server_named(NAME).expect("certificate");
        let front = TlsFront::start(&certificate, service.address()).expect("TLS");
        let stage = behind(&authority, &front, None).await;
        assert_lifts_nothing(&stage, "not signed by a listed key").await;
        assert!(!service.exchanges().is_empty(), "the test shows nothing");
    }
}

async fn assert_lifts_nothing(stage: &Stage, why: &str) {
    let answer = stage.ask("/Patient/p1", "name", 2).send().await;
    let answer = answer.expect("an answer");
    assert_masked(&answer.text());
    assert_eq!(
        problem(&answer),
        (503, "approval-unavailable".into()),
        "{why}"
    );
    stage.upstream.forget();
    let delete = stage.agent("DELETE", "/Patient/p1").send().await;
    let delete = delete.expect("an answer");
    assert_eq!(
        problem(&delete),
        (503, "approval-unavailable".into()),
        "{why}"
    );
    assert!(stage.upstream.received().is_empty(), "{why}");
}

/// The example's policy, so that this file's name for the service is the policy's.
#[test]
fn the_name_is_the_one_that_the_policy_has() {
    let policy = example_policy().expect("policy");
    assert_eq!(policy["policy_service"]["authority"], NAME);
    let text = text_of("envoy/policy-service.yaml");
    assert!(text.contains(&format!("matcher: {{exact: {NAME}}}")));
}
