//! Callbacks in every order.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Answer, ROOT, Vm};

use crate::cast::{
    Limits, PATH, assert_safe, patient, policy, policy_without_holding, request, response,
    trailers, vm,
};

/// What a host may call next.
const STEPS: usize = 9;

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

#[test]
fn callbacks_in_any_order_trap_nothing_and_pass_nothing_unmasked() {
    let mut without_holding = vm(&policy_without_holding());
    without_holding.holds_headers = false;
    let mut runs = 0;
    for mut vm in [vm(&policy()), without_holding] {
        // Envoy would not call for a stream that has ended; this host does.
        vm.insists = true;
        for method in ["GET", "PUT", "DELETE"] {
            for number in 0..STEPS.pow(4) {
                let order = [0, 1, 2, 3].map(|place| number / STEPS.pow(place) % STEPS);
                play(&mut vm, method, &order);
                runs += 1;
            }
        }
        let mut source = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..500 {
            let order: Vec<usize> = (0..12)
                .map(|_| {
                    source = source
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    usize::try_from(source >> 33).expect("31 bits") % STEPS
                })
                .collect();
            play(&mut vm, "GET", &order);
            runs += 1;
        }
    }
    figure(
        "callbacks_in_any_order_trap_nothing_and_pass_nothing_unmasked",
        &format!("{runs} orders"),
    );
}
