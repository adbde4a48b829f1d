//! Host calls that fail: nothing passes that should not.

use super::*;

#[test]
fn a_header_that_cannot_be_removed_refuses_the_request() {
    let mut vm = Vm::new();
    vm.host.headers_fail.set(true);
    vm.request("GET", "/Patient/1", &[("velum-own", "x")]);
    assert_eq!(vm.problem(), (503, "not-configured".into()));
    assert!(vm.host.resumed.borrow().is_empty());
}

#[test]
fn without_memory_a_body_is_refused_and_the_next_one_goes_on() {
    let mut policy = policy();
    policy["responses"] = json!({"text": ["text/plain"]});
    policy["actions"][4]["requests"] = json!({"inspect": true});
    policy["actions"][4]["when"]["method"] = json!(["GET", "POST"]);
    policy["actions"][4].as_object_mut().unwrap().remove("ask");
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let busy = || (503, "gateway-busy".to_owned());
    for content_type in [json, form] {
        let mut vm = Vm::with(&policy);
        vm.host.is_full.set(true);
        vm.request_with("POST", "/Patient", &[content_type], false);
        assert_eq!(vm.problem(), busy(), "from the headers");

        let mut vm = Vm::with(&policy);
        vm.request_with("POST", "/Patient", &[content_type], false);
        vm.host.is_full.set(true);
        vm.request_body("{", true);
        assert_eq!(vm.problem(), busy(), "in the body");
    }
    for content_type in [json, ("content-type", "text/plain")] {
        let mut vm = Vm::with(&policy);
        let headers = [(":status", "200"), ("content-length", "2"), content_type];
        vm.host.is_full.set(true);
        vm.request("GET", "/Patient/1", &[]);
        vm.response(&headers, false);
        vm.response_body("{}", true);
        assert_eq!(vm.problem(), (502, "response-not-maskable".into()));
        vm.dispatcher.delete(&vm.host, STREAM);
        vm.dispatcher.create(STREAM, ROOT);
        vm.host.is_full.set(false);
        vm.request("GET", "/Patient/1", &[]);
        vm.response(&headers, false);
        assert_eq!(vm.response_body("{}", true), (Flow::Continue, "{}".into()));
    }
}

#[test]
fn a_chunk_that_memory_cannot_hold_fails_its_stream_alone() {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    // The host finds no memory for what it should hand over, and says so.
    vm.host.buffers.borrow_mut().clear();
    let flow = vm.dispatcher.run(&vm.host, STREAM, |stream, host| {
        stream.on_response_body(host, 1 << 30, false)
    });
    assert_eq!(flow, Flow::Pause);
    assert_eq!(vm.problem(), (502, "response-not-maskable".into()));
    vm.dispatcher.delete(&vm.host, STREAM);
    vm.dispatcher.create(STREAM, ROOT);
    vm.request("GET", "/Patient/1", &[]);
    vm.json_response();
    assert_eq!(vm.response_body("{}", true), (Flow::Continue, "{}".into()));
}
