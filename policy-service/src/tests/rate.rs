//! How many grants a second are used, beside what the disk can do.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use velum_harness::Postgres;

use crate::random::SystemRandom;
use crate::store::conformance::{Ground, uses_a_second};
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
