//! How many grants a second are used, beside what the disk can do.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use velum_approval::{Answer, Check, Fingerprint, GatewayId};
use velum_harness::Postgres;

use crate::decide::{Asked, Decide, Decided, Outcome};
use crate::http::App;
use crate::inbox::Present;
use crate::random::SystemRandom;
use crate::store::conformance::{Ground, grants_for};
use crate::store::{Operation, StoreError, Transaction};
use crate::testing::{CONFIGURATION, START, Service, on_postgres};

/// How often the uses of a figure are interrupted for flushes, so that both meet the same seconds of a machine that is
/// shared.
const PARTS: usize = 20;

/// What it takes to make one page durable in a file that grows no more: with its times (`fsync`), and without
/// (`fdatasync`, as the store does).
struct Flushes {
    file: File,
    whole: Vec<Duration>,
    data: Vec<Duration>,
}

impl Flushes {
    fn new(folder: &Path) -> Flushes {
        let mut file = File::create(folder.join("flush")).unwrap();
        file.write_all(&vec![0; 200 * 4096]).unwrap();
        file.sync_all().unwrap();
        Flushes {
            file,
            whole: Vec::new(),
            data: Vec::new(),
        }
    }

    fn measure(&mut self) {
        self.file.rewind().unwrap();
        for _ in 0..10 {
            self.whole.push(flush(&mut self.file, File::sync_all));
            self.data.push(flush(&mut self.file, File::sync_data));
        }
    }
}

fn flush(file: &mut File, sync: fn(&File) -> std::io::Result<()>) -> Duration {
    file.write_all(&[7; 4096]).unwrap();
    let begun = Instant::now();
    sync(file).unwrap();
    begun.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// The least of what one stream, two and many have used, as parts of a flush each.
struct Parts {
    /// Each use in a transaction, and so a flush, of its own, none of which waits for the one before to be asked.
    alone: f64,
    /// How many uses a transaction had meanwhile, where the engine counts them; it counts those of the service too.
    alone_in_one: Option<f64>,
    /// Many at once share transactions.
    shared: f64,
}

/// Uses grants beside all that a service does with its store: its log grows and is signed meanwhile.
#[expect(clippy::print_stderr, reason = "it is there for its figures")]
async fn measure(name: &str, service: &Service) -> (String, Parts) {
    let folder = tempfile::tempdir().unwrap();
    let store = service.running.app.store();
    let ground = Ground {
        other: store.clone(),
        store: store.clone(),
        random: Arc::new(SystemRandom),
        now: START,
        grants: 2000,
    };
    let mut lines = Vec::new();
    let mut parts = Parts {
        alone: f64::NAN,
        alone_in_one: None,
        shared: f64::INFINITY,
    };
    // Of two streams one waits while the other is served. Now and then the engine would serve both in one
    // transaction, which is not what is measured of them.
    for streams in [1, 2, 16, 64] {
        store.share(streams != 2);
        let granted = grants_for(&ground, streams).await.unwrap();
        let uses = f64::from(granted.count());
        let mut flushes = Flushes::new(folder.path());
        let mut commits = store.commits().map(|_| 0);
        let mut took = Duration::ZERO;
        for part in granted.parts(PARTS) {
            flushes.measure();
            let before = store.commits();
            took += part.use_all().await.unwrap();
            let made = store.commits().zip(before).map(|(now, then)| now - then);
            commits = commits.zip(made).map(|(sum, made)| sum + made);
        }
        flushes.measure();
        let rate = uses / took.as_secs_f64();
        let (fsync, fdatasync) = (median(&mut flushes.whole), median(&mut flushes.data));
        let whole = rate * fsync.as_secs_f64();
        // By the shorter of the two: it is the store's own, and asks for more.
        let part = whole.min(rate * fdatasync.as_secs_f64());
        let in_one = commits.map(|commits| uses / f64::from(u32::try_from(commits).unwrap()));
        match streams {
            // What is between two uses that come one after the other is time in which nothing is done: it is told.
            1 => {}
            2 => (parts.alone, parts.alone_in_one) = (part, in_one),
            _ => parts.shared = parts.shared.min(part),
        }
        let commits =
            in_one.map_or_else(String::new, |in_one| format!(", {in_one:.2} a transaction"));
        let line = format!(
            "{name}, {streams} at once: {rate:.0} uses a second{commits}; fdatasync takes {:.3} ms, so {part:.2} of one a \
             flush (fsync {:.3} ms, {whole:.2})",
            fdatasync.as_secs_f64() * 1000.0,
            fsync.as_secs_f64() * 1000.0,
        );
        eprintln!("{line}");
        lines.push(line);
    }
    (lines.join("; "), parts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone, with --release"]
async fn figures_of_uses_a_second() {
    let (lines, parts) = measure("SQLite", &Service::with(CONFIGURATION).await).await;
    let server = Postgres::start().await.unwrap();
    let service = Service::with(&on_postgres(&server.url())).await;
    let (others, _) = measure("PostgreSQL", &service).await;
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = Path::new(&folder).join("figures_of_uses_a_second.txt");
        std::fs::write(file, format!("{lines}; {others}")).unwrap();
    }
    let in_one = parts.alone_in_one.unwrap();
    assert!(
        in_one <= 1.05,
        "{in_one:.2} uses of two streams a transaction: {lines}"
    );
    assert!(parts.alone >= 0.3 && parts.shared >= 0.3, "{lines}");
}

/// The mean of those in the middle: a pause of the machine is in neither.
fn typical(mut times: Vec<Duration>) -> Duration {
    times.sort();
    let edge = times.len() / 10;
    let middle = &times[edge..times.len() - edge];
    middle.iter().sum::<Duration>() / u32::try_from(middle.len()).unwrap()
}

/// The service's own decision on a check, without the record of a use; its row names another that is there. What else
/// the log's head is locked for (one time for all replicas, what is stopped, a database that was put back) is in both.
struct Bare {
    decide: Decide,
    instead: u64,
}

impl Operation for Bare {
    type Output = Decided;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<Decided, StoreError> {
        transaction.append_nothing(self.instead);
        self.decide.run(transaction).await
    }
}

/// What the service decides on a check of which it knows everyone.
async fn decision(app: &App, check: &Check) -> Decide {
    let parts = app.parts();
    let (principal, action) = (&check.principal, &check.action);
    let excluded = parts
        .directory
        .resolve_with(principal, &check.lineage)
        .unwrap();
    let present = Present::load(app).await.unwrap();
    let asked = Asked {
        gateway: GatewayId::new("edge").unwrap(),
        requester: parts.directory.party(principal).cloned().unwrap(),
        panel: parts.actions.panel(action, &excluded, &present).unwrap(),
        terms: parts.actions.terms(action).unwrap(),
        route: parts.policies.route(check).unwrap(),
        check: check.clone(),
    };
    Decide {
        app: app.clone(),
        asked: Arc::new(asked),
        waits_for: None,
    }
}

/// How long the transactions that use grants take with their records, and without them.
async fn with_and_without_records(configuration: &str) -> (Vec<Duration>, Vec<Duration>) {
    let service = Service::with(configuration).await;
    let app = &service.running.app;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for number in 0..2_000_u32 {
        // Ten a second, so many may be asked; and a second is over as often before a use as before an ask.
        service.clock.advance(50);
        let instead = app.store().next_index().await.unwrap();
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        let mut check = service.ask(1);
        check.fingerprint = Fingerprint::from_bytes(digest);
        let id = service.pending(&check).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let decide = decision(app, &check).await;
        service.clock.advance(50);
        // With, without, without, with: so that neither is always behind the other.
        let has_record = matches!(number % 4, 0 | 3);
        let begun = Instant::now();
        let decided = if has_record {
            app.store().write(decide).await
        } else {
            app.store().write(Bare { decide, instead }).await
        };
        let took = begun.elapsed();
        let outcome = decided.unwrap().outcome;
        assert!(matches!(outcome, Outcome::Answer(Answer::Allow(_))));
        if has_record {
            with.push(took);
        } else {
            without.push(took);
        }
    }
    (with, without)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone, with --release"]
async fn a_record_costs_a_use_less_than_a_tenth_of_its_time() {
    let server = Postgres::start().await.unwrap();
    let mut lines = Vec::new();
    let mut most = f64::NEG_INFINITY;
    for (name, configuration) in [
        ("PostgreSQL", on_postgres(&server.url())),
        ("SQLite", CONFIGURATION.to_owned()),
    ] {
        let (with, without) = with_and_without_records(&configuration).await;
        let (with, without) = (typical(with), typical(without));
        let cost = with.as_secs_f64() / without.as_secs_f64() - 1.0;
        most = most.max(cost);
        lines.push(format!(
            "a use on {name} takes {:.3} ms with its record and {:.3} ms without, by turns in one run: {:+.1} %",
            with.as_secs_f64() * 1000.0,
            without.as_secs_f64() * 1000.0,
            cost * 100.0,
        ));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut flushes = Flushes::new(folder.path());
    flushes.measure();
    let flush = median(&mut flushes.data).as_secs_f64() * 1000.0;
    let line = format!("{}; a flush takes {flush:.3} ms", lines.join("; "));
    if let Some(figures) = std::env::var_os("VELUM_FIGURES") {
        let name = "a_record_costs_a_use_less_than_a_tenth_of_its_time.txt";
        std::fs::write(Path::new(&figures).join(name), &line).unwrap();
    }
    assert!(most < 0.1, "{line}");
}
