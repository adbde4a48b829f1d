use proptest::prelude::*;
use serde_json::json;
use velum_approval::{RouteTemplate, RouteWords};
use velum_engine::{Class, ClassSet};
use velum_policy::{Answer, Effect, Refusal, Request};

use super::*;

const BODY: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Quill"}],"birthDate":"1970-02-03"}"#;

fn document() -> Value {
    json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
        "masking": {"profiles": ["fhir-r4"], "keys": [{"id": "k1", "environment": "K"}]},
        "host": {"headers_stop_iteration": true},
        "actions": [
            {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
            {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
            {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "120s"},
            {"name": "read", "when": {"method": "GET"}, "effect": "mask",
             "ask": {"lift": ["name", "date"], "hold": "60s"}},
        ],
        "policy_service": {"cluster": "c", "authority": "a", "token": {"environment": "T"},
            "public_keys": ["ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]},
    })
}

fn gateway(document: &Value) -> Gateway {
    Gateway::new(&document.to_string(), |_| None).unwrap()
}

fn message(headers: &[(&str, &str)], body: &str) -> Message {
    let pairs = headers.iter();
    let pairs = pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
    Message {
        headers: pairs.collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Message {
    let mut headers = vec![
        (":method", method),
        (":path", path),
        (":authority", "ehr.example"),
        ("accept-encoding", "gzip"),
    ];
    headers.extend(more);
    message(&headers, "")
}

fn patient() -> Message {
    let headers = [
        (":status", "200"),
        ("content-type", "application/fhir+json"),
    ];
    message(&headers, BODY)
}

fn claims() -> Value {
    json!({"iss": "https://idp.example", "sub": "dr-jones", "act": {"sub": "triage-bot"}})
}

fn value(message: &Message, name: &str) -> String {
    String::from_utf8_lossy(header(&message.headers, name).unwrap_or_default()).into_owned()
}

/// Status and problem of the filter's own answer.
fn problem(outcome: &Outcome) -> (String, String) {
    assert!(outcome.is_own_answer && outcome.upstream.is_none());
    let answer = outcome.answer.as_ref().unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let code = body["type"].as_str().unwrap().rsplit('/').next().unwrap();
    (value(answer, ":status"), code.to_owned())
}

fn text(message: Option<&Message>) -> String {
    String::from_utf8(message.unwrap().body.clone()).unwrap()
}

#[test]
fn an_answer_is_masked_and_its_request_made_fit() {
    let gateway = gateway(&document());
    let asked = request(
        "GET",
        "/Patient/1",
        &[("velum-odd", "x"), ("range", "bytes=0-1")],
    );
    let outcome = gateway.run(&Exchange::default(), &asked, Some(&patient()));
    let outcome = outcome.unwrap();
    let upstream = outcome.upstream.as_ref().unwrap();
    assert_eq!(value(upstream, "accept-encoding"), "identity");
    assert_eq!(value(upstream, "velum-odd"), "");
    assert_eq!(value(upstream, "range"), "");
    let body = text(outcome.answer.as_ref());
    assert!(
        !body.contains("Quill") && body.contains("[masked:name]"),
        "{body}"
    );
    assert!(!outcome.is_own_answer && !outcome.is_cut && outcome.check.is_none());
}

#[test]
fn each_effect_is_what_the_filter_does() {
    let gateway = gateway(&document());
    let claims = claims();
    let known = Exchange {
        claims: Some(&claims),
        ..Exchange::default()
    };
    let run = |exchange: &Exchange<'_>, method, path, more: &[(&str, &str)]| {
        let request = request(method, path, more);
        gateway.run(exchange, &request, Some(&patient())).unwrap()
    };
    let passed = run(&known, "GET", "/healthz", &[]);
    assert_eq!(text(passed.answer.as_ref()), BODY);
    let denied = run(&known, "GET", "/closed/1", &[]);
    assert_eq!(problem(&denied), ("403".into(), "action-denied".into()));
    let nobody = run(&Exchange::default(), "DELETE", "/Patient/1", &[]);
    assert_eq!(problem(&nobody), ("403".into(), "identity-required".into()));
    let waits = [("prefer", "wait=100"), ("velum-reason", "moved away")];
    let undecided = run(&known, "DELETE", "/Patient/1", &waits);
    assert_eq!(
        problem(&undecided),
        ("403".into(), "approval-required".into())
    );
    let check = undecided.check.unwrap();
    assert_eq!(check["action"], "purge");
    assert_eq!(check["reason"], "moved away");
    let approved = Exchange {
        approved: Some(ClassSet::EMPTY),
        ..known
    };
    let released = run(&approved, "DELETE", "/Patient/1", &[]);
    let upstream = released.upstream.as_ref().unwrap();
    assert_eq!(value(upstream, "x-envoy-max-retries"), "0");
    assert!(!text(released.answer.as_ref()).contains("Quill"));
}

#[test]
fn what_is_approved_of_what_is_asked_is_lifted() {
    let gateway = gateway(&document());
    let claims = claims();
    let names: ClassSet = [Class::Name, Class::Ssn].into_iter().collect();
    let exchange = Exchange {
        claims: Some(&claims),
        approved: Some(names),
        now: 1_700_000_000,
        ..Exchange::default()
    };
    let ask = request("GET", "/Patient/1", &[("velum-lift", "name,date")]);
    let outcome = gateway.run(&exchange, &ask, Some(&patient())).unwrap();
    let body = text(outcome.answer.as_ref());
    assert!(
        body.contains("Quill") && !body.contains("1970-02-03"),
        "{body}"
    );
    assert_eq!(
        value(outcome.answer.as_ref().unwrap(), "velum-lifted"),
        "name"
    );
}

#[test]
fn a_body_that_cannot_be_masked_is_withheld_and_a_masked_value_is_not_written() {
    let gateway = gateway(&document());
    let get = request("GET", "/Patient/1", &[]);
    let bad = message(
        &[(":status", "200"), ("content-type", "application/json")],
        "{\"a\":tru",
    );
    let outcome = gateway.run(&Exchange::default(), &get, Some(&bad)).unwrap();
    let answer = outcome.answer.as_ref().unwrap();
    assert_eq!(value(answer, ":status"), "502");
    assert!(outcome.is_own_answer && outcome.upstream.is_some());
    let mut put = request("PUT", "/Patient/1", &[("content-type", "application/json")]);
    put.body = br#"{"name":"[masked:name]"}"#.to_vec();
    let outcome = gateway.run(&Exchange::default(), &put, None).unwrap();
    assert_eq!(problem(&outcome), ("422".into(), "masked-value".into()));
    put.body = br#"{"name":"Quill"}"#.to_vec();
    let outcome = gateway.run(&Exchange::default(), &put, None).unwrap();
    assert_eq!(text(outcome.upstream.as_ref()), r#"{"name":"Quill"}"#);
    assert!(outcome.answer.is_none(), "the upstream's is not known");
}

#[test]
fn without_headers_held_a_bad_body_cuts_the_stream() {
    let mut document = document();
    document["host"] = json!({"headers_stop_iteration": false});
    let bad = message(
        &[(":status", "200"), ("content-type", "application/json")],
        "{\"a\":tru",
    );
    let get = request("GET", "/Patient/1", &[]);
    let outcome = gateway(&document).run(&Exchange::default(), &get, Some(&bad));
    let outcome = outcome.unwrap();
    assert!(outcome.is_cut && !outcome.is_own_answer);
}

#[test]
fn the_route_chooses_the_policy_and_none_chosen_is_refused_before_the_upstream() {
    let mut document = json!({"version": 1, "policies": {
        "ward": {"masking": {"profiles": ["fhir-r4"]}},
        "open": {"masking": {"rules": [{"key": "secret", "class": "other"}]}},
    }});
    let named = gateway(&document);
    let run = |gateway: &Gateway, policy: Option<&str>| {
        let exchange = Exchange {
            policy,
            ..Exchange::default()
        };
        let request = request("GET", "/Patient/1", &[]);
        gateway.run(&exchange, &request, Some(&patient())).unwrap()
    };
    assert!(!text(run(&named, Some("ward")).answer.as_ref()).contains("Quill"));
    assert!(text(run(&named, Some("open")).answer.as_ref()).contains("Quill"));
    for policy in [None, Some(""), Some("Ward"), Some("ward "), Some("sole")] {
        let outcome = run(&named, policy);
        assert_eq!(
            problem(&outcome),
            ("503".into(), "policy-not-chosen".into())
        );
    }
    // One that has a name is chosen by it like several.
    document["policies"].as_object_mut().unwrap().remove("open");
    assert!(run(&gateway(&document), None).is_own_answer);
    // One without a name is every request's, whatever a route says.
    let sole = json!({"version": 1, "masking": {"profiles": ["fhir-r4"]}});
    let outcome = run(&gateway(&sole), Some("elsewhere"));
    assert!(!text(outcome.answer.as_ref()).contains("Quill"));
}

#[test]
fn secrets_of_the_environment_are_used_and_others_are_stood_in_for() {
    let mut document = document();
    document["masking"]["rules"] = json!([{"key": "mrn", "class": "mrn", "operator": "token"}]);
    let run = |gateway: &Gateway| {
        let headers = [(":status", "200"), ("content-type", "application/json")];
        let answer = message(&headers, r#"{"mrn":"MRN-88213"}"#);
        let request = request("GET", "/a", &[]);
        let outcome = gateway.run(&Exchange::default(), &request, Some(&answer));
        text(outcome.unwrap().answer.as_ref())
    };
    let key = STANDARD.encode([9; 32]);
    let with = |name: &str| (name == "K").then(|| key.clone());
    let with = Gateway::new(&document.to_string(), with).unwrap();
    assert_eq!(with.stand_ins(), ["T"]);
    let without = gateway(&document);
    assert_eq!(without.stand_ins(), ["K", "T"]);
    assert_ne!(run(&with), run(&without));
    let fault = Gateway::new(&document.to_string(), |_| Some("short".into())).err();
    assert!(fault.unwrap().contains("32 random bytes"));
}

/// Each attribute costs a call of the host.
#[test]
fn the_route_is_asked_for_only_where_the_document_makes_it_matter() {
    let plain = json!({"version": 1, "masking": {"profiles": ["pii"]}});
    let mut routed = plain.clone();
    routed["actions"] = json!([{"name": "a", "when": {"route": "a"}, "effect": "deny"}]);
    let named = json!({"version": 1, "policies": {"a": {"masking": {"profiles": ["pii"]}}}});
    for (document, expected) in [
        (plain, &[][..]),
        (routed, &["xds.route_name"]),
        (named, &["xds.route_metadata.filter_metadata.velum.policy"]),
    ] {
        let gateway = gateway(&document);
        let exchange = Exchange {
            policy: Some("a"),
            ..Exchange::default()
        };
        let mut stream = gateway.start(&exchange).unwrap();
        stream.host.asked.take();
        stream.request(&request("GET", "/a", &[]), None).unwrap();
        assert_eq!(stream.host.asked.take(), expected);
    }
}

fn atom() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![Just("GET"), Just("PUT"), Just("DELETE")].prop_map(|it| json!({"method": it})),
        prop_oneof![
            Just(json!("/a")),
            Just(json!("/a/b")),
            Just(json!({"prefix": "/a/"})),
            Just(json!({"suffix": "/b"})),
            Just(json!({"segments": "/a/{id}"})),
        ]
        .prop_map(|it| json!({"path": it})),
        prop_oneof![
            Just(json!("1")),
            Just(json!({"present": true})),
            Just(json!({"prefix": "1"}))
        ]
        .prop_flat_map(|test| prop_oneof![
            Just(json!({"header": {"x-kind": test.clone()}})),
            Just(json!({"query": {"kind": test}})),
        ]),
        prop_oneof![
            Just(json!("ehr.example")),
            Just(json!({"suffix": ".example"}))
        ]
        .prop_map(|it| json!({"authority": it})),
        prop_oneof![Just("bulk"), Just("other")].prop_map(|it| json!({"route": it})),
        Just(json!({"principal": {"subject": "triage-bot"}})),
        Just(json!({"claims": {"/realm/roles": {"contains": "auditor"}}})),
        Just(json!({"claims": {"level": 3}})),
        Just(json!({"claims": {"on_call": true, "level": {"present": true}}})),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    atom().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|it| json!({"any": it})),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|it| json!({"all": it})),
            inner.prop_map(|it| json!({"not": it})),
        ]
    })
}

fn actions() -> impl Strategy<Value = Value> {
    let effect = prop_oneof![Just("mask"), Just("deny"), Just("review"), Just("pass")];
    let action = (condition(), effect);
    proptest::collection::vec(action, 1..4).prop_map(|actions| {
        let actions = actions.into_iter().enumerate();
        actions
            .map(|(index, (when, effect))| {
                let mut action =
                    json!({"name": format!("a{index}"), "when": when, "effect": effect});
                if effect == "review" {
                    action["hold"] = json!("9s");
                }
                action
            })
            .collect()
    })
}

prop_compose! {
    fn any_request()(
        method in prop_oneof![Just("GET"), Just("get"), Just("PUT"), Just("DELETE")],
        path in prop_oneof![Just("/a"), Just("/a/b"), Just("/a/b/"), Just("//a/b"), Just("/a/../a/b"),
            Just("/A/b"), Just("/a/%62"), Just("/a/b;x"), Just("/c/b"), Just("/a/b%2f")],
        query in prop_oneof![Just(""), Just("?kind=1"), Just("?kind=1&kind=2"), Just("?KIND=1"),
            Just("?kind=12"), Just("?_method=DELETE"), Just("?k%69nd=1")],
        header in prop_oneof![Just(None), Just(Some(("x-kind", "1"))), Just(Some(("x_kind", "1"))),
            Just(Some(("x-kind", "1, 2"))), Just(Some(("x-http-method-override", "DELETE"))),
            Just(Some(("x-original-url", "/b")))],
        authority in prop_oneof![Just("ehr.example"), Just("EHR.example."), Just("other")],
    ) -> Message {
        let path = format!("{path}{query}");
        let mut request = request(method, &path, &header.into_iter().collect::<Vec<_>>());
        request.headers[2].1 = authority.as_bytes().to_vec();
        request
    }
}

fn any_claims() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        Just(Some(claims())),
        Just(Some(
            json!({"iss": "i", "sub": "triage-bot", "level": 3, "on_call": true,
            "realm": {"roles": ["reader", "auditor"]}})
        )),
        Just(Some(
            json!({"iss": "i", "sub": "x", "level": "3", "on_call": [true],
            "realm": {"roles": "auditor"}})
        )),
        Just(Some(
            json!({"iss": "i", "sub": "x", "realm": {"roles": [{"a": null}]}})
        )),
    ]
}

/// What the filter did, in the words of a verdict.
fn observed(outcome: &Outcome) -> Result<Effect, String> {
    if let Some(upstream) = &outcome.upstream {
        let inspected = value(upstream, "accept-encoding") == "identity";
        return Ok(if inspected {
            Effect::Mask
        } else {
            Effect::Pass
        });
    }
    match problem(outcome).1.as_str() {
        "action-denied" => Ok(Effect::Deny),
        "identity-required" | "approval-required" => Ok(Effect::Review),
        other => Err(other.to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn explanation_evaluation_and_filter_agree(
        actions in actions(),
        asked in any_request(),
        claims in any_claims(),
        route in prop_oneof![Just(None), Just(Some("bulk")), Just(Some("else"))],
    ) {
        let mut document = document();
        document["actions"] = actions;
        // Whatever is masked, and quick to load.
        document["masking"] = json!({"keys": [{"id": "k1", "environment": "K"}],
            "rules": [{"key": "secret", "class": "other"}]});
        let gateway = Gateway::new(&document.to_string(), |_| None);
        // The loader refuses some: what never matches, what passes too much.
        prop_assume!(gateway.is_ok());
        let gateway = gateway.unwrap();
        let exchange = Exchange { claims: claims.as_ref(), route, ..Exchange::default() };
        let policy = gateway.policy(&exchange).unwrap();
        let caller = gateway.caller(&exchange, &asked);
        let facts = caller.as_ref().map(|caller| velum_policy::Caller {
            kind: caller.kind,
            issuer: &caller.issuer,
            subject: &caller.subject,
            claims: caller.claims.as_ref(),
        });
        let fields: Vec<(&[u8], &[u8])> =
            asked.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        let request = Request {
            method: header(&asked.headers, ":method").unwrap(),
            authority: header(&asked.headers, ":authority").unwrap(),
            path: header(&asked.headers, ":path").unwrap(),
            headers: &fields,
            route: Some(route.unwrap_or_default().as_bytes()),
            caller: facts.as_ref(),
        };
        let verdict = policy.evaluate(&request);
        let explained = policy.explain(&request);
        let name = |verdict: &Result<velum_policy::Verdict<'_>, Refusal>| match verdict {
            Ok(verdict) => Ok(verdict.action.map(|action| action.name.clone())),
            Err(refusal) => Err(*refusal),
        };
        prop_assert_eq!(name(&verdict), name(&explained.verdict));

        // What the conditions of an explanation say is what the verdict is made of.
        if let Ok(verdict) = &verdict {
            let decided = explained.actions.iter().find(|it| match it.answer {
                Answer::Yes => true,
                Answer::No => false,
                Answer::Unknown => matches!(it.action.effect, Effect::Deny | Effect::Review),
            });
            prop_assert_eq!(decided.map(|it| &it.action.name), verdict.action.map(|it| &it.name));
            prop_assert!(decided.is_none_or(|it| it.answer == Answer::Yes));
        }

        let outcome = gateway.run(&exchange, &asked, None).unwrap();
        let expected = verdict.as_ref().map(velum_policy::Verdict::effect);
        prop_assert_eq!(observed(&outcome), expected.map_err(|refusal| refusal.code().to_owned()));
        if let (Some(check), Ok(verdict)) = (&outcome.check, &verdict) {
            prop_assert_eq!(check["action"].as_str(), verdict.action.map(|it| it.name.as_str()));
            let path = &explained.path;
            let route = RouteTemplate::of(path.as_str(), path.parameter_names(), &words(policy));
            prop_assert_eq!(check["path"].as_str(), Some(route.path()));
            prop_assert_eq!(check["query"].as_str(), Some(route.query()));
            // The policy service makes the same of it.
            prop_assert_eq!(RouteTemplate::again(route.path(), route.query(), &words(policy)), route);
        }
    }
}

fn words(policy: &Policy) -> RouteWords {
    RouteWords::new(policy.literal_segments(), policy.query_names())
}

#[test]
fn what_is_shown_of_a_path_are_the_policys_own_words() {
    let policy = json!({"version": 1, "masking": {"profiles": ["pii"]}, "actions": [
        {"name": "a", "when": {"path": {"segments": "/Patient/{id}/$everything"}}, "effect": "mask"},
        {"name": "b", "when": {"path": {"prefix": "/bulk/fi"}}, "effect": "mask"},
        {"name": "c", "when": {"path": {"suffix": "x/$export"}, "query": {"_since": {"present": true}}}, "effect": "mask"},
        {"name": "d", "when": {"path": "/metadata"}, "effect": "mask"}
    ]});
    let policy = Policy::parse(policy.to_string().as_bytes()).unwrap();
    let shown = |path: &str| {
        let request = Request {
            method: b"GET",
            authority: b"ehr.example",
            path: path.as_bytes(),
            headers: &[],
            route: None,
            caller: None,
        };
        let path = policy.evaluate(&request).unwrap().path;
        let route = RouteTemplate::of(path.as_str(), path.parameter_names(), &words(&policy));
        let again = RouteTemplate::again(route.path(), route.query(), &words(&policy));
        assert_eq!(again, route);
        route
    };
    for (path, expected, query) in [
        ("/", "/", ""),
        ("/Patient/smith", "/Patient/{…}", ""),
        (
            "/Patient/smith/$everything?name=smith&_since=2024",
            "/Patient/{…}/$everything",
            "{…}&_since",
        ),
        // A word of the policy at another place is the caller's.
        ("/smith/Patient", "/{…}/{…}", ""),
        ("/bulk/files/smith", "/bulk/{…}/{…}", ""),
        ("/bulk/fi", "/bulk/{…}", ""),
        ("/Group/smith/$export", "/{…}/{…}/$export", ""),
        ("/metadata?smith", "/metadata", "{…}"),
        (
            "/metadata?%5Fsince=smith;smith=1",
            "/metadata",
            "_since&{…}",
        ),
        ("/smith%2Fjones/a//..?&&", "/{…}/{…}", ""),
        ("*", "*", ""),
    ] {
        let route = shown(path);
        assert_eq!((route.path(), route.query()), (expected, query), "{path}");
    }
    let long = shown(&format!(
        "{}?{}",
        "/smith".repeat(100),
        "smith&".repeat(100)
    ));
    assert_eq!(long.path().matches("{…}").count(), 32);
    assert_eq!(long.query().matches("{…}").count(), 32);
}
