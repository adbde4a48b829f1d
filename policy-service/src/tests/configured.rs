//! What decisions are made under stands in the log, and that it was another for a while.

use serde_json::{Value, json};
use velum_approval::replay::{Kind, Replay};
use velum_harness::Postgres;

use super::log::{signed, walk};
use super::replicas;
use crate::testing::{CONFIGURATION, Service};

async fn told(service: &Service) -> Vec<Value> {
    let log = service.log().await.into_iter();
    let told = log.filter(|leaf| leaf["type"] == "org.velum.config.changed.v1");
    told.map(|mut leaf| leaf["data"]["configuration"].take())
        .collect()
}

#[tokio::test]
async fn a_quorum_that_is_lowered_and_raised_again_has_left_two_records_that_verifying_tells() {
    let strict = CONFIGURATION.replacen("quorum = 1", "quorum = 2", 1);
    let service = Service::with(&strict).await;
    let first = told(&service).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].get("changed"), None, "{first:?}");
    // The same once more is none.
    let service = service.restart().await;
    assert_eq!(told(&service).await, first);
    let service = service.restart_with(CONFIGURATION).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    service.verified(&check, &service.check(&check).await);
    let service = service.restart_with(&strict).await;
    let all = told(&service).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[1]["changed"], json!(["actions"]));
    assert_eq!(all[2]["changed"], json!(["actions"]));
    assert_eq!(all[2]["parts"], first[0]["parts"]);
    // The release lies between the two.
    let log = service.log().await;
    let place = |name: &str, nth: usize| {
        let mut places = log.iter().enumerate();
        let mut places = places
            .by_ref()
            .filter(|(_, leaf)| leaf["type"].as_str().unwrap().contains(name));
        places.nth(nth).unwrap().0
    };
    let used = place("grant.used", 0);
    assert!(place("config.changed", 1) < used && used < place("config.changed", 2));
    let open = signed(&service).await;
    let mut replay = Replay::default();
    walk(&service, &open, &[], &mut replay).await;
    let report = replay.finish();
    assert!(report.is_sound(), "{report:?}");
    let notes = report
        .notes()
        .filter(|it| it.kind == Kind::ConfigurationChanged);
    assert_eq!(notes.count(), 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_with_the_same_configuration_have_one_record_of_it() {
    let server = Postgres::start().await.unwrap();
    let configuration = replicas::configuration(&server);
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    let third = Service::beside(&one, &configuration).await;
    for service in [&one, &other, &third] {
        assert_eq!(told(service).await.len(), 1);
    }
}
