//! A filter that traps or is misconfigured: Envoy refuses, and nothing passes.

use serde_json::json;
use velum_harness::{BootstrapOptions, Envoy, Jwt, Upstream, example_policy, locations};
use velum_harness::{PolicyDocument, Protocol, with_public_keys};

use velum_end_to_end::patched::starved_filter;
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
async fn a_filter_that_runs_out_of_memory_leaks_nothing_and_comes_back() {
    let upstream = Upstream::start(Protocol::Http1, |request| {
        if request.path == "/large" {
            let list = vec![velum_end_to_end::stage::patient(); 20_000];
            velum_harness::Reply::json(&json!(list))
        } else {
            patients(request)
        }
    })
    .await
    .expect("upstream");
    let folder = std::env::temp_dir().join(format!("velum-starved-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("starved.wasm");
    std::fs::write(&file, starved_filter(192)).expect("written");
    let mut options = options(&upstream);
    options.filter = Some(file);
    options.buffer_limit = Some(16 * 1024 * 1024);
    options.jwks = None;
    let envoy = start_envoy(&options, "token").await;
    let small = envoy
        .client()
        .get("/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(small.status, 200, "it starts well");
    let mut failed = 0;
    for _ in 0..5 {
        let large = envoy
            .client()
            .get("/large")
            .send()
            .await
            .expect("an answer");
        assert_masked(&large.text());
        failed += u32::from(large.status != 200 || !large.complete);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(
        failed > 0,
        "the memory was not exhausted: the test shows nothing"
    );
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let after = envoy
        .client()
        .get("/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(after.status, 200, "new streams succeed");
    assert_masked(&after.text());
    std::fs::remove_dir_all(&folder).expect("removed");
}
