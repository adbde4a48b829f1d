//! The harness itself, against an Envoy without Velum.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use velum_harness::{
    Authority, Behaviour, BootstrapOptions, Client, DownstreamTls, Envoy, EnvoyOptions,
    FakeService, Framing, Jwt, Protocol, Reply, Step, Upstream, bootstrap, gzip_stored,
};

async fn bare(upstream: &Upstream) -> Envoy {
    let options = BootstrapOptions {
        upstream_protocol: upstream.protocol(),
        ..BootstrapOptions::bare(upstream.address())
    };
    Envoy::start(EnvoyOptions::new(bootstrap(&options).unwrap()))
        .await
        .unwrap()
}

#[tokio::test]
async fn both_protocols_pass_on_both_sides() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let upstream = Upstream::start(protocol, |request| {
            Reply::json(&json!({"got": String::from_utf8_lossy(&request.body)}))
        })
        .await
        .unwrap();
        let envoy = bare(&upstream).await;
        for http2 in [false, true] {
            let call = envoy
                .client()
                .call("POST", "/Patient/%24x?a=b")
                .header("x-test", "yes");
            let call = call.body("hello");
            let answer = if http2 { call.http2() } else { call }
                .send()
                .await
                .unwrap();
            assert_eq!((answer.status, answer.complete), (200, true));
            assert_eq!(answer.json(), json!({"got": "hello"}));
            let received = upstream.received().pop().unwrap();
            assert_eq!(received.method, "POST");
            assert_eq!(received.path, "/Patient/%24x?a=b");
            assert_eq!(received.header("x-test").as_deref(), Some("yes"));
        }
    }
}

#[tokio::test]
async fn a_body_that_was_cut_is_not_complete() {
    type Body = fn() -> Reply;
    let cases: [(&str, Body, bool); 5] = [
        (
            "whole chunks",
            || Reply::new(200).chunks(["ab", "cd"]),
            true,
        ),
        ("length kept", || Reply::new(200).whole("abcd"), true),
        (
            "chunks cut",
            || Reply::new(200).script(Framing::Chunked, cut()),
            false,
        ),
        (
            "length not kept",
            || Reply::new(200).script(Framing::Length(8), cut()),
            false,
        ),
        (
            "until close",
            || Reply::new(200).script(Framing::UntilClose, [data("abcd")]),
            true,
        ),
    ];
    for (name, body, complete) in cases {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let upstream = Upstream::start(protocol, move |_| body()).await.unwrap();
            let envoy = bare(&upstream).await;
            for http2 in [false, true] {
                let call = envoy.client().get("/");
                let answer = if http2 { call.http2() } else { call }
                    .send()
                    .await
                    .unwrap();
                assert_eq!(
                    answer.complete, complete,
                    "{name} {protocol:?} http2={http2}"
                );
                if complete {
                    assert_eq!(answer.text(), "abcd", "{name} {protocol:?} http2={http2}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_arrives_while_the_upstream_still_waits() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let go = Arc::new(Notify::new());
        let gate = Arc::clone(&go);
        let upstream = Upstream::start(protocol, move |_| {
            let steps = [
                data("first\n"),
                Step::Until(Arc::clone(&gate)),
                data("last\n"),
            ];
            Reply::new(200).script(Framing::Chunked, steps)
        })
        .await
        .unwrap();
        let envoy = bare(&upstream).await;
        let mut stream = envoy.client().get("/").stream().await.unwrap();
        assert_eq!(stream.next().await.unwrap(), b"first\n");
        assert_eq!(upstream.sent(), 6);
        go.notify_one();
        assert_eq!(stream.next().await.unwrap(), b"last\n");
        assert_eq!((stream.next().await, stream.complete), (None, true));
    }
}

#[tokio::test]
async fn trailers_and_a_hundred_megabytes_pass() {
    let upstream = Upstream::start(Protocol::Http1, |_| {
        let line = "x".repeat(1023) + "\n";
        let lines = std::iter::repeat_n(Step::Data(line.repeat(64).into()), 1600);
        let end = Step::Trailers(vec![("x-end".to_owned(), "1".to_owned())]);
        Reply::new(200).script(Framing::Chunked, lines.chain([end]))
    })
    .await
    .unwrap();
    let mut envoy = bare(&upstream).await;
    let cpu = envoy.cpu_time().unwrap();
    let mut stream = envoy.client().get("/").stream().await.unwrap();
    let mut size = 0;
    while let Some(bytes) = stream.next().await {
        size += bytes.len();
    }
    assert_eq!((size, stream.complete), (1600 * 65_536, true));
    assert!(envoy.cpu_time().unwrap() > cpu);
    let rss = envoy.rss_bytes().unwrap();
    assert!(
        rss > 10 << 20 && rss <= envoy.peak_rss_bytes().unwrap(),
        "{rss}"
    );
    assert!(envoy.is_running());
}

#[tokio::test]
async fn envoy_believes_our_tokens_and_only_ours() {
    let upstream = Upstream::start(Protocol::Http1, |_| Reply::json(&json!({})))
        .await
        .unwrap();
    let (ours, other) = (Jwt::new().unwrap(), Jwt::new().unwrap());
    let options = BootstrapOptions {
        jwks: Some(ours.jwks()),
        ..BootstrapOptions::bare(upstream.address())
    };
    let envoy = Envoy::start(EnvoyOptions::new(bootstrap(&options).unwrap()))
        .await
        .unwrap();
    let late = ours.token("dr-jones", None, &json!({"exp": 1}));
    let cases = [
        (Some(ours.agent("triage-bot", "dr-jones")), 200),
        (Some(ours.token("dr-jones", None, &Value::Null)), 200),
        (Some(other.agent("triage-bot", "dr-jones")), 401),
        (Some(late), 401),
        (None, 401),
    ];
    for (token, status) in cases {
        let call = envoy.client().get("/Patient/1");
        let call = token.map_or(call.clone(), |token| call.bearer(&token));
        assert_eq!(call.send().await.unwrap().status, status);
    }
    assert_eq!(
        envoy.client().get("/healthz").send().await.unwrap().status,
        200
    );
    // Anything but exactly that path needs a token.
    assert_eq!(
        envoy
            .client()
            .get("/healthz/../Patient/1")
            .send()
            .await
            .unwrap()
            .status,
        401
    );
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_shown() {
    let upstream = Upstream::start(Protocol::Http1, |_| Reply::json(&json!({})))
        .await
        .unwrap();
    let authority = Authority::new().unwrap();
    let options = BootstrapOptions {
        tls: Some(DownstreamTls::mutual(&authority).unwrap()),
        ..BootstrapOptions::bare(upstream.address())
    };
    let envoy = Envoy::start(EnvoyOptions::new(bootstrap(&options).unwrap()))
        .await
        .unwrap();
    let certificate = authority
        .client("spiffe://mesh.example/triage-bot", "triage-bot")
        .unwrap();
    let with = envoy
        .client()
        .tls(authority.client_config(Some(&certificate)).unwrap());
    assert_eq!(with.get("/").send().await.unwrap().status, 200);
    let without = envoy.client().tls(authority.client_config(None).unwrap());
    assert!(without.get("/").send().await.is_err());
}

#[tokio::test]
async fn a_refused_configuration_is_told_with_envoys_words() {
    let failure = Envoy::start(EnvoyOptions::new("{\"no_such_field\": 1}"))
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("no_such_field"), "{failure}");
}

#[tokio::test]
async fn the_fake_service_forwards_records_and_misbehaves() {
    let real = Upstream::start(Protocol::Http1, |request| {
        assert_eq!(request.header("authorization").as_deref(), Some("Bearer t"));
        Reply::json(&json!({"decision": "allow", "asked": request.body.len()}))
    })
    .await
    .unwrap();
    let fake = FakeService::start(Behaviour::Forward(real.address()))
        .await
        .unwrap();
    let client = Client::new(fake.address());
    let ask = |body: Value| {
        client
            .call("POST", "/v1/checks")
            .bearer("t")
            .json(&body)
            .http2()
    };
    let first = ask(json!([1])).send().await.unwrap();
    assert_eq!(first.json(), json!({"decision": "allow", "asked": 3}));
    fake.set(Behaviour::ReplayAllow);
    assert_eq!(ask(json!([1, 2, 3])).send().await.unwrap().body, first.body);
    assert_eq!((fake.exchanges().len(), real.received().len()), (2, 1));
    fake.set(Behaviour::BreakOff);
    assert!(!ask(json!(1)).send().await.unwrap().complete);
    fake.set(Behaviour::Answer(500, b"rubbish".to_vec()));
    assert_eq!(ask(json!(1)).send().await.unwrap().status, 500);
    fake.set(Behaviour::Silent);
    let waiting = tokio::time::timeout(Duration::from_millis(200), ask(json!(1)).send());
    assert!(waiting.await.is_err());
}

#[test]
fn gzip_is_gzip() {
    // The CRC of "123456789" is the check value of CRC-32.
    let packed = gzip_stored(b"123456789");
    assert_eq!(&packed[..3], [0x1f, 0x8b, 8]);
    assert_eq!(
        &packed[packed.len() - 8..],
        [0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0]
    );
}

fn data(text: &str) -> Step {
    Step::Data(text.into())
}

fn cut() -> [Step; 3] {
    // The wait lets Envoy send on what came before the end.
    [
        data("abcd"),
        Step::Wait(Duration::from_millis(100)),
        Step::Abort,
    ]
}
