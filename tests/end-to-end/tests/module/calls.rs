//! How often a plain request asks its host: each call costs Envoy about as much as masking a hundred
//! bytes.

use std::collections::BTreeMap;

use serde_json::json;
use velum_end_to_end::stage::{bundle, figure};
use velum_wasm_host::{ROOT, Vm};

#[test]
fn a_plain_masked_answer_asks_its_host_seldom() {
    let policy = json!({"version": 1, "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]}});
    let mut vm = Vm::start();
    vm.want_less_log();
    assert!(vm.configure(ROOT, policy.to_string().as_bytes()));
    let body = bundle(3).to_string();
    // What is kept from one answer to the next is there then.
    vm.get(ROOT, "application/fhir+json", &[body.as_bytes()]);
    let before = vm.called().len();
    vm.get(ROOT, "application/fhir+json", &[body.as_bytes()]);
    let mut counts = BTreeMap::<&str, usize>::new();
    for name in vm.called().into_iter().skip(before) {
        *counts.entry(name).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    figure(
        "a_plain_masked_answer_asks_its_host_seldom",
        &format!("{all} host calls: {counts:?}"),
    );
    assert!(all <= 6, "{counts:?}");
}
