//! What the filter does beside streams: it tells who has left, and reports what it did.

use velum_wasm_host::{Answer, ROOT, Vm};

use super::outward::post;
use super::{JSON, Scenario, answer, asking, get};
use crate::cast::{PATH, allow, answer_all, decide, last_to, patient};

const CHECKS: &str = "/v1/checks";
const DEPARTURES: &str = "/v1/departures";
const EVENTS: &str = "/v1/events";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("left while it asks", 0, |vm, stream| {
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
    })
    .cut()
    .calling(&[CHECKS, DEPARTURES])
    .then(|vm| {
        // The answers come to nobody, in whichever order.
        decide(vm, allow);
        for path in [DEPARTURES, CHECKS] {
            if let Some(token) = last_to(vm, path) {
                vm.answer(token, Answer::new(200, "{}"));
            }
        }
    }),
    Scenario::new("left while its body waits", 0, |vm, stream| {
        let path = "/flagged/Kanarienvogel";
        post(vm, stream, path, JSON, &patient(), false);
    })
    .cut()
    .inspecting(&[])
    .calling(&[CHECKS, DEPARTURES])
    .then(|vm| {
        if let Some(token) = last_to(vm, CHECKS) {
            answer_all(vm, token, &Answer::default());
        }
    }),
    reported("events arrive", |vm| {
        send(vm, |token| (token, Answer::new(200, "{}")));
    }),
    reported("a service that fails", |vm| {
        send(vm, |token| (token, Answer::new(500, "Thistlewood")));
        send(vm, |token| (token, Answer::default()));
        send(vm, |token| (token, Answer::new(200, "{}")));
    }),
    reported("a service that answers late", |vm| {
        send(vm, |_| (u32::MAX, Answer::default()));
        let late = last_to(vm, EVENTS);
        for _ in 0..15 {
            vm.tick(ROOT);
        }
        let seen = vm.get(ROOT, JSON, &[patient().as_bytes()]);
        drop(seen);
        if let Some(token) = late {
            vm.answer(token, Answer::new(200, "{}"));
            vm.answer(token, Answer::new(200, "{}"));
        }
    }),
    reported("a service that talks rubbish", |vm| {
        send(vm, |token| (token, Answer::new(200, [0xff, 0xfe, 0x00])));
        send(vm, |token| {
            let answer = Answer {
                map_bytes: Some(vec![9, 0, 0, 0, 1]),
                ..Answer::new(200, "x".repeat(200_000))
            };
            (token, answer)
        });
        send(vm, |token| (token, Answer::new(200, "{}")));
    }),
];

/// A masked answer, and what comes of telling about it.
const fn reported(name: &'static str, after: fn(&mut Vm)) -> Scenario {
    Scenario::new(name, 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .calling(&[EVENTS])
    .then(after)
}

/// Lets time pass until a batch is sent, or until it would have been after any failure.
fn send(vm: &mut Vm, answer: impl Fn(u32) -> (u32, Answer)) {
    let before = last_to(vm, EVENTS);
    for _ in 0..350 {
        vm.tick(ROOT);
        match last_to(vm, EVENTS) {
            Some(token) if before != Some(token) => {
                let (token, answer) = answer(token);
                return vm.answer(token, answer);
            }
            _ => {}
        }
    }
}
