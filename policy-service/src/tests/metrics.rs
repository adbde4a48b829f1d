//! What is counted, who may read it, and what it must never name.

use reqwest::StatusCode;
use serde_json::json;

use crate::http::ROUTES;
use crate::testing::{CONFIGURATION, POLICY, Service, reply};
use crate::{Config, ConfigError};

async fn scrape(service: &Service, token: Option<&str>) -> (StatusCode, String) {
    let address = service.running.metrics_address.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("http://{address}/metrics"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

fn configuration(metrics: &str) -> String {
    let metrics = format!("[metrics]\n{metrics}\n\n[lifetimes]");
    CONFIGURATION.replacen("[lifetimes]", &metrics, 1)
}

async fn service() -> Service {
    Service::with(&configuration("listen = \"127.0.0.1:0\"")).await
}

/// The value of a series, which has these labels in any order.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let name = format!("velum_policy_service_{name}");
    text.lines().find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (found, given) = series.split_once('{').unwrap_or((series, ""));
        let is_it = found == name && labels.iter().all(|label| given.contains(label));
        is_it.then(|| value.parse().unwrap())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_behind_shows_by_how_much() {
    let service = service().await;
    let behind = async || value(&scrape(&service, None).await.1, "clock_behind_seconds", &[]);
    assert_eq!(behind().await, Some(0.0));
    service.clock.advance(-45_000);
    assert_eq!(behind().await, Some(45.0));
    service.clock.advance(46_000);
    assert_eq!(behind().await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_counted() {
    let service = service().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let other = service.ask(2);
    service.pending(&other).await;
    service.clock.advance(7_000);
    service.lease(1, 0).await;
    let (_, text) = scrape(&service, None).await;
    let read = ["action=\"read\"", "state=\"pending\""];
    assert_eq!(value(&text, "pending", &read), Some(2.0), "{text}");
    let purge = ["action=\"purge\"", "state=\"pending\""];
    assert_eq!(value(&text, "pending", &purge), Some(0.0));
    assert_eq!(value(&text, "leases_live", &[]), Some(1.0));
    assert_eq!(value(&text, "store_up", &[]), Some(1.0));
    assert_eq!(value(&text, "waits", &[]), Some(0.0));

    assert_eq!(service.approve("dr-jones", &id, json!({})).await.0, 403);
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answer = service.check(&check).await;
    service.verified(&check, &answer);
    // The same answer again is no use more.
    assert_eq!(service.check(&check).await, answer);
    let stop = json!({"scope": {"kind": "everything"}});
    let (status, body) = service.post("grace", "/v1/stops", &stop).await;
    assert!(status.is_success(), "{body}");
    let waiting = service.check_waiting(&other, 3);
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(2_200)).await;
        scrape(&service, None).await.1
    };
    let (_, text) = tokio::join!(waiting, meanwhile);
    for (name, labels, expected) in [
        ("uses_total", &["action=\"read\""][..], 1.0),
        ("stops_in_force", &[], 1.0),
        ("emergencies_unreviewed", &[], 0.0),
        ("uses_without_outcome", &[], 0.0),
        (
            "decision_seconds_count",
            &["action=\"read\"", "decision=\"approved\""],
            1.0,
        ),
        (
            "decision_seconds_sum",
            &["action=\"read\"", "decision=\"approved\""],
            7.0,
        ),
        ("decision_seconds_bucket", &["le=\"5.0\""], 0.0),
        ("decision_seconds_bucket", &["le=\"15.0\""], 1.0),
        (
            "refusals_total",
            &["refused=\"vote\"", "reason=\"self-approval\""],
            1.0,
        ),
        (
            "requests_total",
            &[
                "method=\"POST\"",
                "route=\"/v1/approvals/{id}/approve\"",
                "status=\"403\"",
            ],
            1.0,
        ),
        ("store_seconds_count", &["operation=\"Cast\""], 2.0),
    ] {
        assert_eq!(
            value(&text, name, labels),
            Some(expected),
            "{name} {labels:?}\n{text}"
        );
    }
    assert_eq!(text.lines().last(), Some("# EOF"));
}

#[tokio::test]
async fn a_use_whose_outcome_never_comes_shows_after_a_minute() {
    let service = service().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    service.verified(&check, &service.check(&check).await);
    service.clock.advance(61_000);
    let (_, text) = scrape(&service, None).await;
    assert_eq!(value(&text, "uses_without_outcome", &[]), Some(1.0));
}

#[tokio::test]
async fn nothing_that_a_caller_chooses_becomes_a_label() {
    let service = service().await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    service.approve("grace", &id, json!({})).await;
    let mut unknown = service.ask(2);
    unknown.action = "canary".parse().unwrap();
    service.check(&unknown).await;
    for (method, path) in [
        ("GET", "/v1/canary"),
        ("CANARY", "/livez"),
        ("GET", "/livez/canary"),
    ] {
        reply(service.request(method, path)).await;
    }
    service
        .get("grace", &format!("/v1/approvals/{id}?canary"))
        .await;
    let (_, text) = scrape(&service, None).await;
    for secret in [
        "canary",
        "CANARY",
        id.as_str(),
        "grace",
        "dr-jones",
        "edge",
        "Patient",
        "fhir.example",
    ] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    assert_eq!(
        value(
            &text,
            "requests_total",
            &["route=\"none\"", "status=\"404\""]
        ),
        Some(2.0)
    );
    // Every label's value is one of a list that does not grow.
    let routes: Vec<_> = ROUTES
        .iter()
        .map(|route| route.path)
        .chain(["none"])
        .collect();
    for line in text.lines().filter(|line| line.contains("requests_total{")) {
        let route = line
            .split("route=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert!(routes.contains(&route), "{line}");
    }
}

#[tokio::test]
async fn metrics_have_a_listener_of_their_own_and_a_token_where_others_reach_it() {
    let without = Service::start().await;
    let request = without.request("GET", "/metrics");
    assert_eq!(reply(request).await.0, 404, "not where callers are");

    let hash = |token: &str| {
        use std::fmt::Write as _;
        crate::auth::token_hash(token)
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    };
    let token = format!(
        "listen = \"127.0.0.1:0\"\ntoken_sha256 = \"{}\"",
        hash("heliotrope")
    );
    let service = Service::with(&configuration(&token)).await;
    for (token, expected) in [(None, 401), (Some("wrong"), 401), (Some("heliotrope"), 200)] {
        let (status, text) = scrape(&service, token).await;
        assert_eq!(status, expected, "{token:?}");
        assert_eq!(text.contains("velum_policy_service_"), expected == 200);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    let read = |metrics: &str, top: &str| {
        let text = format!("{top}\n{}", configuration(metrics));
        Config::from_toml(&text, folder.path()).map_err(|error: ConfigError| error.to_string())
    };
    let open = token.replace("127.0.0.1", "0.0.0.0");
    let error = read("listen = \"0.0.0.0:0\"", "insecure_listen = true")
        .err()
        .unwrap();
    assert!(error.starts_with("metrics.token_sha256: "), "{error}");
    let error = read(&open, "").err().unwrap();
    assert!(error.starts_with("metrics.listen: "), "{error}");
    assert!(read(&open, "insecure_listen = true").is_ok());
}

/// The document tells of every metric, and of none that is not there.
#[tokio::test]
async fn the_document_lists_the_metrics() {
    let volume = tempfile::tempdir().unwrap();
    let anchor = format!(
        "[[audit.anchors]]\nname = \"vault\"\nkind = \"file\"\npath = {:?}\n",
        volume.path().join("heads")
    );
    let secret = volume.path().join("secret");
    std::fs::write(&secret, format!("whsec_{}", "A".repeat(32))).unwrap();
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&secret, owner).unwrap();
    let webhook = format!(
        "[[webhooks]]\nname = \"desk\"\nurl = \"http://127.0.0.1:1/\"\nsecret = {secret:?}\n"
    );
    let text = configuration("listen = \"127.0.0.1:0\"");
    let service = Service::with(&format!("{text}\n{anchor}{webhook}")).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    service.approve("dr-jones", &id, json!({})).await;
    service.approve("grace", &id, json!({})).await;
    service.check(&check).await;
    let (_, text) = scrape(&service, None).await;
    let vault = ["anchor=\"vault\""];
    assert_eq!(value(&text, "anchor_up", &vault), Some(1.0), "{text}");
    assert_eq!(value(&text, "anchor_behind_seconds", &vault), Some(0.0));
    let document = include_str!("../../../docs/observability.md");
    let mut told = Vec::new();
    for line in text.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '))
        else {
            continue;
        };
        let name = match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        let row = format!("| `{name}` | {kind} |");
        assert!(document.contains(&row), "missing: {row}");
        told.push(name);
    }
    let listed = document.matches("| `velum_policy_service_").count();
    assert_eq!(listed, told.len(), "{told:?}");
}
