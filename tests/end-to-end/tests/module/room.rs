//! The largest limits that a policy may have: bodies that take all the memory there is for them. What has
//! none is refused by itself; nothing traps.

use serde_json::{Value, json};
use velum_end_to_end::stage::figure;
use velum_wasm_host::{ROOT, Vm};

use crate::cast::{outward_policy, request, response_of, vm};
use crate::scenarios::outward::{FORM, MULTIPART};

const MIB: usize = 1024 * 1024;
const JSON: &str = "application/json";
const CHUNK: usize = 256 * 1024;

/// Limits of which one is as large as the others let it be.
fn largest() -> [(&'static str, Value); 4] {
    [
        ("whole bodies", json!({"held_body": 4 * MIB})),
        ("strings", json!({"token_bytes": 1_856_000})),
        (
            "strings alone",
            json!({"token_bytes": 2_424_000, "held_body": 1024}),
        ),
        ("what waits", json!({"held_bytes": 5 * MIB})),
    ]
}

fn vm_with(limits: &Value) -> Vm {
    let mut policy = outward_policy();
    policy["limits"] = limits.clone();
    vm(&policy)
}

/// A limit, or what it is where nothing is said.
fn size(limits: &Value, name: &str, default: usize) -> usize {
    let said = limits[name]
        .as_u64()
        .and_then(|size| usize::try_from(size).ok());
    said.unwrap_or(default)
}

fn filled(text: &str, size: usize) -> String {
    text.repeat(size / text.len())
}

/// Forms and parts that become long where they are taken apart, and again where they are put together.
fn forms(size: usize) -> Vec<(&'static str, String)> {
    let pairs = |pair: &str| {
        let pair = format!("{pair}&");
        pair.repeat((size / pair.len()).min(9_999)) + "a=1"
    };
    let part = |content: &str| {
        format!("--cut\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\n{content}\r\n")
    };
    let long = |text: &str| filled(text, size - 4096);
    vec![
        (FORM, pairs("ssn=1")),
        (FORM, pairs(&format!("note={}", "x".repeat(400)))),
        (
            FORM,
            pairs("note=write+to+orla%40example.org+or+000-12-3456"),
        ),
        (FORM, format!("note={}", long("%01"))),
        (FORM, format!("note={}", long("%22"))),
        (FORM, format!("note={}", long("\"\\"))),
        (
            FORM,
            format!("note={}", long("write+to+orla%40example.org+")),
        ),
        (FORM, format!("note={}", long("a%3D1%26"))),
        (FORM, format!("q={}", long("%7B%22ssn%22%3A%221%22%7D+"))),
        (MULTIPART, format!("{}--cut--\r\n", part(&long("\"\\")))),
        (
            MULTIPART,
            format!("{}--cut--\r\n", part(&"x".repeat(size / 1000)).repeat(900)),
        ),
        (JSON, format!("[{}1]", filled("{\"ssn\":1},", size - 16))),
        (JSON, format!("{{\"note\":\"{}\"}}", long("\\n"))),
    ]
}

/// The beginnings of texts in which a string goes on and on.
fn strings() -> [(&'static str, &'static str); 3] {
    [
        ("{\"note\":\"", "x"),
        ("{\"note\":\"[", "{\\\"ssn\\\":\\\"000-12-3456\\\"},"),
        ("{\"note\":\"", "eyJzc24iOiIwMDAtMTItMzQ1NiJ9"),
    ]
}

/// What waits for a sibling that does not come.
fn waiting(size: usize) -> String {
    format!(
        "{{\"resourceType\":\"Observation\",\"telecom\":[{{\"value\":[{}1",
        filled("\"555-0142\",", size)
    )
}

struct Tally {
    done: usize,
    busy: usize,
}

impl Tally {
    /// One request with this body, whole; what becomes of it.
    fn post(&mut self, vm: &mut Vm, path: &str, media: &str, body: &str) {
        let stream = begin(vm, path, media);
        for chunk in body.as_bytes().chunks(CHUNK) {
            vm.request_body(stream, chunk, false);
        }
        vm.request_body(stream, b"", true);
        self.close(
            vm,
            stream,
            &format!("{path} {media} {}", &body[..body.len().min(40)]),
        );
    }

    fn close(&mut self, vm: &mut Vm, stream: u32, what: &str) {
        assert_eq!(vm.trap, None, "{what}");
        let seen = vm.close(stream);
        let answer = String::from_utf8_lossy(&seen.client.bytes()).into_owned();
        self.busy += usize::from(answer.contains("gateway-busy"));
        self.done += usize::from(!answer.contains("gateway-busy"));
        if what.starts_with("/else") {
            // It goes on as it came.
            return;
        }
        let gone = String::from_utf8_lossy(&seen.upstream.bytes()).into_owned() + &answer;
        assert!(
            !gone.contains("000-12-3456") && !gone.contains("orla@"),
            "{what}"
        );
    }
}

fn begin(vm: &mut Vm, path: &str, media: &str) -> u32 {
    let stream = vm.open(ROOT);
    let field = [("content-type", media), ("prefer", "wait=30")];
    vm.request_headers(stream, &request("POST", path, &field), false);
    stream
}

/// A small body is taken: nothing is refused for ever.
fn assert_takes(vm: &mut Vm, what: &str) {
    let mut tally = Tally { done: 0, busy: 0 };
    tally.post(vm, "/partner/x", JSON, "{\"ssn\":\"000-12-3456\"}");
    assert_eq!((tally.done, tally.busy), (1, 0), "{what}");
}

#[test]
fn under_the_largest_limits_whole_bodies_are_masked_or_refused_and_nothing_traps() {
    let mut told = Vec::new();
    for (name, limits) in largest() {
        let size = size(&limits, "held_body", MIB);
        if size < MIB || name == "what waits" {
            continue;
        }
        let mut vm = vm_with(&limits);
        let mut tally = Tally { done: 0, busy: 0 };
        for (media, body) in forms(size) {
            for path in ["/flagged/x", "/else/x"] {
                tally.post(&mut vm, path, media, &body);
            }
        }
        assert_takes(&mut vm, name);
        told.push(format!(
            "{name}: {} went their way, {} busy, {} KiB",
            tally.done,
            tally.busy,
            vm.memory() / 1024
        ));
    }
    figure(
        "under_the_largest_limits_whole_bodies_are_masked_or_refused_and_nothing_traps",
        &told.join("; "),
    );
}

#[test]
fn under_the_largest_limits_streams_that_never_end_are_refused_as_busy_and_nothing_traps() {
    let mut told = Vec::new();
    for (name, limits) in largest() {
        let longest = size(&limits, "token_bytes", 64 << 10);
        let held = size(&limits, "held_bytes", 64 << 10);
        let mut vm = vm_with(&limits);
        let baseline = vm.memory();
        let mut tally = Tally { done: 0, busy: 0 };
        for (open, text) in strings() {
            let body = format!("{open}{}", filled(text, longest - 64));
            let body = if name == "what waits" {
                waiting(held - 64)
            } else {
                body
            };
            let mut streams = Vec::new();
            for _ in 0..5 {
                let upward = begin(&mut vm, "/partner/x", JSON);
                let downward = vm.open(ROOT);
                vm.request_headers(downward, &request("GET", "/Patient/p1", &[]), true);
                vm.response_headers(downward, &response_of(JSON, None, 9), false);
                for chunk in body.as_bytes().chunks(CHUNK) {
                    vm.request_body(upward, chunk, false);
                    vm.response_body(downward, chunk, false);
                }
                assert_eq!(vm.trap, None, "{name}: {open}{text}");
                streams.extend([(upward, true), (downward, false)]);
            }
            // Beside all these a whole body has its memory, or is told that there is none.
            let most = size(&limits, "held_body", MIB);
            if text == "x" && most >= MIB {
                for (media, body) in forms(most) {
                    tally.post(&mut vm, "/partner/x", media, &body);
                }
            }
            for (stream, is_request) in streams {
                // What is read now is looked at as a whole.
                if is_request {
                    vm.request_body(stream, b"\"}", true);
                } else {
                    vm.response_body(stream, b"\"}", true);
                }
                tally.close(&mut vm, stream, &format!("{name}: {open}{text}"));
            }
            assert_takes(&mut vm, name);
        }
        told.push(format!(
            "{name}: {} went their way, {} busy, {baseline} to {} bytes",
            tally.done,
            tally.busy,
            vm.memory()
        ));
        assert!(tally.busy > 0 || longest < MIB && held < MIB, "{told:?}");
    }
    figure(
        "under_the_largest_limits_streams_that_never_end_are_refused_as_busy_and_nothing_traps",
        &told.join("; "),
    );
}
