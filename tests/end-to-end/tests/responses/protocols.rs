//! Protocols whose messages nobody here reads.

use serde_json::json;
use velum_end_to_end::stage::{assert_masked, problem};
use velum_harness::{Framing, Received, Reply, Step};

use super::{decoding, raw, reading, sent};

fn upstream(request: &Received) -> Reply {
    if request.header("upgrade").is_some() {
        return Reply::new(101)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .script(Framing::UntilClose, [Step::Data(b"Thistlewood".to_vec())]);
    }
    Reply::new(200)
        .header("content-type", "application/grpc")
        .whole(b"\0\0\0\0\x0bThistlewood".to_vec())
}

#[tokio::test]
async fn tunnels_are_refused_before_the_upstream_sees_them() {
    let mut setup = decoding(upstream);
    setup.change = |options| {
        let kinds = ["websocket", "CONNECT"];
        let kinds = kinds.map(|kind| json!({"upgrade_type": kind}));
        options.manager = json!({
            "upgrade_configs": kinds,
            "http2_protocol_options": {"allow_connect": true},
        });
    };
    let stage = setup.start().await;
    let upgrade = |path: &str| {
        stage
            .agent("GET", path)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
    };
    let answer = sent(upgrade("/p")).await;
    assert_eq!(problem(&answer), (403, "upgrade-refused".into()));
    let answer = raw(&stage, &[("CONNECT", "api:80", "")]).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(stage.upstream.received().is_empty());
    // What the policy passes goes through.
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
    let answer = raw(&stage, &[("GET", "/healthz", upgrade)]).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(answer.ends_with("Thistlewood"), "{answer}");
}

#[tokio::test]
async fn where_envoy_upgrades_nothing_the_refusal_is_its_own() {
    let stage = decoding(upstream).start().await;
    let call = stage
        .agent("GET", "/p")
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    assert_eq!(sent(call).await.status, 403);
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn a_grpc_client_is_told_permission_denied() {
    let stage = decoding(upstream).start().await;
    let call = stage
        .agent("POST", "/records.Records/Get")
        .http2()
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(b"\0\0\0\0\0".to_vec());
    let answer = sent(call).await;
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("7"))
    );
    let message = answer.header("grpc-message").expect("a message");
    assert!(message.contains("grpc-refused"), "{message}");
    assert!(stage.upstream.received().is_empty());

    // One that did not say so is told what others are.
    let answer = sent(stage.agent("GET", "/p")).await;
    assert_masked(&answer.text());
    assert_eq!(problem(&answer), (502, "response-not-maskable".into()));
}

#[tokio::test]
async fn grpc_passes_where_an_action_passes_it() {
    let mut setup = reading(json!({"otherwise": "pass"}), upstream);
    let passed = json!({
        "name": "records", "when": {"path": {"prefix": "/records.Records/"}}, "effect": "pass",
    });
    let actions = setup.policy["actions"].as_array_mut().expect("actions");
    actions.insert(0, passed);
    let stage = setup.start().await;
    let call = stage
        .agent("POST", "/records.Records/Get")
        .http2()
        .header("content-type", "application/grpc")
        .body(b"\0\0\0\0\0".to_vec());
    let answer = sent(call).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("Thistlewood"));
}
