//! One round against one Envoy, and what several rounds come to.

use std::time::{Duration, Instant};

use velum_harness::{Envoy, Result};

use crate::connection::Connection;

/// What the requests of a round took.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// Of Envoy's CPU, a request.
    processor: Duration,
    /// A request, from end to end, on one connection.
    elapsed: Duration,
    latencies: Vec<Duration>,
}

/// The medians of all rounds.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Seconds of Envoy's CPU a request.
    pub(crate) processor: f64,
    /// Seconds a request took from end to end.
    pub(crate) elapsed: f64,
    /// Seconds that half of the requests took at most, and 99 of 100.
    pub(crate) half: f64,
    pub(crate) most: f64,
}

impl Figures {
    /// Whether Envoy's core was at work nearly all the time, so that requests a second say what
    /// Envoy can do and not what the other side can.
    pub(crate) fn is_busy(&self) -> bool {
        self.processor > 0.85 * self.elapsed
    }
}

/// Sends so many requests one after the other.
pub(crate) async fn round(envoy: &Envoy, path: &str, requests: u32) -> Result<Round> {
    let mut connection = Connection::open(envoy.address()).await?;
    connection.get(path).await?;
    let mut latencies = Vec::with_capacity(requests as usize);
    let (before, start) = (envoy.cpu_time()?, Instant::now());
    for _ in 0..requests {
        let begun = Instant::now();
        connection.get(path).await?;
        latencies.push(begun.elapsed());
    }
    let elapsed = start.elapsed() / requests;
    let processor = envoy.cpu_time()?.saturating_sub(before) / requests;
    Ok(Round {
        processor,
        elapsed,
        latencies,
    })
}

/// The medians; `None` where there was no round.
pub(crate) fn figures(rounds: &[Round]) -> Option<Figures> {
    let mut latencies: Vec<Duration> = rounds.iter().flat_map(|it| it.latencies.clone()).collect();
    latencies.sort();
    let at = |part: usize| latencies.get(latencies.len() * part / 100).copied();
    Some(Figures {
        processor: median(rounds, |round| round.processor)?,
        elapsed: median(rounds, |round| round.elapsed)?,
        half: at(50)?.as_secs_f64(),
        most: at(99)?.as_secs_f64(),
    })
}

fn median(rounds: &[Round], part: fn(&Round) -> Duration) -> Option<f64> {
    let mut parts: Vec<Duration> = rounds.iter().map(part).collect();
    parts.sort();
    parts.get(parts.len() / 2).map(Duration::as_secs_f64)
}
