//! The document as such: JSON, keys, kinds and ranges.

use serde_json::{Value, json};
use velum_policy::Policy;

use crate::{change, check, full, parse, refused};

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
        (
            "/limits/token_bytes",
            json!(16 << 20),
            "/limits",
            "more memory than the filter has",
        ),
        (
            "/limits/held_bytes",
            json!(16 << 20),
            "/limits",
            "to 56 MiB together",
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
