//! Memory after many streams that end badly.

use velum_end_to_end::stage::figure;
use velum_wasm_host::{ROOT, Vm};

use crate::cast::{Limits, assert_safe, outward_policy, patient, request, response_of, vm};
use crate::scenarios::encoded::{TEXT, bomb, deflate, gzip, members, text};

/// One answer whose body comes in chunks of that size.
fn answer(vm: &mut Vm, media: &str, coding: &str, body: &[u8], chunk: usize) {
    let stream = vm.open(ROOT);
    vm.request_headers(stream, &request("GET", "/Patient/p1", &[]), true);
    let headers = response_of(media, Some(coding), body.len());
    vm.response_headers(stream, &headers, false);
    for chunk in body.chunks(chunk) {
        vm.response_body(stream, chunk, false);
    }
    vm.response_body(stream, b"", true);
    let seen = vm.close(stream);
    assert_safe(vm, &seen, &Limits::default(), media);
}

/// Every member with one byte wrong or cut off there, byte by byte, and bombs.
fn round(vm: &mut Vm) -> usize {
    let mut runs = 0;
    for (media, coding, body) in [
        ("application/fhir+json", "gzip", members(&patient())),
        ("application/fhir+json", "deflate", deflate(&patient())),
        (TEXT, "gzip", gzip(&text())),
    ] {
        for at in 0..body.len() {
            let mut broken = body.clone();
            broken[at] ^= 0x41;
            answer(vm, media, coding, &broken, 1);
            answer(vm, media, coding, &body[..at], 64);
            runs += 2;
        }
    }
    for (media, size) in [("application/json", 4), (TEXT, 8)] {
        let bomb = bomb(size);
        for chunk in [1, 700, usize::MAX] {
            answer(vm, media, "gzip", &bomb, chunk);
            runs += 1;
        }
    }
    runs
}

#[test]
fn memory_is_flat_after_bombs_and_members_broken_at_every_byte() {
    let mut vm = vm(&outward_policy());
    let mut runs = round(&mut vm);
    let first = vm.memory();
    for _ in 0..3 {
        runs += round(&mut vm);
        assert_eq!(vm.memory(), first, "the module's memory has grown");
    }
    figure(
        "memory_is_flat_after_bombs_and_members_broken_at_every_byte",
        &format!("{runs} streams, {} KiB", first / 1024),
    );
}
