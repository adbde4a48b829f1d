//! `velum policy explain`, `try` and `test`, as programs.

use serde_json::{Value, json};

use crate::program::{Folder, Outcome, velum};

const POLICY: &str = "
version: 1
identity: {jwt: {metadata: [envoy.filters.http.jwt_authn, claims]}}
masking:
  profiles: [fhir-r4]
  keys: [{id: k1, environment: VELUM_TEST_KEY_THAT_IS_NOT_SET}]
  rules: [{key: mrn, class: mrn, operator: token}]
host: {headers_stop_iteration: true}
actions:
- {name: health, when: {method: GET, path: /healthz}, effect: pass}
- {name: closed, when: {claims: {/realm/roles: {contains: guest}}}, effect: deny}
- {name: purge, when: {method: DELETE}, effect: review, hold: 90s}
- {name: read, when: {method: GET}, effect: mask, ask: {lift: [name], hold: 60s}}
policy_service:
  cluster: c
  authority: a
  token: {environment: VELUM_TEST_TOKEN_THAT_IS_NOT_SET}
  public_keys: ['ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=']
";
const CLAIMS: &str =
    r#"{"iss": "https://idp.example", "sub": "dr-jones", "act": {"sub": "triage-bot"}}"#;
const PATIENT: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Thistlewood"}],"mrn":"MRN-88213"}"#;

fn run(command: &str, request: &str, more: &[(&str, &str)]) -> Outcome {
    let folder = Folder::new();
    let policy = folder.write("policy.yaml", POLICY);
    let request = folder.write("request.http", request);
    let mut arguments = vec![
        "policy",
        command,
        "--policy",
        &policy,
        "--request",
        &request,
    ];
    let files: Vec<(&str, String)> = more
        .iter()
        .map(|(name, text)| {
            let is_file = matches!(*name, "--claims" | "--response");
            let value = if is_file {
                folder.write(name, text)
            } else {
                (*text).to_owned()
            };
            (*name, value)
        })
        .collect();
    for (name, value) in &files {
        arguments.push(name);
        if !value.is_empty() {
            arguments.push(value);
        }
    }
    velum(&arguments)
}

fn json_of(outcome: &Outcome) -> Value {
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    serde_json::from_str(&outcome.output).unwrap()
}

#[test]
fn an_explanation_names_the_action_its_conditions_and_who_asks() {
    let outcome = run("explain", "DELETE /Patient/p1\n", &[("--claims", CLAIMS)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    let expected = "action: purge (review)
identity: triage-bot (jwt, https://idp.example); behind it: dr-jones
may be asked: nothing
canonical path: /Patient/p1 (plain)
shown to reviewers: /{…}/{…}

health (pass): no
  no      all
    no      method is GET
    no      path is \"/healthz\"

closed (deny): no
  no      claim realm/roles contains \"guest\"

purge (review): yes
  yes     method is DELETE

read (mask): not asked
  no      method is GET
";
    assert_eq!(outcome.output, expected);
}

#[test]
fn an_explanation_has_refusals_doubts_and_what_may_be_asked() {
    let refused = json_of(&run("explain", "GET //a", &[("--json", "")]));
    assert_eq!(refused["refused"], "ambiguous-path");
    assert_eq!(refused["action"], Value::Null);
    let claims = r#"{"iss": "i", "sub": "s", "realm": {"roles": [{"a": null}]}}"#;
    let doubt = json_of(&run(
        "explain",
        "GET /a",
        &[("--json", ""), ("--claims", claims)],
    ));
    assert_eq!(doubt["refused"], "ambiguous-request");
    assert_eq!(doubt["actions"][1]["answer"], "unknown");
    let read = json_of(&run(
        "explain",
        "GET /a?b=c",
        &[("--json", ""), ("--claims", CLAIMS)],
    ));
    assert_eq!(read["may_be_asked"], json!(["name"]));
    assert_eq!(read["shown"], "/{…}?{…}");
}

#[test]
fn a_try_shows_both_sides_and_says_which_secrets_are_none() {
    let request = "GET /Patient/p1 HTTP/1.1\nHost: fhir.example\nVelum-Odd: x\n";
    let outcome = run("try", request, &[("--response", PATIENT)]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.errors);
    let (before, after) = outcome.output.split_once("to the client:").unwrap();
    assert!(
        before.contains("action: read (mask)\nidentity: none\n"),
        "{before}"
    );
    assert!(
        before.contains("GET /Patient/p1 HTTP/1.1\n  host: fhir.example\n"),
        "{before}"
    );
    assert!(!before.contains("velum-odd"), "{before}");
    assert!(
        after.contains("HTTP/1.1 200\n") && after.contains("[masked:name]"),
        "{after}"
    );
    assert!(
        !after.contains("Thistlewood") && !after.contains("88213"),
        "{after}"
    );
    for name in [
        "VELUM_TEST_KEY_THAT_IS_NOT_SET",
        "VELUM_TEST_TOKEN_THAT_IS_NOT_SET",
    ] {
        assert!(outcome.errors.contains(name), "{}", outcome.errors);
    }
    let again = run("try", request, &[("--response", PATIENT)]);
    assert_eq!(again.output, outcome.output, "the same every time");
}

#[test]
fn a_try_plays_the_policy_service() {
    let ask = "GET /Patient/p1\nvelum-lift: name\n";
    let claims = ("--claims", CLAIMS);
    let response = ("--response", PATIENT);
    let json = ("--json", "");
    let approved = json_of(&run(
        "try",
        ask,
        &[claims, response, json, ("--approve", "name")],
    ));
    assert_eq!(approved["check"]["classes"], json!(["name"]));
    assert_eq!(
        approved["answer"]["body"]["name"][0]["family"],
        "Thistlewood"
    );
    let undecided = json_of(&run("try", ask, &[claims, response, json]));
    assert_eq!(
        undecided["answer"]["body"]["name"][0]["family"],
        "[masked:name]"
    );
    let held = "DELETE /Patient/p1\nprefer: wait=80\n";
    let held = json_of(&run("try", held, &[claims, json]));
    assert_eq!(held["own_answer"], true);
    assert_eq!(held["answer"]["headers"][":status"], json!(["403"]));
    assert_eq!(held["upstream"], Value::Null);
    let released = run(
        "try",
        "DELETE /Patient/p1\n",
        &[claims, json, ("--approve", "none")],
    );
    assert_eq!(
        json_of(&released)["upstream"]["headers"][":method"],
        json!(["DELETE"])
    );
    let class = run("try", ask, &[claims, ("--approve", "credential")]);
    assert_eq!(class.code, Some(2), "{}", class.errors);
}

#[test]
fn what_cannot_be_read_is_said_with_its_file() {
    for (request, more, fragment) in [
        ("", &[][..], "request.http: must begin with a method"),
        (
            "GET /\nno field\n",
            &[],
            "request.http: line 2 is no header field; an empty line",
        ),
        ("ask for Thistlewood", &[], "request.http: must begin with"),
        ("GET /", &[("--claims", "[]")], "--claims: holds no claims"),
        ("GET /", &[("--claims", "{")], "--claims: is no JSON"),
        (
            "GET /",
            &[("--response", "HTTP/1.1 x\n")],
            "--response: must begin with a status",
        ),
        (
            "GET /",
            &[("--response", "{\"name\":\n Thistlewood}")],
            "--response: is neither HTTP (its first line is to be such as HTTP/1.1 200 OK) nor JSON: \
             see line 2, column 2",
        ),
    ] {
        let outcome = run("try", request, more);
        assert_eq!(outcome.code, Some(1), "{}", outcome.errors);
        assert!(
            !outcome.errors.contains("Thistlewood"),
            "{}",
            outcome.errors
        );
        assert!(outcome.errors.contains(fragment), "{}", outcome.errors);
    }
}

#[test]
fn an_answer_that_is_cut_or_withheld_says_why() {
    let json = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"a\": Thistlewood}";
    let cut = run("try", "GET /", &[("--response", json)]);
    let (_, log) = cut.output.split_once("\nEnvoy's log:\n").unwrap();
    assert!(
        log.contains("a response is withheld: ") && !log.contains("Thistlewood"),
        "{log}"
    );
    let all = json_of(&run(
        "try",
        "GET /",
        &[("--response", json), ("--json", "")],
    ));
    assert_eq!(all["log"].as_array().map(Vec::len), Some(1), "{all}");
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let case = json!({"policy": "policy.yaml", "cases": [
        {"name": "it", "request": "GET /", "response": json, "expect": {"status": 200}}]});
    let file = folder.write("cases.yaml", case.to_string());
    let tested = velum(&["policy", "test", &file]);
    assert!(
        tested.output.contains("a response is withheld: "),
        "{}",
        tested.output
    );
}

#[test]
fn a_document_of_several_policies_wants_one_named() {
    let folder = Folder::new();
    let policy = folder.write(
        "policy.yaml",
        "version: 1\npolicies:\n  ward: {masking: {profiles: [pii]}, actions: [{name: x, effect: deny}]}\n",
    );
    let request = folder.write("request.http", "GET /");
    let base = [
        "policy",
        "explain",
        "--policy",
        &policy,
        "--request",
        &request,
    ];
    let none = velum(&base);
    assert_eq!(none.code, Some(1));
    assert!(none.errors.contains("--route-policy"), "{}", none.errors);
    let ward = velum(&[&base[..], &["--route-policy", "ward"]].concat());
    assert!(
        ward.output.starts_with("action: x (deny)\n"),
        "{}",
        ward.output
    );
    let base = ["policy", "try", "--policy", &policy, "--request", &request];
    let refused = velum(&[&base[..], &["--route-policy", "Ward"]].concat());
    assert!(
        refused.output.contains("policy-not-chosen"),
        "{}",
        refused.output
    );
}

#[test]
fn the_example_of_tests_passes() {
    let outcome = velum(&[
        "policy",
        "test",
        concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policy-tests.yaml"),
    ]);
    assert_eq!(
        outcome.code,
        Some(0),
        "{}\n{}",
        outcome.output,
        outcome.errors
    );
    assert!(
        outcome.output.ends_with("8 passed, 0 failed\n"),
        "{}",
        outcome.output
    );
}

#[test]
fn every_kind_of_difference_fails_its_case() {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let response = format!("response: '{PATIENT}'");
    for (more, expect, what) in [
        ("", "{action: purge}", "action"),
        ("", "{effect: pass}", "effect"),
        ("", "{forwarded: false}", "forwarded"),
        ("", "{status: 200}", "status"),
        (&*response, "{status: 404}", "status"),
        (&response, "{problem: action-denied}", "problem"),
        (&response, "{body: {}}", "body"),
        (
            &response,
            "{headers: {content-type: text/plain}}",
            "header content-type",
        ),
        (
            &response,
            "{headers: {content-type: null}}",
            "header content-type",
        ),
        (&response, "{absent: [Patient]}", "absent"),
        (&response, "{absent: [application/json]}", "absent"),
        (&response, "{present: [Thistlewood]}", "present"),
        ("", "{absent: [Thistlewood]}", "answer"),
    ] {
        let case = format!(
            "policy: policy.yaml\ncases:\n- name: it\n  request: 'GET /a'\n  {more}\n  expect: {expect}\n"
        );
        let file = folder.write("cases.yaml", case);
        let outcome = velum(&["policy", "test", "--json", &file]);
        assert_eq!(
            outcome.code,
            Some(1),
            "{expect}: {}{}",
            outcome.output,
            outcome.errors
        );
        let all: Value = serde_json::from_str(&outcome.output).unwrap();
        assert_eq!(all[0]["ok"], false);
        assert_eq!(all[0]["differences"][0]["what"], what, "{expect}: {all}");
        let plain = velum(&["policy", "test", &file]);
        assert!(plain.output.contains("it: FAILED\n"), "{}", plain.output);
        assert!(
            plain.output.ends_with("0 passed, 1 failed\n"),
            "{}",
            plain.output
        );
    }
}

#[test]
fn cases_that_say_nothing_or_something_unknown_are_errors() {
    let folder = Folder::new();
    folder.write("policy.yaml", POLICY);
    let get = "request: 'GET /a'";
    for (text, fragment) in [
        ("policy: policy.yaml\ncases: []\n".to_owned(), "no cases"),
        (
            format!("cases: [{{name: a, {get}, expect: {{status: 1}}}}]"),
            "no policy is named",
        ),
        (
            format!("policy: policy.yaml\ncases: [{{name: a, {get}, expect: {{}}}}]"),
            "expects nothing",
        ),
        (
            format!("policy: policy.yaml\ncases: [{{name: a, {get}, expect: {{stat: 1}}}}]"),
            "stat",
        ),
        (
            format!("policy: policy.yaml\ncases: [{{name: a, {get}, expects: {{status: 1}}}}]"),
            "expects",
        ),
        (
            format!(
                "policy: policy.yaml\ncases:\n- {{name: a, {get}, expect: {{status: 1}}}}\n\
                 - {{name: a, {get}, expect: {{status: 1}}}}"
            ),
            "two cases are named",
        ),
        (
            format!(
                "policy: policy.yaml\ncases: [{{name: a, {get}, approve: [all], expect: {{status: 1}}}}]"
            ),
            "no class that may be lifted",
        ),
        (
            "policy: policy.yaml\ncases: [{name: a, request: {path: /a}, expect: {status: 1}}]"
                .to_owned(),
            "`method`",
        ),
        (
            "policy: policy.yaml\ncases: [{name: a, request: {query: a}, expect: {status: 1}}]"
                .to_owned(),
            "column 28: a message is a text, or an object of method",
        ),
        (
            format!(
                "policy: policy.yaml\ncases: [{{name: a, {get}, response: {{status: 2000}}, \
                 expect: {{status: 1}}}}]"
            ),
            "a status from 100 to 599",
        ),
        (
            format!(
                "policy: policy.yaml\ncases: [{{name: a, {get}, response: hello, \
                 expect: {{status: 1}}}}]"
            ),
            "a: is neither HTTP",
        ),
        (
            format!("policy: policy.yaml\ncases: [{{name: a, {get}, expect: {{effect: masks}}}}]"),
            "expects no effect of: pass, mask",
        ),
        (
            format!(
                "policy: policy.yaml\ncases: [{{name: a, {get}, claims: [], expect: {{status: 1}}}}]"
            ),
            "are no object",
        ),
        (
            format!("policy: none.yaml\ncases: [{{name: a, {get}, expect: {{status: 1}}}}]"),
            "cannot be read",
        ),
    ] {
        let file = folder.write("cases.yaml", &text);
        let outcome = velum(&["policy", "test", &file]);
        assert_eq!(outcome.code, Some(1), "{text}");
        let places = outcome.errors.matches("column ").count();
        assert!(places < 2, "the place is said once: {}", outcome.errors);
        assert!(
            outcome.errors.contains(fragment),
            "{text}: {}",
            outcome.errors
        );
    }
}
