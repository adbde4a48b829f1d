//! What gateways report without any review.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use velum_approval::WorkerId;
use velum_harness::Postgres;

use crate::testing::{Reply, Service, reply};

fn batch(sequence: u64, lost: u64) -> Value {
    let mut batch: Value =
        serde_json::from_str(include_str!("../../../approval/tests/golden/events.json")).unwrap();
    batch["sequence"] = json!(sequence);
    batch["lost"] = json!(lost);
    batch
}

async fn report(service: &Service, batch: &Value) -> Reply {
    let request = service.request("POST", "/v1/events");
    reply(request.bearer_auth(service.gateway()).json(batch)).await
}

#[tokio::test]
async fn a_batch_counts_once_and_what_is_missing_shows() {
    let service = Service::start().await;
    for (sequence, lost, repeated) in [(1, 0, false), (1, 0, true), (4, 7, false), (4, 7, true)] {
        let (status, body) = report(&service, &batch(sequence, lost)).await;
        assert_eq!(
            (status.as_u16(), &body["repeated"]),
            (200, &json!(repeated))
        );
    }
    let (_, list) = service.get("grace", "/v1/events").await;
    let worker = &list["workers"][0];
    let figures = ["batches", "latest_sequence", "missing", "lost", "requests"];
    let figures = figures.map(|name| worker[name].as_u64().unwrap());
    assert_eq!(figures, [2, 4, 2, 7, 10], "{list}");
    assert_eq!(worker["gateway"], "edge");
    // The minute is not over: nothing is recorded yet.
    assert_eq!(service.count("mask.summary").await, 0);
    service.clock.advance(MINUTE);
    let summaries = summaries(&service, 1).await;
    assert_eq!(
        summaries[0]["actor"],
        json!({"kind": "gateway", "id": "edge"})
    );
    let told = &summaries[0]["summary"];
    let figures = ["batches", "missing", "late", "lost", "requests"];
    let figures = figures.map(|name| told[name].as_u64().unwrap());
    assert_eq!(figures, [2, 2, 0, 7, 10], "{told}");
    let gap = json!({"batches": 2, "before": 4, "worker": batch(1, 0)["worker"]});
    assert_eq!(told["gaps"], json!([gap]));
    assert_eq!(told["masked"], json!({"name": 6, "ssn": 2}), "{told}");
}

/// A minute of the service's clock.
const MINUTE: i64 = 60_000;

/// What is recorded of minutes, once there are so many.
async fn summaries(service: &Service, number: usize) -> Vec<Value> {
    let there = async {
        while service.count("mask.summary").await < number {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let there = tokio::time::timeout(Duration::from_secs(15), there).await;
    assert!(there.is_ok(), "no summary came");
    let log = service.log().await;
    let is_summary = |leaf: &Value| leaf["type"] == "org.velum.mask.summary.v1";
    let log = log.into_iter().filter(is_summary);
    let summaries: Vec<_> = log.map(|mut leaf| leaf["data"].take()).collect();
    assert_eq!(summaries.len(), number, "{summaries:?}");
    summaries
}

#[tokio::test]
async fn however_many_batches_come_the_log_has_one_record_of_a_minute() {
    let service = Service::start().await;
    let before = service.log().await.len();
    let mut requests = 0;
    for minute in 0..2_u8 {
        for number in 0..60 {
            // Of several workers, one of whom sends what was missing late.
            let sequence = [1, 3, 2][usize::from(number % 3)];
            let mut batch = batch(sequence, 0);
            batch["worker"] = json!(WorkerId::from_bytes([100 * minute + number / 3; 16]));
            batch["rows"][0]["requests"] = json!(u64::from(number) + 1);
            // With the three of the other rows.
            requests += u64::from(number) + 4;
            assert_eq!(report(&service, &batch).await.0, 200);
        }
        service.clock.advance(MINUTE);
        summaries(&service, usize::from(minute) + 1).await;
    }
    let both = summaries(&service, 2).await;
    let sum: u64 = both
        .iter()
        .map(|it| it["summary"]["requests"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, requests);
    assert_eq!(both[0]["summary"]["late"], 20);
    assert_eq!(both[0]["summary"]["missing"], 20);
    assert_eq!(service.log().await.len(), before + 2);
    // They are read again by other rules.
    super::log::verified(&service, &[]).await;
    // And whoever has the batches can tell that these were they.
    let place = service.folder.path().join("velum-data/velum.sqlite");
    let mut database = connect(&place).await;
    let bodies: Vec<(i64, String)> =
        sqlx::query_as("SELECT idx, body FROM event_batch ORDER BY idx, worker, sequence")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let first = bodies.iter().filter(|(index, _)| *index == bodies[0].0);
    let digests: Vec<u8> = first.flat_map(|(_, body)| Sha256::digest(body)).collect();
    let digest = velum_approval::PolicyDigest::from_bytes(Sha256::digest(&digests).into());
    assert_eq!(both[0]["summary"]["digest"], json!(digest));
}

#[tokio::test]
async fn a_minute_that_was_over_while_the_service_stood_still_is_recorded() {
    let service = Service::start().await;
    assert_eq!(report(&service, &batch(1, 0)).await.0, 200);
    let stopped = service.stop().await;
    stopped.clock.advance(10 * MINUTE);
    let service = stopped.start(crate::testing::CONFIGURATION).await;
    let told = summaries(&service, 1).await;
    assert_eq!(told[0]["summary"]["batches"], 1);
    assert_eq!(report(&service, &batch(1, 0)).await.1["repeated"], true);
    service.clock.advance(10 * MINUTE);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(summaries(&service, 1).await, told, "it counts once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_on_one_store_record_each_minute_once() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = super::replicas::two(&server).await;
    for minute in 1..=3 {
        for (number, service) in [&one, &other, &one, &other].into_iter().enumerate() {
            let mut batch = batch(minute, 0);
            batch["worker"] = json!(WorkerId::from_bytes([u8::try_from(number).unwrap(); 16]));
            assert_eq!(report(service, &batch).await.0, 200);
        }
        for service in [&one, &other] {
            service.clock.advance(MINUTE);
        }
        let told = summaries(&one, usize::try_from(minute).unwrap()).await;
        assert_eq!(told.last().unwrap()["summary"]["batches"], 4);
    }
    super::log::verified(&one, &[]).await;
}

async fn connect(database: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database);
    SqliteConnection::connect_with(&options.foreign_keys(false))
        .await
        .unwrap()
}

#[tokio::test]
async fn no_gateway_can_break_the_list_for_reviewers() {
    let service = Service::start().await;
    for (pointer, count) in [
        ("/lost", 1_u64 << 41),
        ("/lost", u64::MAX),
        ("/rows/0/requests", i64::MAX as u64),
        ("/rows/0/masked/name", i64::MAX as u64),
    ] {
        let mut huge = batch(1, 0);
        *huge.pointer_mut(pointer).unwrap() = json!(count);
        let (status, _) = report(&service, &huge).await;
        assert_eq!(status, 400, "{pointer}");
    }
    assert_eq!(report(&service, &batch(1, 1 << 40)).await.0, 200);
    // As a service without that bound has summed them.
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let mut database = connect(&data).await;
    sqlx::query("UPDATE event_worker SET requests = ?, lost = ?")
        .bind(i64::MAX - 1)
        .bind(i64::MAX)
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(report(&service, &batch(2, 9)).await.0, 200);
    let (status, list) = service.get("grace", "/v1/events").await;
    let worker = &list["workers"][0];
    assert_eq!((status.as_u16(), &worker["batches"]), (200, &json!(2)));
    assert_eq!(worker["lost"], i64::MAX, "{list}");
    assert_eq!(worker["requests"], i64::MAX, "{list}");
}

#[tokio::test]
async fn batches_outlive_the_service() {
    let service = Service::start().await;
    assert_eq!(report(&service, &batch(1, 0)).await.0, 200);
    let service = service.restart().await;
    let (_, body) = report(&service, &batch(1, 0)).await;
    assert_eq!(body["repeated"], true);
}

#[tokio::test]
async fn what_is_no_batch_is_refused_and_leaves_nothing() {
    let service = Service::start().await;
    let mut free_text = batch(1, 0);
    free_text["rows"][0]["note"] = json!("canary");
    for bad in [batch(0, 0), free_text, json!({})] {
        let (status, body) = report(&service, &bad).await;
        assert_eq!(status, 400, "{body}");
        assert!(!body.to_string().contains("canary"));
    }
    service.clock.advance(MINUTE);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(service.count("mask.summary").await, 0);
}

async fn workers_are_known(service: &Service) {
    let most = 1_u64 << 40;
    for (sequence, lost) in [(1, 3), (5, 4), (3, most), (3, most), (7, most)] {
        let (status, body) = report(service, &batch(sequence, lost)).await;
        assert_eq!(status, 200, "{body}");
    }
    let (_, list) = service.get("grace", "/v1/events").await;
    let worker = &list["workers"][0];
    let figures = ["batches", "latest_sequence", "missing", "lost", "requests"];
    let figures = figures.map(|name| worker[name].as_u64().unwrap());
    assert_eq!(figures, [4, 7, 3, 7 + 2 * most, 20], "{list}");
    assert_eq!(worker["first"], worker["latest"]);
}

#[tokio::test]
async fn what_a_worker_reported_is_known_without_reading_all_its_batches() {
    let service = Service::start().await;
    workers_are_known(&service).await;
    let before = service.get("grace", "/v1/events").await.1;
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let mut database = connect(&data).await;
    for statement in [
        "DROP TRIGGER event_batch_is_never_deleted",
        "DELETE FROM event_batch",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    assert_eq!(service.get("grace", "/v1/events").await.1, before);
    service.clock.advance(1_000);
    let (status, body) = report(&service, &batch(9, 0)).await;
    assert_eq!(status, 200, "{body}");
    let after = service.get("grace", "/v1/events").await.1;
    assert_eq!(after["workers"][0]["batches"], 5, "{after}");
    assert!(after["workers"][0]["latest"].as_i64() > after["workers"][0]["first"].as_i64());
}

#[tokio::test]
async fn what_a_worker_reported_is_known_in_postgres_too() {
    let server = Postgres::start().await.unwrap();
    let service = Service::with(&super::replicas::configuration(&server)).await;
    workers_are_known(&service).await;
}
