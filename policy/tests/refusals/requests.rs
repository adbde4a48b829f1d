//! How requests are inspected, and which may replace.

use serde_json::{Value, json};

use crate::{change, full, parse, refused};

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
