//! How many grants a second are used, beside what the disk can do.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_harness::Postgres;

use crate::random::SystemRandom;
use crate::store::conformance::{Ground, uses_a_second, with_and_without_records};
use crate::store::{Place, Store};
use crate::testing::START;

/// The median of what it takes to make one page durable, in a file that grows no more.
fn flush(folder: &Path) -> Duration {
    let mut file = File::create(folder.join("flush")).unwrap();
    file.write_all(&vec![0; 200 * 4096]).unwrap();
    file.sync_all().unwrap();
    file.rewind().unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).unwrap();
            let begun = Instant::now();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::print_stderr, reason = "it is there for its figures")]
async fn measure(name: &str, store: Store) -> (String, f64) {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground {
        other: store.clone(),
        store,
        random: Arc::new(SystemRandom),
        now: START,
        grants: 2000,
    };
    let (mut lines, mut least) = (Vec::new(), f64::INFINITY);
    for streams in [1, 16, 64] {
        let before = flush(folder.path());
        let rate = uses_a_second(&ground, streams).await.unwrap();
        let after = flush(folder.path());
        let flush = (before + after) / 2;
        let part = rate * flush.as_secs_f64();
        least = least.min(part);
        let line = format!(
            "{name}, {streams} at once: {rate:.0} uses a second; a flush takes {:.2} ms, so {part:.2} of \
             one a flush",
            flush.as_secs_f64() * 1000.0,
        );
        eprintln!("{line}");
        lines.push(line);
    }
    (lines.join("; "), least)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone, with --release"]
async fn figures_of_uses_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let (lines, least) = measure("SQLite", Store::open(&place).await.unwrap().0).await;
    let server = Postgres::start().await.unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let (others, _) = measure("PostgreSQL", Store::open(&place).await.unwrap().0).await;
    if let Some(folder) = std::env::var_os("VELUM_FIGURES") {
        let file = Path::new(&folder).join("figures_of_uses_a_second.txt");
        std::fs::write(file, format!("{lines}; {others}")).unwrap();
    }
    assert!(least >= 0.3, "{lines}");
}

/// The mean of those in the middle: a pause of the machine is in neither.
fn typical(mut times: Vec<Duration>) -> Duration {
    times.sort();
    let edge = times.len() / 10;
    let middle = &times[edge..times.len() - edge];
    middle.iter().sum::<Duration>() / u32::try_from(middle.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; run it alone, with --release"]
async fn a_record_costs_a_use_less_than_a_tenth_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let (store, _) = Store::open(&place).await.unwrap();
    let ground = Ground {
        other: store.clone(),
        store,
        random: Arc::new(SystemRandom),
        now: START,
        grants: 1_000,
    };
    let (with, without) = with_and_without_records(&ground).await.unwrap();
    let (with, without) = (typical(with), typical(without));
    let more = with.as_secs_f64() / without.as_secs_f64() - 1.0;
    let line = format!(
        "a use on SQLite takes {:.2} ms with its record and {:.2} ms without, by turns in one run: {:+.1} %; \
         a flush takes {:.2} ms",
        with.as_secs_f64() * 1000.0,
        without.as_secs_f64() * 1000.0,
        more * 100.0,
        flush(folder.path()).as_secs_f64() * 1000.0,
    );
    if let Some(figures) = std::env::var_os("VELUM_FIGURES") {
        let name = "a_record_costs_a_use_less_than_a_tenth_of_its_time.txt";
        std::fs::write(Path::new(&figures).join(name), &line).unwrap();
    }
    assert!(more < 0.1, "{line}");
}
