//! Each source of identities on a real Envoy, and that absence is none.

use serde_json::{Value, json};
use velum_harness::{Authority, Client, DownstreamTls};

use crate::site::{Met, Options, Site, with_service};

fn policy(identity: &Value) -> Value {
    with_service(json!({
        "version": 1, "identity": identity,
        "masking": {"profiles": ["fhir-r4"], "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}]},
        "actions": [{"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "9s"}],
    }))
}

fn met(lineage: &[&str]) -> Met {
    let lineage: Vec<String> = lineage.iter().map(|&name| name.to_owned()).collect();
    let what = if lineage.is_empty() {
        "identity-required"
    } else {
        "purge"
    };
    Met {
        what: what.to_owned(),
        lineage,
    }
}

fn jwt(roles: &str) -> Value {
    json!({"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"], "roles": roles}})
}

#[tokio::test]
async fn who_acts_is_told_by_act_or_by_sub_where_roles_are_reversed() {
    for (roles, principal) in [("rfc8693", "one"), ("reversed", "zero")] {
        let site = Site::start(Options {
            policy: policy(&jwt(roles)),
            ..Options::default()
        })
        .await;
        let delete = |token: &str| {
            site.envoy
                .client()
                .call("DELETE", "/Patient/p1")
                .bearer(token)
        };
        let act = json!({"sub": "one", "act": {"sub": "two", "iss": "https://other.example"}});
        let chain = site.jwt.token("zero", Some(&act), &Value::Null);
        let expected = if principal == "one" {
            ["one", "zero", "two"]
        } else {
            ["zero", "one", "two"]
        };
        assert_eq!(site.meets(delete(&chain)).await, met(&expected), "{roles}");
        let alone = site.jwt.token("zero", None, &Value::Null);
        assert_eq!(site.meets(delete(&alone)).await, met(&["zero"]), "{roles}");
        let mut deep = json!({"sub": "a8"});
        for level in (1..8).rev() {
            deep = json!({"sub": format!("a{level}"), "act": deep});
        }
        let token = site.jwt.token("zero", Some(&deep), &Value::Null);
        assert_eq!(site.meets(delete(&token)).await.lineage.len(), 9);
        let too_deep = json!({"sub": "a0", "act": deep});
        for broken in [
            too_deep,
            json!({}),
            json!("one"),
            json!(["one"]),
            json!({"sub": 7}),
            json!({"sub": ""}),
            json!({"sub": ["one"]}),
            json!({"sub": "one", "act": {"iss": "https://other.example"}}),
            json!({"sub": "one", "iss": 7}),
        ] {
            let token = site.jwt.token("zero", Some(&broken), &Value::Null);
            let refused = site.meets(delete(&token)).await;
            assert_eq!(refused, met(&[]), "{roles} {broken}");
        }
        assert!(
            site.upstream
                .received()
                .iter()
                .all(|it| it.header("velum-lift").is_none())
        );
    }
}

#[tokio::test]
async fn without_a_token_nobody_is_told_and_the_answer_is_masked_all_the_same() {
    let options = Options {
        policy: policy(&jwt("rfc8693")),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    let client = site.envoy.client();
    // Nobody verified it.
    let token = site.jwt.agent("triage-bot", "dr-jones");
    let delete = client.call("DELETE", "/Patient/p1").bearer(&token);
    assert_eq!(site.meets(delete).await, met(&[]));
    assert_eq!(site.meets(client.get("/Patient/p1")).await.what, "masked");
}

/// Writes the header `x-verified-user` into the filter state, as a filter that verified it would.
fn state_filter() -> Value {
    json!({
        "name": "state",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [{
                "object_key": "corp.user", "factory_key": "envoy.string", "skip_if_empty": true,
                "format_string": {
                    "omit_empty_values": true,
                    "text_format_source": {"inline_string": "%REQ(X-VERIFIED-USER)%"},
                },
            }],
        },
    })
}

#[tokio::test]
async fn filter_state_is_an_identity() {
    let options = Options {
        policy: policy(&json!({"filter_state": "corp.user"})),
        without_tokens: true,
        filters_before: vec![state_filter()],
        ..Options::default()
    };
    let site = Site::start(options).await;
    let delete = || site.envoy.client().call("DELETE", "/Patient/p1");
    let known = site
        .meets(delete().header("x-verified-user", "dr-jones"))
        .await;
    assert_eq!(known, met(&["dr-jones"]));
    let check = site.service.checks().pop().expect("a check").body;
    assert_eq!(check["principal"]["kind"], "filter-state");
    assert_eq!(check["principal"]["issuer"], "corp.user");
    assert_eq!(site.meets(delete()).await, met(&[]));
    let odd = delete().header("x-verified-user", [b'a', 0xff]);
    assert_eq!(site.meets(odd).await, met(&[]));
}

#[tokio::test]
async fn a_certificate_is_an_identity_by_the_name_that_the_policy_reads() {
    let authority = Authority::new().expect("an authority");
    for (field, subject) in [
        ("uri_san", Some("spiffe://mesh/agent-7")),
        ("subject", Some("CN=agent-7")),
        ("dns_san", None),
    ] {
        let options = Options {
            policy: policy(&json!({"peer_certificate": field})),
            tls: Some(DownstreamTls::mutual(&authority).expect("certificates")),
            without_tokens: true,
            ..Options::default()
        };
        let site = Site::start(options).await;
        let certificate = authority.client("spiffe://mesh/agent-7", "agent-7");
        let certificate = certificate.expect("a certificate");
        let config = authority
            .client_config(Some(&certificate))
            .expect("a configuration");
        let client = Client::new(site.envoy.address()).tls(config);
        let delete = client
            .call("DELETE", "/Patient/p1")
            .header("x-user", "someone");
        let expected: Vec<&str> = subject.into_iter().collect();
        assert_eq!(site.meets(delete).await, met(&expected), "{field}");
    }
}

#[tokio::test]
async fn a_header_is_an_identity_from_listed_peers_only() {
    let authority = Authority::new().expect("an authority");
    let options = Options {
        policy: policy(&json!({"header": "x-user", "from": ["spiffe://mesh/edge"]})),
        tls: Some(DownstreamTls::mutual(&authority).expect("certificates")),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    for (peer, values, expected) in [
        ("spiffe://mesh/edge", &["someone"][..], &["someone"][..]),
        ("spiffe://mesh/edge", &[], &[]),
        ("spiffe://mesh/edge", &["one", "two"], &[]),
        ("spiffe://mesh/edge", &["one, two"], &[]),
        ("spiffe://mesh/edge2", &["someone"], &[]),
    ] {
        let certificate = authority.client(peer, "peer").expect("a certificate");
        let config = authority
            .client_config(Some(&certificate))
            .expect("a configuration");
        let mut delete = Client::new(site.envoy.address())
            .tls(config)
            .call("DELETE", "/Patient/p1");
        for value in values {
            delete = delete.header("x-user", value);
        }
        assert_eq!(site.meets(delete).await, met(expected), "{peer} {values:?}");
    }
    // Without certificates nobody is listed.
    let options = Options {
        policy: policy(&json!({"header": "x-user", "from": ["spiffe://mesh/edge"]})),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    let delete = site
        .envoy
        .client()
        .call("DELETE", "/Patient/p1")
        .header("x-user", "someone");
    assert_eq!(site.meets(delete).await, met(&[]));
}
