//! The policy service under the harness: one key and the same tokens over its restarts.

use serde_json::json;
use velum_harness::{PolicyService, PolicyServiceOptions, example_policy};

#[tokio::test]
async fn the_service_keeps_address_key_and_tokens_over_a_restart() {
    let options = PolicyServiceOptions::new(example_policy().unwrap()).unwrap();
    let mut service = PolicyService::start(options.lifetimes("10s", "5s"))
        .await
        .unwrap();
    let (address, grace) = (service.address(), service.reviewer("grace").unwrap());
    let keys = json!([service.public_key()]);
    assert_eq!(service.policy()["policy_service"]["public_keys"], keys);
    assert!(grace.list().await.unwrap().is_empty());
    let opened = grace.audit(None).await.unwrap();
    let codes: Vec<&str> = opened
        .iter()
        .filter_map(|record| record["leaf"]["data"]["code"].as_str())
        .collect();
    // The harness starts it once for its key, and again with the policy that names this key.
    assert_eq!(codes, ["VA1701I", "VA2001I", "VA2001I"]);
    assert!(service.gateway_token("edge").unwrap().len() > 16);

    service.stop();
    assert!(grace.list().await.is_err());
    assert!(service.log().contains("\"level\""), "{}", service.log());

    service.restart().await.unwrap();
    assert_eq!(service.address(), address);
    assert_eq!(grace.audit(None).await.unwrap(), opened);
    assert_eq!(
        service
            .reviewer("grace")
            .unwrap()
            .show("nothing")
            .await
            .unwrap()
            .status,
        404
    );
    assert!(service.data_dir().is_dir());
}

#[tokio::test]
async fn rules_for_actions_that_the_policy_lacks_are_left_out() {
    let mut policy = example_policy().unwrap();
    policy["actions"]
        .as_array_mut()
        .unwrap()
        .retain(|action| action["name"] == "purge");
    let service = PolicyService::start(PolicyServiceOptions::new(policy).unwrap())
        .await
        .unwrap();
    assert!(
        service
            .reviewer("grace")
            .unwrap()
            .list()
            .await
            .unwrap()
            .is_empty()
    );
}
