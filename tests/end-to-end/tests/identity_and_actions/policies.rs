//! Several policies, chosen by the metadata of Envoy's route.

use std::time::Duration;

use serde_json::{Value, json};
use velum_harness::{
    BootstrapOptions, Envoy, Jwt, PolicyService, PolicyServiceOptions, Protocol, Upstream,
    example_policy, locations,
};

use velum_end_to_end::stage::{Stage, assert_masked, patients, problem};

use crate::site::{Options, Site, envoy_options, with_service};

fn routes() -> Value {
    let route = json!({"cluster": "upstream", "timeout": "0s", "idle_timeout": "70s"});
    let named = |path: &str, name: Value| {
        json!({
            "match": {"prefix": path}, "route": route,
            "metadata": {"filter_metadata": {"velum": {"policy": name}}},
        })
    };
    json!([
        named("/ward/", json!("ward")),
        named("/billing/", json!("billing")),
        named("/unknown/", json!("unknown")),
        named("/case/", json!("Ward")),
        named("/empty/", json!("")),
        named("/number/", json!(1)),
        named("/list/", json!(["ward"])),
        {"match": {"prefix": "/other/"}, "route": route,
            "metadata": {"filter_metadata": {"other": {"policy": "ward"}}}},
        {"match": {"prefix": "/"}, "route": route},
    ])
}

fn document() -> Value {
    let keys = json!([{"id": "k1", "environment": "VELUM_MASKING_KEY"}]);
    with_service(json!({
        "version": 1,
        "policies": {
            "ward": {
                "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
                "masking": {"profiles": ["fhir-r4"], "keys": keys},
                "actions": [{"name": "closed", "when": {"method": "PUT"}, "effect": "deny"}],
            },
            "billing": {
                "masking": {"rules": [{"key": "gender", "class": "other"}], "keys": keys},
            },
        },
    }))
}

#[tokio::test]
async fn a_request_is_under_the_policy_that_its_route_names_and_else_refused() {
    let options = Options {
        policy: document(),
        routes: Some(routes()),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    let client = site.envoy.client();
    let get = async |path: &str| client.get(path).send().await.expect("an answer");
    for other in [
        "/unknown/a",
        "/case/a",
        "/empty/a",
        "/number/a",
        "/list/a",
        "/other/a",
        "/Patient/p1",
    ] {
        for method in ["GET", "PUT"] {
            let call = client.call(method, other).body("{}");
            // Nobody chooses a policy but the route.
            let call = call
                .header("velum-policy", "billing")
                .header("policy", "billing");
            let refused = call.send().await.expect("an answer");
            assert_eq!(
                problem(&refused),
                (503, "policy-not-chosen".into()),
                "{other}"
            );
        }
    }
    assert!(
        site.upstream.received().is_empty(),
        "nothing reached the upstream"
    );
    let ward = get("/ward/Patient/p1").await;
    assert_eq!(ward.status, 200);
    assert_masked(&ward.text());
    let billing = get("/billing/Patient/p1").await.text();
    assert!(
        billing.contains("Thistlewood") && !billing.contains("female"),
        "{billing}"
    );
    let put = client
        .call("PUT", "/ward/a")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(problem(&put), (403, "action-denied".into()));
    let put = client
        .call("PUT", "/billing/a")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(put.status, 200);
}

/// Envoy routes again once headers have been taken away: by a route that a caller's `range` leads to, a
/// policy would be chosen for one upstream and used for another.
#[tokio::test]
async fn a_header_that_is_taken_away_chooses_neither_policy_nor_action() {
    const TAKEN: [(&str, &str); 4] = [
        ("range", "bytes=0-9"),
        ("if-none-match", "W/\"1\""),
        ("velum-demo", "1"),
        ("accept-encoding", "gzip"),
    ];
    let route = json!({"cluster": "upstream", "timeout": "0s", "idle_timeout": "70s"});
    let present = |name: &str, mut to: Value| {
        to["match"] = json!({
            "prefix": "/ward/", "headers": [{"name": name, "string_match": {"safe_regex": {"regex": ".+"}}}],
        });
        to["route"] = route.clone();
        to
    };
    let by_policy = |policy: &str| json!({"name": policy, "metadata": {"filter_metadata": {"velum": {"policy": policy}}}});
    let last = |mut to: Value| {
        to["match"] = json!({"prefix": "/ward/"});
        to["route"] = route.clone();
        to
    };
    let mut routed = example_policy().expect("a policy");
    let open = json!({"name": "open", "when": {"route": "loose"}, "effect": "pass"});
    routed["actions"]
        .as_array_mut()
        .expect("actions")
        .insert(0, open);
    let named = |name: &str| json!({"name": name});
    for (policy, passes, loose, strict) in [
        (document(), false, by_policy("billing"), by_policy("ward")),
        (with_service(routed), true, named("loose"), named("strict")),
    ] {
        let mut all: Vec<Value> = TAKEN
            .iter()
            .filter(|(name, _)| *name != "accept-encoding")
            .map(|(name, _)| present(name, loose.clone()))
            .collect();
        let mut encoded = present("accept-encoding", loose.clone());
        encoded["match"]["headers"][0]["string_match"] = json!({"exact": "gzip"});
        all.push(encoded);
        all.push(last(strict));
        let options = Options {
            policy,
            routes: Some(Value::from(all)),
            without_tokens: true,
            ..Options::default()
        };
        let site = Site::start(options).await;
        let plain = site.envoy.client().get("/ward/Patient/p1").send().await;
        let plain = plain.expect("an answer");
        assert_eq!(plain.status, 200, "{}", plain.text());
        assert_masked(&plain.text());
        // What an action passes keeps all but what is ours.
        let taken = TAKEN
            .iter()
            .filter(|(name, _)| !passes || *name == "velum-demo");
        for (name, value) in taken {
            let call = site
                .envoy
                .client()
                .get("/ward/Patient/p1")
                .header(name, *value);
            let answer = call.send().await.expect("an answer");
            assert_ne!(answer.status, 200, "{name}: {}", answer.text());
            assert_eq!(
                problem(&answer),
                (502, "response-not-maskable".into()),
                "{name}"
            );
        }
    }
}

/// What another filter answers comes before a policy could be chosen, and is not held.
#[tokio::test]
async fn an_answer_of_an_earlier_filter_goes_its_way() {
    let options = Options {
        policy: document(),
        routes: Some(routes()),
        ..Options::default()
    };
    let site = Site::start(options).await;
    for path in ["/ward/Patient/p1", "/Patient/p1"] {
        let refused = site.envoy.client().get(path).send();
        let refused = tokio::time::timeout(Duration::from_secs(10), refused).await;
        let refused = refused.expect("in time").expect("an answer");
        assert_eq!(refused.status, 401, "there is no token");
    }
    let token = site.jwt.agent("triage-bot", "dr-jones");
    let answer = site.envoy.client().get("/ward/Patient/p1").bearer(&token);
    let answer = answer.send().await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_masked(&answer.text());
}

#[tokio::test]
async fn a_route_chosen_by_the_method_or_missing_is_refused_too() {
    let options = Options {
        policy: document(),
        routes: Some(json!([{
            "match": {"prefix": "/ward/", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
            "route": {"cluster": "upstream"},
            "metadata": {"filter_metadata": {"velum": {"policy": "ward"}}},
        }])),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    let client = site.envoy.client();
    for (method, path) in [("PUT", "/ward/a"), ("GET", "/elsewhere")] {
        let refused = client.call(method, path).send().await.expect("an answer");
        assert_eq!(problem(&refused), (503, "policy-not-chosen".into()));
    }
    assert_eq!(
        client
            .get("/ward/a")
            .send()
            .await
            .expect("an answer")
            .status,
        200
    );
}

#[tokio::test]
async fn a_document_of_one_policy_is_for_every_route() {
    let options = Options {
        policy: json!({"version": 1, "masking": {"profiles": ["fhir-r4"]},
            "host": {"headers_stop_iteration": true}}),
        routes: Some(routes()),
        without_tokens: true,
        ..Options::default()
    };
    let site = Site::start(options).await;
    for path in ["/ward/Patient/p1", "/unknown/Patient/p1", "/Patient/p1"] {
        let answer = site
            .envoy
            .client()
            .get(path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
        assert_masked(&answer.text());
    }
}

#[tokio::test]
async fn a_policy_of_several_is_known_to_the_service_by_its_own_digest() {
    let mut ward = example_policy().expect("the example's policy");
    let members = ward.as_object_mut().expect("an object");
    members.remove("version");
    let service = members.remove("policy_service").expect("a service");
    let host = members.remove("host").expect("a host");
    let document = json!({
        "version": 1, "host": host, "policy_service": service,
        "policies": {
            "ward": ward,
            "billing": {"masking": {"profiles": ["pii"],
                "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}]}},
        },
    });
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let options = PolicyServiceOptions::new(document).expect("options");
    let service = PolicyService::start(options).await.expect("service");
    let jwt = Jwt::new().expect("token issuer");
    let filter = locations::filter().expect("the built filter");
    let mut options = BootstrapOptions::new(
        upstream.address(),
        filter,
        service.policy().clone(),
        jwt.jwks(),
    );
    options.policy_service = Some(service.address());
    let token = service.gateway_token("edge").expect("a token").to_owned();
    let options =
        envoy_options(&options, Some(&routes())).environment("VELUM_GATEWAY_TOKEN", &token);
    let envoy = Envoy::start(options).await.expect("Envoy");
    let stage = Stage {
        envoy,
        service,
        replicas: Vec::new(),
        upstream,
        jwt,
    };
    let answer = stage
        .approved(stage.ask("/ward/Patient/p1", "name", 20), None)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("Thistlewood") && !answer.text().contains("000-12-3456"));
    let billing = stage
        .ask("/billing/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        problem(&billing).1,
        "unknown-class",
        "nothing may be asked there"
    );
}
