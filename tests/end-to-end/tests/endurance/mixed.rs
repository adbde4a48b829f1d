//! Everything at once, at the machine's limit: masked, held, lifted, denied, broken, left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use velum_end_to_end::stage::{
    REVIEWER, Setup, Stage, assert_masked, figure, patient, patients, problem, text,
};
use velum_harness::{Received, Reply, Response, publish_again};

use crate::{MEBIBYTE, ndjson};

const CALLERS: u64 = 8;
/// After so long Envoy has what it needs.
const SETTLING: Duration = Duration::from_mins(1);

/// What a caller does next.
#[derive(Clone, Copy, Debug)]
enum Job {
    One,
    Many,
    Lines,
    Events,
    Lift,
    Purge,
    Broken,
    Denied,
    Leave,
}

const JOBS: [Job; 9] = [
    Job::One,
    Job::Many,
    Job::Lines,
    Job::Events,
    Job::Lift,
    Job::Purge,
    Job::Broken,
    Job::Denied,
    Job::Leave,
];

fn upstream(request: &Received) -> Reply {
    let path = request.path.as_str();
    if path.starts_with("/lines") {
        return ndjson(200_000);
    }
    if path.starts_with("/events") {
        let events = format!("data: {}\n\n", patient()).repeat(20);
        return Reply::new(200)
            .header("content-type", "text/event-stream")
            .chunks([events]);
    }
    if path.starts_with("/broken") {
        let broken = format!("{{\"a\":{},\"b\":nul}}", patient());
        return Reply::new(200)
            .header("content-type", "application/json")
            .whole(broken);
    }
    patients(request)
}

/// Counted over all callers.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    lifted: AtomicU64,
    refused: AtomicU64,
}

async fn work(stage: &Stage, job: Job, number: u64, counts: &Counts) {
    let patient = format!("/Patient/{number}");
    let call = match job {
        Job::One => stage.agent("GET", &patient),
        Job::Many => stage.agent("GET", "/Patient?chunked"),
        Job::Lines => stage.agent("GET", "/lines").http2(),
        Job::Events => stage.agent("GET", "/events"),
        Job::Lift => stage.ask(&patient, "name", 20),
        Job::Purge => stage.agent("DELETE", &patient).header("prefer", "wait=20"),
        Job::Broken => stage.agent("GET", "/broken"),
        Job::Denied => stage.agent("GET", "/closed/p1"),
        Job::Leave => {
            let left = stage.ask(&patient, "name", 20).send();
            let _cut = tokio::time::timeout(Duration::from_millis(30), left).await;
            return;
        }
    };
    let answer = call.send().await.expect("an answer");
    check(job, &answer, counts);
}

/// Whatever the job, the answer is one that the job may have.
fn check(job: Job, answer: &Response, counts: &Counts) {
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let shown = answer.text();
    let lifted = answer.header("velum-lifted") == Some("name");
    if lifted {
        assert!(matches!(job, Job::Lift), "{job:?} was lifted");
        assert!(!shown.contains("000-12-3456"), "more than the name shows");
        counts.lifted.fetch_add(1, Ordering::Relaxed);
    } else {
        assert_masked(&shown);
    }
    let whole = answer.complete && answer.status == 200;
    match job {
        Job::One | Job::Many | Job::Lines | Job::Events => {
            assert!(whole, "{job:?}: {}", answer.status);
        }
        // Approved, denied by lot, taken by a newer one, or one too many for this principal.
        Job::Lift | Job::Purge => {
            assert!(
                [200, 403, 409, 429].contains(&answer.status),
                "{job:?}: {shown}"
            );
        }
        Job::Broken => {
            assert!(!whole, "a broken body came out whole");
            counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        Job::Denied => assert_eq!(problem(answer), (403, "action-denied".into())),
        Job::Leave => {}
    }
}

/// Decides whatever is pending, three of four for it.
async fn review(stage: &Stage, done: &AtomicBool) -> u64 {
    let reviewer = stage.reviewer(REVIEWER);
    let mut decided = 0;
    while !done.load(Ordering::Relaxed) {
        for card in reviewer.list().await.expect("a list") {
            let id = text(&card["id"]);
            // Somebody may have left, or it may have expired meanwhile: no matter.
            let _answer = if decided % 4 == 3 {
                reviewer.deny(&id, None).await
            } else {
                reviewer.approve(&id, None).await
            };
            decided += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    decided
}

/// Publishes the filter's configuration anew again and again.
async fn reload(file: &Path, done: &AtomicBool) -> u64 {
    let mut version = 1;
    while !done.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_secs(3)).await;
        version += 1;
        publish_again(file, version).expect("published");
    }
    version - 1
}

async fn load(time: Duration, name: &str) {
    let mut setup = Setup::new(upstream);
    setup.lifetimes = Some(("30s", "30s"));
    let closed =
        json!({"name": "closed", "when": {"path": {"prefix": "/closed/"}}, "effect": "deny"});
    let actions = setup.policy["actions"].as_array_mut().expect("actions");
    actions.insert(0, closed);
    let folder = tempfile::tempdir().expect("a folder");
    let discovery = folder.path().join("velum.yaml");
    setup.discovery = Some(discovery.clone());
    let stage = Arc::new(setup.start().await);
    let counts = Arc::new(Counts::default());
    let done = Arc::new(AtomicBool::new(false));
    let end = Instant::now() + time;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (stage, counts) = (Arc::clone(&stage), Arc::clone(&counts));
        callers.spawn(async move {
            let mut number = caller;
            while Instant::now() < end {
                let job = JOBS[usize::try_from(number % 9).expect("an index")];
                // The stride has every caller go through the jobs in an order of its own.
                number += 2 * caller + 1;
                work(&stage, job, number, &counts).await;
            }
        });
    }
    let reviewing = {
        let (stage, done) = (Arc::clone(&stage), Arc::clone(&done));
        tokio::spawn(async move { review(&stage, &done).await })
    };
    let reloading = {
        let done = Arc::clone(&done);
        tokio::spawn(async move { reload(&discovery, &done).await })
    };
    // What a worker allocates once is there by then.
    tokio::time::sleep(SETTLING.min(time / 2)).await;
    let settled = stage.envoy.peak_rss_bytes().expect("memory");
    while let Some(ended) = callers.join_next().await {
        ended.expect("a caller met what it may not meet");
    }
    done.store(true, Ordering::Relaxed);
    let decided = reviewing.await.expect("a reviewer");
    let reloads = reloading.await.expect("reloads");
    let growth = stage
        .envoy
        .peak_rss_bytes()
        .expect("memory")
        .saturating_sub(settled);
    let stats = stage.envoy.admin("/stats").await.expect("statistics");
    let taken = stats
        .lines()
        .filter(|line| {
            line.contains("extension_config_discovery") && line.contains("config_reload: ")
        })
        .find_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert!(
        taken.is_some_and(|taken| taken > 3),
        "reloads taken: {taken:?} of {reloads}"
    );
    let log = stage.envoy.log();
    assert!(!log.contains("panicked"), "{log}");
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(
        count(&counts.lifted) > 0 && count(&counts.refused) > 0,
        "a job was never done"
    );
    figure(
        name,
        &format!(
            "{} requests in {} s, {} reloads, {} decided, {} lifted, {} broken bodies, no unmasked \
             value; Envoy's peak grew by {} KiB once it had settled",
            count(&counts.requests),
            time.as_secs(),
            taken.unwrap_or_default(),
            decided,
            count(&counts.lifted),
            count(&counts.refused),
            growth / 1024
        ),
    );
    assert!(growth < 16 * MEBIBYTE, "grew by {growth} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_mixed_load_leaks_nothing_and_takes_no_more_memory() {
    load(
        Duration::from_mins(1),
        "a_minute_of_mixed_load_leaks_nothing_and_takes_no_more_memory",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten minutes"]
async fn ten_minutes_of_mixed_load_leak_nothing_and_take_no_more_memory() {
    load(
        Duration::from_mins(10),
        "ten_minutes_of_mixed_load_leak_nothing_and_take_no_more_memory",
    )
    .await;
}
