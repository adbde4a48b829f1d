//! A flood of asks, from one principal and from hundreds: what may wait is bounded, and so are the log and memory;
//! whoever behaves is served meanwhile.
//!
//! Asks come when they are due, whether or not those before them were answered. Short here; `VELUM_LONG` asks for
//! 2,000 a second for a minute. The service refuses an ask with an answer, of which the gateway makes a 429.

mod log;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use log::{Logged, Waiting};
use service::{Ask, CALM, OF_ACTION, OF_PRINCIPAL, OVERALL, Service, client};

/// How many refusals of one caller are recorded a minute, and of one gateway with the first of each caller.
const RECORDED: usize = 60;
const OF_GATEWAY: usize = 600;
/// How many asks a second those have who behave, in all.
const CALM_RATE: u64 = 3;
/// How many asks may be under way at once: the service takes 256 of each connection.
const CONNECTIONS: usize = 16;
const UNDER_WAY: usize = CONNECTIONS * 256;
/// How much memory may be taken.
const MOST_BYTES: u64 = 300_000_000;

fn is_long() -> bool {
    std::env::var_os("VELUM_LONG").is_some()
}

/// How many asks a second, and for how long.
#[derive(Clone, Copy)]
struct Load {
    rate: u64,
    seconds: u64,
}

impl Load {
    fn of(short: u64) -> Load {
        if is_long() {
            Load {
                rate: 2000,
                seconds: 60,
            }
        } else {
            Load {
                rate: short,
                seconds: 3,
            }
        }
    }

    /// When the ask of this number is due.
    fn due(self, begun: Instant, number: u64) -> Instant {
        begun + Duration::from_micros(number * 1_000_000 / self.rate)
    }
}

/// What a flood came to.
#[derive(Default)]
struct Flooded {
    asked: u64,
    /// Asks that were due and not sent, since too many were under way.
    left_out: u64,
    refused: u64,
    /// The approvals that each ask was told of.
    approvals: BTreeMap<Ask, BTreeSet<String>>,
}

impl Flooded {
    fn take(&mut self, ask: Ask, answer: &Value) -> Option<String> {
        if answer["decision"] == "deny" {
            assert_eq!(answer["code"], "rate-limited", "{answer}");
            self.refused += 1;
            return None;
        }
        assert_eq!(answer["decision"], "pending", "{answer}");
        let id = answer["approval"].as_str().unwrap().to_owned();
        let known = self.approvals.entry(ask).or_default();
        known.insert(id.clone()).then_some(id)
    }

    fn opened(&self) -> BTreeSet<&String> {
        self.approvals.values().flatten().collect()
    }
}

/// Sends what is due, whoever waits; tells of each approval that it opens.
async fn flood(
    service: &Arc<Service>,
    load: Load,
    ask: impl Fn(u64) -> Ask,
    opened: mpsc::UnboundedSender<(Ask, String)>,
) -> Flooded {
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| client()).collect();
    let places = Arc::new(Semaphore::new(UNDER_WAY));
    let (mut flooded, mut tasks) = (Flooded::default(), JoinSet::new());
    let note = |flooded: &mut Flooded, (ask, answer): (Ask, Value)| {
        if let Some(id) = flooded.take(ask.clone(), &answer) {
            let _ = opened.send((ask, id));
        }
    };
    let begun = Instant::now();
    for (number, client) in (0..load.rate * load.seconds).zip(clients.iter().cycle()) {
        sleep_until(load.due(begun, number).into()).await;
        let Ok(place) = places.clone().try_acquire_owned() else {
            flooded.left_out += 1;
            continue;
        };
        flooded.asked += 1;
        let (service, client, ask) = (service.clone(), client.clone(), ask(number));
        tasks.spawn(async move {
            let answer = service.check(&client, &ask, number).await;
            drop(place);
            (ask, answer)
        });
        while let Some(done) = tasks.try_join_next() {
            note(&mut flooded, done.unwrap());
        }
    }
    while let Some(done) = tasks.join_next().await {
        note(&mut flooded, done.unwrap());
    }
    let Flooded {
        asked, left_out, ..
    } = flooded;
    assert!(left_out * 100 <= asked, "{left_out} of {asked} left out");
    flooded
}

/// Those who behave: each ask is opened and granted and used; gives how long each took to be opened.
async fn behave(service: Arc<Service>, load: Load) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let client = client();
    let load = Load {
        rate: CALM_RATE,
        ..load
    };
    let begun = Instant::now();
    for number in 0..load.rate * load.seconds {
        let due = load.due(begun, number);
        sleep_until(due.into()).await;
        let ask = Ask {
            who: CALM[usize::try_from(number).unwrap() % CALM.len()].to_owned(),
            action: "visit",
            number,
        };
        let use_key = 1 << 40 | number;
        let answer = service.check(&client, &ask, use_key).await;
        latencies.push(due.elapsed());
        assert_eq!(
            answer["decision"], "pending",
            "who behaves is refused: {answer}"
        );
        service.approve(answer["approval"].as_str().unwrap()).await;
        let answer = service.check(&client, &ask, use_key).await;
        assert_eq!(answer["decision"], "allow", "{answer}");
    }
    latencies.sort_unstable();
    latencies
}

/// Grants what is opened but for those of which the number is even.
async fn review(service: Arc<Service>, mut opened: mpsc::UnboundedReceiver<(Ask, String)>) {
    while let Some((ask, id)) = opened.recv().await {
        if !ask.number.is_multiple_of(2) {
            service.approve(&id).await;
        }
    }
}

/// Looks again and again at what waits, as a reviewer sees it.
async fn look(service: Arc<Service>) {
    loop {
        let mut waiting = Waiting::default();
        for card in service.pending().await {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let (id, action) = (text(&card["id"]), text(&card["action"]));
            waiting.open(&id, &text(&card["principal"]["subject"]), &action);
        }
        waiting.hold();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What is measured beside a flood.
struct Beside {
    latencies: Vec<Duration>,
    growth: u64,
    most: u64,
}

/// A flood while others behave and reviewers look on.
async fn beside_others(
    service: &Arc<Service>,
    load: Load,
    ask: impl Fn(u64) -> Ask,
) -> (Flooded, Beside) {
    let before = service.bytes("VmRSS:");
    let (sender, receiver) = mpsc::unbounded_channel();
    let reviewing = tokio::spawn(review(service.clone(), receiver));
    let looking = tokio::spawn(look(service.clone()));
    let calm = service.clone();
    // On a thread of its own: what the flood takes here is not what the service takes.
    let behaving = tokio::task::spawn_blocking(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(behave(calm, load))
    });
    let flooded = flood(service, load, ask, sender).await;
    let latencies = behaving.await.unwrap();
    reviewing.await.unwrap();
    assert!(!looking.is_finished(), "more waits than may");
    looking.abort();
    let most = service.bytes("VmHWM:");
    let beside = Beside {
        latencies,
        growth: most.saturating_sub(before),
        most,
    };
    (flooded, beside)
}

impl Beside {
    fn at(&self, percent: usize) -> Duration {
        self.latencies[(self.latencies.len() - 1) * percent / 100]
    }

    /// The bounds that are promised; how soon others are served is of a program as it is delivered.
    fn hold(&self) {
        assert!(self.most < MOST_BYTES, "{} bytes", self.most);
        if is_long() && !cfg!(debug_assertions) {
            let late = self.at(99);
            assert!(late < Duration::from_millis(100), "p99 is {late:?}");
        }
    }
}

/// Makes sure that what was opened is what the log has, each ask once, and that refusals did not fill the log.
async fn settle(service: &Service, flooded: &Flooded, callers: usize) -> Logged {
    for (ask, approvals) in &flooded.approvals {
        assert_eq!(approvals.len(), 1, "cards of one ask: {ask:?}");
    }
    let records = service.records().await;
    let logged = Logged::of(&records);
    assert_eq!(logged.opened_by("many-"), flooded.opened());
    for recorded in logged.refused.values() {
        let most = (RECORDED * callers).min(OF_GATEWAY + callers);
        assert!(*recorded <= most, "{recorded} in a minute");
    }
    assert!(logged.recorded() as u64 <= flooded.refused);
    // The configuration, who reads the log, heartbeats.
    assert!(logged.others < 50, "{} others", logged.others);
    logged
}

#[expect(clippy::print_stderr, reason = "the figures of the run")]
fn say(test: &str, load: Load, (flooded, beside): &(Flooded, Beside), logged: &Logged) {
    let line = format!(
        "{} asks at {} a second ({} more left out): {} opened, {} refused, of which {} are in the log; {} asks of others \
         opened in {:.1} ms (median), {:.1} ms (p99); {} MB resident at most, {} more than before",
        flooded.asked,
        load.rate,
        flooded.left_out,
        flooded.opened().len(),
        flooded.refused,
        logged.recorded(),
        beside.latencies.len(),
        beside.at(50).as_secs_f64() * 1000.0,
        beside.at(99).as_secs_f64() * 1000.0,
        beside.most / 1_000_000,
        beside.growth / 1_000_000,
    );
    eprintln!("{test}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_one_is_refused_beyond_its_caps_and_others_are_served() {
    let service = Arc::new(Service::start(1));
    let load = Load::of(200);
    // Each fourth is the same, which nobody decides; all others are new, and granted as soon as they are there.
    let ask = |number: u64| Ask {
        who: "many-0".to_owned(),
        action: "read",
        number: match number % 4 {
            0 => 0,
            _ => 2 * number + 1,
        },
    };
    let both = beside_others(&service, load, ask).await;
    let (flooded, beside) = &both;
    let logged = settle(&service, flooded, 1).await;
    let name = "a_flood_from_one_is_refused_beyond_its_caps_and_others_are_served";
    say(name, load, &both, &logged);
    beside.hold();
    let opened = flooded.opened().len();
    assert!(opened > OF_PRINCIPAL, "{opened}: nothing was granted");
    // Of one caller so many a minute are recorded, and it may be two minutes.
    assert!(
        flooded.refused > 0 && logged.recorded() as u64 >= flooded.refused.min(RECORDED as u64)
    );
    assert_eq!(logged.used, beside.latencies.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_five_hundred_fills_its_action_and_no_other() {
    const MANY: u64 = 500;
    let service = Arc::new(Service::start(500));
    let load = Load::of(400);
    // Two at a time of each in turn: the same one, or two of which the second is like no other. Nobody decides.
    let asks = |action, rounds: u64| {
        move |number: u64| {
            let (turn, second) = (number / 2, number % 2);
            Ask {
                who: format!("many-{}", turn % MANY),
                action,
                number: 4 * (rounds + turn / MANY) + 2 * second * (turn % 2),
            }
        }
    };
    let both = beside_others(&service, load, asks("read", 0)).await;
    let (flooded, beside) = &both;
    let logged = settle(&service, flooded, 500).await;
    let name = "a_flood_from_five_hundred_fills_its_action_and_no_other";
    say(name, load, &both, &logged);
    beside.hold();
    assert_eq!(flooded.opened().len(), OF_ACTION);
    assert_eq!(service.pending().await.len(), OF_ACTION);
    // Where they ask for another action too, all that may wait does; nobody gets more than that, whoever it is.
    let (sender, _receiver) = mpsc::unbounded_channel();
    let load = Load { seconds: 1, ..load };
    let more = flood(&service, load, asks("bed", 1 << 20), sender).await;
    assert_eq!(more.opened().len(), OVERALL - OF_ACTION);
    assert_eq!(service.pending().await.len(), OVERALL);
    Logged::of(&service.records().await);
}
