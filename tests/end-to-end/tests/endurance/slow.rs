//! Callers that read slowly, or not at all, or leave.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use velum_end_to_end::stage::{AGENT, PERSON, Setup, Stage, assert_masked, figure, patients};

use crate::callers::{connect, read_slowly};
use crate::{MEBIBYTE, ndjson};

const SLOW: u64 = 40;
/// What one slow caller of a large body may cost in Envoy's memory, as docs/limits.md says.
const FOR_EACH: u64 = MEBIBYTE;

#[test]
fn the_document_says_what_a_slow_caller_may_cost() {
    let document = include_str!("../../../../docs/limits.md");
    let bound = format!("A slow caller: at most {} MiB", FOR_EACH / MEBIBYTE);
    assert!(document.contains(&bound), "docs/limits.md says no {bound}");
}

#[tokio::test]
async fn forty_slow_callers_of_fifty_megabytes_take_bounded_memory() {
    let stage = Setup::new(|_| ndjson(50_000_000)).start().await;
    let token = stage.jwt.agent(AGENT, PERSON);
    let warm = connect(stage.envoy.address(), "/export/warm.ndjson", &token).await;
    drop(warm);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = stage.envoy.rss_bytes().expect("memory");
    let mut callers = JoinSet::new();
    for caller in 0..SLOW {
        let path = format!("/export/{caller}.ndjson");
        let mut stream = connect(stage.envoy.address(), &path, &token).await;
        callers.spawn(async move { read_slowly(&mut stream, 8).await });
    }
    let mut peak = before;
    while !callers.is_empty() {
        tokio::select! {
            read = callers.join_next() => {
                let read = read.expect("a caller").expect("no panic");
                assert!(read.len() > 1_000, "{} bytes", read.len());
                assert_masked(&String::from_utf8_lossy(&read));
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
        peak = peak.max(stage.envoy.rss_bytes().expect("memory"));
    }
    let each = peak.saturating_sub(before) / SLOW;
    figure(
        "forty_slow_callers_of_fifty_megabytes_take_bounded_memory",
        &format!(
            "{SLOW} callers at 1 KB/s: Envoy grew by {} KiB for each",
            each / 1024
        ),
    );
    assert!(each < FOR_EACH, "{each} bytes for each");
}

#[tokio::test]
async fn a_caller_that_never_reads_is_cut_at_the_idle_timeout_and_its_upstream_with_it() {
    let mut setup = Setup::new(|_| ndjson(50_000_000));
    setup.change = |options| options.idle_timeout = Some(Duration::from_secs(2));
    let stage = setup.start().await;
    let token = stage.jwt.agent(AGENT, PERSON);
    let mut stream = connect(stage.envoy.address(), "/export/Patient.ndjson", &token).await;
    let begun = Instant::now();
    // What is sent stands still while nobody reads, and the stream then ends.
    let mut sent = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = stage.upstream.sent();
        if now == sent && sent > 0 {
            break;
        }
        sent = now;
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{sent} bytes and no end"
        );
    }
    assert!(sent < 50_000_000, "all of it was taken from the upstream");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection stays open");
    assert_masked(&String::from_utf8_lossy(&rest));
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the body passes for whole");
}

#[tokio::test]
async fn callers_that_leave_at_every_phase_leave_nothing_behind() {
    let stage = Setup::new(|request| match request.path.as_str() {
        "/export" => ndjson(3_000_000),
        _ => patients(request),
    })
    .start()
    .await;
    let token = stage.jwt.agent(AGENT, PERSON);
    let authorization = format!("host: fhir.example\r\nauthorization: Bearer {token}\r\n");
    // What is sent before the caller leaves, and how much of the answer it reads first.
    let phases = [
        ("GET /Patient/p1 HTTP/1.1\r\nhost: fhir.exa".to_owned(), 0),
        (
            format!("GET /Patient/p1 HTTP/1.1\r\n{authorization}\r\n"),
            0,
        ),
        (
            format!(
                "POST /Patient HTTP/1.1\r\n{authorization}content-type: application/json\r\ncontent-length: 50000\r\n\r\n{{\"name\": \""
            ),
            0,
        ),
        (
            format!("DELETE /Patient/p1 HTTP/1.1\r\n{authorization}prefer: wait=30\r\n\r\n"),
            0,
        ),
        (
            format!(
                "GET /Patient/p1 HTTP/1.1\r\n{authorization}velum-lift: name\r\nprefer: wait=30\r\n\r\n"
            ),
            0,
        ),
        (format!("GET /Patient HTTP/1.1\r\n{authorization}\r\n"), 20),
        (
            format!("GET /export HTTP/1.1\r\n{authorization}\r\n"),
            100_000,
        ),
    ];
    let round = async |stage: &Stage| {
        for (request, read) in &phases {
            let mut stream = tokio::net::TcpStream::connect(stage.envoy.address())
                .await
                .expect("connected");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = vec![0; *read];
            if *read > 0 {
                stream.read_exact(&mut answer).await.expect("read");
                assert_masked(&String::from_utf8_lossy(&answer));
            }
        }
    };
    for _ in 0..20 {
        round(&stage).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = stage.envoy.rss_bytes().expect("memory");
    for _ in 0..100 {
        round(&stage).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = stage.envoy.rss_bytes().expect("memory");
    let answer = stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    assert_masked(&answer.text());
    let log = stage.envoy.log();
    assert!(
        !log.contains("panicked") && !log.contains("wasm_fail"),
        "{log}"
    );
    let growth = after.saturating_sub(before);
    figure(
        "callers_that_leave_at_every_phase_leave_nothing_behind",
        &format!(
            "700 callers left in 7 phases: Envoy grew by {} KiB",
            growth / 1024
        ),
    );
    assert!(growth < 8 * MEBIBYTE, "grew by {growth} bytes");
}
