//! What a recovery leaves: logs that the verifier believes, each by itself and all of them together.

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use velum_approval::replay::{Finding, Replay};
use velum_ledger::tlog_proof::TlogProof;

use super::log::{bytes, configuration, fault, logs, signed, verified};
use crate::config::Config;
use crate::log::{Step, Whole};
use crate::store::{LogRow, Operation, Store, StoreError, Transaction};
use crate::testing::{CONFIGURATION, Service, Stopped};

/// The records of a log, as far as they are there.
struct Records(LogRow);

impl Operation for Records {
    type Output = Vec<Vec<u8>>;
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Vec<Vec<u8>>, StoreError> {
        let (mut from, end) = (self.0.first, self.0.first + self.0.size);
        let mut records = Vec::new();
        while from < end {
            let page = transaction.leaves(from).await?;
            assert!(!page.is_empty(), "record {from} is not there");
            from += u64::try_from(page.len()).unwrap();
            records.extend(page.into_iter().map(|leaf| leaf.entry));
        }
        records.truncate(usize::try_from(self.0.size).unwrap());
        Ok(records)
    }
}

fn feed(replay: &mut Replay, records: &[Vec<u8>]) {
    for (index, record) in (0..).zip(records) {
        replay.leaf(index, record);
    }
}

fn is_sound(replay: Replay, what: &str) {
    let report = replay.finish();
    let failures: Vec<_> = report.failures().collect();
    assert_eq!(failures, Vec::<&Finding>::new(), "{what}");
}

/// Reads the logs of a store that was recovered again: the last one by itself, and all of them together, as they
/// are there and as they are exported, up to their last heads.
pub(crate) async fn hold(config: &Config) {
    let (store, _) = Store::open(&config.store).await.unwrap();
    let (mut all, mut exported) = (Vec::new(), Vec::new());
    for log in store.logs().await.unwrap() {
        if log.size == 0 || log.closed.pruned.is_some() {
            continue;
        }
        let head = store.head(log.number).await.unwrap();
        let is_open = log.is_open;
        let mut records = store.write(Records(log)).await.unwrap();
        all.push(records.clone());
        if is_open || head.is_some() {
            let end = head.filter(|_| !is_open);
            let end = end.and_then(|head| usize::try_from(head.size).ok());
            records.truncate(end.unwrap_or(usize::MAX));
            exported.push(records);
        }
    }
    store.close().await;
    let mut alone = Replay::default();
    feed(&mut alone, all.last().unwrap());
    is_sound(alone, "the recovered log");
    let first: Value = serde_json::from_slice(&all.last().unwrap()[0]).unwrap();
    let is_of_another_history = first["data"]["log"]["restored"] == 0;
    for (logs, what) in [(&all, "all logs"), (&exported, "all logs, exported")] {
        // What is behind its head is of no log that anybody has shown.
        if is_of_another_history && what == "all logs" {
            continue;
        }
        let mut together = Replay::default();
        for (place, records) in logs.iter().enumerate() {
            if place > 0 {
                together.begin_next();
            }
            feed(&mut together, records);
        }
        is_sound(together, what);
    }
}

/// A service that has committed releases since its last head, and whose key is lost.
async fn unsigned(configuration: &str) -> Stopped {
    let service = Service::with(configuration).await;
    let open = service.pending(&service.ask(1)).await;
    signed(&service).await;
    let app = service.running.app.clone();
    {
        let _still = app.parts().log.turn.lock().await;
        for request in 2..5 {
            let check = service.ask(request);
            let id = service.pending(&check).await;
            service.approve("grace", &id, json!({})).await;
            service.verified(&check, &service.check(&check).await);
        }
        // What the last head has as undecided is granted behind it.
        service.approve("grace", &open, json!({})).await;
        let log = logs(&service).await["logs"][0].clone();
        assert!(log["signed"].as_u64() < log["size"].as_u64(), "{log}");
        // It signs nothing at its end either.
        *app.parts().log.dies_after.lock().unwrap() = Some(Step::Grown);
    }
    drop(app);
    let stopped = service.stop().await;
    std::fs::remove_file(stopped.data().join("log.key")).unwrap();
    stopped
}

/// The first record of a log.
pub(super) async fn first(service: &Service, log: u64) -> Value {
    let proof = bytes(service, &format!("/v1/logs/{log}/proofs/0")).await;
    let proof = TlogProof::parse(&proof.unwrap()).unwrap();
    let first: Value = serde_json::from_slice(proof.extra().unwrap()).unwrap();
    first["data"]["log"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_behind_the_last_head_are_under_the_first_record_of_the_recovered_log() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let stopped = unsigned(&configuration).await;
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    assert!(done.contains("velum/2026-r1 is open"), "{done}");
    let service = stopped.start(&configuration).await;
    verified(&service, &[]).await;
    let told = first(&service, 2).await;
    let old = logs(&service).await["logs"][0].clone();
    assert_eq!(told["previous"]["size"], old["size"]);
    assert_eq!(told["restored"], old["size"]);
    let behind = old["size"].as_u64().unwrap() - old["signed"].as_u64().unwrap();
    assert_eq!(told["unsigned"], behind);
    let rows = service.running.store.logs().await.unwrap();
    let root = service.running.store.write(Whole(rows[0].clone())).await;
    let root = root.unwrap().to_string();
    let root = root.replace('+', "-").replace('/', "_");
    assert_eq!(told["previous"]["root"], root.trim_end_matches('='));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_head_that_is_of_another_history_nothing_is_counted_as_left() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let stopped = unsigned(&configuration).await;
    // The fence has another root for as many records.
    let path = fence.path().join("fence");
    let stands = std::fs::read_to_string(&path).unwrap();
    let root = stands.lines().nth(2).unwrap();
    let other = velum_ledger::hash::leaf_hash(b"another history").to_string();
    std::fs::write(&path, stands.replace(root, &other)).unwrap();
    stopped.recover(&configuration, "grace").await.unwrap();
    let service = stopped.start(&configuration).await;
    verified(&service, &[]).await;
    let told = first(&service, 2).await;
    let old = logs(&service).await["logs"][0].clone();
    assert_eq!(told["restored"], 0);
    assert_eq!(told["previous"]["size"], old["signed"]);
}

/// What is done to a store that nobody has open, to the record that comes behind those in the tree.
const BEHIND_THE_TREE: [(&str, &str); 4] = [
    (
        "it was noted, and is gone",
        "UPDATE audit_log SET next_index = (SELECT max(idx) + 2 FROM audit_entry)",
    ),
    (
        "it is not the one whose hash is beside it",
        "INSERT INTO audit_entry (idx, entry, leaf_hash)
             SELECT idx + 1, entry, zeroblob(32) FROM audit_entry ORDER BY idx DESC LIMIT 1",
    ),
    (
        "its bytes are no JSON",
        "INSERT INTO audit_entry (idx, entry, leaf_hash)
             SELECT idx + 1, CAST('z' || substr(CAST(entry AS TEXT), 2) AS BLOB), leaf_hash
             FROM audit_entry ORDER BY idx DESC LIMIT 1",
    ),
    (
        "its bytes are no JSON, and nobody has a head",
        "INSERT INTO audit_entry (idx, entry, leaf_hash)
             SELECT idx + 1, CAST('z' || substr(CAST(entry AS TEXT), 2) AS BLOB), leaf_hash
             FROM audit_entry ORDER BY idx DESC LIMIT 1;
         DELETE FROM log_head",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_no_tile_has_and_that_is_gone_or_changed_leaves_a_store_to_read_and_recover()
{
    for (what, statements) in BEHIND_THE_TREE {
        let fence = tempfile::tempdir().unwrap();
        let is_fenced = !statements.contains("log_head");
        let configuration = if is_fenced {
            configuration(fence.path())
        } else {
            CONFIGURATION.to_owned()
        };
        let service = Service::with(&configuration).await;
        let check = service.ask(1);
        let id = service.pending(&check).await;
        service.approve("grace", &id, json!({})).await;
        signed(&service).await;
        let stopped = service.stop().await;
        let options = SqliteConnectOptions::new().filename(stopped.data().join("velum.sqlite"));
        let mut database = SqliteConnection::connect_with(&options).await.unwrap();
        for statement in statements.split(';') {
            let done = sqlx::query(statement).execute(&mut database).await.unwrap();
            assert_eq!(done.rows_affected(), 1, "{what}");
        }
        database.close().await.unwrap();

        // It is there to be read, and says so.
        let service = stopped.start(&configuration).await;
        assert_eq!(logs(&service).await["is_recovering"], true, "{what}");
        let told = fault(&service).await;
        assert!(told.contains("records were lost"), "{what}: {told}");
        assert_eq!(service.show(&id).await["state"], "approved", "{what}");
        assert_eq!(service.get("grace", "/readyz").await.0, 503, "{what}");
        let (status, body) = service.check_as(service.gateway(), &check, 0).await;
        assert_eq!(status, 503, "{what}: {body}");

        let stopped = service.stop().await;
        let done = stopped.recover(&configuration, "grace").await.unwrap();
        assert!(done.contains("2026-r1 is open"), "{what}: {done}");
        let service = stopped.start(&configuration).await;
        verified(&service, &[]).await;
        let told = first(&service, 2).await;
        assert_eq!(told["restored"], 0, "{what}: {told}");
        let old = logs(&service).await["logs"][0].clone();
        let behind = old["size"].as_u64().unwrap() - 1;
        assert_eq!(told["previous"]["size"], behind, "{what}: {told}");
        assert_eq!(service.show(&id).await["state"], "superseded", "{what}");
        let check = service.ask(2);
        let id = service.pending(&check).await;
        service.approve("grace", &id, json!({})).await;
        service.verified(&check, &service.check(&check).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_database_that_was_emptied_beside_its_fence_nothing_is_counted_as_left() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = Service::with(&configuration).await;
    service.pending(&service.ask(1)).await;
    signed(&service).await;
    let stopped = service.stop().await;
    let stands = std::fs::read_to_string(fence.path().join("fence")).unwrap();
    let fenced: u64 = stands.lines().nth(1).unwrap().parse().unwrap();
    for file in std::fs::read_dir(stopped.data()).unwrap() {
        let file = file.unwrap();
        if file
            .file_name()
            .to_str()
            .unwrap()
            .starts_with("velum.sqlite")
        {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    // It has a first record then, which no log before had.
    let service = stopped.start(&configuration).await;
    let log = logs(&service).await;
    assert_eq!(log["is_recovering"], true, "{log}");
    assert_eq!(log["logs"][0]["size"], 1, "{log}");
    let stopped = service.stop().await;
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    assert!(done.contains("and has 0;"), "{done}");
    let service = stopped.start(&configuration).await;
    verified(&service, &[]).await;
    let told = first(&service, 2).await;
    assert_eq!(told["restored"], 0, "{told}");
    assert_eq!(told["previous"]["size"], fenced, "{told}");
}
