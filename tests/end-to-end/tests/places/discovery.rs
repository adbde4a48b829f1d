//! `envoy/ecds`: the policy changes while requests wait.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use velum_harness::{Envoy, EnvoyOptions, Protocol, Upstream, locations, project_yaml};

use velum_end_to_end::stage::{REVIEWER, Stage, assert_masked, patients, text};

use crate::installation::{Installation, on_free_ports, velum};

/// The discovery file, with the built module and, if given, another policy.
fn resource(version: &str, policy: Option<&Value>) -> String {
    let mut document = project_yaml("envoy/ecds/velum.yaml").expect("readable");
    document["version_info"] = json!(version);
    let config = document
        .pointer_mut("/resources/0/typed_config/config")
        .expect("a plugin");
    config["vm_config"]["code"] =
        json!({"local": {"filename": locations::filter().expect("the built filter")}});
    if let Some(policy) = policy {
        config["configuration"]["value"] = policy.clone();
    }
    document.to_string()
}

/// As the file says it: written beside, and moved over the old one.
pub(crate) fn publish(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(&beside, file).expect("moved");
}

/// A folder with the discovery file.
pub(crate) fn folder(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("velum.yaml");
    publish(&file, text);
    (folder, file)
}

/// The installation of the example, with Velum by discovery from `file`.
async fn discovered(installation: Installation, file: &Path) -> Stage {
    let options = installation.options();
    let source = on_free_ports("envoy/ecds/bootstrap.yaml", &installation.upstream);
    let envoy = installation.envoy_options(&options, |document| {
        document["node"] = source["node"].clone();
        let mut filter = source.clone();
        let filter = velum(&mut filter);
        filter["config_discovery"]["config_source"]["path_config_source"]["path"] = json!(file);
        *velum(document) = filter.clone();
    });
    installation.start(envoy).await
}

#[tokio::test]
async fn the_files_as_they_are_mask() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let (_folder, file) = folder(&resource("1", None));
    let mut document = on_free_ports("envoy/ecds/bootstrap.yaml", &upstream);
    let velum = velum(&mut document);
    velum["config_discovery"]["config_source"]["path_config_source"]["path"] = json!(file);
    let envoy = Envoy::start(EnvoyOptions::new(document.to_string()))
        .await
        .expect("Envoy");
    let answer = envoy.client().get("/Patient/p1").send().await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_masked(&answer.text());
}

/// Waits until a plain request is answered with this status.
pub(crate) async fn until(stage: &Stage, status: u16) {
    let start = Instant::now();
    loop {
        let answer = stage.agent("GET", "/Patient/p1").send().await;
        if answer.expect("an answer").status == status {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "never {status}: {}",
            stage.envoy.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_request_that_waits_finishes_under_the_policy_it_began_with() {
    let installation = Installation::new().await;
    let policy = installation.service.policy().clone();
    let (_folder, file) = folder(&resource("1", Some(&policy)));
    let stage = discovered(installation, &file).await;

    let waiting = tokio::spawn(stage.ask("/Patient/p1", "name", 40).send());
    let id = text(&stage.pending().await["id"]);
    // The new policy denies everything: what it does cannot be mistaken for what the old one does.
    let mut denies = policy.clone();
    denies["actions"] = json!([{"name": "closed", "effect": "deny"}]);
    let mut plain = denies.clone();
    plain
        .as_object_mut()
        .expect("a policy")
        .remove("policy_service");
    publish(&file, &resource("2", Some(&plain)));
    until(&stage, 403).await;
    assert!(!waiting.is_finished(), "it still waits");

    let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
    assert_eq!(approved.expect("approve").status, 200);
    let answer = waiting.await.expect("its task").expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["name"][0]["family"], "Thistlewood");
    assert_eq!(answer.json()["birthDate"], "1971", "and no more than that");
}

#[tokio::test]
async fn an_update_that_is_refused_changes_nothing() {
    let installation = Installation::new().await;
    let policy = installation.service.policy().clone();
    let (_folder, file) = folder(&resource("1", Some(&policy)));
    let stage = discovered(installation, &file).await;
    let mut wrong = policy.clone();
    wrong["maskin"] = json!({});
    publish(&file, &resource("2", Some(&wrong)));
    let start = Instant::now();
    while !stage.envoy.log().contains("/maskin") {
        assert!(start.elapsed() < Duration::from_secs(30), "never refused");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = stage.agent("GET", "/Patient/p1").send().await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_masked(&answer.text());
}

/// Where Velum is not there, or refuses its policy, requests are answered with 500; Envoy does not even
/// start without the file.
#[tokio::test]
async fn without_the_filter_nothing_passes() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let (_folder, file) = folder("{\"resources\": []}");
    let refused = resource("1", Some(&json!({"version": 2})));
    for (text, starts) in [
        (Some("{\"resources\": []}"), true),
        (Some(&*refused), true),
        (None, false),
    ] {
        match text {
            Some(text) => publish(&file, text),
            None => std::fs::remove_file(&file).expect("removed"),
        }
        let mut document = on_free_ports("envoy/ecds/bootstrap.yaml", &upstream);
        let source = velum(&mut document)
            .pointer_mut("/config_discovery/config_source")
            .expect("a source");
        source["path_config_source"]["path"] = json!(file);
        // By default Envoy waits 15 s for the filter before it opens the listener without.
        source["initial_fetch_timeout"] = json!("0.3s");
        let envoy = Envoy::start(EnvoyOptions::new(document.to_string())).await;
        assert_eq!(envoy.is_ok(), starts, "{text:?}");
        let Ok(envoy) = envoy else { continue };
        let answer = envoy.client().get("/Patient/p1").send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 500, "{text:?}");
        assert_masked(&answer.text());
    }
    assert!(upstream.received().is_empty(), "nothing reached the API");
}
