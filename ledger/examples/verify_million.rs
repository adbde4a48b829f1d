//! What verifying a whole log takes: `cargo run --release -p velum-ledger --example verify_million`.
//!
//! Leaves of about 1 KB are made as they are asked for, so that the time is the verifier's and not that of a
//! store; their making is timed apart. The tiles stay in memory, 32 bytes a leaf: they are nearly all that
//! is resident. An argument says how many leaves, in the place of 1,000,000.

use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::time::{Duration, Instant};

use velum_ledger::checkpoint::{Checkpoint, Trust};
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::NoteSigner;
use velum_ledger::tile::{Bundle, Edge, Resource, Tile, encode_hashes};
use velum_ledger::verify::{Verified, verify_log};

const ORIGIN: &str = "log.example/bench";

fn main() -> Result<(), Box<dyn Error>> {
    let size = match std::env::args().nth(1) {
        Some(argument) => argument.parse()?,
        None => 1_000_000,
    };
    let started = Instant::now();
    let (tiles, root) = build(size)?;
    let built = started.elapsed();

    let signer = NoteSigner::from_seed(ORIGIN.parse()?, &[7; 32]);
    let head = Checkpoint::new(ORIGIN, size, root)?.sign(&[&signer])?;
    let trust = Trust::new(ORIGIN, vec![signer.verifier().clone()])?;

    let making = Cell::new(Duration::ZERO);
    let read = |resource: Resource| {
        let started = Instant::now();
        let bytes = match resource {
            Resource::Tile(tile) => tiles.get(&tile).cloned(),
            Resource::Bundle(bundle) => encode(bundle),
        };
        making.set(making.get() + started.elapsed());
        Ok::<_, Infallible>(bytes)
    };
    let started = Instant::now();
    let verified = verify_log(&trust, head.to_string().as_bytes(), &[], read)?;
    tell(&verified, built, started.elapsed(), making.get());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tell(verified: &Verified, built: Duration, took: Duration, making: Duration) {
    let seconds = |time: Duration| time.as_secs_f64();
    println!(
        "{} entries, {} tiles: built in {:.2} s, verified in {:.2} s ({:.2} s of it making the \
         entries), at most {} MB resident",
        verified.entries,
        verified.tiles,
        seconds(built),
        seconds(took),
        seconds(making),
        peak_megabytes(),
    );
}

type Tiles = HashMap<Tile, Vec<u8>>;

/// The tiles of the log, and its root.
fn build(size: u64) -> Result<(Tiles, Hash), Box<dyn Error>> {
    let (mut edge, mut tiles) = (Edge::new(), Tiles::new());
    for index in 0..size {
        let full = |tile, hashes: &[Hash]| _ = tiles.insert(tile, encode_hashes(hashes));
        edge.append(leaf_hash(&leaf(index)), full)?;
    }
    for (tile, hashes) in edge.partial() {
        tiles.insert(tile, encode_hashes(hashes));
    }
    Ok((tiles, edge.root()))
}

/// About 1 KB, no two the same.
fn leaf(index: u64) -> Vec<u8> {
    let mut leaf = vec![b'x'; 900 + usize::try_from(index % 200).unwrap_or_default()];
    leaf.splice(..8, index.to_be_bytes());
    leaf
}

fn encode(bundle: Bundle) -> Option<Vec<u8>> {
    let entries: Vec<Vec<u8>> = bundle.entries().map(leaf).collect();
    bundle.encode(entries.iter().map(Vec::as_slice)).ok()
}

/// As Linux tells it; 0 elsewhere.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
