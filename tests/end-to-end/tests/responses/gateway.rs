//! Answers that Envoy makes itself are recognised, and nothing of an upstream passes as one.

use std::time::Duration;

use serde_json::json;
use velum_end_to_end::stage::{assert_masked, patient, problem};
use velum_harness::{Received, Reply};

use super::{decoding, sent};

/// What Envoy says where no upstream answers.
const OWN: &str = "upstream connect error or disconnect/reset before headers";

fn upstream(request: &Received) -> Reply {
    let text = |status| Reply::new(status).header("content-type", "text/csv");
    match request.path.as_str() {
        "/slow" => {
            // Blocks all of the upstream; Envoy is another process.
            std::thread::sleep(Duration::from_millis(1_500));
            Reply::json(&patient())
        }
        "/own" => text(503).whole(format!("{OWN}: Thistlewood")),
        "/details" => text(503)
            .header("x-envoy-response-code-details", "no_healthy_upstream")
            .header("response-code-details", "no_healthy_upstream")
            .whole(format!("{OWN}: Thistlewood")),
        _ => Reply::json(&patient()),
    }
}

#[tokio::test]
async fn a_401_of_jwt_authn_comes_as_it_is() {
    let stage = decoding(upstream).start().await;
    let answer = sent(stage.client().get("/p")).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (401, "Jwt is missing")
    );
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|value| value.starts_with("Bearer"))
    );
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn no_upstream_is_a_503_without_its_text() {
    let mut setup = super::reading(json!({"otherwise": "refuse"}), upstream);
    setup.change = |options| options.upstream = ([127, 0, 0, 1], 1).into();
    let stage = setup.start().await;
    for call in [stage.agent("GET", "/p"), stage.agent("GET", "/p").http2()] {
        let answer = sent(call).await;
        assert_eq!((answer.status, answer.complete), (503, true));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.json()["status"], 503, "{}", answer.text());
    }
}

#[tokio::test]
async fn an_upstream_that_is_too_slow_is_a_504() {
    let mut setup = super::reading(json!({"otherwise": "refuse"}), upstream);
    setup.change = |options| options.route = json!({"timeout": "0.3s"});
    let stage = setup.start().await;
    let answer = sent(stage.agent("GET", "/slow")).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json()["status"], 504, "{}", answer.text());
}

#[tokio::test]
async fn a_request_body_beyond_a_limit_is_a_413_whoever_says_so() {
    let mut setup = super::reading(json!({"otherwise": "refuse"}), upstream);
    setup.policy["limits"] = json!({"held_body": 4096});
    let stage = setup.start().await;
    let call = stage.agent("POST", "/p").json(&json!("x".repeat(5_000)));
    let answer = sent(call).await;
    assert_eq!(problem(&answer), (413, "body-too-large".into()));
    assert!(stage.upstream.received().is_empty());

    // Envoy's own limit is lower than ours.
    let mut setup = super::reading(json!({"otherwise": "refuse"}), upstream);
    setup.change = |options| options.buffer_limit = Some(16 * 1024);
    let stage = setup.start().await;
    let call = stage.agent("POST", "/p").json(&json!("x".repeat(400_000)));
    let answer = sent(call).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn nothing_of_an_upstream_passes_as_the_gateways_own() {
    let stage = decoding(upstream).start().await;
    for path in ["/own", "/details"] {
        let answer = sent(stage.agent("GET", path)).await;
        assert_masked(&answer.text());
        assert_eq!(
            problem(&answer),
            (502, "response-not-maskable".into()),
            "{path}"
        );
    }
}
