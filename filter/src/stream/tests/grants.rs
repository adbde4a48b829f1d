//! What is granted, and no more: values that were seen, rules, records, bytes, and only while there is a
//! lease and no stop; and what the policy service is told of it.

use velum_approval::{
    End, Evidence, Found, GrantLimits, LeaseRequest, Notice, OutcomeReport, RuleName, SignedNotice,
    StopScope, Tags,
};

use super::*;

const SECOND: u64 = 1_000_000_000;
/// Asks, and takes the masked answer meanwhile.
const ASK_ONLY: &[(&str, &str)] = &[("velum-lift", "name,date")];

impl Vm {
    /// The last call to this path, with the token that its answer names.
    fn call_to(&self, path: &str) -> Option<(u32, Value)> {
        let sent = self.host.sent.borrow();
        let place = sent
            .iter()
            .rposition(|sent| header(&sent.headers, ":path") == Some(path.as_bytes()))?;
        let body = serde_json::from_slice(&sent[place].body).unwrap();
        Some((u32::try_from(place).unwrap() + 1, body))
    }

    fn answered_to(&mut self, path: &str, status: &str, body: &str) {
        let (token, _) = self.call_to(path).expect("a call was made");
        self.host
            .set_map(Map::CallResponseHeaders, &[(":status", status)]);
        self.host
            .set_body(Buffer::CallResponseBody, body.as_bytes());
        let caller = self
            .dispatcher
            .owner_of(token)
            .expect("it is not answered yet");
        self.dispatcher.answer(&self.host, caller, 1, body.len());
    }

    /// Grants the request that was asked, after a change of what is granted.
    fn grant(&mut self, change: impl FnOnce(&mut Allow)) {
        let mut allow = allow(&self.check(), self.check().classes);
        let expires = self.host.now.get() / 1_000_000 + 60_000;
        allow.expires = Timestamp::from_millis(i64::try_from(expires).unwrap());
        change(&mut allow);
        self.answer(&Answer::Allow(SignedAllow::sign(&allow, &key())));
    }

    /// A chunk of the answer, as it goes out.
    fn out(&mut self, chunk: &str, end: bool) -> String {
        self.host.set_body(Buffer::ResponseBody, chunk.as_bytes());
        let host = &self.host;
        self.dispatcher
            .run_response(host, STREAM, end, |stream, host| {
                stream.on_response_body(host, chunk.len(), end)
            });
        self.host.body_text(Buffer::ResponseBody)
    }

    /// The request that is released lifts these chunks of its answer.
    fn released(&mut self, chunks: &[&str]) -> String {
        self.json_response();
        let mut out = String::new();
        for chunk in chunks {
            out += &self.out(chunk, false);
        }
        self.out("", true);
        out
    }

    fn next(&mut self) {
        self.dispatcher.delete(&self.host, STREAM);
        self.dispatcher.create(STREAM, ROOT);
    }

    fn tick_once(&mut self) {
        self.dispatcher.tick(&self.host, ROOT);
    }

    /// The outcome that the last stream left.
    fn outcome(&mut self) -> OutcomeReport {
        self.next();
        self.tick_once();
        let (_, report) = self.call_to("/v1/outcomes").expect("an outcome");
        serde_json::from_value(report).unwrap()
    }

    /// The evidence that the last stream left.
    fn evidence(&mut self) -> Evidence {
        self.next();
        self.tick_once();
        let path = format!("/v1/approvals/{}/evidence", approval());
        let (_, evidence) = self.call_to(&path).expect("evidence");
        self.answered_to(&path, "204", "");
        serde_json::from_value(evidence).unwrap()
    }

    /// A lease, if the worker's call is answered so.
    fn lease(&mut self, stops: Vec<StopScope>, forge: impl FnOnce(&mut Notice)) {
        let (_, asked) = self.call_to("/v1/leases").expect("a lease was asked for");
        let asked: LeaseRequest = serde_json::from_value(asked).unwrap();
        let mut notice = Notice {
            gateway: GatewayId::new("edge").unwrap(),
            worker: asked.worker,
            nonce: asked.nonce,
            version: asked.seen + 1,
            stops,
        };
        forge(&mut notice);
        let signed = SignedNotice::sign(&notice, &key());
        let text = serde_json::to_string(&signed).unwrap();
        self.answered_to("/v1/leases", "200", &text);
    }

    fn later(&self, seconds: u64) {
        self.host.now.set(self.host.now.get() + seconds * SECOND);
    }

    /// The masked answer to an ask, which awaits evidence.
    fn masked_first(&mut self, body: &[&str]) -> String {
        self.request("GET", "/Patient/1", ASK_ONLY);
        assert!(self.check().evidence);
        let Answer::Pending {
            approval, expires, ..
        } = pending()
        else {
            unreachable!()
        };
        self.answer(&Answer::Pending {
            approval,
            retry_after_seconds: 5,
            expires,
            evidence: true,
        });
        self.released(body)
    }
}

#[test]
fn only_values_that_were_seen_come_out_and_the_rest_is_drift() {
    let mut vm = Vm::new();
    let masked = vm.masked_first(&[PATIENT]);
    assert!(
        !masked.contains("Quill") && !masked.contains("1970-02-03"),
        "{masked}"
    );
    let link = vm.host.map(Map::ResponseHeaders);
    assert!(header(&link, "link").is_some());
    let seen = vm.evidence();
    assert_eq!(seen.found, Found::new([(Class::Name, 1), (Class::Date, 1)]));
    assert_eq!(
        (seen.records, seen.complete, seen.tags.as_slice().len()),
        (1, true, 2)
    );
    let shape = serde_json::to_value(&seen.shape).unwrap();
    let fields = shape["fields"].as_array().unwrap();
    let paths: Vec<_> = fields.iter().map(|field| &field["path"]).collect();
    assert_eq!(paths, ["$.birthDate", "$.name[*].family"], "{shape}");
    assert_eq!(seen.shape.unwrap().counts(), seen.found);

    // The same answer is lifted; that of another patient with the same counts is not.
    vm.request("GET", "/Patient/1", ASK);
    assert!(
        !vm.check().evidence,
        "who is held has no answer to be looked at"
    );
    vm.grant(|allow| allow.tags = Some(seen.tags.clone()));
    assert_eq!(vm.released(&[PATIENT]), PATIENT);
    let report = vm.outcome();
    assert_eq!(
        report.lifted,
        Found::new([(Class::Name, 1), (Class::Date, 1)])
    );
    assert_eq!((report.drift.is_empty(), report.end), (true, End::Complete));
    vm.answered_to("/v1/outcomes", "204", "");

    let other = PATIENT
        .replace("Quill", "Thorn")
        .replace("1970-02-03", "1971-03-04");
    vm.request("GET", "/Patient/1", ASK);
    vm.grant(|allow| allow.tags = Some(seen.tags));
    let out = vm.released(&[&other]);
    assert!(
        !out.contains("Thorn") && !out.contains("1971-03-04"),
        "{out}"
    );
    let report = vm.outcome();
    assert!(report.lifted.is_empty(), "{report:?}");
    assert_eq!(
        report.drift,
        Found::new([(Class::Name, 1), (Class::Date, 1)])
    );
}

#[test]
fn reviewers_are_told_keys_that_the_policy_names_and_its_rules_by_name() {
    let mut document = policy();
    document["masking"]["rules"] = json!([
        {"name": "ward", "key": ["ward_nurse"], "class": "name"},
        {"key": ["night_nurse"], "class": "name"},
    ]);
    let mut vm = Vm::with(&document);
    let body = r#"{"Quill Thorn":[{"ward_nurse":"Quill"},{"night_nurse":"Thorn"}],"MRN-88213":{"ward_nurse":"Reed"}}"#;
    vm.masked_first(&[body]);
    let seen = vm.evidence();
    let shape = serde_json::to_value(&seen.shape).unwrap();
    let field = |path: &str, rule: Option<&str>| {
        let mut field = json!({"path": path, "class": "name", "by": "rule", "count": 1});
        if let Some(rule) = rule {
            field["rule"] = json!(rule);
        }
        field
    };
    let expected = json!({"fields": [
        field("$.*.wardnurse", Some("ward")),
        field("$.*[*].nightnurse", None),
        field("$.*[*].wardnurse", Some("ward")),
    ]});
    assert_eq!(shape, expected);
}

#[test]
fn what_nobody_saw_whole_is_told_as_incomplete() {
    // The upstream's body breaks off.
    let mut vm = Vm::new();
    let masked = vm.masked_first(&[&PATIENT[..PATIENT.len() - 1]]);
    assert!(!masked.contains("Quill"));
    let seen = vm.evidence();
    assert_eq!((seen.complete, seen.tags), (false, Tags::default()));
    assert_eq!(seen.shape, None);
    // The caller leaves.
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", ASK_ONLY);
    let Answer::Pending {
        approval, expires, ..
    } = pending()
    else {
        unreachable!()
    };
    vm.answer(&Answer::Pending {
        approval,
        retry_after_seconds: 5,
        expires,
        evidence: true,
    });
    assert!(!vm.evidence().complete);
}

#[test]
fn a_grant_of_some_rules_records_or_bytes_lifts_no_more() {
    type Change = fn(&mut Allow);
    let mut document = policy();
    document["masking"]["rules"] = json!([
        {"name": "ward", "key": ["ward_nurse"], "class": "name"},
        {"key": ["night_nurse"], "class": "name"},
    ]);
    let body = r#"{"ward_nurse":"Quill Thorn","night_nurse":"Alder Reed"}"#;
    let bundle = r#"{"resourceType":"Bundle","entry":[{"resource":{"name":[{"family":"Quill"}]}},{"resource":{"name":[{"family":"Thorn"}]}}]}"#;
    let rules = |allow: &mut Allow| {
        allow.scope.rules = Some([RuleName::new("ward").unwrap()].into());
    };
    let records = |allow: &mut Allow| {
        allow.scope.limits = GrantLimits {
            records: Some(1),
            bytes: None,
        };
    };
    let bytes = |allow: &mut Allow| {
        allow.scope.limits = GrantLimits {
            records: None,
            bytes: Some(90),
        };
    };
    for (change, body, out, not) in [
        (rules as Change, body, "Quill Thorn", "Alder Reed"),
        (records as Change, bundle, "Quill", "Thorn"),
        (bytes as Change, bundle, "Quill", "Thorn"),
    ] {
        let mut vm = Vm::with(&document);
        vm.request("GET", "/Patient/1", ASK);
        vm.grant(change);
        let lifted = vm.released(&[body]);
        assert!(lifted.contains(out) && !lifted.contains(not), "{lifted}");
        serde_json::from_str::<Value>(&lifted).expect("still JSON");
        let report = vm.outcome();
        assert_eq!(report.lifted, Found::new([(Class::Name, 1)]));
        assert_eq!(report.drift, Found::new([(Class::Name, 1)]));
    }
}

const FIRST: &str = r#"[{"name":[{"family":"Quill"}],"resourceType":"Patient"},"#;
const SECOND_PART: &str = r#"{"name":[{"family":"Thorn"}],"resourceType":"Patient"}]"#;

/// A response whose second half comes after so many seconds and whatever happens in them.
fn in_halves(happens: impl FnOnce(&mut Vm)) -> (String, OutcomeReport) {
    let mut vm = Vm::new();
    vm.tick_once();
    vm.request("GET", "/Patient/1", ASK);
    vm.grant(|_| {});
    vm.json_response();
    let mut out = vm.out(FIRST, false);
    assert!(out.contains("Quill"), "{out}");
    happens(&mut vm);
    out += &vm.out(SECOND_PART, false);
    vm.out("", true);
    serde_json::from_str::<Value>(&out).expect("still JSON");
    (out, vm.outcome())
}

#[test]
fn without_a_lease_the_rest_is_masked() {
    let (out, report) = in_halves(|vm| vm.later(9));
    assert!(
        out.contains("Thorn"),
        "the answer is a lease of its own for ten seconds"
    );
    assert_eq!(report.end, End::Complete);

    let (out, report) = in_halves(|vm| vm.later(10));
    assert!(!out.contains("Thorn"), "{out}");
    assert_eq!(report.end, End::Stopped);

    // A lease counts from when it was asked for: one that was held back is worth nothing.
    let (out, _) = in_halves(|vm| {
        vm.later(8);
        vm.lease(vec![], |_| {});
        vm.later(2);
    });
    assert!(!out.contains("Thorn"), "{out}");
    // What is renewed in time goes on.
    let (out, report) = in_halves(|vm| {
        for _ in 0..5 {
            vm.later(4);
            vm.lease(vec![], |_| {});
        }
    });
    assert!(out.contains("Thorn"), "{out}");
    assert_eq!(report.end, End::Complete);
}

#[test]
fn the_end_of_the_grant_masks_the_rest_whatever_leases_there_are() {
    for (times, lifts) in [(74, true), (75, false)] {
        let (out, report) = in_halves(|vm| {
            for _ in 0..times {
                vm.later(4);
                vm.lease(vec![], |_| {});
            }
        });
        assert_eq!(out.contains("Thorn"), lifts, "after {} s: {out}", times * 4);
        assert_eq!(report.end == End::Complete, lifts);
    }
}

#[test]
fn a_stop_masks_the_rest_at_once_and_another_ones_does_not() {
    let stops = |scope: StopScope| in_halves(|vm| vm.lease(vec![scope], |_| {})).0;
    let identity = |subject: &str| {
        velum_approval::Identity::new(velum_approval::IdentityKind::Jwt, ISSUER, subject).unwrap()
    };
    for scope in [
        StopScope::Everything,
        StopScope::Gateway {
            id: GatewayId::new("edge").unwrap(),
        },
        StopScope::Action {
            name: "read".parse().unwrap(),
        },
        StopScope::Principal {
            identity: identity("triage-bot"),
        },
        StopScope::Principal {
            identity: identity("dr-jones"),
        },
        StopScope::Approval { id: approval() },
    ] {
        let out = stops(scope.clone());
        assert!(!out.contains("Thorn"), "{scope:?}");
    }
    for scope in [
        StopScope::Action {
            name: "purge".parse().unwrap(),
        },
        StopScope::Principal {
            identity: identity("grace"),
        },
        StopScope::Approval {
            id: "0192f0c1-2b3c-7d4e-8f50-000000000000".parse().unwrap(),
        },
        // It is not released under any.
        StopScope::Emergency {
            id: "0192f0c1-2b3c-7d4e-8f50-123456789abc".parse().unwrap(),
        },
    ] {
        let out = stops(scope.clone());
        assert!(out.contains("Thorn"), "{scope:?}");
    }
}

#[test]
fn only_the_signed_answer_to_the_workers_own_call_is_a_lease() {
    type Forge = fn(&mut Notice);
    let forgeries: [Forge; 2] = [
        |notice| notice.nonce = velum_approval::UseKey::from_bytes([9; 16]),
        |notice| notice.worker = velum_approval::WorkerId::from_bytes([9; 16]),
    ];
    for forge in forgeries {
        let (out, _) = in_halves(|vm| {
            vm.later(4);
            vm.lease(vec![], forge);
            vm.later(7);
        });
        assert!(!out.contains("Thorn"), "{out}");
    }
    let (out, _) = in_halves(|vm| {
        vm.later(4);
        vm.answered_to("/v1/leases", "503", "{}");
        vm.tick_once();
        vm.later(7);
    });
    assert!(!out.contains("Thorn"), "{out}");
}

#[test]
fn what_is_stopped_before_the_answer_comes_is_masked_from_its_first_byte() {
    let mut vm = Vm::new();
    vm.tick_once();
    vm.request("GET", "/Patient/1", ASK);
    vm.grant(|_| {});
    vm.lease(vec![StopScope::Everything], |_| {});
    let out = vm.released(&[PATIENT]);
    assert!(!out.contains("Quill"), "{out}");
    assert_eq!(
        header(&vm.host.map(Map::ResponseHeaders), "velum-lifted"),
        None
    );
    assert_eq!(vm.outcome().end, End::Stopped);
}

#[test]
fn an_outcome_is_sent_until_it_arrives_and_no_more() {
    let mut vm = Vm::new();
    vm.request("DELETE", "/Patient/1", &[("prefer", "wait=30")]);
    vm.grant(|_| {});
    vm.json_response();
    vm.out("{}", true);
    vm.next();
    let count = |vm: &Vm| {
        let sent = vm.host.sent.borrow();
        let paths = sent
            .iter()
            .map(|sent| header(&sent.headers, ":path").unwrap().to_vec());
        paths.filter(|path| path == b"/v1/outcomes").count()
    };
    assert_eq!(count(&vm), 0, "a stream's own call would end with it");
    vm.tick_once();
    assert_eq!(count(&vm), 1);
    vm.tick_once();
    assert_eq!(count(&vm), 1, "one at a time");
    vm.answered_to("/v1/outcomes", "503", "");
    assert_eq!(count(&vm), 1, "not at once");
    vm.tick_once();
    vm.tick_once();
    assert_eq!(count(&vm), 2);
    let (_, report) = vm.call_to("/v1/outcomes").unwrap();
    assert_eq!(
        (&report["status"], &report["end"]),
        (&json!(200), &json!("complete"))
    );
    vm.answered_to("/v1/outcomes", "204", "");
    for _ in 0..300 {
        vm.tick_once();
    }
    assert_eq!(count(&vm), 2);
}

#[test]
fn who_asked_takes_it_back_with_delete() {
    let path = format!("/.well-known/velum/approvals/{}", approval());
    let call = format!("/v1/approvals/{}/withdrawal", approval());
    for (status, expected) in [
        ("204", None),
        ("404", Some((404, "approval-unknown"))),
        ("409", Some((409, "approval-decided"))),
        ("503", Some((503, "approval-unavailable"))),
    ] {
        let mut vm = Vm::new();
        vm.request("DELETE", &path, &[]);
        let (_, sent) = vm.call_to(&call).expect("the service is asked");
        assert_eq!(sent["principal"]["subject"], "triage-bot");
        vm.answered_to(&call, status, "");
        match expected {
            None => assert_eq!(vm.reply().status, 204),
            Some((status, code)) => assert_eq!(vm.problem(), (status, code.to_owned())),
        }
        assert_eq!(vm.host.resumed.borrow().len(), 0, "it is answered here");
    }
    let mut vm = Vm::anonymous();
    vm.request("DELETE", &path, &[]);
    assert_eq!(vm.problem().1, "identity-required");
}
