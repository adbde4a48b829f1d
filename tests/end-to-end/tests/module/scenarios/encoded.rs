//! Answers that come compressed, and texts.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use velum_wasm_host::Vm;

use super::{JSON, LINES, Scenario, get};
use crate::cast::{PATH, patient, response_of, trailers};

pub(crate) const TEXT: &str = "text/plain";

pub(crate) fn text() -> String {
    "Call about SSN 000-12-3456, or write to orla@example.org.\n".to_owned()
}

fn page() -> String {
    "<p>Call about SSN 000-12-3456, or <b>write</b> to orla@example.org.</p>\n".to_owned()
}

fn lines() -> String {
    format!("{0}\n{0}\n", patient())
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

pub(crate) fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

/// Two members, which are one body.
pub(crate) fn members(text: &str) -> Vec<u8> {
    let (front, back) = text.split_at(text.len() / 2);
    [gzip(front), gzip(back)].concat()
}

/// Much from little.
pub(crate) fn bomb(megabytes: usize) -> Vec<u8> {
    gzip(&format!(
        "{{\"note\":\"{}\"}}",
        "a".repeat(megabytes * 1024 * 1024)
    ))
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("gzip", 200, |vm, stream| {
        answer(vm, stream, JSON, Some("gzip"), &gzip(&patient()), 40, true);
    }),
    Scenario::new("two members, trailers", 200, |vm, stream| {
        let body = members(&lines());
        answer(vm, stream, LINES, Some("x-gzip"), &body, 60, false);
    })
    .of(LINES, lines),
    Scenario::new("deflate", 200, |vm, stream| {
        let body = deflate(&patient());
        answer(vm, stream, JSON, Some("deflate"), &body, 1000, true);
    }),
    Scenario::new("gzip that is cut off", 200, |vm, stream| {
        let body = gzip(&patient());
        let body = &body[..body.len() - 4];
        answer(vm, stream, JSON, Some("gzip"), body, 100, true);
    })
    .cut(),
    Scenario::new("gzip that is none", 502, |vm, stream| {
        let body = patient();
        answer(vm, stream, JSON, Some("gzip"), body.as_bytes(), 100, true);
    })
    .own(),
    Scenario::new("another encoding", 502, |vm, stream| {
        let body = patient();
        answer(vm, stream, JSON, Some("br"), body.as_bytes(), 100, true);
    })
    .own(),
    Scenario::new("text", 200, |vm, stream| {
        answer(vm, stream, TEXT, None, text().as_bytes(), 20, true);
    })
    .exactly(),
    Scenario::new("text in gzip, trailers", 200, |vm, stream| {
        let body = gzip(&text());
        answer(vm, stream, TEXT, Some("gzip"), &body, 20, false);
    })
    .exactly(),
    Scenario::new("a page", 200, |vm, stream| {
        answer(vm, stream, "text/html", None, page().as_bytes(), 1000, true);
    })
    .exactly(),
    Scenario::new("text that is longer than it says", 502, |vm, stream| {
        get(vm, stream, PATH, &[]);
        if vm.has_left(stream) || vm.insists {
            let body = text();
            vm.response_headers(stream, &response_of(TEXT, None, 30), false);
            vm.response_body(stream, &body.as_bytes()[..20], false);
            vm.response_body(stream, &body.as_bytes()[20..], true);
        }
    })
    .own(),
];

/// A GET, and its answer as these bytes are.
fn answer(
    vm: &mut Vm,
    stream: u32,
    media: &str,
    coding: Option<&str>,
    body: &[u8],
    chunk: usize,
    by_end: bool,
) {
    get(vm, stream, PATH, &[]);
    if !vm.has_left(stream) && !vm.insists {
        return;
    }
    vm.response_headers(stream, &response_of(media, coding, body.len()), false);
    for chunk in body.chunks(chunk) {
        vm.response_body(stream, chunk, false);
    }
    if by_end {
        vm.response_body(stream, b"", true);
    } else {
        vm.response_trailers(stream, &trailers());
    }
}
