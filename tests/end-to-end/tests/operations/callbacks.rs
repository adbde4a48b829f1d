//! A trap in each callback, under both failure policies that are allowed: what becomes of the stream
//! that trapped, of those beside it in the same worker, and of those that come after.

use std::path::Path;
use std::time::{Duration, Instant};

use velum_end_to_end::patched::{Trap, trapping_filter};
use velum_end_to_end::stage::{REVIEWER, Stage, assert_masked, envoy_options, patient, patients};
use velum_harness::{
    BootstrapOptions, Call, Envoy, Framing, Jwt, PolicyService, PolicyServiceOptions, Protocol,
    Received, Reply, Response, Step, Upstream, example_policy,
};

use crate::trapping::{slow, until_it_is_back};

/// Long enough that everything beside has begun when the filter traps.
const IDLE: Duration = Duration::from_secs(6);
/// More headers than any other request or answer has.
const MANY_HEADERS: usize = 50;
/// More bytes than any other chunk, or answer of the service to a batch of events, has.
const LARGE_CHUNK: usize = 4000;
const SIGNED_ANSWER: usize = 100;

/// `/headers` has many, `/first` begins with a large chunk, `/later` goes on with one.
fn handler(request: &Received) -> Reply {
    let large = || serde_json::json!(vec![patient(); 20]).to_string();
    let json = || Reply::new(200).header("content-type", "application/json");
    match &*request.path {
        "/slow" => slow(),
        "/headers" => (0..MANY_HEADERS)
            .fold(json(), |reply, index| {
                reply.header(&format!("x-{index}"), "1")
            })
            .whole(patient().to_string()),
        "/first" => json().whole(large()),
        "/later" => {
            let first = format!("[{},", patient());
            let rest = large().split_off(1);
            let steps = [
                Step::Data(first.into_bytes()),
                Step::Wait(Duration::from_millis(200)),
                Step::Data(rest.into_bytes()),
            ];
            json().script(Framing::Chunked, steps)
        }
        // Its head comes at once; the filter holds it until there are bytes to be parsed.
        "/late" => json().script(
            Framing::Chunked,
            [
                Step::Wait(Duration::from_secs(30)),
                Step::Data(b"{}".to_vec()),
            ],
        ),
        _ => patients(request),
    }
}

/// The example's installation with a filter that traps there, under this failure policy.
async fn start(name: &str, trap: Trap, failure_policy: &str) -> Stage {
    let upstream = Upstream::start(Protocol::Http1, handler)
        .await
        .expect("upstream");
    let policy = example_policy().expect("the example's policy");
    let options = PolicyServiceOptions::new(policy).expect("service options");
    let service = PolicyService::start(options).await.expect("policy service");
    let jwt = Jwt::new().expect("token issuer");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{failure_policy}.wasm"));
    std::fs::write(&file, trapping_filter(trap)).expect("written");
    let policy = service.policy().clone();
    let mut options = BootstrapOptions::new(upstream.address(), file, policy, jwt.jwks());
    options.policy_service = Some(service.address());
    options.idle_timeout = Some(IDLE);
    let token = service.gateway_token("edge").expect("token");
    let mut options = envoy_options(&options, token);
    options.config_yaml = options.config_yaml.replace("FAIL_RELOAD", failure_policy);
    assert!(options.config_yaml.contains(failure_policy));
    let envoy = Envoy::start(options).await.expect("Envoy");
    Stage {
        envoy,
        service,
        replicas: Vec::new(),
        upstream,
        jwt,
    }
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// An answer of Envoy, at once or when the route's `idle_timeout` was over.
    Refused { status: u16, after_idle: bool },
    /// A stream that was cut, at once.
    Cut,
}

/// What became of it; nothing unmasked was in it.
fn end(answer: velum_harness::Result<Response>, begun: Instant) -> End {
    // Envoy counts from when it began to look at what had come.
    let after_idle = begun.elapsed() > IDLE * 3 / 4;
    let Ok(answer) = answer else {
        return End::Cut;
    };
    assert_masked(&answer.text());
    if !answer.complete {
        return End::Cut;
    }
    End::Refused {
        status: answer.status,
        after_idle,
    }
}

async fn send(call: Call) -> End {
    let begun = Instant::now();
    end(call.send().await, begun)
}

/// Sends the poison while others stream, wait for a reviewer, and wait for their first bytes.
async fn play(name: &str, trap: Trap, poison: fn(&Stage) -> Call) -> End {
    let (reload, closed) = tokio::join!(
        play_under(name, trap, poison, "FAIL_RELOAD"),
        play_under(name, trap, poison, "FAIL_CLOSED")
    );
    assert_eq!(reload, closed, "the poison ends alike");
    reload
}

async fn play_under(
    name: &str,
    trap: Trap,
    poison: fn(&Stage) -> Call,
    failure_policy: &str,
) -> End {
    let stage = start(name, trap, failure_policy).await;
    let mut streaming = stage.agent("GET", "/slow").stream().await.expect("a head");
    assert_masked(&String::from_utf8_lossy(
        &streaming.next().await.expect("a line"),
    ));
    let late = tokio::spawn(send(stage.agent("GET", "/late")));
    // The one that is approved, where the answer to it is what traps; else it goes by its time.
    let asked = tokio::spawn(send(stage.ask("/Patient/p2", "name", 60)));
    let id = velum_end_to_end::stage::text(&stage.pending().await["id"]);
    let held = tokio::spawn(send(stage.ask("/Patient/p1", "name", 60)));
    let reviewer = stage.reviewer(REVIEWER);
    while reviewer.list().await.expect("approvals").len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let poisoned = if trap.callback == "proxy_on_http_call_response" {
        let answer = reviewer.approve(&id, None).await.expect("approve");
        assert_eq!(answer.status, 200, "{}", answer.body);
        None
    } else {
        Some(send(poison(&stage)).await)
    };
    let mut rest = Vec::new();
    while let Some(chunk) = streaming.next().await {
        rest.extend(chunk);
    }
    assert!(!streaming.complete, "a stream of the same worker is cut");
    assert_masked(&String::from_utf8_lossy(&rest));
    match failure_policy {
        "FAIL_RELOAD" => {
            let bearer = stage.jwt.agent("triage-bot", "dr-jones");
            until_it_is_back(&stage.envoy, &bearer).await;
        }
        _ => {
            for _ in 0..5 {
                let new = send(stage.agent("GET", "/Patient/p1")).await;
                assert_eq!(new, refused(503), "for ever");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Envoy's 504 goes through the module that is no more, and becomes a 503; where the answer has
    // begun, it does not.
    let hung = |status| End::Refused {
        status,
        after_idle: true,
    };
    assert_eq!(held.await.expect("task"), hung(503));
    assert_eq!(late.await.expect("task"), hung(504));
    let asked = asked.await.expect("task");
    let log = stage.envoy.log();
    assert!(log.contains("unreachable"), "the trap is told");
    assert_masked(&log);
    if poisoned.is_some() {
        assert_eq!(asked, hung(503));
    }
    let received = stage.upstream.received();
    let is_alone = received.iter().all(|request| request.method == "GET");
    assert!(is_alone, "a body that trapped did not leave");
    poisoned.unwrap_or(asked)
}

/// An answer of Envoy at once.
fn refused(status: u16) -> End {
    End::Refused {
        status,
        after_idle: false,
    }
}

#[tokio::test]
async fn a_trap_in_request_headers_refuses_its_request_and_cuts_what_streams() {
    let trap = Trap {
        callback: "proxy_on_request_headers",
        at: (1, MANY_HEADERS),
    };
    let end = play("request-headers", trap, |stage| {
        (0..MANY_HEADERS).fold(stage.agent("GET", "/Patient/p3"), |call, index| {
            call.header(&format!("x-{index}"), "1")
        })
    });
    assert_eq!(end.await, refused(503));
}

#[tokio::test]
async fn a_trap_in_a_request_body_refuses_it_before_a_byte_has_left() {
    let trap = Trap {
        callback: "proxy_on_request_body",
        at: (1, LARGE_CHUNK),
    };
    let end = play("request-body", trap, |stage| {
        stage
            .agent("PUT", "/Patient/p3")
            .json(&serde_json::json!({"text": "x".repeat(2 * LARGE_CHUNK)}))
    });
    assert_eq!(end.await, refused(503));
}

#[tokio::test]
async fn a_trap_in_response_headers_refuses_the_answer() {
    let trap = Trap {
        callback: "proxy_on_response_headers",
        at: (1, MANY_HEADERS),
    };
    let end = play("response-headers", trap, |stage| {
        stage.agent("GET", "/headers")
    });
    assert_eq!(end.await, refused(503));
}

#[tokio::test]
async fn a_trap_in_a_response_body_refuses_the_first_chunk_and_cuts_at_a_later_one() {
    let trap = Trap {
        callback: "proxy_on_response_body",
        at: (1, LARGE_CHUNK),
    };
    let (first, later) = tokio::join!(
        play("first-chunk", trap, |stage| stage.agent("GET", "/first")),
        play("later-chunk", trap, |stage| stage.agent("GET", "/later"))
    );
    assert_eq!(first, refused(503), "its headers were held");
    assert_eq!(later, End::Cut, "its headers were sent");
}

#[tokio::test]
async fn a_trap_in_a_calls_answer_leaves_its_request_hanging_until_its_idle_timeout() {
    let trap = Trap {
        callback: "proxy_on_http_call_response",
        at: (3, SIGNED_ANSWER),
    };
    // Sent by nobody: what was asked and is approved is the poison.
    let end = play("call", trap, |stage| stage.agent("GET", "/Patient/p3")).await;
    let hung = End::Refused {
        status: 503,
        after_idle: true,
    };
    assert_eq!(end, hung);
}
