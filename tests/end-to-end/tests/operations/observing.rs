//! `mode: observe` in front of a real upstream: nothing changes, and everything is counted.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use velum_end_to_end::stage::{Setup, Stage, patient, patients};
use velum_harness::{Received, Reply};

fn observing(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Setup {
    let mut setup = Setup::new(handler);
    setup.policy = json!({
        "version": 1,
        "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4", "credentials"]},
        "host": {"headers_stop_iteration": true},
        "actions": [
            {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
            {"name": "read", "when": {"method": ["GET", "HEAD"]}, "effect": "mask"},
        ],
        "mode": "observe",
    });
    setup
}

/// Waits until Envoy has counted so much of these, by the ends of their names: workers hand over what they
/// count once a second. It never has more. The statistics are returned.
async fn counted(stage: &Stage, expected: &[(&str, u64)]) -> String {
    let mut settled = 0;
    for _ in 0..100 {
        let statistics = stage.envoy.admin("/stats").await.expect("statistics");
        let ours = statistics.lines().filter(|line| line.contains("velum_"));
        let ours: Vec<_> = ours.filter_map(|line| line.rsplit_once(": ")).collect();
        let value = |end: &str| {
            let mut named = ours.iter().filter(|(name, _)| name.ends_with(end));
            named
                .next()
                .map_or(0, |(_, value)| value.parse().expect("a number"))
        };
        let is_above = expected.iter().any(|(end, most)| value(end) > *most);
        assert!(!is_above, "{expected:?} in {ours:#?}");
        // Once all is there, some ticks more would show what is counted twice.
        settled += u32::from(expected.iter().all(|(end, count)| value(end) == *count));
        if settled == 15 {
            return statistics;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let statistics = stage.envoy.admin("/stats").await.expect("statistics");
    panic!("{expected:?} in {statistics}");
}

/// The bodies and headers that a route without the filter gives, and what was counted.
#[tokio::test]
async fn bodies_and_headers_pass_both_ways_as_they_are() {
    let stage = observing(|request| match &*request.path {
        "/binary" => Reply::new(200)
            .header("content-type", "image/png")
            .whole([0_u8, 159, 146, 150]),
        "/broken" => Reply::new(200)
            .header("content-type", "application/json")
            .whole("{\"name\":"),
        _ => patients(request)
            .header("etag", "\"strong\"")
            .header("accept-ranges", "bytes")
            .header("velum-own", "theirs"),
    })
    .start()
    .await;
    let call = |path: &str| {
        stage
            .client()
            .get(path)
            .bearer(&stage.jwt.agent("triage-bot", "dr-jones"))
            .header("accept-encoding", "gzip")
            .header("if-none-match", "\"x\"")
            .header("velum-own", "mine")
    };
    for path in [
        "/Patient/p1",
        "/Patient/p1?chunked",
        "/closed/door",
        "/a//b",
    ] {
        stage.upstream.forget();
        let answer = call(path).send().await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("velum-mode"), Some("observe"), "{path}");
        assert_eq!(answer.header("velum-own"), Some("theirs"), "{path}");
        assert_eq!(answer.header("etag"), Some("\"strong\""), "{path}");
        let received = &stage.upstream.received()[0];
        for (name, value) in [
            ("accept-encoding", "gzip"),
            ("if-none-match", "\"x\""),
            ("velum-own", "mine"),
        ] {
            assert_eq!(received.header(name).as_deref(), Some(value), "{path}");
        }
        if path.starts_with("/Patient/p1") {
            assert_eq!(answer.json(), patient(), "{path}");
        }
    }
    let binary = call("/binary").send().await.expect("an answer");
    assert_eq!(binary.body, [0, 159, 146, 150]);
    let broken = call("/broken").send().await.expect("an answer");
    assert_eq!((broken.status, broken.text().as_str()), (200, "{\"name\":"));
    let head = stage.agent("HEAD", "/Patient/p1").send().await;
    assert_eq!(head.expect("an answer").status, 200);

    let statistics = counted(
        &stage,
        &[
            (".outcome.would-be-masked.action.read", 3),
            (".outcome.would-be-denied.action.closed", 1),
            (".outcome.would-be-refused.action.-", 1),
            (".outcome.would-be-withheld.action.read", 1),
            (".outcome.would-be-cut.action.read", 1),
            (".outcome.would-be-masked.class.ssn.action.read", 2),
        ],
    )
    .await;
    let gauge = |line: &&str| line.contains("velum_observe.policy.") && line.ends_with(": 1");
    assert_eq!(statistics.lines().filter(gauge).count(), 1);
    assert!(stage.envoy.log().contains("velum: mode is observe"));
}

#[tokio::test]
async fn request_bodies_pass_while_they_are_looked_into() {
    let stage = observing(|_| Reply::json(&json!({"ok": true})))
        .start()
        .await;
    let large = json!({"note": "x".repeat(600_000), "name": "[masked:name]"});
    for body in [large.to_string(), "{not json".to_owned()] {
        stage.upstream.forget();
        let call = stage.agent("POST", "/Patient").body(body.clone());
        let call = call.header("content-type", "application/json");
        let answer = call.send().await.expect("an answer");
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})));
        assert!(
            stage.upstream.received()[0].body == body.as_bytes(),
            "it arrives as it was sent"
        );
    }
    counted(&stage, &[(".outcome.would-be-refused.action.-", 2)]).await;
}

/// A body that is sent but for its last byte, so that it seems to be held.
struct Upload {
    socket: TcpStream,
    body: Vec<u8>,
}

impl Upload {
    async fn begin(stage: &Stage, body: Vec<u8>) -> Self {
        let socket = TcpStream::connect(stage.envoy.address()).await;
        let mut socket = socket.expect("a connection");
        let head = format!(
            "POST /Patient HTTP/1.1\r\nhost: fhir.example\r\ncontent-type: application/json\r\n\
             authorization: Bearer {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            stage.jwt.agent("triage-bot", "dr-jones"),
            body.len()
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        let (_, most) = body.split_last().expect("a body");
        socket.write_all(most).await.expect("written");
        Self { socket, body }
    }

    async fn end(mut self) -> String {
        let last = self.body.last().expect("a body");
        self.socket.write_all(&[*last]).await.expect("written");
        let mut answer = String::new();
        let read = self.socket.read_to_string(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(30), read).await;
        read.expect("in time").expect("an answer");
        answer
    }
}

/// Waits until Envoy has read so many bytes from its clients.
async fn read(stage: &Stage, bytes: usize) {
    let mut last = 0;
    for _ in 0..300 {
        let statistics = stage.envoy.admin("/stats").await.expect("statistics");
        let counts = statistics
            .lines()
            .filter(|line| line.contains("downstream_cx_rx_bytes_total") && !line.contains("admin"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok());
        let most = counts.max().unwrap_or_default();
        if most >= bytes {
            return;
        }
        last = most;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{bytes} bytes never came, but {last}");
}

#[tokio::test]
async fn bodies_beyond_what_a_worker_keeps_pass_as_they_are_and_count_as_unobserved() {
    const SIZE: usize = 3 * 1024 * 1024;
    let mut setup = observing(|_| Reply::json(&json!({"ok": true})));
    setup.policy["limits"] = json!({"held_body": 4 * 1024 * 1024});
    let stage = setup.start().await;
    // Only who reads a body to its end knows that it would be refused.
    let body = |filling: &str| {
        let note = filling.repeat(SIZE);
        json!({"note": note, "name": "[masked:name]"}).to_string()
    };
    let bodies = ["a", "b", "c"].map(body);
    let mut uploads = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        uploads.push(Upload::begin(&stage, body.clone().into_bytes()).await);
        read(&stage, (index + 1) * SIZE).await;
    }
    for upload in uploads {
        let answer = upload.end().await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("velum-mode: observe"), "{answer}");
        assert!(answer.contains("{\"ok\":true}"), "{answer}");
    }
    let received = stage.upstream.received();
    for body in &bodies {
        let is_there = received.iter().any(|one| one.body == body.as_bytes());
        assert!(is_there, "each arrives as it was sent");
    }
    counted(
        &stage,
        &[
            (".outcome.would-be-refused.action.-", 2),
            (".outcome.unobserved.action.-", 1),
        ],
    )
    .await;
    // What was kept is let go of: the next one is looked into.
    let next = Upload::begin(&stage, body("d").into_bytes()).await;
    assert!(next.end().await.starts_with("HTTP/1.1 200 "));
    counted(
        &stage,
        &[
            (".outcome.would-be-refused.action.-", 3),
            (".outcome.unobserved.action.-", 1),
        ],
    )
    .await;
}
