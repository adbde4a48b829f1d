//! A filter that traps: what happens to each stream of its worker, and to those that come after.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use velum_end_to_end::patched;
use velum_end_to_end::stage::{Setup, Stage, assert_masked, envoy_options, patients};
use velum_harness::{BootstrapOptions, Envoy, Protocol, Received, Reply, Step, Upstream};

/// A file with a filter that traps where a response has trailers.
fn trapping_filter() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let made = FILE.get_or_init(|| {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trapping.wasm");
        let module = patched::trapping_filter(patched::Trap {
            callback: "proxy_on_response_trailers",
            at: (1, 0),
        });
        std::fs::write(&file, module).expect("written");
        file
    });
    made.clone()
}

/// `/poison` ends with trailers, at which the filter traps; `/slow` is long in coming.
fn handler(request: &Received) -> Reply {
    match &*request.path {
        "/poison" => Reply::new(200)
            .header("content-type", "application/json")
            .script(
                velum_harness::Framing::Chunked,
                vec![
                    Step::Data(b"{\"name\":\"Orla Thistlewood\"}".to_vec()),
                    Step::Trailers(vec![("x".to_owned(), "y".to_owned())]),
                ],
            ),
        "/slow" => slow(),
        _ => patients(request),
    }
}

/// A patient each 100 ms, for eight seconds.
pub(crate) fn slow() -> Reply {
    let lines = (0..80).flat_map(|_| {
        let line = format!("{}\n", velum_end_to_end::stage::patient());
        let pause = Step::Wait(Duration::from_millis(100));
        [Step::Data(line.into_bytes()), pause]
    });
    Reply::new(200)
        .header("content-type", "application/x-ndjson")
        .script(velum_harness::Framing::Chunked, lines)
}

/// Waits until a plain answer comes back masked; fails where one is neither that nor a 503.
pub(crate) async fn until_it_is_back(envoy: &Envoy, bearer: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = envoy
            .client()
            .get("/Patient/p1")
            .bearer(bearer)
            .send()
            .await;
        if let Ok(answer) = answer {
            assert_masked(&answer.text());
            if answer.status == 200 {
                return begun.elapsed();
            }
            assert_eq!(answer.status, 503);
        }
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "it does not come back"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn start() -> Stage {
    let mut setup = Setup::new(handler);
    setup.protocol = Protocol::Http2;
    setup.change = |options| {
        options.filter = Some(trapping_filter());
        options.idle_timeout = Some(Duration::from_secs(4));
    };
    setup.start().await
}

#[tokio::test]
async fn a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed() {
    let stage = start().await;
    let mut slow = stage
        .agent("GET", "/slow")
        .stream()
        .await
        .expect("a stream");
    let first = slow.next().await.expect("a masked line");
    assert_masked(&String::from_utf8_lossy(&first));
    let poison = stage.agent("GET", "/poison").send().await;
    if let Ok(poison) = poison {
        assert_masked(&poison.text());
        assert!(!poison.complete || poison.status == 503, "it was cut");
    }
    let back = until_it_is_back(&stage.envoy, &stage.jwt.agent("triage-bot", "dr-jones")).await;
    let mut rest = Vec::new();
    while let Some(chunk) = slow.next().await {
        rest.extend(chunk);
    }
    assert!(!slow.complete, "a stream of the same worker is cut");
    assert_masked(&String::from_utf8_lossy(&rest));
    velum_end_to_end::stage::figure(
        "a_trap_cuts_the_streams_of_its_worker_and_new_ones_succeed",
        &format!("new streams after {} ms", back.as_millis()),
    );
}

#[tokio::test]
async fn a_request_that_is_held_while_the_filter_traps_ends_at_its_idle_timeout() {
    let stage = start().await;
    let begun = Instant::now();
    let held = tokio::spawn(stage.ask("/Patient/p1", "name", 60).send());
    stage.pending().await;
    let _cut = stage.agent("GET", "/poison").send().await;
    let bearer = stage.jwt.agent("triage-bot", "dr-jones");
    until_it_is_back(&stage.envoy, &bearer).await;
    let held = held.await.expect("task").expect("an answer");
    let waited = begun.elapsed();
    // Envoy's 504 passes through the module that is no more, and becomes a 503.
    assert_eq!(
        (held.status, held.text().as_str()),
        (503, ""),
        "after {waited:?}"
    );
    assert_masked(&held.text());
    assert!(
        waited > Duration::from_secs(3) && waited < Duration::from_secs(12),
        "{waited:?}"
    );
}

async fn closed(concurrency: u32) -> (Envoy, Upstream) {
    let upstream = Upstream::start(Protocol::Http2, handler)
        .await
        .expect("upstream");
    let policy = serde_json::json!({"version": 1, "masking": {"profiles": ["fhir-r4", "pii"]}});
    let filter = trapping_filter();
    let mut options =
        BootstrapOptions::new(upstream.address(), filter, policy, serde_json::json!(null));
    options.jwks = None;
    options.upstream_protocol = Protocol::Http2;
    let mut options = envoy_options(&options, "token");
    let closed = options.config_yaml.replace("FAIL_RELOAD", "FAIL_CLOSED");
    assert_ne!(closed, options.config_yaml);
    options.config_yaml = closed;
    options.concurrency = concurrency;
    (Envoy::start(options).await.expect("Envoy"), upstream)
}

#[tokio::test]
async fn without_a_reload_a_worker_that_trapped_answers_503_for_ever() {
    let (envoy, _upstream) = closed(1).await;
    let _cut = envoy.client().get("/poison").send().await;
    for _ in 0..10 {
        let answer = envoy
            .client()
            .get("/Patient/p1")
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status, 503);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn other_workers_go_on_where_one_has_trapped() {
    let (envoy, _upstream) = closed(2).await;
    // Each call has a connection of its own, and the kernel gives it to one of the workers.
    let _cut = envoy.client().get("/poison").send().await;
    let (mut alive, mut dead) = (0, 0);
    for _ in 0..200 {
        let answer = envoy
            .client()
            .get("/Patient/p1")
            .send()
            .await
            .expect("an answer");
        assert_masked(&answer.text());
        match answer.status {
            200 => alive += 1,
            503 => dead += 1,
            other => panic!("{other}"),
        }
        if alive > 0 && dead > 0 {
            return;
        }
    }
    panic!("{alive} alive, {dead} dead: one of both is expected");
}

#[tokio::test]
async fn a_hold_beyond_the_routes_idle_timeout_ends_with_a_504() {
    let mut setup = Setup::new(patients);
    setup.change = |options| options.idle_timeout = Some(Duration::from_secs(2));
    let stage = setup.start().await;
    let held = stage.ask("/Patient/p1", "name", 20).send().await;
    let held = held.expect("an answer");
    assert_eq!(held.status, 504);
    assert_masked(&held.text());
    let approval = stage.pending().await;
    assert_eq!(approval["state"], "pending", "it lives");
}

#[tokio::test]
async fn a_filter_short_of_memory_fails_the_large_body_and_keeps_its_worker() {
    let upstream = Upstream::start(Protocol::Http1, |request| {
        if request.path == "/large" {
            let list = vec![velum_end_to_end::stage::patient(); 20_000];
            Reply::json(&serde_json::json!(list))
        } else {
            patients(request)
        }
    })
    .await
    .expect("upstream");
    let policy = serde_json::json!({"version": 1, "masking": {"profiles": ["fhir-r4", "pii"]},
        "host": {"headers_stop_iteration": true}});
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("starved.wasm");
    std::fs::write(&file, patched::starved_filter(192)).expect("written");
    let mut options =
        BootstrapOptions::new(upstream.address(), file, policy, serde_json::json!(null));
    options.jwks = None;
    options.buffer_limit = Some(64 * 1024 * 1024);
    let envoy = Envoy::start(envoy_options(&options, "token"))
        .await
        .expect("Envoy");
    let mut failed = 0;
    for _ in 0..5 {
        let large = envoy
            .client()
            .get("/large")
            .send()
            .await
            .expect("an answer");
        assert_masked(&large.text());
        failed += u32::from(large.status == 502 || !large.complete);
        let small = envoy
            .client()
            .get("/Patient/p1")
            .send()
            .await
            .expect("an answer");
        assert_eq!(small.status, 200, "the worker goes on");
        assert_masked(&small.text());
    }
    assert!(
        failed > 0,
        "the memory was not exhausted: the test shows nothing"
    );
    for trace in ["vm_reload", "vm_reload_success", "vm_reload_failure"] {
        let reloads = envoy.stat(&format!("wasm.velum.{trace}")).await;
        assert_eq!(reloads.expect("statistics"), Some(0), "nothing has trapped");
    }
}
