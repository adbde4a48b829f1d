//! Header maps as no client would send them, and as no host would.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Answer, Headers, ROOT, Seen, Vm, encode, headers};

use crate::cast::{
    Limits, allow, assert_safe, decide, outward_policy, patient, policy, request, response, vm,
};

const BYTES: [&[u8]; 5] = [b"\x80", b"\xff\xfe\xfd", b"a\xc3(", b"\xed\xa0\x80", b""];

const REQUEST_NAMES: [&str; 18] = [
    ":method",
    ":path",
    ":authority",
    ":scheme",
    "content-type",
    "content-encoding",
    "content-length",
    "authorization",
    "velum-lift",
    "velum-reason",
    "velum-approval",
    "velum-anything",
    "prefer",
    "accept-encoding",
    "range",
    "if-none-match",
    "te",
    "cookie",
];

const RESPONSE_NAMES: [&str; 12] = [
    ":status",
    "content-type",
    "content-encoding",
    "content-length",
    "etag",
    "digest",
    "cache-control",
    "link",
    "location",
    "set-cookie",
    "velum-lifted",
    "vary",
];

/// Sets, adds and puts in front: a header may stand more than once.
fn variants(given: &Headers, name: &[u8], value: &[u8]) -> [Headers; 3] {
    let odd = (name.to_vec(), value.to_vec());
    let mut set = given.clone();
    set.retain(|(key, _)| key != name);
    set.push(odd.clone());
    let mut added = given.clone();
    added.push(odd.clone());
    let mut in_front = given.clone();
    in_front.insert(0, odd);
    [set, added, in_front]
}

/// A request under these headers, whose answer has these.
fn exchange(vm: &mut Vm, asked: &Headers, answered: &Headers, end: bool) -> Seen {
    let stream = vm.open(ROOT);
    vm.request_headers(stream, asked, end);
    if !end {
        vm.request_body(stream, br#"{"family":"[masked:name]"}"#, true);
    }
    decide(vm, allow);
    if vm.has_left(stream) {
        vm.response_headers(stream, answered, false);
        vm.response_body(stream, patient().as_bytes(), true);
    }
    vm.close(stream)
}

#[test]
fn bytes_that_are_no_text_in_any_header_trap_nothing_and_show_nothing() {
    let mut vm = vm(&policy());
    let mut runs = 0;
    let fine = response("application/fhir+json");
    for (method, path, end) in [
        ("GET", "/Patient/p1", true),
        ("GET", "/bulk/p1", true),
        ("DELETE", "/Patient/p1", true),
        ("PUT", "/Patient/p1", false),
    ] {
        let asked = request(method, path, &[("content-type", "application/json")]);
        for name in REQUEST_NAMES {
            for value in BYTES {
                for asked in variants(&asked, name.as_bytes(), value) {
                    let seen = exchange(&mut vm, &asked, &fine, end);
                    let what = format!("{method} {path}, {name}: {value:?}");
                    assert_safe(&mut vm, &seen, &Limits::default(), &what);
                    runs += 1;
                }
            }
        }
    }
    let asked = request("GET", "/Patient/p1", &[]);
    for name in RESPONSE_NAMES {
        for value in BYTES {
            for answered in variants(&fine, name.as_bytes(), value) {
                let seen = exchange(&mut vm, &asked, &answered, true);
                let what = format!("answer, {name}: {value:?}");
                assert_safe(&mut vm, &seen, &Limits::default(), &what);
                runs += 1;
            }
        }
    }
    figure(
        "bytes_that_are_no_text_in_any_header_trap_nothing_and_show_nothing",
        &format!("{runs} runs"),
    );
}

#[test]
fn names_that_are_ours_are_taken_away_whatever_follows_the_prefix() {
    let mut vm = vm(&policy());
    let names: [&[u8]; 6] = [
        b"velum-",
        b"velum_",
        b"velum-\xff",
        b"Velum-Lifted",
        b"VELUM_X",
        b"velum-lift-\x80\x80",
    ];
    let asked = request("GET", "/Patient/p1", &[]);
    let answered = response("application/fhir+json");
    for name in names {
        let [asked, ..] = variants(&asked, name, b"forged");
        let [answered, ..] = variants(&answered, name, b"forged");
        let stream = vm.open(ROOT);
        vm.request_headers(stream, &asked, true);
        vm.response_headers(stream, &answered, false);
        vm.response_body(stream, patient().as_bytes(), false);
        vm.response_trailers(stream, &headers(&[("velum-x", "forged")]));
        let seen = vm.close(stream);
        let what = format!("{name:?}");
        assert!(seen.client.ended, "{what}");
        for out in [&seen.client, &seen.upstream] {
            for (name, _) in out.headers.iter().chain(&out.trailers).flatten() {
                let name = name.to_ascii_lowercase();
                assert!(!name.starts_with(b"velum"), "{what}");
            }
        }
        assert_safe(&mut vm, &seen, &Limits::default(), &what);
    }
}

/// Bytes that are no header map: a good one cut anywhere, and worse.
fn odd_maps() -> Vec<Vec<u8>> {
    let good = encode(&request("GET", "/Patient/p1", &[]));
    let mut maps: Vec<Vec<u8>> = (1..good.len()).map(|end| good[..end].to_vec()).collect();
    for count in [
        1_u32,
        100,
        0x1000_0000,
        0x2000_0000,
        0x7fff_ffff,
        0xffff_ffff,
    ] {
        let mut map = good.clone();
        map[..4].copy_from_slice(&count.to_le_bytes());
        maps.push(map);
        let mut map = good.clone();
        map[4..8].copy_from_slice(&count.to_le_bytes());
        maps.push(map);
    }
    maps
}

#[test]
fn maps_that_cannot_be_read_let_nothing_through() {
    let mut vm = vm(&policy());
    let maps = odd_maps();
    for map in &maps {
        let what = format!("{} bytes", map.len());
        let stream = vm.open(ROOT);
        vm.odd_headers(stream, false, map);
        let seen = vm.close(stream);
        assert!(seen.is_local && seen.upstream.headers.is_none(), "{what}");
        assert_safe(&mut vm, &seen, &Limits::default(), &what);

        let stream = vm.open(ROOT);
        vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
        vm.odd_headers(stream, true, map);
        vm.response_body(stream, patient().as_bytes(), true);
        let seen = vm.close(stream);
        assert_eq!(seen.status(), 502, "{what}");
        assert_safe(&mut vm, &seen, &Limits::default(), &what);

        let stream = vm.open(ROOT);
        vm.request_headers(stream, &request("DELETE", "/Patient/p1", &[]), true);
        let token = vm.calls().last().expect("a call").token;
        let mut answer = Answer::new(200, "{}");
        answer.map_bytes = Some(map.clone());
        vm.answer(token, answer);
        let seen = vm.close(stream);
        assert_eq!(seen.status(), 503, "{what}");
        assert!(seen.upstream.headers.is_none(), "{what}");
        assert_safe(&mut vm, &seen, &Limits::default(), &what);
    }
    figure(
        "maps_that_cannot_be_read_let_nothing_through",
        &format!("{} maps in three places", maps.len()),
    );
}

#[test]
fn thousands_of_headers_are_taken_as_they_come() {
    let mut vm = vm(&policy());
    let names: Vec<String> = (0..3_000)
        .map(|number| format!("velum-x{number}"))
        .collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "forged")).collect();
    let same = vec![("x-same", "1"); 3_000];
    let long = "a".repeat(1_000_000);
    for more in [
        &many[..],
        &same,
        &[("x-long", long.as_str()), ("cookie", &long)],
    ] {
        let asked = request("GET", "/Patient/p1", more);
        let mut answered = response("application/fhir+json");
        answered.extend(headers(more));
        let seen = exchange(&mut vm, &asked, &answered, true);
        assert!(seen.client.ended && !seen.is_local, "{:?}", vm.log());
        let left = seen.upstream.headers.as_ref().map_or(0, Vec::len);
        assert_eq!(left > 2_000, more.len() > 2_000 && more[0].0 == "x-same");
        assert_safe(&mut vm, &seen, &Limits::default(), more[0].0);
    }
}

#[test]
fn what_a_check_cannot_hold_is_refused_for_good_before_anybody_is_asked() {
    let mut vm = vm(&outward_policy());
    let long = "a".repeat(256);
    for (name, value) in [
        (":authority", ""),
        (":authority", long.as_str()),
        (":authority", "a\u{85}b"),
    ] {
        for (method, path) in [
            ("DELETE", "/Patient/p1"),
            ("GET", "/Patient/p1"),
            ("POST", "/flagged/x"),
        ] {
            let stream = vm.open(ROOT);
            let more = [
                ("velum-lift", "name"),
                ("prefer", "wait=30"),
                ("content-type", "application/json"),
            ];
            let more = if method == "POST" {
                &more[1..]
            } else {
                &more[..]
            };
            let mut headers = request(method, path, more);
            for (key, given) in &mut headers {
                if key == name.as_bytes() {
                    *given = value.as_bytes().to_vec();
                }
            }
            vm.request_headers(stream, &headers, method != "POST");
            vm.request_body(stream, b"{\"ssn\":\"000-12-3456\"}", true);
            assert!(vm.calls().is_empty(), "{method} {name} {value}");
            let seen = vm.close(stream);
            let text = seen.text();
            assert_eq!(seen.status(), 400, "{method} {name} {value}: {text}");
            let problem: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(problem["retryable"], false, "{text}");
            assert!(seen.upstream.headers.is_none());
            assert!(text.contains("ambiguous-request"), "{text}");
            assert_safe(&mut vm, &seen, &Limits::default(), name);
        }
    }
}
