//! Several policies in one document, and conditions on the route.

use serde_json::{Value, json};
use velum_policy::{Effect, Policies, Policy, Request};

const KEY: &str = "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn ward() -> Value {
    json!({
        "identity": {"peer_certificate": "uri_san"},
        "masking": {"profiles": ["fhir-r4"], "keys": [{"id": "k1", "environment": "K"}]},
        "actions": [{"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "9s"}],
    })
}

fn shared() -> Value {
    json!({
        "version": 1,
        "host": {"headers_stop_iteration": true},
        "policy_service": {"cluster": "c", "authority": "a", "token": {"environment": "T"},
            "public_keys": [KEY]},
    })
}

fn document() -> Value {
    let mut document = shared();
    document["policies"] = json!({
        "ward": ward(),
        "billing": {"masking": {"profiles": ["pii"], "keys": [{"id": "k2", "environment": "L"}]}},
    });
    document
}

fn parse(document: &Value) -> Policies {
    Policies::parse(document.to_string().as_bytes()).unwrap()
}

#[test]
fn each_policy_is_the_one_that_its_own_document_would_be() {
    let policies = parse(&document());
    let names: Vec<_> = policies.iter().map(|(name, _)| name.unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"ward") && names.contains(&"billing"));
    let ward_policy = policies.named(b"ward").unwrap();
    let mut alone = shared();
    for (name, value) in ward().as_object().unwrap() {
        alone[name] = value.clone();
    }
    let alone = Policy::parse(alone.to_string().as_bytes()).unwrap();
    assert_eq!(ward_policy.digest(), alone.digest());
    assert!(ward_policy.headers_stop_iteration());
    assert_eq!(ward_policy.policy_service(), alone.policy_service());
    assert_ne!(policies.named(b"billing").unwrap().digest(), alone.digest());
    for name in [&b""[..], b"Ward", b"war", b"ward ", b"ward\0"] {
        assert!(policies.named(name).is_none(), "{name:?}");
    }
    assert_eq!(policies.into_named().len(), 2);
}

#[test]
fn a_change_of_what_is_shared_or_ones_own_changes_the_digest_and_nothing_else_does() {
    let digests = |document: &Value| {
        let policies = parse(document);
        [b"ward".as_slice(), b"billing"].map(|name| policies.named(name).unwrap().digest())
    };
    let before = digests(&document());
    let mut changed = document();
    changed["policies"]["billing"]["masking"]["profiles"] = json!(["pii", "credentials"]);
    let after = digests(&changed);
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    let mut changed = document();
    changed["policy_service"]["cluster"] = json!("d");
    let after = digests(&changed);
    assert!(before[0] != after[0] && before[1] != after[1]);
}

#[test]
fn a_document_of_one_policy_has_no_names() {
    let mut sole = shared();
    for (name, value) in ward().as_object().unwrap() {
        sole[name] = value.clone();
    }
    let policies = parse(&sole);
    assert!(policies.named(b"").is_none());
    let all: Vec<_> = policies.iter().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, None);
}

#[test]
fn faults_are_told_at_their_place_in_the_whole_document() {
    for (pointer, value, place, fragment) in [
        ("/policies", json!({}), "/policies", "is empty"),
        ("/policies", json!([]), "/policies", "must be an object"),
        ("/version", json!(2), "/version", "must be 1"),
        ("/masking", json!({}), "/masking", "into each of them"),
        ("/mode", json!("enforce"), "/mode", "into each of them"),
        ("/polices", json!({}), "/polices", "unknown key"),
        (
            "/policies/a b",
            json!({}),
            "/policies/a b",
            "must be a name",
        ),
        ("/policies/x", json!({}), "/policies/x", "\"masking\""),
        ("/policies/x", json!(1), "/policies/x", "must be an object"),
        (
            "/policies/ward/policies",
            json!({}),
            "/policies/ward/policies",
            "unknown key",
        ),
        (
            "/policies/ward/version",
            json!(1),
            "/policies/ward/version",
            "for all policies already",
        ),
        (
            "/policies/ward/host",
            json!({"headers_stop_iteration": false}),
            "/policies/ward/host",
            "for all policies already",
        ),
        (
            "/policies/ward/actions/0/effect",
            json!("revue"),
            "/policies/ward/actions/0/effect",
            "must be one of",
        ),
        (
            "/policy_service/public_keys",
            json!(["ed25519:"]),
            "/policy_service/public_keys/0",
            "32 bytes",
        ),
        ("/version", Value::Null, "/version", "must be a number"),
        ("/host", json!({}), "/host", "headers_stop_iteration"),
    ] {
        let mut document = document();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let fault = Policies::parse(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(fault.pointer, place, "{fault}");
        assert!(fault.message.contains(fragment), "{fault}");
    }
    let twice = r#"{"version": 1, "policies": {"a": {}, "a": {}}}"#;
    let fault = Policies::parse(twice.as_bytes()).unwrap_err();
    assert_eq!(fault.pointer, "/policies/a");
    let fault = Policy::parse(document().to_string().as_bytes()).unwrap_err();
    assert_eq!(fault.pointer, "/policies");
}

#[test]
fn a_policy_service_without_keys_is_refused_where_it_would_not_start() {
    let mut document = document();
    document["policies"]["billing"]["masking"] = json!({"profiles": ["pii"]});
    let fault = Policies::parse(document.to_string().as_bytes()).unwrap_err();
    assert_eq!(fault.pointer, "/policies/billing/masking");
    assert!(fault.message.contains("keys"), "{fault}");
}

fn routed(effect: &str, when: &Value) -> Policy {
    let document = json!({
        "version": 1, "masking": {"profiles": ["pii"]},
        "actions": [{"name": "hit", "when": when, "effect": effect}],
    });
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

fn outcome(policy: &Policy, path: &str, route: Option<&str>) -> &'static str {
    let request = Request {
        method: b"GET",
        authority: b"ehr.example",
        path: path.as_bytes(),
        headers: &[],
        route: route.map(str::as_bytes),
        caller: None,
    };
    match policy.evaluate(&request) {
        Ok(verdict) if verdict.effect() == Effect::Mask => "mask",
        Ok(_) => "hit",
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn routes_are_compared_as_they_are_named() {
    let policy = routed("deny", &json!({"route": ["bulk", "export"]}));
    assert!(policy.reads_route());
    assert!(!routed("deny", &json!({"method": "PUT"})).reads_route());
    for (route, expected) in [
        (Some("bulk"), "hit"),
        (Some("export"), "hit"),
        (Some("Bulk"), "mask"),
        (Some("bulk2"), "mask"),
        (Some(""), "mask"),
        (None, "ambiguous-request"),
    ] {
        assert_eq!(outcome(&policy, "/a", route), expected, "{route:?}");
    }
    let policy = routed("deny", &json!({"not": {"route": "open"}}));
    assert_eq!(outcome(&policy, "/a", Some("open")), "mask");
    assert_eq!(outcome(&policy, "/a", Some("")), "hit");
    assert_eq!(outcome(&policy, "/a", None), "ambiguous-request");
}

#[test]
fn a_route_leads_to_pass_only_where_its_path_has_one_reading() {
    let policy = routed("pass", &json!({"route": "public"}));
    for (path, route, expected) in [
        ("/public/a", Some("public"), "hit"),
        ("/public/a", Some("other"), "mask"),
        ("/public/a", None, "mask"),
        ("/public/../Patient/1", Some("public"), "mask"),
        ("/public//a", Some("public"), "mask"),
        ("/public/%2e%2e/Patient", Some("public"), "mask"),
        ("/public/..%2fPatient", Some("public"), "mask"),
        ("/public/..;/Patient", Some("public"), "mask"),
        ("/public/a%20b", Some("public"), "hit"),
    ] {
        assert_eq!(outcome(&policy, path, route), expected, "{path} {route:?}");
    }
}

#[test]
fn routes_that_say_nothing_are_refused() {
    for (when, place) in [
        (json!({"route": []}), "/actions/0/when/route"),
        (json!({"route": ""}), "/actions/0/when/route"),
        (json!({"route": ["a", "a"]}), "/actions/0/when/route/1"),
        (
            json!({"all": [{"route": "a"}, {"route": "b"}]}),
            "/actions/0/when",
        ),
    ] {
        let document = json!({"version": 1, "masking": {"profiles": ["pii"]},
            "actions": [{"name": "hit", "when": when, "effect": "deny"}]});
        let fault = Policy::parse(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(fault.pointer, place, "{fault}");
    }
}
