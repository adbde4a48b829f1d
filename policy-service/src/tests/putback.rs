//! A database that is put back under services which run.

use std::time::Duration;

use serde_json::json;
use velum_harness::Postgres;

use super::log::{lease, logs, signed};
use crate::testing::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_put_back_under_two_services_stops_both_not_only_the_one_that_signs() {
    let mut server = Postgres::start().await.unwrap();
    let fence = tempfile::tempdir().unwrap();
    let audit = format!(
        "\n[audit]\nname = \"audit.example.org/velum\"\nfence = {:?}\n",
        fence.path().join("fence")
    );
    let configuration = super::replicas::configuration(&server) + &audit;
    // The clock stands still: the first goes on being the one that signs.
    let one = Service::with(&configuration).await;
    let other = Service::beside(&one, &configuration).await;
    let check = one.ask(1);
    let id = one.pending(&check).await;
    assert_eq!(one.approve("grace", &id, json!({})).await.0, 200);
    signed(&one).await;
    let backup = server.back_up().await.unwrap();
    // What is not written: the grant is used.
    let used = async {
        loop {
            let (status, answer) = one.check_as(one.gateway(), &check, 0).await;
            if status == 200 {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let used = tokio::time::timeout(Duration::from_secs(20), used).await;
    one.verified(&check, &used.unwrap());
    signed(&one).await;
    assert_eq!(lease(&other).await, 200);

    server.put_back(&backup).await.unwrap();
    for service in [&one, &other] {
        let frozen = async {
            while logs(service).await["is_recovering"] != true {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let frozen = tokio::time::timeout(Duration::from_secs(20), frozen).await;
        assert!(frozen.is_ok(), "{}", logs(service).await);
        // Not to the stream that has used it, nor to another.
        for ask in [&check, &service.ask(1)] {
            let (status, body) = service.check_as(service.gateway(), ask, 0).await;
            assert_eq!(status, 503, "{body}");
        }
        assert_eq!(lease(service).await, 503);
    }
}
