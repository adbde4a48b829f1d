//! Answers that are compressed, texts, and what stands round a body.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn asked(responses: Value) -> Vm {
    let mut policy = policy();
    policy["responses"] = responses;
    let mut vm = Vm::with(&policy);
    vm.request("GET", "/Patient/1", &[]);
    vm
}

fn decoding() -> Vm {
    asked(json!({"encodings": "decode", "text": ["text/plain", "text/html"]}))
}

/// A chunk, and what is in the host's buffer afterwards.
fn chunk(vm: &mut Vm, bytes: &[u8], end: bool) -> (Flow, String) {
    vm.host.set_body(Buffer::ResponseBody, bytes);
    let flow = vm.dispatcher.run(&vm.host, STREAM, |stream, host| {
        stream.on_response_body(host, bytes.len(), end)
    });
    let buffers = vm.host.buffers.borrow();
    let left = buffers.get(&(Buffer::ResponseBody as u32)).unwrap();
    (flow, String::from_utf8_lossy(left).into_owned())
}

fn trailers(vm: &mut Vm) -> Flow {
    vm.dispatcher
        .run(&vm.host, STREAM, Stream::on_response_trailers)
}

fn coded(coding: &str) -> [(&str, &str); 4] {
    [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-encoding", coding),
        ("content-length", "80"),
    ]
}

#[test]
fn a_compressed_body_is_decoded_masked_and_goes_on_decoded() {
    for (coding, body) in [
        ("gzip", gzip(PATIENT.as_bytes())),
        ("X-Gzip", gzip(PATIENT.as_bytes())),
        ("deflate", zlib(PATIENT.as_bytes())),
    ] {
        for by_trailers in [false, true] {
            let mut vm = decoding();
            assert_eq!(vm.response(&coded(coding), false), Flow::Pause);
            let answer = vm.host.map(Map::ResponseHeaders);
            assert_eq!(header(&answer, "content-encoding"), None);
            assert_eq!(header(&answer, "content-length"), None);
            let mut out = String::new();
            for (at, byte) in body.iter().enumerate() {
                let (flow, piece) = chunk(&mut vm, &[*byte], false);
                out += &piece;
                // Headers wait until something has been decoded.
                assert_eq!(flow == Flow::Wait, out.is_empty(), "{coding} at {at}");
            }
            let flow = if by_trailers {
                trailers(&mut vm)
            } else {
                vm.host.set_body(Buffer::ResponseBody, b"");
                vm.response_body("", true).0
            };
            assert_eq!(flow, Flow::Continue);
            assert!(out.starts_with("{\"resourceType\"") && out.ends_with('}'));
            assert!(!out.contains("Quill"), "{out}");
            assert!(vm.host.resets.borrow().is_empty());
        }
    }
}

#[test]
fn a_compressed_body_that_is_cut_off_or_goes_on_is_withheld() {
    let whole = gzip(PATIENT.as_bytes());
    let (cut, longer) = (&whole[..whole.len() - 3], [&whole[..], b"{}"].concat());
    for body in [cut, &longer] {
        let mut vm = decoding();
        vm.response(&coded("gzip"), false);
        chunk(&mut vm, body, true);
        assert_eq!(vm.problem().0, 502);
    }
    let mut vm = decoding();
    vm.response(&coded("gzip"), false);
    chunk(&mut vm, cut, false);
    trailers(&mut vm);
    assert_eq!(*vm.host.resets.borrow(), [Side::Response]);
}

#[test]
fn a_body_that_becomes_long_is_handed_on_in_pieces_up_to_its_limit() {
    let records = (0..30_000_u32).map(|n| json!({"n": n.wrapping_mul(2_654_435_761)}));
    let document = records.collect::<Value>().to_string();
    let mut vm = decoding();
    vm.response(&coded("gzip"), false);
    let (_, out) = chunk(&mut vm, &gzip(document.as_bytes()), true);
    assert_eq!(out, document);
    assert!(vm.host.writes.get() > 1);

    let mut policy = policy();
    policy["responses"] = json!({"encodings": "decode"});
    policy["limits"] = json!({"expansion": 2});
    let mut vm = Vm::with(&policy);
    vm.request("GET", "/Patient/1", &[]);
    vm.response(&coded("gzip"), false);
    chunk(&mut vm, &gzip(document.as_bytes()), true);
    assert_eq!(vm.problem().0, 502);
    assert!(vm.host.log.borrow().concat().contains("limits.expansion"));
}

/// The answer with this body under a limit, if any.
fn limited(limit: Option<(&str, usize)>, body: &str) -> (Vm, String) {
    let mut policy = policy();
    if let Some((name, most)) = limit {
        policy["limits"][name] = json!(most);
    }
    let mut vm = Vm::with(&policy);
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    let (_, out) = vm.response_body(body, true);
    (vm, out)
}

#[test]
fn bodies_are_held_to_the_limits_of_the_policy() {
    for (limit, body) in [
        (("depth", 8), "[".repeat(9) + &"]".repeat(9)),
        (
            ("token_bytes", 1024),
            format!("{{\"{}\":1}}", "x".repeat(2000)),
        ),
        (("members", 1024), format!("[{}1]", "1,".repeat(1024))),
        (("keys", 1024), format!("[{}1]", "{\"a\":1},".repeat(1025))),
    ] {
        let (vm, out) = limited(None, &body);
        assert!(vm.host.replies.borrow().is_empty(), "{limit:?}");
        assert_eq!(out, body, "{limit:?}");
        let (vm, _) = limited(Some(limit), &body);
        assert_eq!(vm.problem().0, 502, "{limit:?}");
    }
    let space = " ".repeat(2000);
    let system = "http://hl7.org/fhir/sid/us-ssn";
    let body = format!(r#"{{"identifier":{{"value":"7",{space}"system":"{system}"}}}}"#);
    for (limit, class) in [(None, "ssn"), (Some(("held_bytes", 1024)), "identifier")] {
        let (_, out) = limited(limit, &body);
        let value = format!(r#""value":"[masked:{class}]""#);
        assert!(out.contains(&value), "{limit:?}: {out}");
    }
}

#[test]
fn encodings_that_nobody_decodes_are_refused() {
    for coding in ["br", "zstd", "gzip, br", "compress", "aes128gcm"] {
        let mut vm = decoding();
        vm.response(&coded(coding), false);
        assert_eq!(vm.problem().0, 502, "{coding}");
    }
    let mut vm = asked(json!({"otherwise": "refuse"}));
    vm.response(&coded("gzip"), false);
    assert_eq!(vm.problem().0, 502, "by default");
    let mut vm = decoding();
    let empty = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-encoding", ""),
    ];
    assert_eq!(vm.response(&empty, false), Flow::Pause);
    assert!(vm.host.replies.borrow().is_empty());
}

fn text_of(length: &str) -> [(&str, &str); 3] {
    [
        (":status", "200"),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", length),
    ]
}

#[test]
fn a_text_is_gathered_and_leaves_masked_with_its_last_byte() {
    let text = "ask orla@example.org, SSN 000-12-3456";
    for by_trailers in [false, true] {
        let mut vm = decoding();
        assert_eq!(vm.response(&text_of("37"), false), Flow::Pause);
        for (at, byte) in text.bytes().enumerate() {
            let (flow, out) = chunk(&mut vm, &[byte], false);
            if at + 1 < text.len() {
                assert_eq!((flow, out.as_str()), (Flow::Wait, ""));
            } else {
                assert_eq!(flow, Flow::Continue);
                assert_eq!(out, "ask [masked:email], SSN [masked:ssn]");
            }
        }
        let flow = if by_trailers {
            trailers(&mut vm)
        } else {
            chunk(&mut vm, b"", true).0
        };
        assert_eq!(flow, Flow::Continue);
        assert!(vm.host.resets.borrow().is_empty());
        assert_eq!(
            header(&vm.host.map(Map::ResponseHeaders), "content-length"),
            None
        );
    }
}

#[test]
fn a_compressed_text_is_read_too() {
    let body = gzip(b"<p>SSN <b>000-12-3456</b></p>");
    let length = body.len().to_string();
    let mut vm = decoding();
    let headers = [
        (":status", "200"),
        ("content-type", "text/html"),
        ("content-encoding", "gzip"),
        ("content-length", &length),
    ];
    vm.response(&headers, false);
    let (flow, out) = chunk(&mut vm, &body, false);
    assert_eq!(flow, Flow::Continue);
    assert!(
        out.contains("[masked:ssn]") && !out.contains("3456"),
        "{out}"
    );
}

#[test]
fn texts_whose_end_or_charset_is_not_told_are_refused() {
    let length = |value| ("content-length", value);
    let plain = ("content-type", "text/plain");
    for (name, headers, body) in [
        ("no length", vec![plain], &b""[..]),
        ("two lengths", vec![plain, length("3"), length("4")], b""),
        ("a length that is none", vec![plain, length("+3")], b""),
        ("too long", vec![plain, length("1048577")], b""),
        (
            "another charset",
            vec![("content-type", "text/plain; charset=latin1"), length("3")],
            b"",
        ),
        (
            "another text",
            vec![("content-type", "text/csv"), length("3")],
            b"",
        ),
        ("not UTF-8", vec![plain, length("3")], b"a\xffb"),
        ("shorter", vec![plain, length("4")], b"abc"),
        ("longer", vec![plain, length("2")], b"abc"),
    ] {
        let mut vm = decoding();
        let headers = [&[(":status", "200")][..], &headers].concat();
        vm.response(&headers, false);
        if !body.is_empty() {
            chunk(&mut vm, body, true);
        }
        assert_eq!(vm.problem().0, 502, "{name}");
    }
    let mut vm = asked(json!({"otherwise": "refuse"}));
    vm.response(&text_of("3"), false);
    assert_eq!(vm.problem().0, 502, "by default");
}

#[test]
fn a_text_that_ends_at_trailers_too_early_is_cut() {
    let mut vm = decoding();
    vm.response(&text_of("37"), false);
    chunk(&mut vm, b"ask", false);
    trailers(&mut vm);
    assert_eq!(*vm.host.resets.borrow(), [Side::Response]);
}

#[test]
fn no_bytes_of_a_document_hold_nothing_back() {
    let json = [(":status", "200"), ("content-type", "application/json")];
    for (more, resets) in [(&b"[1]"[..], 0), (b"Quill", 1)] {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", &[]);
        assert_eq!(vm.response(&json, false), Flow::Pause);
        assert_eq!(chunk(&mut vm, b"", false).0, Flow::Continue);
        let (_, out) = chunk(&mut vm, more, true);
        assert_eq!(vm.host.resets.borrow().len(), resets);
        assert!(!out.contains("Quill"), "{out}");
    }
}

#[test]
fn a_body_that_nobody_speaks_of_may_be_empty_and_nothing_else() {
    let of = |headers: &[(&str, &str)]| {
        let mut vm = Vm::new();
        vm.request("GET", "/Patient/1", &[]);
        assert_eq!(vm.response(headers, false), Flow::Pause, "{headers:?}");
        assert!(vm.host.replies.borrow().is_empty(), "{headers:?}");
        vm
    };
    let json = ("content-type", "application/json");
    for headers in [
        &[(":status", "204")][..],
        &[(":status", "304"), json],
        &[(":status", "205"), ("content-length", "0")],
        &[(":status", "201"), ("location", "/Patient/1")],
        &[(":status", "200"), ("content-length", "0")],
    ] {
        assert_eq!(chunk(&mut of(headers), b"", true).0, Flow::Continue);
        // Behind Envoy's decompressor trailers come only once this has gone on.
        let mut vm = of(headers);
        assert_eq!(chunk(&mut vm, b"", false).0, Flow::Continue);
        chunk(&mut vm, b"Quill", false);
        assert_eq!(*vm.host.resets.borrow(), [Side::Response], "{headers:?}");
        assert_eq!(trailers(&mut of(headers)), Flow::Continue);
        let mut vm = of(headers);
        chunk(&mut vm, b"Quill", false);
        assert_eq!(vm.problem().0, 502, "{headers:?}");
    }
    let mut policy = policy();
    policy["host"] = json!({"headers_stop_iteration": false});
    for (headers, is_empty) in [
        (&[(":status", "204")][..], true),
        (&[(":status", "200"), ("content-length", "0")], true),
        (&[(":status", "200")], false),
    ] {
        let mut vm = Vm::with(&policy);
        vm.request("GET", "/Patient/1", &[]);
        vm.response(headers, false);
        assert_eq!(vm.host.replies.borrow().is_empty(), is_empty, "{headers:?}");
        let (flow, _) = chunk(&mut vm, b"", true);
        assert_eq!(flow == Flow::Continue, is_empty, "{headers:?}");
    }
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    let body = format!("\u{FEFF}{PATIENT}");
    let (flow, out) = chunk(&mut vm, body.as_bytes(), true);
    assert_eq!(flow, Flow::Continue);
    assert!(
        out.starts_with("\u{FEFF}{") && !out.contains("Quill"),
        "{out}"
    );
}

#[test]
fn headers_and_trailers_are_masked_and_a_passed_route_keeps_its_own() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    let headers = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("x-note", "SSN 000-12-3456"),
        ("location", "/users/000-12-3456"),
    ];
    vm.response(&headers, false);
    let answer = vm.host.map(Map::ResponseHeaders);
    assert_eq!(header(&answer, "x-note"), Some(&b"SSN [masked:ssn]"[..]));
    assert_eq!(
        header(&answer, "location"),
        Some(&b"/users/%5Bmasked:ssn%5D"[..])
    );
    chunk(&mut vm, b"{}", false);
    let given = [
        ("x-note", "SSN 000-12-3456"),
        ("velum-lifted", "ssn"),
        ("content-digest", "sha-256=:x:"),
        ("x-kept", "1"),
    ];
    vm.host.set_map(Map::ResponseTrailers, &given);
    assert_eq!(trailers(&mut vm), Flow::Continue);
    let answer = vm.host.map(Map::ResponseTrailers);
    assert_eq!(header(&answer, "x-note"), Some(&b"SSN [masked:ssn]"[..]));
    assert_eq!(answer.len(), 2, "{answer:?}");

    let mut vm = Vm::new();
    vm.request("GET", "/healthz", &[]);
    let headers = [(":status", "200"), ("x-note", "SSN 000-12-3456")];
    vm.response(&headers, false);
    vm.host.set_map(Map::ResponseTrailers, &given);
    assert_eq!(trailers(&mut vm), Flow::Continue);
    for map in [Map::ResponseHeaders, Map::ResponseTrailers] {
        let answer = vm.host.map(map);
        assert_eq!(header(&answer, "x-note"), Some(&b"SSN 000-12-3456"[..]));
        assert_eq!(header(&answer, "velum-lifted"), None);
    }
}

#[test]
fn ordinary_headers_are_not_written_again() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.host.written.borrow_mut().clear();
    let headers = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "80"),
        ("date", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("server", "api"),
        ("etag", "W/\"3\""),
        ("last-modified", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("x-powered-by", "api"),
    ];
    vm.response(&headers, false);
    assert_eq!(vm.host.written.take(), ["-content-length"]);
}

#[test]
fn tunnels_and_grpc_are_refused_where_answers_are_masked() {
    let grpc = ("content-type", "application/grpc+proto");
    for (method, more, code) in [
        ("GET", vec![("upgrade", "websocket")], "upgrade-refused"),
        ("CONNECT", vec![], "upgrade-refused"),
        ("POST", vec![grpc], "grpc-refused"),
        ("DELETE", vec![("upgrade", "websocket")], "upgrade-refused"),
    ] {
        let mut vm = Vm::new();
        vm.request(method, "/Patient/1", &more);
        assert_eq!(vm.problem(), (403, code.into()), "{method} {more:?}");
    }
    let mut vm = Vm::new();
    assert_eq!(
        vm.request("GET", "/healthz", &[("upgrade", "websocket")]),
        Flow::Continue,
        "the policy passes it"
    );
    let mut policy = policy();
    policy["responses"] = json!({"otherwise": "pass"});
    let mut vm = Vm::with(&policy);
    vm.request("POST", "/Patient/1", &[grpc]);
    assert_eq!(
        vm.problem(),
        (403, "grpc-refused".into()),
        "it may never end"
    );
    let passed =
        json!({"name": "records", "when": {"path": {"prefix": "/records/"}}, "effect": "pass"});
    policy["actions"].as_array_mut().unwrap().insert(0, passed);
    let mut vm = Vm::with(&policy);
    assert_eq!(vm.request("POST", "/records/Get", &[grpc]), Flow::Continue);
    vm.response(&[(":status", "200"), grpc], false);
    assert_eq!(chunk(&mut vm, b"\0\0\0\0\x01a", true).0, Flow::Continue);
}

#[test]
fn behind_an_answer_of_ours_no_second_headers_bring_a_body() {
    const PASSED: &str = "/healthz";
    for (path, headers) in [
        ("/Patient/1", &[(":status", "206")][..]),
        (
            "/Patient/1",
            &[(":status", "200"), ("content-type", "image/png")],
        ),
        (PASSED, &[(":status", "200")]),
        ("/closed/1", &[(":status", "403")]),
    ] {
        let mut vm = Vm::new();
        vm.request("GET", path, &[]);
        let is_ours = path != PASSED;
        vm.response(headers, false);
        assert_eq!(
            vm.host.replies.borrow().len(),
            usize::from(is_ours),
            "{path}"
        );
        // Those of an upstream whose answer ours replaced, or of nobody.
        assert_eq!(vm.json_response(), Flow::Pause, "{path}");
        assert_eq!(vm.host.resets.borrow().len(), 1, "{path}");
        let (flow, out) = chunk(&mut vm, PATIENT.as_bytes(), true);
        assert_eq!((flow, &*out), (Flow::Pause, ""), "{path}");
    }
}
