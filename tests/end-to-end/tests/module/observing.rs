//! `mode: observe` changes nothing, whatever fails.

use std::collections::BTreeSet;

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Fault, Out, ROOT, Seen, Vm};

use crate::cast::{
    PATH, assert_nothing_sideways, observing_policy, patient, request, response, response_of,
    trailers, vm,
};
use crate::faults::STATUSES;
use crate::scenarios::encoded::{TEXT, gzip, text};
use crate::scenarios::outward::{FORM, form, multipart, post};

const JSON: &str = "application/fhir+json";

/// Drives a stream to where nothing more comes.
type Run = fn(&mut Vm, u32);

/// Requests that would be masked, denied and refused, and answers that would be withheld.
const RUNS: &[(&str, Run)] = &[
    ("masked", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        answer(vm, stream, JSON, None, patient().as_bytes());
    }),
    ("denied", |vm, stream| {
        let path = "/closed/Kanarienvogel";
        vm.request_headers(stream, &request("GET", path, &[]), true);
        answer(vm, stream, JSON, None, patient().as_bytes());
    }),
    ("no JSON", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        answer(vm, stream, JSON, None, format!("<{}", patient()).as_bytes());
    }),
    ("broken in the middle", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        let body = patient().replace("\"telecom\"", "telecom");
        answer(vm, stream, JSON, None, body.as_bytes());
    }),
    ("gzip", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        answer(vm, stream, JSON, Some("gzip"), &gzip(&patient()));
    }),
    ("text", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        answer(vm, stream, TEXT, None, text().as_bytes());
    }),
    ("another media type", |vm, stream| {
        vm.request_headers(stream, &request("GET", PATH, &[]), true);
        answer(vm, stream, "image/png", None, patient().as_bytes());
    }),
    ("inspected", |vm, stream| {
        post(vm, stream, "/partner/x", JSON, &patient(), true);
        answer(vm, stream, JSON, None, patient().as_bytes());
    }),
    ("an inspected form", |vm, stream| {
        post(vm, stream, "/partner/x", FORM, &form(), false);
        answer(vm, stream, JSON, None, patient().as_bytes());
    }),
    ("a form that is refused", |vm, stream| {
        post(vm, stream, "/partner/x", FORM, &multipart(), false);
        answer(vm, stream, JSON, None, patient().as_bytes());
    }),
];

fn answer(vm: &mut Vm, stream: u32, media: &str, coding: Option<&str>, body: &[u8]) {
    let headers = match coding {
        Some(_) => response_of(media, coding, body.len()),
        None => response(media),
    };
    vm.response_headers(stream, &headers, false);
    for chunk in body.chunks(50) {
        vm.response_body(stream, chunk, false);
    }
    vm.response_trailers(stream, &trailers());
}

fn play(vm: &mut Vm, run: Run) -> Seen {
    let stream = vm.open(ROOT);
    run(vm, stream);
    vm.close(stream)
}

/// What came out, but for the header that says that nothing was changed.
fn unmarked(out: &Out) -> Out {
    let mut out = out.clone();
    if let Some(headers) = &mut out.headers {
        headers.retain(|(name, _)| name != b"velum-mode");
    }
    out
}

/// What comes out where there is no filter.
fn untouched(vm: &mut Vm, run: Run) -> Seen {
    vm.is_absent = true;
    let seen = play(vm, run);
    vm.is_absent = false;
    seen
}

#[test]
fn observing_changes_nothing_whatever_fails() {
    let mut vm = vm(&observing_policy());
    let (mut sites, mut runs) = (0, 0);
    for (name, run) in RUNS {
        let plain = untouched(&mut vm, *run);
        assert!(plain.client.ended && plain.upstream.ended, "{name}");
        vm.fail(Fault::None);
        let mut check = |vm: &mut Vm, fault: Fault| {
            vm.fail(fault);
            let seen = play(vm, *run);
            let what = format!("{name}, {fault:?}");
            assert_eq!(vm.trap, None, "{what}");
            assert!(!seen.is_local && !seen.is_reset, "{what}");
            assert_eq!(unmarked(&seen.client), plain.client, "{what}");
            assert_eq!(seen.upstream, plain.upstream, "{what}");
            assert_nothing_sideways(vm, &seen, &what);
            runs += 1;
        };
        check(&mut vm, Fault::None);
        let called = vm.called();
        assert!(!called.contains(&"proxy_set_buffer_bytes"), "{name}");
        sites += called.len();
        for status in STATUSES {
            for call in 0..called.len() {
                check(&mut vm, Fault::At { call, status });
                check(&mut vm, Fault::From { call, status });
            }
            for function in called.iter().copied().collect::<BTreeSet<_>>() {
                check(&mut vm, Fault::Of { function, status });
            }
        }
    }
    figure(
        "observing_changes_nothing_whatever_fails",
        &format!(
            "{sites} call sites, {} statuses: {runs} runs",
            STATUSES.len()
        ),
    );
}
