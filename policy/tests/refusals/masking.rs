//! Profiles, rules, operators, ids and detectors.

use serde_json::{Value, json};
use velum_policy::Policy;

use crate::{change, check, full, refused};

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

#[test]
fn names_of_rules() {
    let mut document = full();
    document["masking"]["rules"][0]["name"] = json!("first");
    for (name, fragment) in [
        (json!("first"), "the name of another rule too"),
        (json!(""), "must not be empty"),
        (json!("/masking/rules/0"), "must be a name of at most 64"),
        (json!("two words"), "must be a name of at most 64"),
        (json!(7), "must be a string"),
    ] {
        document["masking"]["rules"][1]["name"] = name;
        refused(&document, "name", "/masking/rules/1/name", fragment);
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
