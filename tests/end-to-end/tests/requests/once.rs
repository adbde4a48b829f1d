//! A released request happens once.

use serde_json::{Value, json};
use velum_end_to_end::stage::{Setup, Stage, problem};
use velum_harness::Reply;

use super::{SSN, policy};

fn actions() -> Value {
    json!([
        {"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "30s"},
        {"name": "read", "when": {"path": "/outward"}, "effect": "mask",
         "requests": {"inspect": true, "flag_on": ["ssn"], "hold": "30s"}}
    ])
}

async fn failing() -> Stage {
    let mut setup = Setup::new(|_| {
        let reply = Reply::new(500).header("content-type", "application/json");
        reply.whole("{}")
    });
    setup.policy = policy(&actions());
    setup.change = |options| {
        options.retry = Some(json!({"retry_on": "5xx,reset,gateway-error", "num_retries": 3}));
    };
    setup.start().await
}

#[tokio::test]
async fn neither_the_route_nor_the_caller_makes_a_released_request_happen_twice() {
    let stage = failing().await;
    let delete = stage
        .agent("DELETE", "/r/1")
        .header("x-envoy-retry-on", "5xx,reset")
        .header("x-envoy-retry-grpc-on", "internal")
        .header("x-envoy-max-retries", "5")
        .header("x-envoy-hedge-on-per-try-timeout", "true")
        .header("x-envoy-upstream-rq-per-try-timeout-ms", "50")
        .header("prefer", "wait=30");
    assert_eq!(stage.approved(delete, None).await.status, 500);
    assert_eq!(stage.upstream.received().len(), 1);
    stage.upstream.forget();
    let flagged = stage
        .agent("POST", "/outward")
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-max-retries", "5")
        .header("prefer", "wait=30")
        .json(&json!({"ssn": SSN}));
    assert_eq!(stage.approved(flagged, None).await.status, 500);
    assert_eq!(stage.upstream.received().len(), 1);
    stage.upstream.forget();
    // The control: what nobody released is retried.
    let call = stage.agent("POST", "/outward").json(&json!({"a": 1}));
    assert_eq!(call.send().await.expect("an answer").status, 500);
    assert_eq!(stage.upstream.received().len(), 4);
}

#[tokio::test]
async fn an_internal_redirect_is_a_new_request_that_asks_again() {
    let mut setup = Setup::new(|request| {
        let location = format!("http://{}/r/2", request.header("host").unwrap_or_default());
        match request.path.as_str() {
            "/r/1" | "/free" => Reply::new(307).header("location", &location),
            _ => Reply::json(&json!({})),
        }
    });
    setup.policy = policy(&actions());
    setup.change = |options| {
        // Else a redirected request comes without its token, and no further than the filter before ours.
        options.forward_tokens = true;
        options.route = json!({"internal_redirect_policy": {
            "max_internal_redirects": 2, "redirect_response_codes": [307],
        }});
    };
    let stage = setup.start().await;
    // The control: Envoy does follow.
    let answer = stage.agent("GET", "/free").send().await.expect("an answer");
    assert_eq!(answer.status, 200);
    stage.upstream.forget();
    let delete = stage.agent("DELETE", "/r/1").header("prefer", "wait=30");
    let answer = stage.approved(delete, None).await;
    assert_eq!(problem(&answer), (403, "approval-required".into()));
    let paths: Vec<_> = stage
        .upstream
        .received()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        ["/r/1"],
        "what was approved, and nothing that it led to"
    );
    let pending = stage.pending().await;
    assert_eq!(pending["action"], "purge", "{pending}");
}
