//! The machine's own clock, moved under a service that runs: set forward and back, also over a restart, and made
//! fast and slow. A small library before the C library's tells the time of the world as a file says; what measures
//! durations is left alone, as it is on a machine whose clock is set.

#[path = "../kit/policy.rs"]
mod policy;

mod machine;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use machine::{Machine, check, world};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// What has expired while the clock was an hour ahead, and the check of it.
async fn an_hour_ahead(machine: &Machine) -> (String, Value) {
    let granted = check(1, 1);
    let id = machine.approved(&granted).await;
    machine.set_clock(HOUR);
    machine.until_count("approval.expired", 1).await;
    (id, granted)
}

/// It is what it was, whoever asks for it.
async fn is_over(machine: &Machine, id: &str, granted: &Value) {
    assert_eq!(machine.state(id).await, "expired");
    let mut named = granted.clone();
    named["approval"] = json!(id);
    let answer = machine.check(&named).await;
    assert_eq!(
        (&answer["decision"], &answer["code"]),
        (&json!("deny"), &json!("expired"))
    );
    assert_ne!(machine.approve(id).await, 200);
    assert_eq!(machine.count("approval.expired").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_clock_goes_an_hour_forward_what_was_open_has_expired_and_the_service_goes_on() {
    let machine = Machine::start("5m");
    let cookie = machine.sign_in().await;
    assert!(machine.is_signed_in(&cookie).await);
    machine.goes_on(2).await;
    let waiting = machine.pending(&check(3, 3)).await;
    let granted = check(1, 1);
    let id = machine.approved(&granted).await;
    let created = machine.card(&id).await["created"].as_i64().unwrap();
    assert!(
        (world() - created).abs() < 5_000,
        "it is not the machine's clock"
    );
    machine.set_clock(HOUR);
    // Before anybody has swept: another stream opens a new approval.
    let again = machine.pending(&check(1, 9)).await;
    assert_ne!(again, id);
    let created = machine.card(&again).await["created"].as_i64().unwrap();
    assert!(
        (world() + HOUR - created).abs() < 5_000,
        "the clock was not moved"
    );
    machine.until_count("approval.expired", 2).await;
    assert_eq!(machine.state(&waiting).await, "expired");
    assert_eq!(machine.state(&id).await, "expired");
    assert_eq!(machine.count("grant.used").await, 1);
    // Who was idle for an hour signs in again; a token has no time.
    assert!(!machine.is_signed_in(&cookie).await);
    assert_eq!(machine.ready().await, 200);
    machine.goes_on(4).await;
    assert_eq!(machine.count("grant.used").await, 2);
}

/// For so long the time stands still, by what the log has seen: what is done meanwhile is of one moment, and
/// whatever is open lasts longer by it. So the service says that it is not ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_clock_goes_an_hour_back_nothing_is_revived_and_the_service_says_that_it_is_not_ready()
 {
    let machine = Machine::start("3s");
    let cookie = machine.sign_in().await;
    let (id, granted) = an_hour_ahead(&machine).await;
    assert!(!machine.is_signed_in(&cookie).await);
    assert_eq!(machine.ready().await, 200);
    machine.set_clock(0);
    is_over(&machine, &id, &granted).await;
    assert!(!machine.is_signed_in(&cookie).await);
    assert_eq!(machine.ready().await, 503);
    let (_, problem) = machine.get("/readyz").await;
    let detail = "The clock is behind the times in the store: correct it.";
    assert_eq!(
        (&problem["detail"], &problem["retryable"]),
        (&json!(detail), &json!(true))
    );
    // Whoever asks all the same is answered, at the moment where the time stands.
    let open = machine.approved(&check(2, 2)).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(machine.state(&open).await, "approved");
    assert_eq!(machine.check(&check(2, 2)).await["decision"], "allow");
    let left = machine.approved(&check(3, 3)).await;
    // It has caught up: what was left ends, and all is as before.
    machine.set_clock(HOUR + 60_000);
    assert_eq!(machine.state(&left).await, "expired");
    assert_eq!(machine.ready().await, 200);
    machine.goes_on(4).await;
    assert_eq!(machine.state(&id).await, "expired");
    // A small step back is none that anybody notices.
    machine.set_clock(HOUR + 40_000);
    assert_eq!(machine.ready().await, 200);
    machine.goes_on(5).await;
    assert_eq!(machine.count("grant.used").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_whose_clock_goes_back_while_the_service_is_down_revives_nothing() {
    let mut machine = Machine::start("5m");
    let (id, granted) = an_hour_ahead(&machine).await;
    machine.set_clock(0);
    machine.restart();
    is_over(&machine, &id, &granted).await;
    assert_eq!(machine.ready().await, 503);
    let again = machine.pending(&check(1, 9)).await;
    let created = machine.card(&again).await["created"].as_i64().unwrap();
    assert!(created >= machine.card(&id).await["ended"].as_i64().unwrap());
    machine.set_clock(HOUR + 1_000);
    assert_eq!(machine.ready().await, 200);
    machine.goes_on(4).await;
    machine.restart();
    assert_eq!(machine.ready().await, 200);
    is_over(&machine, &id, &granted).await;
}

/// How long a grant of three seconds lasts by a clock of this rate, from its approval on, by the clock that
/// nobody sets.
async fn lasts(millionths: i32) -> Duration {
    let machine = Machine::start("3s");
    machine.set_rate(millionths.into());
    machine.goes_on(1).await;
    let id = machine.pending(&check(2, 2)).await;
    let begun = Instant::now();
    assert_eq!(machine.approve(&id).await, 200);
    let mut request = 3;
    while machine.state(&id).await == "approved" {
        assert!(begun.elapsed() < Duration::from_secs(10), "{millionths}");
        // Not when it is about to end: that is to be seen at once.
        let is_due = begun.elapsed() > Duration::from_millis(500) * (request - 2).into();
        if is_due && begun.elapsed() < Duration::from_millis(2_200) {
            machine.goes_on(request).await;
            request += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lasted = begun.elapsed();
    assert_eq!(machine.ready().await, 200);
    machine.until_count("approval.expired", 1).await;
    assert_eq!(machine.count("grant.used").await, usize::from(request) - 2);
    lasted
}

/// Leaves a line for `cargo xtask claims`, and for whoever reads the run.
#[expect(clippy::print_stdout, reason = "figures of a run")]
fn figure(test: &str, line: &str) {
    println!("{test}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(PathBuf::from(folder).join(format!("{test}.txt")), line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_fast_or_slow_ends_grants_by_its_own_time_and_keeps_nothing_else() {
    let test = "a_clock_that_is_fast_or_slow_ends_grants_by_its_own_time_and_keeps_nothing_else";
    // The last two, of a fifth, are what no clock does: the rate is seen at all.
    let rates = [500, -500, 200_000, -200_000];
    let [one, two, fast, slow] = rates.map(lasts);
    let lasted = tokio::join!(one, two, fast, slow);
    let lasted = [lasted.0, lasted.1, lasted.2, lasted.3];
    for (millionths, lasted) in rates.into_iter().zip(lasted) {
        let expected = Duration::from_secs_f64(3.0 / (1.0 + f64::from(millionths) / 1e6));
        let since = lasted.abs_diff(expected);
        // Times are whole milliseconds.
        let is_early = lasted < expected && since > Duration::from_millis(2);
        assert!(
            !is_early && since < Duration::from_secs(2),
            "{millionths}: {lasted:?}"
        );
    }
    assert!(lasted[2] < lasted[3], "{lasted:?}");
    let line = |(millionths, lasted): (i32, Duration)| {
        format!("{millionths} ppm: {} ms", lasted.as_millis())
    };
    let lines: Vec<_> = rates.into_iter().zip(lasted).map(line).collect();
    let lines = lines.join(", ");
    figure(test, &format!("a grant of 3 s lasted, at {lines}"));
}
