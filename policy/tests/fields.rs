//! Every accepted field changes what the policy says; what is left out takes the safe side.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use velum_engine::{Class, Keyring, Masker, Options, Terms};
use velum_policy::{
    CertificateField, Effect, Encodings, IdentitySource, Mode, Otherwise, Peers, Policy,
    TokenRoles, UnreadableMedia,
};

fn parse(document: &Value) -> Policy {
    Policy::parse(document.to_string().as_bytes()).unwrap()
}

/// A small valid document with one member more.
fn with(name: &str, value: Value) -> Policy {
    let mut document = json!({"version": 1, "masking": {"profiles": ["pii"]}});
    document[name] = value;
    parse(&document)
}

fn masked(masking: Value, body: &str) -> String {
    let policy = with("masking", masking);
    let mut masker = Masker::new(Arc::clone(policy.rules()), Options::default());
    let mut out = Vec::new();
    masker.feed(body.as_bytes(), &mut out).unwrap();
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn defaults_are_the_safe_side() {
    let policy = with("version", json!(1));
    assert_eq!(policy.identity(), None);
    assert!(policy.actions().is_empty() && policy.keys().is_empty() && policy.claims().is_empty());
    assert_eq!(policy.otherwise(), UnreadableMedia::Refuse);
    assert!(!policy.headers_stop_iteration());
    assert!(!policy.trusts_any_peer());
    assert_eq!(policy.policy_service(), None);
    assert_eq!(policy.mode(), Mode::Enforce);
    assert_eq!(policy.limits().engine, velum_engine::Limits::default());
    assert_eq!(policy.limits().held_body, 1024 * 1024);
}

#[test]
fn identity() {
    let at = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    for (value, expected) in [
        (
            json!({"jwt": {"metadata": ["a", "b", "c"]}}),
            IdentitySource::Jwt {
                metadata: at(&["a", "b", "c"]),
                roles: TokenRoles::Rfc8693,
            },
        ),
        (
            json!({"jwt": {"metadata": ["a", "b"], "roles": "reversed"}}),
            IdentitySource::Jwt {
                metadata: at(&["a", "b"]),
                roles: TokenRoles::Reversed,
            },
        ),
        (
            json!({"jwt": {"metadata": ["a", "b"], "roles": "rfc8693"}}),
            IdentitySource::Jwt {
                metadata: at(&["a", "b"]),
                roles: TokenRoles::Rfc8693,
            },
        ),
        (
            json!({"filter_state": "corp.user"}),
            IdentitySource::FilterState {
                key: "corp.user".into(),
            },
        ),
        (
            json!({"peer_certificate": "uri_san"}),
            IdentitySource::PeerCertificate {
                field: CertificateField::UriSan,
            },
        ),
        (
            json!({"peer_certificate": "dns_san"}),
            IdentitySource::PeerCertificate {
                field: CertificateField::DnsSan,
            },
        ),
        (
            json!({"peer_certificate": "subject"}),
            IdentitySource::PeerCertificate {
                field: CertificateField::Subject,
            },
        ),
        (
            json!({"header": "x-user", "from": "any-peer"}),
            IdentitySource::Header {
                name: "x-user".into(),
                from: Peers::Any,
            },
        ),
        (
            json!({"header": "x-user", "from": ["spiffe://mesh/edge"]}),
            IdentitySource::Header {
                name: "x-user".into(),
                from: Peers::Listed(at(&["spiffe://mesh/edge"])),
            },
        ),
    ] {
        let policy = with("identity", value);
        assert_eq!(policy.identity(), Some(&expected));
        let any = matches!(
            expected,
            IdentitySource::Header {
                from: Peers::Any,
                ..
            }
        );
        assert_eq!(policy.trusts_any_peer(), any);
    }
}

#[test]
fn masking() {
    let body = r#"{"a":"Ann","b":{"a":1},"n":"a@b.example"}"#;
    let rule = |operator: Value| json!({"rules": [{"path": "$.a", "class": "name", "operator": operator}]});
    for (masking, expected) in [
        (
            json!({"profiles": ["pii"]}),
            r#"{"a":"Ann","b":{"a":1},"n":"[masked:email]"}"#,
        ),
        (
            json!({"rules": [{"path": "$.a", "class": "name"}]}),
            r#"{"a":"[masked:name]","b":{"a":1},"n":"a@b.example"}"#,
        ),
        (
            json!({"rules": [{"key": "a", "class": "mrn"}]}),
            r#"{"a":"[masked:mrn]","b":{"a":"[masked:mrn]"},"n":"a@b.example"}"#,
        ),
        (
            json!({"rules": [{"key": ["b", "n"], "class": "name"}]}),
            r#"{"a":"Ann","b":{"a":"[masked:name]"},"n":"[masked:name]"}"#,
        ),
        (
            json!({"profiles": ["pii"], "exempt": [{"path": "$.n"}]}),
            body,
        ),
        (
            rule(json!("redact")),
            r#"{"a":"[masked:name]","b":{"a":1},"n":"a@b.example"}"#,
        ),
        (
            rule(json!("null")),
            r#"{"a":null,"b":{"a":1},"n":"a@b.example"}"#,
        ),
        (
            rule(Value::Null),
            r#"{"a":null,"b":{"a":1},"n":"a@b.example"}"#,
        ),
        (rule(json!("remove")), r#"{"b":{"a":1},"n":"a@b.example"}"#),
        (
            rule(json!({"replace": "x"})),
            r#"{"a":"x","b":{"a":1},"n":"a@b.example"}"#,
        ),
        (
            rule(json!({"replace": 7.0})),
            r#"{"a":7,"b":{"a":1},"n":"a@b.example"}"#,
        ),
        (
            rule(json!({"replace": false})),
            r#"{"a":false,"b":{"a":1},"n":"a@b.example"}"#,
        ),
    ] {
        assert_eq!(masked(masking.clone(), body), expected, "{masking}");
    }
    let partial =
        json!({"rules": [{"key": "m", "class": "mrn", "operator": {"partial": {"keep_last": 2}}}]});
    assert_eq!(
        masked(partial, r#"{"m":"12345678"}"#),
        r#"{"m":"[masked:mrn:78]"}"#
    );
    let year =
        json!({"rules": [{"key": "d", "class": "date", "operator": {"generalize": "year"}}]});
    assert_eq!(masked(year, r#"{"d":"1980-02-03"}"#), r#"{"d":"1980"}"#);
}

#[test]
fn detectors() {
    let with = |changes: Value| {
        let mut detector =
            json!({"name": "badge", "class": "device", "pattern": "[A-Z]{2}[0-9]{4}"});
        for (key, value) in changes.as_object().unwrap() {
            detector[key] = value.clone();
        }
        json!({"detectors": [detector]})
    };
    for (changes, note, expected) in [
        (json!({}), "QX1042, QX10421", "[masked:device], QX10421"),
        (
            json!({"boundaries": false}),
            "QX1042, QX10421",
            "[masked:device], [masked:device]1",
        ),
        (
            json!({"pattern": "[0-9]{4,}", "checksum": "luhn"}),
            "79927398713, 79927398714",
            "[masked:device], 79927398714",
        ),
        (
            json!({"words": ["badge"], "required": true}),
            "badge QX1042, not QX1042",
            "badge [masked:device], not QX1042",
        ),
    ] {
        let body = json!({"note": note}).to_string();
        let expected = json!({"note": expected}).to_string();
        assert_eq!(masked(with(changes.clone()), &body), expected, "{changes}");
    }
    let wards = json!({"detectors": [
        {"name": "ward", "class": "address", "dictionary": ["Birch Ward", "Łódź"], "required": false}
    ]});
    assert_eq!(
        masked(wards, r#"{"note":"BIRCH WARD, lodz"}"#),
        r#"{"note":"[masked:address], [masked:address]"}"#
    );
    let codes = r#"{"resourceType":"Observation","code":{"coding":[{"code":"QX1042"}]}}"#;
    for (is_on, count) in [(false, 1), (true, 0)] {
        let mut masking = with(json!({"codes": is_on}));
        masking["profiles"] = json!(["fhir-r4"]);
        let out = masked(masking, codes);
        assert_eq!(out.matches("QX1042").count(), count, "{out}");
    }
}

#[test]
fn detectors_are_reported_by_the_names_that_the_policy_gives_them() {
    for name in ["badge", "staff-card"] {
        let policy = with(
            "masking",
            json!({"detectors": [{"name": name, "class": "device", "pattern": "QX[0-9]{4}"}]}),
        );
        let mut masker = Masker::new(Arc::clone(policy.rules()), Options::default());
        let mut out = Vec::new();
        masker.feed(br#"{"note":"QX1042"}"#, &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        let rules = masker.report().by_rule(policy.rules());
        let rules: Vec<_> = rules.map(|count| count.rule.into_owned()).collect();
        assert_eq!(rules, [format!("detector: {name}")]);
    }
}

#[test]
fn dates_are_shifted_by_at_most_as_many_days_as_the_rule_says() {
    let are_near = |days: u32| {
        let rule =
            json!({"key": "born", "class": "date", "operator": {"date_shift": {"days": days}}});
        let keys = json!([{"id": "k1", "environment": "A"}]);
        let policy = with("masking", json!({"rules": [rule], "keys": keys}));
        let options = Options {
            keys: Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap(),
            ..Options::default()
        };
        (0..20).all(|patient| {
            let body =
                format!(r#"{{"resourceType":"Patient","id":"{patient}","born":"1980-02-15"}}"#);
            let mut masker = Masker::new(Arc::clone(policy.rules()), options.clone());
            let mut out = Vec::new();
            masker.feed(body.as_bytes(), &mut out).unwrap();
            masker.finish(&mut out).unwrap();
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains("[masked:"), "{out}");
            ["1980-02-14", "1980-02-15", "1980-02-16"]
                .iter()
                .any(|near| out.contains(near))
        })
    };
    assert!(are_near(1));
    assert!(!are_near(3650));
}

#[test]
fn ids() {
    let body = r#"{"id":"abc","subject":{"reference":"Patient/abc"}}"#;
    let masking = |ids: Option<&str>| {
        let mut masking =
            json!({"profiles": ["fhir-r4"], "keys": [{"id": "k1", "environment": "A"}]});
        if let Some(ids) = ids {
            masking["ids"] = json!(ids);
        }
        masking
    };
    for kept in [None, Some("keep")] {
        assert_eq!(masked(masking(kept), body), body);
        let policy = with("masking", masking(kept));
        assert!(
            policy
                .keyring(|_| panic!("none is needed"))
                .unwrap()
                .is_empty()
        );
    }
    // Without a key, which nobody gave here, an id is redacted.
    let out = masked(masking(Some("pseudonym")), body);
    let redacted = "[masked:identifier]";
    let expected = format!(r#"{{"id":"{redacted}","subject":{{"reference":"{redacted}"}}}}"#);
    assert_eq!(out, expected);
    let policy = with("masking", masking(Some("pseudonym")));
    assert!(policy.keyring(|_| None).is_err(), "a key is needed");
}

#[test]
fn masking_keys() {
    let policy = with(
        "masking",
        json!({"profiles": ["pii"], "keys": [{"id": "k1", "environment": "A"}, {"id": "k2", "environment": "B"}]}),
    );
    let keys: Vec<_> = policy
        .keys()
        .iter()
        .map(|key| (key.id.as_str(), key.environment.as_str()))
        .collect();
    assert_eq!(keys, [("k1", "A"), ("k2", "B")]);
}

#[test]
fn keys_are_read_where_a_rule_needs_one() {
    let keys = json!([{"id": "k1", "environment": "A"}, {"id": "k2", "environment": "B"}]);
    let unkeyed = with("masking", json!({"profiles": ["pii"], "keys": keys}));
    assert!(
        unkeyed
            .keyring(|_| panic!("none is needed"))
            .unwrap()
            .is_empty()
    );
    let rule = json!([{"key": "m", "class": "mrn", "operator": "token"}]);
    let keyed = with("masking", json!({"rules": rule, "keys": keys}));
    let good = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let ring = |a: Option<&str>, b: Option<&str>| {
        keyed
            .keyring(|name| if name == "A" { a } else { b }.map(str::to_owned))
            .map(|ring| format!("{ring:?}"))
            .map_err(|error| error.to_string())
    };
    assert_eq!(
        ring(Some(good), Some(good)),
        Ok("Keyring(2 keys)".to_owned())
    );
    for (a, b, expected) in [
        (
            None,
            Some(good),
            "/masking/keys/0: the environment variable A is not set",
        ),
        (
            Some(good),
            Some(" "),
            "/masking/keys/1: the environment variable B is not set",
        ),
        (
            Some(good),
            Some("c2hvcnQ="),
            "/masking/keys/1: the variable B must hold at least 32 ",
        ),
        (
            Some(good),
            Some("%"),
            "/masking/keys/1: the variable B must hold at least 32 ",
        ),
    ] {
        let fault = ring(a, b).unwrap_err();
        assert!(
            fault.starts_with(expected) && !fault.contains("c2hvcnQ"),
            "{fault}"
        );
    }
}

#[test]
fn responses_host_mode_and_limits() {
    assert_eq!(
        with("responses", json!({"otherwise": "pass"})).otherwise(),
        UnreadableMedia::Pass
    );
    assert_eq!(
        with("responses", json!({"otherwise": "refuse"})).otherwise(),
        UnreadableMedia::Refuse
    );
    let read = json!({"encodings": "decode", "text": ["text/plain", "text/html"]});
    let responses = with("responses", read).responses().clone();
    assert_eq!(responses.otherwise, UnreadableMedia::Refuse);
    assert_eq!(responses.encodings, Encodings::Decode);
    assert_eq!(responses.text, ["text/plain", "text/html"]);
    let responses = with("responses", json!({"otherwise": "pass"}))
        .responses()
        .clone();
    assert_eq!(
        (responses.encodings, responses.text.len()),
        (Encodings::Refuse, 0)
    );
    assert!(with("host", json!({"headers_stop_iteration": true})).headers_stop_iteration());
    assert_eq!(with("mode", json!("enforce")).mode(), Mode::Enforce);
    let observing = json!({
        "version": 1, "masking": {"profiles": ["pii"]}, "mode": "observe",
        "actions": [{"name": "closed", "effect": "deny"}],
    });
    let observing = Policy::parse(observing.to_string().as_bytes()).unwrap();
    assert_eq!(observing.mode(), Mode::Observe);
    assert!(!observing.access_log());
    assert!(with("observability", json!({"access_log": true})).access_log());
    let limits = *with(
        "limits",
        json!({
            "depth": 9.0, "token_bytes": 2048, "held_bytes": 4096, "held_body": 8192,
            "members": 5000, "keys": 4_294_967_295_u64, "expansion": 20,
        }),
    )
    .limits();
    assert_eq!(
        (
            limits.engine.depth,
            limits.engine.token_bytes,
            limits.engine.held_bytes,
            limits.engine.members,
            limits.engine.keys,
            limits.held_body,
            limits.expansion
        ),
        (9, 2048, 4096, 5000, 4_294_967_295, 8192, 20)
    );
}

#[test]
fn actions_and_the_policy_service() {
    let policy = parse(&json!({
        "version": 1.0,
        "identity": {"peer_certificate": "uri_san"},
        "masking": {"profiles": ["pii"], "keys": [{"id": "k", "environment": "K"}]},
        "policy_service": {
            "cluster": "c", "authority": "a:1", "token": {"environment": "T"},
            "public_keys": [
                "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                "ed25519:ICECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
            ]
        },
        "actions": [
            {"name": "a", "when": {"method": "DELETE"}, "effect": "review", "hold": "2m"},
            {"name": "b", "when": {"method": "GET", "path": "/b"}, "effect": "review", "lift": ["mrn", "name"], "hold": "500ms", "otherwise": "mask"},
            {"name": "c", "when": {"method": ["HEAD", "GET"]}, "effect": "mask", "ask": {"lift": ["date"], "hold": "1h"}},
            {"name": "d", "when": {"method": "OPTIONS"}, "effect": "mask", "ask": {"lift": ["date"]}},
            {"name": "e", "effect": "deny"}
        ]
    }));
    let service = policy.policy_service().unwrap();
    assert_eq!(
        (
            service.cluster.as_str(),
            service.authority.as_str(),
            service.token_environment.as_str()
        ),
        ("c", "a:1", "T")
    );
    assert_eq!(service.public_keys.len(), 2);
    assert_eq!(
        service.public_keys[0],
        std::array::from_fn(|index| u8::try_from(index).unwrap())
    );
    let [purge, file, read, options, rest] = policy.actions() else {
        panic!("five actions")
    };
    assert_eq!(
        (purge.effect, purge.hold),
        (Effect::Review, Duration::from_mins(2))
    );
    assert_eq!(purge.otherwise, Otherwise::Refuse);
    assert!(purge.lift.is_empty() && purge.ask.is_none() && purge.askable().is_empty());
    assert_eq!(
        (file.hold, file.otherwise),
        (Duration::from_millis(500), Otherwise::Mask)
    );
    assert_eq!(file.askable(), file.lift);
    assert_eq!(file.lift.iter().count(), 2);
    let asked = read.ask.unwrap();
    assert_eq!(
        (asked.hold, asked.lift),
        (Duration::from_hours(1), read.askable())
    );
    assert_eq!(read.effect, Effect::Mask);
    assert_eq!(options.ask.unwrap().hold, Duration::ZERO);
    assert_eq!((rest.name.as_str(), rest.effect), ("e", Effect::Deny));
}

/// RFC 8785: neither the order of members, nor white space, nor how a number or a string is
/// written changes the digest; anything else does.
#[test]
fn the_digest_is_over_what_the_document_says() {
    let digest = |text: &str| Policy::parse(text.as_bytes()).unwrap().digest();
    let one = digest(
        r#"{"version":1,"masking":{"profiles":["pii"]},"limits":{"depth":64,"held_body":2048}}"#,
    );
    for same in [
        r#" { "limits" : {"held_body": 2048.0, "depth": 6.4e1}, "masking": {"profiles": ["pii"]}, "version": 1.0 } "#,
        r#"{"v\u0065rsion":1,"masking":{"profiles":["p\u0069i"]},"limits":{"depth":64,"held_body":2048}}"#,
    ] {
        assert_eq!(digest(same), one, "{same}");
    }
    for other in [
        r#"{"version":1,"masking":{"profiles":["pii"]},"limits":{"depth":65,"held_body":2048}}"#,
        r#"{"version":1,"masking":{"profiles":["pii","fhir-r4"]},"limits":{"depth":64,"held_body":2048}}"#,
        r#"{"version":1,"masking":{"profiles":["fhir-r4","pii"]},"limits":{"depth":64,"held_body":2048}}"#,
        r#"{"version":1,"masking":{"profiles":["pii"]}}"#,
    ] {
        assert_ne!(digest(other), one, "{other}");
    }
    // The SHA-256 of the canonical text, computed elsewhere: {"masking":{"profiles":["pii"]},"version":1}
    let bytes = with("version", json!(1))
        .digest()
        .map(|byte| format!("{byte:02x}"));
    let hex = bytes.concat();
    assert_eq!(
        hex,
        "e953a89092a723e60154d691f9847e02060cd2010cc0d30052052062f367bb58"
    );
}

#[test]
fn whole_profiles_stand_beside_names() {
    let masking = json!({"profiles": ["credentials", {
        "profile": "my-badges", "version": 1.0, "about": "Ours.",
        "rules": [
            {"class": "identifier", "keys": ["badge"]},
            {"class": "date", "at": ["shift.day"], "operator": {"generalize": "year"}},
            {"class": "name", "at": ["boss"], "operator": null}
        ],
        "detectors": ["email"]
    }]});
    assert_eq!(
        masked(
            masking,
            r#"{"badge":7,"shift":[{"day":"2026-01-02"}],"boss":"B","password":"p","x":"a@b.example"}"#
        ),
        r#"{"badge":"[masked:identifier]","shift":[{"day":"2026"}],"boss":null,"password":"[masked:credential]","x":"[masked:email]"}"#
    );
}

#[test]
fn the_digest_has_all_of_a_profile() {
    let with_keys = |keys: &[&str]| {
        with(
            "masking",
            json!({"profiles": [{"profile": "p", "version": 1, "about": "", "rules": [{"class": "name", "keys": keys}]}]}),
        )
        .digest()
    };
    assert_eq!(with_keys(&["a"]), with_keys(&["a"]));
    assert_ne!(with_keys(&["a"]), with_keys(&["b"]));
}

#[test]
fn rules_are_lifted_by_their_names() {
    let policy = with(
        "masking",
        json!({"rules": [
            {"name": "wards.1", "key": "ward", "class": "address"},
            {"key": "bed", "class": "address"},
        ]}),
    );
    assert_eq!(policy.rule_names(), ["wards.1"]);
    assert!(with("mode", json!("enforce")).rule_names().is_empty());
    let rules = Some(policy.rule_names().to_vec());
    let terms = Terms {
        rules,
        ..Terms::default()
    };
    let options = Options {
        lift: [Class::Address].into_iter().collect(),
        terms: Some(Arc::new(terms)),
        ..Options::default()
    };
    let mut masker = Masker::new(Arc::clone(policy.rules()), options);
    let mut out = Vec::new();
    let body = br#"{"ward":"Birch","bed":"7b"}"#;
    masker.feed(body, &mut out).unwrap();
    let expected = r#"{"ward":"Birch","bed":"[masked:address]"}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let by_rule: Vec<_> = masker.report().by_rule(policy.rules()).collect();
    assert_eq!(by_rule[0].rule, "wards.1");
    assert_eq!(by_rule[1].rule, "/masking/rules/1");
}
