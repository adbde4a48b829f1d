//! A policy service that is down, slow, wrong or forged: no unmasked byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use velum_harness::{Behaviour, BootstrapOptions, FakeService, PolicyDocument, Response};

use velum_end_to_end::stage::{REVIEWER, Setup, Stage, assert_masked, patients, problem};

async fn behind(fake: &FakeService) -> Stage {
    let mut setup = Setup::new(patients);
    setup.service_address = Some(fake.address());
    setup.start().await
}

async fn ask(stage: &Stage) -> Response {
    stage
        .ask("/Patient/p1", "name", 2)
        .send()
        .await
        .expect("an answer")
}

/// The plain answer stays, masked; the lift is refused.
async fn assert_fails_closed(stage: &Stage, why: &str) {
    let answer = ask(stage).await;
    assert_masked(&answer.text());
    assert_eq!(
        problem(&answer),
        (503, "approval-unavailable".into()),
        "{why}"
    );
    let first = stage
        .agent("GET", "/Patient/p1")
        .header("velum-lift", "name");
    let first = first.send().await.expect("an answer");
    assert_eq!(first.status, 200, "{why}: mask first");
    assert_masked(&first.text());
    let plain = stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(plain.status, 200, "{why}");
    assert_masked(&plain.text());
    stage.upstream.forget();
    let delete = stage
        .agent("DELETE", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        problem(&delete),
        (503, "approval-unavailable".into()),
        "{why}"
    );
    assert!(
        stage.upstream.received().is_empty(),
        "{why}: nothing was deleted"
    );
}

#[tokio::test]
async fn down() {
    let mut stage = Stage::with_patients().await;
    stage.service.stop();
    assert_fails_closed(&stage, "stopped").await;
    stage.service.restart().await.expect("restart");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = ask(&stage).await;
    assert_eq!(
        problem(&answer),
        (403, "approval-required".into()),
        "it recovers"
    );
}

#[tokio::test]
async fn silent() {
    let fake = FakeService::start(Behaviour::Silent).await.expect("fake");
    let stage = behind(&fake).await;
    let all = assert_fails_closed(&stage, "silent");
    tokio::time::timeout(Duration::from_mins(1), all)
        .await
        .expect("in time");
}

/// A listener that closes each connection once something was said on it.
async fn closing() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a port");
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _said = socket.read(&mut [0; 4096]).await;
        }
    });
    (address, server)
}

#[tokio::test]
async fn closing_before_it_says_anything() {
    let (address, _server) = closing().await;
    let mut setup = Setup::new(patients);
    setup.service_address = Some(address);
    let stage = setup.start().await;
    assert_fails_closed(&stage, "closes").await;
}

#[tokio::test]
async fn a_call_whose_headers_are_too_large_for_it() {
    let fake = FakeService::start(Behaviour::Sign(Arc::new(test_key())))
        .await
        .expect("fake");
    // More than the service takes, which says so; and more than one frame may hold.
    for (length, status) in [(30_000, 431), (100_000, 503)] {
        let mut setup = Setup::new(patients);
        setup.service_address = Some(fake.address());
        setup.change = believe_the_test_key;
        setup.gateway_token = Some("x".repeat(length));
        let stage = setup.start().await;
        assert_fails_closed(&stage, "too large").await;
        let count = format!("cluster.velum-policy-service.upstream_rq_{status}");
        let count = stage.envoy.stat(&count).await.expect("a count");
        assert!(count > Some(0), "{length}: {count:?}");
    }
    assert!(fake.exchanges().is_empty(), "no call came whole");
}

#[tokio::test]
async fn a_gateway_whose_token_it_does_not_know() {
    let mut setup = Setup::new(patients);
    setup.gateway_token = Some("another-token".to_owned());
    let stage = setup.start().await;
    assert_fails_closed(&stage, "a wrong token").await;
    let reviewer = stage.reviewer(REVIEWER);
    assert!(reviewer.list().await.expect("a list").is_empty());
    let log = json!(reviewer.audit(None).await.expect("the audit log"));
    assert!(!log.to_string().contains("approval.requested"), "{log}");
}

#[tokio::test]
async fn a_cluster_that_envoy_does_not_have() {
    let mut setup = Setup::new(patients);
    setup.policy["policy_service"]["cluster"] = json!("nowhere");
    let stage = setup.start().await;
    assert_fails_closed(&stage, "no such cluster").await;
}

#[tokio::test]
async fn a_cluster_that_takes_no_more_calls() {
    let mut setup = Setup::new(patients);
    setup.change = |options| {
        let thresholds = json!([{"max_requests": 1}]);
        options.service_cluster = json!({"circuit_breakers": {"thresholds": thresholds}});
    };
    let stage = setup.start().await;
    let first = stage.ask("/Patient/p1?first", "name", 30);
    let answer = stage
        .while_waiting(first, |id| {
            let stage = &stage;
            async move {
                assert_fails_closed(stage, "one waits, and no other may").await;
                let approved = stage.reviewer(REVIEWER).approve(&id, None).await;
                assert_eq!(approved.expect("approve").status, 200);
            }
        })
        .await;
    assert_eq!(answer.json()["name"][0]["family"], "Thistlewood");
    let answer = ask(&stage).await;
    let expected = (403, "approval-required".into());
    assert_eq!(problem(&answer), expected, "there is room again");
}

#[tokio::test]
async fn talking_rubbish() {
    let fake = FakeService::start(Behaviour::BreakOff).await.expect("fake");
    let stage = behind(&fake).await;
    assert_fails_closed(&stage, "breaks off").await;
    for (status, body) in [
        (200, String::new()),
        (200, "<html>ok</html>".to_owned()),
        (200, json!({"decision": "allow"}).to_string()),
        (200, json!({"decision": "sure"}).to_string()),
        (200, "{\"decision\":".to_owned()),
        (200, "x".repeat(200_000)),
        (204, String::new()),
        (302, String::new()),
        (500, json!({"decision": "allow"}).to_string()),
    ] {
        fake.set(Behaviour::Answer(status, body.clone().into_bytes()));
        let why = format!("{status} {}", body.chars().take(40).collect::<String>());
        assert_fails_closed(&stage, &why).await;
    }
}

/// The filter takes answers of this key in place of the real service's.
fn believe_the_test_key(options: &mut BootstrapOptions) {
    if let Some(PolicyDocument::Struct(policy)) = &mut options.policy {
        policy["policy_service"]["public_keys"] = json!([public_key(&test_key())]);
    }
}

fn test_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn public_key(key: &SigningKey) -> String {
    format!(
        "ed25519:{}",
        STANDARD.encode(key.verifying_key().to_bytes())
    )
}

#[tokio::test]
async fn unsigned_or_signed_by_another() {
    let fake = FakeService::start(Behaviour::Sign(Arc::new(test_key())))
        .await
        .expect("fake");
    // The control: the same answer lifts where the filter lists its key.
    let mut setup = Setup::new(patients);
    setup.service_address = Some(fake.address());
    setup.change = believe_the_test_key;
    let believing = setup.start().await;
    let answer = ask(&believing).await;
    assert_eq!(
        answer.json()["name"][0]["family"],
        "Thistlewood",
        "the answer is complete"
    );
    let other = Behaviour::Sign(Arc::new(SigningKey::from_bytes(&[43; 32])));
    fake.set(other);
    assert_fails_closed(&believing, "another's signature").await;

    let stage = behind(&fake).await;
    fake.set(Behaviour::Sign(Arc::new(test_key())));
    assert_fails_closed(&stage, "a key that is not listed").await;
    let unsigned = json!({"decision": "allow", "allow": "e30", "signature": ""});
    fake.set(Behaviour::Answer(200, unsigned.to_string().into_bytes()));
    assert_fails_closed(&stage, "unsigned").await;
}

#[tokio::test]
async fn replaying_an_old_answer() {
    let fake = FakeService::start(Behaviour::Silent).await.expect("fake");
    let stage = behind(&fake).await;
    fake.set(Behaviour::Forward(stage.service.address()));
    let first = stage
        .approved(stage.ask("/Patient/p1", "name", 20), None)
        .await;
    assert_eq!(
        first.json()["name"][0]["family"],
        "Thistlewood",
        "the answer was good once"
    );
    fake.set(Behaviour::ReplayAllow);
    assert_fails_closed(&stage, "replayed").await;
}

#[tokio::test]
async fn slow_but_right_is_waited_for() {
    let fake = FakeService::start(Behaviour::Silent).await.expect("fake");
    let stage = behind(&fake).await;
    let slow = Behaviour::ForwardAfter(stage.service.address(), Duration::from_secs(1));
    fake.set(slow);
    let first = ask(&stage).await;
    assert_masked(&first.text());
    let id = first
        .header("velum-approval")
        .expect("an approval id")
        .to_owned();
    stage
        .reviewer(REVIEWER)
        .approve(&id, None)
        .await
        .expect("approve");
    let released = stage
        .ask("/Patient/p1", "name", 5)
        .send()
        .await
        .expect("an answer");
    assert_eq!(released.json()["name"][0]["family"], "Thistlewood");
}
