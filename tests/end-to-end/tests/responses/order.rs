//! Where Velum stands among Envoy's own compressor and decompressor.

use std::time::Duration;

use serde_json::{Value, json};
use velum_end_to_end::stage::{Setup, Stage, assert_masked, bundle, problem};
use velum_harness::{BootstrapOptions, Protocol, Received, Reply, Response};

use super::{gunzip, gzip, sent};

const TYPES: &str = "type.googleapis.com/envoy.extensions";

fn compressor() -> Value {
    json!({
        "name": "envoy.filters.http.compressor",
        "typed_config": {
            "@type": format!("{TYPES}.filters.http.compressor.v3.Compressor"),
            "compressor_library": {"name": "gzip", "typed_config": {
                "@type": format!("{TYPES}.compression.gzip.compressor.v3.Gzip"),
            }},
        },
    })
}

fn decompressor() -> Value {
    json!({
        "name": "envoy.filters.http.decompressor",
        "typed_config": {
            "@type": format!("{TYPES}.filters.http.decompressor.v3.Decompressor"),
            "decompressor_library": {"name": "gzip", "typed_config": {
                "@type": format!("{TYPES}.compression.gzip.decompressor.v3.Gzip"),
            }},
        },
    })
}

fn upstream(request: &Received) -> Reply {
    let body = bundle(20).to_string().into_bytes();
    let reply = Reply::new(200).header("content-type", "application/json");
    let coded = || gzip(&body);
    match request.path.as_str() {
        "/gzip" => reply.header("content-encoding", "gzip").whole(coded()),
        "/no-transform" => reply
            .header("content-encoding", "gzip")
            .header("cache-control", "no-transform")
            .whole(coded()),
        // Of a text the decompressor takes the length away.
        "/text" => Reply::new(200)
            .header("content-type", "text/plain")
            .header("content-encoding", "gzip")
            .whole(gzip(b"Thistlewood, SSN 000-12-3456")),
        "/text/plain" => Reply::new(200)
            .header("content-type", "text/plain")
            .whole("Thistlewood, SSN 000-12-3456"),
        "/untyped" => Reply::new(200)
            .header("content-encoding", "gzip")
            .whole(coded()),
        "/untyped/chunks" => Reply::new(200)
            .header("content-encoding", "gzip")
            .chunks(coded().into_iter().map(|byte| vec![byte])),
        "/untyped/nothing" => Reply::new(200)
            .header("content-encoding", "gzip")
            .whole(gzip(b"")),
        "/json/nothing" => reply.header("content-encoding", "gzip").whole(gzip(b"")),
        _ => reply.whole(body),
    }
}

async fn stage(change: fn(&mut BootstrapOptions), encodings: &str) -> Stage {
    let mut setup = Setup::new(upstream);
    setup.policy["responses"] = json!({"encodings": encodings});
    setup.change = change;
    setup.start().await
}

async fn get(stage: &Stage, path: &str) -> [Response; 2] {
    let call = stage.agent("GET", path).header("accept-encoding", "gzip");
    [sent(call.clone()).await, sent(call.http2()).await]
}

fn assert_whole(answer: &Response, text: &str) {
    assert_masked(text);
    assert_eq!((answer.status, answer.complete), (200, true), "{text}");
    let document: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(document["entry"].as_array().map(Vec::len), Some(20));
}

fn assert_refused(answer: &Response) {
    assert_masked(&answer.text());
    assert_eq!(problem(answer), (502, "response-not-maskable".into()));
}

#[tokio::test]
async fn compressor_velum_decompressor_compresses_what_is_masked() {
    let order = |options: &mut BootstrapOptions| {
        options.filters_before.push(compressor());
        options.filters_after.push(decompressor());
    };
    for encodings in ["refuse", "decode"] {
        let stage = stage(order, encodings).await;
        for path in ["/gzip", "/plain"] {
            for answer in get(&stage, path).await {
                assert_eq!(answer.header("content-encoding"), Some("gzip"), "{path}");
                assert_whole(&answer, &gunzip(&answer.body));
            }
        }
        // Envoy's decompressor leaves this alone.
        for answer in get(&stage, "/no-transform").await {
            match encodings {
                "refuse" => assert_eq!(answer.status, 502),
                _ => assert_whole(&answer, &answer.text()),
            }
            assert_masked(&answer.text());
        }
    }
}

#[tokio::test]
async fn velum_before_the_compressor_keeps_it_from_compressing() {
    let order = |options: &mut BootstrapOptions| options.filters_after.push(compressor());
    let stage = stage(order, "refuse").await;
    for answer in get(&stage, "/plain").await {
        assert_eq!(answer.header("content-encoding"), None);
        assert_whole(&answer, &answer.text());
    }
    for answer in get(&stage, "/gzip").await {
        assert_refused(&answer);
    }
}

#[tokio::test]
async fn behind_the_decompressor_velum_sees_what_the_upstream_sent() {
    let order = |options: &mut BootstrapOptions| options.filters_before.push(decompressor());
    let refusing = stage(order, "refuse").await;
    for answer in get(&refusing, "/gzip").await {
        assert_refused(&answer);
    }
    let decoding = stage(order, "decode").await;
    for path in ["/gzip", "/plain", "/no-transform"] {
        for answer in get(&decoding, path).await {
            assert_eq!(answer.header("content-encoding"), None);
            assert_whole(&answer, &answer.text());
        }
    }
}

#[tokio::test]
async fn what_waits_for_its_end_does_not_hang_behind_the_decompressor() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for encodings in ["refuse", "decode"] {
            let mut setup = Setup::new(upstream);
            setup.protocol = protocol;
            setup.policy["responses"] = json!({"encodings": encodings, "text": ["text/plain"]});
            setup.change = |options| options.filters_after.push(decompressor());
            let stage = setup.start().await;
            for path in [
                "/text",
                "/text/plain",
                "/untyped",
                "/untyped/chunks",
                "/untyped/nothing",
                "/json/nothing",
            ] {
                let at_once = tokio::time::timeout(Duration::from_secs(10), get(&stage, path));
                for answer in at_once
                    .await
                    .unwrap_or_else(|_| panic!("{path} hangs: {protocol:?} {encodings}"))
                {
                    let text = answer.text();
                    assert!(!text.contains("000-12-3456"), "{path}: {text}");
                    match path {
                        "/text/plain" => assert!(text.contains("[masked:ssn]"), "{text}"),
                        "/untyped/nothing" | "/json/nothing" => {
                            assert_eq!((answer.status, text.as_str()), (200, ""), "{path}");
                        }
                        // Its first bytes hold nothing yet: behind them the headers do not wait.
                        "/untyped/chunks" if !answer.complete => assert_masked(&text),
                        _ => assert_refused(&answer),
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_envoy_decompressed_is_looked_at_and_does_not_hang() {
    let order = |options: &mut BootstrapOptions| options.filters_before.push(decompressor());
    let stage = stage(order, "refuse").await;
    for (body, status) in [
        (r#"{"a":1}"#, 200),
        (r#"{"a":"[masked:ssn]"}"#, 422),
        ("", 200),
    ] {
        stage.upstream.forget();
        let call = stage
            .agent("PUT", "/plain")
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .body(gzip(body.as_bytes()));
        for call in [call.clone(), call.http2()] {
            let answer = tokio::time::timeout(Duration::from_secs(10), sent(call)).await;
            let answer = answer.unwrap_or_else(|_| panic!("it hangs: {body}"));
            assert_eq!(answer.status, status, "{body}: {}", answer.text());
        }
        let received = stage.upstream.received();
        assert_eq!(received.len(), if status == 200 { 2 } else { 0 });
        for request in received {
            assert_eq!(String::from_utf8_lossy(&request.body), body);
        }
    }
}
