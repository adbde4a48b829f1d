//! Networks that are split. Two services share a database, each behind a line of its own, which is held back, cut or
//! slow while the other's is whole. They know of one another by the database alone, and by the fence, a file that
//! both have; so who is cut off from the database is cut off from the other service too.
//!
//! Short here; `VELUM_LONG` asks for 36 rounds of uses and for 8 of the log.

#[path = "../kit/checks.rs"]
mod checks;
#[path = "../kit/policy.rs"]
mod policy;

mod line;
mod pair;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use checks::check;
use line::Side;
use pair::{NAME, PATIENCE, Pair, Service, racer};

/// When whoever calls a service that is cut off is told so at the latest: what it does with the store is begun
/// within 2 s, takes 6 s at most, and the machine has a while for it.
const TOLD: Duration = Duration::from_secs(11);
/// How soon another signs: a lease of ten seconds, and what a slow machine takes.
const SIGNS: Duration = Duration::from_secs(25);
/// How soon a line that is whole again is used again.
const BACK: Duration = Duration::from_secs(6);

fn is_long() -> bool {
    std::env::var_os("VELUM_LONG").is_some()
}

/// Leaves a line for `cargo xtask claims`.
#[expect(clippy::print_stderr, reason = "the figures of the run")]
fn figure(test: &str, line: &str) {
    eprintln!("{test}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

/// What became of all rounds.
#[derive(Default)]
struct Tally {
    uses: usize,
    /// Calls of the service that was cut off which were told 503, and how long the slowest took.
    refused: usize,
    slowest: Duration,
    /// Uses by streams that had been told 503: their commit arrived all the same.
    late: usize,
    /// Those of them whose commit was held back itself, and not its answer.
    late_commits: usize,
    /// How long the other service waited at most for what the first had locked.
    stood: Duration,
}

/// Has streams go for grants at the service whose line is held back at the commit of one of them, and others for the
/// same grants at the other; then lets through what was held.
async fn held_back(pair: &Pair, round: u32, (side, held): (Side, Duration), tally: &mut Tally) {
    const GRANTS: u128 = 6;
    let first = u128::from(round) * 1000;
    let mut grants = Vec::new();
    for request in first..first + GRANTS {
        grants.push((request, pair.whole.granted(request).await));
    }
    let armed = (side, b"grant.used".as_slice(), 1 + round % 3);
    pair.line.set(|state| state.armed = Some(armed));
    let mut at_split = JoinSet::new();
    let mut go = |stream| {
        for (request, id) in &grants {
            let (service, check) = (pair.split.clone(), racer(*request, stream, id));
            at_split.spawn(async move { (service.check(&check, 0).await, check) });
        }
    };
    go(1);
    pair.line.held().await;
    let begun = Instant::now();
    // They come to a service that is cut off already.
    go(2);
    let mut at_whole = JoinSet::new();
    for (request, id) in &grants {
        let (service, check) = (pair.whole.clone(), racer(*request, 3, id));
        at_whole.spawn(async move { (service.patiently(&check).await, check) });
    }
    sleep_until((begun + held).into()).await;
    pair.line.open();
    let mut streams = at_split.join_all().await;
    for (told, _) in &streams {
        assert!(matches!(told.status, 200 | 503), "{told:?}");
        assert!(told.took < TOLD, "{side:?} for {held:?}: {told:?}");
        tally.slowest = tally.slowest.max(told.took);
    }
    for (told, check) in at_whole.join_all().await {
        tally.stood = tally.stood.max(told.took);
        streams.push((told, check));
    }
    let mut winners = Vec::new();
    for (told, check) in streams {
        let again = pair.split.patiently(&check).await;
        let elsewhere = pair.whole.patiently(&check).await;
        assert_eq!(again.body["decision"], elsewhere.body["decision"]);
        tally.refused += usize::from(told.status == 503);
        assert!(
            !told.is_allowed() || again.is_allowed(),
            "it was taken back"
        );
        if again.is_allowed() {
            assert_eq!(again.body, elsewhere.body);
            assert!(told.status == 503 || told.body == again.body, "{told:?}");
            tally.late += usize::from(told.status == 503);
            let is_late = told.status == 503 && side != Side::FromDatabase;
            tally.late_commits += usize::from(is_late);
            winners.push(check["approval"].to_string());
        }
    }
    winners.sort();
    winners.dedup_by(|one, other| {
        assert_ne!(one, other, "a grant was released twice");
        false
    });
    assert_eq!(winners.len(), grants.len(), "a grant was lost");
    tally.uses += winners.len();
    let ids: Vec<_> = grants.into_iter().map(|(_, id)| id).collect();
    pair.used(&ids, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_whose_packets_are_held_back_release_each_grant_once() {
    // Until before the caller is told, until then and before the database gives up (after 7 s), and until after that.
    let lengths = [2_000, 6_200, 11_000].map(Duration::from_millis);
    let sides = [Side::ToDatabase, Side::FromDatabase, Side::Both];
    let all = lengths.map(|held| sides.map(|side| (side, held)));
    let all: Vec<_> = if is_long() {
        (0..4).flat_map(|_| all.concat()).collect()
    } else {
        vec![all[1][0], all[0][2], all[1][1], all[2][2]]
    };
    let pair = Pair::start().await;
    let mut tally = Tally::default();
    let mut rounds = 0;
    // A machine that is busy elsewhere may be too late for a commit that is late: it may try again.
    let again = [(Side::ToDatabase, lengths[1]); 4];
    for (side, held) in all.iter().chain(&again) {
        if rounds >= all.len() && tally.late_commits > 0 {
            break;
        }
        rounds += 1;
        let round = u32::try_from(rounds).unwrap();
        let more = Duration::from_millis(u64::from(round) * 7919 % 300);
        held_back(&pair, round, (*side, *held + more), &mut tally).await;
    }
    assert!(tally.late_commits > 0 && tally.refused > tally.late);
    let line = format!(
        "{} rounds, {} grants used once each, {} of them by a commit whose caller had been told 503, of which {} came late \
         to the database; {} calls told 503, the slowest answer after {:.1} s; the other service waited {:.1} s at most",
        rounds,
        tally.uses,
        tally.late,
        tally.late_commits,
        tally.refused,
        tally.slowest.as_secs_f64(),
        tally.stood.as_secs_f64(),
    );
    figure(
        "uses_whose_packets_are_held_back_release_each_grant_once",
        &line,
    );
}

/// The root of each size that was ever seen, fenced or published.
#[derive(Default)]
struct Roots {
    roots: BTreeMap<u64, String>,
    heads: BTreeMap<u64, String>,
}

impl Roots {
    fn see(&mut self, head: &str) -> u64 {
        let mut lines = head.lines().skip(1);
        let size = lines.next().unwrap().parse().unwrap();
        let root = lines.next().unwrap().to_owned();
        let before = self.roots.insert(size, root.clone());
        assert!(before.is_none_or(|it| it == root), "two roots at {size}");
        size
    }

    /// What both services show and the fence has, in this order: nothing is published that is not fenced.
    async fn look(&mut self, pair: &Pair) {
        let (split, whole) = tokio::join!(pair.split.head(), pair.whole.head());
        let published = [split, whole].into_iter().flatten().map(|head| {
            let size = self.see(&head);
            self.heads.insert(size, head);
            size
        });
        let published = published.max();
        let fenced = fs::read_to_string(&pair.fence).ok().map(|it| self.see(&it));
        assert!(published <= fenced, "{published:?} beyond {fenced:?}");
    }
}

/// Holds back the line of the one that signs for longer than it is the only one; gives how long nobody signed.
async fn overtaken(pair: &Pair, round: u128, is_at_head: bool, roots: &mut Roots) -> Duration {
    let asked = AtomicU32::new(0);
    let ask = async |service: &Service| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        service.pending((round << 32) + u128::from(number)).await;
    };
    let holder = pair.holder().await;
    if is_at_head {
        let armed = (Side::Both, NAME.as_bytes(), 1);
        pair.line.set(|state| state.armed = Some(armed));
        let ((), ()) = tokio::join!(ask(&pair.whole), pair.line.held());
    } else {
        pair.line.hold(Side::Both);
    }
    let begun = Instant::now();
    while pair.holder().await == holder {
        ask(&pair.whole).await;
        roots.look(pair).await;
        assert!(begun.elapsed() < PATIENCE, "nobody goes on");
    }
    pair.whole.signed().await;
    let took = begun.elapsed();
    assert!(took < SIGNS, "nobody signed for {took:?}");
    for _ in 0..3 {
        ask(&pair.whole).await;
        pair.whole.signed().await;
        roots.look(pair).await;
    }
    pair.line.open();
    for _ in 0..5 {
        ask(&pair.split).await;
        ask(&pair.whole).await;
        roots.look(pair).await;
        sleep(Duration::from_millis(500)).await;
    }
    for service in [&pair.split, &pair.whole] {
        service.signed().await;
        roots.look(pair).await;
        let logs = service.get("/v1/logs").await.body;
        assert_eq!(logs["is_recovering"], false, "{logs}");
    }
    took
}

/// Until the first one signs again: the other one is gone for a while.
async fn given_back(pair: &Pair, holder: &str) {
    let begun = Instant::now();
    pair.other_line.hold(Side::Both);
    while pair.holder().await != holder {
        assert!(begun.elapsed() < PATIENCE, "nobody goes on");
        sleep(Duration::from_millis(200)).await;
    }
    pair.other_line.open();
    pair.whole.signed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_signs_and_is_cut_off_beyond_its_lease_contradicts_nothing_the_other_has_signed() {
    let pair = Pair::start().await;
    let holder = pair.holder().await;
    let (mut roots, mut longest) = (Roots::default(), Duration::ZERO);
    let rounds = if is_long() { 8 } else { 1 };
    for round in 1..=rounds {
        // At the commit of a head that is fenced already, or whenever it is.
        let took = overtaken(&pair, round, round % 2 == 1, &mut roots).await;
        longest = longest.max(took);
        if round < rounds {
            given_back(&pair, &holder).await;
        }
    }
    let records = pair.whole.verified(&roots.heads).await;
    assert_eq!(pair.split.verified(&roots.heads).await, records);
    figure(
        "one_that_signs_and_is_cut_off_beyond_its_lease_contradicts_nothing_the_other_has_signed",
        &format!(
            "{rounds} times cut off, the other signs after {:.1} s at most; {records} records, {} sizes seen",
            longest.as_secs_f64(),
            roots.roots.len()
        ),
    );
}

/// Waits at the service that is cut off for what is decided at the other meanwhile.
async fn decided_elsewhere(pair: &Pair, first: u128, is_cut: bool) -> Duration {
    let (asked, revoked) = (
        pair.split.pending(first).await,
        pair.split.granted(first + 1).await,
    );
    let card = pair.split.get(&format!("/v1/approvals/{revoked}")).await;
    assert_eq!(card.body["state"], "approved");
    let spawned = pair.split.clone();
    let waits = tokio::spawn(async move { spawned.check(&check(first, 1), 40).await });
    let version = pair.split.get(&format!("/v1/approvals/{asked}")).await.body["version"].clone();
    let path = format!("/v1/approvals/{asked}?wait=40&after_version={version}");
    let spawned = pair.split.clone();
    let looks = tokio::spawn(async move { spawned.get(&path).await });
    sleep(Duration::from_millis(500)).await;
    if is_cut {
        pair.line.set(|state| state.is_cut = true);
    } else {
        pair.line.hold(Side::Both);
    }
    pair.whole.act(&asked, "approve").await;
    pair.whole.act(&revoked, "revoke").await;
    // What it has known to be approved is not, and it cannot know.
    let stale = pair.split.check(&racer(first + 1, 2, &revoked), 0).await;
    assert_eq!(stale.status, 503, "{stale:?}");
    assert!(stale.took < TOLD, "{stale:?}");
    let card = pair.split.get(&format!("/v1/approvals/{revoked}")).await;
    assert_eq!(card.status, 503, "{card:?}");
    sleep(Duration::from_secs(2)).await;
    assert!(!waits.is_finished() && !looks.is_finished());
    pair.line.open();
    let back = Instant::now();
    // Told to ask again, by which alone something is released.
    let waited = waits.await.unwrap();
    assert_eq!(waited.body["decision"], "pending", "{waited:?}");
    assert_eq!(waited.body["retry_after_seconds"], 0, "{waited:?}");
    let looked = looks.await.unwrap();
    assert_eq!(looked.body["state"], "approved", "{looked:?}");
    let took = back.elapsed();
    assert!(took < BACK, "{took:?}");
    let used = pair.split.patiently(&racer(first, 1, &asked)).await;
    assert!(used.is_allowed(), "{used:?}");
    let stale = pair.split.patiently(&racer(first + 1, 2, &revoked)).await;
    assert_eq!(stale.body["code"], "revoked", "{stale:?}");
    pair.used(&[asked], 1).await;
    pair.used(&[revoked], 0).await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_at_a_service_that_is_cut_off_hears_what_is_true_once_it_is_back() {
    let pair = Pair::start().await;
    let held = decided_elsewhere(&pair, 100, false).await;
    let cut = decided_elsewhere(&pair, 200, true).await;
    figure(
        "who_waits_at_a_service_that_is_cut_off_hears_what_is_true_once_it_is_back",
        &format!(
            "heard {:.1} s after packets were let through, {:.1} s after connections could be made again",
            held.as_secs_f64(),
            cut.as_secs_f64()
        ),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_slow_line_everything_goes_on_more_slowly() {
    // There and back it takes twice that.
    let delay = Duration::from_millis(if is_long() { 50 } else { 20 });
    let pair = Pair::start().await;
    for line in [&pair.line, &pair.other_line] {
        line.set(|state| state.delay = delay);
    }
    let begun = Instant::now();
    let id = pair.split.pending(1).await;
    let opened = begun.elapsed();
    let (service, waiting) = (pair.whole.clone(), check(1, 1));
    let waits = tokio::spawn(async move { service.check(&waiting, 40).await });
    // Longer than it takes until it waits.
    sleep(100 * delay).await;
    pair.split.act(&id, "approve").await;
    let decided = Instant::now();
    let waited = waits.await.unwrap();
    let heard = decided.elapsed();
    assert_eq!(waited.body["retry_after_seconds"], 0, "{waited:?}");
    let mut streams = JoinSet::new();
    for stream in 1..=4 {
        let service = [&pair.whole, &pair.split][usize::try_from(stream % 2).unwrap()].clone();
        let check = racer(1, stream, &id);
        streams.spawn(async move { service.patiently(&check).await });
    }
    let told = streams.join_all().await;
    let allowed = told.iter().filter(|told| told.is_allowed()).count();
    assert_eq!(allowed, 1, "{told:?}");
    let slowest = told.iter().map(|told| told.took).max().unwrap();
    pair.used(&[id], 1).await;
    pair.split.signed().await;
    pair.whole.verified(&BTreeMap::new()).await;
    assert!(opened > delay && slowest > delay);
    figure(
        "over_a_slow_line_everything_goes_on_more_slowly",
        &format!(
            "each packet {} ms late: opened in {:.1} s, the waiting heard after {:.1} s, of four that went for it one \
             used it and the slowest knew after {:.1} s",
            delay.as_millis(),
            opened.as_secs_f64(),
            heard.as_secs_f64(),
            slowest.as_secs_f64()
        ),
    );
}

/// Whether the first service opens an approval, and how soon it is known.
async fn opens(pair: &Pair, request: u128) -> (bool, Duration) {
    let told = pair.split.check(&check(request, 0), 0).await;
    (told.status == 200, told.took)
}

/// Whether it says what waits, and how soon.
async fn reads(pair: &Pair) -> (bool, Duration) {
    let told = pair.split.get("/v1/approvals").await;
    (told.status == 200, told.took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_lost_without_a_word_are_given_up_and_others_made() {
    const MANY: u128 = 24;
    let pair = Arc::new(Pair::start().await);
    for first in [1000, 2000] {
        let mut calls = JoinSet::new();
        for request in first..first + MANY {
            let pair = pair.clone();
            calls.spawn(async move {
                // Some write, and some only read.
                if request % 3 == 0 {
                    reads(&pair).await
                } else {
                    opens(&pair, request).await
                }
            });
        }
        if first == 2000 {
            // As many as the pool has are under way.
            sleep(Duration::from_millis(3)).await;
            pair.line.hold(Side::Both);
        }
        let told = calls.join_all().await;
        for (_, took) in &told {
            assert!(*took < TOLD, "{took:?}");
        }
        let are_answered = told.iter().all(|(is_answered, _)| *is_answered);
        assert_eq!(are_answered, first == 1000, "{told:?}");
    }
    pair.line.lose();
    let begun = Instant::now();
    while !(opens(&pair, 3000).await.0 && reads(&pair).await.0) {
        assert!(begun.elapsed() < TOLD, "no new connection is made");
    }
    assert_eq!(pair.split.get("/readyz").await.status, 200);
}
