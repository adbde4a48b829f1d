use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use velum_harness::{Framing, Reply, Step};

use velum_end_to_end::stage::{Setup, assert_masked, figure, patient};

const LINES_A_CHUNK: usize = 64;
const MEBIBYTE: u64 = 1024 * 1024;

/// NDJSON of at least `bytes` bytes, made while it is sent, with a pause before its last chunk
/// that only `last` ends.
fn ndjson(bytes: usize, last: Option<Arc<Notify>>) -> Reply {
    let chunk = format!("{}\n", patient())
        .repeat(LINES_A_CHUNK)
        .into_bytes();
    let count = bytes.div_ceil(chunk.len());
    let ending = last
        .map(Step::Until)
        .into_iter()
        .chain([Step::Data(chunk.clone())]);
    let steps = (0..count)
        .map(move |_| Step::Data(chunk.clone()))
        .chain(ending);
    Reply::new(200)
        .header("content-type", "application/fhir+ndjson")
        .script(Framing::Chunked, steps)
}

#[tokio::test]
async fn a_hundred_megabytes_of_ndjson_in_bounded_memory() {
    let stage = Setup::new(|request| match request.path.as_str() {
        "/metadata" => Reply::json(&json!({"resourceType": "CapabilityStatement"})),
        _ => ndjson(100_000_000, None),
    })
    .start()
    .await;
    // The first, small answer pays for what a worker allocates once.
    stage
        .agent("GET", "/metadata")
        .send()
        .await
        .expect("an answer");
    let before = stage.envoy.rss_bytes().expect("memory");
    let mut stream = stage
        .agent("GET", "/export/Patient.ndjson")
        .stream()
        .await
        .expect("a stream");
    let (mut received, mut peak, mut tail) = (0_u64, before, Vec::new());
    while let Some(chunk) = stream.next().await {
        received += chunk.len() as u64;
        tail.extend_from_slice(&chunk);
        // A window that overlaps, so that a secret over two chunks would be seen.
        assert_masked(&String::from_utf8_lossy(&tail));
        let keep = tail.len().saturating_sub(64);
        tail.drain(..keep);
        peak = peak.max(stage.envoy.rss_bytes().expect("memory"));
    }
    assert!(stream.complete, "the body is whole");
    assert!(stage.upstream.sent() > 100_000_000);
    assert!(received > 50_000_000, "{received}");
    let growth = peak.saturating_sub(before);
    figure(
        "a_hundred_megabytes_of_ndjson_in_bounded_memory",
        &format!(
            "{} MB sent, resident memory grew by {} KiB",
            stage.upstream.sent() / 1_000_000,
            growth / 1024
        ),
    );
    assert!(growth < 32 * MEBIBYTE, "grew by {growth} bytes");
}

#[tokio::test]
async fn the_first_masked_line_arrives_before_the_upstream_has_sent_the_last() {
    let last = Arc::new(Notify::new());
    let gate = Arc::clone(&last);
    let stage = Setup::new(move |_| ndjson(1, Some(Arc::clone(&gate))))
        .start()
        .await;
    let mut stream = stage
        .agent("GET", "/export/Patient.ndjson")
        .stream()
        .await
        .expect("a stream");
    let mut early = Vec::new();
    while !early.contains(&b'\n') {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.next()).await;
        early.extend(chunk.expect("in time").expect("a chunk"));
    }
    let line = String::from_utf8_lossy(&early)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(line.contains("[masked:name]"), "{line}");
    assert_masked(&line);
    last.notify_one();
    while stream.next().await.is_some() {}
    assert!(stream.complete);
    figure(
        "the_first_masked_line_arrives_before_the_upstream_has_sent_the_last",
        "first line out while the last chunk was withheld",
    );
}
