//! What gateways report without any review.

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

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
    let log = service.log().await;
    let reported: Vec<_> = log
        .iter()
        .filter(|leaf| leaf["type"] == "org.velum.events.reported.v1")
        .map(|leaf| &leaf["data"]["events"])
        .collect();
    assert_eq!(reported.len(), 2, "one record for each batch");
    assert_eq!(reported[0]["missing"], 0);
    assert_eq!(
        (&reported[1]["missing"], &reported[1]["lost"]),
        (&json!(2), &json!(7))
    );
    assert_eq!(
        (&reported[1]["requests"], &reported[1]["masked"]),
        (&json!(5), &json!(4))
    );
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
    // As a service without that bound has kept them.
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(data);
    let options = options.foreign_keys(false);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(
        "INSERT INTO event_batch SELECT gateway, worker, 2, 999, at_ms, ?, ?, body FROM event_batch",
    )
    .bind(i64::MAX)
    .bind(i64::MAX)
    .execute(&mut database)
    .await
    .unwrap();
    let (status, list) = service.get("grace", "/v1/events").await;
    let worker = &list["workers"][0];
    assert_eq!((status.as_u16(), &worker["batches"]), (200, &json!(2)));
    assert_eq!(worker["lost"], i64::MAX, "{list}");
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
    assert_eq!(service.count("events.reported").await, 0);
}
