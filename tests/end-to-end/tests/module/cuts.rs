//! Bodies cut anywhere, ended anywhere.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{ROOT, Seen, Vm};

use crate::cast::{
    Limits, assert_safe, masked, patient, policy, policy_without_holding, request, response,
    trailers, vm,
};

/// How a host tells that a body is over.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With the last bytes, as HTTP/2 does.
    WithBytes,
    /// By a call of its own, as for HTTP/1.1.
    Alone,
    /// By trailers.
    Trailers,
}

const ENDS: [End; 3] = [End::WithBytes, End::Alone, End::Trailers];

fn media() -> [(&'static str, String); 3] {
    let patient = patient();
    [
        ("application/fhir+json", patient.clone()),
        ("application/x-ndjson", format!("{patient}\n{patient}\n")),
        (
            "text/event-stream",
            format!("data: {patient}\n\n: x\n\ndata: {patient}\n\n"),
        ),
    ]
}

/// Starts an answer and brings its chunks.
fn answer(vm: &mut Vm, media: &str, chunks: &[&[u8]], end: End) -> Seen {
    let stream = vm.open(ROOT);
    vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
    vm.response_headers(stream, &response(media), false);
    for (index, chunk) in chunks.iter().enumerate() {
        let is_last = index + 1 == chunks.len() && matches!(end, End::WithBytes);
        vm.response_body(stream, chunk, is_last);
    }
    match end {
        End::WithBytes => {}
        End::Alone => vm.response_body(stream, b"", true),
        End::Trailers => vm.response_trailers(stream, &trailers()),
    }
    vm.close(stream)
}

fn vms() -> [Vm; 2] {
    let mut without_holding = vm(&policy_without_holding());
    without_holding.holds_headers = false;
    [vm(&policy()), without_holding]
}

#[test]
fn every_cut_and_every_way_to_end_give_the_same_bytes() {
    let mut runs = 0;
    for mut vm in vms() {
        for (media, body) in media() {
            let expected = masked(&mut vm, media, &body);
            let limits = Limits {
                bodies: vec![expected.clone()],
                lifted: &[],
            };
            let body = body.as_bytes();
            let mut check = |chunks: &[&[u8]], end, what: &str| {
                let seen = answer(&mut vm, media, chunks, end);
                let what = format!("{media}, {what}, {end:?}");
                assert_eq!(seen.client.body, expected, "{what}");
                assert!(seen.client.ended && !seen.is_reset, "{what}");
                assert_safe(&mut vm, &seen, &limits, &what);
                runs += 1;
            };
            for end in ENDS {
                for cut in 0..=body.len() {
                    let (front, back) = body.split_at(cut);
                    check(&[front, back], end, &format!("cut at {cut}"));
                }
                let bytes: Vec<&[u8]> = body.chunks(1).collect();
                check(&bytes, end, "byte by byte");
                let spaced: Vec<&[u8]> = body.chunks(3).flat_map(|c| [&b""[..], c]).collect();
                check(&spaced, end, "with nothing between");
            }
        }
    }
    figure(
        "every_cut_and_every_way_to_end_give_the_same_bytes",
        &format!("{runs} runs"),
    );
}

#[test]
fn trailers_and_ends_at_every_point_let_nothing_unmasked_through_and_tell_what_is_missing() {
    let mut runs = 0;
    for mut vm in vms() {
        for (media, body) in media() {
            let expected = masked(&mut vm, media, &body);
            for end in ENDS {
                for length in 0..body.len() {
                    let part = &body.as_bytes()[..length];
                    let chunks: Vec<&[u8]> = part.chunks(50).collect();
                    let seen = answer(&mut vm, media, &chunks, end);
                    let what = format!("{media}, {length} bytes, {end:?}");
                    assert_safe(&mut vm, &seen, &Limits::default(), &what);
                    runs += 1;
                    if media != "application/fhir+json" || seen.is_local {
                        continue;
                    }
                    assert!(expected.starts_with(&seen.client.body), "{what}");
                    // A document that is not whole never looks whole; none at all is no document.
                    assert!(seen.is_reset || length == 0, "{what}");
                    assert!(!seen.client.ended || length == 0, "{what}");
                }
            }
        }
    }
    figure(
        "trailers_and_ends_at_every_point_let_nothing_unmasked_through_and_tell_what_is_missing",
        &format!("{runs} runs"),
    );
}

#[test]
fn a_masked_value_in_a_request_is_found_however_the_body_is_cut() {
    let body = br#"{"name":[{"family":"[masked:name]"}]}"#;
    for mut vm in vms() {
        let holds = vm.holds_headers;
        for cut in 0..=body.len() {
            for end in ENDS {
                let stream = vm.open(ROOT);
                let more = [("content-type", "application/json")];
                vm.request_headers(stream, &request("PUT", "/Patient/p1", &more), false);
                let (front, back) = body.split_at(cut);
                vm.request_body(stream, front, false);
                vm.request_body(stream, back, matches!(end, End::WithBytes));
                match end {
                    End::WithBytes => {}
                    End::Alone => vm.request_body(stream, b"", true),
                    End::Trailers => vm.request_trailers(stream, &trailers()),
                }
                let seen = vm.close(stream);
                let what = format!("cut at {cut}, {end:?}");
                assert_eq!(seen.status(), 422, "{what}");
                assert!(
                    seen.upstream.body.is_empty() && !seen.upstream.ended,
                    "{what}"
                );
                assert_eq!(seen.upstream.headers.is_some(), !holds, "{what}");
                assert_safe(&mut vm, &seen, &Limits::default(), &what);
            }
        }
    }
}

#[test]
fn headers_that_end_a_message_and_empty_chunks_hang_nothing() {
    for mut vm in vms() {
        for (method, status) in [
            ("HEAD", "200"),
            ("GET", "204"),
            ("GET", "304"),
            ("POST", "201"),
        ] {
            let stream = vm.open(ROOT);
            vm.request_headers(stream, &request(method, "/Patient/p1", &[]), true);
            let mut headers = response("application/fhir+json");
            headers[0].1 = status.as_bytes().to_vec();
            vm.response_headers(stream, &headers, true);
            let seen = vm.close(stream);
            assert_eq!(seen.status().to_string(), status);
            assert!(
                seen.client.ended && seen.upstream.ended,
                "{method} {status}"
            );
            assert_safe(&mut vm, &seen, &Limits::default(), status);
        }
        for end in ENDS {
            let seen = answer(&mut vm, "application/fhir+json", &[b"", b"", b""], end);
            assert!(seen.client.ended && !seen.is_reset, "{end:?}");
        }
    }
}
