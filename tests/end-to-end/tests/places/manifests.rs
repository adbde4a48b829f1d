//! The manifests of Istio and Envoy Gateway against the real definitions of their resources, where
//! those are: the project carries no copy of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use velum_end_to_end::stage::figure;
use velum_harness::locations;

use crate::installation::{files, text_of};
use crate::schema::faults;

/// The definitions' schemas by kind and version (`group/version`).
fn schemas(folder: &PathBuf) -> BTreeMap<(String, String), Value> {
    let mut schemas = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("readable");
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        for document in documents {
            let spec = &document["spec"];
            let kind = spec["names"]["kind"].as_str().unwrap_or_default();
            for version in spec["versions"].as_array().into_iter().flatten() {
                let name = version["name"].as_str().expect("a version");
                let group = spec["group"].as_str().expect("a group");
                schemas.insert(
                    (kind.to_owned(), format!("{group}/{name}")),
                    version["schema"]["openAPIV3Schema"].clone(),
                );
            }
        }
    }
    schemas
}

fn manifests() -> Vec<(String, Value)> {
    let all = files().into_iter().map(|file| {
        let document = serde_saphyr::from_str::<Value>(&text_of(&file)).expect("YAML");
        (file, document)
    });
    all.filter(|(_, document)| document["apiVersion"].is_string())
        .collect()
}

/// With what every resource has and no schema repeats.
fn with_common_properties(mut schema: Value) -> Value {
    schema["properties"]["apiVersion"] = serde_json::json!({"type": "string"});
    schema["properties"]["kind"] = serde_json::json!({"type": "string"});
    schema["properties"]["metadata"] = serde_json::json!({
        "type": "object", "required": ["name", "namespace"],
        "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
    });
    schema
}

#[test]
#[expect(clippy::print_stderr, reason = "what was not tested")]
fn every_manifest_is_one_that_its_definition_allows() {
    let name = "every_manifest_is_one_that_its_definition_allows";
    let schemas = schemas(&locations::project().join("../shared/data/crds"));
    if schemas.is_empty() {
        let line = "skipped: there are no definitions in ../shared/data/crds";
        figure(name, line);
        // Also where what tests print is not shown.
        eprintln!("{line}");
        return;
    }
    let (mut checked, mut unknown) = (0, Vec::new());
    for (file, manifest) in manifests() {
        let text = |name: &str| manifest[name].as_str().expect("a text").to_owned();
        let Some(schema) = schemas.get(&(text("kind"), text("apiVersion"))) else {
            unknown.push(text("kind"));
            continue;
        };
        let schema = with_common_properties(schema.clone());
        assert_eq!(faults(&schema, &manifest), Vec::<String>::new(), "{file}");
        checked += 1;
        // A key too many anywhere is a fault: the check is one.
        let mut wrong = manifest.clone();
        wrong["spec"]["velum"] = Value::Bool(true);
        assert!(!faults(&schema, &wrong).is_empty(), "{file}");
    }
    assert!(checked >= 8, "only {checked}");
    assert_eq!(unknown, ["EnvoyProxy"], "kinds without a definition there");
    figure(
        name,
        &format!(
            "{checked} manifests; no definition of {}",
            unknown.join(", ")
        ),
    );
}

#[test]
fn what_the_definitions_forbid_is_found() {
    let schemas = schemas(&locations::project().join("../shared/data/crds"));
    for (kind, pointer, value) in [
        ("WasmPlugin", "/spec/failStrategy", "FAIL_CLOSED"),
        ("WasmPlugin", "/spec/sha256", "abc"),
        ("TrafficExtension", "/spec/phase", "AFTER"),
        ("EnvoyExtensionPolicy", "/spec/wasm/0/failOpen", "no"),
        (
            "ClientTrafficPolicy",
            "/spec/timeout/http/streamIdleTimeout",
            "130 s",
        ),
    ] {
        let Some((_, schema)) = schemas.iter().find(|((known, _), _)| known == kind) else {
            continue;
        };
        let all = manifests();
        let (_, manifest) = all
            .iter()
            .find(|(_, manifest)| manifest["kind"] == kind)
            .expect("a manifest");
        let mut wrong = manifest.clone();
        *wrong.pointer_mut(pointer).expect("a place") = value.into();
        let found = faults(&with_common_properties(schema.clone()), &wrong);
        assert!(!found.is_empty(), "{kind} {pointer}: {value}");
    }
}

/// What the documents say of every manifest that loads the module.
#[test]
fn every_module_is_pinned_and_behind_authorization() {
    let mut modules = 0;
    for (file, manifest) in manifests() {
        let text = manifest.to_string();
        let loads = text.contains("registry.example/velum");
        modules += usize::from(loads);
        assert_eq!(loads, text.contains("\"sha256\""), "{file}");
        if let "WasmPlugin" | "TrafficExtension" = manifest["kind"].as_str().expect("a kind") {
            assert_eq!(manifest["spec"]["phase"], "STATS", "{file}");
        }
    }
    assert_eq!(modules, 4);
}

/// Holds and idle timeouts: what the bootstrap's own test says, for places without one.
#[test]
fn every_idle_timeout_is_the_longest_hold_and_ten_seconds() {
    for (file, pointer) in [
        (
            "envoy/istio/settings.yaml",
            "/spec/configPatches/0/patch/value/route/idle_timeout",
        ),
        (
            "envoy/gateway/client-traffic-policy.yaml",
            "/spec/timeout/http/streamIdleTimeout",
        ),
        (
            "envoy/gateway/backend-traffic-policy.yaml",
            "/spec/timeout/http/streamIdleTimeout",
        ),
    ] {
        let document: Value = serde_saphyr::from_str(&text_of(file)).expect("YAML");
        // The example's longest hold is 120 s.
        assert_eq!(document.pointer(pointer), Some(&"130s".into()), "{file}");
    }
}
