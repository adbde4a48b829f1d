//! What the filter costs: Envoy's CPU time, requests a second, latency and memory, for a bare Envoy,
//! an empty filter, Velum under three policies, Envoy's Lua filter and a filter that parses the whole
//! body, interleaved in one run. `cargo xtask bench envoy` builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bundle;
mod connection;
mod lua;
mod measure;
mod variants;

use std::collections::HashMap;

use measure::{Figures, Round};
use variants::Variant;
use velum_harness::{Protocol, Reply, Result, Upstream};

const ROUNDS: usize = 7;
/// Bodies: where the upstream has them, and how many requests a round has.
const BODIES: [(&str, &str, u32); 5] = [
    ("2 KB", "/minified/2000", 1_500),
    ("64 KB", "/minified/64000", 300),
    ("1 MB", "/minified/1000000", 40),
    ("64 KB, indented", "/indented/64000", 300),
    ("1 MB, indented", "/indented/1000000", 40),
];

#[tokio::main]
async fn main() -> Result<()> {
    // Made once: an upstream that is slow to answer would make small chunks of a large body.
    let bodies: HashMap<&str, String> = BODIES.map(|(_, path, _)| (path, body(path))).into();
    let size = |body: &String| u32::try_from(body.len()).unwrap_or(u32::MAX);
    let sizes: HashMap<&str, u32> = bodies.iter().map(|(path, it)| (*path, size(it))).collect();
    let upstream = Upstream::start(Protocol::Http1, move |request| {
        let body = bodies.get(&*request.path).cloned().unwrap_or_default();
        Reply::new(200)
            .header("content-type", "application/json")
            .whole(body)
    })
    .await?;
    let variants = variants::start(&upstream).await?;
    println!(
        "Bodies: FHIR Bundles, minified or indented, invented patients and observations in turn.\n\
         Medians of {ROUNDS} interleaved rounds, requests one after the other on one connection.\n\
         CPU: Envoy's, a request (multiple of bare, of the empty filter). Requests a second have a \
         multiple of bare only\nwhere Envoy's core was busy in both. Memory: Envoy's peak so far.\n\
         The last two need whole bodies: Envoy buffers 4 MiB for them, else 256 KiB."
    );
    for (name, path, requests) in BODIES {
        let all = rounds(&variants, path, requests).await;
        let figures: Vec<Option<Figures>> = all.iter().map(|it| measure::figures(it)).collect();
        print(
            name,
            sizes.get(path).copied().unwrap_or(1),
            &variants,
            &figures,
        )?;
    }
    Ok(())
}

/// Every round of every variant; none of one that failed once.
async fn rounds(variants: &[Variant], path: &str, requests: u32) -> Vec<Vec<Round>> {
    let mut all = vec![Vec::new(); variants.len()];
    let mut failed = vec![false; variants.len()];
    for round in 0..=ROUNDS {
        for ((variant, rounds), failed) in variants.iter().zip(&mut all).zip(&mut failed) {
            // What takes milliseconds a request needs fewer of them.
            let requests = if variant.is_slow {
                requests / 10 + 2
            } else {
                requests
            };
            match measure::round(&variant.envoy, path, requests).await {
                // The first round warms up.
                Ok(measured) if round > 0 && !*failed => rounds.push(measured),
                Ok(_) => {}
                Err(_) => {
                    *failed = true;
                    rounds.clear();
                }
            }
        }
    }
    all
}

fn print(name: &str, size: u32, variants: &[Variant], figures: &[Option<Figures>]) -> Result<()> {
    let bare = figures.first().cloned().flatten();
    let empty = figures.get(1).cloned().flatten();
    println!(
        "\n{name:<22} {:>10} {:>16} {:>8} {:>16} {:>8} {:>8} {:>8}",
        "CPU, µs", "(bare, empty)", "s / GB", "requests / s", "p50, ms", "p99, ms", "MB"
    );
    for (variant, figures) in variants.iter().zip(figures) {
        let Some(it) = figures else {
            println!("{:<22} {:>10}", variant.name, "fails");
            continue;
        };
        let times = |other: &Option<Figures>| {
            let times = other.as_ref().map(|other| it.processor / other.processor);
            times.map_or_else(|| "-".to_owned(), |times| format!("{times:.2}"))
        };
        let rate = match &bare {
            Some(bare) if bare.is_busy() && it.is_busy() => {
                format!("{:.0} ({:.2})", 1.0 / it.elapsed, bare.elapsed / it.elapsed)
            }
            _ => format!("{:.0}", 1.0 / it.elapsed),
        };
        println!(
            "{:<22} {:>10.0} {:>16} {:>8.2} {:>16} {:>8.2} {:>8.2} {:>8}",
            variant.name,
            it.processor * 1e6,
            format!("({}, {})", times(&bare), times(&empty)),
            it.processor / f64::from(size) * 1e9,
            rate,
            it.half * 1e3,
            it.most * 1e3,
            variant.envoy.peak_rss_bytes()? / 1_000_000,
        );
    }
    Ok(())
}

/// The body that the upstream has at a path.
fn body(path: &str) -> String {
    let (kind, size) = path.rsplit_once('/').unwrap_or_default();
    let size = size.parse().unwrap_or_default();
    if kind == "/indented" {
        bundle::indented(size)
    } else {
        bundle::minified(size)
    }
}
