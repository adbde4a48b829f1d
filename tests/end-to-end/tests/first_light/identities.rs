use serde_json::json;
use velum_harness::{Authority, Client, DownstreamTls};

use velum_end_to_end::stage::{AGENT, PERSON, Setup, Stage, assert_masked, patients, problem};

#[tokio::test]
async fn a_review_without_identity_is_refused_and_the_masked_answer_is_not() {
    let stage = Stage::with_patients().await;
    let anonymous = stage
        .client()
        .get("/Patient/p1")
        .send()
        .await
        .expect("an answer");
    if anonymous.status == 200 {
        assert_masked(&anonymous.text());
    } else {
        assert_eq!(
            anonymous.status, 401,
            "the example's jwt_authn may require a token"
        );
    }
    let ask = stage
        .client()
        .get("/Patient/p1")
        .header("velum-lift", "name");
    let answer = ask
        .header("prefer", "wait=1")
        .send()
        .await
        .expect("an answer");
    assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
    assert!(
        stage
            .reviewer("grace")
            .list()
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn everyone_in_a_nested_act_chain_is_lineage() {
    let stage = Stage::with_patients().await;
    // intake-bot (owned by dr-smith) acts for triage-bot, which acts for dr-jones.
    let act = json!({"sub": "intake-bot", "act": {"sub": AGENT}});
    let token = stage
        .jwt
        .token(PERSON, Some(&act), &serde_json::Value::Null);
    let call = stage.client().get("/Patient/p1").bearer(&token);
    let call = call.header("velum-lift", "name").header("prefer", "wait=2");
    let waiting = tokio::spawn(call.send());
    let pending = stage.pending().await;
    let id = velum_end_to_end::stage::text(&pending["id"]);
    let shown = stage
        .reviewer("grace")
        .show(&id)
        .await
        .expect("shown")
        .body
        .to_string();
    for name in ["intake-bot", AGENT, PERSON] {
        assert!(shown.contains(name), "{name} is not in {shown}");
    }
    let refused = stage
        .reviewer(PERSON)
        .approve(&id, None)
        .await
        .expect("an answer");
    assert_eq!(refused.status, 403);
    waiting.await.expect("task").expect("an answer");
}

#[tokio::test]
async fn a_client_certificate_is_an_identity() {
    let mut setup = Setup::new(patients);
    setup.policy["identity"] = json!({"peer_certificate": "uri_san"});
    let authority = Authority::new().expect("an authority");
    setup.tls = Some(DownstreamTls::mutual(&authority).expect("certificates"));
    let stage = setup.start().await;
    let client = authority
        .client("spiffe://mesh/agents/unlisted", "unlisted")
        .expect("certificate");
    let config = authority
        .client_config(Some(&client))
        .expect("client configuration");
    let call = Client::new(stage.envoy.address())
        .tls(config)
        .get("/Patient/p1");
    let call = call.header("velum-lift", "name").header("prefer", "wait=1");
    let answer = call.send().await.expect("an answer");
    assert_eq!(
        problem(&answer),
        (403, "lineage-unknown".into()),
        "known to Envoy, not to the directory"
    );
}

#[tokio::test]
async fn a_header_counts_only_from_a_listed_peer() {
    let mut setup = Setup::new(patients);
    setup.policy["identity"] = json!({"header": "x-user", "from": ["spiffe://mesh/edge"]});
    let authority = Authority::new().expect("an authority");
    setup.tls = Some(DownstreamTls::mutual(&authority).expect("certificates"));
    let stage = setup.start().await;
    for (peer, values, expected) in [
        ("spiffe://mesh/edge", &["someone"][..], "lineage-unknown"),
        ("spiffe://mesh/edge", &["a", "b"], "identity-required"),
        ("spiffe://mesh/edge", &[], "identity-required"),
        ("spiffe://mesh/other", &["someone"], "identity-required"),
    ] {
        let client = authority.client(peer, "peer").expect("certificate");
        let config = authority
            .client_config(Some(&client))
            .expect("client configuration");
        let mut call = Client::new(stage.envoy.address())
            .tls(config)
            .get("/Patient/p1");
        for value in values {
            call = call.header("x-user", value);
        }
        let call = call.header("velum-lift", "name").header("prefer", "wait=1");
        let answer = call.send().await.expect("an answer");
        assert_eq!(
            problem(&answer),
            (403, expected.into()),
            "{peer} {values:?}"
        );
    }
}

#[tokio::test]
async fn a_header_value_that_is_not_utf8_harms_nobody() {
    let stage = Stage::with_patients().await;
    for name in ["x-odd", "velum-reason", "velum-lift", "prefer"] {
        let call = stage
            .agent("GET", "/Patient/p1")
            .header(name, [b'a', 0xff, 0xfe]);
        let answer = call.send().await.expect("an answer");
        assert!(
            matches!(answer.status, 200 | 400),
            "{name}: {}",
            answer.status
        );
        assert_masked(&answer.text());
    }
    let after = stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(after.status, 200, "the worker lives");
}
