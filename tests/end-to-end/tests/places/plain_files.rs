//! The plain Envoy files: a real Envoy takes them, and the policies in them are good.

use serde_json::{Value, json};
use velum_harness::{Envoy, EnvoyOptions, Protocol, Reply, Upstream, locations};
use velum_policy::document::all_from_text;

use velum_end_to_end::stage::patients;

use crate::installation::{Installation, endpoint, files, on_free_ports, text_of, velum};

/// What `velum policy check` runs: every policy in every file that holds one.
#[test]
fn every_policy_in_every_file_is_accepted() {
    let mut holding = 0;
    for file in files() {
        let text = text_of(&file);
        let holds = text.contains("masking: {profiles") || text.contains("masking:\n");
        match all_from_text(&text) {
            Ok(policies) => assert_eq!((policies.len(), holds), (1, true), "{file}"),
            Err(error) => assert!(!holds, "{file}: {error}"),
        }
        holding += usize::from(holds);
    }
    assert!(holding >= 8, "only {holding}");
}

/// `docs/observability.md`: the same labels, wherever a bootstrap can be changed.
#[test]
fn metrics_have_the_same_labels_in_every_place() {
    let read = |text: &str| serde_saphyr::from_str::<Value>(text).expect("YAML");
    let tags = |document: &Value| document["stats_config"]["stats_tags"].clone();
    let expected = tags(&read(&text_of("envoy/bootstrap.yaml")));
    assert_eq!(expected.as_array().map(Vec::len), Some(4));
    for file in ["envoy/ecds/bootstrap.yaml", "envoy/remote.yaml"] {
        assert_eq!(tags(&read(&text_of(file))), expected, "{file}");
    }
    let istio = read(&text_of("envoy/istio/settings.yaml"));
    let mut patches = istio["spec"]["configPatches"]
        .as_array()
        .expect("patches")
        .iter();
    let bootstrap = patches.find(|patch| patch["applyTo"] == "BOOTSTRAP");
    assert_eq!(tags(&bootstrap.expect("one")["patch"]["value"]), expected);
    let gateway = read(&text_of("envoy/gateway/envoy-proxy.yaml"));
    let bootstrap = &gateway["spec"]["bootstrap"];
    assert_eq!(bootstrap["type"], "Merge");
    let merged = read(bootstrap["value"].as_str().expect("a text"));
    assert_eq!(tags(&merged), expected);
}

/// The policies of manifests are the example's, but for what differs by place.
#[test]
fn the_policies_of_manifests_are_the_example_policy() {
    let example = velum_harness::example_policy().expect("the example's policy");
    for (file, pointer, metadata, cluster, stops) in [
        (
            "envoy/istio/wasm-plugin.yaml",
            "/spec/pluginConfig",
            "payload",
            "outbound|8470||velum-policy-service.velum.svc.cluster.local",
            false,
        ),
        (
            "envoy/istio/traffic-extension.yaml",
            "/spec/wasm/pluginConfig",
            "payload",
            "outbound|8470||velum-policy-service.velum.svc.cluster.local",
            false,
        ),
        (
            "envoy/istio/envoy-filter.yaml",
            "/spec/configPatches/1/patch/value/typed_config/config/configuration/value",
            "payload",
            "outbound|8470||velum-policy-service.velum.svc.cluster.local",
            true,
        ),
        (
            "envoy/gateway/extension-policy.yaml",
            "/spec/wasm/0/config",
            "https://idp.example",
            "velum-policy-service",
            false,
        ),
    ] {
        let document: Value = serde_saphyr::from_str(&text_of(file)).expect("YAML");
        let mut expected = example.clone();
        expected["identity"]["jwt"]["metadata"][1] = json!(metadata);
        expected["policy_service"]["cluster"] = json!(cluster);
        expected["host"]["headers_stop_iteration"] = json!(stops);
        assert_eq!(document.pointer(pointer), Some(&expected), "{file}");
    }
}

/// A bootstrap of ours: `envoy --mode validate` loads the module and configures it.
#[tokio::test]
async fn envoy_validates_every_bootstrap() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let filter = json!(locations::filter().expect("the built filter"));
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["envoy/remote.yaml", "envoy/ecds/bootstrap.yaml"] {
        let mut document = on_free_ports(file, &upstream);
        let velum = velum(&mut document);
        if let Some(path) = velum.pointer_mut("/config_discovery/config_source/path_config_source")
        {
            let resource = folder.path().join("velum.yaml");
            let text = text_of("envoy/ecds/velum.yaml");
            let text = text.replace("/etc/envoy/velum.wasm", filter.as_str().expect("a path"));
            std::fs::write(&resource, text).expect("written");
            path["path"] = json!(resource);
        }
        Envoy::validate(EnvoyOptions::new(document.to_string()))
            .await
            .unwrap_or_else(|refused| panic!("{file}: {refused}"));
    }
}

/// The cluster to paste is one that Envoy takes; what it does with an impostor is in `impostors`.
#[tokio::test]
async fn envoy_validates_the_cluster_of_the_policy_service() {
    let authority = velum_harness::Authority::new().expect("authority");
    let clusters: Value =
        serde_saphyr::from_str(&text_of("envoy/policy-service.yaml")).expect("YAML");
    let mut document = json!({"static_resources": {"clusters": clusters}});
    *endpoint(&mut document, "velum-policy-service") = 1.into();
    let trusted = document.pointer_mut(
        "/static_resources/clusters/0/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca",
    );
    *trusted.expect("a trusted authority") = json!({"inline_string": authority.certificate()});
    Envoy::validate(EnvoyOptions::new(document.to_string()))
        .await
        .expect("accepted");
}

/// Each bootstrap whose module is a file serves a masked answer; `remote_code` and `discovery` do the
/// others.
#[tokio::test]
async fn the_bootstrap_masks() {
    let installation = Installation::new().await;
    let options = installation.options();
    let envoy = installation.envoy_options(&options, |_| {});
    let stage = installation.start(envoy).await;
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    velum_end_to_end::stage::assert_masked(&answer.text());
}

/// What Istio and Envoy Gateway make of their manifests, as their sources do it: the policy as a
/// `StringValue` of JSON, and none of what they have no field for.
#[tokio::test]
async fn what_istio_and_envoy_gateway_make_of_their_manifests_masks() {
    for (file, pointer, plugin) in [
        (
            "envoy/istio/wasm-plugin.yaml",
            "/spec/pluginConfig",
            json!({"name": "clinic.velum", "root_id": "velum", "failure_policy": "FAIL_RELOAD"}),
        ),
        (
            "envoy/istio/traffic-extension.yaml",
            "/spec/wasm/pluginConfig",
            json!({"name": "clinic.velum", "root_id": "velum", "failure_policy": "FAIL_RELOAD"}),
        ),
        (
            "envoy/gateway/extension-policy.yaml",
            "/spec/wasm/0/config",
            json!({"name": "velum", "root_id": "velum", "failure_policy": "FAIL_CLOSED"}),
        ),
    ] {
        let manifest: Value = serde_saphyr::from_str(&text_of(file)).expect("YAML");
        let policy = manifest.pointer(pointer).expect("a policy").to_string();
        answers_masked(file, |config| {
            let vm = config["vm_config"].take();
            *config = plugin;
            config["vm_config"] = json!({
                "runtime": vm["runtime"], "code": vm["code"],
                "environment_variables": vm["environment_variables"],
            });
            config["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue", "value": policy,
            });
        })
        .await;
    }
}

/// What Istio's `EnvoyFilter` adds is a filter that Envoy takes as it stands but for the file's place.
#[tokio::test]
async fn what_istio_adds_by_an_envoy_filter_masks() {
    let file = "envoy/istio/envoy-filter.yaml";
    let manifest: Value = serde_saphyr::from_str(&text_of(file)).expect("YAML");
    let added = manifest
        .pointer("/spec/configPatches/1/patch/value/typed_config/config")
        .expect("a plugin")
        .clone();
    answers_masked(file, |config| {
        let code = config["vm_config"]["code"].take();
        *config = added;
        config["vm_config"]["code"] = code;
    })
    .await;
}

async fn answers_masked(file: &str, change: impl FnOnce(&mut Value)) {
    let upstream = Upstream::start(Protocol::Http1, |_| {
        Reply::json(&json!({"resourceType": "Patient", "birthDate": "1985-02-17"}))
    })
    .await
    .expect("upstream");
    let filter = locations::filter().expect("the built filter");
    let mut options = velum_harness::BootstrapOptions::bare(upstream.address());
    options.filter = Some(filter);
    let mut envoy = velum_end_to_end::stage::envoy_options(&options, "token");
    let mut document: Value = serde_json::from_str(&envoy.config_yaml).expect("JSON");
    change(&mut velum(&mut document)["typed_config"]["config"]);
    envoy.config_yaml = document.to_string();
    let envoy = Envoy::start(envoy)
        .await
        .unwrap_or_else(|refused| panic!("{file}: {refused}"));
    let answer = envoy.client().get("/Patient/1").send().await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true), "{file}");
    assert!(!answer.text().contains("1985-02-17"), "{file}");
    assert_eq!(answer.json()["resourceType"], "Patient", "{file}");
}
