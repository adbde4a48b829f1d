//! What a restart keeps.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::testing::{CONFIGURATION, Service};

#[tokio::test]
async fn approvals_grants_and_the_log_outlive_the_process() {
    let service = Service::start().await;
    let key = service.running.public_key;
    let pending = service.pending(&service.ask(1)).await;
    let approved = service.pending(&service.ask(2)).await;
    assert_eq!(
        service
            .approve("grace", &approved, json!({"classes": ["date"]}))
            .await
            .0,
        200
    );
    let used = service.ask(3);
    let id = service.pending(&used).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answer = service.check(&used).await;
    let log = service.log().await;

    let service = service.restart().await;
    assert_eq!(service.running.public_key, key);
    assert_eq!(service.log().await, log);
    assert_eq!(service.pending(&service.ask(1)).await, pending);
    let redeemed = service.ask(2);
    let allow = service.verified(&redeemed, &service.check(&redeemed).await);
    assert_eq!(allow.approval, approved);
    assert_eq!(
        service.check(&used).await,
        answer,
        "a replay after a restart is the same answer"
    );
    assert_eq!(service.log().await.len(), log.len() + 1);
}

#[tokio::test]
async fn each_folder_of_data_has_a_store_and_keys_of_its_own() {
    let other = CONFIGURATION.replace("data = \"velum-data\"", "data = \"other-data\"");
    let service = Service::start().await;
    let key = service.running.public_key;
    let id = service.pending(&service.ask(1)).await;
    let service = service.restart_with(&other).await;
    assert_ne!(service.running.public_key, key);
    assert_ne!(service.pending(&service.ask(1)).await, id);
    for name in ["velum.sqlite", "signing.key", "fingerprint.key", "log.key"] {
        let file = service.folder.path().join("other-data").join(name);
        assert!(file.exists(), "{name}");
    }
    let service = service.restart_with(CONFIGURATION).await;
    assert_eq!(service.running.public_key, key);
    assert_eq!(service.pending(&service.ask(1)).await, id);
}

#[tokio::test]
async fn keys_are_those_of_the_folder_that_is_named_for_them() {
    let service = Service::start().await;
    let key = service.running.public_key;
    let other = CONFIGURATION.replace("data = \"velum-data\"", "data = \"other-data\"");
    let with_keys = format!("keys = \"velum-data\"\n{other}");
    let service = service.restart_with(&with_keys).await;
    assert_eq!(service.running.public_key, key);
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    service.verified(&check, &service.check(&check).await);
    for name in ["signing.key", "fingerprint.key", "log.key"] {
        let file = service.folder.path().join("other-data").join(name);
        assert!(!file.exists(), "{name} was made");
    }
}

#[tokio::test]
async fn a_clock_set_back_over_a_restart_revives_nothing() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    service.clock.advance(15 * 60 * 1000);
    let begun = Instant::now();
    while service.count("approval.expired").await == 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody swept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.clock.advance(-60 * 60 * 1000);
    let service = service.restart().await;
    assert_eq!(service.show(&id).await["state"], "expired");
    let again = service.pending(&ask).await;
    assert_ne!(again, id);
    let (created, then) = (
        &service.show(&again).await["created"],
        &service.show(&id).await["ended"],
    );
    assert!(created.as_i64() >= then.as_i64(), "time ran backwards");
}

#[tokio::test]
async fn who_waits_is_answered_before_the_service_stops() {
    let service = Service::start().await;
    let ask = service.ask(1);
    service.pending(&ask).await;
    let Service { running, .. } = &service;
    let address = running.address;
    let token = service.gateway().to_owned();
    let waiting = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("http://{address}/v1/checks"));
        let request = request
            .bearer_auth(token)
            .header("prefer", "wait=25")
            .json(&ask);
        request
            .send()
            .await
            .unwrap()
            .json::<serde_json::Value>()
            .await
            .unwrap()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    service.restart().await;
    assert_eq!(waiting.await.unwrap()["decision"], "pending");
    assert!(begun.elapsed() < Duration::from_secs(5));
}
