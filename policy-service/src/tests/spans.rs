//! Spans of requests, as a collector gets them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use velum_harness::Authority;

use crate::clock::Clock as _;
use crate::testing::behind_tls::BehindTls;
use crate::testing::{CONFIGURATION, Service, Stopped, identity, reason, reply};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// What a collector was sent, and what it says to that.
#[derive(Default)]
struct Desk {
    status: Mutex<Option<StatusCode>>,
    bodies: Mutex<Vec<Bytes>>,
}

/// Where spans come in.
fn router(desk: &Arc<Desk>) -> Router {
    let take = async |State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert!(!headers.contains_key("authorization"));
        desk.bodies.lock().unwrap().push(body);
        desk.status.lock().unwrap().unwrap_or(StatusCode::OK)
    };
    let router = Router::new().route("/v1/traces", post(take));
    router.with_state(desk.clone())
}

/// A collector of the test's own; it ends with the test.
struct Collector {
    endpoint: String,
    desk: Arc<Desk>,
    _serving: JoinSet<()>,
}

impl Collector {
    async fn start() -> Collector {
        let desk = Arc::new(Desk::default());
        let router = router(&desk);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Collector {
            endpoint,
            desk,
            _serving: serving,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.desk.bodies.lock().unwrap().concat()
    }

    fn spans(&self) -> Vec<Span> {
        let bodies = self.desk.bodies.lock().unwrap();
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(body.clone()).unwrap());
        let of_resources = requests.flat_map(|request| request.resource_spans);
        let mut spans = Vec::new();
        for of_resource in of_resources {
            let resource = text(&of_resource.resource.unwrap().attributes);
            assert_eq!(resource["service.name"], "velum-policy-service");
            for of_scope in of_resource.scope_spans {
                spans.extend(of_scope.spans);
            }
        }
        spans
    }

    /// So many, once they have come.
    async fn wait(&self, many: usize) -> Vec<Span> {
        let begun = Instant::now();
        loop {
            let spans = self.spans();
            if spans.len() >= many {
                return spans;
            }
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(20), "{} spans", spans.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let read = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
        let value = match value {
            Value::StringValue(text) => text.clone(),
            Value::IntValue(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    attributes.iter().map(read).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn configuration(endpoint: &str) -> String {
    let more = format!(
        "\n[traces]\notlp_endpoint = \"{endpoint}\"\n\n[metrics]\nlisten = \"127.0.0.1:0\"\n"
    );
    CONFIGURATION.to_owned() + &more
}

/// What became of spans, as the service counts: exported, and lost.
async fn counts(service: &Service) -> (u64, u64) {
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (_, page) = reply(client.get(format!("http://{address}/metrics"))).await;
    let value = |name: &str| {
        let name = format!("velum_policy_service_spans_{name}_total ");
        let mut lines = page.as_str().unwrap().lines();
        let value = lines.find_map(|line| line.strip_prefix(&name)).unwrap();
        value.parse().unwrap()
    };
    (value("exported"), value("lost"))
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_is_in_the_trace_of_its_request_and_says_what_the_log_says_and_no_more() {
    let collector = Collector::start().await;
    let service = Service::with(&configuration(&collector.endpoint)).await;
    let mut ask = service.ask(7);
    ask.path = "/canary-path/{…}".to_owned();
    ask.query = "canary-query={…}".to_owned();
    ask.authority = "canary-authority.example".to_owned();
    ask.reason = Some(reason("canary-reason"));
    let check = service
        .request("POST", "/v1/checks?canary-url")
        .header("traceparent", parent("01"))
        .header("tracestate", "canary=state")
        .header("user-agent", "canary-agent")
        .bearer_auth(service.gateway())
        .json(&ask);
    let (status, answer) = reply(check).await;
    assert_eq!(status, 200, "{answer}");
    let id = answer["approval"].as_str().unwrap().to_owned();
    let approve = service
        .request("POST", &format!("/v1/approvals/{id}/approve"))
        .header("traceparent", parent("03"))
        .bearer_auth(service.reviewer("grace"))
        .json(&json!({"comment": "canary-comment"}));
    assert_eq!(reply(approve).await.0, 200);
    for (method, path) in [("CANARY", "/livez"), ("GET", "/canary-nowhere")] {
        let request = service.request(method, path);
        reply(request.header("traceparent", parent("01"))).await;
    }
    // None of these has a span: not in a trace, in none that is recorded, in two.
    let without = service.request("GET", "/livez");
    let unsampled = service.request("GET", "/livez");
    let unsampled = unsampled.header("traceparent", parent("00"));
    let twice = service.request("GET", "/livez");
    let twice = twice.header("traceparent", parent("01"));
    let twice = twice.header("traceparent", parent("01"));
    for request in [without, unsampled, twice] {
        assert_eq!(reply(request).await.0, 200);
    }

    let mut spans = collector.wait(4).await;
    spans.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected = [
        "GET",
        "POST /v1/approvals/{id}/approve",
        "POST /v1/checks",
        "other /livez",
    ];
    assert_eq!(names, expected);
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE);
        assert_eq!(hex(&span.parent_span_id), PARENT);
        assert_eq!(span.span_id.len(), 8);
        assert_ne!(span.span_id, [0; 8]);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        let now = u64::try_from(service.clock.now().as_millis()).unwrap();
        assert_eq!(span.end_time_unix_nano, now * 1_000_000);
        assert!(span.trace_state.is_empty() && span.events.is_empty() && span.links.is_empty());
    }
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), 4, "an id for each");
    let all = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    assert_eq!(
        text(&spans[2].attributes),
        all(&[
            ("http.request.method", "POST"),
            ("http.route", "/v1/checks"),
            ("http.response.status_code", "200"),
            ("velum.caller", "gateway"),
            ("velum.caller.id", "edge"),
        ])
    );
    assert_eq!(text(&spans[1].attributes)["velum.caller.id"], "grace");
    assert_eq!(
        text(&spans[0].attributes),
        all(&[
            ("http.request.method", "GET"),
            ("http.response.status_code", "404")
        ])
    );
    let bytes = String::from_utf8_lossy(&collector.bytes()).into_owned();
    for secret in [
        "canary",
        "CANARY",
        id.as_str(),
        identity("triage-bot").subject(),
        "dr-jones",
        service.gateway(),
        service.reviewer("grace"),
    ] {
        assert!(!bytes.contains(secret), "a span holds {secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_refuses_costs_nothing_but_spans_that_are_counted() {
    let collector = Collector::start().await;
    *collector.desk.status.lock().unwrap() = Some(StatusCode::SERVICE_UNAVAILABLE);
    // Nobody listens there: the port is this test's, and is closed.
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    for endpoint in [&away, &collector.endpoint] {
        let service = Service::with(&configuration(endpoint)).await;
        for _ in 0..3 {
            let request = service.request("GET", "/readyz");
            let request = request.header("traceparent", parent("01"));
            assert_eq!(reply(request).await.0, 200);
        }
        let begun = Instant::now();
        while counts(&service).await != (0, 3) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{endpoint}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let check = service.ask(1);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        service.verified(&check, &service.check(&check).await);
    }
    // Sent once each: what is lost is not sent again.
    assert_eq!(collector.spans().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_called_over_tls_and_only_where_it_is_believed() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let desk = Arc::new(Desk::default());
    let server = BehindTls::start(&authority, |_| router(&desk)).await;
    for (ca, expected) in [
        (server.ca("ca.pem", &authority), (1, 0)),
        (server.ca("other.pem", &other), (0, 1)),
        (String::new(), (0, 1)),
    ] {
        let text =
            configuration(&server.url).replace("\n\n[metrics]", &format!("\n{ca}\n[metrics]"));
        let service = Service::with(&text).await;
        let request = service.request("GET", "/livez");
        let request = request.header("traceparent", parent("01"));
        assert_eq!(reply(request).await.0, 200);
        let begun = Instant::now();
        while counts(&service).await == (0, 0) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{ca}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(counts(&service).await, expected, "{ca}");
    }
    assert_eq!(desk.bodies.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_last_is_exported_before_the_service_ends() {
    let collector = Collector::start().await;
    let service = Service::with(&configuration(&collector.endpoint)).await;
    let check = service.ask(1);
    service.pending(&check).await;
    let waiting = service
        .request("POST", "/v1/checks")
        .header("traceparent", parent("01"))
        .header("prefer", "wait=25")
        .bearer_auth(service.gateway())
        .json(&check);
    let waiting = tokio::spawn(reply(waiting));
    while service.running.app.parts().waiters.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopped: Stopped = service.stop().await;
    assert_eq!(waiting.await.unwrap().0, 200);
    drop(stopped);
    let names: Vec<_> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["POST /v1/checks"]);
}

#[tokio::test]
async fn nothing_is_exported_unless_it_is_configured() {
    let metrics = "\n[metrics]\nlisten = \"127.0.0.1:0\"\n";
    let service = Service::with(&(CONFIGURATION.to_owned() + metrics)).await;
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let (_, page) = reply(client.get(format!("http://{address}/metrics"))).await;
    assert!(!page.as_str().unwrap().contains("spans_"), "{page}");
    assert_eq!(service.running.app.parts().spans.counts(), None);
}
