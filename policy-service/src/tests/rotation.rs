//! The key of the audit log is exchanged: what is signed by which key, and what is refused.

use std::path::Path;

use serde_json::{Value, json};
use velum_harness::Postgres;
use velum_ledger::checkpoint::Trust;

use super::log::{bytes, configuration, fault, logs, signed, verified};
use super::{replicas, years};
use crate::testing::{Service, Stopped};

const HEAD: &str = "/v1/logs/1/checkpoint";

/// The key of now becomes the one before; the next start makes another.
fn exchange(data: &Path) {
    std::fs::rename(data.join("log.key"), data.join("log-previous.key")).unwrap();
}

fn believes(key: &Value, head: &str) -> bool {
    let key: velum_ledger::note::VerifierKey = key.as_str().unwrap().parse().unwrap();
    let name = key.name().as_str().to_owned();
    let trust = Trust::new(name, vec![key]).unwrap();
    trust.open(head.as_bytes()).is_ok()
}

async fn head(service: &Service) -> String {
    String::from_utf8(bytes(service, HEAD).await.unwrap()).unwrap()
}

async fn release(service: &Service, request: u8) {
    let check = service.ask(request);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_exchanged_under_load_and_who_knows_either_key_can_verify() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = Service::with(&configuration).await;
    release(&service, 1).await;
    let first = signed(&service).await["keys"][0].clone();
    assert_eq!(first["from"], 0);
    let by_old = head(&service).await;
    let stopped = service.stop().await;
    let data = stopped.data();
    let old_seed = std::fs::read(data.join("log.key")).unwrap();
    exchange(&data);
    let service = stopped.start(&configuration).await;
    // Every head of this time is by both keys, from the record of the exchange on.
    let old = &first["key"];
    for request in 2..22 {
        release(&service, request).await;
        let log = logs(&service).await["logs"][0].clone();
        let head = head(&service).await;
        assert!(believes(old, &head), "{head}");
        if let Some(place) = log["keys"][1]["from"].as_u64()
            && log["signed"].as_u64() > Some(place)
        {
            let size: u64 = head.lines().nth(1).unwrap().parse().unwrap();
            assert!(size <= place || believes(&log["keys"][1]["key"], &head));
        }
    }
    let log = signed(&service).await;
    assert_eq!(service.count("log.key-rotated").await, 1);
    let keys = log["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["key"]), (2, old), "{log}");
    let (new, place) = (&keys[1]["key"], keys[1]["from"].as_u64().unwrap());
    assert_eq!((&keys[0]["until"], &log["key"]), (&keys[1]["from"], new));
    assert!(!believes(new, &by_old), "it was not there then");
    for key in [old, new] {
        assert!(believes(key, &head(&service).await));
    }
    verified(&service, &[]).await;

    // The time of both is over.
    let stopped = service.stop().await;
    std::fs::remove_file(data.join("log-previous.key")).unwrap();
    let service = stopped.start(&configuration).await;
    release(&service, 30).await;
    let log = signed(&service).await;
    let last = head(&service).await;
    assert!(believes(new, &last) && !believes(old, &last), "{last}");
    // What leads from one key to the other is kept.
    let bridge = log["keys"][1]["signed_over"].as_str().unwrap();
    assert!(believes(old, bridge), "{bridge}");
    let size: u64 = bridge.lines().nth(1).unwrap().parse().unwrap();
    assert!(size > place, "{bridge}");
    assert_eq!(service.count("log.key-rotated").await, 1);
    verified(&service, &[bridge.into()]).await;
    // A key that has signed before does not come back.
    let stopped = service.stop().await;
    exchange(&data);
    std::fs::write(data.join("log.key"), old_seed).unwrap();
    std::fs::set_permissions(
        data.join("log.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let service = stopped.start(&configuration).await;
    let told = fault(&service).await;
    assert!(told.contains("has signed this log before"), "{told}");
    assert_eq!(service.count("log.key-rotated").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_exchanged_before_new_year_is_the_next_logs() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = years::before_new_year(&configuration, 60_000).await;
    release(&service, 1).await;
    let old = signed(&service).await["key"].clone();
    let stopped = service.stop().await;
    exchange(&stopped.data());
    let service = stopped.start(&configuration).await;
    release(&service, 2).await;
    let new = signed(&service).await["key"].clone();
    assert_ne!(new, old);
    service.clock.advance(61_000);
    let rolled = years::rolled(&service).await;
    years::verify(&service).await;
    let public = |key: &Value| key.as_str().unwrap().rsplit_once('+').unwrap().1.to_owned();
    assert_eq!(rolled[0]["key"], new);
    assert_eq!(public(&rolled[1]["key"]), public(&new));
    assert_eq!(rolled[1]["keys"].as_array().unwrap().len(), 1);
    // Both sign still: the last head of the old year leads from the old key on.
    let head = String::from_utf8(bytes(&service, HEAD).await.unwrap()).unwrap();
    assert!(believes(&old, &head) && believes(&new, &head), "{head}");
    release(&service, 3).await;
}

#[tokio::test]
async fn another_key_alone_does_not_start_and_opens_a_new_log_where_somebody_says_so() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = Service::with(&configuration).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    let stolen = signed(&service).await["key"].clone();
    let stopped = service.stop().await;
    std::fs::remove_file(stopped.data().join("log.key")).unwrap();
    let refusal = stopped.refusal(&configuration).await;
    assert!(refusal.contains("log-previous.key"), "{refusal}");
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    assert!(done.contains("velum/2026-r1"), "{done}");
    let service = stopped.start(&configuration).await;
    let log = signed(&service).await;
    assert_ne!(log["key"], stolen);
    assert_eq!(log["keys"][0]["from"], 0);
    assert!(!believes(
        &stolen,
        &String::from_utf8(bytes(&service, "/v1/logs/2/checkpoint").await.unwrap()).unwrap()
    ));
    // The old log keeps its key, and nothing that was approved in it is released.
    assert_eq!(logs(&service).await["logs"][0]["key"], stolen);
    assert_eq!(service.show(&id).await["state"], "superseded");
    let stopped = service.stop().await;
    let error = stopped.recover(&configuration, "grace").await.unwrap_err();
    assert!(error.contains("nothing to recover"), "{error}");
}

#[tokio::test]
async fn the_old_key_may_not_go_before_it_has_signed_over_the_exchange() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = Service::with(&configuration).await;
    let old = signed(&service).await["key"].clone();
    // That this was looked at is recorded when it stops; after that nobody looks by the API.
    let service = service.restart().await;
    let last = service.running.app.store().head(1).await.unwrap().unwrap();
    let before = last.note;
    let stopped = service.stop().await;
    let data = stopped.data();
    exchange(&data);
    // Nothing can be signed meanwhile.
    let lock = fence.path().join("fence.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let service = stopped.start(&configuration).await;
    let told = fault(&service).await;
    assert!(told.contains("fence"), "{told}");
    assert_eq!(service.count("log.key-rotated").await, 1);
    let stopped = service.stop().await;
    std::fs::remove_dir(&lock).unwrap();
    let kept = fence.path().join("kept.key");
    std::fs::rename(data.join("log-previous.key"), &kept).unwrap();
    let service = stopped.start(&configuration).await;
    let told = fault(&service).await;
    assert!(told.contains("put that key back"), "{told}");
    assert_eq!(head(&service).await, before);
    let stopped = service.stop().await;
    std::fs::rename(&kept, data.join("log-previous.key")).unwrap();
    let service = stopped.start(&configuration).await;
    let log = signed(&service).await;
    let bridge = log["keys"][1]["signed_over"].as_str().unwrap();
    assert!(believes(&old, bridge), "{bridge}");
    assert_eq!(service.count("log.key-rotated").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_with_the_old_key_alone_follows_and_does_not_start_again() {
    let server = Postgres::start().await.unwrap();
    let configuration = replicas::configuration(&server);
    let (one, other) = replicas::two(&server).await;
    signed(&one).await;
    let stopped = one.stop().await;
    exchange(&stopped.data());
    let one = stopped.start(&configuration).await;
    let told = fault(&other).await;
    assert!(told.contains("log-previous.key"), "{told}");
    // It takes the other's turn, which that one does not take again.
    one.clock.advance(15_000);
    let log = signed(&other).await;
    assert_eq!(log["keys"].as_array().unwrap().len(), 2, "{log}");
    for key in [&log["keys"][0]["key"], &log["keys"][1]["key"]] {
        assert!(believes(key, &head(&other).await));
    }
    release(&other, 7).await;
    assert_eq!(signed(&other).await, signed(&one).await);
    let stopped: Stopped = other.stop().await;
    let refusal = stopped.refusal(&configuration).await;
    assert!(refusal.contains("log-previous.key"), "{refusal}");
}
