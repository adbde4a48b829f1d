//! What the store has noted of anchors, changed behind the service's back.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::peers::{Manner, Witness};
use super::{
    anchor, approved, configuration, fails, file, has_all, is_refused, key, served, trust,
};
use crate::testing::Service;
use crate::tests::log::{bytes, signed};
use crate::tests::years;

async fn open(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data.join("velum.sqlite"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn read(database: &mut SqliteConnection) -> (i64, String) {
    let row = sqlx::query_as("SELECT size, note FROM log_anchor WHERE name = 'w1'");
    row.fetch_one(database).await.unwrap()
}

async fn write(database: &mut SqliteConnection, size: i64, note: &str) {
    let row = sqlx::query("UPDATE log_anchor SET size = $1, note = $2 WHERE name = 'w1'");
    row.bind(size).bind(note).execute(database).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cosignature_that_was_changed_in_the_store_is_not_served_and_is_told() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("committed", &[witness.table("w1")])).await;
    witness.trust(&key(&service).await);
    service.pending(&service.ask(1)).await;
    has_all(&service, "w1").await;
    let whole = trust(&service).await;
    let whole = whole.with_witnesses(vec![witness.key()], 1).unwrap();
    served(&service, &whole).await;
    let mut database = open(&service.folder.path().join("velum-data")).await;
    let (size, note) = read(&mut database).await;
    let lines: Vec<_> = note.lines().collect();
    let [.., log, own] = lines.as_slice() else {
        panic!("{note}")
    };
    let without = |line: &str| note.replace(&format!("{line}\n"), "");
    let mut flipped = own.as_bytes().to_vec();
    let middle = flipped.len() - 20;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let shorter = note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size - 1), 1);
    for (size, changed) in [
        (size, note.replace(own, &flipped)),
        (size, without(own)),
        (size, without(log)),
        (size, note.replacen("/velum/2026", "/velum/2025", 1)),
        (size - 1, shorter),
        (size - 1, note.clone()),
        (size, "nonsense".to_owned()),
    ] {
        write(&mut database, size, &changed).await;
        let path = "/v1/logs/1/checkpoint?cosigned=true";
        assert_eq!(bytes(&service, path).await, None, "{changed}");
        let head = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
        assert!(whole.open(&head).is_err(), "{changed}");
        let proof = bytes(&service, "/v1/logs/1/proofs/0").await.unwrap();
        assert!(!String::from_utf8(proof).unwrap().contains("w1.example"));
        fails(&service, "w1", "bad-note").await;
        // What it has signed is believed again.
        write(&mut database, i64::try_from(witness.size()).unwrap(), &note).await;
        served(&service, &whole).await;
        anchor(&service, "w1", |anchor| anchor.get("fault").is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cosignature_that_was_made_up_in_the_store_releases_nothing() {
    let witness = Witness::start("w1.example", 11).await;
    let configuration = configuration("anchored", &[witness.table("w1")]);
    let service = Service::with(&configuration).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    witness.behave(Manner::Silent);
    let (check, _) = approved(&service, 1).await;
    is_refused(&service, &check).await;
    let stopped = service.stop().await;
    let mut database = open(&stopped.data()).await;
    let (_, note) = read(&mut database).await;
    let size: i64 = sqlx::query_scalar("SELECT next_index FROM log_end")
        .fetch_one(&mut database)
        .await
        .unwrap();
    write(&mut database, size, &note).await;
    database.close().await.unwrap();
    let service = stopped.start(&configuration).await;
    fails(&service, "w1", "bad-note").await;
    signed(&service).await;
    is_refused(&service, &check).await;
    // From itself it counts.
    witness.behave(Manner::Good);
    has_all(&service, "w1").await;
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_was_cosigned_since_the_logs_row_was_read_is_believed() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("committed", &[witness.table("w1")])).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    let app = service.running.app.clone();
    let row = app.store().open_log().await.unwrap();
    service.pending(&service.ask(1)).await;
    has_all(&service, "w1").await;
    let noted = async {
        while i64::try_from(witness.size()).unwrap() > read_size(&service).await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), noted)
        .await
        .unwrap();
    let cosigned = crate::log::cosigned(&app, &row).await.unwrap();
    let (size, _) = cosigned.unwrap();
    assert!(size > row.size, "{size} {}", row.size);
    anchor(&service, "w1", |anchor| anchor.get("fault").is_none()).await;
}

async fn read_size(service: &Service) -> i64 {
    let mut database = open(&service.folder.path().join("velum-data")).await;
    read(&mut database).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_believed_is_written_over_by_what_the_witness_signs_next() {
    let witness = Witness::start("w1.example", 11).await;
    let service = Service::with(&configuration("committed", &[witness.table("w1")])).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    let whole = trust(&service).await;
    let whole = whole.with_witnesses(vec![witness.key()], 1).unwrap();
    served(&service, &whole).await;
    let mut database = open(&service.folder.path().join("velum-data")).await;
    let (_, note) = read(&mut database).await;
    write(&mut database, 1_000_000, &note).await;
    assert_eq!(
        bytes(&service, "/v1/logs/1/checkpoint?cosigned=true").await,
        None
    );
    fails(&service, "w1", "bad-note").await;
    service.pending(&service.ask(1)).await;
    has_all(&service, "w1").await;
    served(&service, &whole).await;
    anchor(&service, "w1", |anchor| anchor.get("fault").is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_witness_has_cosigned_of_closed_years_outlives_its_key() {
    let witness = Witness::start("w1.example", 11).await;
    let before = configuration("committed", &[witness.table("w1")]);
    let mut service = years::before_new_year(&before, 2_000).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    service.clock.advance(3_000);
    let all = years::rolled(&service).await;
    let keys = [0, 1].map(|log: usize| all[log]["key"].as_str().unwrap().to_owned());
    witness.trust(&keys[1]);
    has_all(&service, "w1").await;
    let path = "/v1/logs/1/checkpoint?cosigned=true";
    let kept = bytes(&service, path).await.unwrap();

    let next = Witness::start("w1.example", 12).await;
    for key in &keys {
        next.trust(key);
    }
    let previous = format!("previous_keys = [\"{}\"]\n", witness.key());
    for (previous, is_served) in [(previous, true), (String::new(), false)] {
        let table = next.table("w1") + &previous;
        service = service
            .restart_with(&configuration("committed", &[table]))
            .await;
        service.pending(&service.ask(u8::from(is_served))).await;
        has_all(&service, "w1").await;
        let served = bytes(&service, path).await;
        assert_eq!(served, is_served.then(|| kept.clone()));
        // What is of another key than now is not called forged.
        anchor(&service, "w1", |anchor| anchor.get("fault").is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_up_of_a_file_in_the_store_releases_nothing() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let configuration = configuration("anchored", &[file("w1", &heads)]);
    let mut service = Service::with(&configuration).await;
    assert_eq!(has_all(&service, "w1").await["is_cosigned"], false);
    // The volume is gone.
    let away = volume.path().join("away");
    std::fs::rename(&heads, &away).unwrap();
    let (check, _) = approved(&service, 1).await;
    is_refused(&service, &check).await;
    let head = signed(&service).await["signed"].as_i64().unwrap();
    let note = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
    let note = String::from_utf8(note).unwrap();
    let other = note.replacen("/velum/2026", "/velum/2025", 1);
    let mut database = open(&service.folder.path().join("velum-data")).await;
    let (size, before) = read(&mut database).await;
    assert!(size < head, "{size} {head}");
    database.close().await.unwrap();
    for (size, text, is_forged) in [
        // A head that was never signed, of another size or another log.
        (head, Some(before.as_str()), true),
        (head + 1_000, Some(note.as_str()), true),
        (head, Some(other.as_str()), true),
        (head, Some("nonsense"), true),
        // As earlier versions have noted it.
        (head, None, false),
    ] {
        let stopped = service.stop().await;
        let mut database = open(&stopped.data()).await;
        let row = sqlx::query("UPDATE log_anchor SET size = $1, note = $2 WHERE name = 'w1'");
        let row = row.bind(size).bind(text);
        row.execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        service = stopped.start(&configuration).await;
        signed(&service).await;
        is_refused(&service, &check).await;
        // It is not there, and nothing puts an empty one in its place, whatever the store says.
        fails(&service, "w1", "missing").await;
        assert!(!heads.exists(), "{size} {text:?}");
        let told = anchor(&service, "w1", |_| true).await;
        assert_eq!(told["size"], 0, "{is_forged}: {told}");
    }
    std::fs::rename(&away, &heads).unwrap();
    has_all(&service, "w1").await;
    service.verified(&check, &service.check(&check).await);
    let mut database = open(&service.folder.path().join("velum-data")).await;
    let noted = async {
        loop {
            let row = "SELECT note FROM log_anchor WHERE name = 'w1'";
            let note: Option<String> = sqlx::query_scalar(row)
                .fetch_one(&mut database)
                .await
                .unwrap();
            if note.is_some() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), noted)
        .await
        .unwrap();
}
