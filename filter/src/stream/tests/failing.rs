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
