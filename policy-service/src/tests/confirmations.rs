//! Who confirmed a stop, and when: whatever comes later, and whichever service was told.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use velum_harness::Postgres;

use super::replicas::{configuration, two};
use crate::testing::{CONFIGURATION, Service};

/// Stops one action, and returns the stop's id.
pub(super) async fn stop(service: &Service, action: &str) -> String {
    let body = json!({"scope": {"kind": "action", "name": action}});
    let (status, stop) = service.post("grace", "/v1/stops", &body).await;
    assert_eq!(status, 201, "{stop}");
    stop["id"].as_str().unwrap().to_owned()
}

pub(super) async fn shown(service: &Service, stop: &str) -> Value {
    let (status, stop) = service.get("grace", &format!("/v1/stops/{stop}")).await;
    assert_eq!(status, 200, "{stop}");
    stop
}

/// Returns when the store knows of this many workers that confirmed the stop.
pub(super) async fn written(service: &Service, stop: &str, workers: usize) {
    let (id, begun) = (stop.parse().unwrap(), Instant::now());
    loop {
        let stored = service.running.store.stored_stop(&id).await.unwrap();
        let heard = stored.unwrap().heard;
        let confirmed = heard.iter().filter(|heard| heard.after_ms.is_some());
        if confirmed.count() >= workers {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{heard:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each worker by its first letter, with how it stands.
fn workers(stop: &Value) -> Vec<(String, String, u64)> {
    let workers = stop["workers"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut workers: Vec<_> = workers
        .map(|one| {
            let after = one["after_ms"].as_u64().unwrap();
            (text(&one["worker"]), text(&one["standing"]), after)
        })
        .collect();
    workers.sort();
    workers
}

fn worker(byte: u8) -> String {
    let id = velum_approval::WorkerId::from_bytes([byte; 16]);
    serde_json::to_value(id)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

async fn stays_told(configuration: &str, is_shared: bool) {
    let service = Service::with(configuration).await;
    // From here on every lease is known.
    service.clock.advance(11_000);
    service.lease(1, 0).await;
    let first = stop(&service, "purge").await;
    let awaited = shown(&service, &first).await;
    assert_eq!(awaited["holds"], false);
    assert_eq!(
        workers(&awaited),
        [(worker(1), "awaited".into(), 10_000_u64)]
    );
    service.clock.advance(200);
    let version = service.lease(1, 0).await.version;
    service.lease(1, version).await;
    let confirmed = [(worker(1), "confirmed".to_owned(), 200_u64)];
    let told = async |service: &Service| {
        let told = shown(service, &first).await;
        assert_eq!(workers(&told), confirmed, "{told}");
        assert_eq!(told["confirmed_after_ms"], 200, "{told}");
        told
    };
    let now = told(&service).await;
    // Where others may have let a worker go on, nobody knows before the last lease is out.
    assert_eq!(now["holds"], !is_shared, "{now}");
    let holds_after = if is_shared { 10_000 } else { 200 };
    assert_eq!(now["holds_after_ms"], holds_after, "{now}");
    written(&service, &first, 1).await;

    // Something else is stopped while the worker goes on, and it confirms that too.
    for _ in 0..3 {
        service.clock.advance(9_000);
        service.lease(1, version).await;
    }
    let second = stop(&service, "read").await;
    service.clock.advance(300);
    let version = service.lease(1, version).await.version;
    service.lease(1, version).await;
    told(&service).await;
    let later = [(worker(1), "confirmed".to_owned(), 300_u64)];
    assert_eq!(workers(&shown(&service, &second).await), later);
    written(&service, &second, 1).await;

    // A worker that starts an hour later had nothing to confirm; one that was away does not confirm again.
    service.clock.advance(3_600_000);
    service.lease(2, 0).await;
    service.lease(2, version).await;
    service.lease(1, version).await;
    let path = format!("/v1/stops/{first}/resume");
    assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
    let version = service.lease(1, version).await.version;
    service.lease(1, version).await;
    let ended = told(&service).await;
    assert_eq!(ended["resumed_by"], "omar");
    assert_eq!(workers(&shown(&service, &second).await), later);

    let service = service.restart().await;
    told(&service).await;
    assert_eq!(workers(&shown(&service, &second).await), later);
}

#[tokio::test]
async fn what_comes_later_does_not_change_when_a_stop_was_confirmed() {
    stays_told(CONFIGURATION, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_in_postgres() {
    let server = Postgres::start().await.unwrap();
    stays_told(&configuration(&server), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_replica_tells_who_confirmed_a_stop_at_any() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = two(&server).await;
    // The fourth has a lease, and does not call again.
    for (replica, worker) in [(&one, 1), (&other, 2), (&one, 4)] {
        replica.lease(worker, 0).await;
    }
    let stopped = stop(&other, "purge").await;
    one.clock.advance(200);
    other.clock.advance(200);
    // Each hears of it where it had called, and says so at the other; the third is new.
    let version = one.lease(1, 0).await.version;
    other.lease(1, version).await;
    other.lease(2, 0).await;
    one.lease(2, version).await;
    other.lease(3, 0).await;
    one.lease(3, version).await;
    let confirmed = |byte| (worker(byte), "confirmed".to_owned(), 200_u64);
    let expected = |standing: &str| {
        let mut all = vec![
            confirmed(1),
            confirmed(2),
            (worker(4), standing.to_owned(), 10_000),
        ];
        all.sort();
        all
    };
    let begun = Instant::now();
    for replica in [&one, &other] {
        loop {
            let shown = shown(replica, &stopped).await;
            assert_eq!(shown["holds"], false, "{shown}");
            if workers(&shown) == expected("awaited") {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    one.clock.advance(9_800);
    other.clock.advance(9_800);
    for replica in [&one, &other] {
        let shown = shown(replica, &stopped).await;
        assert_eq!(shown["holds"], true, "{shown}");
        assert_eq!(workers(&shown), expected("lease-out"));
        assert_eq!(shown["confirmed_after_ms"], Value::Null, "{shown}");
    }
}

/// How many stops are still read with every check and lease.
async fn active(service: &Service, server: Option<&Postgres>) -> i64 {
    let count = "SELECT count(*) FROM stop WHERE is_active = 1";
    if let Some(server) = server {
        let mut database = PgConnection::connect(&server.url()).await.unwrap();
        let count = sqlx::query_scalar(count).fetch_one(&mut database);
        return count.await.unwrap();
    }
    let file = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let count = sqlx::query_scalar(count).fetch_one(&mut database);
    count.await.unwrap()
}

async fn ends_by_itself(configuration: &str, server: Option<&Postgres>) {
    let service = Service::with(configuration).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let path = format!("/v1/approvals/{id}/revoke");
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 200);
    stop(&service, "purge").await;
    let list = async |query: &str| {
        let (_, page) = service.get("grace", &format!("/v1/stops{query}")).await;
        page["stops"].as_array().unwrap().len()
    };
    assert_eq!((list("").await, list("?all=true").await), (2, 2));
    assert_eq!(active(&service, server).await, 2);
    service.clock.advance(24 * 3_600_000);
    let begun = Instant::now();
    while active(&service, server).await > 1 {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody swept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What somebody has to resume stands.
    assert_eq!((list("").await, list("?all=true").await), (1, 2));
    assert_eq!(service.lease(1, 0).await.stops.len(), 1);
    assert_eq!(service.show(&id).await["state"], "revoked");
}

#[tokio::test]
async fn a_stop_that_has_nothing_left_to_stop_is_not_read_any_more() {
    ends_by_itself(CONFIGURATION, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_in_postgres() {
    let server = Postgres::start().await.unwrap();
    ends_by_itself(&configuration(&server), Some(&server)).await;
}
