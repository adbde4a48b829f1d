//! The debug log of bodies that are masked as a whole.

use super::*;

fn vm(requests: &Value) -> Vm {
    let mut policy = policy();
    let outward = json!({"name": "outward", "effect": "mask", "requests": requests,
        "when": {"method": "POST", "path": {"prefix": "/outward"}}});
    policy["masking"]["profiles"] = json!(["pii", "credentials"]);
    policy["responses"] = json!({"text": ["text/plain"]});
    policy["actions"].as_array_mut().unwrap().insert(0, outward);
    let vm = Vm::with(&policy);
    vm.host.is_debugged.set(true);
    vm
}

/// What the log says was found; no value may be anywhere in it.
fn found(vm: &Vm) -> Vec<String> {
    let log = vm.host.log.borrow();
    let all = log.join("\n");
    for hidden in ["000-12", "Thistlewood", "a@b.example", "p-1971"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
    let found = log
        .iter()
        .filter_map(|line| line.strip_prefix("velum: text 0, "));
    found.map(str::to_owned).collect()
}

fn post(vm: &mut Vm, content_type: &str, body: &str) {
    vm.request_with("POST", "/outward", &[("content-type", content_type)], false);
    vm.request_body(body, true);
}

const BODIES: &[(&str, &str)] = &[
    (
        "application/x-www-form-urlencoded",
        "ssn=000-12-3456&p-1971=to+a%40b.example",
    ),
    (
        "multipart/form-data; boundary=x",
        "--x\r\ncontent-disposition: form-data; name=\"ssn\"\r\n\r\n000-12-3456\r\n\
         --x\r\ncontent-disposition: form-data; name=\"p-1971\"\r\n\r\nto a@b.example\r\n--x--\r\n",
    ),
    (
        "multipart/form-data; boundary=x",
        "--x\r\ncontent-disposition: form-data; name=\"data\"\r\ncontent-type: application/json\r\n\
         \r\n{\"ssn\":\"000-12-3456\",\"p-1971\":\"to a@b.example\"}\r\n--x--\r\n",
    ),
    (
        "application/json",
        r#"{"ssn":"000-12-3456","p-1971":"to a@b.example"}"#,
    ),
];

#[test]
fn what_is_masked_of_a_body_that_was_held_is_in_the_debug_log() {
    // Of JSON, only what may be flagged is held.
    for requests in [
        json!({"inspect": true}),
        json!({"inspect": true, "flag_on": ["mrn"]}),
    ] {
        for (content_type, body) in BODIES {
            let mut vm = vm(&requests);
            post(&mut vm, content_type, body);
            let lines = [
                "/ssn: ssn masked by pii keys: ssn",
                "/{…}: email masked by detector: email",
            ];
            assert_eq!(found(&vm), lines, "{content_type}");
            assert!(vm.host.replies.borrow().is_empty());
        }
    }
}

#[test]
fn what_flags_a_request_is_in_the_debug_log_before_anybody_is_asked() {
    for (content_type, body) in BODIES {
        let mut vm = vm(&json!({"inspect": true, "flag_on": ["ssn"], "hold": "30s"}));
        post(&mut vm, content_type, body);
        assert_eq!(vm.host.sent.borrow().len(), 1, "somebody is asked");
        let ssn = "/ssn: ssn masked by pii keys: ssn".to_owned();
        assert!(
            found(&vm).contains(&ssn),
            "{content_type}: {:?}",
            found(&vm)
        );
    }
}

#[test]
fn what_detectors_find_in_a_text_is_in_the_debug_log() {
    let mut vm = vm(&json!({"inspect": true}));
    let text = "write to a@b.example";
    vm.request("GET", "/notes/1", &[]);
    let length = text.len().to_string();
    let headers = [
        (":status", "200"),
        ("content-type", "text/plain"),
        ("content-length", &length),
    ];
    vm.response(&headers, false);
    let (_, out) = vm.response_body(text, true);
    assert_eq!(out, "write to [masked:email]");
    assert_eq!(found(&vm), [": email masked by detector: email"]);
}
