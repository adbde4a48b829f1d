//! Power loss: what the service wrote to its disk and did not flush is gone, and what it said is done is there.
//!
//! A library before the C library's notes each write, change of a name and flush of what is in the data folder, in
//! their order, while a service works under load on SQLite: it begins the folder, is stopped once, so that its
//! log of writes is moved into the database, and is killed at last. Whoever is answered notes how long that journal
//! is. For many of its lengths the folder is then built as a disk would have it that lost its power there, the
//! keys with it, and a service is started on that. The fence is a file of another volume, which keeps its power: what
//! it told at that length, or a little before, stands beside the folder, and the service may not find it ahead.
//!
//! Short here; `VELUM_LONG` asks for 200 points.

#[path = "../kit/checks.rs"]
mod checks;
#[path = "../kit/policy.rs"]
mod policy;

mod disk;
mod load;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use disk::{Journal, Luck};
use load::{Ack, Caller, DENIED, ISSUED, REQUESTED, REVOKED, USED};
use serde_json::{Value, json};
use service::{FENCE, Service, folder};
use velum_approval::replay::Replay;

const LIBRARY: &str = include_str!("journal.c");
const LOST: &str = "what was acknowledged has no record, or two";
/// For how long a use is answered again, with some room.
const ANSWERED_AGAIN: Duration = Duration::from_secs(50);
/// How many acknowledgements, the last ones before the loss, are asked for again one by one.
const ASKED_AGAIN: usize = 40;

/// What was done to a disk, and what was said meanwhile.
struct Recorded {
    journal: Journal,
    acks: Vec<Ack>,
    /// What the log showed, and how long the journal was then.
    shown: Vec<(usize, Vec<Value>)>,
}

/// Works under load on a disk that says of the file `unflushed`, where there is one, that it is flushed and does
/// nothing.
async fn record(unflushed: &str, rounds: u128) -> Recorded {
    let folder = folder();
    let (source, library) = (
        folder.path().join("journal.c"),
        folder.path().join("journal.so"),
    );
    std::fs::write(&source, LIBRARY).unwrap();
    // The compiler that SQLite is built with.
    let mut compiler = Command::new("cc");
    let compiler = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let ended = compiler.arg(&source).arg("-ldl").status().unwrap();
    assert!(ended.success(), "{ended}");
    let path = folder.path().join("journal");
    let length = || usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
    let (mut acks, mut shown) = (Vec::new(), Vec::new());
    let service = Service::start(folder.path(), Some(unflushed)).unwrap();
    for round in 0..rounds {
        let load = load::begin(&service.caller, round);
        acks.extend(load.join_all().await.into_iter().flatten());
        acks.extend(load::one_by_one(&service.caller, round).await);
        let leaves = service.caller.leaves().await;
        shown.push((length(), leaves));
    }
    service.stop();
    has_all(&path, &folder.path().join("velum-data"));
    let mut service = Service::start(folder.path(), Some(unflushed)).unwrap();
    for round in rounds..rounds * 2 {
        let load = load::begin(&service.caller, round);
        acks.extend(load.join_all().await.into_iter().flatten());
    }
    let load = load::begin(&service.caller, rounds * 2);
    tokio::time::sleep(Duration::from_millis(40)).await;
    service.kill();
    acks.extend(load.join_all().await.into_iter().flatten());
    acks.sort_by_key(|ack| ack.at);
    Recorded {
        journal: Journal::read(std::fs::read(&path).unwrap()),
        acks,
        shown,
    }
}

/// The journal tells of everything that was done: the files are as it says, to the byte.
fn has_all(journal: &Path, data: &Path) {
    let journal = Journal::read(std::fs::read(journal).unwrap());
    let told = journal.folder(usize::MAX, Luck::All).files;
    let mut names = BTreeSet::from(["velum.lock".to_owned()]);
    for (name, bytes) in told {
        assert!(std::fs::read(data.join(&name)).unwrap() == bytes, "{name}");
        names.insert(name);
    }
    let files = std::fs::read_dir(data).unwrap();
    let there = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names, there.collect());
}

/// What a service on a disk that lost its power comes to.
#[derive(Default)]
struct Found {
    /// What was acknowledged before and is checked.
    acks: usize,
    /// Writes that the disk has lost.
    lost: usize,
    /// Uses whose streams have asked again.
    again: usize,
    /// How many fences stood beside it.
    fences: usize,
    faults: BTreeSet<&'static str>,
}

impl Found {
    fn require(&mut self, holds: bool, fault: &'static str) {
        if !holds {
            self.faults.insert(fault);
        }
    }
}

/// The state of each approval, and how often it was used, as the records say.
fn states(leaves: &[Value]) -> BTreeMap<&str, (&'static str, usize)> {
    let mut states = BTreeMap::new();
    for leaf in leaves {
        let Some(id) = leaf["data"]["approval"]["id"].as_str() else {
            continue;
        };
        let state = match leaf["type"].as_str().unwrap() {
            REQUESTED => "pending",
            ISSUED => "approved",
            DENIED => "denied",
            REVOKED => "revoked",
            USED => "used",
            _ => continue,
        };
        let found = states.entry(id).or_insert((state, 0));
        found.0 = state;
        found.1 += usize::from(state == "used");
    }
    states
}

impl Recorded {
    /// Loses the power where the journal has this length, and starts a service on what is left.
    async fn lose_power(&self, at: usize, luck: Luck) -> Found {
        let mut found = Found::default();
        let folder = folder();
        found.lost = self.leave(at, luck, &folder.path().join("velum-data"));
        let fence = self.acks.iter().rfind(|ack| ack.at <= at);
        if let Some(fence) = fence.and_then(|ack| ack.fence.as_ref()) {
            std::fs::write(folder.path().join(FENCE), fence).unwrap();
            found.fences += 1;
        }
        let Some(service) = Service::start(folder.path(), None) else {
            found.require(false, "it does not start");
            return found;
        };
        found.require(service.is_ready().await, "it is not ready");
        self.compare(&service.caller, at, &mut found).await;
        found
    }

    /// Makes the data folder as it is left there, and tells how many writes are not in it.
    fn leave(&self, at: usize, luck: Luck, data: &Path) -> usize {
        let disk = self.journal.folder(at, luck);
        std::fs::create_dir(data).unwrap();
        std::fs::set_permissions(data, Permissions::from_mode(0o700)).unwrap();
        for (name, bytes) in disk.files {
            std::fs::write(data.join(&name), bytes).unwrap();
            std::fs::set_permissions(data.join(&name), Permissions::from_mode(0o600)).unwrap();
        }
        disk.lost
    }

    /// Loses the power at the moment when somebody was told that something is done, and lets SQLite alone say
    /// whether it is, and whether the database is whole.
    fn is_kept(&self, ack: &Ack) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("velum-data");
        self.leave(ack.at, Luck::None, &data);
        let database = rusqlite::Connection::open(data.join("velum.sqlite")).unwrap();
        let whole: String = database
            .query_row("PRAGMA quick_check", [], |row| row.get(0))
            .unwrap();
        let record = "SELECT count(*) FROM audit_entry WHERE instr(entry, CAST($1 AS BLOB)) > 0
                      AND instr(entry, CAST($2 AS BLOB)) > 0";
        let texts = (ack.kind, format!("\"{}\"", ack.id));
        let records: i64 = database.query_row(record, texts, |row| row.get(0)).unwrap();
        whole == "ok" && records == 1
    }

    /// Of acknowledgements that are spread over all: how many were looked for at their own moment, and how many
    /// of them are there.
    fn kept(&self, most: usize) -> (usize, usize) {
        let step = self.acks.len().div_ceil(most);
        let looked: Vec<_> = self.acks.iter().step_by(step).collect();
        let kept = looked.iter().filter(|ack| self.is_kept(ack)).count();
        (looked.len(), kept)
    }

    /// Holds what is there against what was said until then, and lets streams ask again.
    async fn compare(&self, caller: &Caller, at: usize, found: &mut Found) {
        let told: Vec<&Ack> = self.acks.iter().take_while(|ack| ack.at <= at).collect();
        found.acks = told.len();
        let leaves = caller.leaves().await;
        if let Some((_, shown)) = self.shown.iter().rfind(|(length, _)| *length <= at) {
            found.require(
                leaves.starts_with(shown),
                "records that were shown are others",
            );
        }
        let of = |leaf: &Value| (leaf["type"].clone(), leaf["data"]["approval"]["id"].clone());
        let records: Vec<_> = leaves.iter().map(of).collect();
        for ack in &told {
            let record = (json!(ack.kind), json!(ack.id));
            let times = records.iter().filter(|it| **it == record).count();
            found.require(times == 1, LOST);
        }
        let states = states(&leaves);
        let last = told.iter().rev().take(ASKED_AGAIN);
        for ack in last.clone() {
            let card = caller.json(&format!("/v1/approvals/{}", ack.id)).await;
            let state = states.get(ack.id.as_str()).map(|it| it.0);
            found.require(card["state"].as_str() == state, "state and records differ");
        }
        let mut raced = BTreeSet::new();
        for ack in last {
            let state = states.get(ack.id.as_str()).map(|it| it.0);
            let is_recent = ack.when.elapsed() < ANSWERED_AGAIN;
            if let Some((check, answer)) = ack.used.as_ref().filter(|_| is_recent) {
                let again = caller.check(check).await;
                found.again += 1;
                found.require(
                    again.as_ref() == Some(answer),
                    "a use is not answered again",
                );
            }
            if !raced.insert(&ack.id) {
                continue;
            }
            let (one, other) = tokio::join!(caller.race(ack, 201), caller.race(ack, 202));
            let released = usize::from(one.is_some()) + usize::from(other.is_some());
            let holds = released == usize::from(state == Some("approved"));
            found.require(
                holds,
                "a grant is released again, or one that is open is not",
            );
        }
        let leaves = caller.leaves().await;
        let mut replay = Replay::default();
        for (index, leaf) in (0..).zip(&leaves) {
            replay.leaf(index, &serde_json::to_vec(leaf).unwrap());
        }
        let report = replay.finish();
        found.require(report.is_sound(), "the log tells of what the rules forbid");
        let once = self::states(&leaves).values().all(|it| it.1 <= 1);
        found.require(once, "a grant was released twice");
    }

    /// Lengths of the journal at which the power is lost: just before a flush is done, just behind it, and when
    /// somebody was answered, spread over all; and just before one of the database itself is done.
    fn points(&self, count: usize) -> Vec<usize> {
        let flushes = self.journal.flushes();
        let point = |index: usize| {
            let of = |length: usize| (2 * index + 1) * length / (2 * count);
            match index % 3 {
                0 => flushes[of(flushes.len())].0,
                1 => flushes[of(flushes.len())].1,
                _ => self.acks[of(self.acks.len())].at,
            }
        };
        let moved = self.journal.moves().last().map(|flush| flush.0);
        (1..count).map(point).chain(moved).collect()
    }
}

/// Leaves a line for `cargo xtask claims`, and for whoever reads the run.
#[expect(clippy::print_stdout, reason = "figures of a run")]
fn figure(test: &str, line: &str) {
    println!("{test}: {line}");
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        std::fs::write(Path::new(&folder).join(format!("{test}.txt")), line).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_loses_its_power_keeps_what_the_service_said_on_sqlite() {
    let test = "a_machine_that_loses_its_power_keeps_what_the_service_said_on_sqlite";
    // A use is answered again for a minute: many points are those of several runs. In one the log of writes is so
    // long that it is moved into the database, and begun anew, while the service works.
    let (rounds, points) = match std::env::var_os("VELUM_LONG") {
        Some(_) => (vec![100, 4, 4, 4, 4, 4, 4, 4, 4, 4], 20),
        None => (vec![2], 12),
    };
    let (mut acks, mut lost, mut moves, mut alone) = (0, 0, 0, 0);
    let (mut again, mut fences) = (0, 0);
    for (run, rounds) in rounds.iter().enumerate() {
        let recorded = record("", *rounds).await;
        moves += recorded.journal.moves().len();
        for (index, at) in recorded.points(points).into_iter().enumerate() {
            let seed = u64::try_from(run * points + index).unwrap();
            let (all, some) = tokio::join!(
                recorded.lose_power(at, Luck::None),
                recorded.lose_power(at, Luck::Some(seed))
            );
            let faults = [&all.faults, &some.faults];
            assert_eq!(faults, [&BTreeSet::new(); 2], "run {run}, length {at}");
            acks += all.acks + some.acks;
            lost += all.lost + some.lost;
            again += all.again + some.again;
            fences += all.fences + some.fences;
        }
        let (looked, kept) = recorded.kept(200);
        assert_eq!(looked, kept, "run {run}");
        alone += looked;
    }
    assert!(acks > 0 && lost > 0, "{acks}, {lost}");
    assert!(again > 0 && fences > points, "{again}, {fences}");
    // At two beginnings and a stop of each run it is moved too.
    assert!(
        moves >= 3 * rounds.len() + usize::from(points == 20),
        "{moves}"
    );
    let points = rounds.len() * points;
    let line = format!(
        "power lost at {points} points, twice each: {acks} acknowledgements looked for, none lost; {again} uses \
         were answered again; at {alone} acknowledgements: none lost; {lost} writes were; the log of writes was moved {moves} times"
    );
    figure(test, &line);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_only_says_that_it_has_flushed_is_found_to_lose_what_was_said() {
    let test = "a_disk_that_only_says_that_it_has_flushed_is_found_to_lose_what_was_said";
    let recorded = record("velum.sqlite-wal", 1).await;
    let (looked, kept) = recorded.kept(200);
    assert!(kept < looked / 10, "{kept} of {looked} are there");
    let mut faults = BTreeSet::new();
    // Of the process that was stopped in good order, and of the one that was killed.
    for at in [recorded.shown[0].0, recorded.acks.last().unwrap().at] {
        let found = recorded.lose_power(at, Luck::None).await;
        assert!(found.faults.contains(LOST), "{:?}", found.faults);
        faults.extend(found.faults);
    }
    let line = format!(
        "{} of {looked} acknowledgements lost; found: {faults:?}",
        looked - kept
    );
    figure(test, &line);
}
