//! Why the shipped files say `FAIL_RELOAD` with a back-off of 50 ms, and why nothing else is allowed:
//! the same trap under what else could be said.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use velum_end_to_end::patched::{Trap, trapping_filter};
use velum_end_to_end::stage::{assert_masked, envoy_options, figure, patient, patients};
use velum_harness::{BootstrapOptions, Envoy, Framing, Protocol, Received, Reply, Step, Upstream};

use crate::trapping::until_it_is_back;

/// More bytes than any chunk but the poisonous one has.
const LARGE_CHUNK: usize = 4000;

/// `/poison` goes on with a chunk at which the filter traps, and with another.
fn handler(request: &Received) -> Reply {
    if request.path != "/poison" {
        return patients(request);
    }
    let patients = |count: usize| {
        let text = json!(vec![patient(); count]).to_string();
        text[1..text.len() - 1].to_owned()
    };
    let pause = || Step::Wait(Duration::from_millis(100));
    let steps = [
        Step::Data(format!("[{},", patients(1)).into_bytes()),
        pause(),
        Step::Data(format!("{},", patients(20)).into_bytes()),
        pause(),
        Step::Data(format!("{}]", patients(2)).into_bytes()),
    ];
    Reply::new(200)
        .header("content-type", "application/json")
        .script(Framing::Chunked, steps)
}

/// Envoy with a filter that traps at a large chunk of an answer, and no policy service.
async fn start(name: &str, change: fn(&mut Value)) -> (Envoy, Upstream) {
    let upstream = Upstream::start(Protocol::Http1, handler)
        .await
        .expect("upstream");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
    let trap = Trap {
        callback: "proxy_on_response_body",
        at: (1, LARGE_CHUNK),
    };
    std::fs::write(&file, trapping_filter(trap)).expect("written");
    let policy = json!({"version": 1, "masking": {"profiles": ["fhir-r4", "pii"]}});
    let mut options = BootstrapOptions::new(upstream.address(), file, policy, Value::Null);
    options.jwks = None;
    let mut options = envoy_options(&options, "token");
    let mut document: Value = serde_json::from_str(&options.config_yaml).expect("JSON");
    let filters = document.pointer_mut(
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters",
    );
    let mut filters = filters
        .and_then(Value::as_array_mut)
        .expect("filters")
        .iter_mut();
    let velum = filters.find(|filter| filter["name"] == "velum");
    change(&mut velum.expect("Velum")["typed_config"]["config"]);
    options.config_yaml = document.to_string();
    (Envoy::start(options).await.expect("Envoy"), upstream)
}

/// What the shipped files say.
fn as_shipped(config: &mut Value) {
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["reload_config"]["backoff"]["base_interval"], "0.05s");
}

/// What Istio makes of `failStrategy: FAIL_RELOAD`: no back-off of its own, which is one second.
fn with_default_back_off(config: &mut Value) {
    as_shipped(config);
    let removed = config
        .as_object_mut()
        .and_then(|it| it.remove("reload_config"));
    assert!(removed.is_some());
}

/// How long after a trap new streams succeed, where the module was loaded just before it.
async fn back_after(envoy: &Envoy) -> Duration {
    let mut longest = Duration::ZERO;
    for _ in 0..3 {
        let poison = envoy.client().get("/poison").send().await;
        if let Ok(poison) = poison {
            assert_masked(&poison.text());
            assert!(!poison.complete || poison.status == 503, "it was cut");
        }
        longest = longest.max(until_it_is_back(envoy, "").await);
    }
    longest
}

#[tokio::test]
async fn with_the_shipped_back_off_new_streams_succeed_well_within_a_second() {
    let (shipped, default) = tokio::join!(
        start("back-off-shipped", as_shipped),
        start("back-off-default", with_default_back_off)
    );
    let (shipped, default) = tokio::join!(back_after(&shipped.0), back_after(&default.0));
    assert!(shipped < Duration::from_millis(400), "{shipped:?}");
    assert!(
        default > Duration::from_millis(400),
        "{default:?}: the default would do"
    );
    figure(
        "with_the_shipped_back_off_new_streams_succeed_well_within_a_second",
        &format!(
            "at most {} ms after a trap; {} ms with Envoy's default back-off",
            shipped.as_millis(),
            default.as_millis()
        ),
    );
}

/// Good requests in five seconds with a poisonous one each half second: how many, and how many failed.
async fn under_poison(envoy: &Envoy) -> (u32, u32) {
    let poison = async {
        for _ in 0..10 {
            let _cut = envoy.client().get("/poison").send().await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    };
    let good = async {
        let begun = Instant::now();
        let (mut sent, mut failed) = (0, 0);
        while begun.elapsed() < Duration::from_secs(5) {
            let answer = envoy.client().get("/Patient/p1").send().await;
            sent += 1;
            match answer {
                Ok(answer) => {
                    assert_masked(&answer.text());
                    failed += u32::from(answer.status != 200 || !answer.complete);
                }
                Err(_) => failed += 1,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (sent, failed)
    };
    tokio::join!(poison, good).1
}

#[tokio::test]
async fn few_good_requests_fail_beside_a_poisonous_one_each_half_second() {
    let (shipped, default) = tokio::join!(
        start("poison-shipped", as_shipped),
        start("poison-default", with_default_back_off)
    );
    let (shipped, default) = tokio::join!(under_poison(&shipped.0), under_poison(&default.0));
    let told = format!(
        "{} of {} good requests failed; {} of {} with Envoy's default back-off",
        shipped.1, shipped.0, default.1, default.0
    );
    assert!(shipped.1 * 5 < shipped.0, "{told}");
    figure(
        "few_good_requests_fail_beside_a_poisonous_one_each_half_second",
        &told,
    );
}

/// A trap leaks: in the answer that traps where Envoy's deprecated flag is set, in the next with both.
/// No policy of ours can help, since the module is gone: `cargo xtask tidy` and `velum policy check`
/// refuse these settings, and this is why.
#[tokio::test]
async fn failing_open_leaks_which_is_why_it_is_refused() {
    let policy = start("fail-open-policy", |config| {
        config["failure_policy"] = json!("FAIL_OPEN");
    });
    let flag = start("fail-open-flag", |config| {
        let config = config.as_object_mut().expect("an object");
        config.retain(|name, _| name != "failure_policy" && name != "reload_config");
        config.insert("fail_open".to_owned(), json!(true));
    });
    let (policy, flag) = tokio::join!(policy, flag);
    for (envoy, leaks_its_own_rest) in [(&policy.0, false), (&flag.0, true)] {
        let before = envoy.client().get("/Patient/p1").send().await;
        assert_masked(&before.expect("an answer").text());
        let poison = envoy.client().get("/poison").send().await;
        let poison = poison.expect("an answer").text();
        assert_eq!(
            poison.contains("Thistlewood"),
            leaks_its_own_rest,
            "{poison}"
        );
        let next = envoy.client().get("/Patient/p1").send().await;
        let next = next.expect("an answer");
        assert!(next.text().contains("Thistlewood"), "{}", next.text());
    }
}
