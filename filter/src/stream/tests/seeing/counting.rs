//! Counts wait in the worker, and the host has all of them in the end.

use super::*;

const MASKED: &str = "velum_requests_total.outcome.masked.action.read";
const NAMES: &str = "velum_values_total.outcome.masked.class.name.action.read";

impl Vm {
    fn masked_answers(&mut self, count: usize) {
        for _ in 0..count {
            self.request("GET", "/Patient/1", &[]);
            self.whole_answer("200", PATIENT);
            self.next_stream();
        }
    }

    /// The counters that the host has been given.
    fn totals(&self) -> BTreeMap<String, u64> {
        let mut given = self.given();
        given.retain(|name, _| name.contains("_total"));
        given
    }

    fn configure_again(&mut self, root: u32, policy: &Value) {
        let text = policy.to_string();
        self.host
            .set_body(Buffer::PluginConfiguration, text.as_bytes());
        self.dispatcher.create(root, 0);
        assert!(self.dispatcher.configure(&self.host, root, text.len()));
    }
}

#[test]
fn on_a_streams_way_the_host_is_told_no_count_and_at_a_tick_one_for_each_metric() {
    let mut vm = Vm::new();
    vm.masked_answers(3);
    vm.request("GET", "/closed/a", &[]);
    vm.next_stream();
    assert!(vm.host.increments.borrow().is_empty());
    assert_eq!(vm.host.timers.get(), 1, "asked for once, at the start");
    vm.dispatcher.tick(&vm.host, ROOT);
    let increments = vm.host.increments.take();
    let names: std::collections::BTreeSet<_> = increments.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), increments.len(), "{increments:?}");
    // Two outcomes, two classes, bytes.
    assert_eq!(increments.len(), 5, "{increments:?}");
    let given = vm.totals();
    assert_eq!((given[MASKED], given[NAMES]), (3, 3), "{given:?}");
    let read = given["velum_body_bytes_total.action.read"];
    assert_eq!(read, 3 * u64::try_from(PATIENT.len()).unwrap());
    vm.dispatcher.tick(&vm.host, ROOT);
    assert!(vm.host.increments.borrow().is_empty(), "nothing is new");
    vm.masked_answers(1);
    vm.dispatcher.tick(&vm.host, ROOT);
    assert_eq!(vm.host.increments.borrow().len(), 4, "what has changed");
    assert_eq!(vm.totals()[MASKED], 4);
}

#[test]
fn what_was_counted_is_handed_over_when_a_root_ends_or_is_configured() {
    let mut vm = Vm::new();
    vm.masked_answers(2);
    assert!(vm.totals().is_empty());
    vm.configure_again(ROOT, &policy());
    assert_eq!(vm.totals()[MASKED], 2, "configured anew");
    vm.masked_answers(1);
    // A host may give up a VM that refuses.
    vm.host.set_body(Buffer::PluginConfiguration, b"{}");
    assert!(!vm.dispatcher.configure(&vm.host, ROOT, 2));
    assert_eq!(vm.totals()[MASKED], 3, "refused");
    vm.masked_answers(1);
    vm.dispatcher.delete(&vm.host, STREAM);
    assert_eq!(vm.totals()[MASKED], 3);
    vm.dispatcher.delete(&vm.host, ROOT);
    let given = vm.totals();
    assert_eq!((given[MASKED], given[NAMES]), (4, 4), "{given:?}");
    assert_eq!(
        given["velum_events_lost_total"], 4,
        "nobody was told of them"
    );
}

#[test]
fn a_stream_that_outlives_every_root_is_counted_at_once() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.dispatcher.delete(&vm.host, ROOT);
    vm.whole_answer("200", PATIENT);
    assert_eq!(vm.totals()[MASKED], 1);
}

#[test]
fn a_stream_that_outlives_its_root_is_counted_at_anothers_tick() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.configure_again(3, &policy());
    vm.dispatcher.delete(&vm.host, ROOT);
    vm.whole_answer("200", PATIENT);
    assert!(vm.totals().is_empty());
    vm.dispatcher.tick(&vm.host, 3);
    assert_eq!(vm.totals()[MASKED], 1);
}

#[test]
fn without_ticks_counts_do_not_wait() {
    let mut vm = Vm::new();
    vm.dispatcher = Dispatcher::default();
    vm.host.timers_fail.set(true);
    vm.configure_again(ROOT, &policy());
    vm.dispatcher.create(STREAM, ROOT);
    vm.masked_answers(2);
    assert_eq!(vm.totals()[MASKED], 2);
}

#[test]
fn what_the_host_does_not_take_waits_and_counts_once() {
    for (defines, increments) in [(true, false), (false, true), (true, true)] {
        let mut vm = Vm::new();
        vm.host.metrics_fail.set(defines);
        vm.host.increments_fail.set(increments);
        for _ in 0..3 {
            vm.masked_answers(1);
            vm.dispatcher.tick(&vm.host, ROOT);
        }
        assert!(vm.totals().is_empty());
        vm.host.metrics_fail.set(false);
        vm.host.increments_fail.set(false);
        vm.host.increments.take();
        vm.dispatcher.tick(&vm.host, ROOT);
        let given = vm.totals();
        assert_eq!((given[MASKED], given[NAMES]), (3, 3), "{given:?}");
        vm.dispatcher.tick(&vm.host, ROOT);
        assert_eq!(vm.totals(), given);
        let names: Vec<_> = vm.host.metrics.borrow().clone();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "each is made once: {names:?}");
    }
}
