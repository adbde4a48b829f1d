//! `envoy/remote.yaml`: the module comes over HTTP, pinned by its SHA-256.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use velum_harness::{Envoy, EnvoyOptions, Protocol, Reply, Upstream, locations};

use velum_end_to_end::stage::{assert_masked, patients};

use crate::installation::{endpoint, on_free_ports, velum};

struct Remote {
    envoy: Envoy,
    upstream: Upstream,
    artifacts: Upstream,
}

/// The file with this hash, in front of a server that has the built module.
async fn remote(sha256: Option<&str>, available: bool) -> Remote {
    let module = std::fs::read(locations::filter().expect("the built filter")).expect("readable");
    let hash = Sha256::digest(&module)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a text");
            hex
        });
    let artifacts = Upstream::start(Protocol::Http1, move |_| {
        if available {
            Reply::new(200)
                .header("content-type", "application/wasm")
                .whole(module.clone())
        } else {
            Reply::new(404).whole("")
        }
    })
    .await
    .expect("artifacts");
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let mut document = on_free_ports("envoy/remote.yaml", &upstream);
    *endpoint(&mut document, "artifacts") = artifacts.address().port().into();
    let clusters = document["static_resources"]["clusters"].as_array_mut();
    for cluster in clusters.expect("clusters") {
        // The test's server is on loopback, in plain text.
        cluster
            .as_object_mut()
            .expect("a cluster")
            .remove("transport_socket");
    }
    let code: &mut Value = velum(&mut document)
        .pointer_mut("/typed_config/config/vm_config/code/remote")
        .expect("remote code");
    code["sha256"] = json!(sha256.unwrap_or(&hash));
    let envoy = Envoy::start(EnvoyOptions::new(document.to_string()))
        .await
        .expect("Envoy");
    Remote {
        envoy,
        upstream,
        artifacts,
    }
}

#[tokio::test]
async fn the_module_with_the_right_hash_is_fetched_and_masks() {
    let remote = remote(None, true).await;
    let answer = remote.envoy.client().get("/Patient/p1").send().await;
    let answer = answer.expect("an answer");
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_masked(&answer.text());
    assert_eq!(remote.artifacts.received().len(), 1);
}

#[tokio::test]
async fn another_hash_or_no_module_closes_with_503() {
    let other = "11".repeat(32);
    for (sha256, available) in [(Some(&*other), true), (None, false)] {
        let remote = remote(sha256, available).await;
        for path in ["/Patient/p1", "/healthz"] {
            let answer = remote.envoy.client().get(path).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 503, "{path} {available}");
            assert_masked(&answer.text());
        }
        assert!(
            remote.upstream.received().is_empty(),
            "nothing reached the API"
        );
        assert!(!remote.artifacts.received().is_empty());
    }
}
