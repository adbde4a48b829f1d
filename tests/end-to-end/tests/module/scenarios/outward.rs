//! Requests whose bodies are inspected: masked on their way, held, asked about, released.

use serde_json::json;
use velum_wasm_host::{Answer, Vm};

use super::{JSON, LINES, Scenario, answer, asking};
use crate::cast::{
    PATH, allow, answer_all, decide, deny, last_to, patient, pending, request, response, trailers,
};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=cut";
const CHECKS: &str = "/v1/checks";
const PARTNER: &str = "/partner/Kanarienvogel";
const FLAGGED: &str = "/flagged/Kanarienvogel";
/// What a flag on this class may release.
const RELEASED: &[&str] = &["000-12-3456"];

pub(crate) fn form() -> String {
    "ssn=000-12-3456&email=orla%40example.org&mail=orla@example.org&note=of+000-12-3456&b=%31"
        .to_owned()
}

pub(crate) fn multipart() -> String {
    let part = |name: &str, more: &str, content: &str| {
        format!(
            "--cut\r\ncontent-disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n"
        )
    };
    let fields = [
        part("ssn", "", "000-12-3456"),
        part("record", "\r\ncontent-type: application/json", &patient()),
        part("note", "", "write to orla@example.org"),
    ];
    format!("{}--cut--\r\n", fields.concat())
}

pub(crate) fn lines() -> String {
    format!("{0}\n{0}\n", patient())
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("inspected", 200, |vm, stream| {
        post(vm, stream, PARTNER, JSON, &patient(), false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("inspected lines, trailers", 200, |vm, stream| {
        post(vm, stream, PARTNER, LINES, &lines(), true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("inspected form", 200, |vm, stream| {
        post(vm, stream, PARTNER, FORM, &form(), false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("inspected parts, trailers", 200, |vm, stream| {
        post(vm, stream, PARTNER, MULTIPART, &multipart(), true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("inspected, no JSON", 400, |vm, stream| {
        post(vm, stream, PARTNER, JSON, &format!("<{}", patient()), false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("inspected, broken in the middle", 400, |vm, stream| {
        let body = patient().replace("\"telecom\"", "telecom");
        post(vm, stream, PARTNER, JSON, &body, false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("inspected, cut off at trailers", 400, |vm, stream| {
        post(vm, stream, PARTNER, JSON, &patient()[..150], true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("inspected, another media type", 415, |vm, stream| {
        post(vm, stream, PARTNER, "text/csv", &patient(), false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("inspected parts that are none", 415, |vm, stream| {
        post(vm, stream, PARTNER, MULTIPART, &multipart()[..200], false);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("a patch of the whole", 403, |vm, stream| {
        let patch = json!([{"op": "replace", "path": "", "value": {"a": "orla@example.org"}}]);
        let headers = [("content-type", "application/json-patch+json")];
        vm.request_headers(stream, &request("PATCH", PATH, &headers), false);
        vm.request_body(stream, patch.to_string().as_bytes(), true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[]),
    Scenario::new("a patch", 200, |vm, stream| {
        let patch = json!([{"op": "add", "path": "/mail", "value": "orla@example.org"}]);
        let headers = [("content-type", "application/json-patch+json")];
        vm.request_headers(stream, &request("PATCH", PATH, &headers), false);
        vm.request_body(stream, patch.to_string().as_bytes(), true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("flagged, released", 200, |vm, stream| {
        post(vm, stream, FLAGGED, JSON, &patient(), false);
        decide(vm, pending);
        vm.pass(1_000_000_000);
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(RELEASED)
    .calling(&[CHECKS]),
    Scenario::new("flagged form, released", 200, |vm, stream| {
        post(vm, stream, FLAGGED, FORM, &form(), true);
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(RELEASED)
    .calling(&[CHECKS]),
    Scenario::new("flagged parts, released", 200, |vm, stream| {
        post(vm, stream, FLAGGED, MULTIPART, &multipart(), false);
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(RELEASED)
    .calling(&[CHECKS]),
    Scenario::new("flagged, denied", 403, |vm, stream| {
        post(vm, stream, FLAGGED, JSON, &patient(), false);
        decide(vm, deny);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[])
    .calling(&[CHECKS]),
    Scenario::new("flagged, the connection broke", 503, |vm, stream| {
        post(vm, stream, FLAGGED, FORM, &form(), false);
        if let Some(token) = last_to(vm, CHECKS) {
            answer_all(vm, token, &Answer::default());
        }
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own()
    .inspecting(&[])
    .calling(&[CHECKS]),
    Scenario::new("flagged, the upstream does not wait", 200, |vm, stream| {
        post(vm, stream, FLAGGED, JSON, &patient(), false);
        // Nothing has gone to it: such an answer is the gateway's own.
        vm.response_headers(stream, &response(JSON), false);
        vm.response_body(stream, patient().as_bytes(), true);
        decide(vm, allow);
    })
    .inspecting(RELEASED)
    .calling(&[CHECKS]),
    Scenario::new("nothing to flag", 200, |vm, stream| {
        let body = json!({"mail": "orla@example.org"}).to_string();
        post(vm, stream, FLAGGED, JSON, &body, true);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .inspecting(&[]),
    Scenario::new("reviewed with its body", 200, |vm, stream| {
        let more = asking("wait=30");
        let headers = [&more[..], &[("content-type", JSON)]].concat();
        vm.request_headers(stream, &request("DELETE", PATH, &headers), false);
        vm.request_body(stream, patient().as_bytes(), false);
        vm.request_trailers(stream, &trailers());
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, false);
    })
    .lifting()
    .inspecting(&["Thistlewood", "Orla"])
    .calling(&[CHECKS]),
];

/// A request whose body comes in three chunks.
pub(crate) fn post(
    vm: &mut Vm,
    stream: u32,
    path: &str,
    content_type: &str,
    body: &str,
    by_trailers: bool,
) {
    let headers = [("content-type", content_type), ("prefer", "wait=30")];
    vm.request_headers(stream, &request("POST", path, &headers), false);
    let size = body.len().div_ceil(3);
    for (index, chunk) in body.as_bytes().chunks(size).enumerate() {
        vm.request_body(stream, chunk, !by_trailers && index == 2);
    }
    if by_trailers {
        vm.request_trailers(stream, &trailers());
    }
}
