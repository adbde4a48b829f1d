//! Two services on one database, of which one at a time extends the log.

use std::time::{Duration, Instant};

use serde_json::json;
use velum_harness::Postgres;

use super::log::{logs, signed, verified};
use super::replicas;
use crate::testing::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_head_is_wanted_either_service_releases_under_one_whoever_signs_it() {
    let server = Postgres::start().await.unwrap();
    let strict = "quorum = 1\nrelease = \"checkpointed\"";
    let fence = tempfile::tempdir().unwrap();
    let configuration = replicas::configuration(&server).replacen("quorum = 1", strict, 1);
    let fence = fence.path().join("fence");
    let configuration = format!("{configuration}\n[audit]\nfence = {fence:?}\n");
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    signed(&one).await;
    // The first to start is the one that signs.
    let by = [
        &one, &other, &other, &other, &other, &other, &other, &one, &other, &other,
    ];
    for (request, service) in (0..).zip(by) {
        let check = service.ask(request);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let begun = Instant::now();
        let (status, answer) = service.check_as(service.gateway(), &check, 0).await;
        assert_eq!(status, 200, "{request}: {answer}");
        service.verified(&check, &answer);
        assert!(begun.elapsed() < Duration::from_millis(2500), "{request}");
        // Its record is under a head that both can see.
        let mut records = service.log().await.into_iter();
        let used = records.rposition(|leaf| leaf["type"] == "org.velum.grant.used.v1");
        let signed = logs(&one).await["logs"][0]["signed"].as_u64();
        assert!(
            signed > used.and_then(|used| u64::try_from(used).ok()),
            "{request}"
        );
    }
    verified(&other, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_ends_gives_the_log_away() {
    let server = Postgres::start().await.unwrap();
    // Their clocks stand still: what is held until a moment is held for ever.
    let (one, other) = replicas::two(&server).await;
    signed(&one).await;
    one.stop().await;
    let begun = Instant::now();
    other.pending(&other.ask(1)).await;
    signed(&other).await;
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_beside_one_that_extends_the_log_compares_it_with_the_fence_too() {
    let server = Postgres::start().await.unwrap();
    let fence = tempfile::tempdir().unwrap();
    let path = fence.path().join("fence");
    let audit = format!("\n[audit]\nname = \"audit.example.org/velum\"\nfence = {path:?}\n");
    let configuration = replicas::configuration(&server) + &audit;
    let one = Service::with(&configuration).await;
    one.pending(&one.ask(1)).await;
    signed(&one).await;
    {
        // The one that extends it does not look meanwhile, and goes on being that.
        let app = one.running.app.clone();
        let _still = app.parts().log.turn.lock().await;
        let beside = Service::beside(&one, &configuration).await;
        assert_eq!(logs(&beside).await["is_recovering"], false);
        drop(beside.stop().await);
        let stands = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = stands.lines().collect();
        let size: u64 = lines[1].parse().unwrap();
        let beyond = format!("{}\n{}\n{}\n", lines[0], size + 50, lines[2]);
        std::fs::write(&path, beyond).unwrap();
        let beside = Service::beside(&one, &configuration).await;
        assert_eq!(logs(&beside).await["is_recovering"], true);
        // Nor is the log recovered while a service keeps it.
        let stopped = beside.stop().await;
        let error = stopped.recover(&configuration, "grace").await.unwrap_err();
        assert!(error.contains("a service keeps the log"), "{error}");
    }
}
