//! Summaries of what nobody reviewed: each adds up, and of each minute of a gateway there is one.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::findings::Findings;
use super::kind::Kind;
use super::moment::Moment;
use super::said::Summarised;
use crate::found::Found;
use crate::keys::KeyedToken;
use crate::messages::EventOutcome;
use crate::words::{ActionName, GatewayId, PolicyDigest, Timestamp, WorkerId};

/// A number that stands at this is one of which it is only known that it is as large.
const MOST: u64 = (1 << 53) - 1;
/// The most gaps that a record names.
const MOST_GAPS: usize = 16;
const PERIOD: Duration = Duration::from_mins(1);

/// What a record says of a minute.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Summary {
    batches: u64,
    /// SHA-256 in base64url, as a policy's is.
    #[serde(rename = "digest")]
    _digest: PolicyDigest,
    gaps: Vec<Gap>,
    late: u64,
    lost: u64,
    masked: Found,
    minute: Moment,
    missing: u64,
    #[serde(default)]
    others: Option<Others>,
    outcomes: BTreeMap<EventOutcome, u64>,
    requests: u64,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gap {
    batches: u64,
    #[serde(rename = "before")]
    _before: u64,
    #[serde(rename = "worker")]
    _worker: WorkerId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Others {
    masked: Found,
    requests: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default, rename = "action")]
    _action: Option<ActionName>,
    masked: Found,
    #[serde(rename = "outcome")]
    _outcome: EventOutcome,
    #[serde(default, rename = "principal")]
    _principal: Option<KeyedToken>,
    requests: u64,
}

impl Summary {
    /// What it says against itself.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let others = self.others.as_ref();
        let rows = self.rows.iter().map(|row| row.requests);
        let requests = rows.chain(others.map(|others| others.requests));
        let masked = self.rows.iter().map(|row| &row.masked);
        let masked = masked.chain(others.map(|others| &others.masked));
        let mut values = BTreeMap::new();
        for (class, count) in masked.flat_map(Found::counts) {
            let sum: &mut u64 = values.entry(class.name()).or_default();
            *sum = sum.saturating_add(count).min(MOST);
        }
        let told: BTreeMap<_, _> = self
            .masked
            .counts()
            .map(|(class, count)| (class.name(), count))
            .collect();
        let gaps = sum(self.gaps.iter().map(|gap| gap.batches));
        let names_all = self.gaps.len() < MOST_GAPS;
        let is_whole = self.batches > 0
            && self.minute.0.as_millis() % 60_000 == 0
            && sum(requests) == self.requests
            && sum(self.outcomes.values().copied()) == self.requests
            && values == told
            && self.late <= self.batches
            && self.gaps.iter().all(|gap| gap.batches > 0)
            && self.gaps.len() <= MOST_GAPS
            && gaps <= self.missing
            && (gaps == self.missing || !names_all);
        (!is_whole).then_some("A summary's numbers do not add up.")
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add).min(MOST)
}

/// The last minutes of each gateway.
#[derive(Debug, Default)]
pub(super) struct Summaries(BTreeMap<GatewayId, BTreeSet<Timestamp>>);

impl Summaries {
    /// The most gateways that are remembered; of more, all are forgotten.
    const MOST: usize = 4096;
    /// The most minutes of each: one that was left over after a fault comes soon after.
    const MOST_MINUTES: usize = 1440;

    /// Records were lost: their minutes may be summarised again.
    pub(super) fn lose(&mut self) {
        self.0.clear();
    }

    pub(super) fn summarised(&mut self, said: &Summarised, now: Timestamp, found: &mut Findings) {
        let (summary, gateway) = (&said.summary, said.actor.id());
        let minute = summary.minute.0;
        let minutes = self.0.entry(gateway.clone()).or_default();
        let is_new = minutes.insert(minute);
        if minutes.len() > Self::MOST_MINUTES {
            minutes.pop_first();
        }
        found.require(
            is_new && minute.after(PERIOD) <= now,
            Kind::EventsMiscounted,
            "A minute of a gateway is summarised twice, or before it is over.",
        );
        if summary.missing > 0 || summary.lost > 0 {
            let sentence = format!(
                "{} batches were missing, {} that had been missing came, and {} requests were not counted.",
                summary.missing, summary.late, summary.lost
            );
            found.add(Kind::EventsMissing, sentence);
        }
        if self.0.len() > Self::MOST {
            self.0.clear();
        }
    }
}
