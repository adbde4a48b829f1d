//! Who has read the audit log stands in it.

use std::time::Duration;

use serde_json::{Value, json};
use velum_approval::replay::Replay;

use super::log::{bytes, walk};
use crate::testing::{CONFIGURATION, Service, reply, with_auditor};

const MINUTE: i64 = 60_000;

/// The data of the records of reading, once there are so many.
async fn reads(service: &Service, number: usize) -> Vec<Value> {
    let found = async {
        loop {
            let log = service.log().await;
            let found = log.into_iter();
            let found = found.filter(|leaf| leaf["type"] == "org.velum.audit.read.v1");
            let found: Vec<_> = found.map(|mut leaf| leaf["data"].take()).collect();
            if found.len() >= number {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(15), found).await;
    let found = found.unwrap();
    assert_eq!(found.len(), number, "{found:?}");
    found
}

async fn as_auditor(service: &Service, path: &str) {
    let request = service.request("GET", path);
    let (status, body) = reply(request.bearer_auth(service.auditor("ivy"))).await;
    assert_eq!(status, 200, "{path}: {body}");
}

#[tokio::test]
async fn however_much_somebody_reads_of_the_log_it_has_one_record_of_a_minute() {
    let service = Service::with(&with_auditor(CONFIGURATION)).await;
    let id = service.pending(&service.ask(1)).await;
    for _ in 0..30 {
        as_auditor(&service, "/v1/audit").await;
    }
    let receipt = format!("/v1/approvals/{id}/receipt");
    for path in ["/v1/logs", &receipt] {
        as_auditor(&service, path).await;
    }
    // What is not there was looked for all the same; what was refused was not read.
    assert_eq!(bytes(&service, "/v1/logs/7/checkpoint").await, None);
    let refused = service
        .request("GET", "/v1/audit")
        .bearer_auth(service.gateway());
    assert_eq!(reply(refused).await.0, 403);
    service.clock.advance(MINUTE);
    let found = reads(&service, 2).await;
    let of = |person: &str| found.iter().find(|it| it["actor"]["id"] == person).unwrap();
    assert_eq!(of("ivy")["reading"]["as"], "auditor");
    let counts = json!({"records": 30, "logs": 1, "receipts": 1});
    assert_eq!(of("ivy")["reading"]["counts"], counts);
    assert_eq!(of("grace")["reading"]["as"], "reviewer");
    assert_eq!(of("grace")["reading"]["counts"], json!({"checkpoints": 1}));
    // Nobody reads any more, so nothing is recorded any more; who reads that is, once.
    service.clock.advance(MINUTE);
    as_auditor(&service, "/v1/audit").await;
    service.clock.advance(MINUTE);
    let again = reads(&service, 3).await;
    assert_eq!(again[2]["reading"]["counts"], json!({"records": 1}));
}

#[tokio::test]
async fn what_was_read_last_is_recorded_when_the_service_stops_and_the_log_holds() {
    let service = Service::with(&with_auditor(CONFIGURATION)).await;
    as_auditor(&service, "/v1/audit").await;
    let service = service.restart().await;
    assert_eq!(reads(&service, 1).await[0]["actor"]["id"], "ivy");
    let mut replay = Replay::default();
    let log = super::log::signed(&service).await;
    walk(&service, &log, &[], &mut replay).await;
    let report = replay.finish();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.counts["org.velum.audit.read.v1"], 1);
}
