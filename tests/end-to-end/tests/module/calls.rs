//! How often a plain request asks its host: each call costs Envoy about as much as masking a hundred
//! bytes.

use std::collections::BTreeMap;

use serde_json::json;
use velum_end_to_end::stage::{bundle, figure};
use velum_wasm_host::{ROOT, Vm, headers};

#[test]
fn a_plain_masked_answer_asks_its_host_seldom() {
    let policy = json!({"version": 1, "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]}});
    let mut vm = Vm::start();
    vm.want_less_log();
    assert!(vm.configure(ROOT, policy.to_string().as_bytes()));
    let body = bundle(3).to_string();
    // What is kept from one answer to the next is there then.
    vm.get(ROOT, "application/fhir+json", &[body.as_bytes()]);
    let before = vm.called().len();
    vm.get(ROOT, "application/fhir+json", &[body.as_bytes()]);
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in vm.called().into_iter().skip(before) {
        *counts.entry(name).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    figure(
        "a_plain_masked_answer_asks_its_host_seldom",
        &format!("{all} host calls: {counts:?}"),
    );
    assert!(all <= 6, "{counts:?}");
}

/// As Envoy hands a request over.
const REQUEST: &[(&str, &str)] = &[
    (":authority", "fhir.example"),
    (":path", "/Patient/p1"),
    (":method", "GET"),
    (":scheme", "http"),
    ("user-agent", "curl/8.5.0"),
    ("accept", "*/*"),
    ("x-forwarded-proto", "http"),
    ("x-request-id", "0b9a3b8e-2b3c-4d7e-8f50-123456789abc"),
];

/// An ordinary answer.
const RESPONSE: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "application/fhir+json"),
    ("content-length", "2048"),
    ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ("server", "api"),
    ("x-envoy-upstream-service-time", "3"),
    ("last-modified", "Wed, 21 Oct 2026 07:28:00 GMT"),
    ("etag", "W/\"3\""),
    ("cache-control", "private, max-age=60"),
    ("vary", "accept"),
    ("x-request-id", "0b9a3b8e-2b3c-4d7e-8f50-123456789abc"),
];

/// What the last of three answers with these headers costs: the request, the response's headers, all
/// that comes behind the body.
fn steps(response: &[(&str, &str)]) -> [u64; 3] {
    let policy = json!({"version": 1, "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]}});
    let mut vm = Vm::start();
    vm.want_less_log();
    assert!(vm.configure(ROOT, policy.to_string().as_bytes()));
    let body = bundle(3).to_string();
    let mut steps = [0; 3];
    for _ in 0..3 {
        let stream = vm.open(ROOT);
        let begin = vm.spent();
        vm.request_headers(stream, &headers(REQUEST), true);
        let asked = vm.spent();
        vm.response_headers(stream, &headers(response), false);
        let answered = vm.spent();
        vm.response_body(stream, body.as_bytes(), false);
        let masked = vm.spent();
        vm.response_body(stream, b"", true);
        assert!(vm.close(stream).client.ended);
        steps = [asked - begin, answered - asked, vm.spent() - masked];
    }
    steps
}

#[test]
fn what_is_done_around_a_body_costs_no_more_than_before() {
    let mut told = Vec::new();
    // A tenth more than was counted when they were last written: compilers differ a little.
    for (name, response, most) in [
        ("two headers", &RESPONSE[..2], [14_000, 9_800, 11_300]),
        ("eleven headers", RESPONSE, [14_000, 26_000, 11_300]),
    ] {
        let spent = steps(response);
        told.push(format!("{name}: {spent:?}"));
        let is_within = spent.iter().zip(most).all(|(spent, most)| *spent <= most);
        assert!(is_within, "{name}: {spent:?}, {most:?} at most");
    }
    figure(
        "what_is_done_around_a_body_costs_no_more_than_before",
        &format!(
            "fuel of request, response headers, end: {}",
            told.join("; ")
        ),
    );
}
