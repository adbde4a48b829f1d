//! What operators are told is what happened, whatever the body was and whoever left.

use super::*;

/// How many bytes a worker keeps of bodies that are only observed.
const MOST_GATHERED: usize = 8 * 1024 * 1024;

impl Vm {
    fn answer_with(&mut self, content_type: &str, body: &str) -> String {
        let length = body.len().to_string();
        let pairs = [
            (":status", "200"),
            ("content-type", content_type),
            ("content-length", &*length),
        ];
        self.response(&pairs, false);
        self.chunk(body, true);
        self.host.body_text(Buffer::ResponseBody)
    }

    fn outcomes(&mut self) -> Vec<String> {
        let rows = self.tick().map_or_else(Vec::new, |batch| batch.rows);
        let name = |outcome| serde_json::to_value(outcome).unwrap();
        let names = rows.iter().map(|row| name(row.outcome));
        names.map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// A policy that masks bodies of requests, and these members of the action besides.
    fn masking_requests(more: &Value) -> Self {
        Self::of(|policy| {
            let action = json!({"name": "write", "when": {"method": ["POST"]}, "effect": "mask",
                "requests": {"inspect": true}});
            let mut action = action.as_object().unwrap().clone();
            action.extend(more.as_object().unwrap().clone());
            policy["masking"]["profiles"] = json!(["hipaa-safe-harbor", "fhir-r4"]);
            policy["actions"] = json!([action]);
        })
    }

    fn post(&mut self, content_type: &str, body: &str) {
        let json = [("content-type", content_type)];
        self.request_with("POST", "/notes", &json, false);
        self.request_body(body, true);
    }

    /// The next bytes of a request body, as the ABI hands them over.
    fn observed(&mut self, chunk: &[u8], end: bool) {
        self.host.set_body(Buffer::RequestBody, chunk);
        self.observed_as(chunk.len(), end);
    }

    fn observed_as(&mut self, size: usize, end: bool) {
        let flow = self.dispatcher.run(&self.host, STREAM, |stream, host| {
            stream.take_request_body(host, size, end)
        });
        assert_eq!(flow, Flow::Continue);
    }

    fn observed_post(&mut self) {
        let json = [("content-type", "application/json")];
        self.request_with("POST", "/Patient", &json, false);
    }
}

#[test]
fn what_passes_unread_is_not_called_masked() {
    let mut vm = Vm::of(|policy| policy["responses"] = json!({"otherwise": "pass"}));
    vm.request("GET", "/Patient/1", &[]);
    assert_eq!(vm.answer_with("image/png", "000-12-3456"), "000-12-3456");
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.unread.action.read", 1)]);
    assert_eq!(vm.outcomes(), ["unread"]);
    let mut vm = Vm::masking_requests(&json!({"requests": {"inspect": true, "otherwise": "pass"}}));
    vm.post("image/png", "000-12-3456");
    vm.whole_answer("200", "{}");
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.unread.action.write", 1)]);
}

#[test]
fn a_file_that_passes_in_a_form_is_unread() {
    let mut vm = Vm::masking_requests(&json!({"requests": {"inspect": true, "otherwise": "pass"}}));
    let file = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\
         content-type: image/png\r\n\r\n1\r\n--x--\r\n";
    vm.post("multipart/form-data; boundary=x", file);
    vm.whole_answer("200", "{}");
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.unread.action.write", 1)]);
}

#[test]
fn who_leaves_within_an_answer_has_seen_what_came_before() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.next_stream();
    assert_eq!(vm.outcomes(), [""; 0], "nothing was written");
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    vm.chunk(PATIENT, false);
    vm.next_stream();
    let batch = vm.tick().expect("a batch");
    assert_eq!(serde_json::to_value(batch.rows[0].outcome).unwrap(), "left");
    let masked = batch.rows[0].masked.iter().map(|(_, count)| count);
    assert_eq!(masked.sum::<u64>(), 2);
}

#[test]
fn values_of_bodies_that_are_masked_as_a_whole_are_counted() {
    let ssn = "velum_values_total.outcome.masked.class.ssn.action.write";
    let form = "application/x-www-form-urlencoded";
    let multipart = "--x\r\ncontent-disposition: form-data; name=\"ssn\"\r\n\r\n000-12-3456\r\n\
         --x\r\ncontent-disposition: form-data; name=\"j\"\r\ncontent-type: application/json\r\n\r\n\
         {\"ssn\":\"000-12-3457\"}\r\n--x--\r\n";
    for (more, content_type, body, count) in [
        (json!({}), form, "ssn=000-12-3456", 1),
        (json!({}), "multipart/form-data; boundary=x", multipart, 2),
        (
            json!({"writes": "refuse"}),
            "application/json-patch+json",
            r#"[{"op":"add","path":"/ssn","value":"SSN 000-12-3456"}]"#,
            1,
        ),
    ] {
        let mut vm = Vm::masking_requests(&more);
        vm.post(content_type, body);
        let out = vm.host.body_text(Buffer::RequestBody);
        assert!(!out.contains("000-12"), "{out}");
        vm.whole_answer("200", "{}");
        vm.next_stream();
        vm.has_counted(&[(ssn, count)]);
        let read = vm.counted()["velum_body_bytes_total.action.write"];
        assert!(read > 2, "{read}");
    }
}

#[test]
fn values_of_texts_are_counted_and_what_is_lifted_shows() {
    let of_texts = |policy: &mut Value| {
        policy["masking"]["profiles"] = json!(["hipaa-safe-harbor", "fhir-r4"]);
        policy["responses"] = json!({"text": ["text/plain"]});
        policy["actions"][4]["ask"]["lift"] = json!(["ssn"]);
    };
    let text = "SSN 000-12-3456";
    let mut vm = Vm::of(of_texts);
    vm.request("GET", "/Patient/1", &[]);
    assert_eq!(vm.answer_with("text/plain", text), "SSN [masked:ssn]");
    vm.next_stream();
    vm.has_counted(&[
        ("velum_requests_total.outcome.masked.action.read", 1),
        ("velum_values_total.outcome.masked.class.ssn.action.read", 1),
    ]);
    vm.request("GET", "/Patient/1", &[("velum-lift", "ssn")]);
    let check = vm.check();
    let ssn = [Class::Ssn].into_iter().collect();
    let allow = SignedAllow::sign(&allow(&check, ssn), &key());
    vm.answer(&Answer::Allow(allow));
    assert_eq!(vm.answer_with("text/plain", text), text);
    vm.next_stream();
    vm.has_counted(&[
        ("velum_requests_total.outcome.lifted.action.read", 1),
        ("velum_values_total.outcome.lifted.class.ssn.action.read", 1),
    ]);
}

#[test]
fn a_poll_that_is_answered_is_counted() {
    let mut vm = Vm::new();
    let path = format!("/.well-known/velum/approvals/{}", approval());
    vm.request("GET", &path, &[]);
    vm.answer_text("200", r#"{"state":"pending"}"#);
    assert_eq!(vm.reply().status, 200);
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.polled.action.-", 1)]);
}

fn two_policies() -> Value {
    let mut one = policy();
    one.as_object_mut().unwrap().remove("version");
    let mut two = one.clone();
    two["limits"] = json!({"held_body": 2048});
    json!({"version": 1, "policies": {"a": one, "b": two}})
}

#[test]
fn every_policy_has_its_turn_to_tell() {
    let mut vm = Vm::with(&two_policies());
    let path = [
        "xds",
        "route_metadata",
        "filter_metadata",
        "velum",
        "policy",
    ];
    let mut told = Vec::new();
    for _ in 0..4 {
        for name in ["a", "b"] {
            vm.host.set_property(&path, name.as_bytes());
            vm.request("GET", "/Patient/1", &[]);
            vm.whole_answer("200", PATIENT);
            vm.next_stream();
        }
        let batch = vm.tick().expect("a batch");
        told.push(batch.rows[0].policy);
        vm.answered("200");
    }
    assert_ne!(told[0], told[1]);
    assert_eq!(told[..2], told[2..]);
}

#[test]
fn what_was_sent_and_has_not_arrived_is_lost_with_its_configuration() {
    let mut vm = Vm::new();
    for _ in 0..3 {
        vm.request("GET", "/Patient/1", &[]);
        vm.whole_answer("200", PATIENT);
        vm.next_stream();
    }
    vm.tick().expect("a batch");
    vm.answered("503");
    vm.request("GET", "/Patient/1", &[]);
    vm.whole_answer("200", PATIENT);
    vm.next_stream();
    vm.dispatcher.delete(&vm.host, ROOT);
    vm.has_counted(&[("velum_events_lost_total", 4)]);
}

#[test]
fn an_outcome_that_no_call_can_carry_is_counted_as_lost() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    let allow = allow(&vm.check(), names());
    vm.answer(&Answer::Allow(SignedAllow::sign(&allow, &key())));
    vm.whole_answer("200", PATIENT);
    vm.next_stream();
    vm.host.calls_fail.set(true);
    for _ in 0..1_000 {
        vm.dispatcher.tick(&vm.host, ROOT);
    }
    vm.has_counted(&[("velum_events_lost_total", 1)]);
    vm.host.calls_fail.set(false);
    vm.dispatcher.tick(&vm.host, ROOT);
    assert_eq!(vm.last_call("/v1/outcomes"), None);
}

#[test]
fn a_batch_that_the_service_will_never_take_is_lost_and_not_sent_for_ever() {
    for status in ["400", "413"] {
        let mut vm = Vm::new();
        for _ in 0..3 {
            vm.request("GET", "/Patient/1", &[]);
            vm.whole_answer("200", PATIENT);
            vm.next_stream();
        }
        vm.tick().expect("a batch");
        vm.answered(status);
        vm.has_counted(&[
            ("velum_events_lost_total", 3),
            ("velum_event_batches_failed_total", 1),
        ]);
        let next = vm.tick().expect("the loss is told");
        assert_eq!((next.sequence, next.lost, next.rows.len()), (2, 3, 0));
        vm.answered(status);
        assert_eq!(vm.tick(), None, "less and less often");
        let next = vm.tick().expect("the loss is told");
        assert_eq!((next.sequence, next.lost, next.rows.len()), (3, 3, 0));
        vm.answered("200");
        assert_eq!(vm.tick(), None);
        vm.has_counted(&[("velum_events_lost_total", 3)]);
    }
}

#[test]
fn whether_a_policy_observes_is_told_for_each() {
    let mut vm = Vm::new();
    let mut observing = policy();
    observing["mode"] = json!("observe");
    observing["actions"] = json!([observing["actions"][1]]);
    let text = observing.to_string();
    vm.host
        .set_body(Buffer::PluginConfiguration, text.as_bytes());
    vm.dispatcher.create(3, 0);
    assert!(vm.dispatcher.configure(&vm.host, 3, text.len()));
    let counted = vm.host.counted.borrow();
    let gauges = counted.iter();
    let gauges = gauges.filter(|(name, _)| name.starts_with("velum_observe.policy."));
    let mut values: Vec<_> = gauges.map(|(_, value)| *value).collect();
    values.sort_unstable();
    assert_eq!(values, [0, 1]);
}

#[test]
fn a_body_is_forgotten_as_soon_as_it_is_looked_into() {
    let mut vm = Vm::observing();
    let body = format!("\"{}\"", "x".repeat(900_000));
    // One after the other, far more than may be kept at a time.
    for _ in 0..12 {
        vm.observed_post();
        vm.observed(body.as_bytes(), true);
        vm.whole_answer("200", "{}");
        // The stream goes on, as one of events does.
        vm.dispatcher.create(STREAM, ROOT);
    }
    assert_eq!(vm.dispatcher.gathered(), 0);
    vm.observed_post();
    vm.observed(body.as_bytes(), false);
    assert_eq!(vm.dispatcher.gathered(), body.len());
    vm.next_stream();
    assert_eq!(vm.dispatcher.gathered(), 0, "its stream has ended");
    vm.has_counted(&[("velum_requests_total.outcome.would-be-masked.action.-", 12)]);
}

#[test]
fn beyond_what_a_worker_may_keep_a_body_is_not_observed() {
    let mut vm = Vm::observing();
    let chunk = "x".repeat(1_000_000);
    for context in 10..18 {
        vm.dispatcher.create(context, ROOT);
        let json = [
            (":method", "POST"),
            (":path", "/Patient"),
            (":authority", "fhir.example"),
            ("content-type", "application/json"),
        ];
        vm.host.set_map(Map::RequestHeaders, &json);
        vm.dispatcher.run(&vm.host, context, |stream, host| {
            stream.on_request_headers(host, false)
        });
        vm.host.set_body(Buffer::RequestBody, chunk.as_bytes());
        vm.dispatcher.run(&vm.host, context, |stream, host| {
            stream.take_request_body(host, chunk.len(), false)
        });
    }
    assert_eq!(vm.dispatcher.gathered(), 8_000_000);
    assert!(MOST_GATHERED - 8_000_000 < chunk.len());
    vm.observed_post();
    vm.observed(chunk.as_bytes(), false);
    vm.has_counted(&[("velum_requests_total.outcome.unobserved.action.-", 1)]);
    // What comes then is no beginning of a body.
    vm.observed(b"{}", true);
    assert_eq!(vm.whole_answer("200", PATIENT), PATIENT);
    vm.next_stream();
    assert_eq!(vm.requests(), 1);
    assert_eq!(vm.dispatcher.gathered(), 8_000_000);
}

#[test]
fn nothing_is_counted_over_a_hole_in_a_body() {
    let mut vm = Vm::observing();
    vm.observed_post();
    vm.observed(b"{\"name\":", false);
    vm.host.set_body(Buffer::RequestBody, b"\"x");
    vm.observed_as(3, false);
    vm.observed(b"\"}", true);
    vm.next_stream();
    vm.has_counted(&[("velum_requests_total.outcome.unobserved.action.-", 1)]);
    assert_eq!(vm.requests(), 1);
}

#[test]
fn a_call_is_forgotten_with_its_stream() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK);
    let token = u32::try_from(vm.host.sent.borrow().len()).unwrap();
    vm.next_stream();
    assert_eq!(vm.dispatcher.owner_of(token), None);
}

#[test]
fn a_request_under_no_policy_is_refused_even_where_all_observe() {
    let mut document = two_policies();
    for name in ["a", "b"] {
        document["policies"][name]["mode"] = json!("observe");
        let closed = document["policies"][name]["actions"][1].take();
        document["policies"][name]["actions"] = json!([closed]);
    }
    let mut vm = Vm::with(&document);
    assert_eq!(vm.request("GET", "/Patient/1", &[]), Flow::Pause);
    assert_eq!(vm.problem(), (503, "policy-not-chosen".to_owned()));
}
