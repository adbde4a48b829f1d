//! What a configuration is refused for: each vector changes one place of a valid document and names
//! where the fault is reported and a part of what is said.

use serde_json::{Value, json};
use velum_policy::{ConfigError, Policy};

fn full() -> Value {
    json!({
        "version": 1,
        "identity": {"jwt": {"metadata": ["envoy.filters.http.jwt_authn", "claims"]}},
        "masking": {
            "profiles": ["hipaa-safe-harbor", "fhir-r4", "credentials"],
            "keys": [{"id": "k1", "environment": "VELUM_MASKING_KEY"}],
            "rules": [
                {"path": "$..mrn", "class": "mrn", "operator": {"partial": {"keep_last": 2}}},
                {"key": ["admitted_on", "left_on"], "class": "date"}
            ],
            "exempt": [{"path": "$.resourceType"}],
            "detectors": [
                {"name": "badge", "class": "identifier", "pattern": "[A-Z]{2}-?[0-9]{6}",
                 "checksum": "luhn", "words": ["badge", "staff card"], "required": true,
                 "boundaries": false, "codes": true},
                {"name": "ward", "class": "address", "dictionary": ["Birch Ward", "Cedar Ward"]}
            ]
        },
        "responses": {"otherwise": "refuse"},
        "host": {"headers_stop_iteration": true},
        "actions": [
            {"name": "health", "when": {"method": "GET", "path": "/healthz"}, "effect": "pass"},
            {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "120s"},
            {"name": "closed", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"},
            {"name": "read", "when": {"method": ["GET", "HEAD"]}, "effect": "mask",
             "ask": {"lift": ["name", "date"], "hold": "30s"}}
        ],
        "policy_service": {
            "cluster": "velum-policy-service",
            "authority": "policy-service.velum",
            "token": {"environment": "VELUM_GATEWAY_TOKEN"},
            "public_keys": ["ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
        },
        "mode": "enforce",
        "limits": {"depth": 64, "token_bytes": 65536, "held_bytes": 65536, "held_body": 1_048_576}
    })
}

/// Sets the member or item at a pointer; `-` at its end appends, no value removes.
fn change(document: &mut Value, pointer: &str, value: Option<Value>) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        *document = value.expect("a whole document");
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match (
        document.pointer_mut(parent).expect("the parent is there"),
        value,
    ) {
        (Value::Object(members), Some(value)) => {
            members.insert(last, value);
        }
        (Value::Object(members), None) => {
            members.remove(&last).expect("the member is there");
        }
        (Value::Array(items), Some(value)) if last == "-" => items.push(value),
        (Value::Array(items), Some(value)) => items[last.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => {
            items.remove(last.parse().unwrap());
        }
        _ => panic!("{parent} is no container"),
    }
}

fn parse(document: &Value) -> Result<Policy, ConfigError> {
    Policy::parse(document.to_string().as_bytes())
}

#[track_caller]
fn refused(document: &Value, what: &str, pointer: &str, fragment: &str) {
    let error = parse(document).expect_err(what);
    assert_eq!(error.pointer, pointer, "{what}: {error}");
    assert!(error.message.contains(fragment), "{what}: {error}");
}

/// (where to change, to what, pointer of the fault, fragment of the message)
type Vector = (&'static str, Value, &'static str, &'static str);

fn check(vectors: Vec<Vector>) {
    for (place, value, pointer, fragment) in vectors {
        let what = format!("{place} = {value}");
        let mut document = full();
        change(&mut document, place, Some(value));
        refused(&document, &what, pointer, fragment);
    }
}

/// The base of all vectors, so that each is refused for its change alone.
#[test]
fn the_full_document_is_accepted() {
    parse(&full()).unwrap();
}

#[test]
fn what_is_not_json_or_given_twice() {
    for (text, pointer, fragment) in [
        ("", "", "not a JSON document (line 1, column 0)"),
        ("{\"version\": 1", "", "not a JSON document"),
        ("{\"version\": 1} x", "", "not a JSON document"),
        ("[1]", "", "must be an object"),
        (
            "{\"version\": 1, \"version\": 1}",
            "/version",
            "duplicate key",
        ),
        (
            "{\"version\": 1, \"\\u0076ersion\": 1}",
            "/version",
            "duplicate key",
        ),
        (
            "{\"version\": 1, \"masking\": {\"rules\": [{\"key\": \"a\", \"key\": \"b\"}]}}",
            "/masking/rules/0/key",
            "duplicate key",
        ),
        (
            "{\"a/b~c\": {\"d\": 1, \"d\": 1}}",
            "/a~1b~0c/d",
            "duplicate key",
        ),
    ] {
        let error = Policy::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            (error.pointer.as_str(), error.message.contains(fragment)),
            (pointer, true),
            "{text}: {error}"
        );
    }
    assert!(Policy::parse(b"{\"version\": 1, \"masking\": \"\xff\"}").is_err());
    assert!(Policy::parse("[".repeat(100_000).as_bytes()).is_err());
}

/// Objects whose members are all known: an unknown one is refused at its place.
#[test]
fn unknown_keys_at_every_level() {
    for parent in [
        "",
        "/identity",
        "/identity/jwt",
        "/masking",
        "/masking/keys/0",
        "/masking/rules/0",
        "/masking/rules/0/operator/partial",
        "/masking/exempt/0",
        "/masking/detectors/0",
        "/responses",
        "/host",
        "/actions/0",
        "/actions/0/when",
        "/actions/2/when/path",
        "/actions/3/ask",
        "/policy_service",
        "/policy_service/token",
        "/limits",
    ] {
        let mut document = full();
        let pointer = format!("{parent}/x~1y");
        change(&mut document, &pointer, Some(json!(1)));
        refused(&document, &pointer, &pointer, "unknown key; known here: ");
    }
}

/// Nobody releases what was never held.
#[test]
fn observing_goes_with_no_review_and_no_ask() {
    check(vec![
        ("/mode", json!("observe"), "/mode", "observe goes with no"),
        ("/mode", json!("look"), "/mode", "must be one of"),
        ("/observability", json!({}), "/observability", "access_log"),
        (
            "/observability",
            json!({"access_log": "yes"}),
            "/observability/access_log",
            "",
        ),
    ]);
}

/// A policy that lets known values through is refused wherever it is read.
#[test]
fn a_rule_that_an_exemption_undoes_fails_the_self_check() {
    let mut document = full();
    document["masking"]["rules"] = json!([{"key": "badge", "class": "identifier"}]);
    document["masking"]["exempt"] = json!([{"path": "$..badge"}]);
    refused(
        &document,
        "exempt",
        "/masking",
        "the key badge lets a value through",
    );
}

/// What later versions bring is refused by name, never ignored.
#[test]
fn what_is_not_yet_supported() {
    check(vec![
        ("/policies", json!({}), "/actions", "into each of them"),
        (
            "/actions/3/records",
            json!("$.entry"),
            "/actions/3/records",
            "not yet supported",
        ),
        (
            "/actions/3/limits",
            json!({"records": 1}),
            "/actions/3/limits",
            "not yet supported",
        ),
    ]);
}

#[test]
fn missing_keys() {
    for (removed, pointer, fragment) in [
        ("/version", "", "\"version\""),
        ("/masking", "", "\"masking\""),
        ("/identity/jwt/metadata", "/identity/jwt", "\"metadata\""),
        ("/masking/keys/0/id", "/masking/keys/0", "\"id\""),
        (
            "/masking/keys/0/environment",
            "/masking/keys/0",
            "\"environment\"",
        ),
        (
            "/masking/rules/0/path",
            "/masking/rules/0",
            "exactly one of: path, key",
        ),
        ("/masking/rules/0/class", "/masking/rules/0", "\"class\""),
        (
            "/masking/rules/0/operator/partial/keep_last",
            "/masking/rules/0/operator/partial",
            "\"keep_last\"",
        ),
        ("/masking/exempt/0/path", "/masking/exempt/0", "\"path\""),
        (
            "/masking/detectors/0/name",
            "/masking/detectors/0",
            "\"name\"",
        ),
        (
            "/masking/detectors/0/class",
            "/masking/detectors/0",
            "\"class\"",
        ),
        (
            "/masking/detectors/0/pattern",
            "/masking/detectors/0",
            "exactly one of: pattern, dictionary",
        ),
        (
            "/masking/detectors/0/words",
            "/masking/detectors/0/required",
            "without words",
        ),
        ("/responses/otherwise", "/responses", "\"otherwise\""),
        (
            "/host/headers_stop_iteration",
            "/host",
            "\"headers_stop_iteration\"",
        ),
        ("/actions/0/name", "/actions/0", "\"name\""),
        ("/actions/0/effect", "/actions/0", "\"effect\""),
        ("/actions/1/hold", "/actions/1", "\"hold\""),
        ("/actions/3/ask/lift", "/actions/3/ask", "\"lift\""),
        ("/policy_service/cluster", "/policy_service", "\"cluster\""),
        (
            "/policy_service/authority",
            "/policy_service",
            "\"authority\"",
        ),
        ("/policy_service/token", "/policy_service", "\"token\""),
        (
            "/policy_service/token/environment",
            "/policy_service/token",
            "\"environment\"",
        ),
        (
            "/policy_service/public_keys",
            "/policy_service",
            "\"public_keys\"",
        ),
    ] {
        let mut document = full();
        change(&mut document, removed, None);
        refused(&document, removed, pointer, fragment);
    }
}

#[test]
fn whole_profiles() {
    let profile = |member: &str, value: Value| {
        let mut profile = json!({"profile": "p", "version": 1, "about": ""});
        profile[member] = value;
        profile
    };
    let rule = |rule: Value| profile("rules", json!([{"class": "name", "keys": ["a"]}, rule]));
    let at = "/masking/profiles/0";
    for (value, pointer, fragment) in [
        (json!(7), "", "must be the name of a profile, or all of one"),
        (profile("profile", json!("pii")), "/profile", "shipped"),
        (profile("version", json!(0)), "/version", "from 1"),
        (profile("version", json!("x")), "", "must be u32"),
        (profile("detektors", json!([])), "", "`detektors`"),
        (
            rule(json!({"class": "nome", "keys": ["b"]})),
            "/rules/1/class",
            "unknown class",
        ),
        (
            rule(json!({"class": "name", "keys": ["b"], "operator": "blur"})),
            "/rules/1/operator",
            "unknown word",
        ),
    ] {
        let mut document = full();
        change(&mut document, at, Some(value));
        refused(&document, at, &format!("{at}{pointer}"), fragment);
    }
    for (profiles, pointer, fragment) in [
        (
            json!([profile("about", json!("x")), profile("about", json!("y"))]),
            "/masking/profiles/1",
            "listed twice",
        ),
        (
            json!(["hipaa-safe-harbor", "hipaa-limited-data-set"]),
            "/masking/profiles/1",
            "contradict",
        ),
        (
            json!([
                "pii",
                rule(json!({"class": "name", "keys": ["b"], "operator": "token"}))
            ]),
            "/masking/profiles/1",
            "masking.keys",
        ),
    ] {
        let document = json!({"version": 1, "masking": {"profiles": profiles}});
        refused(&document, "the list", pointer, fragment);
    }
}

#[test]
fn values_of_the_wrong_kind_or_range() {
    check(vec![
        ("/version", json!(2), "/version", "must be 1"),
        ("/version", json!(1.5), "/version", "integer"),
        ("/version", json!("1"), "/version", "must be a number"),
        ("/version", json!(-1), "/version", "integer"),
        ("/identity", Value::Null, "/identity", "must be an object"),
        (
            "/masking/profiles",
            json!("pii"),
            "/masking/profiles",
            "must be a list",
        ),
        (
            "/masking/profiles",
            json!([]),
            "/masking/profiles",
            "is empty",
        ),
        (
            "/masking/profiles/0",
            json!("hipaa"),
            "/masking/profiles/0",
            "unknown profile",
        ),
        (
            "/masking/profiles/0",
            json!(""),
            "/masking/profiles/0",
            "must not be empty",
        ),
        (
            "/masking/profiles/1",
            json!("hipaa-safe-harbor"),
            "/masking/profiles/1",
            "listed twice",
        ),
        (
            "/masking/keys/0/id",
            json!("a b"),
            "/masking/keys/0/id",
            "must be a name",
        ),
        (
            "/masking/keys/0/id",
            json!("-a"),
            "/masking/keys/0/id",
            "must be a name",
        ),
        (
            "/masking/keys/0/environment",
            json!("1X"),
            "/masking/keys/0/environment",
            "environment variable",
        ),
        (
            "/masking/keys/0/environment",
            json!("A-B"),
            "/masking/keys/0/environment",
            "environment variable",
        ),
        (
            "/masking/keys/-",
            json!({"id": "k1", "environment": "B"}),
            "/masking/keys/1/id",
            "another key",
        ),
        (
            "/masking/keys/-",
            json!({"id": "k2", "environment": "VELUM_MASKING_KEY"}),
            "/masking/keys/1/environment",
            "another key",
        ),
        (
            "/masking/rules/0/key",
            json!("a"),
            "/masking/rules/0",
            "exactly one of: path, key",
        ),
        (
            "/masking/rules/1/key",
            json!(["a", "a"]),
            "/masking/rules/1/key/1",
            "listed twice",
        ),
        (
            "/masking/rules/1/key",
            json!([]),
            "/masking/rules/1/key",
            "is empty",
        ),
        (
            "/masking/rules/0/class",
            json!("names"),
            "/masking/rules/0/class",
            "unknown class; known: ",
        ),
        (
            "/masking/rules/0/operator",
            json!("hash"),
            "/masking/rules/0/operator",
            "must be one of: redact",
        ),
        (
            "/masking/rules/0/operator",
            json!({}),
            "/masking/rules/0/operator",
            "exactly one of: replace",
        ),
        (
            "/masking/rules/0/operator",
            json!({"replace": "x", "generalize": "year"}),
            "/masking/rules/0/operator",
            "exactly one of",
        ),
        (
            "/masking/rules/0/operator",
            json!({"replace": null}),
            "/masking/rules/0/operator/replace",
            "string, a boolean or an integer",
        ),
        (
            "/masking/rules/0/operator",
            json!({"generalize": "month"}),
            "/masking/rules/0/operator/generalize",
            "one of: year, birth-year, instant, zip3, age, age-number, {range",
        ),
        (
            "/masking/rules/0/operator",
            json!({"generalize": {"range": {"width": 0}}}),
            "/masking/rules/0/operator/generalize/range/width",
            "from 1 to",
        ),
        (
            "/masking/rules/0/operator",
            json!({"generalize": {"range": {}}}),
            "/masking/rules/0/operator/generalize/range",
            "\"width\"",
        ),
        (
            "/masking/rules/0/operator",
            json!({"token": {"prefix": "M R"}}),
            "/masking/rules/0/operator/token/prefix",
            "at most 16 letters",
        ),
        (
            "/masking/rules/0/operator",
            json!({"token": {"prefix": ""}}),
            "/masking/rules/0/operator/token/prefix",
            "must not be empty",
        ),
        (
            "/masking/rules/0/operator",
            json!({"fpe": {"alphabet": "hex"}}),
            "/masking/rules/0/operator/fpe/alphabet",
            "one of: digits, alphanumeric",
        ),
        (
            "/masking/rules/0/operator",
            json!({"fpe": {"alphabet": "alphanumeric", "luhn": true}}),
            "/masking/rules/0/operator/fpe/luhn",
            "only digits have a check digit",
        ),
        (
            "/masking/rules/0/operator",
            json!("date_shift"),
            "/masking/rules/0/operator",
            "{date_shift: {days: …}}",
        ),
        (
            "/masking/rules/0/operator",
            json!({"date_shift": {"days": 3651}}),
            "/masking/rules/0/operator/date_shift/days",
            "from 1 to 3650",
        ),
        (
            "/masking/rules/0/operator/partial/keep_last",
            json!(0),
            "/masking/rules/0/operator/partial/keep_last",
            "from 1 to 4",
        ),
        (
            "/masking/rules/0/operator/partial/keep_last",
            json!(5),
            "/masking/rules/0/operator/partial/keep_last",
            "from 1 to 4",
        ),
        (
            "/responses/otherwise",
            json!("mask"),
            "/responses/otherwise",
            "one of: refuse, pass",
        ),
        (
            "/responses/encodings",
            json!("br"),
            "/responses/encodings",
            "one of: refuse, decode",
        ),
        (
            "/responses/text",
            json!(["text/csv"]),
            "/responses/text/0",
            "one of: text/plain, text/html",
        ),
        (
            "/responses/text",
            json!(["text/html", "text/html"]),
            "/responses/text/1",
            "twice",
        ),
        ("/responses/text", json!([]), "/responses/text", "is empty"),
        ("/responses", json!({}), "/responses", "needs one of"),
        (
            "/limits/expansion",
            json!(1),
            "/limits/expansion",
            "from 2 to 1032",
        ),
        (
            "/host/headers_stop_iteration",
            json!("true"),
            "/host/headers_stop_iteration",
            "true or false",
        ),
        ("/mode", json!("off"), "/mode", "one of: enforce"),
        ("/actions", json!([]), "/actions", "is empty"),
        (
            "/actions/0/name",
            json!("a b"),
            "/actions/0/name",
            "must be a name",
        ),
        (
            "/actions/1/name",
            json!("health"),
            "/actions/1/name",
            "another action",
        ),
        (
            "/actions/0/effect",
            json!("allow"),
            "/actions/0/effect",
            "one of: pass, mask, review, deny",
        ),
        (
            "/actions/1/hold",
            json!("0s"),
            "/actions/1/hold",
            "longer than zero",
        ),
        ("/actions/1/hold", json!(120), "/actions/1/hold", "duration"),
        (
            "/actions/1/hold",
            json!("120"),
            "/actions/1/hold",
            "duration",
        ),
        (
            "/actions/1/hold",
            json!("1.5s"),
            "/actions/1/hold",
            "duration",
        ),
        (
            "/actions/1/hold",
            json!("-1s"),
            "/actions/1/hold",
            "duration",
        ),
        (
            "/actions/1/hold",
            json!("2h"),
            "/actions/1/hold",
            "duration",
        ),
        (
            "/actions/1/hold",
            json!("99999999999999999999s"),
            "/actions/1/hold",
            "duration",
        ),
        (
            "/actions/1/otherwise",
            json!("pass"),
            "/actions/1/otherwise",
            "one of: refuse, mask",
        ),
        (
            "/actions/3/ask/lift",
            json!([]),
            "/actions/3/ask/lift",
            "is empty",
        ),
        (
            "/actions/3/ask/lift/0",
            json!("surname"),
            "/actions/3/ask/lift/0",
            "unknown class",
        ),
        (
            "/actions/3/ask/lift/1",
            json!("name"),
            "/actions/3/ask/lift/1",
            "listed twice",
        ),
        (
            "/policy_service/cluster",
            json!("a\nb"),
            "/policy_service/cluster",
            "control characters",
        ),
        (
            "/policy_service/authority",
            json!("a b"),
            "/policy_service/authority",
            "host name",
        ),
        (
            "/policy_service/authority",
            json!("http://a"),
            "/policy_service/authority",
            "host name",
        ),
        (
            "/policy_service/public_keys",
            json!([]),
            "/policy_service/public_keys",
            "is empty",
        ),
        (
            "/policy_service/public_keys/0",
            json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            "/policy_service/public_keys/0",
            "ed25519:",
        ),
        (
            "/policy_service/public_keys/0",
            json!("ed25519:AAEC"),
            "/policy_service/public_keys/0",
            "32 bytes",
        ),
        (
            "/policy_service/public_keys/-",
            json!("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            "/policy_service/public_keys/1",
            "listed twice",
        ),
        ("/limits/depth", json!(4), "/limits/depth", "from 8 to 1024"),
        (
            "/limits/depth",
            json!(1e300),
            "/limits/depth",
            "from 8 to 1024",
        ),
        (
            "/limits/token_bytes",
            json!(16),
            "/limits/token_bytes",
            "integer from",
        ),
        (
            "/limits/held_bytes",
            json!(1 << 30),
            "/limits/held_bytes",
            "integer from",
        ),
        (
            "/limits/members",
            json!(1000),
            "/limits/members",
            "from 1024 to 4294967295",
        ),
        (
            "/limits/keys",
            json!(1_u64 << 32),
            "/limits/keys",
            "from 1024 to 4294967295",
        ),
        (
            "/limits/held_body",
            json!(0.5),
            "/limits/held_body",
            "integer from",
        ),
        (
            "/limits/held_body",
            json!((4 << 20) + 1),
            "/limits/held_body",
            "from 1024 to 4194304",
        ),
    ]);
}

#[test]
fn identities_that_are_none() {
    let any = json!("any-peer");
    check(vec![
        ("/identity", json!({}), "/identity", "exactly one of: jwt"),
        (
            "/identity",
            json!({"jwt": {"metadata": ["a", "b"]}, "peer_certificate": "subject"}),
            "/identity",
            "exactly one of",
        ),
        (
            "/identity",
            json!({"jwt": {"metadata": ["a"]}}),
            "/identity/jwt/metadata",
            "namespace",
        ),
        (
            "/identity",
            json!({"peer_certificate": "cn"}),
            "/identity/peer_certificate",
            "uri_san, dns_san, subject",
        ),
        (
            "/identity",
            json!({"peer_certificate": "subject", "from": any}),
            "/identity/from",
            "belongs to `header`",
        ),
        (
            "/identity",
            json!({"header": "x-user"}),
            "/identity",
            "\"from\"",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": "any"}),
            "/identity/from",
            "any-peer",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": []}),
            "/identity/from",
            "is empty",
        ),
        (
            "/identity",
            json!({"header": "x-user", "from": ["a", "a"]}),
            "/identity/from/1",
            "listed twice",
        ),
        (
            "/identity",
            json!({"header": "X-User", "from": any}),
            "/identity/header",
            "lower case",
        ),
        (
            "/identity",
            json!({"header": ":authority", "from": any}),
            "/identity/header",
            "authority",
        ),
        (
            "/identity",
            json!({"header": "x user", "from": any}),
            "/identity/header",
            "not the name",
        ),
        (
            "/identity",
            json!({"header": "velum-user", "from": any}),
            "/identity/header",
            "velum-*",
        ),
        (
            "/identity",
            json!({"header": "velum_user", "from": any}),
            "/identity/header",
            "velum-*",
        ),
    ]);
}

#[test]
fn conditions_that_say_nothing_or_never_hold() {
    let when = "/actions/2/when";
    let at = |suffix: &str| -> &'static str {
        Box::leak(format!("/actions/2/when{suffix}").into_boxed_str())
    };
    check(vec![
        (when, json!({}), when, "is empty"),
        (when, json!([]), when, "must be an object"),
        (when, json!({"method": []}), at("/method"), "is empty"),
        (when, json!({"method": "get"}), at("/method"), "upper case"),
        (
            when,
            json!({"method": ["PUT", "PUT"]}),
            at("/method/1"),
            "listed twice",
        ),
        (
            when,
            json!({"path": "admin"}),
            at("/path"),
            "must start with /",
        ),
        (when, json!({"path": "/a%20b"}), at("/path"), "decoded"),
        (when, json!({"path": "/a?b"}), at("/path"), "query"),
        (when, json!({"path": "/a;b"}), at("/path"), "query"),
        (when, json!({"path": "/a//b"}), at("/path"), "resolved"),
        (when, json!({"path": "/a/../b"}), at("/path"), "resolved"),
        (when, json!({"path": "/a/."}), at("/path"), "resolved"),
        (when, json!({"path": "/a/"}), at("/path"), "trailing /"),
        (
            when,
            json!({"path": "/a\u{200b}"}),
            at("/path"),
            "never in a canonical path",
        ),
        (
            when,
            json!({"path": {}}),
            at("/path"),
            "exactly one of: prefix",
        ),
        (
            when,
            json!({"path": {"prefix": "/a", "suffix": "b"}}),
            at("/path"),
            "exactly one of",
        ),
        (
            when,
            json!({"path": {"prefix": "a"}}),
            at("/path/prefix"),
            "must start with /",
        ),
        (
            when,
            json!({"path": {"prefix": "/a//"}}),
            at("/path/prefix"),
            "resolved",
        ),
        (
            when,
            json!({"path": {"prefix": "/../a"}}),
            at("/path/prefix"),
            "resolved",
        ),
        (
            when,
            json!({"path": {"suffix": "a/"}}),
            at("/path/suffix"),
            "trailing /",
        ),
        (
            when,
            json!({"path": {"suffix": "%24x"}}),
            at("/path/suffix"),
            "decoded",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{id"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{}"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/*"}}),
            at("/path/segments"),
            "{name}",
        ),
        (
            when,
            json!({"path": {"segments": "/a/{id}/"}}),
            at("/path/segments"),
            "trailing /",
        ),
        (when, json!({"header": {}}), at("/header"), "is empty"),
        (
            when,
            json!({"header": {"X-A": "1"}}),
            at("/header/X-A"),
            "lower case",
        ),
        (
            when,
            json!({"header": {"velum-lift": "name"}}),
            at("/header/velum-lift"),
            "never conditions",
        ),
        (
            when,
            json!({"header": {"velum_reason": {"present": true}}}),
            at("/header/velum_reason"),
            "never conditions",
        ),
        (
            when,
            json!({"header": {":path": "/"}}),
            at("/header/:path"),
            "`path`",
        ),
        (
            when,
            json!({"header": {"host": "a"}}),
            at("/header/host"),
            "`authority`",
        ),
        (
            when,
            json!({"header": {"a": 1}}),
            at("/header/a"),
            "must be an object",
        ),
        (
            when,
            json!({"header": {"a": {"present": "yes"}}}),
            at("/header/a/present"),
            "true or false",
        ),
        (
            when,
            json!({"query": {"a%20": "1"}}),
            at("/query/a%20"),
            "decoded name",
        ),
        (
            when,
            json!({"query": {"": "1"}}),
            at("/query/"),
            "decoded name",
        ),
        (
            when,
            json!({"query": {"_Method": "1"}}),
            at("/query/_Method"),
            "method override",
        ),
        (
            when,
            json!({"query": {"a": {"regex": "."}}}),
            at("/query/a/regex"),
            "unknown key",
        ),
        (
            when,
            json!({"authority": "A.example"}),
            at("/authority"),
            "lower case",
        ),
        (
            when,
            json!({"authority": "a@b.example"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "a.example:x"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "a.example:99999"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": "*.example"}),
            at("/authority"),
            "host name",
        ),
        (
            when,
            json!({"authority": {"suffix": "example"}}),
            at("/authority/suffix"),
            "from a dot",
        ),
        (
            when,
            json!({"authority": {"suffix": ".example:80"}}),
            at("/authority/suffix"),
            "from a dot",
        ),
        (
            when,
            json!({"principal": {}}),
            at("/principal"),
            "name issuer or subject",
        ),
        (
            when,
            json!({"principal": {"subject": {"suffix": ""}}}),
            at("/principal/subject/suffix"),
            "must not be empty",
        ),
        (when, json!({"claims": {}}), at("/claims"), "is empty"),
        (
            when,
            json!({"claims": {"": "a"}}),
            at("/claims/"),
            "name of a claim",
        ),
        (
            when,
            json!({"claims": {"/a//b": "a"}}),
            at("/claims/~1a~1~1b"),
            "name of a claim",
        ),
        (
            when,
            json!({"claims": {"a": null}}),
            at("/claims/a"),
            "a string, a boolean or an integer",
        ),
        (
            when,
            json!({"claims": {"a": {"contains": [1]}}}),
            at("/claims/a/contains"),
            "a string, a boolean or an integer",
        ),
        (when, json!({"any": []}), at("/any"), "is empty"),
        (
            when,
            json!({"any": [{"path": "/a"}, {}]}),
            at("/any/1"),
            "is empty",
        ),
        (
            when,
            json!({"all": {"path": "/a"}}),
            at("/all"),
            "must be a list",
        ),
        (
            when,
            json!({"not": {"not": {}}}),
            at("/not/not"),
            "is empty",
        ),
        // Contradictions.
        (
            when,
            json!({"path": "/a", "not": {"path": {"prefix": "/"}}}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"path": "/a"}, {"path": "/b"}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"method": "PUT"}, {"method": "POST"}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"any": [{"all": [{"path": "/a"}, {"path": {"prefix": "/b"}}]}, {"path": "/c", "all": [{"path": "/d"}]}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"header": {"a": {"present": false}}, "all": [{"header": {"a": "1"}}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"all": [{"authority": "a.example"}, {"authority": {"suffix": ".org"}}]}),
            when,
            "contradict",
        ),
        (
            when,
            json!({"claims": {"a": "1"}, "all": [{"claims": {"a": "2"}}]}),
            when,
            "contradict",
        ),
    ]);
}

#[test]
fn a_condition_with_too_many_alternatives() {
    let part = |index: usize| json!({"any": [{"path": format!("/a{index}")}, {"header": {"x": index.to_string()}}]});
    let mut document = full();
    change(
        &mut document,
        "/actions/2/when",
        Some(json!({"all": (0..12).map(part).collect::<Vec<_>>()})),
    );
    refused(
        &document,
        "2^12 alternatives",
        "/actions/2/when",
        "too many alternatives",
    );
}

#[test]
fn principals_without_identity_and_claims_without_a_token() {
    for (identity, when, pointer, fragment) in [
        (
            None,
            json!({"principal": {"subject": "a"}}),
            "/actions/0/when/principal",
            "/identity",
        ),
        (
            None,
            json!({"not": {"claims": {"a": "b"}}}),
            "/actions/0/when/not/claims",
            "jwt",
        ),
        (
            Some(json!({"peer_certificate": "uri_san"})),
            json!({"claims": {"a": "b"}}),
            "/actions/0/when/claims",
            "jwt",
        ),
    ] {
        let mut document = json!({
            "version": 1, "masking": {"profiles": ["pii"]},
            "actions": [{"name": "a", "when": when, "effect": "deny"}]
        });
        if let Some(identity) = identity {
            change(&mut document, "/identity", Some(identity));
        }
        refused(&document, pointer, pointer, fragment);
    }
}

#[test]
fn fields_that_the_effect_leaves_without_meaning() {
    check(vec![
        (
            "/actions/0/lift",
            json!(["name"]),
            "/actions/0/lift",
            "has no effect",
        ),
        (
            "/actions/0/hold",
            json!("1s"),
            "/actions/0/hold",
            "has no effect",
        ),
        (
            "/actions/0/otherwise",
            json!("refuse"),
            "/actions/0/otherwise",
            "has no effect",
        ),
        (
            "/actions/0/ask",
            json!({"lift": ["name"]}),
            "/actions/0/ask",
            "has no effect",
        ),
        (
            "/actions/2/ask",
            json!({"lift": ["name"]}),
            "/actions/2/ask",
            "has no effect",
        ),
        (
            "/actions/2/hold",
            json!("1s"),
            "/actions/2/hold",
            "has no effect",
        ),
        (
            "/actions/1/ask",
            json!({"lift": ["name"]}),
            "/actions/1/ask",
            "list `lift` instead",
        ),
        (
            "/actions/3/lift",
            json!(["name"]),
            "/actions/3/lift",
            "under `ask`",
        ),
        (
            "/actions/3/hold",
            json!("1s"),
            "/actions/3/hold",
            "under `ask`",
        ),
        (
            "/actions/3/otherwise",
            json!("mask"),
            "/actions/3/otherwise",
            "under `ask`",
        ),
    ]);
}

#[test]
fn reviews_that_nobody_could_hold() {
    for (missing, name) in [
        ("/policy_service", "/policy_service"),
        ("/masking/keys", "/masking/keys"),
        ("/identity", "/identity"),
    ] {
        let mut document = full();
        change(&mut document, missing, None);
        refused(&document, missing, "/actions/1/effect", name);
        change(&mut document, "/actions/1", None);
        refused(&document, missing, "/actions/2/ask", name);
        change(&mut document, "/actions/2", None);
        if missing == "/masking/keys" {
            refused(&document, missing, "/masking", "keys");
            change(&mut document, "/policy_service", None);
        }
        parse(&document).unwrap_or_else(|error| panic!("nothing is reviewed any more: {error}"));
    }
}

#[test]
fn credentials_are_never_lifted() {
    check(vec![
        (
            "/actions/3/ask/lift/-",
            json!("credential"),
            "/actions/3/ask/lift/2",
            "never lifted",
        ),
        (
            "/actions/1/lift",
            json!(["credential"]),
            "/actions/1/lift/0",
            "never lifted",
        ),
    ]);
}

/// An answer before the review would be the effect of the very request that needs it.
#[test]
fn unsafe_methods_take_no_answer_before_their_review() {
    let mut vectors = Vec::new();
    for when in [
        json!({"path": "/a"}),
        json!({"method": "POST"}),
        json!({"method": ["GET", "DELETE"]}),
        json!({"not": {"method": "DELETE"}}),
        json!({"any": [{"method": "GET"}, {"path": "/a"}]}),
        json!({"method": "TRACE"}),
    ] {
        vectors.push((
            "/actions/3",
            json!({"name": "x", "when": when, "effect": "mask", "ask": {"lift": ["name"]}}),
            "/actions/3/ask",
            "unsafe method",
        ));
        vectors.push(("/actions/3", json!({"name": "x", "when": when, "effect": "review", "hold": "1s", "otherwise": "mask"}), "/actions/3/otherwise", "unsafe method"));
    }
    vectors.push((
        "/actions/3",
        json!({"name": "x", "effect": "mask", "ask": {"lift": ["name"]}}),
        "/actions/3/ask",
        "unsafe method",
    ));
    check(vectors);
}

#[test]
fn what_a_caller_writes_may_not_lead_to_pass() {
    let pass = |when: Value| json!({"name": "x", "when": when, "effect": "pass"});
    let when = "/actions/0/when";
    check(vec![
        (
            "/actions/0",
            pass(json!({"path": "/a", "header": {"x": "1"}})),
            when,
            "freely",
        ),
        (
            "/actions/0",
            pass(json!({"path": "/a", "query": {"x": "1"}})),
            when,
            "freely",
        ),
        (
            "/actions/0",
            pass(json!({"path": "/a", "not": {"header": {"x": "1"}}})),
            when,
            "freely",
        ),
        (
            "/actions/0",
            pass(
                json!({"any": [{"path": "/a"}, {"path": "/b", "query": {"x": {"present": false}}}]}),
            ),
            when,
            "freely",
        ),
        // Not named at all.
        (
            "/actions/0",
            json!({"name": "x", "effect": "pass"}),
            "/actions/0",
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"method": "OPTIONS"})),
            when,
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"authority": "static.example"})),
            when,
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"path": {"suffix": ".js"}})),
            when,
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"path": {"prefix": "/static"}})),
            when,
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"not": {"path": "/Patient"}})),
            when,
            "has to name",
        ),
        (
            "/actions/0",
            pass(json!({"any": [{"path": "/a"}, {"method": "GET"}]})),
            when,
            "has to name",
        ),
    ]);
    // By leaving a header out, a caller would slip past the first action into the second.
    let mut document = full();
    change(
        &mut document,
        "/actions",
        Some(json!([
            {"name": "guard", "when": {"path": {"prefix": "/a/"}, "header": {"x-internal": {"present": true}}}, "effect": "mask"},
            {"name": "open", "when": {"path": "/a/b"}, "effect": "pass"}
        ])),
    );
    refused(&document, "slip past", "/actions/1", "slip past \"guard\"");
    change(&mut document, "/actions/1/when/path", Some(json!("/b")));
    parse(&document).unwrap();
}

#[test]
fn actions_that_never_match() {
    for (earlier, later) in [
        (None, json!({"path": "/a"})),
        (Some(json!({"path": "/a"})), json!({"path": "/a"})),
        (
            Some(json!({"path": {"prefix": "/a/"}})),
            json!({"path": "/a/b", "method": "GET"}),
        ),
        (
            Some(json!({"method": ["GET", "HEAD"]})),
            json!({"method": "GET"}),
        ),
        (
            Some(json!({"path": {"segments": "/a/{id}"}})),
            json!({"path": {"segments": "/a/b"}}),
        ),
        (
            Some(json!({"any": [{"path": "/a"}, {"path": "/b"}]})),
            json!({"any": [{"path": "/b"}, {"path": "/a"}]}),
        ),
        (
            Some(json!({"not": {"method": "GET"}})),
            json!({"method": "PUT"}),
        ),
        (
            Some(json!({"not": {"path": "/a"}})),
            json!({"not": {"path": {"prefix": "/"}}, "path": {"suffix": "x"}}),
        ),
        (
            Some(json!({"authority": "a.example"})),
            json!({"authority": "a.example:80"}),
        ),
        (
            Some(json!({"header": {"x": {"present": true}}})),
            json!({"header": {"x": {"prefix": "a"}}}),
        ),
        (
            Some(json!({"query": {"x": {"prefix": "a"}}})),
            json!({"query": {"x": "ab"}}),
        ),
    ] {
        let mut first = json!({"name": "first", "effect": "deny"});
        if let Some(when) = &earlier {
            change(&mut first, "/when", Some(when.clone()));
        }
        let document = json!({
            "version": 1, "masking": {"profiles": ["pii"]},
            "actions": [first, {"name": "second", "when": later, "effect": "mask"}]
        });
        refused(
            &document,
            &document.to_string(),
            "/actions/1",
            "can never match",
        );
    }
}

#[test]
fn masking_that_masks_nothing() {
    for (masking, pointer, fragment) in [
        (json!({}), "/masking", "masks nothing"),
        (
            json!({"keys": [{"id": "k", "environment": "K"}]}),
            "/masking",
            "masks nothing",
        ),
        (
            json!({"exempt": [{"path": "$.a"}]}),
            "/masking",
            "masks nothing",
        ),
    ] {
        refused(
            &json!({"version": 1, "masking": masking}),
            pointer,
            pointer,
            fragment,
        );
    }
}

/// What the engine refuses has the place of the rule or exemption.
#[test]
fn rules_that_the_engine_refuses() {
    check(vec![
        (
            "/masking/exempt/-",
            json!({"path": "$.resourceType"}),
            "/masking/exempt/1",
            "twice",
        ),
        (
            "/masking/exempt/0/path",
            json!("resourceType"),
            "/masking/exempt/0",
            "",
        ),
        (
            "/masking/exempt/0/path",
            json!("$..*"),
            "/masking/exempt/0",
            "",
        ),
        (
            "/masking/rules/0/path",
            json!("$.a[?@.b < 1]"),
            "/masking/rules/0",
            "",
        ),
        (
            "/masking/rules/-",
            json!({"path": "$..mrn", "class": "name"}),
            "/masking/rules/2",
            "never fire",
        ),
        (
            "/masking/rules/-",
            json!({"key": "left_on", "class": "name"}),
            "/masking/rules/2",
            "",
        ),
        (
            "/masking/rules/-",
            json!({"key": "_", "class": "name"}),
            "/masking/rules/2",
            "",
        ),
    ]);
}

/// No message repeats what stands in the document, but for names that are the policy's own.
#[test]
fn messages_hold_no_values() {
    let secret = "hunter2";
    for place in [
        "/version",
        "/masking/rules/0/class",
        "/policy_service/token",
        "/policy_service/public_keys/0",
        "/actions/1/hold",
        "/masking/profiles/0",
        "/masking/profiles/3/version",
        "/masking/profiles/3/rules/0/class",
        "/masking/profiles/3/rules/0/operator",
        "/masking/profiles/3/detectors/0",
        "/masking/detectors/0/checksum",
        "/masking/detectors/0/class",
        "/identity",
    ] {
        let mut document = full();
        let profile = json!({
            "profile": "p", "version": 1, "about": "", "detectors": ["email"],
            "rules": [{"class": "name", "keys": ["a"], "operator": "redact"}]
        });
        change(&mut document, "/masking/profiles/-", Some(profile));
        change(&mut document, place, Some(json!(secret)));
        let error = parse(&document).unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

#[test]
fn operators_that_need_a_key_where_there_is_none() {
    for operator in [
        json!("token"),
        json!("fpe"),
        json!({"token": {"prefix": "MRN-"}}),
        json!({"fpe": {"alphabet": "alphanumeric"}}),
        json!({"date_shift": {"days": 50}}),
        json!("pseudonym"),
        json!({"pseudonym": "reference"}),
    ] {
        let document = json!({"version": 1, "masking": {
            "rules": [{"key": "mrn", "class": "mrn", "operator": operator}],
        }});
        let error = Policy::parse(document.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.pointer, "/masking/rules/0/operator");
        assert!(
            error
                .message
                .ends_with(" needs a key: list one under masking.keys"),
            "{error}"
        );
    }
}

#[test]
fn ids() {
    let keys = json!([{"id": "k1", "environment": "A"}]);
    let none = json!([]);
    for (ids, profiles, keys, fragment) in [
        (
            json!("token"),
            json!(["fhir-r4"]),
            &keys,
            "must be one of: keep, pseudonym",
        ),
        (json!(true), json!(["fhir-r4"]), &keys, "must be"),
        (
            json!("pseudonym"),
            json!(["fhir-r4"]),
            &none,
            "pseudonym needs a key: list one under masking.keys",
        ),
        (
            json!("pseudonym"),
            json!(["pii", "credentials"]),
            &keys,
            "has no effect: no profile under masking.profiles has rules about ids",
        ),
    ] {
        let mut masking = json!({"ids": ids, "profiles": profiles});
        if *keys != none {
            masking["keys"] = keys.clone();
        }
        let document = json!({"version": 1, "masking": masking});
        refused(&document, &masking.to_string(), "/masking/ids", fragment);
    }
    let operator = json!({"pseudonym": "id"});
    let rule = json!({"key": "x", "class": "other", "operator": operator});
    let document = json!({"version": 1, "masking": {"rules": [rule], "keys": keys}});
    let at = "/masking/rules/0/operator/pseudonym";
    refused(&document, "another form", at, "reference");
}

/// (what is changed below `/masking/detectors`, to what, pointer of the fault below it, fragment of the
/// message)
#[test]
fn detectors_that_cannot_be() {
    for (place, value, pointer, fragment) in [
        ("", json!([]), "", "is empty"),
        ("", json!({}), "", "must be a list"),
        ("/0", json!("badge"), "/0", "must be an object"),
        ("/0/name", json!("Badge"), "/0/name", "small letters"),
        ("/0/name", json!("email"), "/0/name", "a shipped detector"),
        ("/0/name", json!(7), "/0/name", "must be a string"),
        ("/1/name", json!("badge"), "/1/name", "another detector"),
        ("/0/class", json!("badge"), "/0/class", "unknown class"),
        ("/0/pattern", json!(""), "/0/pattern", "must not be empty"),
        ("/0/pattern", json!("a("), "/0/pattern", "from byte 1 on"),
        ("/0/pattern", json!("a*"), "/0/pattern", "empty text"),
        (
            "/0/pattern",
            json!("(a)\\1"),
            "/0/pattern",
            "backreferences",
        ),
        ("/0/pattern", json!("a{9999}{9}"), "/0/pattern", "too large"),
        ("/0/pattern", json!(["a"]), "/0/pattern", "must be a string"),
        ("/0/dictionary", json!(["abc"]), "/0", "exactly one of"),
        ("/0/checksum", json!("crc"), "/0/checksum", "one of: luhn"),
        ("/1/checksum", json!("luhn"), "/1/checksum", "leave it out"),
        ("/0/words", json!([]), "/0/words", "is empty"),
        ("/0/words", json!("badge"), "/0/words", "must be a list"),
        ("/0/words/1", json!("BADGE"), "/0/words/1", "listed twice"),
        ("/0/words/1", json!("#"), "/0/words/1", "no letter"),
        ("/0/required", json!("yes"), "/0/required", "true or false"),
        ("/0/boundaries", json!(0), "/0/boundaries", "true or false"),
        ("/0/codes", json!(null), "/0/codes", "true or false"),
        ("/1/dictionary", json!([]), "/1/dictionary", "is empty"),
        ("/1/dictionary", json!("abc"), "/1/dictionary", "a list"),
        ("/1/dictionary/0", json!(7), "/1/dictionary/0", "a string"),
        (
            "/1/dictionary/1",
            json!("ab"),
            "/1/dictionary/1",
            "at least 3",
        ),
        (
            "/1/dictionary/1",
            json!("birch WARD"),
            "/1/dictionary/1",
            "the same as",
        ),
    ] {
        let what = format!("{place} = {value}");
        let mut document = full();
        change(
            &mut document,
            &format!("/masking/detectors{place}"),
            Some(value),
        );
        let pointer = format!("/masking/detectors{pointer}");
        refused(&document, &what, &pointer, fragment);
    }
    let mut document = full();
    let many: Vec<_> = (0..33)
        .map(|number| json!({"name": format!("n{number}"), "class": "other", "pattern": "x"}))
        .collect();
    change(&mut document, "/masking/detectors", Some(many.into()));
    refused(&document, "33", "/masking/detectors/32", "at most 32");
}

/// What is done with the bodies of requests: never a key without effect, never a promise that the host
/// cannot keep.
#[test]
fn requests_that_could_not_be_inspected_or_flagged() {
    let requests = "/actions/4/requests";
    let outward = |requests: Value| {
        let mut document = full();
        let when = json!({"authority": "partner.example", "method": "POST"});
        let action =
            json!({"name": "outward", "when": when, "effect": "mask", "requests": requests});
        change(&mut document, "/actions/-", Some(action));
        document
    };
    for (value, pointer, fragment) in [
        (json!({}), "", "inspect"),
        (json!({"inspect": false}), "/inspect", "must be true"),
        (
            json!({"inspect": true, "flagon": ["ssn"]}),
            "/flagon",
            "unknown key",
        ),
        (json!({"inspect": true, "flag_on": []}), "/flag_on", "empty"),
        (
            json!({"inspect": true, "flag_on": ["snn"]}),
            "/flag_on/0",
            "unknown class",
        ),
        (
            json!({"inspect": true, "flag_on": ["credential"]}),
            "/flag_on/0",
            "never lifted",
        ),
        (
            json!({"inspect": true, "hold": "5s"}),
            "/hold",
            "without `flag_on`",
        ),
        (
            json!({"inspect": true, "otherwise": "mask"}),
            "/otherwise",
            "pass",
        ),
    ] {
        let pointer = format!("{requests}{pointer}");
        refused(
            &outward(value.clone()),
            &value.to_string(),
            &pointer,
            fragment,
        );
    }
    let flags = || outward(json!({"inspect": true, "flag_on": ["ssn"], "hold": "5s"}));
    assert!(parse(&flags()).is_ok());
    let flag_on = format!("{requests}/flag_on");
    for (pointer, missing) in [
        ("/host", "/host/headers_stop_iteration"),
        ("/masking/keys", "/masking/keys"),
        ("/identity", "/identity"),
        ("/policy_service", "/policy_service"),
    ] {
        let mut document = flags();
        // What else would need them.
        for index in [3, 1] {
            change(&mut document, &format!("/actions/{index}"), None);
        }
        change(&mut document, pointer, None);
        let flag_on = flag_on.replace('4', "2");
        refused(&document, pointer, &flag_on, missing);
    }
    let mut document = flags();
    change(&mut document, "/actions/4/effect", Some(json!("review")));
    change(&mut document, "/actions/4/hold", Some(json!("5s")));
    refused(&document, "a review", &flag_on, "has no effect on a review");
    let mut document = flags();
    change(&mut document, "/actions/4/when/method", Some(json!("GET")));
    change(
        &mut document,
        "/actions/4/ask",
        Some(json!({"lift": ["name"]})),
    );
    change(
        &mut document,
        "/actions/3",
        Some(json!({"name": "x", "when": {"path": "/x"}, "effect": "deny"})),
    );
    refused(&document, "asked too", &flag_on, "make two actions");
    for effect in ["pass", "deny"] {
        let mut document = outward(json!({"inspect": true}));
        change(&mut document, "/actions/4/effect", Some(json!(effect)));
        refused(
            &document,
            effect,
            requests,
            "has no effect on an action that passes or denies",
        );
    }
}

#[test]
fn refused_writes_that_could_not_happen() {
    let mut document = full();
    change(&mut document, "/actions/3/writes", Some(json!("refuse")));
    refused(&document, "reads", "/actions/3/writes", "has no effect");
    change(&mut document, "/actions/3/writes", Some(json!("forbid")));
    refused(&document, "a word", "/actions/3/writes", "refuse");
    change(&mut document, "/actions/3/writes", None);
    change(&mut document, "/actions/1/writes", Some(json!("refuse")));
    assert!(parse(&document).is_ok());
    change(&mut document, "/actions/2/writes", Some(json!("refuse")));
    refused(&document, "denied", "/actions/2/writes", "passes or denies");
}
