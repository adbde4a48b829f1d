//! What the filter costs: Envoy's CPU time a request and the requests a second, for a bare Envoy,
//! an empty filter and Velum under three policies, interleaved in one run. `cargo xtask bench envoy`
//! builds what this needs and runs it.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod bundle;
mod connection;
mod variants;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use connection::Connection;
use velum_harness::{Envoy, Protocol, Reply, Result, Upstream};

const ROUNDS: usize = 7;
/// Bodies: where the upstream has them, and how many requests a round has.
const BODIES: [(&str, &str, u32); 5] = [
    ("2 KB", "/minified/2000", 1_500),
    ("64 KB", "/minified/64000", 500),
    ("1 MB", "/minified/1000000", 60),
    ("64 KB, indented", "/indented/64000", 500),
    ("1 MB, indented", "/indented/1000000", 60),
];

/// What a request took.
#[derive(Clone, Copy)]
struct Cost {
    /// Of Envoy's CPU.
    processor: Duration,
    /// From end to end, on one connection.
    elapsed: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    // Made once: an upstream that is slow to answer would make small chunks of a large body.
    let bodies: HashMap<&str, String> = BODIES.map(|(_, path, _)| (path, body(path))).into();
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
         Envoy's CPU a request, median of {ROUNDS} interleaved rounds (multiple of bare, of the \
         empty filter), and below it requests a second on one connection."
    );
    let names = variants.iter().map(|variant| variant.name.to_owned());
    row("body", names);
    for (name, path, requests) in BODIES {
        let mut costs = vec![Vec::new(); variants.len()];
        for round in 0..=ROUNDS {
            for (variant, costs) in variants.iter().zip(&mut costs) {
                let cost = measure(&variant.envoy, path, requests).await?;
                // The first round warms up.
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        let processor: Vec<f64> = costs
            .iter()
            .map(|all| median(all, |c| c.processor))
            .collect();
        let elapsed: Vec<f64> = costs.iter().map(|all| median(all, |c| c.elapsed)).collect();
        let (bare, empty) = (processor[0], processor[1]);
        let cell = |cost: &f64| {
            let microseconds = cost * 1e6;
            format!(
                "{microseconds:.0} µs ({:.2}, {:.2})",
                cost / bare,
                cost / empty
            )
        };
        row(name, processor.iter().map(cell));
        row(
            "",
            elapsed.iter().map(|cost| format!("{:.0} /s", 1.0 / cost)),
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

fn row(name: &str, cells: impl Iterator<Item = String>) {
    print!("{name:>15}");
    for cell in cells {
        print!("  {cell:>23}");
    }
    println!();
}

async fn measure(envoy: &Envoy, path: &str, requests: u32) -> Result<Cost> {
    let mut connection = Connection::open(envoy.address()).await?;
    connection.get(path).await?;
    let (before, start) = (envoy.cpu_time()?, Instant::now());
    for _ in 0..requests {
        connection.get(path).await?;
    }
    let elapsed = start.elapsed() / requests;
    let processor = envoy.cpu_time()?.saturating_sub(before) / requests;
    Ok(Cost { processor, elapsed })
}

/// In seconds.
fn median(costs: &[Cost], part: fn(&Cost) -> Duration) -> f64 {
    let mut costs: Vec<Duration> = costs.iter().map(part).collect();
    costs.sort();
    costs[costs.len() / 2].as_secs_f64()
}
