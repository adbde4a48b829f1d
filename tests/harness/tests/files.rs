//! What users read and paste is what runs.

use serde_json::{Value, json};
use velum_harness::{
    BootstrapOptions, Envoy, EnvoyOptions, Protocol, Reply, Upstream, bootstrap,
    bootstrap_document, example_policy, locations, policy_in_bootstrap,
};

#[test]
fn the_policy_in_the_bootstrap_is_the_example_policy() {
    let bootstrap = bootstrap_document().unwrap();
    assert_eq!(
        policy_in_bootstrap(&bootstrap),
        Some(&example_policy().unwrap())
    );
}

#[test]
fn every_hold_of_the_policy_fits_a_route_of_the_bootstrap() {
    let document = bootstrap_document().unwrap();
    let routes = document
        .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
        .and_then(|manager| manager.pointer("/route_config/virtual_hosts/0/routes"))
        .and_then(Value::as_array)
        .unwrap();
    let idle = |route: &Value| seconds(&route["route"]["idle_timeout"]);
    // The first route is for DELETE, the second for all else.
    let (delete, other) = (idle(&routes[0]), idle(&routes[1]));
    for action in example_policy().unwrap()["actions"].as_array().unwrap() {
        let deletes = action["when"]["method"] == "DELETE";
        let route = if deletes { delete } else { other };
        for hold in [&action["hold"], &action["ask"]["hold"]] {
            if !hold.is_null() {
                assert_eq!(route.max(seconds(hold) + 10), route, "{}", action["name"]);
            }
        }
    }
    for route in routes {
        assert_eq!(route["route"]["timeout"], "0s");
    }
}

#[tokio::test]
async fn envoy_accepts_the_bootstrap_without_the_filter() {
    let jwks = json!({"keys": []});
    for jwks in [None, Some(jwks)] {
        let refused = jwks.is_some();
        let upstream = "127.0.0.1:1".parse().unwrap();
        let options = BootstrapOptions {
            jwks,
            ..BootstrapOptions::bare(upstream)
        };
        let config = bootstrap(&options).unwrap();
        let answer = Envoy::validate(EnvoyOptions::new(config)).await;
        assert_eq!(answer.is_err(), refused, "{answer:?}");
    }
}

#[tokio::test]
async fn envoy_accepts_all_of_the_bootstrap_but_the_module_that_is_not_there() {
    let mut document = bootstrap_document().unwrap();
    let message = Envoy::validate(EnvoyOptions::new(document.to_string()))
        .await
        .unwrap_err();
    assert!(
        message.to_string().contains("/etc/envoy/velum.wasm"),
        "{message}"
    );
    let filters = document
        .pointer_mut(
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters",
        )
        .and_then(Value::as_array_mut)
        .unwrap();
    filters.retain(|filter| filter["name"] != "velum");
    assert_eq!(filters.len(), 2);
    Envoy::validate(EnvoyOptions::new(document.to_string()))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_lines_to_paste_mask_in_an_envoy_that_has_nothing_else() {
    let text = std::fs::read_to_string(locations::project().join("envoy/filter.yaml")).unwrap();
    let mut filters: Vec<Value> = serde_saphyr::from_str(&text).unwrap();
    let file = filters[0].pointer_mut("/typed_config/config/vm_config/code/local/filename");
    *file.unwrap() = json!(locations::filter().unwrap());
    let upstream = Upstream::start(Protocol::Http1, |_| {
        Reply::json(&json!({"resourceType": "Patient", "birthDate": "1985-02-17"}))
    })
    .await
    .unwrap();
    let options = BootstrapOptions {
        filters_before: filters,
        ..BootstrapOptions::bare(upstream.address())
    };
    let envoy = Envoy::start(EnvoyOptions::new(bootstrap(&options).unwrap()))
        .await
        .unwrap();
    let answer = envoy.client().get("/Patient/1").send().await.unwrap();
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(!answer.text().contains("1985-02-17"), "{}", answer.text());
    assert_eq!(answer.json()["resourceType"], "Patient");
}

fn seconds(duration: &Value) -> u64 {
    duration
        .as_str()
        .unwrap()
        .strip_suffix('s')
        .unwrap()
        .parse()
        .unwrap()
}
