//! Bodies that must be held: bounded, whole, and with an end.

use serde_json::{Value, json};
use velum_end_to_end::stage::{AGENT, PERSON, REVIEWER, Stage, problem};

use super::{raw, setup};

/// More than this may not be held.
const MOST: usize = 64 * 1024;

fn actions() -> Value {
    json!([{"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "30s"}])
}

async fn stage() -> Stage {
    let mut setup = setup(&actions());
    setup.policy["limits"] = json!({"held_body": MOST});
    setup.start().await
}

/// The head of a request that is to be held, without its end.
fn head(stage: &Stage, method: &str, more: &str) -> String {
    let token = stage.jwt.agent(AGENT, PERSON);
    format!(
        "{method} /r/1 HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\nconnection: close\r\n{more}\r\n"
    )
}

fn text(length: usize) -> String {
    format!("\"{}\"", "x".repeat(length - 2))
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_before_it_comes() {
    let stage = stage().await;
    for method in ["PUT", "DELETE"] {
        let request = head(&stage, method, &format!("content-length: {}\r\n", MOST + 1));
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(
            raw::outcome(&answer),
            (413, "body-too-large".into()),
            "{answer}"
        );
    }
    assert!(stage.upstream.received().is_empty());
}

#[tokio::test]
async fn a_chunked_body_is_refused_once_it_is_too_long() {
    let stage = stage().await;
    for (length, expected) in [(MOST, 200), (MOST + 1, 413)] {
        let head = head(&stage, "PUT", "transfer-encoding: chunked\r\n");
        let body = text(length);
        let request = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(raw::outcome(&answer).0, expected, "{length}: {answer}");
    }
    let received = stage.upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body.len(), MOST);
}

#[tokio::test]
async fn a_body_too_long_is_refused_at_its_trailers() {
    let mut setup = setup(&actions());
    setup.policy["limits"] = json!({"held_body": MOST});
    setup.change = |options| {
        options.manager = json!({"http_protocol_options": {"enable_trailers": true}});
    };
    let stage = setup.start().await;
    for (length, expected) in [(MOST, 200), (MOST + 1, 413)] {
        let head = head(&stage, "PUT", "transfer-encoding: chunked\r\n");
        let body = text(length);
        let request = format!("{head}{:x}\r\n{body}\r\n0\r\nx-end: 1\r\n\r\n", body.len());
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(raw::outcome(&answer).0, expected, "{length}: {answer}");
    }
    assert_eq!(stage.upstream.received().len(), 1);
}

#[tokio::test]
async fn an_empty_body_is_one_however_it_ends() {
    let stage = stage().await;
    let mut sent = 0;
    for (more, body) in [
        ("content-length: 0\r\n", ""),
        ("transfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("", ""),
    ] {
        let request = format!("{}{body}", head(&stage, "PUT", more));
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(raw::outcome(&answer).0, 200, "{more}: {answer}");
        sent += 1;
    }
    // Over HTTP/2 an empty last frame, or trailers alone, end it.
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    let headers = [
        (":method", "PUT"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", "/r/1"),
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    for (body, trailers) in [(&[&b""[..]][..], &[][..]), (&[], &[("x-end", "1")])] {
        raw::http2(stage.envoy.address(), &headers, body, trailers).await;
        sent += 1;
        assert_eq!(stage.upstream.received().len(), sent, "{trailers:?}");
    }
    assert!(
        stage
            .upstream
            .received()
            .iter()
            .all(|request| request.body.is_empty())
    );
}

#[tokio::test]
async fn who_asks_before_sending_a_body_is_told_to_send_it() {
    let stage = stage().await;
    let body = "{\"a\":1}";
    let more = format!("expect: 100-continue\r\ncontent-length: {}\r\n", body.len());
    let request = format!("{}{body}", head(&stage, "PUT", &more));
    let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
    assert_eq!(raw::outcome(&answer).0, 200, "{answer}");
    assert_eq!(stage.upstream.received()[0].body, body.as_bytes());
}

#[tokio::test]
async fn a_body_of_another_length_than_it_says_never_arrives() {
    let stage = stage().await;
    // Less than was said: the connection ends before the body does.
    let request = format!("{}{{\"a\"", head(&stage, "PUT", "content-length: 100\r\n"));
    let mut socket = tokio::net::TcpStream::connect(stage.envoy.address())
        .await
        .expect("a connection");
    tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes())
        .await
        .expect("sent");
    drop(socket);
    // More: what is beyond the length is no part of the request, and no request.
    let request = format!(
        "{}{{}}{{\"b\":\"[masked:name]\"}}",
        head(&stage, "PUT", "content-length: 2\r\n")
    );
    raw::http1(stage.envoy.address(), request.as_bytes()).await;
    // Two lengths, and a length beside chunks.
    for more in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2\r\ntransfer-encoding: chunked\r\n",
    ] {
        let request = format!("{}2\r\n{{}}\r\n0\r\n\r\n", head(&stage, "PUT", more));
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        assert_eq!(raw::outcome(&answer).0, 400, "{answer}");
    }
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    for length in ["1", "3"] {
        let headers = [
            (":method", "PUT"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/r/1"),
            ("authorization", token.as_str()),
            ("content-type", "application/json"),
            ("content-length", length),
        ];
        raw::http2(stage.envoy.address(), &headers, &[b"{}"], &[]).await;
    }
    for request in stage.upstream.received() {
        assert_eq!(request.body, b"{}", "only what the first length says");
        assert_eq!(request.header("content-length").as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn a_held_body_ends_with_trailers_and_is_bound_by_its_digest() {
    let stage = stage().await;
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    let headers = [
        (":method", "DELETE"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", "/r/1"),
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
        ("prefer", "wait=30"),
    ];
    let sending = raw::http2(
        stage.envoy.address(),
        &headers,
        &[b"{\"a\"", b":1}"],
        &[("x-end", "1")],
    );
    let deciding = async {
        let id = stage.pending().await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let answer = stage
            .reviewer(REVIEWER)
            .approve(&id, None)
            .await
            .expect("approve");
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    tokio::join!(sending, deciding);
    assert_eq!(stage.upstream.received()[0].body, b"{\"a\":1}");
}

#[tokio::test]
async fn where_headers_cannot_be_held_a_body_is_not_reviewable_and_none_is() {
    let mut setup = setup(&actions());
    setup.policy["host"] = json!({"headers_stop_iteration": false});
    let stage = setup.start().await;
    let answer = stage.agent("DELETE", "/r/1").json(&json!({})).send().await;
    let expected = (403, "body-not-reviewable".into());
    assert_eq!(problem(&answer.expect("an answer")), expected);
    let answer = stage
        .agent("DELETE", "/r/1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&answer), (403, "approval-required".into()));
    assert!(stage.upstream.received().is_empty());
}
