//! Host calls that fail, at every place where the filter makes one.

use std::collections::BTreeSet;

use velum_end_to_end::stage::figure;
use velum_wasm_host::{Fault, ROOT, Vm};

use crate::cast::{
    ENVIRONMENT, Limits, assert_safe, caller, masked, named_policies, outward_policy, patient,
    policy, policy_without_holding, vm,
};
use crate::scenarios::{SCENARIOS, Scenario, WITHOUT_HOLDING, named, outward};

/// Not found, bad argument, serialization failure, internal failure.
pub(crate) const STATUSES: [u32; 4] = [1, 2, 3, 10];

/// What was disturbed, and how often.
#[derive(Default)]
struct Swept {
    sites: usize,
    runs: usize,
    functions: BTreeSet<&'static str>,
}

impl Swept {
    /// Runs a scenario with every fault that can meet it.
    fn sweep(&mut self, vm: &mut Vm, scenario: &Scenario) {
        let limits = scenario.rehearse(vm);
        vm.fail(Fault::None);
        scenario.play(vm);
        let called = vm.called();
        self.sites += called.len();
        for status in STATUSES {
            for call in 0..called.len() {
                self.disturb(vm, scenario, &limits, Fault::At { call, status });
                // Where all behind it fails too, one of the statuses does, in turn.
                if status == STATUSES[call % STATUSES.len()] {
                    self.disturb(vm, scenario, &limits, Fault::From { call, status });
                }
            }
            for function in called.iter().copied().collect::<BTreeSet<_>>() {
                self.functions.insert(function);
                self.disturb(vm, scenario, &limits, Fault::Of { function, status });
            }
        }
        // Nothing of all that stays.
        scenario.rehearse(vm);
    }

    fn disturb(&mut self, vm: &mut Vm, scenario: &Scenario, limits: &Limits, fault: Fault) {
        for insists in [false, true] {
            vm.insists = insists;
            vm.fail(fault);
            let seen = scenario.play(vm);
            let what = format!("{}, {fault:?}, insists: {insists}", scenario.name);
            assert_safe(vm, &seen, limits, &what);
            self.runs += 1;
        }
        vm.insists = false;
        vm.fail(Fault::None);
    }

    fn tell(&self, test: &str) {
        let functions = self.functions.len();
        let (sites, runs) = (self.sites, self.runs);
        let statuses = STATUSES.len();
        figure(
            test,
            &format!(
                "{sites} call sites of {functions} functions, {statuses} statuses: {runs} runs"
            ),
        );
    }
}

#[test]
fn a_host_call_that_fails_anywhere_lets_nothing_unmasked_through() {
    let mut swept = Swept::default();
    let mut vm = vm(&policy());
    for scenario in SCENARIOS {
        swept.sweep(&mut vm, scenario);
    }
    assert!(swept.sites > 300, "{} sites", swept.sites);
    swept.tell("a_host_call_that_fails_anywhere_lets_nothing_unmasked_through");
}

#[test]
fn nor_where_the_host_cannot_hold_headers() {
    let mut swept = Swept::default();
    let mut vm = vm(&policy_without_holding());
    vm.holds_headers = false;
    for scenario in WITHOUT_HOLDING {
        swept.sweep(&mut vm, scenario);
    }
    swept.tell("nor_where_the_host_cannot_hold_headers");
}

#[test]
fn nor_where_bodies_are_inspected_decoded_read_as_texts_and_told_of() {
    let mut swept = Swept::default();
    let mut vm = vm(&outward_policy());
    for scenario in outward() {
        swept.sweep(&mut vm, scenario);
    }
    swept.tell("nor_where_bodies_are_inspected_decoded_read_as_texts_and_told_of");
}

#[test]
fn nor_where_a_route_chooses_among_policies() {
    let mut swept = Swept::default();
    let mut vm = vm(&named_policies());
    for scenario in named::SCENARIOS {
        swept.sweep(&mut vm, scenario);
    }
    swept.tell("nor_where_a_route_chooses_among_policies");
}

#[test]
fn every_host_call_of_the_module_is_among_those_that_fail() {
    let (mut begun, _) = configured(Fault::None);
    let mut called: BTreeSet<&str> = begun.called().into_iter().collect();
    for (mut vm, scenarios) in [
        (vm(&policy()), SCENARIOS.iter().collect()),
        (vm(&outward_policy()), outward().collect::<Vec<_>>()),
        (vm(&named_policies()), named::SCENARIOS.iter().collect()),
    ] {
        for scenario in scenarios {
            vm.fail(Fault::None);
            scenario.play(&mut vm);
            called.extend(vm.called());
            vm.calls().clear();
        }
    }
    let imports = velum_wasm_host::imports();
    let missing: Vec<_> = imports
        .iter()
        .filter(|name| !called.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    figure(
        "every_host_call_of_the_module_is_among_those_that_fail",
        &format!("{} functions", imports.len()),
    );
}

/// A VM that was configured while its host failed so, and whether it accepted that.
fn configured(fault: Fault) -> (Vm, bool) {
    let mut vm = Vm::start();
    for (name, value) in ENVIRONMENT {
        vm.set_environment(name, value);
    }
    vm.properties = caller();
    vm.fail(fault);
    let is_accepted = vm.configure(ROOT, policy().to_string().as_bytes());
    (vm, is_accepted)
}

#[test]
fn a_host_that_fails_while_it_configures_leaves_nothing_half_configured() {
    let (mut whole, is_accepted) = configured(Fault::None);
    assert!(is_accepted, "{:?}", whole.log());
    let sites = whole.called().len();
    let scenario = &SCENARIOS[0];
    let expected = masked(&mut whole, "application/fhir+json", &patient());
    let limits = Limits {
        bodies: vec![expected],
        lifted: &[],
        ..Limits::default()
    };
    let mut refused = 0;
    for status in STATUSES {
        for call in 0..sites {
            for fault in [Fault::At { call, status }, Fault::From { call, status }] {
                let (mut vm, is_accepted) = configured(fault);
                refused += usize::from(!is_accepted);
                vm.fail(Fault::None);
                let seen = scenario.play(&mut vm);
                let what = format!("{fault:?}");
                assert_eq!(seen.status(), if is_accepted { 200 } else { 503 }, "{what}");
                assert_safe(&mut vm, &seen, &limits, &what);
            }
        }
    }
    assert!(refused > 0, "something of it is needed");
    figure(
        "a_host_that_fails_while_it_configures_leaves_nothing_half_configured",
        &format!(
            "{sites} call sites, {} statuses: {refused} refused",
            STATUSES.len()
        ),
    );
}
