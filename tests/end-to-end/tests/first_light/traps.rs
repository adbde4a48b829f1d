//! A filter that traps or is misconfigured: Envoy refuses, and nothing passes.

use serde_json::json;
use velum_harness::{BootstrapOptions, Envoy, Jwt, Upstream, example_policy, locations};
use velum_harness::{PolicyDocument, Protocol, with_public_keys};

use velum_end_to_end::patched::{Trap, trapping_filter};
use velum_end_to_end::stage::{as_text, assert_masked, envoy_options, patients, start_envoy};

const KEY: &str = "ed25519:EVAkfqlrGGdTeD0zUoNn6t6IuWoajJeTuQkMHhS8GD0=";

fn options(upstream: &Upstream) -> BootstrapOptions {
    let policy = with_public_keys(example_policy().expect("policy"), &[KEY.to_owned()]);
    let filter = locations::filter().expect("the built filter");
    let jwks = Jwt::new().expect("issuer").jwks();
    BootstrapOptions::new(upstream.address(), filter, policy, jwks)
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_the_pointer_of_its_fault() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let good = example_policy().expect("policy");
    for (pointer, change) in [
        ("/version", json!({"version": 2})),
        ("/maskin", json!({"maskin": {}})),
        (
            "/masking/profiles/0",
            json!({"masking": {"profiles": ["hipa"]}}),
        ),
    ] {
        let mut policy = good.clone();
        for (key, value) in change.as_object().expect("an object") {
            policy[key] = value.clone();
        }
        let mut options = options(&upstream);
        for document in [PolicyDocument::Struct(policy.clone()), as_text(&policy)] {
            options.policy = Some(document);
            let refused = Envoy::validate(envoy_options(&options, "token")).await;
            let log = refused.expect_err("Envoy must not start").to_string();
            assert!(log.contains("configuration refused"), "{log}");
            assert!(log.contains(pointer), "{pointer} is not in {log}");
        }
    }
    let mut options = options(&upstream);
    for text in ["", "{", "[]", "{\"version\":1,\"version\":1}"] {
        options.policy = Some(PolicyDocument::Text(text.to_owned()));
        let refused = Envoy::validate(envoy_options(&options, "token")).await;
        assert!(refused.is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_missing_secret_is_refused() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let options = options(&upstream);
    let refused = Envoy::validate(envoy_options(&options, "")).await;
    let log = refused.expect_err("Envoy must not start").to_string();
    assert!(log.contains("VELUM_GATEWAY_TOKEN"), "{log}");
}

#[tokio::test]
async fn a_filter_that_traps_leaks_nothing_and_comes_back() {
    const POISON: usize = 50;
    let upstream = Upstream::start(Protocol::Http1, |request| {
        if request.path == "/poison" {
            let answer = velum_harness::Reply::json(&velum_end_to_end::stage::patient());
            (0..POISON).fold(answer, |answer, index| {
                answer.header(&format!("x-{index}"), "1")
            })
        } else {
            patients(request)
        }
    })
    .await
    .expect("upstream");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trapping.wasm");
    let trap = Trap {
        callback: "proxy_on_response_headers",
        at: (1, POISON),
    };
    std::fs::write(&file, trapping_filter(trap)).expect("written");
    let mut options = options(&upstream);
    options.filter = Some(file);
    options.jwks = None;
    let envoy = start_envoy(&options, "token").await;
    let get = async |path: &str| {
        let answer = envoy.client().get(path).send().await.expect("an answer");
        assert_masked(&answer.text());
        answer.status
    };
    assert_eq!(get("/Patient/p1").await, 200, "it starts well");
    for poison in 1..=3 {
        assert_eq!(get("/poison").await, 503, "the trap refuses its own answer");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert_eq!(get("/Patient/p1").await, 200, "new streams succeed");
        let reloads = envoy.stat("wasm.velum.vm_reload_success").await;
        assert_eq!(reloads.expect("statistics"), Some(poison));
    }
}
