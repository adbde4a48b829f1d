//! The bodies of requests: what goes on, what is masked, what waits.

use super::*;

fn inspecting(requests: &Value) -> Value {
    let mut policy = policy();
    let outward = json!({"name": "outward", "effect": "mask", "requests": requests,
        "when": {"method": ["POST", "GET"], "path": {"prefix": "/outward"}}});
    policy["masking"]["profiles"] = json!(["pii", "credentials"]);
    policy["actions"].as_array_mut().unwrap().insert(0, outward);
    policy
}

fn flagging() -> Vm {
    let requests = json!({"inspect": true, "flag_on": ["ssn", "mrn"], "hold": "30s"});
    Vm::with(&inspecting(&requests))
}

fn post(vm: &mut Vm, content_type: &str, more: &[(&str, &str)]) -> Flow {
    let pairs = [&[("content-type", content_type)][..], more].concat();
    vm.request_with("POST", "/outward", &pairs, false)
}

fn sent_on(vm: &Vm) -> String {
    vm.host.body_text(Buffer::RequestBody)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const RAW: &str = r#"{"ssn":"000-12-3456","phone":"555-0142"}"#;

#[test]
fn an_inspected_body_is_masked_chunk_by_chunk() {
    let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
    let more = [
        ("content-length", "40"),
        ("content-digest", "sha-256=:x:"),
        ("x-kept", "1"),
    ];
    assert_eq!(
        post(&mut vm, JSON, &more),
        Flow::Pause,
        "until a chunk has parsed"
    );
    let upstream = vm.host.map(Map::RequestHeaders);
    for name in ["content-length", "content-digest"] {
        assert_eq!(header(&upstream, name), None, "{name}");
    }
    assert_eq!(header(&upstream, "x-kept"), Some(&b"1"[..]));
    assert_eq!(
        vm.request_body("", false),
        Flow::Pause,
        "nothing has parsed yet"
    );
    let (mut out, mut flow) = (String::new(), Flow::Pause);
    for chunk in RAW.as_bytes().chunks(3) {
        flow = vm.request_body(str::from_utf8(chunk).unwrap(), false);
        assert_eq!(flow, Flow::Continue);
        out += &sent_on(&vm);
    }
    assert_eq!(flow, Flow::Continue);
    assert_eq!(vm.request_body("", true), Flow::Continue);
    assert_eq!(out, r#"{"ssn":"[masked:ssn]","phone":"[masked:phone]"}"#);
    assert!(vm.host.sent.borrow().is_empty(), "nobody is asked");
}

#[test]
fn an_inspected_body_that_is_no_json_is_refused_and_nothing_of_it_goes_on() {
    for (chunks, trailers) in [
        (&["{x"][..], false),
        (&[r#"{"a":1,"#, "]"], false),
        (&[r#"{"a":1"#, ""], false),
        (&[r#"{"a":1"#], true),
    ] {
        let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
        post(&mut vm, JSON, &[]);
        for (index, chunk) in chunks.iter().enumerate() {
            vm.request_body(chunk, !trailers && index + 1 == chunks.len());
        }
        if trailers {
            vm.dispatcher
                .run(&vm.host, STREAM, Stream::on_request_trailers);
        } else {
            assert_eq!(sent_on(&vm), "");
        }
        assert_eq!(vm.problem(), (400, "body-not-json".into()), "{chunks:?}");
    }
}

#[test]
fn a_whole_body_may_end_with_trailers_or_be_none() {
    for body in [RAW, ""] {
        let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
        post(&mut vm, JSON, &[]);
        vm.request_body(body, false);
        let flow = vm
            .dispatcher
            .run(&vm.host, STREAM, Stream::on_request_trailers);
        assert_eq!(flow, Flow::Continue);
        assert!(!sent_on(&vm).contains("000-12"));
    }
    let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
    assert_eq!(vm.request("POST", "/outward", &[]), Flow::Continue);
}

#[test]
fn the_media_type_says_how_a_body_is_masked() {
    let multipart = "multipart/form-data; boundary=x";
    let part =
        "--x\r\ncontent-disposition: form-data; name=\"ssn\"\r\n\r\n000-12-3456\r\n--x--\r\n";
    let masked_part = part.replace("000-12-3456", "[masked:ssn]");
    for (content_type, body, expected) in [
        (
            JSON,
            r#"{"ssn":"000-12-3456"}"#,
            Some(r#"{"ssn":"[masked:ssn]"}"#),
        ),
        (
            "application/x-ndjson",
            "{\"ssn\":\"000-12-3456\"}\n{}\n",
            Some("{\"ssn\":\"[masked:ssn]\"}\n{}\n"),
        ),
        (
            "application/json-seq",
            "\u{1e}{\"ssn\":\"000-12-3456\"}\n",
            Some("\u{1e}{\"ssn\":\"[masked:ssn]\"}\n"),
        ),
        (FORM, "ssn=000-12-3456", Some("ssn=[masked:ssn]")),
        (FORM, "ssn=%ff", None),
        (multipart, part, Some(masked_part.as_str())),
        (multipart, "ssn=000-12-3456", None),
        ("multipart/form-data", part, None),
        (
            "application/x-www-form-urlencoded; charset=latin1",
            "a=1",
            None,
        ),
        ("application/json; charset=utf-16", RAW, None),
        ("text/event-stream", "data: {}\n\n", None),
        ("text/plain", "000-12-3456", None),
        ("", "000-12-3456", None),
    ] {
        let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
        post(&mut vm, content_type, &[]);
        if vm.host.replies.borrow().is_empty() {
            vm.request_body(body, true);
        }
        match expected {
            Some(expected) => assert_eq!(sent_on(&vm), expected, "{content_type}"),
            None => assert_eq!(
                vm.problem(),
                (415, "request-not-maskable".into()),
                "{content_type}"
            ),
        }
    }
}

#[test]
fn a_body_is_refused_while_the_clock_cannot_be_read() {
    for content_type in [JSON, FORM] {
        let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
        vm.host.now.set(u64::MAX);
        post(&mut vm, content_type, &[]);
        if vm.host.replies.borrow().is_empty() {
            vm.request_body("ssn=000-12-3456", true);
        }
        assert_eq!(vm.problem(), (415, "request-not-maskable".into()));
    }
}

#[test]
fn other_bodies_pass_where_the_policy_says_so_and_unreadable_ones_never() {
    let policy = inspecting(&json!({"inspect": true, "otherwise": "pass"}));
    let gzip = [("content-encoding", "gzip")];
    for (content_type, more, problem) in [
        ("image/png", &[("content-length", "5")][..], None),
        ("image/png", &gzip, Some("body-encoded")),
        (JSON, &gzip, Some("body-encoded")),
        (
            "application/json; charset=utf-16",
            &[],
            Some("request-not-maskable"),
        ),
        (
            "application/x-www-form-urlencoded; charset = utf-16le",
            &[],
            Some("request-not-maskable"),
        ),
        ("", &[], Some("request-not-maskable")),
    ] {
        let mut vm = Vm::with(&policy);
        let flow = post(&mut vm, content_type, more);
        if let Some(problem) = problem {
            assert_eq!(vm.problem(), (415, problem.into()), "{content_type}");
        } else {
            assert_eq!(flow, Flow::Continue);
            let upstream = vm.host.map(Map::RequestHeaders);
            assert_eq!(header(&upstream, "content-length"), Some(&b"5"[..]));
            assert_eq!(vm.request_body("Quill", true), Flow::Continue);
            assert_eq!(sent_on(&vm), "Quill");
        }
    }
}

#[test]
fn another_protocol_is_not_waited_for() {
    let upgrade = [("upgrade", "websocket")];
    let mut vm = Vm::with(&inspecting(&json!({"inspect": true})));
    vm.request_with("GET", "/outward", &upgrade, false);
    assert_eq!(vm.problem(), (403, "upgrade-refused".into()));
    for path in ["/Patient/1", "/bulk/x"] {
        let mut vm = Vm::new();
        vm.request_with("GET", path, &upgrade, false);
        assert_eq!(vm.problem(), (403, "upgrade-refused".into()), "{path}");
    }
}

#[test]
fn a_body_without_flagged_classes_goes_on_masked_and_nobody_is_asked() {
    for body in [
        r#"{"phone":"555-0142"}"#,
        // What was masked before is no find.
        r#"{"phone":"555-0142","ssn":"[masked:ssn]"}"#,
    ] {
        let mut vm = flagging();
        assert_eq!(post(&mut vm, JSON, &[]), Flow::Pause);
        assert_eq!(vm.request_body(body, true), Flow::Continue);
        assert_eq!(sent_on(&vm), body.replace("555-0142", "[masked:phone]"));
        assert!(vm.host.sent.borrow().is_empty());
        let upstream = vm.host.map(Map::RequestHeaders);
        assert_eq!(header(&upstream, "x-envoy-max-retries"), None);
    }
}

#[test]
fn behind_a_body_that_was_held_whole_nothing_more_goes_on() {
    let mut vm = flagging();
    post(&mut vm, JSON, &[]);
    assert_eq!(
        vm.request_body(r#"{"phone":"555-0142"}"#, true),
        Flow::Continue
    );
    assert_eq!(
        vm.request_body(r#"{"ssn":"000-12-3456"}"#, true),
        Flow::Pause
    );
    assert_eq!(
        vm.host.resets.borrow().len() + vm.host.replies.borrow().len(),
        1
    );
}

#[test]
fn a_flagged_body_waits_and_goes_on_with_what_was_granted() {
    let mut vm = flagging();
    let more = [("prefer", "wait=60"), ("x-envoy-retry-on", "5xx")];
    post(&mut vm, JSON, &more);
    assert_eq!(vm.request_body(RAW, false), Flow::Pause);
    assert!(
        vm.host.sent.borrow().is_empty(),
        "the body is not whole yet"
    );
    assert_eq!(vm.request_body(RAW, true), Flow::Pause);
    let check = vm.check();
    assert_eq!(check.action.as_str(), "outward");
    assert_eq!(check.classes, [Class::Ssn].into_iter().collect());
    let found: Vec<_> = check.found.as_ref().unwrap().counts().collect();
    assert_eq!(found, [(Class::Phone, 1), (Class::Ssn, 1)]);
    let sent = vm.host.sent.borrow().last().cloned().unwrap();
    assert_eq!(header(&sent.headers, "prefer"), Some(&b"wait=25"[..]));
    assert!(!String::from_utf8(sent.body).unwrap().contains("000-12"));
    let upstream = vm.host.map(Map::RequestHeaders);
    assert_eq!(header(&upstream, "x-envoy-max-retries"), Some(&b"0"[..]));
    assert_eq!(header(&upstream, "x-envoy-retry-on"), None);

    let granted = allow(&check, [Class::Ssn].into_iter().collect());
    vm.answer(&Answer::Allow(SignedAllow::sign(&granted, &key())));
    assert_eq!(*vm.host.resumed.borrow(), [Side::Request]);
    assert_eq!(sent_on(&vm), RAW.replace("555-0142", "[masked:phone]"));
    // The grant was for what was sent, not for what comes back.
    vm.json_response();
    let (_, body) = vm.response_body(RAW, true);
    assert!(!body.contains("000-12"), "{body}");
    assert_eq!(
        header(&vm.host.map(Map::ResponseHeaders), "velum-lifted"),
        None
    );
}

#[test]
fn a_grant_of_less_releases_less_of_the_body() {
    let mut vm = flagging();
    post(&mut vm, JSON, &[("prefer", "wait=60")]);
    vm.request_body(r#"{"ssn":"000-12-3456","mrn":"MRN-88213"}"#, true);
    let check = vm.check();
    let granted = allow(&check, [Class::Mrn].into_iter().collect());
    vm.answer(&Answer::Allow(SignedAllow::sign(&granted, &key())));
    assert_eq!(sent_on(&vm), r#"{"ssn":"[masked:ssn]","mrn":"MRN-88213"}"#);
}

#[test]
fn a_flagged_request_that_nobody_released_is_refused() {
    let flagged = |vm: &mut Vm| {
        post(vm, JSON, &[]);
        vm.request_body(RAW, true)
    };
    // Without a hold it is refused at once, with the approval to come back with.
    let mut vm = flagging();
    flagged(&mut vm);
    assert_eq!(header(&vm.host.sent.borrow()[0].headers, "prefer"), None);
    vm.answer(&pending());
    assert_eq!(vm.problem(), (403, "approval-required".into()));
    let mut vm = flagging();
    flagged(&mut vm);
    vm.answer_text("503", "");
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
    let mut vm = flagging();
    vm.host.calls_fail.set(true);
    flagged(&mut vm);
    assert_eq!(vm.problem(), (503, "approval-unavailable".into()));
    let mut vm = flagging();
    vm.host.properties.borrow_mut().clear();
    flagged(&mut vm);
    assert_eq!(vm.problem(), (403, "identity-required".into()));
    assert!(vm.host.resumed.borrow().is_empty());
}

#[test]
fn nobody_is_held_longer_than_the_action_says() {
    let waits = |vm: &Vm| {
        let sent = vm.host.sent.borrow();
        let waits = header(&sent[0].headers, "prefer").expect("it waits");
        String::from_utf8(waits.to_vec()).unwrap()
    };
    let long = ("prefer", "wait=20");
    for (hold, expected) in [("7s", "wait=7"), ("12s", "wait=12"), ("60s", "wait=20")] {
        let mut policy = inspecting(&json!({"inspect": true, "flag_on": ["ssn"], "hold": hold}));
        for action in policy["actions"].as_array_mut().unwrap() {
            match action["name"].as_str() {
                Some("purge") => action["hold"] = json!(hold),
                Some("read") => action["ask"]["hold"] = json!(hold),
                _ => {}
            }
        }
        let mut vm = Vm::with(&policy);
        post(&mut vm, JSON, &[long]);
        vm.request_body(RAW, true);
        assert_eq!(waits(&vm), expected, "what is flagged");
        let mut vm = Vm::with(&policy);
        vm.request("DELETE", "/Patient/1", &[long]);
        assert_eq!(waits(&vm), expected, "a review");
        let mut vm = Vm::with(&policy);
        vm.request("GET", "/Patient/1", &[("velum-lift", "name"), long]);
        assert_eq!(waits(&vm), expected, "an ask");
    }
}

#[test]
fn an_approval_is_redeemed_by_the_same_body_and_nothing_can_be_asked_beyond_it() {
    let mut vm = flagging();
    let id = approval().to_string();
    post(&mut vm, JSON, &[("velum-approval", &id)]);
    vm.request_body(RAW, true);
    assert_eq!(vm.check().approval, Some(approval()));
    let mut vm = flagging();
    post(&mut vm, JSON, &[("velum-lift", "ssn")]);
    assert_eq!(vm.problem(), (400, "unknown-class".into()));
}

#[test]
fn what_cannot_be_written_at_its_release_is_refused() {
    let mut vm = flagging();
    post(&mut vm, JSON, &[]);
    vm.request_body(RAW, true);
    let check = vm.check();
    vm.host.set_body(Buffer::RequestBody, b"");
    let granted = allow(&check, [Class::Ssn].into_iter().collect());
    vm.answer(&Answer::Allow(SignedAllow::sign(&granted, &key())));
    assert_eq!(vm.problem(), (403, "body-not-reviewable".into()));
    assert!(vm.host.resumed.borrow().is_empty());
}

#[test]
fn an_inspected_review_says_what_the_body_holds_and_masks_what_is_not_granted() {
    let mut policy = policy();
    policy["masking"]["profiles"] = json!(["pii"]);
    policy["actions"][2]["requests"] = json!({"inspect": true});
    policy["actions"][2]["lift"] = json!(["phone"]);
    let mut vm = Vm::with(&policy);
    let more = [("content-type", JSON), ("velum-lift", "phone")];
    vm.request_with("DELETE", "/Patient/1", &more, false);
    vm.request_body(RAW, true);
    let check = vm.check();
    assert_eq!(check.found.as_ref().unwrap().counts().count(), 2);
    let granted = allow(&check, [Class::Phone].into_iter().collect());
    vm.answer(&Answer::Allow(SignedAllow::sign(&granted, &key())));
    assert_eq!(sent_on(&vm), RAW.replace("000-12-3456", "[masked:ssn]"));
    // A review of nothing that could be looked at.
    let mut vm = Vm::with(&policy);
    vm.request("DELETE", "/Patient/1", &[]);
    assert_eq!(vm.check().found, None);
}

#[test]
fn a_body_that_says_it_is_too_long_is_refused_before_it_is_sent() {
    let length = |bytes: &str| {
        let mut vm = Vm::new();
        let more = [("content-type", JSON), ("content-length", bytes)];
        vm.request_with("PUT", "/Patient/1", &more, false);
        !vm.host.replies.borrow().is_empty()
    };
    assert!(!length("1048576") && !length("many"));
    assert!(length("1048577") && length("18446744073709551615"));
}

#[test]
fn our_own_output_is_found_in_every_kind_of_body() {
    let mut policy = policy();
    policy["masking"]["rules"] =
        json!([{"key": "mrn", "class": "mrn", "operator": {"token": {"prefix": "MRN-"}}}]);
    let mut vm = Vm::with(&policy);
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    let (_, shown) = vm.response_body(r#"{"mrn":"12"}"#, true);
    let token = shown.split('"').nth(3).unwrap();
    let multipart = "multipart/form-data; boundary=x";
    let part = |text: &str| format!("--x\r\ncontent-disposition: form-data\r\n\r\n{text}\r\n--x--");
    for (content_type, method, body) in [
        (JSON, "PUT", format!(r#"{{"a":"{token}"}}"#)),
        (JSON, "DELETE", r#"{"a":"[masked:name]"}"#.to_owned()),
        (JSON, "GET", r#"{"a":"[masked:name]"}"#.to_owned()),
        (
            JSON,
            "PATCH",
            r#"{"a":"{\"b\":\"\\u005bmasked:name]\"}"}"#.to_owned(),
        ),
        (
            "application/merge-patch+json",
            "PATCH",
            r#"{"[masked:name]":null}"#.to_owned(),
        ),
        (
            "application/json-patch+json",
            "PATCH",
            format!(r#"[{{"op":"add","path":"/a","value":["{token}"]}}]"#),
        ),
        (
            "application/x-ndjson",
            "POST",
            format!("{{}}\n{{\"a\":\"see {token}\"}}\n"),
        ),
        (FORM, "POST", format!("a=1&b=%4d{}+x", &token[1..])),
        (FORM, "POST", "a=%5Bmasked%3Aname%5D&b=%ff".to_owned()),
        (
            FORM,
            "POST",
            "a=%7B%22b%22:%22%5Cu005bmasked:name%5D%22%7D".to_owned(),
        ),
        (multipart, "POST", part(token)),
        (multipart, "POST", part("{\"a\":\"\\u005bmasked:name]\"}")),
        ("text/plain", "POST", format!("Dear {token},")),
        ("", "POST", "[masked:name]".to_owned()),
        (
            "application/json; charset=utf-16",
            "PUT",
            "[masked:name]".replace("", "\0"),
        ),
    ] {
        let path = if method == "DELETE" {
            "/x"
        } else {
            "/Patient/1"
        };
        let mut vm = Vm::with(&policy);
        let more = [("content-type", content_type)];
        assert_eq!(vm.request_with(method, path, &more, false), Flow::Pause);
        vm.request_body(&body, true);
        assert_eq!(
            vm.problem(),
            (422, "masked-value".into()),
            "{content_type} {body}"
        );
        // The same without what is ours.
        let mut vm = Vm::with(&policy);
        vm.request_with(method, path, &more, false);
        let clear = body
            .replace(&token[5..], "aaa")
            .replace("masked", "mashed")
            .replace("m\0a\0s\0k", "m\0a\0s\0h");
        vm.request_body(&clear, true);
        assert!(
            vm.host.replies.borrow().is_empty(),
            "{content_type} {clear}"
        );
    }
}

#[test]
fn a_whole_replacement_is_refused_where_the_policy_says_so() {
    let mut policy = policy();
    policy["actions"].as_array_mut().unwrap().insert(
        0,
        json!({"name": "write", "when": {"method": ["PUT", "PATCH"]}, "effect": "mask",
               "writes": "refuse"}),
    );
    let patch = "application/json-patch+json";
    for (method, content_type, body, refused) in [
        ("PUT", JSON, "", true),
        ("PUT", "text/plain", "x", true),
        (
            "PATCH",
            "application/merge-patch+json",
            r#"{"path":""}"#,
            false,
        ),
        (
            "PATCH",
            patch,
            r#"[{"op":"replace","path":"/a","value":1}]"#,
            false,
        ),
        (
            "PATCH",
            patch,
            r#"[{"op":"replace","path":"","value":{}}]"#,
            true,
        ),
        (
            "PATCH",
            patch,
            r#"[{"op":"test","path":"/a"},{"op":"add","p\u0061th":""}]"#,
            true,
        ),
        (
            "PATCH",
            patch,
            r#"[{"path":"/a","op":"replace","path":""}]"#,
            true,
        ),
        (
            "PATCH",
            patch,
            r#"[{"path":"","op":"replace","path":"/a"}]"#,
            true,
        ),
        ("PATCH", patch, r#"{"path":"/a"}"#, true),
    ] {
        let mut vm = Vm::with(&policy);
        vm.request_with(
            method,
            "/Patient/1",
            &[("content-type", content_type)],
            body.is_empty(),
        );
        if vm.host.replies.borrow().is_empty() {
            vm.request_body(body, true);
        }
        if refused {
            assert_eq!(vm.problem(), (403, "replacement-refused".into()), "{body}");
        } else {
            assert!(vm.host.replies.borrow().is_empty(), "{body}");
        }
    }
}

#[test]
fn a_caller_cannot_turn_on_retries_of_what_happens_once() {
    let given = [
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-retry-grpc-on", "internal"),
        ("x-envoy-hedge-on-per-try-timeout", "true"),
        ("x-envoy-max-retries", "9"),
    ];
    let retries = |method: &str, path: &str| {
        let mut vm = Vm::new();
        vm.request(method, path, &given);
        let upstream = vm.host.map(Map::RequestHeaders);
        given.map(|(name, _)| header(&upstream, name).map(<[u8]>::to_vec))
    };
    let once = [None, None, None, Some(b"0".to_vec())];
    assert_eq!(retries("DELETE", "/Patient/1"), once);
    for (method, path) in [("GET", "/bulk/x"), ("POST", "/Patient")] {
        let as_given = given.map(|(_, value)| Some(value.as_bytes().to_vec()));
        assert_eq!(retries(method, path), as_given, "{method}");
    }
}

#[test]
fn a_query_of_an_inspected_request_that_holds_what_would_be_masked_is_refused() {
    for requests in [
        json!({"inspect": true}),
        json!({"inspect": true, "flag_on": ["ssn"]}),
    ] {
        for (query, is_refused) in [
            ("?page=2&sort=-date", false),
            ("?", false),
            ("", false),
            ("?q=%7B%7D&flag&=", false),
            ("?ssn=000-12-3456", true),
            ("?page=2&%73sn=%3000-12-3456", true),
            ("?note=write+to+a%40b.example", true),
            ("?a@b.example=1", true),
            ("?q=%7B%22ssn%22%3A%22000-12-3456%22%7D", true),
            ("?page=%ff", true),
        ] {
            for (method, end) in [("GET", true), ("POST", false)] {
                let mut vm = Vm::with(&inspecting(&requests));
                let path = format!("/outward/x{query}");
                vm.request_with(method, &path, &[("content-type", JSON)], end);
                let refused = vm.host.replies.borrow().len() == 1;
                assert_eq!(refused, is_refused, "{method} {query}");
                if is_refused {
                    assert_eq!(vm.problem(), (415, "request-not-maskable".into()));
                    let told = format!("{:?}{:?}", vm.reply(), vm.host.log.borrow());
                    assert!(
                        !told.contains("000-12") && !told.contains("b.example"),
                        "{told}"
                    );
                }
            }
        }
    }
    let mut vm = Vm::new();
    vm.request("GET", "/Patient?ssn=000-12-3456", &[]);
    assert!(
        vm.host.replies.borrow().is_empty(),
        "where nobody inspects, it goes on"
    );
}
