//! Callbacks in every order.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Answer, ROOT, Vm};

use crate::cast::{
    Limits, PATH, Upward, allow, assert_safe, decide, outward_policy, patient, policy,
    policy_without_holding, request, response, response_of, trailers, vm,
};
use crate::scenarios::encoded::{TEXT, deflate, gzip, text};
use crate::scenarios::outward::{FORM, MULTIPART, form, multipart};

/// What a host may call next.
const STEPS: usize = 9;
/// The same, and what comes to nobody: a tick, answers to calls that were not made.
const MORE_STEPS: usize = 12;

/// A request and its answer, of which a host calls in some order.
struct Exchange {
    method: &'static str,
    path: &'static str,
    media: &'static str,
    body: fn() -> Vec<u8>,
    answers: (&'static str, Option<&'static str>),
    answer: fn() -> Vec<u8>,
    /// What may be released of the request's body.
    released: Option<&'static [&'static str]>,
}

const JSON: &str = "application/json";

const EXCHANGES: &[Exchange] = &[
    Exchange {
        method: "POST",
        path: "/partner/x",
        media: JSON,
        body: || patient().into_bytes(),
        answers: (JSON, Some("gzip")),
        answer: || gzip(&patient()),
        released: Some(&[]),
    },
    Exchange {
        method: "POST",
        path: "/partner/x",
        media: MULTIPART,
        body: || multipart().into_bytes(),
        answers: (TEXT, None),
        answer: || text().into_bytes(),
        released: Some(&[]),
    },
    Exchange {
        method: "POST",
        path: "/flagged/x",
        media: FORM,
        body: || form().into_bytes(),
        answers: (TEXT, Some("gzip")),
        answer: || gzip(&text()),
        released: Some(&["000-12-3456"]),
    },
    Exchange {
        method: "GET",
        path: "/bulk/x",
        media: JSON,
        body: || patient().into_bytes(),
        answers: (JSON, Some("deflate")),
        answer: || deflate(&patient()),
        released: None,
    },
    // Withheld at its headers: what comes behind our own answer is nobody's.
    Exchange {
        method: "GET",
        path: "/Patient/p1",
        media: JSON,
        body: || patient().into_bytes(),
        answers: ("image/png", None),
        answer: || patient().into_bytes(),
        released: None,
    },
];

impl Exchange {
    fn step(&self, vm: &mut Vm, stream: u32, kind: usize) {
        let more = [("content-type", self.media), ("prefer", "wait=30")];
        let (media, coding) = self.answers;
        let (body, answer) = ((self.body)(), (self.answer)());
        let headers = response_of(media, coding, answer.len());
        match kind {
            0 => vm.request_headers(stream, &request(self.method, self.path, &more), false),
            1 => vm.request_body(stream, &body, false),
            2 => vm.request_body(stream, b"", true),
            3 => vm.request_trailers(stream, &trailers()),
            4 => vm.response_headers(stream, &headers, false),
            5 => vm.response_body(stream, &answer, false),
            6 => vm.response_trailers(stream, &trailers()),
            7 => vm.response_body(stream, b"", true),
            8 => decide(vm, allow),
            9 => vm.tick(ROOT),
            10 => vm.answer(u32::MAX, Answer::new(200, "{}")),
            _ => vm.answer(0, Answer::default()),
        }
    }

    fn play(&self, vm: &mut Vm, order: &[usize]) {
        let stream = vm.open(ROOT);
        let mut is_over = false;
        for kind in order {
            // Behind the end of a request there is nothing more of it.
            if !(is_over && matches!(kind, 1..=3)) {
                self.step(vm, stream, *kind);
            }
            is_over |= matches!(kind, 2 | 3);
        }
        let seen = vm.close(stream);
        let limits = Limits {
            upstream: self.released.map(|released| Upward {
                bodies: Vec::new(),
                released,
            }),
            // An approval of the review releases names.
            lifted: if self.released.is_none() {
                &["Thistlewood", "Orla"]
            } else {
                &[]
            },
            ..Limits::default()
        };
        let what = format!("{} {} {}: {order:?}", self.method, self.path, self.media);
        assert_safe(vm, &seen, &limits, &what);
    }
}

fn step(vm: &mut Vm, stream: u32, kind: usize, method: &str) {
    let body = patient();
    match kind {
        0 => {
            let more = [("content-type", "application/json"), ("prefer", "wait=30")];
            vm.request_headers(stream, &request(method, PATH, &more), false);
        }
        1 => vm.request_body(stream, b"{\"a\":\"Thistlewood\"}", false),
        2 => vm.request_body(stream, b"", true),
        3 => vm.request_trailers(stream, &trailers()),
        4 => vm.response_headers(stream, &response("application/json"), false),
        5 => vm.response_body(stream, body.as_bytes(), false),
        6 => vm.response_trailers(stream, &trailers()),
        7 => vm.response_headers(stream, &response("application/json"), true),
        _ => {
            if let Some(token) = vm.calls().last().map(|call| call.token) {
                vm.answer(token, Answer::new(200, "{\"decision\":\"allow\"}"));
            }
        }
    }
}

fn play(vm: &mut Vm, method: &str, order: &[usize]) {
    let stream = vm.open(ROOT);
    for kind in order {
        step(vm, stream, *kind, method);
    }
    let seen = vm.close(stream);
    assert_safe(
        vm,
        &seen,
        &Limits::default(),
        &format!("{method} {order:?}"),
    );
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

fn any_order(source: &mut u64, steps: usize) -> Vec<usize> {
    let next = |_| {
        *source = source
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(*source >> 33).expect("31 bits") % steps
    };
    (0..12).map(next).collect()
}

#[test]
fn nor_where_bodies_are_inspected_decoded_and_read_as_texts_and_answers_come_to_nobody() {
    let mut vm = vm(&outward_policy());
    let mut runs = 0;
    for exchange in EXCHANGES {
        // Envoy would not call for a stream that has ended, nor behind an answer of ours.
        for insists in [false, true] {
            vm.insists = insists;
            let grid = if insists { 0 } else { MORE_STEPS.pow(3) };
            for number in 0..grid {
                let [first, second, third] =
                    [0, 1, 2].map(|place| number / MORE_STEPS.pow(place) % MORE_STEPS);
                exchange.play(&mut vm, &[first, 0, second, third, 1, 2, 4, 5]);
                runs += 1;
            }
            let mut source = SEED;
            for _ in 0..500 {
                exchange.play(&mut vm, &any_order(&mut source, MORE_STEPS));
                runs += 1;
            }
        }
    }
    figure(
        "nor_where_bodies_are_inspected_decoded_and_read_as_texts_and_answers_come_to_nobody",
        &format!("{runs} orders"),
    );
}

#[test]
fn callbacks_in_any_order_trap_nothing_and_pass_nothing_unmasked() {
    let mut without_holding = vm(&policy_without_holding());
    without_holding.holds_headers = false;
    let mut runs = 0;
    for mut vm in [vm(&policy()), without_holding] {
        // Envoy would not call for a stream that has ended; this host does.
        vm.insists = true;
        let methods: &[_] = if vm.holds_headers {
            &["GET", "PUT", "DELETE"]
        } else {
            &["PUT"]
        };
        for method in methods {
            for number in 0..STEPS.pow(4) {
                let order = [0, 1, 2, 3].map(|place| number / STEPS.pow(place) % STEPS);
                play(&mut vm, method, &order);
                runs += 1;
            }
        }
        let mut source = SEED;
        for _ in 0..500 {
            play(&mut vm, "GET", &any_order(&mut source, STEPS));
            runs += 1;
        }
    }
    figure(
        "callbacks_in_any_order_trap_nothing_and_pass_nothing_unmasked",
        &format!("{runs} orders"),
    );
}
