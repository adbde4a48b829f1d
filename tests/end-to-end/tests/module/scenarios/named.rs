//! Policies by name: the attribute of the route says which.

use velum_wasm_host::Vm;

use super::{JSON, Scenario, answer, asking, get};
use crate::cast::{PATH, allow, decide, patient};

const NAME: &[&str] = &[
    "xds",
    "route_metadata",
    "filter_metadata",
    "velum",
    "policy",
];

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("the ward's", 200, |vm, stream| {
        vm.attribute(stream, NAME, b"ward");
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .exactly(),
    Scenario::new("the ward's, reviewed", 200, |vm, stream| {
        vm.attribute(stream, NAME, b"ward");
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, false);
    })
    .own()
    .lifting(),
    Scenario::new("the one that denies", 403, |vm, stream| {
        vm.attribute(stream, NAME, b"closed");
        ask_all(vm, stream);
    })
    .own(),
    Scenario::new("one that there is not", 503, |vm, stream| {
        vm.attribute(stream, NAME, b"Ward");
        ask_all(vm, stream);
    })
    .own(),
    Scenario::new("none", 503, ask_all).own(),
];

fn ask_all(vm: &mut Vm, stream: u32) {
    get(vm, stream, PATH, &[]);
    answer(vm, stream, JSON, &patient(), 100, true);
}
