//! The smoke suite on every Envoy that Velum is said to run on; the newest runs all other tests too.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use velum_end_to_end::patched::{Trap, trapping_filter};
use velum_end_to_end::stage::{
    REVIEWER, Stage, assert_masked, figure, patient, patients, problem, text,
};
use velum_harness::{Envoy, Protocol, Received, Reply, Response, Step, Upstream, locations};

use crate::installation::{Installation, velum};

/// So many headers of an answer make the filter trap, and no other answer has them.
const POISON: usize = 50;

/// Whether Envoy has `vm_config.capability_restriction_config`; before, the list is a member of the
/// plugin's own configuration.
fn lists_in_vm(version: &str) -> bool {
    version == "1.40"
}

/// The binary of a minor version, from where `cargo xtask test` put it.
fn binary(version: &str) -> Option<PathBuf> {
    if version == "1.40" {
        return Some(locations::envoy().expect("the newest Envoy"));
    }
    let folder = format!("envoy-{version}.");
    locations::older_envoys()
        .into_iter()
        .find(|path| path.to_string_lossy().contains(&folder))
}

#[tokio::test]
async fn envoy_1_36() {
    smoke("1.36", "envoy_1_36").await;
}

#[tokio::test]
async fn envoy_1_37() {
    smoke("1.37", "envoy_1_37").await;
}

#[tokio::test]
async fn envoy_1_38() {
    smoke("1.38", "envoy_1_38").await;
}

#[tokio::test]
async fn envoy_1_39() {
    smoke("1.39", "envoy_1_39").await;
}

#[tokio::test]
async fn envoy_1_40() {
    smoke("1.40", "envoy_1_40").await;
}

#[expect(clippy::print_stderr, reason = "what was not tested")]
async fn smoke(version: &str, test: &str) {
    let Some(binary) = binary(version) else {
        let line = format!("skipped: no Envoy {version}; `cargo xtask test` fetches it");
        figure(test, &line);
        // Also where what tests print is not shown.
        eprintln!("{line}");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let filter = folder.path().join("trapping.wasm");
    let trap = Trap {
        callback: "proxy_on_response_headers",
        at: (1, POISON),
    };
    std::fs::write(&filter, trapping_filter(trap)).expect("written");

    let mut installation = Installation::new().await;
    installation.upstream = Upstream::start(Protocol::Http1, answer)
        .await
        .expect("upstream");
    let mut options = installation.options();
    options.filter = Some(filter);
    let place = |document: &mut Value| {
        let trailers = json!({"enable_trailers": true});
        let manager = document
            .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config");
        manager.expect("a manager")["http_protocol_options"] = trailers.clone();
        document["static_resources"]["clusters"][0]["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": trailers},
            },
        });
        if !lists_in_vm(version) {
            let config = &mut velum(document)["typed_config"]["config"];
            let list = config["vm_config"]
                .as_object_mut()
                .and_then(|vm| vm.remove("capability_restriction_config"));
            config["capability_restriction_config"] = list.expect("a list");
        }
    };
    let mut refused = installation.envoy_options(&options, |document| {
        place(document);
        velum(document)["typed_config"]["config"]["configuration"]["value"]["maskin"] = json!({});
    });
    refused.binary = Some(binary.clone());
    let log = Envoy::validate(refused)
        .await
        .expect_err("refused")
        .to_string();
    assert!(log.contains("/maskin"), "{log}");

    let mut envoy = installation.envoy_options(&options, place);
    envoy.binary = Some(binary);
    let stage = installation.start(envoy).await;
    let told = stage.envoy.admin("/server_info").await.expect("an answer");
    assert!(told.contains(&format!("/{version}.")), "{told}");

    masks_over_both_protocols(&stage).await;
    bad_bodies_are_refused(&stage).await;
    headers_and_trailers_stay(&stage).await;
    holds_and_releases(&stage).await;
    comes_back_after_a_trap(&stage).await;
    figure(
        test,
        "masks over HTTP/1.1 and HTTP/2, refuses, holds and releases, comes back after a trap",
    );
}

/// What the upstream says to each of the suite's requests.
fn answer(request: &Received) -> Reply {
    let json = |reply: Reply| reply.header("content-type", "application/json");
    match &*request.path {
        "/bad" => json(Reply::new(200)).whole("{\"ssn\": \"000-12-3456\", oops"),
        "/text" => Reply::new(200)
            .header("content-type", "text/csv")
            .whole("ssn\n000-12-3456\n"),
        "/trailers" => {
            let body = json!([patient()]).to_string();
            let (first, second) = body.split_at(100);
            json(Reply::new(200))
                .header("etag", "\"strong\"")
                .header("velum-approval", "forged")
                .header("x-kept", "yes")
                .script(
                    velum_harness::Framing::Chunked,
                    [
                        Step::Data(first.as_bytes().to_vec()),
                        Step::Data(second.as_bytes().to_vec()),
                        Step::Trailers(vec![
                            ("x-sum".to_owned(), "1".to_owned()),
                            ("velum-lifted".to_owned(), "name".to_owned()),
                        ]),
                    ],
                )
        }
        "/poison" => (0..POISON).fold(Reply::json(&patient()), |reply, index| {
            reply.header(&format!("x-{index}"), "1")
        }),
        _ => patients(request),
    }
}

async fn get(stage: &Stage, path: &str, http2: bool) -> Response {
    let call = stage.agent("GET", path);
    let call = if http2 { call.http2() } else { call };
    call.send().await.expect("an answer")
}

async fn masks_over_both_protocols(stage: &Stage) {
    for http2 in [false, true] {
        for path in ["/Patient/p1", "/Patient?chunked"] {
            let answer = get(stage, path, http2).await;
            assert_eq!((answer.status, answer.complete), (200, true), "{path}");
            assert_masked(&answer.text());
            assert!(answer.text().contains("[masked:name]"), "{path}");
        }
    }
}

async fn bad_bodies_are_refused(stage: &Stage) {
    let bad = get(stage, "/bad", false).await;
    assert_eq!(bad.status, 502, "headers waited for the first bytes");
    assert_masked(&bad.text());
    let other = get(stage, "/text", true).await;
    assert_eq!(problem(&other), (502, "response-not-maskable".into()));
    let nobody = stage.client().get("/Patient/p1").send().await;
    assert_eq!(nobody.expect("an answer").status, 401, "Envoy's own answer");
}

async fn headers_and_trailers_stay(stage: &Stage) {
    for http2 in [false, true] {
        let answer = get(stage, "/trailers", http2).await;
        assert_eq!((answer.status, answer.complete), (200, true));
        assert_masked(&answer.text());
        assert_eq!(answer.header("x-kept"), Some("yes"));
        assert_eq!(answer.header("etag"), None, "the change made it false");
        assert_eq!(answer.header("velum-approval"), None, "forged upstream");
        let names: Vec<_> = answer.trailers.iter().map(|(name, _)| &**name).collect();
        // The client does not show those of HTTP/2.
        assert!(http2 || names == ["x-sum"], "{names:?}");
    }
}

async fn holds_and_releases(stage: &Stage) {
    let lifted = stage
        .approved(stage.ask("/Patient/p1", "name", 30), None)
        .await;
    assert_eq!(lifted.status, 200, "{}", lifted.text());
    assert_eq!(lifted.json()["name"][0]["family"], "Thistlewood");
    assert_eq!(lifted.json()["birthDate"], "1971");
    let reviewer = stage.reviewer(REVIEWER);
    stage.upstream.forget();
    let delete = |path: &str, body: &str| {
        let call = stage.agent("DELETE", path).header("prefer", "wait=30");
        call.header("content-type", "application/json").body(body)
    };
    let call = delete("/Patient/p1", "{\"why\": \"twice\"}");
    let denied = stage
        .while_waiting(call, |id| async move {
            let answer = reviewer.deny(&id, None).await.expect("deny");
            assert_eq!(answer.status, 200, "{}", answer.body);
        })
        .await;
    assert_eq!(problem(&denied), (403, "approval-denied".into()));
    assert!(stage.upstream.received().is_empty(), "nothing was deleted");
    let call = delete("/Patient/p2", "{\"why\": \"gone\"}");
    let released = stage.approved(call, None).await;
    assert_eq!(released.status, 200, "{}", released.text());
    let received = stage.upstream.received();
    assert_eq!(received.len(), 1, "once");
    assert_eq!(text(&json!(received[0].method)), "DELETE");
    assert_eq!(received[0].body, b"{\"why\": \"gone\"}");
}

async fn comes_back_after_a_trap(stage: &Stage) {
    for poison in 1..=2 {
        let trapped = get(stage, "/poison", false).await;
        assert_eq!(trapped.status, 503, "the trap refuses its own answer");
        assert_masked(&trapped.text());
        tokio::time::sleep(Duration::from_millis(300)).await;
        let after = get(stage, "/Patient/p1", false).await;
        assert_eq!(
            (after.status, after.complete),
            (200, true),
            "a fresh module"
        );
        assert_masked(&after.text());
        let reloads = stage.envoy.stat("wasm.velum.vm_reload_success").await;
        assert_eq!(reloads.expect("statistics"), Some(poison));
    }
}
