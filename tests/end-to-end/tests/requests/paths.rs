//! Every way to write a path: what Envoy does with it, and that the filter's answer is the evaluator's.

use std::fmt::Write as _;

use serde_json::{Value, json};
use velum_end_to_end::stage::{AGENT, PERSON, Stage};
use velum_policy::{Effect, Policy, Request};

use super::{policy, raw, setup};

fn actions() -> Value {
    json!([
        {"name": "free", "when": {"method": "GET", "path": {"prefix": "/free/"}}, "effect": "pass"},
        {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
        {"name": "bulk-file", "effect": "review", "hold": "30s",
         "when": {"any": [{"path": {"prefix": "/bulk/"}}, {"path": {"segments": "/Patient/{id}/$purge"}},
                          {"query": {"_mode": "bulk"}}, {"header": {"x-mode": "bulk"}}]}},
        {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "30s"}
    ])
}

/// What Envoy answers by itself: the request is none to it.
const ENVOY: &str = "envoy";

/// Request lines, more header lines, and the outcome: an action, `-` for none, a refusal's code, or
/// [`ENVOY`].
const CORPUS: &[(&str, &str, &str)] = &[
    // The plain spellings.
    ("GET /Patient/p1", "", "-"),
    ("GET /Patient/p1/", "", "-"),
    ("GET /free/a", "", "free"),
    ("GET /free", "", "free"),
    ("GET /closed/a", "", "closed"),
    ("GET /bulk/a", "", "bulk-file"),
    ("GET /bulk/", "", "bulk-file"),
    ("GET /Patient/p1/$purge", "", "bulk-file"),
    ("GET /Patient/p1/$purge/", "", "bulk-file"),
    ("DELETE /Patient/p1", "", "purge"),
    ("GET /Patient/p1?name=a%20b", "", "-"),
    // Empty segments and dots.
    ("GET //", "", "ambiguous-path"),
    ("GET //bulk/a", "", "ambiguous-path"),
    ("GET /bulk//a", "", "ambiguous-path"),
    ("GET /Patient/p1//", "", "ambiguous-path"),
    ("GET /./bulk/a", "", "ambiguous-path"),
    ("GET /x/../bulk/a", "", "ambiguous-path"),
    ("GET /free/../bulk/a", "", "ambiguous-path"),
    ("GET /bulk/.", "", "ambiguous-path"),
    ("GET /..", "", "ambiguous-path"),
    ("GET /%2e/bulk/a", "", "ambiguous-path"),
    ("GET /free/%2e%2e/bulk/a", "", "ambiguous-path"),
    ("GET /free/.%2E/bulk/a", "", "ambiguous-path"),
    ("GET /bulk/...", "", "bulk-file"),
    // Escapes that need not be, once and twice.
    ("GET /%62ulk/a", "", "ambiguous-path"),
    ("GET /Patient/p1/%24purge", "", "ambiguous-path"),
    ("GET /Patient/p1/%2524purge", "", "ambiguous-path"),
    ("GET /Patient/%2570", "", "ambiguous-path"),
    ("GET /Patient/p%2D1", "", "ambiguous-path"),
    ("GET /Patient/a%20b", "", "-"),
    ("GET /Patient/a%40b", "", "-"),
    ("GET /Patient/a@b", "", "-"),
    // Encoded structure.
    ("GET /bulk%2fa", "", "ambiguous-path"),
    ("GET /bulk%2Fa", "", "ambiguous-path"),
    ("GET /Patient/a%5cb", "", "ambiguous-path"),
    ("GET /Patient\\a", "", "ambiguous-path"),
    ("GET /Patient/a%3fb", "", "ambiguous-path"),
    ("GET /Patient/a%23b", "", "ambiguous-path"),
    ("GET /Patient/a%3bb", "", "ambiguous-path"),
    ("GET /Patient/%00", "", "ambiguous-path"),
    ("GET /Patient/%0a", "", "ambiguous-path"),
    ("GET /Patient/%7f", "", "ambiguous-path"),
    ("GET /Patient/%", "", "ambiguous-path"),
    ("GET /Patient/%2", "", "ambiguous-path"),
    ("GET /Patient/%zz", "", "ambiguous-path"),
    ("GET /Patient/%ff", "", "ambiguous-path"),
    ("GET /Patient/%c0%af", "", "ambiguous-path"),
    // Parameters and fragments.
    ("GET /bulk;x=1/a", "", "ambiguous-path"),
    ("GET /bulk/a;x=1", "", "ambiguous-path"),
    ("GET /Patient/p1;", "", "ambiguous-path"),
    ("GET /Patient/p1#frag", "", ENVOY),
    // To some upstreams case is part of a path, to others not; of a method it is.
    ("GET /Bulk/a", "", "ambiguous-path"),
    ("GET /BULK/a", "", "ambiguous-path"),
    ("GET /patient/p1/$purge", "", "ambiguous-path"),
    ("GET /Patient/p1/$PURGE", "", "ambiguous-path"),
    ("delete /Patient/p1", "", ENVOY),
    // Other forms of a target.
    ("GET http://a.example/bulk/a", "", "bulk-file"),
    ("GET http://a.example//bulk/a", "", "ambiguous-path"),
    ("GET *", "", ENVOY),
    ("GET bulk/a", "", ENVOY),
    ("GET /a b", "", ENVOY),
    // Queries: each value counts, in every reading.
    ("GET /x?_mode=bulk", "", "bulk-file"),
    ("GET /x?_mode=slow", "", "-"),
    ("GET /x?_mode=bulk&_mode=bulk", "", "bulk-file"),
    ("GET /x?_mode=slow&_mode=bulk", "", "ambiguous-path"),
    ("GET /x?_mode=bulk&_mode=slow", "", "ambiguous-path"),
    ("GET /x?_Mode=bulk", "", "ambiguous-path"),
    ("GET /x?_mode[]=bulk", "", "ambiguous-path"),
    ("GET /x?_mode=%62ulk", "", "bulk-file"),
    ("GET /x?_mode=%2562ulk", "", "ambiguous-path"),
    ("GET /x?%5Fmode=bulk", "", "bulk-file"),
    ("GET /x?%255Fmode=bulk", "", "ambiguous-path"),
    ("GET /x?a=1;_mode=bulk", "", "ambiguous-path"),
    ("GET /x?_mode=BULK", "", "ambiguous-path"),
    ("GET /x?a=/../bulk", "", "-"),
    // Headers that another reader takes for the method or the path.
    (
        "GET /Patient/p1",
        "x-http-method-override: DELETE",
        "method-override",
    ),
    (
        "GET /Patient/p1",
        "X-HTTP-Method: delete",
        "method-override",
    ),
    (
        "POST /Patient/p1",
        "x-method-override: DELETE",
        "method-override",
    ),
    (
        "POST /Patient/p1",
        "x_http_method_override: DELETE",
        "method-override",
    ),
    ("GET /Patient/p1", "x-http-method-override: HEAD", "-"),
    (
        "GET /Patient/p1",
        "x-http-method-override: G ET",
        "method-override",
    ),
    (
        "DELETE /Patient/p1",
        "x-http-method-override: DELETE",
        "method-override",
    ),
    ("POST /Patient/p1?_method=DELETE", "", "method-override"),
    ("POST /Patient/p1?_METHOD=delete", "", "method-override"),
    (
        "GET /free/a",
        "x-http-method-override: DELETE",
        "method-override",
    ),
    ("GET /x", "x-original-url: /bulk/a", "ambiguous-path"),
    ("GET /x", "x-rewrite-url: /bulk/a", "ambiguous-path"),
    ("GET /x", "x-mode: bulk", "bulk-file"),
    ("GET /x", "x_mode: bulk", "ambiguous-request"),
    ("GET /x", "x-mode: slow, bulk", "ambiguous-request"),
];

/// What the evaluator says of a request as Envoy passes it on.
fn evaluated(policy: &Policy, method: &str, path: &str, header: &str) -> String {
    let name_and_value = header.split_once(": ");
    let header = name_and_value.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let headers: Vec<(&[u8], &[u8])> = header
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    // Envoy takes the authority out of an absolute target.
    let path = path.strip_prefix("http://a.example").unwrap_or(path);
    let request = Request {
        route: None,
        method: method.as_bytes(),
        authority: b"a.example",
        path: path.as_bytes(),
        headers: &headers,
        caller: None,
    };
    match policy.evaluate(&request) {
        Ok(verdict) => verdict.action.map_or("-", |action| &action.name).to_owned(),
        Err(refusal) => refusal.code().to_owned(),
    }
}

fn effect(policy: &Policy, name: &str) -> Effect {
    let mut actions = policy.actions().iter();
    let action = actions.find(|action| action.name == name);
    action.map_or(Effect::Mask, |action| action.effect)
}

async fn stage() -> (Stage, Policy) {
    let stage = setup(&actions()).start().await;
    let document = policy(&actions()).to_string();
    (stage, Policy::parse(document.as_bytes()).expect("a policy"))
}

#[tokio::test]
async fn envoy_and_the_evaluator_agree_on_every_spelling() {
    let (stage, policy) = stage().await;
    let token = stage.jwt.agent(AGENT, PERSON);
    let mut faults = String::new();
    for (line, header, expected) in CORPUS {
        stage.upstream.forget();
        let (method, path) = line.split_once(' ').expect("a request line");
        let said = evaluated(&policy, method, path, header);
        let more = if header.is_empty() {
            String::new()
        } else {
            format!("{header}\r\n")
        };
        let request = format!(
            "{line} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n{more}\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        let answer = raw::http1(stage.envoy.address(), request.as_bytes()).await;
        let (status, code) = raw::outcome(&answer);
        let received = stage.upstream.received();
        let wanted = match (*expected, effect(&policy, expected)) {
            (ENVOY, _) => code.is_empty() && received.is_empty() && status >= 400,
            // Either says that it was asked about; so many wait for one caller at most.
            (_, Effect::Review) => {
                matches!(code.as_str(), "approval-required" | "rate-limited") && received.is_empty()
            }
            (_, Effect::Deny) => code == "action-denied" && received.is_empty(),
            ("-" | "free", _) => {
                let path = path.strip_prefix("http://a.example").unwrap_or(path);
                status == 200 && received.iter().map(|request| &request.path).eq([path])
            }
            (refusal, _) => code == refusal && received.is_empty(),
        };
        if !wanted || (*expected != ENVOY && said != *expected) {
            let _ = writeln!(
                faults,
                "{line} [{header}]: expected {expected}, evaluated {said}, was {status} {code}"
            );
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[tokio::test]
async fn over_http2_what_is_refused_is_refused_too_and_the_rest_arrives_as_it_was() {
    let (stage, policy) = stage().await;
    let token = format!("Bearer {}", stage.jwt.agent(AGENT, PERSON));
    let mut faults = String::new();
    for (line, header, _) in CORPUS {
        stage.upstream.forget();
        let (method, path) = line.split_once(' ').expect("a request line");
        let said = evaluated(&policy, method, path, header);
        let mut headers = vec![
            (":method", method),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", path),
            ("authorization", &token),
        ];
        let header = header.to_ascii_lowercase();
        headers.extend(header.split_once(": "));
        raw::http2(stage.envoy.address(), &headers, &[], &[]).await;
        let received = stage.upstream.received();
        let passes = matches!(said.as_str(), "-" | "free");
        let arrived = received.iter().map(|request| request.path.as_str());
        // What Envoy itself refuses does not arrive either.
        if received.is_empty() && !passes || arrived.eq([path]) && passes {
            continue;
        }
        let envoys_own = CORPUS
            .iter()
            .any(|(other, _, expected)| other == line && *expected == ENVOY);
        if received.is_empty() && envoys_own {
            continue;
        }
        let paths: Vec<_> = received.into_iter().map(|request| request.path).collect();
        let _ = writeln!(
            faults,
            "{line} [{header}]: evaluated {said}, arrived {paths:?}"
        );
    }
    assert!(faults.is_empty(), "\n{faults}");
}
