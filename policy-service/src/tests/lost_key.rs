//! The log's key is lost while the last head of a year is not signed yet.

use std::time::Duration;

use serde_json::{Value, json};
use velum_ledger::hash::Hash;
use velum_ledger::tlog_proof::TlogProof;

use super::log::{bytes, configuration, logs, signed};
use super::years;
use crate::log::{Step, Whole};
use crate::testing::{Service, Stopped};

const DAY: i64 = 24 * 3600 * 1000;

/// A service whose year is over, and which has signed nothing since.
async fn rolled_and_unsigned(configuration: &str) -> Stopped {
    let service = years::before_new_year(configuration, 2_000).await;
    signed(&service).await;
    service.pending(&service.ask(1)).await;
    let app = service.running.app.clone();
    {
        let _still = app.parts().log.turn.lock().await;
        service.clock.advance(3_000);
        *app.parts().log.dies_after.lock().unwrap() = Some(Step::Rolled);
        assert!(crate::log::step(&app).await.is_err());
        // It signs nothing at its end either.
        *app.parts().log.dies_after.lock().unwrap() = Some(Step::Grown);
    }
    drop(app);
    service.stop().await
}

async fn first(service: &Service, log: u64) -> Value {
    let proof = bytes(service, &format!("/v1/logs/{log}/proofs/0")).await;
    let proof = TlogProof::parse(&proof.unwrap()).unwrap();
    serde_json::from_slice(proof.extra().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_lost_before_a_years_last_head_keeps_the_next_log_from_nothing() {
    for has_fence in [true, false] {
        let fence = tempfile::tempdir().unwrap();
        let mut kept = format!("{}retention_days = 30\n", configuration(fence.path()));
        if !has_fence {
            let lines = kept.lines().filter(|line| !line.starts_with("fence"));
            kept = lines.collect::<Vec<_>>().join("\n") + "\n";
        }
        let stopped = rolled_and_unsigned(&kept).await;
        std::fs::remove_file(stopped.data().join("log.key")).unwrap();
        let refusal = stopped.refusal(&kept).await;
        assert!(refusal.contains("log-previous.key"), "{refusal}");
        let done = stopped.recover(&kept, "grace").await.unwrap();
        for part in [
            "velum/2027-r1 is open",
            "the last records of audit.example.org/velum/2026 are under no signed head",
        ] {
            assert!(done.contains(part), "{part}: {done}");
        }
        let service = stopped.start(&kept).await;
        signed(&service).await;
        let check = service.ask(2);
        let id = service.pending(&check).await;
        service.approve("grace", &id, json!({})).await;
        service.verified(&check, &service.check(&check).await);
        signed(&service).await;
        let all = logs(&service).await;
        assert_eq!(all.get("fault"), None, "{all}");
        let lacks = |log: usize| all["logs"][log]["lacks_last_head"].clone();
        assert_eq!(
            (lacks(0), lacks(1), lacks(2)),
            (json!(true), json!(true), json!(false))
        );
        assert!(all["logs"][0]["signed"].as_u64() < all["logs"][0]["size"].as_u64());
        // The new log has the end of the one before it, and so of both.
        let previous = first(&service, 3).await["data"]["log"]["previous"].clone();
        assert_eq!(previous["name"], "audit.example.org/velum/2027");
        assert_eq!(previous["size"], all["logs"][1]["size"]);
        let rows = service.running.store.logs().await.unwrap();
        let root: Hash = service
            .running
            .store
            .write(Whole(rows[1].clone()))
            .await
            .unwrap();
        let root = root.to_string().replace('+', "-").replace('/', "_");
        assert_eq!(previous["root"], root.trim_end_matches('='));

        // Neither of them is kept for ever.
        let stopped = service.stop().await;
        stopped.advance(31 * DAY);
        let said = stopped.prune(&kept, 2027, false).await.unwrap();
        assert!(said.contains("velum/2026 is gone"), "{said}");
        stopped.advance(366 * DAY);
        let service = stopped.start(&kept).await;
        let wait = async {
            while logs(&service).await["logs"].as_array().unwrap().len() < 4 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap();
        signed(&service).await;
        let stopped = service.stop().await;
        stopped.advance(31 * DAY);
        let said = stopped.prune(&kept, 2028, false).await.unwrap();
        assert!(said.contains("velum/2027 is gone"), "{said}");
        assert!(said.contains("velum/2027-r1 is gone"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_kept_beside_the_new_one_signs_the_years_last_head() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let stopped = rolled_and_unsigned(&configuration).await;
    let data = stopped.data();
    std::fs::rename(data.join("log.key"), data.join("log-previous.key")).unwrap();
    let service = stopped.start(&configuration).await;
    let all = years::rolled(&service).await;
    assert!(
        all.iter().all(|log| log["lacks_last_head"] == false),
        "{all:?}"
    );
    assert_eq!(service.count("log.key-rotated").await, 1);
}
