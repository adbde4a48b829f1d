//! Anchors that know more than the log, or another history of it.

use serde_json::Value;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::Series;
use velum_ledger::tlog_proof::TlogProof;

use super::peers::{Manner, Witness};
use super::{approved, configuration, fails, file, has_all, is_recovering, is_refused, key};
use crate::testing::Service;
use crate::tests::log::{bytes, copy, logs};

/// Connections end on threads of their own; the last one takes the file of what is not yet in the database.
async fn is_closed(data: &std::path::Path) {
    for _ in 0..200 {
        if !data.join("velum.sqlite-wal").exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_behind_an_anchors_file_releases_nothing() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    // Without a fence: the anchor alone knows.
    let configuration = configuration("committed", &[file("vault", &heads)]);
    let service = Service::with(&configuration).await;
    let (check, id) = approved(&service, 1).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let (data, backup) = (stopped.data(), tempfile::tempdir().unwrap());
    is_closed(&data).await;
    copy(&data, backup.path());
    let service = stopped.start(&configuration).await;
    service.verified(&check, &service.check(&check).await);
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    is_closed(&data).await;
    std::fs::remove_dir_all(&data).unwrap();
    copy(backup.path(), &data);
    let kept = Series::parse(&std::fs::read(&heads).unwrap());
    let last: Checkpoint = kept.notes.last().unwrap().text().parse().unwrap();

    let service = stopped.start(&configuration).await;
    let again = service.ask(1);
    is_refused(&service, &again).await;
    is_recovering(&service).await;
    assert_eq!(service.get("grace", "/readyz").await.0, 503);
    let listed = fails(&service, "vault", "contradicts").await;
    assert_eq!(listed["kind"], "file");
    let stopped = service.stop().await;
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    assert!(done.contains("velum/2026-r1"), "{done}");
    let service = stopped.start(&configuration).await;
    assert_ne!(logs(&service).await["is_recovering"], true);
    assert_eq!(service.show(&id).await["state"], "superseded");
    has_all(&service, "vault").await;
    // The first record of the new log has what the anchor knew of the old one.
    let first = bytes(&service, "/v1/logs/2/proofs/0").await.unwrap();
    let first = TlogProof::parse(&first).unwrap();
    let first: Value = serde_json::from_slice(first.extra().unwrap()).unwrap();
    assert_eq!(first["type"], "org.velum.log.recovered.v1");
    assert!(
        first
            .to_string()
            .contains(&format!("\"size\":{}", last.size())),
        "{first}"
    );
    // The same file goes on with the new log.
    let kept = Series::parse(&std::fs::read(&heads).unwrap());
    let last: Checkpoint = kept.notes.last().unwrap().text().parse().unwrap();
    assert_eq!(last.origin(), "audit.example.org/velum/2026-r1");
    drop(service.restart().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_another_history_of_the_same_length_stops_the_service() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let configuration = configuration("committed", &[file("vault", &heads)]);
    let service = Service::with(&configuration).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let kept = std::fs::read_to_string(&heads).unwrap();
    let root = kept.lines().nth(2).unwrap();
    let other = velum_ledger::hash::leaf_hash(b"another history").to_string();
    std::fs::write(&heads, kept.replace(root, &other)).unwrap();
    let service = stopped.start(&configuration).await;
    is_recovering(&service).await;
    // Where it is written while the service runs, it is noticed with the next head.
    let stopped = service.stop().await;
    std::fs::write(&heads, &kept).unwrap();
    let service = stopped.start(&configuration).await;
    has_all(&service, "vault").await;
    let kept = std::fs::read_to_string(&heads).unwrap();
    let root = kept
        .trim_end()
        .rsplit("\n\n")
        .nth(1)
        .unwrap()
        .lines()
        .nth(2)
        .unwrap();
    std::fs::write(&heads, kept.replace(root, &other)).unwrap();
    service.pending(&service.ask(1)).await;
    is_recovering(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_has_seen_more_stops_the_service_at_its_start_and_while_it_runs() {
    let witness = Witness::start("w1.example", 11).await;
    let configuration = configuration("committed", &[witness.table("w1")]);
    let service = Service::with(&configuration).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    witness.behave(Manner::Claims(500));
    let (check, _) = approved(&service, 1).await;
    is_recovering(&service).await;
    is_refused(&service, &check).await;
    let service = service.restart().await;
    assert_eq!(logs(&service).await["is_recovering"], true);
    is_refused(&service, &check).await;
    let stopped = service.stop().await;
    stopped.recover(&configuration, "grace").await.unwrap();
    // A witness has to be told of the new log; until then it knows nothing of it.
    witness.behave(Manner::Status(404));
    let service = stopped.start(&configuration).await;
    fails(&service, "w1", "refused").await;
    let all = logs(&service).await;
    assert_ne!(all["is_recovering"], true);
    // No index is given twice, however far the other history was.
    assert!(all["logs"][1]["first"].as_u64() >= Some(500), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_that_has_seen_another_history_stops_the_service() {
    for at_start in [true, false] {
        let witness = Witness::start("w1.example", 11).await;
        let configuration = configuration("committed", &[witness.table("w1")]);
        let service = Service::with(&configuration).await;
        witness.trust(&key(&service).await);
        has_all(&service, "w1").await;
        witness.remember_otherwise();
        let service = if at_start {
            // Of the same size: it answers 409 with the size that it was told.
            service.restart().await
        } else {
            service
        };
        if !at_start {
            // Of a larger one: the proof does not lead there, 422.
            service.pending(&service.ask(1)).await;
        }
        is_recovering(&service).await;
        let status = witness.asked().last().unwrap().1;
        assert_eq!(status, if at_start { 409 } else { 422 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_that_cannot_be_reached_at_a_start_leaves_it_to_the_fence() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let witness = Witness::start("w1.example", 11).await;
    witness.behave(Manner::Silent);
    let tables = [witness.table("w1"), file("vault", &heads)];
    let service = Service::with(&configuration("committed", &tables)).await;
    has_all(&service, "vault").await;
    // The volume is gone: no file is made in its place.
    let stopped = service.stop().await;
    let kept = std::fs::read(&heads).unwrap();
    std::fs::remove_file(&heads).unwrap();
    let service = stopped.start(&configuration("committed", &tables)).await;
    assert_ne!(logs(&service).await["is_recovering"], true);
    let (check, _) = approved(&service, 1).await;
    service.verified(&check, &service.check(&check).await);
    fails(&service, "vault", "missing").await;
    assert!(!heads.exists());
    std::fs::write(&heads, kept).unwrap();
    has_all(&service, "vault").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_recovered_by_whoever_knows_the_most_of_it() {
    let volume = tempfile::tempdir().unwrap();
    let (heads, fence) = (volume.path().join("heads"), volume.path().join("fence"));
    let tables = [format!("fence = {fence:?}\n"), file("vault", &heads)];
    let configuration = configuration("committed", &tables);
    let service = Service::with(&configuration).await;
    service.pending(&service.ask(1)).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let (data, backup) = (stopped.data(), tempfile::tempdir().unwrap());
    is_closed(&data).await;
    copy(&data, backup.path());
    let service = stopped.start(&configuration).await;
    service.pending(&service.ask(2)).await;
    has_all(&service, "vault").await;
    let older_fence = std::fs::read(&fence).unwrap();
    service.pending(&service.ask(3)).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    is_closed(&data).await;
    // The database is put back, and the fence less far.
    std::fs::remove_dir_all(&data).unwrap();
    copy(backup.path(), &data);
    std::fs::write(&fence, older_fence).unwrap();
    let service = stopped.start(&configuration).await;
    is_recovering(&service).await;
    let stopped = service.stop().await;
    stopped.recover(&configuration, "grace").await.unwrap();
    // What the anchor has of the old log is within what is known of it now.
    let service = stopped.start(&configuration).await;
    assert_ne!(logs(&service).await["is_recovering"], true);
    has_all(&service, "vault").await;
}
