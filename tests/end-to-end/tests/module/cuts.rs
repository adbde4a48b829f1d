//! Bodies cut anywhere, ended anywhere.

use serde_json::{Value, json};
use velum_end_to_end::stage::figure;
use velum_wasm_host::{ROOT, Seen, Vm};

use crate::cast::{
    Limits, Upward, allow, assert_safe, decide, outward_policy, patient, policy,
    policy_without_holding, request, response, response_of, trailers, vm,
};
use crate::scenarios::encoded::{TEXT, deflate, gzip, members, text};
use crate::scenarios::outward::{FORM, MULTIPART, form, lines, multipart};

const JSON: &str = "application/fhir+json";
const LINES: &str = "application/x-ndjson";

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

/// A body of an answer.
struct Body {
    media: &'static str,
    coding: Option<&'static str>,
    bytes: Vec<u8>,
}

impl Body {
    fn new(media: &'static str, text: String) -> Self {
        Self {
            media,
            coding: None,
            bytes: text.into_bytes(),
        }
    }

    fn coded(media: &'static str, coding: &'static str, bytes: Vec<u8>) -> Self {
        let coding = Some(coding);
        Self {
            media,
            coding,
            bytes,
        }
    }

    /// Starts an answer that ends with it and brings these chunks.
    fn answer(&self, vm: &mut Vm, chunks: &[&[u8]], end: End) -> Seen {
        let stream = vm.open(ROOT);
        vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
        let headers = if self.media == JSON && self.coding.is_none() {
            response(self.media)
        } else {
            response_of(self.media, self.coding, self.bytes.len())
        };
        vm.response_headers(stream, &headers, false);
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

    /// What becomes of it when it comes whole.
    fn masked(&self, vm: &mut Vm) -> Vec<u8> {
        let seen = self.answer(vm, &[&self.bytes], End::WithBytes);
        assert!(seen.client.ended && !seen.is_local, "{:?}", vm.log());
        vm.log().clear();
        seen.client.body
    }

    fn name(&self) -> String {
        format!("{} in {:?}", self.media, self.coding)
    }
}

fn plain_bodies() -> Vec<Body> {
    let patient = patient();
    let events = format!("data: {patient}\n\n: x\n\ndata: {patient}\n\n");
    vec![
        Body::new(JSON, patient.clone()),
        Body::new("application/x-ndjson", lines()),
        Body::new("text/event-stream", events),
    ]
}

fn other_bodies() -> Vec<Body> {
    vec![
        Body::coded(JSON, "gzip", gzip(&patient())),
        Body::coded("application/x-ndjson", "gzip", members(&lines())),
        Body::coded(JSON, "deflate", deflate(&patient())),
        Body::new(TEXT, text()),
        Body::coded(TEXT, "gzip", gzip(&text())),
    ]
}

/// The one that does more, where the host cannot hold headers: then nothing can be flagged.
fn outward_policy_without_holding() -> Value {
    let mut policy = outward_policy();
    policy["host"] = json!({"headers_stop_iteration": false});
    let actions = policy["actions"].as_array_mut().expect("a list");
    actions.retain(|action| action["name"] != "flagged");
    policy
}

fn loose(policy: &Value) -> Vm {
    let mut vm = vm(policy);
    vm.holds_headers = false;
    vm
}

fn vms() -> [Vm; 2] {
    [vm(&policy()), loose(&policy_without_holding())]
}

fn outward_vms() -> [Vm; 2] {
    [
        vm(&outward_policy()),
        loose(&outward_policy_without_holding()),
    ]
}

fn answers() -> impl Iterator<Item = (Vm, Vec<Body>)> {
    let plain = vms().into_iter().map(|vm| (vm, plain_bodies()));
    let other = outward_vms().into_iter().map(|vm| (vm, other_bodies()));
    plain.chain(other)
}

#[test]
fn every_cut_and_every_way_to_end_give_the_same_bytes() {
    let mut runs = 0;
    for (mut vm, bodies) in answers() {
        for body in bodies {
            let expected = body.masked(&mut vm);
            let limits = Limits {
                bodies: vec![expected.clone()],
                ..Limits::default()
            };
            let mut check = |chunks: &[&[u8]], end, what: &str| {
                let seen = body.answer(&mut vm, chunks, end);
                let what = format!("{}, {what}, {end:?}", body.name());
                assert_eq!(seen.client.body, expected, "{what}");
                assert!(seen.client.ended && !seen.is_reset, "{what}");
                assert_safe(&mut vm, &seen, &limits, &what);
                runs += 1;
            };
            for end in ENDS {
                for cut in 0..=body.bytes.len() {
                    let (front, back) = body.bytes.split_at(cut);
                    check(&[front, back], end, &format!("cut at {cut}"));
                }
                let bytes: Vec<&[u8]> = body.bytes.chunks(1).collect();
                check(&bytes, end, "byte by byte");
                let threes = body.bytes.chunks(3);
                let spaced: Vec<&[u8]> = threes.flat_map(|c| [&b""[..], c]).collect();
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
    for (mut vm, bodies) in answers() {
        for body in bodies {
            let expected = body.masked(&mut vm);
            let is_sequence = body.media != JSON && body.media != TEXT;
            for end in ENDS {
                for length in 0..body.bytes.len() {
                    let part = &body.bytes[..length];
                    let chunks: Vec<&[u8]> = part.chunks(50).collect();
                    let seen = body.answer(&mut vm, &chunks, end);
                    let what = format!("{}, {length} bytes, {end:?}", body.name());
                    assert_safe(&mut vm, &seen, &Limits::default(), &what);
                    runs += 1;
                    if is_sequence || seen.is_local {
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

/// Sends a request in these chunks, which is approved if that is asked, and answered.
fn send(vm: &mut Vm, path: &str, media: &str, chunks: &[&[u8]], end: End) -> Seen {
    let stream = vm.open(ROOT);
    let headers = [("content-type", media), ("prefer", "wait=30")];
    vm.request_headers(stream, &request("POST", path, &headers), false);
    for (index, chunk) in chunks.iter().enumerate() {
        let is_last = index + 1 == chunks.len() && matches!(end, End::WithBytes);
        vm.request_body(stream, chunk, is_last);
    }
    match end {
        End::WithBytes => {}
        End::Alone => vm.request_body(stream, b"", true),
        End::Trailers => vm.request_trailers(stream, &trailers()),
    }
    decide(vm, allow);
    vm.close(stream)
}

#[test]
fn an_inspected_request_goes_on_masked_however_it_is_cut_and_whole_or_not_at_its_end() {
    let mut runs = 0;
    let mut check = |vm: &mut Vm, path: &str, media: &str, body: &str, released| {
        let body = body.as_bytes();
        let whole = send(vm, path, media, &[body], End::WithBytes);
        assert!(whole.upstream.ended, "{path} {media}: {:?}", vm.log());
        let upward = |bodies| Limits {
            upstream: Some(Upward { bodies, released }),
            ..Limits::default()
        };
        let limits = upward(vec![whole.upstream.body.clone()]);
        assert_safe(vm, &whole, &limits, media);
        for end in ENDS {
            for cut in 0..=body.len() {
                let what = format!("{path} {media}, cut at {cut}, {end:?}");
                let (front, back) = body.split_at(cut);
                let seen = send(vm, path, media, &[front, back], end);
                assert_eq!(seen.upstream.body, whole.upstream.body, "{what}");
                assert!(seen.upstream.ended, "{what}");
                assert_safe(vm, &seen, &limits, &what);
                let seen = send(vm, path, media, &[front], end);
                // A form that ends early is a form, with half of an address for a value.
                if media != FORM {
                    assert_safe(vm, &seen, &upward(Vec::new()), &what);
                }
                let is_whole = cut == 0 || cut == body.len() || media == FORM;
                let is_last_line = body[cut.saturating_sub(1)..cut.min(body.len())] == *b"\n"
                    || body.get(cut) == Some(&b'\n');
                assert!(
                    !seen.upstream.ended
                        || is_whole
                        || media == LINES && is_last_line
                        || media == MULTIPART && body.len() - cut <= 2,
                    "{what}: what is not whole looks whole"
                );
                runs += 2;
            }
        }
    };
    for mut vm in outward_vms() {
        check(&mut vm, "/partner/x", JSON, &patient(), &[]);
        check(&mut vm, "/partner/x", FORM, &form(), &[]);
        if vm.holds_headers {
            let released = &["000-12-3456"];
            check(&mut vm, "/flagged/x", JSON, &patient(), released);
            check(&mut vm, "/flagged/x", FORM, &form(), released);
            check(&mut vm, "/partner/x", MULTIPART, &multipart(), &[]);
        } else {
            check(&mut vm, "/partner/x", LINES, &lines(), &[]);
        }
    }
    figure(
        "an_inspected_request_goes_on_masked_however_it_is_cut_and_whole_or_not_at_its_end",
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
            let body = Body::new(JSON, patient());
            let seen = body.answer(&mut vm, &[b"", b"", b""], end);
            assert!(seen.client.ended && !seen.is_reset, "{end:?}");
        }
    }
}
