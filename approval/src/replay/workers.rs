//! Batches of events of workers: one after the other, and which are missing.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::kind::Kind;
use super::said::Reported;
use crate::words::{GatewayId, WorkerId};

#[derive(Debug, Default)]
pub(super) struct Workers {
    /// The number of the latest batch of each, and how many reports of all there had been then.
    latest: BTreeMap<(GatewayId, WorkerId), (u64, u64)>,
    reports: u64,
    /// Whether one was forgotten: then one that is new may have reported before.
    has_forgotten: bool,
}

impl Workers {
    /// The most that are remembered; of more, the half that has not reported for longest is forgotten.
    const MOST: usize = 65_536;

    /// The log before this one was not read: workers may have reported in it.
    pub(super) fn rest(&mut self) {
        self.has_forgotten = true;
    }

    /// Records were lost, or are not here: they may have reported in those, or what they reported is lost.
    pub(super) fn lose(&mut self) {
        self.latest.clear();
        self.has_forgotten = true;
    }

    pub(super) fn reported(&mut self, said: Reported, found: &mut Findings) {
        let Reported { actor, events, .. } = said;
        self.reports = self.reports.saturating_add(1);
        let worker = (actor.id().clone(), events.worker);
        let known = self.latest.get(&worker).map(|(latest, _)| *latest);
        let latest = known.unwrap_or(0);
        // One that comes late fills a gap that was told before.
        let gap = events.sequence.saturating_sub(1).saturating_sub(latest);
        let is_told = events.sequence > 0 && events.sequence != latest && events.missing == gap;
        found.require(
            is_told || (known.is_none() && self.has_forgotten),
            Kind::EventsMiscounted,
            "A batch twice, or another number of batches missing before it than it says.",
        );
        if events.missing > 0 || events.lost > 0 {
            let sentence = format!(
                "{} batches are missing before it, and {} requests were not counted.",
                events.missing, events.lost
            );
            found.add(Kind::EventsMissing, sentence);
        }
        let latest = latest.max(events.sequence);
        self.latest.insert(worker, (latest, self.reports));
        self.forget();
    }

    fn forget(&mut self) {
        if self.latest.len() <= Self::MOST {
            return;
        }
        let mut ages: Vec<u64> = self.latest.values().map(|(_, seen)| *seen).collect();
        let (_, middle, _) = ages.select_nth_unstable(Self::MOST / 2);
        let middle = *middle;
        self.latest.retain(|_, (_, seen)| *seen > middle);
        self.has_forgotten = true;
    }
}
