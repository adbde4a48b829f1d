//! What the policy service may say, and to whom.

use velum_approval::messages::Check;
use velum_approval::{SigningKey, Timestamp};
use velum_end_to_end::stage::figure;
use velum_wasm_host::{Answer, Fault, ROOT, Seen, Vm, headers};

use crate::cast::{
    Limits, allow, allowed, answer_all, assert_safe, patient, policy, request, response, signed, vm,
};

/// A held request for names.
fn held(vm: &mut Vm) -> (u32, u32, Check) {
    let stream = vm.open(ROOT);
    let asking = [("velum-lift", "name"), ("prefer", "wait=30")];
    vm.request_headers(stream, &request("GET", "/bulk/p1", &asking), true);
    let call = vm.calls().last().expect("a call").clone();
    let check = serde_json::from_slice(&call.body).expect("a check");
    (stream, call.token, check)
}

/// Its end, with an answer of the upstream where the request has come to it.
fn end(vm: &mut Vm, stream: u32) -> Seen {
    if vm.has_left(stream) {
        vm.response_headers(stream, &response("application/fhir+json"), false);
        vm.response_body(stream, patient().as_bytes(), true);
    }
    vm.close(stream)
}

fn json(check: &Check) -> Vec<u8> {
    serde_json::to_vec(&allow(check)).expect("JSON")
}

/// Answers that must not let anything go: made for a check that would be allowed.
fn untrue(check: &Check) -> Vec<(&'static str, Answer)> {
    let other = SigningKey::from_bytes(&[4; 32]);
    let good = json(check);
    let with = |change: &dyn Fn(&mut velum_approval::Allow)| {
        let mut allow = allowed(check);
        change(&mut allow);
        Answer::new(200, serde_json::to_vec(&signed(&allow)).expect("JSON"))
    };
    let by_other = velum_approval::SignedAllow::sign(&allowed(check), &other);
    let by_other = velum_approval::messages::Answer::Allow(by_other);
    let text = String::from_utf8(good.clone()).expect("JSON");
    let mut answers = vec![
        ("the connection broke", Answer::default()),
        (
            "no headers, a body",
            Answer {
                body: good.clone(),
                ..Answer::default()
            },
        ),
        (
            "no status",
            Answer {
                headers: headers(&[("x", "1")]),
                body: good.clone(),
                map_bytes: None,
            },
        ),
        ("empty", Answer::new(200, "")),
        ("not JSON", Answer::new(200, "upstream request timeout")),
        ("not text", Answer::new(200, [0xff, 0xfe])),
        ("cut short", Answer::new(200, &good[..good.len() - 1])),
        (
            "more behind it",
            Answer::new(200, [&good[..], b"x"].concat()),
        ),
        (
            "another key",
            Answer::new(200, serde_json::to_vec(&by_other).expect("JSON")),
        ),
        (
            "no signature",
            Answer::new(200, text.replace("\"signature\":\"", "\"signature\":\"A")),
        ),
        ("two megabytes", Answer::new(200, vec![b' '; 2_000_000])),
        (
            "for another stream",
            with(&|allow| allow.use_key = velum_approval::UseKey::from_bytes([9; 16])),
        ),
        (
            "expired",
            with(&|allow| allow.expires = Timestamp::from_millis(1_600_000_000_000)),
        ),
        (
            "more than asked",
            with(&|allow| allow.scope.classes.insert(velum_engine::Class::Ssn)),
        ),
    ];
    for status in [100, 201, 204, 301, 401, 404, 431, 500, 503, 504] {
        answers.push(("another status", Answer::new(status, good.clone())));
    }
    answers
}

#[test]
fn nothing_but_a_signed_answer_to_this_stream_lets_a_held_request_go() {
    let mut vm = vm(&policy());
    let mut count = 0;
    for index in 0.. {
        let (stream, token, check) = held(&mut vm);
        let Some((name, answer)) = untrue(&check).into_iter().nth(index) else {
            break;
        };
        answer_all(&mut vm, token, &answer);
        let seen = end(&mut vm, stream);
        assert_eq!(seen.status(), 503, "{name}");
        assert!(seen.upstream.headers.is_none(), "{name}");
        assert_safe(&mut vm, &seen, &Limits::default(), name);
        count += 1;
    }
    // The same answer, signed, for this stream: it does go.
    let (stream, token, check) = held(&mut vm);
    vm.answer(token, Answer::new(200, json(&check)));
    let seen = end(&mut vm, stream);
    assert!(seen.text().contains("Thistlewood"), "{}", seen.text());
    figure(
        "nothing_but_a_signed_answer_to_this_stream_lets_a_held_request_go",
        &format!("{count} answers"),
    );
}

#[test]
fn answers_for_nobody_change_nothing() {
    let mut vm = vm(&policy());
    let lifted = Limits {
        bodies: Vec::new(),
        lifted: &["Thistlewood", "Orla"],
        upstream: None,
    };
    // A token that nobody has.
    vm.answer(4711, Answer::new(200, "{}"));
    // The stream is gone.
    let (stream, token, check) = held(&mut vm);
    let gone = vm.close(stream);
    vm.answer(token, Answer::new(200, json(&check)));
    assert!(gone.upstream.headers.is_none());
    // Another has come since: it is not the one that was meant.
    let (other, _, _) = held(&mut vm);
    vm.answer(token, Answer::new(200, json(&check)));
    let seen = end(&mut vm, other);
    assert!(seen.upstream.headers.is_none() && seen.client.headers.is_none());
    // Twice: the second time nobody waits.
    let (stream, token, check) = held(&mut vm);
    vm.answer(token, Answer::new(200, json(&check)));
    vm.answer(token, Answer::new(200, json(&check)));
    let seen = end(&mut vm, stream);
    assert!(seen.client.ended);
    assert_safe(&mut vm, &seen, &lifted, "twice");
    // While its answer is on the way: nothing starts again.
    let (stream, token, check) = held(&mut vm);
    answer_all(&mut vm, token, &Answer::new(503, ""));
    vm.answer(token, Answer::new(200, json(&check)));
    let seen = end(&mut vm, stream);
    assert_eq!(seen.status(), 503);
    assert_safe(&mut vm, &seen, &Limits::default(), "late");
}

#[test]
fn a_service_that_never_decides_ends_with_the_hold() {
    undecided_until_it_ends(Fault::None);
}

#[test]
fn a_hold_ends_though_its_beginning_could_not_be_told() {
    let function = "proxy_get_current_time_nanoseconds";
    undecided_until_it_ends(Fault::Of {
        function,
        status: 10,
    });
}

/// Asks under a fault, which is over when the first answer comes.
fn undecided_until_it_ends(fault: Fault) {
    let mut vm = vm(&policy());
    vm.fail(fault);
    let (stream, mut token, _) = held(&mut vm);
    vm.fail(Fault::None);
    let mut calls = 1;
    loop {
        vm.pass(20_000_000_000);
        let body = serde_json::to_vec(&crate::cast::undecided()).expect("JSON");
        vm.calls().clear();
        vm.answer(token, Answer::new(200, body));
        let Some(call) = vm.calls().last() else {
            break;
        };
        token = call.token;
        calls += 1;
        assert!(calls < 10, "it goes on asking");
    }
    let seen = end(&mut vm, stream);
    assert_eq!(seen.status(), 403);
    assert_safe(&mut vm, &seen, &Limits::default(), "undecided");
}
