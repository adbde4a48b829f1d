//! Contexts that were never made, are gone, or have no configuration; memory that is not there.

use serde_json::{Value, json};
use velum_wasm_host::{Answer, Fault, Headers, ROOT, Seen, Vm};

use crate::cast::{
    ENVIRONMENT, Limits, allow, assert_safe, caller, contains, decide, patient, policy, request,
    response, vm,
};

const OTHER: u32 = 2;

/// Every callback for a stream, none of which may do anything.
fn everything(vm: &mut Vm, context: u32) -> Vec<(&'static str, u32)> {
    let mut said = Vec::new();
    for name in ["proxy_on_request_headers", "proxy_on_response_headers"] {
        said.push((name, vm.invoke(name, context, (context, 3, 0)).unwrap_or(9)));
    }
    for name in ["proxy_on_request_body", "proxy_on_response_body"] {
        for (size, end) in [(0, 0), (10, 0), (u32::MAX, 1), (0, 1)] {
            said.push((
                name,
                vm.invoke(name, context, (context, size, end)).unwrap_or(9),
            ));
        }
    }
    for name in ["proxy_on_request_trailers", "proxy_on_response_trailers"] {
        said.push((name, vm.invoke(name, context, (context, 1)).unwrap_or(9)));
    }
    vm.notify(
        "proxy_on_http_call_response",
        context,
        (context, 1, 1, 1, 0),
    );
    vm.notify("proxy_on_delete", context, context);
    said
}

#[test]
fn callbacks_for_contexts_that_are_not_there_pass_nothing() {
    let mut vm = vm(&policy());
    let stream = vm.open(ROOT);
    vm.close(stream);
    for context in [0, 7, stream, u32::MAX] {
        for (name, said) in everything(&mut vm, context) {
            assert_eq!(said, 1, "{name} for {context} does not pause");
        }
    }
    assert_eq!(vm.trap, None);
    // Those that are there live on.
    let seen = masked(&mut vm, ROOT);
    assert!(seen.client.ended && !seen.is_local);
}

#[test]
fn a_root_is_no_stream_and_a_stream_is_no_root() {
    let mut vm = vm(&policy());
    let stream = vm.open(ROOT);
    // A stream of a stream has no configuration, and so no way through.
    vm.open_as(500, stream);
    let seen = exchange(&mut vm, 500);
    assert_eq!(seen.status(), 503);
    // The same number twice: it begins anew.
    vm.open_as(501, ROOT);
    vm.request_headers(501, &request("GET", "/healthz", &[]), true);
    vm.open_as(501, ROOT);
    let seen = exchange(&mut vm, 501);
    assert_safe(&mut vm, &seen, &Limits::default(), "twice");
    for (name, said) in everything(&mut vm, ROOT) {
        assert_eq!(said, 1, "{name} for a root");
    }
    assert_eq!(vm.trap, None);
}

/// One masked GET on a stream that is open.
fn exchange(vm: &mut Vm, stream: u32) -> Seen {
    vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
    if vm.has_left(stream) {
        vm.response_headers(stream, &response("application/json"), false);
        vm.response_body(stream, patient().as_bytes(), true);
    }
    vm.close(stream)
}

fn masked(vm: &mut Vm, root: u32) -> Seen {
    let stream = vm.open(root);
    exchange(vm, stream)
}

/// Masks the family name alone.
fn only_family() -> Value {
    json!({"version": 1, "masking": {"rules": [
        {"key": "family", "class": "name"},
    ]}})
}

#[test]
fn each_root_masks_by_its_own_policy_while_streams_are_interleaved() {
    let mut vm = vm(&policy());
    assert!(vm.configure(OTHER, only_family().to_string().as_bytes()));
    let streams = [vm.open(ROOT), vm.open(OTHER), vm.open(ROOT), vm.open(OTHER)];
    for stream in streams {
        vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
    }
    for stream in streams {
        vm.response_headers(stream, &response("application/json"), false);
    }
    for byte in patient().as_bytes().chunks(1) {
        for stream in streams {
            vm.response_body(stream, byte, false);
        }
    }
    for (index, stream) in streams.into_iter().enumerate() {
        vm.response_body(stream, b"", true);
        let seen = vm.close(stream);
        let text = seen.text();
        assert!(seen.client.ended && !text.contains("Thistlewood"), "{text}");
        assert_eq!(text.contains("000-12-3456"), index % 2 == 1, "{text}");
    }
    assert_eq!(vm.trap, None);
}

#[test]
fn a_configuration_that_is_refused_passes_nothing_and_leaves_the_one_before() {
    let mut vm = Vm::start();
    vm.properties = caller();
    let deep = "[".repeat(100_000);
    let refused: [&[u8]; 6] = [
        b"",
        b"{}",
        b"\xff\xfe",
        br#"{"version":1,"unknown":true}"#,
        br#"{"version":1,"masking":{"profiles":["hipaa-safe-harbor"#,
        deep.as_bytes(),
    ];
    for (index, configuration) in refused.into_iter().enumerate() {
        let root = 10 + u32::try_from(index).expect("few");
        assert!(!vm.configure(root, configuration), "{index}");
        let seen = masked(&mut vm, root);
        assert_eq!(seen.status(), 503, "{index}");
        assert!(seen.upstream.headers.is_none(), "{index}");
        // Without a request first, nothing goes out either.
        let stream = vm.open(root);
        vm.response_headers(stream, &response("application/json"), false);
        vm.response_body(stream, patient().as_bytes(), true);
        let seen = vm.close(stream);
        assert_safe(&mut vm, &seen, &Limits::default(), "no request");
    }
    for (name, value) in ENVIRONMENT {
        vm.set_environment(name, value);
    }
    assert!(vm.configure(ROOT, policy().to_string().as_bytes()));
    assert!(!vm.configure(ROOT, b"{}"), "refused");
    let seen = masked(&mut vm, ROOT);
    assert!(
        seen.client.ended && !seen.is_local,
        "the one before is in force"
    );
    assert_safe(&mut vm, &seen, &Limits::default(), "the one before");
}

#[test]
fn streams_outlive_their_root_under_its_policy() {
    let mut vm = vm(&policy());
    let streaming = vm.open(ROOT);
    vm.request_headers(streaming, &request("GET", "/Patient/p1", &[]), true);
    let waiting = vm.open(ROOT);
    vm.request_headers(
        waiting,
        &request("DELETE", "/Patient/p1", &[("prefer", "wait=30")]),
        true,
    );
    vm.remove_root(ROOT);
    decide(&mut vm, allow);
    vm.response_headers(streaming, &response("application/json"), false);
    vm.response_body(streaming, patient().as_bytes(), true);
    let seen = vm.close(streaming);
    assert!(seen.client.ended && !seen.is_local);
    assert_safe(&mut vm, &seen, &Limits::default(), "streaming");
    assert!(vm.has_left(waiting), "approved all the same");
    let seen = vm.close(waiting);
    assert_safe(&mut vm, &seen, &Limits::default(), "waiting");
    let seen = masked(&mut vm, ROOT);
    assert_eq!(seen.status(), 503, "no new ones");
}

#[test]
fn memory_that_cannot_be_had_fails_a_call_and_nothing_else() {
    let mut vm = vm(&policy());
    for size in [0, u32::MAX, 0x8000_0000, 0x7fff_ffff, 0xffff_0000] {
        let address = vm.invoke("proxy_on_memory_allocate", ROOT, size);
        assert_eq!(address, Some(0), "{size} bytes");
    }
    let address = vm.invoke("proxy_on_memory_allocate", ROOT, 16);
    assert!(address.is_some_and(|address| address != 0));
    vm.refuse_allocations(true);
    let seen = masked(&mut vm, ROOT);
    assert!(seen.is_local && seen.upstream.headers.is_none());
    let (streaming, waiting) = (vm.open(ROOT), vm.open(ROOT));
    vm.refuse_allocations(false);
    vm.request_headers(streaming, &request("GET", "/Patient/p1", &[]), true);
    vm.request_headers(waiting, &request("DELETE", "/Patient/p1", &[]), true);
    vm.response_headers(streaming, &response("application/json"), false);
    vm.refuse_allocations(true);
    vm.response_body(streaming, patient().as_bytes(), true);
    let seen = vm.close(streaming);
    assert_eq!(seen.status(), 502);
    assert_safe(&mut vm, &seen, &Limits::default(), "a chunk");
    let token = vm.calls().last().map(|call| call.token);
    vm.answer(token.unwrap_or_default(), Answer::new(200, "{}"));
    let seen = vm.close(waiting);
    assert!(seen.upstream.headers.is_none());
    assert_safe(&mut vm, &seen, &Limits::default(), "an answer");
    vm.refuse_allocations(false);
    let seen = masked(&mut vm, ROOT);
    assert!(seen.client.ended && !seen.is_local, "{:?}", vm.log());
}

#[test]
fn sizes_that_are_not_those_of_the_buffer_pass_nothing() {
    let mut vm = vm(&policy());
    for size in [1, 5, 1_000_000, 0x7fff_ffff, u32::MAX] {
        let stream = vm.open(ROOT);
        vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
        vm.response_headers(stream, &response("application/json"), false);
        // Nothing is in the buffer.
        let said = vm.invoke("proxy_on_response_body", stream, (stream, size, 1));
        assert_eq!(said, Some(1), "{size} bytes");
        let seen = vm.close(stream);
        assert!(!contains(&seen.client.bytes(), "Thistlewood"));
        assert_safe(&mut vm, &seen, &Limits::default(), &size.to_string());
        let stream = vm.open(ROOT);
        vm.request_headers(stream, &put(), false);
        let said = vm.invoke("proxy_on_request_body", stream, (stream, size, 1));
        assert!(said.is_some(), "{size} bytes");
        vm.close(stream);
    }
    assert_eq!(vm.trap, None);
}

#[test]
fn no_year_is_told_by_a_clock_that_cannot_be_read() {
    let mut vm = vm(&policy());
    let function = "proxy_get_current_time_nanoseconds";
    vm.fail(Fault::Of {
        function,
        status: 10,
    });
    let seen = masked(&mut vm, ROOT);
    assert_eq!(seen.status(), 502, "{}", seen.text());
    assert!(seen.text().contains("clock"), "{}", seen.text());
}

fn put() -> Headers {
    request(
        "PUT",
        "/Patient/p1",
        &[("content-type", "application/json")],
    )
}
