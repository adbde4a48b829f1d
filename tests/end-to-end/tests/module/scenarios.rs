//! Requests of every kind, each from start to end, for sweeps to disturb.

pub(crate) mod aside;
pub(crate) mod encoded;
pub(crate) mod named;
pub(crate) mod outward;

use velum_end_to_end::stage::{SECRETS, figure};
use velum_wasm_host::{Answer, ROOT, Seen, Vm, headers};

use crate::cast::{
    IN_REASON, Limits, PATH, Upward, allow, answer_all, approval, assert_safe, decide, deny,
    last_to, masked, named_policies, outward_policy, patient, pending, policy,
    policy_without_holding, request, response, trailers, vm,
};

const JSON: &str = "application/fhir+json";
const LINES: &str = "application/x-ndjson";
const EVENTS: &str = "text/event-stream";

/// A media type and a body of it.
type Body = (&'static str, fn() -> String);

/// One kind of request.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Drives an open stream to where nothing more comes.
    pub(crate) run: fn(&mut Vm, u32),
    /// The client's status when nothing goes wrong; 0: the stream is cut before any.
    status: u32,
    /// Whether the answer is then whole.
    is_whole: bool,
    pub(crate) lifted: &'static [&'static str],
    /// The upstream's body, to tell what its masked forms are.
    body: Option<Body>,
    /// The answer is a body of its own, and no other may come.
    is_exact: bool,
    /// The request's body goes on masked, but for what is released of it.
    inspects: Option<&'static [&'static str]>,
    /// Paths of calls that it makes.
    calls: &'static [&'static str],
    /// What happens when the stream is gone.
    after: fn(&mut Vm),
}

impl Scenario {
    const fn new(name: &'static str, status: u32, run: fn(&mut Vm, u32)) -> Self {
        Self {
            name,
            run,
            status,
            is_whole: true,
            lifted: &[],
            body: Some((JSON, patient)),
            is_exact: false,
            inspects: None,
            calls: &[],
            after: |_| {},
        }
    }

    const fn cut(mut self) -> Self {
        self.is_whole = false;
        self.body = None;
        self
    }

    const fn own(mut self) -> Self {
        self.body = None;
        self
    }

    const fn exactly(mut self) -> Self {
        self.is_exact = true;
        self.own()
    }

    const fn of(mut self, media: &'static str, body: fn() -> String) -> Self {
        self.body = Some((media, body));
        self
    }

    const fn inspecting(mut self, released: &'static [&'static str]) -> Self {
        self.inspects = Some(released);
        self
    }

    const fn calling(mut self, paths: &'static [&'static str]) -> Self {
        self.calls = paths;
        self
    }

    const fn then(mut self, after: fn(&mut Vm)) -> Self {
        self.after = after;
        self
    }

    const fn lifting(mut self) -> Self {
        self.lifted = &["Thistlewood", "Orla"];
        self
    }

    /// One whole run.
    pub(crate) fn play(&self, vm: &mut Vm) -> Seen {
        let context = vm.open(ROOT);
        (self.run)(vm, context);
        let seen = vm.close(context);
        (self.after)(vm);
        seen
    }

    /// Runs without any fault, checks that it does what it is for, and tells what may be seen.
    pub(crate) fn rehearse(&self, vm: &mut Vm) -> Limits {
        let mut bodies = Vec::new();
        if let Some((media, body)) = self.body {
            bodies.push(masked(vm, media, &body()));
        }
        vm.fail(velum_wasm_host::Fault::None);
        let seen = self.play(vm);
        assert_eq!(seen.status(), self.status, "{}: {:?}", self.name, vm.log());
        assert_eq!(
            seen.client.ended && !seen.is_reset,
            self.is_whole,
            "{}",
            self.name
        );
        if self.body.is_some() || self.is_exact {
            bodies.push(seen.client.body.clone());
        }
        let lifted = self.lifted;
        for value in lifted {
            assert!(
                seen.text().contains(value),
                "{}: {}",
                self.name,
                seen.text()
            );
        }
        let upstream = self.inspects.map(|released| Upward {
            bodies: vec![seen.upstream.body.clone()],
            released,
        });
        let limits = Limits {
            bodies,
            lifted,
            upstream,
        };
        for path in self.calls {
            assert!(last_to(vm, path).is_some(), "{}: {path}", self.name);
        }
        assert_safe(vm, &seen, &limits, self.name);
        limits
    }
}

/// Everything for a host that can hold headers.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("masked", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &patient(), 100, true);
    }),
    Scenario::new("masked, trailers", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &patient(), 100, false);
    }),
    Scenario::new("lines", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, LINES, &lines(), 150, true);
    })
    .of(LINES, lines),
    Scenario::new("events", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, EVENTS, &events(), 150, false);
    })
    .of(EVENTS, events),
    Scenario::new("no JSON at all", 502, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &format!("<{}", patient()), 100, true);
    })
    .own(),
    Scenario::new("broken in the middle", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        let body = patient().replace("\"telecom\"", "telecom");
        answer(vm, stream, JSON, &body, 100, true);
    })
    .cut(),
    Scenario::new("another media type", 502, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, "text/plain", &patient(), 100, true);
    })
    .own(),
    Scenario::new("the gateway's own answer", 503, |vm, stream| {
        get(vm, stream, PATH, &[]);
        vm.attribute(stream, &["response", "code_details"], b"upstream_reset");
        if vm.has_left(stream) || vm.insists {
            let own = headers(&[(":status", "503"), ("content-type", "text/plain")]);
            vm.response_headers(stream, &own, false);
            vm.response_body(stream, b"upstream connect error: Thistlewood", true);
        }
    })
    .own(),
    Scenario::new("HEAD", 200, |vm, stream| {
        vm.request_headers(stream, &request("HEAD", PATH, &[]), true);
        if vm.has_left(stream) || vm.insists {
            vm.response_headers(stream, &response(JSON), true);
        }
    }),
    Scenario::new("passed", 200, |vm, stream| {
        get(vm, stream, "/healthz", &[]);
        if vm.has_left(stream) || vm.insists {
            vm.response_headers(stream, &response("text/plain"), false);
            vm.response_body(stream, b"fine", false);
            vm.response_trailers(stream, &trailers());
        }
    })
    .own(),
    Scenario::new("denied by the policy", 403, |vm, stream| {
        get(vm, stream, "/closed/Kanarienvogel", &[]);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own(),
    Scenario::new("reviewed, approved", 200, |vm, stream| {
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
        decide(vm, pending);
        vm.pass(1_000_000_000);
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .lifting(),
    Scenario::new("reviewed, denied", 403, |vm, stream| {
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
        decide(vm, deny);
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own(),
    Scenario::new("reviewed, the connection broke", 503, |vm, stream| {
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
        let token = vm.calls().last().map(|call| call.token);
        if let Some(token) = token {
            answer_all(vm, token, &Answer::default());
        }
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own(),
    Scenario::new("reviewed, else masked", 200, |vm, stream| {
        get(vm, stream, "/soft/Kanarienvogel", &asking("wait=30"));
        let token = vm.calls().last().map(|call| call.token);
        if let Some(token) = token {
            vm.answer(token, Answer::new(504, "upstream request timeout"));
        }
        answer(vm, stream, JSON, &patient(), 100, true);
    }),
    Scenario::new("asked, masked first", 200, |vm, stream| {
        get(vm, stream, PATH, &asking("return=minimal"));
        decide(vm, pending);
        answer(vm, stream, JSON, &patient(), 100, true);
    }),
    Scenario::new("a body that is reviewed", 200, |vm, stream| {
        let headers = request("DELETE", PATH, &asking("wait=30"));
        vm.request_headers(stream, &headers, false);
        vm.request_body(stream, b"{\"family\":", false);
        vm.request_body(stream, b"\"Thistlewood\"}", false);
        vm.request_trailers(stream, &trailers());
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, false);
    }),
    Scenario::new("a body that is looked at", 200, |vm, stream| {
        put(vm, stream, "{\"family\":\"Thistlewood\"}");
        answer(vm, stream, JSON, &patient(), 100, true);
    }),
    Scenario::new("a masked value comes back", 422, |vm, stream| {
        put(vm, stream, "{\"family\":\"[masked:name]\"}");
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own(),
    Scenario::new("an approval's state", 200, |vm, stream| {
        let path = format!("/.well-known/velum/approvals/{}", approval());
        get(vm, stream, &path, &[]);
        let token = vm.calls().last().map(|call| call.token);
        if let Some(token) = token {
            vm.answer(
                token,
                Answer::new(200, r#"{"state":"pending","retry_after_seconds":5}"#),
            );
        }
        answer(vm, stream, JSON, &patient(), 100, true);
    })
    .own(),
];

/// Everything under the policy that does more.
pub(crate) fn outward() -> impl Iterator<Item = &'static Scenario> {
    [outward::SCENARIOS, encoded::SCENARIOS, aside::SCENARIOS]
        .into_iter()
        .flatten()
}

/// Everything that differs where the host cannot hold headers.
pub(crate) const WITHOUT_HOLDING: &[Scenario] = &[
    Scenario::new("masked at once", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &patient(), 100, true);
    }),
    Scenario::new("no JSON, headers are gone", 200, |vm, stream| {
        get(vm, stream, PATH, &[]);
        answer(vm, stream, JSON, &format!("<{}", patient()), 100, true);
    })
    .cut(),
    Scenario::new(
        "a body that is looked at while headers go on",
        200,
        |vm, stream| {
            put(vm, stream, "{\"family\":\"Thistlewood\"}");
            answer(vm, stream, JSON, &patient(), 100, true);
        },
    ),
    Scenario::new(
        "a review of a body that cannot be held",
        403,
        |vm, stream| {
            let headers = request("DELETE", PATH, &asking("wait=30"));
            vm.request_headers(stream, &headers, false);
            vm.request_body(stream, b"{}", true);
            answer(vm, stream, JSON, &patient(), 100, true);
        },
    )
    .own(),
    Scenario::new("reviewed without a body, approved", 200, |vm, stream| {
        get(vm, stream, "/bulk/Kanarienvogel", &asking("wait=30"));
        decide(vm, allow);
        answer(vm, stream, JSON, &patient(), 100, false);
    })
    .lifting(),
];

fn lines() -> String {
    format!("{0}\n{0}\n", patient())
}

fn events() -> String {
    format!(": hello\n\ndata: {0}\n\nevent: x\ndata: {0}\n\n", patient())
}

fn asking(prefer: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("velum-lift", "name"),
        ("velum-reason", "for 000-65-4321"),
        ("prefer", prefer),
    ]
}

fn get(vm: &mut Vm, stream: u32, path: &str, more: &[(&str, &str)]) {
    vm.request_headers(stream, &request("GET", path, more), true);
}

fn put(vm: &mut Vm, stream: u32, body: &str) {
    let headers = request("PUT", PATH, &[("content-type", "application/json")]);
    vm.request_headers(stream, &headers, false);
    let (front, back) = body.as_bytes().split_at(10);
    vm.request_body(stream, front, false);
    vm.request_body(stream, back, true);
}

/// The upstream answers if the request has come to it; a host that insists brings an answer anyway.
fn answer(vm: &mut Vm, stream: u32, media: &str, body: &str, chunk: usize, by_end: bool) {
    if !vm.has_left(stream) && !vm.insists {
        return;
    }
    vm.response_headers(stream, &response(media), false);
    for chunk in body.as_bytes().chunks(chunk) {
        vm.response_body(stream, chunk, false);
    }
    if by_end {
        vm.response_body(stream, b"", true);
    } else {
        vm.response_trailers(stream, &trailers());
    }
}

#[test]
fn every_scenario_does_what_it_is_for() {
    assert!(!SECRETS.contains(&IN_REASON));
    for scenario in SCENARIOS {
        scenario.rehearse(&mut vm(&policy()));
    }
    let mut without_holding = vm(&policy_without_holding());
    without_holding.holds_headers = false;
    for scenario in WITHOUT_HOLDING {
        scenario.rehearse(&mut without_holding);
    }
    let mut outwards = vm(&outward_policy());
    for scenario in outward() {
        scenario.rehearse(&mut outwards);
    }
    let mut named = vm(&named_policies());
    for scenario in named::SCENARIOS {
        scenario.rehearse(&mut named);
    }
    let count = SCENARIOS.len() + WITHOUT_HOLDING.len() + outward().count();
    let count = count + named::SCENARIOS.len();
    figure(
        "every_scenario_does_what_it_is_for",
        &format!("{count} scenarios"),
    );
}
