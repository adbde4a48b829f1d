//! PostgreSQL is away for a while, and comes and goes, under a light load: every call is told so within seconds, and
//! the same process goes on by itself. A server that is killed leaves its socket behind, which refuses whoever
//! connects; one that is stopped says so to its clients, and its socket is gone.
//!
//! Short here; `VELUM_LONG` asks for a minute without a server, and for ten times five seconds.

#[path = "../kit/checks.rs"]
mod checks;
#[path = "../kit/policy.rs"]
mod policy;

mod service;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;
use velum_approval::REPLAY_WINDOW;
use velum_harness::Postgres;

use checks::check;
use service::{Call, PAUSE, Service, racer};

/// How soon a call is answered at the latest: the service tries for 2 s, and the machine has as long for it.
const TOLD: Duration = Duration::from_secs(4);
/// How soon a server that is back is used again.
const BACK: Duration = Duration::from_secs(5);
/// How soon every record is under a signed head again.
const SIGNED: Duration = Duration::from_secs(20);
/// How many streams there are at a time.
const STREAMS: u128 = 4;
/// How many connections the service has at most, and how many more files and threads than before.
const CONNECTIONS: usize = 12;
const MORE: usize = 4;

/// A grant that is used, and the stream that it released.
struct Used {
    id: String,
    check: Value,
    /// None where it was used, and nobody could be told of it in time.
    answer: Option<Value>,
    /// Before it was used.
    begun: Instant,
}

impl Used {
    /// Whether the stream may be told this when it asks again: the same, or later that it is used.
    fn may_be_told(&self, again: &Value) -> bool {
        let is_late = self.begun.elapsed() >= REPLAY_WINDOW;
        self.answer.as_ref() == Some(again) || is_late && again["code"] == "used"
    }
}

/// Asks for what nobody has asked for yet.
async fn ask(service: &Service, request: u128) -> String {
    let pending = service.checked(&check(request, 0)).await;
    let id = pending["approval"].as_str();
    id.unwrap_or_else(|| panic!("{pending}")).to_owned()
}

/// Votes until it is granted: a vote that is acknowledged is there, one that is not may be.
async fn grant(service: &Service, id: &str) {
    loop {
        let is_acknowledged = service.approve(id).await;
        let state = service.state(id).await;
        if state == "approved" {
            return;
        }
        assert!(!is_acknowledged && state == "pending", "a vote was lost");
    }
}

/// Uses a grant. Where that is not answered at once, another stream goes for it too, and one of both gets it.
async fn take(service: &Service, request: u128, id: String) -> Used {
    let begun = Instant::now();
    let streams = [1, 2].map(|stream| racer(request, stream, &id));
    let mut answers = [service.check(&streams[0]).await, None];
    if answers[0].is_none() {
        let [one, other] = streams.each_ref().map(|check| service.checked(check));
        answers = <[_; 2]>::from(tokio::join!(one, other)).map(Some);
    }
    let told = streams.into_iter().zip(answers);
    let is_allowed = |answer: &Value| answer["decision"] == "allow";
    let (allowed, refused): (Vec<_>, Vec<_>) = told
        .filter_map(|(check, answer)| Some((check, answer?)))
        .partition(|(_, answer)| is_allowed(answer));
    assert!(allowed.len() <= 1, "released twice: {allowed:?}");
    let (check, answer) = match allowed.into_iter().next() {
        Some((check, answer)) => (check, Some(answer)),
        None => (refused[0].0.clone(), None),
    };
    let used = Used {
        id,
        check,
        answer,
        begun,
    };
    // Its commit was the last before the server went, and a minute later nobody is told of it any more.
    let is_known = used.answer.is_some() || refused.iter().all(|(_, it)| used.may_be_told(it));
    assert!(is_known, "released to nobody: {refused:?}");
    used
}

async fn use_one(service: &Service, request: u128) -> Used {
    let id = ask(service, request).await;
    grant(service, &id).await;
    take(service, request, id).await
}

async fn stream(service: Arc<Service>, number: u128) -> Vec<Used> {
    let (mut all, mut request) = (Vec::new(), number << 32);
    while !service.is_over() {
        all.push(use_one(&service, request).await);
        request += 1;
        sleep(PAUSE).await;
    }
    all
}

/// Asks again and again for what does not change: where there is an answer, it is true.
async fn repeat(service: Arc<Service>, what: &'static str, used: Arc<Used>) -> Vec<Used> {
    while !service.is_over() {
        match what {
            "check" => {
                let again = service.check(&used.check).await;
                assert!(again.is_none_or(|again| used.may_be_told(&again)));
            }
            "read" => {
                let path = format!("/v1/approvals/{}", used.id);
                let shown = service.get(what, &path).await;
                assert!(shown.is_none_or(|shown| shown["state"] == "used"));
            }
            probe => drop(service.get(what, probe).await),
        }
        sleep(PAUSE).await;
    }
    Vec::new()
}

/// How a server goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Killed,
    Stopped,
}

impl Way {
    async fn end(self, server: &mut Postgres) {
        if self == Way::Stopped {
            let file = fs::read_to_string(server.folder().join("data/postmaster.pid")).unwrap();
            let mut immediately = Command::new("kill");
            let id = file.lines().next().unwrap();
            let told = immediately.args(["-QUIT", id]).status().unwrap();
            assert!(told.success());
            while !server.has_ended().unwrap() {
                sleep(PAUSE).await;
            }
        }
        server.kill();
        // For what its processes had said already.
        sleep(PAUSE).await;
    }
}

/// When there was no server: between `down` and `up` for certain, and before `begun` and after `ready` there was one.
struct Outage {
    way: Way,
    begun: Instant,
    down: Instant,
    up: Instant,
    ready: Instant,
    /// How soon a check and a read were answered again.
    back: Duration,
}

/// Takes the server away for as long as this. Across it one grant is used, and another is voted for and used.
async fn outage(
    service: &Arc<Service>,
    server: &mut Postgres,
    known: &Used,
    (way, lasts): (Way, Duration),
    request: u128,
) -> (Outage, [Used; 2]) {
    let granted = ask(service, request).await;
    grant(service, &granted).await;
    let pending = ask(service, request + 1).await;
    let begun = Instant::now();
    way.end(server).await;
    let down = Instant::now();
    let of_grant = service.clone();
    let of_grant = tokio::spawn(async move { take(&of_grant, request, granted).await });
    let of_vote = service.clone();
    let of_vote = tokio::spawn(async move {
        grant(&of_vote, &pending).await;
        take(&of_vote, request + 1, pending).await
    });
    sleep(lasts).await;
    let up = Instant::now();
    server.restart().await.unwrap();
    let ready = Instant::now();
    let (answer, state) = tokio::join!(service.checked(&known.check), service.state(&known.id));
    let back = ready.elapsed();
    assert!(known.may_be_told(&answer), "{answer}");
    assert_eq!(state, "used");
    assert!(back < BACK, "it is used again after {back:?}");
    let outage = Outage {
        way,
        begun,
        down,
        up,
        ready,
        back,
    };
    (outage, [of_grant.await.unwrap(), of_vote.await.unwrap()])
}

/// Looks at every call: while there is no server it is refused, and when there has been one for a while it is not.
fn judge(calls: &[Call], outages: &[Outage]) -> String {
    let mut refused = BTreeMap::<_, (u32, Duration)>::new();
    let (mut slowest, mut live) = (Duration::ZERO, Duration::ZERO);
    for call in calls {
        let (begun, ended) = (call.begun, call.ended);
        let (what, took) = (call.what, ended - begun);
        assert!(took < TOLD, "{what}: {} after {took:?}", call.status);
        if what == "/livez" {
            assert_eq!(call.status, 200);
            live = live.max(took);
            continue;
        }
        slowest = slowest.max(took);
        let mut within = outages.iter();
        if let Some(outage) = within.find(|it| it.down <= begun && ended <= it.up) {
            assert_eq!(call.status, 503, "{what}: there was no server");
            let most = refused.entry((outage.way == Way::Stopped, what));
            let (times, most) = most.or_default();
            (*times, *most) = (*times + 1, took.max(*most));
        }
        let mut around = outages.iter();
        if around.all(|it| ended < it.begun || it.ready + BACK < begun) {
            assert_eq!(call.status, 200, "{what}: there was a server");
        }
    }
    let way = |is_stopped| {
        let each = refused.iter().filter(|((way, _), _)| *way == is_stopped);
        let each = each.map(|((_, what), (times, most))| {
            format!("{times} of {what} within {} ms", most.as_millis())
        });
        let each: Vec<_> = each.collect();
        assert!(each.len() >= 4, "not all were called: {each:?}");
        each.join(", ")
    };
    format!(
        "each 503 without a server that was killed: {}; without one that was stopped: {}; the slowest of all {} calls \
         {} ms, of /livez {} ms",
        way(false),
        way(true),
        calls.len(),
        slowest.as_millis(),
        live.as_millis()
    )
}

/// Nothing that was acknowledged is lost, and nothing is done twice.
async fn settle(service: &Service, all: &[Used]) {
    service.signed(SIGNED).await;
    let records = service.records().await;
    for used in all {
        let again = service.checked(&used.check).await;
        assert!(used.may_be_told(&again), "an answer was lost: {again}");
        for kind in ["org.velum.grant.issued.v1", "org.velum.grant.used.v1"] {
            let times = records.get(&(kind.to_owned(), used.id.clone()));
            assert_eq!(times, Some(&1), "{kind}");
        }
    }
    let is_use = |kind: &str| kind == "org.velum.grant.used.v1";
    let uses = records.keys().filter(|(kind, _)| is_use(kind)).count();
    assert_eq!(uses, all.len());
}

/// Leaves a line for `cargo xtask claims`.
#[expect(clippy::print_stderr, reason = "the figures of the run")]
fn figure(test: &str, line: &str) {
    eprintln!("{test}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_away_or_comes_and_goes_is_told_of_and_used_again_when_it_is_back() {
    let name =
        "a_postgres_that_is_away_or_comes_and_goes_is_told_of_and_used_again_when_it_is_back";
    let is_long = std::env::var_os("VELUM_LONG").is_some();
    let (away, times, lasts) = if is_long { (60, 10, 5) } else { (5, 3, 1) };
    let (away, lasts) = (Duration::from_secs(away), Duration::from_secs(lasts));
    let mut server = Postgres::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let service = Arc::new(Service::start(folder.path(), &server.url()));
    let known = Arc::new(use_one(&service, 0).await);
    let mut load = JoinSet::new();
    for number in 1..=STREAMS {
        load.spawn(stream(service.clone(), number));
    }
    for what in ["check", "read", "/readyz", "/livez"] {
        load.spawn(repeat(service.clone(), what, known.clone()));
    }
    sleep(Duration::from_secs(3)).await;
    let before = service.holds(&server).await;

    let flapping = [Way::Stopped, Way::Killed].into_iter().cycle();
    let flapping = flapping.take(times).map(|way| (way, lasts));
    let ways = [(Way::Killed, away)].into_iter().chain(flapping);
    let (mut outages, mut all) = (Vec::new(), Vec::new());
    for (way, request) in ways.zip((100..).step_by(2)) {
        let (outage, used) = outage(&service, &mut server, &known, way, request).await;
        outages.push(outage);
        all.extend(used);
        sleep(lasts).await;
    }
    sleep(BACK).await;
    let after = service.holds(&server).await;
    service.end();
    let across = all.len();
    all.extend(load.join_all().await.into_iter().flatten());
    all.extend(Arc::into_inner(known));
    settle(&service, &all).await;

    let line = judge(&service.calls.lock().unwrap(), &outages);
    let back = outages.iter().map(|it| it.back).max().unwrap();
    let untold = all.iter().filter(|it| it.answer.is_none()).count();
    let line = format!(
        "{} outages of {away:?} and {lasts:?}; {line}; used again within {} ms; {} grants used once each, {across} of \
         them across an outage, {untold} of them for nobody; {before:?} before, {after:?} after",
        outages.len(),
        back.as_millis(),
        all.len(),
    );
    figure(name, &line);
    assert!(after.connections <= CONNECTIONS, "{line}");
    assert!(after.files <= before.files + MORE, "{line}");
    assert!(after.threads <= before.threads + MORE, "{line}");
}
