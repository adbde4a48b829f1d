//! Anchors that know more than the log, or another history of it.

use serde_json::Value;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::Series;
use velum_ledger::tlog_proof::TlogProof;

use super::peers::{Manner, Witness};
use super::{approved, configuration, fails, file, has_all, is_recovering, is_refused, key};
use crate::testing::Service;
use crate::tests::log::{bytes, copy, logs};
use crate::tests::years;

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
        // That this was looked at is recorded when it stops: the next start tells the witness of that.
        let service = service.restart().await;
        assert_eq!(witness.asked().last().unwrap().1, 200);
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

/// Puts a copy of the data back.
fn put_back(data: &std::path::Path, backup: &std::path::Path) {
    std::fs::remove_dir_all(data).unwrap();
    copy(backup, data);
}

/// Waits until the log of this name is open and all of every log that is there is under a signed head.
async fn begun(service: &Service, name: &str) -> Vec<Value> {
    let mut last = Value::Null;
    let until = async {
        loop {
            last = logs(service).await;
            let all = last["logs"].as_array().unwrap().clone();
            let is_signed = all.iter().all(|log| log["signed"] == log["size"]);
            if is_signed && all.last().unwrap()["name"] == name {
                return all;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let all = tokio::time::timeout(std::time::Duration::from_secs(20), until).await;
    all.unwrap_or_else(|_| panic!("{name} does not begin: {last}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn years_that_were_lost_as_a_whole_are_recovered_by_anchors_alone_and_no_index_is_given_twice()
 {
    const YEAR: i64 = 366 * 24 * 3600 * 1000;
    let volume = tempfile::tempdir().unwrap();
    let (heads, more) = (volume.path().join("heads"), volume.path().join("more"));
    let both = configuration("committed", &[file("vault", &heads), file("shelf", &more)]);
    let one = configuration("committed", &[file("vault", &heads)]);
    let service = years::before_new_year(&both, 2_000).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let (data, backup) = (stopped.data(), tempfile::tempdir().unwrap());
    is_closed(&data).await;
    copy(&data, backup.path());
    // How many more the old year had, no head of a later one tells.
    let service = stopped.start(&both).await;
    for request in 0..4 {
        let (check, _) = approved(&service, request).await;
        service.verified(&check, &service.check(&check).await);
    }
    service.clock.advance(3_000);
    begun(&service, "audit.example.org/velum/2027").await;
    service.pending(&service.ask(9)).await;
    has_all(&service, "vault").await;
    has_all(&service, "shelf").await;
    // The one of them has seen another year still.
    let stopped = service.stop().await;
    stopped.advance(YEAR);
    let service = stopped.start(&one).await;
    begun(&service, "audit.example.org/velum/2028").await;
    service.pending(&service.ask(10)).await;
    has_all(&service, "vault").await;
    let open = logs(&service).await["logs"][2].clone();
    let given = open["first"].as_u64().unwrap() + open["size"].as_u64().unwrap();
    let stopped = service.stop().await;
    is_closed(&data).await;
    put_back(&data, backup.path());

    let service = stopped.start(&both).await;
    is_recovering(&service).await;
    let stopped = service.stop().await;
    let done = stopped.recover(&both, "grace").await.unwrap();
    assert!(done.contains("velum/2028-r1 is open"), "{done}");
    let service = stopped.start(&both).await;
    has_all(&service, "vault").await;
    has_all(&service, "shelf").await;
    let all = logs(&service).await;
    assert_eq!(all["is_recovering"], false, "{all}");
    let names: Vec<_> = all["logs"].as_array().unwrap().iter().collect();
    let names: Vec<_> = names
        .iter()
        .map(|log| log["name"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names, ["2026", "2027", "2028", "2028-r1"]);
    assert!(all["logs"][3]["first"].as_u64().unwrap() >= given, "{all}");
    let (check, _) = approved(&service, 11).await;
    service.verified(&check, &service.check(&check).await);
    // It stays so.
    let service = service.restart().await;
    has_all(&service, "vault").await;
    assert_eq!(logs(&service).await["is_recovering"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_that_comes_back_after_a_recovery_with_more_of_the_old_log_is_taken_into_account()
{
    let volume = tempfile::tempdir().unwrap();
    let (heads, fence) = (volume.path().join("heads"), volume.path().join("fence"));
    let fence_line = format!("fence = {fence:?}\n");
    let both = configuration("committed", &[fence_line.clone(), file("vault", &heads)]);
    let bare = configuration("committed", &[fence_line]);
    let service = Service::with(&both).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let (data, backup) = (stopped.data(), tempfile::tempdir().unwrap());
    is_closed(&data).await;
    copy(&data, backup.path());
    let service = stopped.start(&both).await;
    service.pending(&service.ask(1)).await;
    has_all(&service, "vault").await;
    let older_fence = std::fs::read(&fence).unwrap();
    service.pending(&service.ask(2)).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    is_closed(&data).await;
    put_back(&data, backup.path());
    std::fs::write(&fence, older_fence).unwrap();
    let done = stopped.recover(&bare, "grace").await.unwrap();
    assert!(done.contains("velum/2026-r1 is open"), "{done}");
    let service = stopped.start(&bare).await;
    service.pending(&service.ask(3)).await;
    assert_ne!(logs(&service).await["is_recovering"], true);

    let service = service.restart_with(&both).await;
    is_recovering(&service).await;
    let stopped = service.stop().await;
    let done = stopped.recover(&both, "grace").await.unwrap();
    assert!(done.contains("velum/2026-r2 is open"), "{done}");
    let service = stopped.start(&both).await;
    has_all(&service, "vault").await;
    assert_eq!(logs(&service).await["is_recovering"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_of_another_name_recover_nothing() {
    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let configuration = configuration("committed", &[file("vault", &heads)]);
    let service = Service::with(&configuration).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let kept = std::fs::read_to_string(&heads).unwrap();
    let other = kept.replace(
        "audit.example.org/velum/2026\n",
        "audit.example.org/ward/2030\n",
    );
    std::fs::write(&heads, other).unwrap();
    let service = stopped.start(&configuration).await;
    is_recovering(&service).await;
    let stopped = service.stop().await;
    let error = stopped.recover(&configuration, "grace").await.unwrap_err();
    assert!(
        error.contains("`vault`") && !error.contains("ward"),
        "{error}"
    );
    // The right file again, and nothing is to be recovered.
    std::fs::write(&heads, kept).unwrap();
    let service = stopped.start(&configuration).await;
    assert_eq!(logs(&service).await["is_recovering"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_head_of_a_year_reaches_a_witness_that_was_away() {
    let witness = Witness::start("w1.example", 11).await;
    let configuration = configuration("committed", &[witness.table("w1")]);
    let service = years::before_new_year(&configuration, 2_000).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    witness.behave(Manner::Status(500));
    service.pending(&service.ask(1)).await;
    service.clock.advance(3_000);
    let all = begun(&service, "audit.example.org/velum/2027").await;
    let size = all[0]["size"].as_u64().unwrap();
    assert!(witness.size_of("audit.example.org/velum/2026") < size);
    witness.trust(all[1]["key"].as_str().unwrap());
    witness.behave(Manner::Good);
    has_all(&service, "w1").await;
    assert_eq!(witness.size_of("audit.example.org/velum/2026"), size);
    assert!(witness.size_of("audit.example.org/velum/2027") > 0);
    let path = "/v1/logs/1/checkpoint?cosigned=true";
    let head = String::from_utf8(bytes(&service, path).await.unwrap()).unwrap();
    assert!(
        head.starts_with(&format!("audit.example.org/velum/2026\n{size}\n")),
        "{head}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_anchor_that_tells_of_more_records_than_any_log_has_is_named_by_the_recovery() {
    let witness = Witness::start("w1.example", 11).await;
    let asked = configuration("committed", &[witness.table("w1")]);
    let service = Service::with(&asked).await;
    witness.trust(&key(&service).await);
    has_all(&service, "w1").await;
    witness.behave(Manner::Claims(1 << 62));
    service.pending(&service.ask(1)).await;
    is_recovering(&service).await;
    let stopped = service.stop().await;
    let done = stopped.recover(&asked, "grace").await.unwrap();
    assert!(done.contains("audit.anchors `w1` tells of"), "{done}");
    witness.behave(Manner::Status(404));
    let service = stopped.start(&asked).await;
    let (check, _) = approved(&service, 2).await;
    service.verified(&check, &service.check(&check).await);

    let volume = tempfile::tempdir().unwrap();
    let heads = volume.path().join("heads");
    let kept = configuration("committed", &[file("vault", &heads)]);
    let service = Service::with(&kept).await;
    has_all(&service, "vault").await;
    let stopped = service.stop().await;
    let text = std::fs::read_to_string(&heads).unwrap();
    let size = text.trim_end().rsplit("\n\n").nth(1).unwrap();
    let size = size.lines().nth(1).unwrap();
    let absurd = text.replace(&format!("\n{size}\n"), "\n4611686018427387904\n");
    std::fs::write(&heads, absurd).unwrap();
    let error = stopped.recover(&kept, "grace").await.unwrap_err();
    assert!(error.contains("`vault`"), "{error}");
    // Without it there is nothing to recover.
    let without = configuration("committed", &[]);
    let service = stopped.start(&without).await;
    assert_eq!(logs(&service).await["is_recovering"], false);
}
