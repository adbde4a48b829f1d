//! What is ours to write is never taken from a caller.

use serde_json::{Value, json};
use velum_end_to_end::stage::{AGENT, PERSON, Stage};
use velum_harness::Protocol;

use super::{raw, setup};

/// In every spelling that an upstream may take for it.
const NAMES: [&str; 5] = [
    "velum-lifted",
    "Velum-Approval",
    "VELUM_LIFT",
    "velum_principal",
    "vElUm-_x",
];

fn actions() -> Value {
    json!([
        {"name": "health", "when": {"method": ["GET", "POST"], "path": "/healthz"}, "effect": "pass"},
        {"name": "outward", "when": {"path": "/outward"}, "effect": "mask", "requests": {"inspect": true}},
        {"name": "free", "when": {"path": {"prefix": "/free/"}}, "effect": "pass"}
    ])
}

async fn stage() -> Stage {
    let mut setup = setup(&actions());
    // An upstream that shows trailers, and a listener that takes them.
    setup.protocol = Protocol::Http2;
    setup.change = |options| {
        options.manager = json!({"http_protocol_options": {"enable_trailers": true}});
    };
    setup.start().await
}

fn assert_nothing_of_ours(stage: &Stage, requests: usize, trailers: bool) {
    let received = stage.upstream.received();
    assert_eq!(received.len(), requests, "{received:?}");
    for request in received {
        let all = request.headers.iter().chain(&request.trailers);
        let names: Vec<_> = all.map(|(name, _)| name.to_ascii_lowercase()).collect();
        assert!(
            !names.iter().any(|name| name.starts_with("velum")),
            "{} {names:?}",
            request.path
        );
        let kept = request.trailers.iter().any(|(name, _)| name == "x-kept");
        assert_eq!(kept, trailers, "{names:?}");
    }
}

const PATHS: [&str; 4] = ["/healthz", "/free/x", "/masked", "/outward"];

#[tokio::test]
async fn headers_and_trailers_named_like_ours_never_reach_the_upstream_over_http1() {
    let stage = stage().await;
    let token = stage.jwt.agent(AGENT, PERSON);
    let fields = NAMES.map(|name| format!("{name}: name\r\n")).concat();
    for path in PATHS {
        let body = format!("2\r\n{{}}\r\n0\r\nx-kept: 1\r\n{fields}\r\n");
        // What a caller may ask is read and refused: it is no class, or no id.
        let head = fields
            .replace("Velum-Approval: name\r\n", "")
            .replace("VELUM_LIFT", "VELUM_LI");
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\n{head}transfer-encoding: chunked\r\n\
             connection: close\r\n\r\n{body}"
        );
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(raw::outcome(&answer).0, 200, "{path}: {answer}");
    }
    assert_nothing_of_ours(&stage, PATHS.len(), true);
}

#[tokio::test]
async fn headers_and_trailers_named_like_ours_never_reach_the_upstream_over_http2() {
    let stage = stage().await;
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    let names = NAMES.map(str::to_ascii_lowercase);
    for path in PATHS {
        let mut headers = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", path),
            ("authorization", &token),
            ("content-type", "application/json"),
        ];
        let is_read = |name: &str| name == "velum-approval";
        headers.extend(
            names
                .iter()
                .filter(|name| !is_read(name))
                .map(|name| (name.as_str(), "name")),
        );
        let mut trailers = vec![("x-kept", "1")];
        trailers.extend(names.iter().map(|name| (name.as_str(), "name")));
        raw::http2(stage.envoy.address(), &headers, &[b"{", b"}"], &trailers).await;
    }
    assert_nothing_of_ours(&stage, PATHS.len(), true);
}
