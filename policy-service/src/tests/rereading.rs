//! What is changed in the log after it was put into the tree.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use velum_harness::Postgres;

use super::log::{configuration, logs, signed};
use super::years;
use crate::log::Rereading;
use crate::testing::Service;

/// A place where a bit is flipped: how to read it, and how to write it.
struct Place {
    what: &'static str,
    read: &'static str,
    write: &'static str,
}

const PLACES: [Place; 6] = [
    Place {
        what: "the text of record 560",
        read: "SELECT entry FROM audit_entry WHERE idx = 560",
        write: "UPDATE audit_entry SET entry = $1 WHERE idx = 560",
    },
    Place {
        what: "the hash beside the text of record 561",
        read: "SELECT leaf_hash FROM audit_entry WHERE idx = 561",
        write: "UPDATE audit_entry SET leaf_hash = $1 WHERE idx = 561",
    },
    Place {
        what: "the tile of record 512",
        read: "SELECT hashes FROM log_tile WHERE level = 0 AND number = 2",
        write: "UPDATE log_tile SET hashes = $1 WHERE level = 0 AND number = 2",
    },
    Place {
        what: "a tile above the tile, or the signed head,",
        read: "SELECT hashes FROM log_tile WHERE level = 1 AND number = 0",
        write: "UPDATE log_tile SET hashes = $1 WHERE level = 1 AND number = 0",
    },
    // Not among the newest.
    Place {
        what: "the text of record 7",
        read: "SELECT entry FROM audit_entry WHERE idx = 7",
        write: "UPDATE audit_entry SET entry = $1 WHERE idx = 7",
    },
    Place {
        what: "the tile of record 0",
        read: "SELECT hashes FROM log_tile WHERE level = 0 AND number = 0",
        write: "UPDATE log_tile SET hashes = $1 WHERE level = 0 AND number = 0",
    },
];

/// Waits until the service says that its log is damaged, or that it is not; gives what it says.
async fn told(service: &Service, is_damaged: bool) -> Value {
    let told = async {
        loop {
            let logs = logs(service).await;
            if logs["is_damaged"] == is_damaged && logs["fault"].is_null() != is_damaged {
                return logs;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(10), told).await;
    let Ok(told) = told else {
        panic!("{is_damaged} is not told: {}", logs(service).await)
    };
    told
}

/// The gauge that an alert looks at.
async fn gauge(service: &Service) -> String {
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let metrics = client.get(format!("http://{address}/metrics")).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let gauge = "velum_policy_service_log_damaged ";
    let gauge = metrics.lines().find_map(|line| line.strip_prefix(gauge));
    gauge.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_that_is_flipped_in_the_log_is_told_within_ten_seconds_and_nothing_is_signed_over_it()
{
    let fence = tempfile::tempdir().unwrap();
    let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n\n[lifetimes]";
    let configuration = configuration(fence.path())
        .replace("quorum = 1", "quorum = 1\nrelease = \"checkpointed\"")
        .replacen("[lifetimes]", metrics, 1);
    let service = Service::with(&configuration).await;
    for request in 0..190 {
        let check = service.ask(request);
        let id = service.pending(&check).await;
        service.approve("grace", &id, json!({})).await;
        service.verified(&check, &service.check(&check).await);
    }
    let size = signed(&service).await["size"].clone();
    assert!(size.as_u64() > Some(562), "{size}");
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(data);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("DROP TRIGGER audit_entry_is_append_only")
        .execute(&mut database)
        .await
        .unwrap();
    let mut longest = Duration::ZERO;
    for (number, place) in (200..).zip(&PLACES) {
        let head = signed(&service).await["signed"].clone();
        let before: Vec<u8> = sqlx::query_scalar(place.read)
            .fetch_one(&mut database)
            .await
            .unwrap();
        let mut after = before.clone();
        after[9] ^= 1;
        let write = sqlx::query(place.write).bind(&after);
        write.execute(&mut database).await.unwrap();
        let begun = Instant::now();
        let logs = told(&service, true).await;
        longest = longest.max(begun.elapsed());
        let fault = logs["fault"].as_str().unwrap();
        assert!(fault.contains(place.what), "{}: {fault}", place.what);
        assert_eq!(gauge(&service).await, "1");

        // People go on deciding; what needs a signed head is not released.
        let check = service.ask(number);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let (status, body) = service.check_as(service.gateway(), &check, 0).await;
        assert_eq!(status, 503, "{}: {body}", place.what);
        let logs = told(&service, true).await;
        assert_eq!(logs["logs"][0]["signed"], head, "{}", place.what);

        // When it is as it was, all of it goes on.
        let write = sqlx::query(place.write).bind(&before);
        write.execute(&mut database).await.unwrap();
        told(&service, false).await;
        service.verified(&check, &service.check(&check).await);
        assert_eq!(gauge(&service).await, "0");
    }
    super::log::verified(&service, &[]).await;
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let name = "a_bit_that_is_flipped_in_the_log_is_told_within_ten_seconds_and_nothing_is_signed_over_it.txt";
        let line = format!(
            "{} places, told within {:.1} s",
            PLACES.len(),
            longest.as_secs_f64()
        );
        std::fs::write(std::path::Path::new(&folder).join(name), line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_on_a_damaged_store_tells_of_it() {
    let server = Postgres::start().await.unwrap();
    let (one, other) = super::replicas::two(&server).await;
    one.pending(&one.ask(1)).await;
    signed(&one).await;
    let mut database = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::query(
        "UPDATE audit_entry SET entry = set_byte(entry, 9, get_byte(entry, 9) # 1) WHERE idx = 1",
    )
    .execute(&mut database)
    .await
    .unwrap();
    for service in [&one, &other] {
        let logs = told(service, true).await;
        let fault = logs["fault"].as_str().unwrap();
        assert!(fault.contains("record 1 "), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_in_a_closed_log_is_told_too_and_the_open_one_goes_on() {
    let fence = tempfile::tempdir().unwrap();
    let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n\n[lifetimes]";
    let configuration = configuration(fence.path())
        .replace("quorum = 1", "quorum = 1\nrelease = \"checkpointed\"")
        .replacen("[lifetimes]", metrics, 1);
    let service = years::before_new_year(&configuration, 20_000).await;
    for request in 0..40 {
        let id = service.pending(&service.ask(request)).await;
        assert_eq!(service.deny("omar", &id, json!({})).await.0, 200);
    }
    service.clock.advance(21_000);
    let all = years::rolled(&service).await;
    assert!(all[0]["size"].as_u64() > Some(71), "{all:?}");
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(data);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let append_only = "DROP TRIGGER audit_entry_is_append_only";
    sqlx::query(append_only)
        .execute(&mut database)
        .await
        .unwrap();
    let read = "SELECT entry FROM audit_entry WHERE idx = 70";
    let before: Vec<u8> = sqlx::query_scalar(read)
        .fetch_one(&mut database)
        .await
        .unwrap();
    let mut after = before.clone();
    after[9] ^= 1;
    let write = "UPDATE audit_entry SET entry = $1 WHERE idx = 70";
    sqlx::query(write)
        .bind(&after)
        .execute(&mut database)
        .await
        .unwrap();
    let told = async |is_told: bool| {
        let until = async {
            loop {
                let logs = logs(&service).await;
                if logs["logs"][0]["damage"].is_string() == is_told {
                    return logs;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(15), until)
            .await
            .unwrap()
    };
    let logs = told(true).await;
    let damage = logs["logs"][0]["damage"].as_str().unwrap();
    assert!(damage.contains("the text of record 70"), "{damage}");
    assert_eq!(
        (&logs["is_damaged"], logs.get("fault")),
        (&json!(false), None)
    );
    assert_eq!(gauge(&service).await, "1");
    // What is released under a head is released.
    let check = service.ask(200);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
    sqlx::query(write)
        .bind(&before)
        .execute(&mut database)
        .await
        .unwrap();
    told(false).await;
    assert_eq!(gauge(&service).await, "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_log_that_cannot_be_read_is_told_once_and_when_that_changes() {
    let fence = tempfile::tempdir().unwrap();
    let configuration =
        configuration(fence.path()).replace("quorum = 1", "quorum = 1\nrelease = \"checkpointed\"");
    let service = years::before_new_year(&configuration, 2_000).await;
    service.pending(&service.ask(1)).await;
    service.clock.advance(3_000);
    years::rolled(&service).await;
    let app = service.running.app.clone();
    let log = &app.parts().log;
    // Nobody else reads it again meanwhile.
    let turn = log.turn.lock().await;
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(data);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let size: i64 = sqlx::query_scalar("SELECT size FROM log_head WHERE log = 1")
        .fetch_one(&mut database)
        .await
        .unwrap();
    let mut own = Rereading::default();
    let mut told = log.closed_damage.subscribe();
    let mut look = async |times: usize| {
        let mut changes = 0;
        for _ in 0..times {
            own.look_back(&app).await;
            changes += usize::from(told.has_changed().unwrap());
            told.mark_unchanged();
        }
        changes
    };
    let set = "UPDATE log_head SET size = $1 WHERE log = 1";
    assert_eq!(look(5).await, 0);
    let write = sqlx::query(set).bind(-1);
    write.execute(&mut database).await.unwrap();
    assert_eq!(look(1).await, 0, "it may be that the store was away");
    assert_eq!(look(9).await, 1);
    let text = || async { service.get("grace", "/v1/logs").await.1 };
    let logs = text().await;
    assert_eq!(
        logs["logs"][0]["damage"],
        "the log cannot be read from record 0 on: a row holds an impossible size"
    );
    assert_eq!(logs["logs"][1].get("damage"), None);
    let ready = service.request("GET", "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let ready = ready.text().await.unwrap();
    assert!(ready.contains("closed audit log"), "{ready}");
    let write = sqlx::query(set).bind(size);
    write.execute(&mut database).await.unwrap();
    assert_eq!(look(5).await, 1);
    assert_eq!(text().await["logs"][0].get("damage"), None);

    // While it cannot be read the open log grows, and what waits for its head is released.
    let write = sqlx::query(set).bind(-1);
    write.execute(&mut database).await.unwrap();
    drop(turn);
    let check = service.ask(2);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
    let told = async {
        while text().await["logs"][0].get("damage").is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), told)
        .await
        .unwrap();
    assert_eq!(text().await.get("fault"), None);
}
