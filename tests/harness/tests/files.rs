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

#[test]
fn every_envoy_file_states_that_failures_close() {
    let folder = locations::project().join("envoy");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("ailure policy"),
            "{} does not say it",
            path.display()
        );
        assert!(
            text.contains("failure_policy: FAIL_RELOAD"),
            "{}",
            path.display()
        );
        files += 1;
    }
    assert!(files >= 2);
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

/// An import that is not listed fails; a callback that is not listed is skipped, and its bodies
/// would pass.
#[test]
fn the_capabilities_are_those_that_the_filter_has() {
    let module = std::fs::read(locations::filter().unwrap()).unwrap();
    let mut filter = names(&module);
    filter.retain(|name| !matches!(&**name, "memory" | "proxy_abi_version_0_2_1"));
    assert!(
        filter.iter().any(|name| name == "proxy_on_response_body"),
        "{filter:?}"
    );
    assert!(
        filter.iter().any(|name| name == "proxy_http_call"),
        "{filter:?}"
    );
    let document = bootstrap_document().unwrap();
    let listed = document
        .pointer(
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/1",
        )
        .and_then(|filter| filter.pointer("/typed_config/config/vm_config"))
        .and_then(|vm| vm.pointer("/capability_restriction_config/allowed_capabilities"))
        .and_then(Value::as_object)
        .unwrap();
    for name in &filter {
        // What the host needs to hand over bytes and to start a module is never restricted.
        let always = ["proxy_on_memory_allocate", "malloc", "_initialize"];
        assert!(
            always.contains(&&**name) || listed.contains_key(name),
            "{name} is not listed"
        );
    }
    for name in listed.keys().filter(|name| !name.starts_with("proxy_on_")) {
        assert!(filter.contains(name), "{name} is listed and not used");
    }
}

/// The names of what a module imports and of the functions it exports (WebAssembly core
/// specification, 5.5).
fn names(module: &[u8]) -> Vec<String> {
    const IMPORT: u8 = 2;
    const EXPORT: u8 = 7;
    let mut sections = &module[8..];
    let mut names = Vec::new();
    while let [id, rest @ ..] = sections {
        let mut rest = rest;
        let size = number(&mut rest);
        let (mut section, next) = rest.split_at(size);
        sections = next;
        if ![IMPORT, EXPORT].contains(id) {
            continue;
        }
        for _ in 0..number(&mut section) {
            if *id == IMPORT {
                name(&mut section);
            }
            let item = name(&mut section);
            let kind = section[0];
            section = &section[1..];
            number(&mut section);
            if kind == 0 {
                names.push(item);
            } else {
                assert_eq!(*id, EXPORT, "only functions are imported");
            }
        }
    }
    names
}

fn name(bytes: &mut &[u8]) -> String {
    let size = number(bytes);
    let (name, rest) = bytes.split_at(size);
    *bytes = rest;
    String::from_utf8(name.to_vec()).unwrap()
}

/// An unsigned LEB128 number.
fn number(bytes: &mut &[u8]) -> usize {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
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
