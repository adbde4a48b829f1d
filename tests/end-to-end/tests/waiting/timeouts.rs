//! Envoy's timeouts, each shorter than the wait: which of them end a request that waits.

use std::time::Duration;

use serde_json::{Value, json};
use velum_end_to_end::stage::{
    AGENT, PERSON, REVIEWER, Stage, assert_masked, envoy_options, patients, text,
};
use velum_harness::{
    BootstrapOptions, Call, Client, Envoy, Jwt, PolicyService, PolicyServiceOptions, Protocol,
    Upstream, example_policy, locations,
};

/// How long each request waits at least.
const WAIT: Duration = Duration::from_secs(4);

/// One timeout of two seconds: what is put into the manager, into every route, and what callers see;
/// `None` where the request survives.
struct Row {
    name: &'static str,
    manager: Value,
    route: Value,
    ends: Option<u16>,
}

fn table() -> Vec<Row> {
    let row = |name, manager, route, ends| Row {
        name,
        manager,
        route,
        ends,
    };
    let none = || json!({});
    vec![
        row(
            "stream_idle_timeout",
            json!({"stream_idle_timeout": "2s"}),
            json!({"idle_timeout": null}),
            Some(504),
        ),
        row(
            "stream_idle_timeout, with the route's own of 70 s",
            json!({"stream_idle_timeout": "2s"}),
            none(),
            None,
        ),
        row(
            "route idle_timeout",
            none(),
            json!({"idle_timeout": "2s"}),
            Some(504),
        ),
        row("route timeout", none(), json!({"timeout": "2s"}), None),
        row(
            "request_timeout",
            json!({"request_timeout": "2s"}),
            none(),
            Some(504),
        ),
        row(
            "request_headers_timeout",
            json!({"request_headers_timeout": "2s"}),
            none(),
            None,
        ),
        row(
            "max_stream_duration",
            json!({"common_http_protocol_options": {"max_stream_duration": "2s"}}),
            none(),
            Some(504),
        ),
        row(
            "route max_stream_duration",
            none(),
            json!({"max_stream_duration": {"max_stream_duration": "2s"}}),
            Some(504),
        ),
    ]
}

/// One listener for each row, all in front of the same filter and upstream.
fn with_listeners(bootstrap: &str, rows: &[Row]) -> String {
    let mut document: Value = serde_json::from_str(bootstrap).expect("JSON");
    let listener = document["static_resources"]["listeners"][0].take();
    let listeners = rows.iter().map(|row| {
        let mut listener = listener.clone();
        listener["name"] = json!(row.name);
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        put(manager, &row.manager);
        let routes = &mut manager["route_config"]["virtual_hosts"][0]["routes"];
        for route in routes.as_array_mut().expect("routes") {
            put(&mut route["route"], &row.route);
        }
        listener
    });
    document["static_resources"]["listeners"] = listeners.collect();
    document.to_string()
}

fn put(into: &mut Value, members: &Value) {
    let into = into.as_object_mut().expect("an object");
    for (name, member) in members.as_object().expect("members") {
        if member.is_null() {
            into.remove(name);
        } else {
            into.insert(name.clone(), member.clone());
        }
    }
}

async fn start(rows: &[Row]) -> Stage {
    let upstream = Upstream::start(Protocol::Http1, patients).await;
    let upstream = upstream.expect("upstream");
    let policy = example_policy().expect("the example's policy");
    let options = PolicyServiceOptions::new(policy).expect("service options");
    let service = PolicyService::start(options).await.expect("policy service");
    let jwt = Jwt::new().expect("token issuer");
    let filter = locations::filter().expect("the built filter");
    let policy = service.policy().clone();
    let mut options = BootstrapOptions::new(upstream.address(), filter, policy, jwt.jwks());
    options.policy_service = Some(service.address());
    let mut options = envoy_options(&options, service.gateway_token("edge").expect("token"));
    options.config_yaml = with_listeners(&options.config_yaml, rows);
    let envoy = Envoy::start(options).await.expect("Envoy");
    Stage {
        envoy,
        service,
        replicas: Vec::new(),
        upstream,
        jwt,
    }
}

/// The row's request, the same each time and another for each row.
fn ask(stage: &Stage, row: &Row) -> Call {
    let address = stage.envoy.listener(row.name).expect("its listener");
    let path = format!("/Patient/{}", row.name.replace([' ', '_', ','], "-"));
    Client::new(address)
        .call("GET", &path)
        .bearer(&stage.jwt.agent(AGENT, PERSON))
        .header("velum-lift", "name")
        .header("velum-reason", "discharge summary")
        .header("prefer", "wait=30")
}

#[tokio::test]
async fn each_timeout_of_envoy_ends_a_wait_as_documented_and_no_approval() {
    let table = table();
    let stage = start(&table).await;
    // No more at a time than may be pending for one principal.
    for rows in table.chunks(4) {
        check(&stage, rows).await;
    }
}

async fn check(stage: &Stage, rows: &[Row]) {
    let before = stage.upstream.received().len();
    let waiting: Vec<_> = rows
        .iter()
        .map(|row| tokio::spawn(ask(stage, row).send()))
        .collect();
    tokio::time::sleep(WAIT).await;
    let reviewer = stage.reviewer(REVIEWER);
    let pending = reviewer.list().await.expect("a list");
    assert_eq!(pending.len(), rows.len(), "every approval lives");
    let states = |alive: Vec<bool>| -> Vec<_> {
        let names = rows.iter().map(|row| row.name);
        names.zip(alive).collect()
    };
    assert_eq!(
        states(waiting.iter().map(|it| !it.is_finished()).collect()),
        states(rows.iter().map(|row| row.ends.is_none()).collect()),
        "which of them wait still"
    );
    assert_eq!(stage.upstream.received().len(), before, "none has run");
    for approval in pending {
        let approved = reviewer.approve(&text(&approval["id"]), None).await;
        assert_eq!(approved.expect("approve").status, 200);
    }
    for (row, waiting) in rows.iter().zip(waiting) {
        let mut answer = waiting.await.expect("a task").expect("an answer");
        if let Some(status) = row.ends {
            assert_eq!(answer.status, status, "{}", row.name);
            assert_masked(&answer.text());
            answer = ask(stage, row).send().await.expect("an answer");
        }
        assert_eq!(answer.status, 200, "{}: {}", row.name, answer.text());
        let family = &answer.json()["name"][0]["family"];
        assert_eq!(family, "Thistlewood", "{}", row.name);
    }
}
