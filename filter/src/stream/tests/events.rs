//! Streams of server-sent events.

use super::*;

const EVENTS: &[(&str, &str)] = &[
    (":status", "200"),
    ("content-type", "text/event-stream; charset=utf-8"),
];

fn streaming() -> Vm {
    let mut vm = Vm::new();
    vm.request("GET", "/Patient/1/$notes", &[]);
    let flow = vm.response(EVENTS, false);
    assert_eq!(flow, Flow::Continue, "no event may come for a long time");
    vm
}

fn trailers(vm: &mut Vm) -> Flow {
    vm.dispatcher
        .run(&vm.host, STREAM, Stream::on_response_trailers)
}

#[test]
fn events_are_masked_one_by_one() {
    let mut vm = streaming();
    for (event, expected) in [
        (": Quill is here\n\n", ":\n\n"),
        (
            "event: patient\ndata: {\"name\":[{\"family\":\"Quill\"}]}\n\n",
            "event: patient\ndata: {\"name\":[{\"family\":\"[masked:name]\"}]}\n\n",
        ),
        (
            "id: 2\ndata: {\"id\":2}\n\ndata: {\"a\":\ndata: 1}\n\n",
            "id: 2\ndata: {\"id\":2}\n\ndata: {\"a\":\ndata: 1}\n\n",
        ),
        ("data: [DONE]\n\n", "data: [DONE]\n\n"),
    ] {
        let (flow, body) = vm.response_body(event, false);
        assert_eq!((flow, body.as_str()), (Flow::Continue, expected));
    }
    assert_eq!(vm.response_body("", true), (Flow::Continue, String::new()));
    assert!(vm.host.resets.borrow().is_empty());
}

#[test]
fn an_event_may_come_in_pieces() {
    let mut vm = streaming();
    let stream =
        "data: {\"resourceType\":\"Patient\",\"name\":[{\"family\":\r\ndata: \"Quill\"}]}\r\n\r\n";
    let mut seen = String::new();
    for byte in stream.chars() {
        let (flow, body) = vm.response_body(&byte.to_string(), false);
        assert_eq!(flow, Flow::Continue);
        seen.push_str(&body);
    }
    assert!(seen.ends_with("\"[masked:name]\"}]}\r\n\r\n"), "{seen}");
    assert_eq!(trailers(&mut vm), Flow::Continue);
    assert!(vm.host.resets.borrow().is_empty());
}

#[test]
fn a_faulty_event_cuts_the_stream() {
    for event in [
        "data: Quill\n\n",
        "data: {\"name\":\n\n",
        "retry: Quill\n",
        "data: 1\ndata: {\"name\":\"Quill\"}\n\n",
    ] {
        let mut vm = streaming();
        vm.response_body("data: {\"id\":1}\n\n", false);
        assert_eq!(
            vm.response_body(event, false),
            (Flow::Pause, String::new()),
            "{event}"
        );
        assert_eq!(*vm.host.resets.borrow(), [Side::Response]);
        assert_eq!(vm.response_body("data: {\"id\":2}\n\n", true).1, "");
        assert!(!vm.host.log.borrow().concat().contains("Quill"));
    }
}

#[test]
fn a_stream_that_ends_within_an_event_is_cut() {
    for by_trailers in [false, true] {
        let mut vm = streaming();
        vm.response_body("data: {\"id\":1}\n\ndata: {\"id\":", false);
        if by_trailers {
            trailers(&mut vm);
        } else {
            vm.response_body("", true);
        }
        assert_eq!(
            *vm.host.resets.borrow(),
            [Side::Response],
            "trailers: {by_trailers}"
        );
    }
}

#[test]
fn an_empty_stream_of_events_passes() {
    let mut vm = streaming();
    assert_eq!(vm.response_body("", true), (Flow::Continue, String::new()));
}
