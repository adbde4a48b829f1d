//! What actions do, and in which order.

use serde_json::{Value, json};

use crate::{change, check, full, parse, refused};

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
