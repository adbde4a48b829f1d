//! Counts in the built module: they wait in the worker, and whatever the host does with them, each
//! arrives once.

use std::collections::{BTreeMap, BTreeSet};

use velum_wasm_host::{Fault, ROOT, Vm};

use crate::cast::{patient, policy, vm};
use crate::faults::STATUSES;

const OTHER: u32 = 2;
const INCREMENT: &str = "proxy_increment_metric";

/// The counters that the host has, without those of events, by their names without the policy.
fn totals(vm: &Vm) -> BTreeMap<String, u64> {
    let without_policy = |name: &str| {
        let (before, rest) = name.split_once(".policy.")?;
        let (_, rest) = rest.split_once('.')?;
        before
            .ends_with("_total")
            .then(|| format!("{before}.{rest}"))
    };
    let metrics = vm.metrics().iter();
    let named = metrics.filter_map(|(name, value)| Some((without_policy(name)?, *value)));
    named.filter(|(_, value)| *value > 0).collect()
}

fn masked_answers(vm: &mut Vm, count: usize) {
    for _ in 0..count {
        let seen = vm.get(ROOT, "application/fhir+json", &[patient().as_bytes()]);
        assert!(seen.client.ended);
    }
}

/// What so many masked answers come to.
fn expected(count: u64) -> BTreeMap<String, u64> {
    let mut vm = vm(&policy());
    masked_answers(&mut vm, 1);
    vm.tick(ROOT);
    let one = totals(&vm);
    let requests = "velum_requests_total.outcome.masked.action.read";
    assert!(one.len() > 3 && one[requests] == 1, "{one:?}");
    one.into_iter()
        .map(|(name, value)| (name, value * count))
        .collect()
}

#[test]
fn an_answer_makes_no_call_for_what_it_counts_and_a_tick_one_for_each_metric() {
    let mut vm = vm(&policy());
    vm.fail(Fault::None);
    masked_answers(&mut vm, 3);
    let called = vm.called();
    for name in [
        INCREMENT,
        "proxy_define_metric",
        "proxy_set_tick_period_milliseconds",
    ] {
        assert!(!called.contains(&name), "{name}");
    }
    assert!(totals(&vm).is_empty());
    for metrics in [expected(3).len(), 0] {
        vm.fail(Fault::None);
        vm.tick(ROOT);
        let calls = vm.called().into_iter().filter(|name| *name == INCREMENT);
        assert_eq!(calls.count(), metrics);
        assert_eq!(totals(&vm), expected(3));
    }
    // Nothing at all, not even a look at the clock.
    assert_eq!(vm.called(), [""; 0]);
}

#[test]
fn what_a_root_counted_arrives_when_it_ends_or_is_configured_anew() {
    let mut vm = vm(&policy());
    masked_answers(&mut vm, 2);
    assert!(vm.configure(ROOT, policy().to_string().as_bytes()));
    assert_eq!(totals(&vm), expected(2));
    masked_answers(&mut vm, 1);
    assert!(!vm.configure(OTHER, b"{}"), "a host may give up this VM");
    assert_eq!(totals(&vm), expected(3));
    masked_answers(&mut vm, 1);
    vm.remove_root(ROOT);
    assert_eq!(totals(&vm), expected(4));
}

#[test]
fn counts_that_the_host_does_not_take_wait_and_none_is_lost_or_doubled() {
    let expected = expected(3);
    let mut rehearsed = vm(&policy());
    masked_answers(&mut rehearsed, 3);
    rehearsed.fail(Fault::None);
    rehearsed.tick(ROOT);
    let called = rehearsed.called();
    assert!(called.len() >= 2 * expected.len(), "{called:?}");
    for status in STATUSES {
        for fault in faults(&called, status) {
            // The first time that it counts, it also makes the metrics.
            let mut vm = vm(&policy());
            for count in 1..3 {
                masked_answers(&mut vm, 3);
                vm.fail(fault);
                vm.tick(ROOT);
                vm.tick(ROOT);
                let sofar = totals(&vm);
                let mut all = expected.iter();
                let is_above = |(name, value): (&String, &u64)| {
                    sofar.get(name).is_some_and(|sofar| *sofar > value * count)
                };
                assert!(!all.any(is_above), "{fault:?}: {sofar:?}");
                vm.fail(Fault::None);
                vm.tick(ROOT);
                assert_eq!(vm.trap, None, "{fault:?}");
                for (name, value) in totals(&vm) {
                    assert_eq!(value, expected[&name] * count, "{fault:?}: {name}");
                }
                assert_eq!(totals(&vm).len(), expected.len(), "{fault:?}");
            }
        }
    }
}

/// What can fail of these calls: one, one and all behind it, all of one function.
fn faults(called: &[&'static str], status: u32) -> Vec<Fault> {
    let mut faults = Vec::new();
    for call in 0..called.len() {
        faults.push(Fault::At { call, status });
        faults.push(Fault::From { call, status });
    }
    for function in called.iter().copied().collect::<BTreeSet<_>>() {
        faults.push(Fault::Of { function, status });
    }
    faults
}
