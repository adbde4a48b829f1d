//! What is counted, shown and reported of streams.

use std::collections::BTreeMap;

use velum_approval::messages::{EventOutcome, Events};

use super::*;
use crate::plugin::Caller;

mod counting;
mod telling;

/// A root context that there is not.
const NOBODY: u32 = 99;

const PATIENT: &str =
    r#"{"resourceType":"Patient","birthDate":"1971-04-09","name":[{"family":"Thistlewood"}]}"#;

impl Vm {
    fn of(change: impl FnOnce(&mut Value)) -> Self {
        let mut policy = policy();
        change(&mut policy);
        Self::with(&policy)
    }

    fn observing() -> Self {
        Self::of(|policy| {
            policy["mode"] = json!("observe");
            policy["actions"] = json!([
                {"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"},
                {"name": "read", "when": {"method": ["GET"]}, "effect": "mask"},
            ]);
        })
    }

    /// A whole answer, as Envoy hands it over: headers, one chunk, the end by itself.
    fn whole_answer(&mut self, status: &str, body: &str) -> String {
        let pairs = [(":status", status), ("content-type", "application/json")];
        self.host.set_map(Map::ResponseHeaders, &pairs);
        let host = &self.host;
        self.dispatcher
            .run_response(host, STREAM, false, |stream, host| {
                stream.on_response_headers(host, false)
            });
        self.dispatcher.mark(&self.host, STREAM);
        let flow = self.chunk(body, false);
        let out = self.host.body_text(Buffer::ResponseBody);
        if flow == Flow::Continue {
            self.chunk("", true);
        }
        out
    }

    fn chunk(&mut self, body: &str, end: bool) -> Flow {
        self.host.set_body(Buffer::ResponseBody, body.as_bytes());
        self.dispatcher
            .run_response(&self.host, STREAM, end, |stream, host| {
                stream.on_response_body(host, body.len(), end)
            })
    }

    fn next_stream(&mut self) {
        self.dispatcher.delete(&self.host, STREAM);
        self.dispatcher.create(STREAM, ROOT);
    }

    /// What was counted.
    fn counted(&mut self) -> BTreeMap<String, u64> {
        // Whichever root is called back, what the VM counted is handed over; and this one reports nothing.
        self.dispatcher.tick(&self.host, NOBODY);
        self.given()
    }

    /// What the host has been given, without the policy's digest.
    fn given(&self) -> BTreeMap<String, u64> {
        let counted = self.host.counted.borrow();
        let without_digest = |name: &str| {
            let Some((before, rest)) = name.split_once(".policy.") else {
                return name.to_owned();
            };
            let (digest, rest) = rest.split_at(8);
            assert!(
                digest.bytes().all(|sign| sign.is_ascii_hexdigit()),
                "{name}"
            );
            format!("{before}{rest}")
        };
        counted
            .iter()
            .map(|(name, count)| (without_digest(name), *count))
            .collect()
    }

    fn has_counted(&mut self, expected: &[(&str, u64)]) {
        let counted = self.counted();
        for (name, count) in expected {
            assert_eq!(counted.get(*name), Some(count), "{name} of {counted:?}");
        }
    }

    fn requests(&mut self) -> u64 {
        let counted = self.counted();
        let requests = counted
            .iter()
            .filter(|(name, _)| name.starts_with("velum_requests_total"));
        requests.map(|(_, count)| count).sum()
    }

    /// The batch that five seconds of ticks send, if they send one.
    fn tick(&mut self) -> Option<Events> {
        let before = self.host.sent.borrow().len();
        for _ in 0..5 {
            self.dispatcher.tick(&self.host, ROOT);
        }
        let place = self
            .last_call("/v1/events")
            .filter(|place| *place >= before)?;
        let sent = self.host.sent.borrow();
        Some(serde_json::from_slice(&sent[place].body).unwrap())
    }

    /// The service's answer to the last batch.
    fn answered(&mut self, status: &str) {
        self.host
            .set_map(Map::CallResponseHeaders, &[(":status", status)]);
        let place = self.last_call("/v1/events").expect("a batch");
        let token = u32::try_from(place + 1).unwrap();
        let caller = self.dispatcher.owner_of(token);
        assert_eq!(caller, Some(Caller::Events(ROOT)));
        self.dispatcher
            .answer(&self.host, Caller::Events(ROOT), 1, 0);
    }

    /// The place of the last call of this path.
    fn last_call(&self, path: &str) -> Option<usize> {
        let sent = self.host.sent.borrow();
        sent.iter()
            .rposition(|sent| header(&sent.headers, ":path") == Some(path.as_bytes()))
    }
}

#[test]
fn a_stream_is_counted_once_by_outcome_action_and_class() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    vm.dispatcher.delete(&vm.host, STREAM);
    vm.has_counted(&[
        ("velum_requests_total.outcome.masked.action.read", 1),
        (
            "velum_values_total.outcome.masked.class.name.action.read",
            1,
        ),
        (
            "velum_values_total.outcome.masked.class.date.action.read",
            1,
        ),
        ("velum_body_bytes_total.action.read", PATIENT.len() as u64),
        ("velum_observe", 0),
    ]);
    assert_eq!(vm.requests(), 1);
    assert!(!vm.counted().keys().any(|name| name.contains("class.ssn")));
}

#[test]
fn every_outcome_has_its_counter() {
    let mut vm = Vm::new();
    for (method, path, more, outcome) in [
        ("GET", "/healthz", &[][..], "passed.action.health"),
        ("GET", "/closed/a", &[], "denied.action.closed"),
        ("GET", "/a//b", &[], "refused.action.-"),
        (
            "GET",
            "/Patient/1",
            &[("velum-lift", "ssn")],
            "refused.action.read",
        ),
    ] {
        vm.request(method, path, more);
        vm.whole_answer("200", "{}");
        vm.next_stream();
        vm.has_counted(&[(&*format!("velum_requests_total.outcome.{outcome}"), 1)]);
    }
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", "no JSON");
    vm.next_stream();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    vm.chunk("{\"a\":1,", false);
    vm.chunk("oops", false);
    vm.next_stream();
    vm.request("GET", "/Patient/1", &[]);
    vm.next_stream();
    vm.has_counted(&[
        ("velum_requests_total.outcome.withheld.action.read", 1),
        ("velum_requests_total.outcome.cut.action.read", 1),
        ("velum_requests_total.outcome.left.action.read", 1),
    ]);
    assert_eq!(vm.requests(), 7);
}

#[test]
fn what_was_lifted_and_how_long_the_service_took_is_counted() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    vm.host.now.set(vm.host.now.get() + 1_500_000_000);
    let check = vm.check();
    vm.answer(&Answer::Allow(SignedAllow::sign(
        &allow(&check, names()),
        &key(),
    )));
    vm.whole_answer("200", PATIENT);
    vm.has_counted(&[
        ("velum_requests_total.outcome.lifted.action.read", 1),
        (
            "velum_values_total.outcome.lifted.class.name.action.read",
            1,
        ),
        (
            "velum_values_total.outcome.masked.class.date.action.read",
            1,
        ),
        ("velum_service_milliseconds", 1500),
    ]);
}

#[test]
fn names_of_metrics_come_from_the_policy_alone() {
    let mut vm = Vm::new();
    let canary = "canary-thistlewood";
    for (method, path) in [
        ("GET", "/canary-thistlewood"),
        ("CANARY", "/x"),
        ("POST", "/y"),
    ] {
        let more = [
            ("velum-lift", canary),
            ("velum-reason", canary),
            (canary, canary),
        ];
        vm.request(method, path, &more);
        vm.whole_answer("200", r#"{"canary-thistlewood":"000-12-3456"}"#);
        vm.next_stream();
    }
    let names = vm.host.metrics.borrow().join(" ");
    assert!(!names.to_lowercase().contains("canary"), "{names}");
}

#[test]
fn without_metrics_of_the_host_streams_go_on() {
    let host_without = |vm: &Vm| vm.host.metrics_fail.set(true);
    let mut vm = Vm::new();
    host_without(&vm);
    let text = policy().to_string();
    vm.host
        .set_body(Buffer::PluginConfiguration, text.as_bytes());
    assert!(vm.dispatcher.configure(&vm.host, ROOT, text.len()));
    vm.request("GET", "/Patient/1", &[]);
    assert!(!vm.whole_answer("200", PATIENT).contains("Thistlewood"));
}

#[test]
fn the_access_log_is_told_only_where_the_policy_says_so_and_never_a_value() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    assert!(vm.host.shown.borrow().is_empty());
    let mut vm = Vm::of(|policy| policy["observability"] = json!({"access_log": true}));
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    let shown = |vm: &Vm| {
        let shown = vm.host.shown.take();
        let shown: Vec<_> = shown
            .iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect();
        shown.join(" ")
    };
    assert_eq!(
        shown(&vm),
        "velum.action:read velum.masked:name=1,date=1 velum.outcome:masked"
    );
    vm.next_stream();
    vm.request("GET", "/closed/a", &[]);
    assert_eq!(
        shown(&vm),
        "velum.action:closed velum.outcome:denied velum.problem:action-denied"
    );
}

#[test]
fn observing_changes_nothing_and_counts_what_would_be_done() {
    let mut vm = Vm::observing();
    assert!(
        vm.host
            .log
            .borrow()
            .iter()
            .any(|line| line.contains("observe"))
    );
    let more = [
        ("velum-lift", "name"),
        ("range", "bytes=0-9"),
        ("accept-encoding", "gzip"),
    ];
    assert_eq!(vm.request("GET", "/closed/a", &more), Flow::Continue);
    assert!(
        vm.host.written.borrow().is_empty(),
        "the request's headers stay"
    );
    assert_eq!(vm.whole_answer("200", PATIENT), PATIENT);
    vm.next_stream();
    vm.request("GET", "/Patient/1", &[]);
    assert_eq!(vm.whole_answer("200", PATIENT), PATIENT);
    let marked = vm.host.map(Map::ResponseHeaders);
    assert_eq!(header(&marked, "velum-mode"), Some(&b"observe"[..]));
    assert_eq!(
        header(&marked, "content-type"),
        Some(&b"application/json"[..])
    );
    vm.next_stream();
    vm.request("GET", "/Patient/1", &[]);
    assert_eq!(vm.whole_answer("200", "no JSON"), "no JSON");
    vm.next_stream();
    vm.has_counted(&[
        ("velum_observe", 1),
        (
            "velum_requests_total.outcome.would-be-denied.action.closed",
            1,
        ),
        (
            "velum_requests_total.outcome.would-be-masked.action.read",
            1,
        ),
        (
            "velum_requests_total.outcome.would-be-withheld.action.read",
            1,
        ),
        (
            "velum_values_total.outcome.would-be-masked.class.name.action.read",
            1,
        ),
    ]);
    assert_eq!(vm.requests(), 3);
    assert!(vm.host.replies.borrow().is_empty() && vm.host.resets.borrow().is_empty());
    assert!(vm.host.sent.borrow().is_empty());
    assert_eq!(vm.host.writes.get(), 0, "no body is written");
}

#[test]
fn observing_looks_into_request_bodies_without_holding_them() {
    let mut vm = Vm::observing();
    let json = [("content-type", "application/json")];
    assert_eq!(
        vm.request_with("POST", "/Patient", &json, false),
        Flow::Continue
    );
    for (chunk, end) in [(r#"{"name":"[masked:"#, false), (r#"name]"}"#, true)] {
        vm.host.set_body(Buffer::RequestBody, chunk.as_bytes());
        let flow = vm.dispatcher.run(&vm.host, STREAM, |stream, host| {
            stream.take_request_body(host, chunk.len(), end)
        });
        assert_eq!(flow, Flow::Continue);
    }
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.would-be-refused.action.-", 1)]);
}

#[test]
fn events_are_batched_and_a_batch_keeps_its_number_until_it_arrives() {
    let mut vm = Vm::new();
    assert_eq!(vm.tick(), None, "nothing has happened");
    for _ in 0..3 {
        vm.request("GET", "/Patient/1", &[]);
        vm.whole_answer("200", PATIENT);
        vm.next_stream();
    }
    vm.request("GET", "/closed/a", &[]);
    vm.next_stream();
    let first = vm.tick().expect("a batch");
    assert_eq!((first.sequence, first.lost, first.rows.len()), (1, 0, 2));
    let row = &first.rows[0];
    assert_eq!(
        (row.outcome, row.status, row.requests),
        (EventOutcome::Masked, 200, 3)
    );
    assert_eq!(row.masked.iter().map(|(_, count)| count).sum::<u64>(), 6);
    assert!(row.principal.is_some());
    assert_eq!(
        (first.rows[1].outcome, first.rows[1].status),
        (EventOutcome::Denied, 403)
    );
    assert_eq!(vm.tick(), None, "one batch at a time");
    vm.answered("503");
    let again = vm.tick().expect("it is sent again");
    assert_eq!(again, first);
    vm.answered("200");
    assert_eq!(vm.tick(), None);
    vm.has_counted(&[
        ("velum_event_batches_failed_total", 1),
        ("velum_event_batches_sent_total", 1),
    ]);
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    assert_eq!(vm.tick().map(|batch| batch.sequence), Some(2));
    // One that arrives hastens none behind it.
    vm.answered("200");
    vm.next_stream();
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    let before = vm.last_call("/v1/events");
    for _ in 0..4 {
        vm.dispatcher.tick(&vm.host, ROOT);
    }
    assert_eq!(vm.last_call("/v1/events"), before);
    assert_eq!(vm.tick().map(|batch| batch.sequence), Some(3));
}

#[test]
fn while_the_service_is_down_attempts_become_rare() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    vm.host.calls_fail.set(true);
    assert_eq!(vm.tick(), None);
    vm.host.calls_fail.set(false);
    let mut attempts = 0;
    for _ in 0..200 {
        if vm.tick().is_some() {
            attempts += 1;
            vm.answered("503");
        }
    }
    assert!((5..=9).contains(&attempts), "{attempts} attempts");
}

#[test]
fn beyond_what_is_kept_requests_are_lost_and_the_loss_is_told() {
    let mut vm = Vm::new();
    for status in 200..500 {
        vm.request("GET", "/Patient/1", &[]);
        vm.whole_answer(&status.to_string(), "{}");
        vm.next_stream();
    }
    vm.dispatcher.tick(&vm.host, ROOT);
    let place = vm.last_call("/v1/events");
    let place = place.expect("a whole batch waits for no interval");
    let mut next: Option<Events> = serde_json::from_slice(&vm.host.sent.borrow()[place].body).ok();
    // Some statuses are not told apart: answers that may not pass are all a 502.
    let mut told = 0;
    let mut lost = 0;
    while let Some(batch) = next {
        assert!(serde_json::to_vec(&batch).unwrap().len() < 64 * 1024);
        lost += batch.lost;
        told += batch.rows.iter().map(|row| row.requests).sum::<u64>();
        vm.answered("200");
        next = vm.tick();
    }
    assert_eq!(told + lost, 300);
    assert!((30..=44).contains(&lost), "{lost}");
    vm.has_counted(&[("velum_events_lost_total", lost)]);
}

#[test]
fn what_a_person_decided_is_in_no_event() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    let check = vm.check();
    vm.answer(&Answer::Allow(SignedAllow::sign(
        &allow(&check, names()),
        &key(),
    )));
    vm.whole_answer("200", PATIENT);
    vm.next_stream();
    vm.request("GET", "/healthz", &[]);
    vm.whole_answer("200", "{}");
    assert_eq!(vm.tick(), None);
}

#[test]
fn events_hold_no_name_of_who_asked() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/thistlewood", &[("x", "thistlewood")]);
    vm.whole_answer("200", PATIENT);
    let batch = serde_json::to_string(&vm.tick().unwrap())
        .unwrap()
        .to_lowercase();
    for hidden in [
        "triage-bot",
        "dr-jones",
        "thistlewood",
        "idp.example",
        "1971",
    ] {
        assert!(!batch.contains(hidden), "{hidden} in {batch}");
    }
}

#[test]
fn the_debug_log_says_where_which_rule_fired_and_no_value() {
    let body = r#"{"resourceType":"Patient","name":[{"family":"Thistlewood"}],"extra":{"p-1971":"SSN 000-12-3456"}}"#;
    let lines = |vm: &Vm| {
        let log = vm.host.log.borrow();
        let found = log.iter().filter(|line| line.contains("masked by"));
        found.cloned().collect::<Vec<_>>()
    };
    let of_hipaa = |policy: &mut Value| {
        policy["masking"]["profiles"] = json!(["hipaa-safe-harbor", "fhir-r4"]);
    };
    let mut vm = Vm::of(of_hipaa);
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", body);
    assert!(lines(&vm).is_empty(), "it costs nothing otherwise");
    let mut vm = Vm::of(of_hipaa);
    vm.host.is_debugged.set(true);
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", body);
    let lines = lines(&vm);
    assert!(
        lines[0].contains("text 0, /name/0/family: name masked by"),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("/{…}: ssn masked by detector: ssn")),
        "{lines:?}"
    );
    let all = lines.join(" ");
    for hidden in ["Thistlewood", "000-12", "p-1971"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
}

#[test]
fn calls_carry_the_trace_of_their_request() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut vm = Vm::new();
    vm.request(
        "GET",
        "/Patient/1",
        &[ASK, &[("traceparent", parent)]].concat(),
    );
    let sent = vm.host.sent.borrow();
    let child = header(&sent[0].headers, "traceparent").expect("a trace");
    assert!(child.starts_with(&parent.as_bytes()[..36]) && !child.ends_with(b"3331-01"));
}
