//! Faults of a configuration are found without any traffic, by Envoy and without it alike.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use velum_end_to_end::stage::envoy_options;
use velum_harness::{BootstrapOptions, Envoy, PolicyDocument, example_policy, locations};

/// What `velum policy check` says of a policy; where it refuses, with the place of the fault.
fn policy_check(folder: &Path, policy: &Value) -> Result<(), String> {
    let file = folder.join("policy.json");
    std::fs::write(&file, policy.to_string()).expect("written");
    let program = locations::program("velum").expect("the command line");
    let output = Command::new(program)
        .args(["policy", "check", "--json"])
        .arg(&file)
        .output()
        .expect("it runs");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        said[0]["ok"] == json!(true),
        output.status.success(),
        "{said}"
    );
    if output.status.success() {
        return Ok(());
    }
    let said = |name: &str| said[0][name].as_str().expect("a text").to_owned();
    Err(format!("{}: {}", said("pointer"), said("message")))
}

/// The place of a document that is made faulty, what stands there then, and where the fault is told.
fn faults() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("/version", json!(2), "/version"),
        ("/maskin", json!({}), "/maskin"),
        ("/masking/profiles/0", json!("hipa"), "/masking/profiles/0"),
        (
            "/masking/rules",
            json!([{"path": "$[", "class": "ssn"}]),
            "/masking/rules/0",
        ),
        (
            "/masking/rules",
            json!([{"key": "badge", "class": "ssn", "operator": "shred"}]),
            "/masking/rules/0/operator",
        ),
        (
            "/masking/exempt",
            json!([{"path": "$"}]),
            "/masking/exempt/0",
        ),
        (
            "/responses/otherwise",
            json!("allow"),
            "/responses/otherwise",
        ),
        (
            "/host/headers_stop_iteration",
            json!("yes"),
            "/host/headers_stop_iteration",
        ),
        ("/actions/0/effect", json!("permit"), "/actions/0/effect"),
        ("/actions/1/hold", json!("2h"), "/actions/1/hold"),
        (
            "/policy_service/public_keys/0",
            json!("ed25519:x"),
            "/policy_service/public_keys/0",
        ),
        ("/mode", json!("observe"), "/mode"),
        (
            "/observability",
            json!({"access_log": 1}),
            "/observability/access_log",
        ),
        ("/limits", json!({"depht": 9}), "/limits/depht"),
        // Only the self-check finds that one rule undoes another.
        (
            "/masking",
            json!({
                "profiles": ["fhir-r4"],
                "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}],
                "rules": [{"key": "badge", "class": "identifier"}],
                "exempt": [{"path": "$..badge"}],
            }),
            "/masking",
        ),
    ]
}

#[tokio::test]
async fn envoy_and_the_command_line_find_the_same_faults_at_the_same_places() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let good = example_policy().expect("the example's policy");
    let filter = locations::filter().expect("the built filter");
    let upstream = "127.0.0.1:1".parse().expect("an address");
    let mut options = BootstrapOptions::new(upstream, filter, good.clone(), json!({"keys": []}));
    options.jwks = None;
    assert_eq!(policy_check(folder, &good), Ok(()));
    Envoy::validate(envoy_options(&options, "token"))
        .await
        .expect("the example is good");
    for (place, value, pointer) in faults() {
        let mut policy = good.clone();
        put(&mut policy, place, value);
        let said = policy_check(folder, &policy).expect_err(place);
        assert!(said.starts_with(pointer), "{place}: {said}");
        options.policy = Some(PolicyDocument::Struct(policy));
        let refused = Envoy::validate(envoy_options(&options, "token")).await;
        let log = refused.expect_err(place).to_string();
        assert!(log.contains(&said), "{place}: {said} is not in {log}");
    }
}

fn put(document: &mut Value, place: &str, value: Value) {
    let (parent, last) = place.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).expect("the parent is there") {
        Value::Array(items) => items[last.parse::<usize>().expect("an index")] = value,
        parent => parent[last] = value,
    }
}
