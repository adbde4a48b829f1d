//! Callers that leave while a body of theirs is held, as long as may be held.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use velum_end_to_end::stage::{AGENT, PERSON, REVIEWER, Setup, Stage, text};
use velum_harness::Reply;

use super::leaving::card_with;

async fn stage() -> Stage {
    let mut setup = Setup::new(|_| Reply::json(&json!({})));
    let requests = json!({"inspect": true, "flag_on": ["ssn"], "hold": "60s"});
    setup.policy["masking"]["profiles"] = json!(["pii", "hipaa-safe-harbor", "credentials"]);
    setup.policy["actions"] = json!([
        {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "60s"},
        {"name": "read", "effect": "mask", "requests": requests},
    ]);
    setup.start().await
}

/// A connection over which a request of that length was sent, whole.
async fn sent(stage: &Stage, method: &str, path: &str, length: usize) -> TcpStream {
    let token = stage.jwt.agent(AGENT, PERSON);
    let body = json!({"ssn": "000-12-3456", "pad": ""}).to_string();
    let pad = "x".repeat(length - body.len());
    let body = json!({"ssn": "000-12-3456", "pad": pad}).to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nprefer: wait=60\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut socket = TcpStream::connect(stage.envoy.address())
        .await
        .expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    socket
}

#[tokio::test]
async fn what_is_approved_for_a_caller_that_has_left_never_reaches_the_upstream() {
    // What Envoy buffers, and what the policy lets be held.
    const LIMIT: usize = 262_144;
    let stage = stage().await;
    for (number, (method, length)) in [
        ("DELETE", 1_000),
        ("DELETE", LIMIT - 1),
        ("DELETE", LIMIT),
        ("POST", 1_000),
        ("POST", LIMIT - 1),
        ("POST", LIMIT),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = sent(&stage, method, &format!("/r/{number}"), length).await;
        let id = text(&stage.pending().await["id"]);
        card_with(&stage, &id, |card| card["waiting"] == 1).await;
        drop(socket);
        card_with(&stage, &id, |card| card["waiting"] == 0).await;
        let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
        assert_eq!(approved.expect("approve").status, 200);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let received = stage.upstream.received();
        assert!(received.is_empty(), "{method} of {length} bytes was done");
    }
}
