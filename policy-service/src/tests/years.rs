//! The log of a year ends with it, and the next one goes on.

use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::replay::{Finding, Replay};
use velum_harness::Postgres;
use velum_ledger::tlog_proof::TlogProof;

use super::log::{bytes, configuration, copy, logs, signed, walk};
use crate::log::Step;
use crate::testing::{START, Service};

/// Midnight, 1 January 2027 (UTC).
const NEW_YEAR: i64 = 1_798_761_600_000;

/// A service whose clock is so many milliseconds before the new year.
pub(super) async fn before_new_year(configuration: &str, millis: i64) -> Service {
    let stopped = crate::testing::Stopped::new();
    stopped.advance(NEW_YEAR - millis - START.as_millis());
    stopped.start(configuration).await
}

/// Waits until the log of 2027 is open and everything is under a signed head.
pub(super) async fn rolled(service: &Service) -> Vec<Value> {
    let mut last = Value::Null;
    let wait = async {
        loop {
            last = logs(service).await;
            let all = last["logs"].as_array().unwrap().clone();
            let is_signed = all.iter().all(|log| log["signed"] == log["size"]);
            if all.len() > 1 && is_signed {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let all = tokio::time::timeout(Duration::from_secs(20), wait).await;
    all.unwrap_or_else(|_| panic!("the next log does not begin: {last}"))
}

/// Verifies both logs and that they belong together.
pub(super) async fn verify(service: &Service) -> Vec<Value> {
    let all = rolled(service).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[0]["name"], "audit.example.org/velum/2026");
    assert_eq!(all[1]["name"], "audit.example.org/velum/2027");
    assert_eq!(all[1]["first"], all[0]["size"]);
    let mut replay = Replay::default();
    let (size, root) = walk(service, &all[0], &[], &mut replay).await;
    replay.begin_next();
    walk(service, &all[1], &[], &mut replay).await;
    let report = replay.finish();
    let failures: Vec<&Finding> = report.failures().collect();
    assert_eq!(failures, Vec::<&Finding>::new());
    assert_eq!(report.rests_on, None);

    let log = service.log().await;
    let place = usize::try_from(size).unwrap();
    assert_eq!(log[place - 1]["type"], "org.velum.log.closed.v1");
    assert_eq!(log[place - 1]["data"]["log"]["next"], all[1]["name"]);
    let opened = &log[place]["data"]["log"];
    assert_eq!(log[place]["data"]["seq"], 0);
    assert_eq!(opened["first"], size);
    assert_eq!(opened["previous"]["name"], all[0]["name"]);
    assert_eq!(opened["previous"]["size"], size);
    let told = root.to_string().replace('+', "-").replace('/', "_");
    let told = told.trim_end_matches('=');
    assert_eq!(opened["previous"]["root"], told);
    // Every record is in one of them, once.
    let sizes = all.iter().map(|log| log["size"].as_u64().unwrap());
    assert_eq!(sizes.sum::<u64>(), u64::try_from(log.len()).unwrap());
    log
}

async fn crosses_new_year_under_load(configuration: &str) {
    let service = before_new_year(configuration, 2_000).await;
    let one = async |number: u8| {
        let check = service.ask(number);
        let id = service.pending(&check).await;
        service.approve("grace", &id, json!({})).await;
        service.verified(&check, &service.check(&check).await);
        let outcome = json!({
            "approval": id, "use_key": check.use_key, "status": 200, "records": 1, "bytes": 300,
            "lifted": {"name": 2}, "masked": {}, "drift": {}, "end": "complete",
        });
        let sent = service.call_gateway("POST", "/v1/outcomes", &outcome).await;
        assert_eq!(sent.0, 204, "{}", sent.1);
    };
    let load = async {
        for number in 0..30 {
            one(number).await;
        }
    };
    let clock = async {
        for _ in 0..12 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            service.clock.advance(500);
        }
    };
    tokio::join!(load, clock);
    // An approval of the old year that is used in the new one would be all the same: see the replay's tests.
    rolled(&service).await;
    one(200).await;
    let log = verify(&service).await;
    let used = |leaf: &&Value| leaf["type"] == "org.velum.grant.used.v1";
    assert_eq!(log.iter().filter(used).count(), 31);
    // It goes on so.
    let service = service.restart().await;
    // Where others may keep the log, the one before is believed to be there for a while.
    service.clock.advance(11_000);
    one_more(&service).await;
    verify(&service).await;
}

async fn one_more(service: &Service) {
    let check = service.ask(201);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_year_ends_with_it_and_the_next_one_goes_on_under_load() {
    let fence = tempfile::tempdir().unwrap();
    // Each release waits until its record is under a head, also the last of the old year.
    let strict =
        configuration(fence.path()).replace("quorum = 1", "quorum = 1\nrelease = \"checkpointed\"");
    crosses_new_year_under_load(&strict).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_in_postgres() {
    let fence = tempfile::tempdir().unwrap();
    let server = Postgres::start().await.unwrap();
    crosses_new_year_under_load(&in_postgres(&configuration(fence.path()), &server)).await;
}

pub(super) fn in_postgres(configuration: &str, server: &Postgres) -> String {
    let url = server.url();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    configuration.replacen("[lifetimes]", &store, 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_closes_the_year_and_an_approval_goes_on_over_it() {
    let fence = tempfile::tempdir().unwrap();
    let server = Postgres::start().await.unwrap();
    let configuration = in_postgres(&configuration(fence.path()), &server);
    let one = before_new_year(&configuration, 2_000).await;
    let other = Service::beside(&one, &configuration).await;
    let check = one.ask(1);
    let id = one.pending(&check).await;
    signed(&one).await;
    let ahead = NEW_YEAR + 1_000 - START.as_millis();
    other.clock.advance(ahead);
    one.clock.advance(3_000);
    rolled(&one).await;
    assert_eq!(rolled(&other).await, rolled(&one).await);
    // Asked for in the one year and released in the other.
    assert_eq!(other.approve("grace", &id, json!({})).await.0, 200);
    one.verified(&check, &one.check(&check).await);
    verify(&one).await;
    let log = verify(&other).await;
    let closed = |leaf: &&Value| leaf["type"] == "org.velum.log.closed.v1";
    assert_eq!(log.iter().filter(closed).count(), 1);
    // Who reads by indexes sees no seam.
    let size = rolled(&one).await[0]["size"].as_u64().unwrap();
    let page = one
        .get("grace", &format!("/v1/audit?after={}&limit=3", size - 3))
        .await
        .1;
    let indexes: Vec<_> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["index"].clone())
        .collect();
    assert_eq!(indexes, [json!(size - 2), json!(size - 1), json!(size)]);
}

#[tokio::test]
async fn an_end_after_any_step_into_the_new_year_is_taken_up_again() {
    for step in [Step::Rolled, Step::Grown, Step::Fenced, Step::Signed] {
        let fence = tempfile::tempdir().unwrap();
        let configuration = configuration(fence.path());
        let service = before_new_year(&configuration, 2_000).await;
        signed(&service).await;
        let old = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
        {
            let app = service.running.app.clone();
            let _still = app.parts().log.turn.lock().await;
            service.clock.advance(3_000);
            // The steps behind the roll are those of the old year's last head.
            *app.parts().log.dies_after.lock().unwrap() = Some(Step::Rolled);
            assert!(crate::log::step(&app).await.is_err(), "{step:?}");
            *app.parts().log.dies_after.lock().unwrap() = Some(step);
            if step != Step::Rolled {
                assert!(crate::log::step(&app).await.is_err(), "{step:?}");
            }
            let head = bytes(&service, "/v1/logs/1/checkpoint").await.unwrap();
            assert_eq!(head, old, "published before it is the next log's turn");
            *app.parts().log.dies_after.lock().unwrap() = None;
        }
        let service = service.restart().await;
        assert_eq!(logs(&service).await["is_recovering"], false, "{step:?}");
        verify(&service).await;
        assert_eq!(service.count("log.closed").await, 1, "{step:?}");
        let stands = std::fs::read_to_string(fence.path().join("fence")).unwrap();
        assert!(
            stands.starts_with("audit.example.org/velum/2027\n"),
            "{stands}"
        );
    }
}

#[tokio::test]
async fn a_service_that_was_off_over_new_year_closes_the_old_year_when_it_starts() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = before_new_year(&configuration, 2_000).await;
    let id = service.pending(&service.ask(1)).await;
    let stopped = service.stop().await;
    stopped.advance(40 * 24 * 3600 * 1000);
    let service = stopped.start(&configuration).await;
    verify(&service).await;
    assert_eq!(service.show(&id).await["state"], "expired");
    // Each record of the old log still has its proof.
    let proof = bytes(&service, "/v1/logs/1/proofs/0").await.unwrap();
    assert!(TlogProof::parse(&proof).unwrap().extra().is_some());
    // Two years at once make one log.
    let stopped = service.stop().await;
    stopped.advance(2 * 366 * 24 * 3600 * 1000);
    let service = stopped.start(&configuration).await;
    let wait = async {
        while logs(&service).await["logs"].as_array().unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
    let all = logs(&service).await;
    assert_eq!(
        all["logs"][2]["name"], "audit.example.org/velum/2029",
        "{all}"
    );
}

#[tokio::test]
async fn a_database_of_the_old_year_under_a_fence_of_the_new_one_has_lost_records() {
    let fence = tempfile::tempdir().unwrap();
    let configuration = configuration(fence.path());
    let service = before_new_year(&configuration, 2_000).await;
    signed(&service).await;
    let stopped = service.stop().await;
    let backup = tempfile::tempdir().unwrap();
    let data = stopped.data();
    copy(&data, backup.path());
    stopped.advance(10_000);
    let service = stopped.start(&configuration).await;
    rolled(&service).await;
    let stopped = service.stop().await;
    std::fs::remove_dir_all(&data).unwrap();
    copy(backup.path(), &data);
    let service = stopped.start(&configuration).await;
    let all = logs(&service).await;
    assert_eq!(all["is_recovering"], true);
    assert_eq!(all["logs"].as_array().unwrap().len(), 1, "{all}");
    // The name of the log that was lost is not given again.
    let stopped = service.stop().await;
    let done = stopped.recover(&configuration, "grace").await.unwrap();
    assert!(
        done.contains("log audit.example.org/velum/2027-r1 is open"),
        "{done}"
    );
    let service = stopped.start(&configuration).await;
    let check = service.ask(3);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
    let all = logs(&service).await;
    assert_eq!(all["logs"].as_array().unwrap().len(), 3, "{all}");
    assert_eq!(all["logs"][1]["size"], 0, "{all}");
    assert_eq!(all["is_recovering"], false);
}
