//! Metrics, access log, debug log and traces of a real Envoy.

use std::time::Duration;

use serde_json::json;
use velum_end_to_end::stage::{Setup, Stage, assert_masked, envoy_options, patients};
use velum_harness::{
    Behaviour, BootstrapOptions, Envoy, FakeService, Protocol, Upstream, locations,
};

/// The lines of Prometheus's format that begin so.
async fn lines(envoy: &Envoy, beginning: &str) -> Vec<String> {
    let text = envoy.admin("/stats/prometheus").await.expect("statistics");
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

/// Waits for a line with all of these parts: workers hand over what they count once a second, and Envoy
/// gathers it.
async fn wait_for(envoy: &Envoy, beginning: &str, parts: &[&str]) {
    for _ in 0..50 {
        let lines = lines(envoy, beginning).await;
        if lines
            .iter()
            .any(|line| parts.iter().all(|part| line.contains(part)))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "{parts:?} is in none of {:?}",
        lines(envoy, beginning).await
    );
}

#[tokio::test]
async fn counts_are_prometheus_metrics_with_labels_whatever_an_action_is_called() {
    let mut setup = Setup::new(patients);
    let odd = json!({"name": "a.outcome.b.class.c", "when": {"path": {"prefix": "/odd/"}},
        "effect": "deny"});
    setup.policy["actions"]
        .as_array_mut()
        .expect("actions")
        .insert(0, odd);
    let stage = setup.start().await;
    for path in ["/Patient/p1", "/Patient/p1", "/odd/canary"] {
        let answer = stage.agent("GET", path).send().await.expect("an answer");
        assert_masked(&answer.text());
    }
    let requests = "velum_requests_total{";
    let read = ["velum_action=\"read\"", "velum_outcome=\"masked\"", "} 2"];
    wait_for(&stage.envoy, requests, &read).await;
    let odd = [
        "velum_action=\"a.outcome.b.class.c\"",
        "velum_outcome=\"denied\"",
        "} 1",
    ];
    wait_for(&stage.envoy, requests, &odd).await;
    let names = ["velum_class=\"ssn\"", "velum_outcome=\"masked\"", "} 2"];
    wait_for(&stage.envoy, "velum_values_total{", &names).await;
    let read = ["velum_action=\"read\"", "velum_policy=\""];
    wait_for(&stage.envoy, "velum_body_bytes_total{", &read).await;
    wait_for(&stage.envoy, "velum_observe{", &["velum_policy=\"", "} 0"]).await;
    let all = stage.envoy.admin("/stats").await.expect("statistics");
    assert!(!all.contains("canary"), "no request data in names");
}

#[tokio::test]
async fn the_wait_for_the_policy_service_is_a_histogram() {
    let stage = Stage::with_patients().await;
    stage
        .ask("/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    wait_for(&stage.envoy, "velum_service_milliseconds_count{", &["} 1"]).await;
    let flagged = ["velum_outcome=\"flagged\"", "velum_action=\"read\""];
    wait_for(&stage.envoy, "velum_requests_total{", &flagged).await;
}

#[tokio::test]
async fn a_line_of_the_access_log_says_what_was_done_and_no_value() {
    let mut setup = Setup::new(patients);
    setup.policy["observability"] = json!({"access_log": true});
    setup.change = |options| {
        let fields = ["action", "outcome", "problem", "masked", "approval"]
            .map(|name| format!("{name}=%FILTER_STATE(wasm.velum.{name}:PLAIN)%"));
        options.access_log = Some(format!("LINE {}", fields.join(" ")));
    };
    let stage = setup.start().await;
    let lines = async |count: usize| {
        for _ in 0..150 {
            let log = stage.envoy.log();
            let lines: Vec<String> = log
                .lines()
                .filter_map(|line| line.strip_prefix("LINE "))
                .map(str::to_owned)
                .collect();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {count} lines in {}", stage.envoy.log());
    };
    stage
        .agent("GET", "/Patient/p1")
        .send()
        .await
        .expect("an answer");
    stage
        .agent("GET", "/healthz")
        .send()
        .await
        .expect("an answer");
    stage.agent("GET", "/a//b").send().await.expect("an answer");
    stage
        .ask("/Patient/p1", "name", 1)
        .send()
        .await
        .expect("an answer");
    let lines = lines(4).await;
    assert!(
        lines[0].starts_with("action=read outcome=masked problem=- masked=name="),
        "{lines:?}"
    );
    assert!(lines[0].contains("ssn=1"), "{lines:?}");
    assert_eq!(
        lines[1],
        "action=health outcome=passed problem=- masked=- approval=-"
    );
    assert_eq!(
        lines[2],
        "action=- outcome=refused problem=ambiguous-path masked=- approval=-"
    );
    let asked = "action=read outcome=flagged problem=approval-required masked=- approval=0";
    assert!(lines[3].starts_with(asked), "{lines:?}");
    assert_masked(&lines.join("\n"));
}

#[tokio::test]
async fn the_debug_log_says_which_rule_fired_where_and_never_a_value() {
    let upstream = Upstream::start(Protocol::Http1, patients)
        .await
        .expect("upstream");
    let policy = json!({"version": 1, "masking": {"profiles": ["hipaa-safe-harbor", "fhir-r4"]}});
    let filter = locations::filter().expect("the built filter");
    let mut options = BootstrapOptions::new(upstream.address(), filter, policy, json!(null));
    options.jwks = None;
    for (level, expected) in [("info,wasm:debug", true), ("info", false)] {
        let mut options = envoy_options(&options, "token");
        options.log_level = level.to_owned();
        let envoy = Envoy::start(options).await.expect("Envoy");
        let answer = envoy.client().get("/Patient/p1").send().await;
        assert_masked(&answer.expect("an answer").text());
        let log = envoy.log();
        let found = log.contains("velum: text 0, /name/0/family: name masked by");
        assert_eq!(found, expected, "{log}");
        assert_masked(&log);
    }
}

#[tokio::test]
async fn a_call_to_the_policy_service_belongs_to_the_trace_of_its_request() {
    let fake = FakeService::start(Behaviour::Silent).await.expect("fake");
    let mut setup = Setup::new(patients);
    setup.service_address = Some(fake.address());
    let stage = setup.start().await;
    fake.set(Behaviour::Forward(stage.service.address()));
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = stage
        .ask("/Patient/p1", "name", 1)
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .header("tracestate", "patient=Thistlewood");
    call.send().await.expect("an answer");
    let untraced = stage.ask("/Patient/p2", "name", 1);
    untraced.send().await.expect("an answer");
    let checks = fake.checks();
    let checks: Vec<_> = checks.iter().map(|exchange| &exchange.headers).collect();
    let parent = checks[0].get("traceparent").expect("a trace");
    assert!(parent.starts_with(&format!("00-{trace}-")), "{parent}");
    assert!(!parent.contains("b7ad6b7169203331"), "the span is its own");
    assert_eq!(checks[0].get("tracestate"), None, "callers write it");
    let last = checks.last().expect("a check");
    assert_eq!(
        last.get("traceparent"),
        None,
        "none where the request has none"
    );
}
