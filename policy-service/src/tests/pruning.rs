//! A closed log goes after its retention, whole, and what stays still holds.

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use velum_approval::Record;
use velum_approval::record::LogEvent;
use velum_approval::replay::{Finding, Replay};
use velum_harness::Postgres;

use super::confirmations::written;
use super::log::{bytes, configuration, logs, walk};
use super::years::{before_new_year, in_postgres, rolled};
use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction};
use crate::testing::{Service, reason};

const DAY: i64 = 24 * 3600 * 1000;

async fn page(service: &Service, after: Option<u64>) -> Vec<Value> {
    let after = after
        .map(|index| format!("&after={index}"))
        .unwrap_or_default();
    let (status, body) = service
        .get("grace", &format!("/v1/audit?limit=1000{after}"))
        .await;
    assert_eq!(status, 200, "{body}");
    body["entries"].as_array().unwrap().clone()
}

async fn a_closed_log_goes(configuration: &str) {
    let kept = format!("{configuration}retention_days = 30\n");
    let service = before_new_year(&kept, 5_000).await;
    // Used in the old year.
    let mut old = service.ask(1);
    old.reason = Some(reason("heliotrope"));
    let gone = service.pending(&old).await;
    let words = json!({"comment": "marigold"});
    assert_eq!(service.approve("grace", &gone, words).await.0, 200);
    service.verified(&old, &service.check(&old).await);
    // Asked for in the one year, and used in the other.
    let mut over = service.ask(2);
    over.reason = Some(reason("heliotrope too"));
    let stays = service.pending(&over).await;
    // Taken back in the old year, which a worker has confirmed: nothing is left to stop.
    let revoked = service.pending(&service.ask(3)).await;
    assert_eq!(service.approve("grace", &revoked, json!({})).await.0, 200);
    let seen = service.lease(9, 0).await.version;
    let path = format!("/v1/approvals/{revoked}/revoke");
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 200);
    let ended = service.get("grace", "/v1/stops").await.1["stops"][0]["id"].clone();
    let seen = service.lease(9, seen).await.version;
    service.lease(9, seen).await;
    written(&service, ended.as_str().unwrap(), 1).await;
    let ended = format!("/v1/stops/{}", ended.as_str().unwrap());
    let stop = json!({"scope": {"kind": "action", "name": "purge"}});
    assert_eq!(service.post("grace", "/v1/stops", &stop).await.0, 201);
    service.clock.advance(10_000);
    rolled(&service).await;
    assert_eq!(service.approve("grace", &stays, json!({})).await.0, 200);
    service.verified(&over, &service.check(&over).await);
    let all = rolled(&service).await;
    let size = all[0]["size"].as_u64().unwrap();
    let head = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
    let root =
        page(&service, Some(size - 1)).await[0]["leaf"]["data"]["log"]["previous"]["root"].clone();
    // Its version is that of the stop's record: workers have seen it.
    let version = service.lease(1, 0).await.version;
    let stopped = service.stop().await;

    let refused = stopped.prune(&kept, 2027, false).await.unwrap_err();
    assert!(
        refused.contains("retention keeps it until 2027-01-31"),
        "{refused}"
    );
    let long = configuration.to_owned();
    stopped.advance(31 * DAY);
    let refused = stopped.prune(&long, 2027, false).await.unwrap_err();
    assert!(
        refused.contains("retention keeps it until 2033"),
        "{refused}"
    );
    let on_hold = format!("{kept}legal_hold = true\n");
    let refused = stopped.prune(&on_hold, 2027, false).await.unwrap_err();
    assert!(refused.contains("legal_hold"), "{refused}");
    let said = stopped.prune(&kept, 2027, true).await.unwrap();
    assert!(
        said.contains("velum/2026 would go") && said.contains("Nothing was removed"),
        "{said}"
    );
    let said = stopped.prune(&kept, 2026, false).await.unwrap();
    assert!(said.contains("no log of a year before 2026"), "{said}");

    let said = stopped.prune(&kept, 2027, false).await.unwrap();
    assert!(said.contains("velum/2026 is gone"), "{said}");
    let refused = stopped.prune(&kept, 2028, false).await.unwrap_err();
    assert!(refused.contains("it is open"), "{refused}");
    let said = stopped.prune(&kept, 2027, false).await.unwrap();
    assert!(said.contains("no log of a year before 2027"), "{said}");

    let service = stopped.start(&kept).await;
    // Where others may keep the log, the one before is believed to be there for a while.
    service.clock.advance(11_000);
    // Nothing is left of it but its last head, and the record.
    let entries = page(&service, None).await;
    assert_eq!(entries[0]["index"], size);
    let pruned = entries
        .iter()
        .find(|entry| entry["leaf"]["data"]["code"] == "VA1706I")
        .unwrap();
    let told = &pruned["leaf"]["data"];
    assert_eq!(told["actor"]["id"], "grace");
    let expected = json!({"name": "audit.example.org/velum/2026", "size": size, "root": root});
    assert_eq!(told["log"]["pruned"], expected);
    let all = rolled(&service).await;
    assert_eq!(all[0]["pruned"], pruned["index"]);
    assert_eq!(all[0]["size"], size);
    assert_eq!(
        bytes(&service, "/v1/logs/1/checkpoint").await.unwrap(),
        head
    );
    for part in ["tile/0/000.p/1", "tile/entries/000.p/1", "proofs/0"] {
        let path = format!("/v1/logs/1/{part}");
        assert_eq!(service.get("grace", &path).await.0, 404, "{path}");
    }
    assert_eq!(
        service.running.store.verify_log().await.unwrap(),
        all[1]["size"].as_u64().unwrap()
    );
    // What stays still holds, and says what it goes on from.
    let mut replay = Replay::default();
    walk(&service, &all[1], &[], &mut replay).await;
    let report = replay.finish();
    assert_eq!(
        report.failures().collect::<Vec<_>>(),
        Vec::<&Finding>::new()
    );
    assert_eq!(report.rests_on.unwrap().size, size);

    // What was used is not usable again, by nobody's word.
    assert_eq!(
        service
            .get("grace", &format!("/v1/approvals/{gone}"))
            .await
            .0,
        404
    );
    let mut again = service.ask(1);
    again.approval = Some(gone.clone());
    assert_ne!(service.check(&again).await["decision"], "allow");
    again.approval = None;
    assert_ne!(service.pending(&again).await, gone);
    assert_ne!(service.check(&old).await["decision"], "allow");
    let shown = service.show(&stays).await;
    assert_eq!(shown["state"], "used");
    assert_eq!(
        shown["reason"],
        Value::Null,
        "its words went with the record of them"
    );
    assert_ne!(service.check(&over).await["decision"], "allow");
    // What was stopped stays so, under a version that does not go back.
    let stops = service.get("grace", "/v1/stops").await.1;
    assert_eq!(stops["stops"].as_array().unwrap().len(), 1, "{stops}");
    assert!(service.lease(2, 0).await.version >= version);
    assert_eq!(service.get("grace", &ended).await.0, 404);
    assert_eq!(logs(&service).await["is_recovering"], false);
}

#[tokio::test]
async fn a_closed_log_goes_after_its_retention_and_no_grant_of_it_comes_to_life() {
    let fence = tempfile::tempdir().unwrap();
    a_closed_log_goes(&configuration(fence.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_in_postgres() {
    let fence = tempfile::tempdir().unwrap();
    let server = Postgres::start().await.unwrap();
    a_closed_log_goes(&in_postgres(&configuration(fence.path()), &server)).await;
}

/// Appends so many records at once.
struct Beats(App, u64);

impl Operation for Beats {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for _ in 0..self.1 {
            let stamp = self.0.stamp(transaction).await?;
            let record = Record::Log(Box::new(LogEvent::Heartbeat));
            transaction.apply(&Change::Nothing, &record, &stamp).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_thousands_of_records_goes_to_the_last_of_them() {
    const BEATS: u64 = 9_000;
    let fence = tempfile::tempdir().unwrap();
    let kept = format!("{}retention_days = 30\n", configuration(fence.path()));
    let service = before_new_year(&kept, 60_000).await;
    let mut approvals = Vec::new();
    // At the beginning, in the middle and at the end of it.
    for request in 0..3 {
        let check = service.ask(request);
        let id = service.pending(&check).await;
        service
            .approve("grace", &id, json!({"comment": "marigold"}))
            .await;
        service.verified(&check, &service.check(&check).await);
        approvals.push(id);
        let beats = Beats(service.running.app.clone(), BEATS / 3);
        service.running.store.write(beats).await.unwrap();
    }
    service.clock.advance(61_000);
    let all = rolled(&service).await;
    let size = all[0]["size"].as_u64().unwrap();
    assert!(size > BEATS, "{size}");
    let stopped = service.stop().await;
    stopped.advance(31 * DAY);
    let begun = std::time::Instant::now();
    let said = stopped.prune(&kept, 2027, false).await.unwrap();
    let took = begun.elapsed();
    assert!(said.contains(&format!("is gone: {size} records")), "{said}");
    assert!(took < std::time::Duration::from_mins(1), "{took:?}");
    let service = stopped.start(&kept).await;
    assert_eq!(page(&service, None).await[0]["index"], size);
    for id in approvals {
        let path = format!("/v1/approvals/{id}");
        assert_eq!(service.get("grace", &path).await.0, 404);
    }
    let all = rolled(&service).await;
    assert_eq!(
        service.running.store.verify_log().await.unwrap(),
        all[1]["size"].as_u64().unwrap()
    );
    let data = service.folder.path().join("velum-data/velum.sqlite");
    let options = SqliteConnectOptions::new().filename(data);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    for left in [
        "SELECT count(*) FROM log_tile WHERE log = 1",
        "SELECT count(*) FROM audit_secret WHERE text LIKE '%marigold%'",
        "SELECT count(*) FROM vote",
    ] {
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(left, 0);
    }
}
