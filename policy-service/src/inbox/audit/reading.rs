//! Looking through the audit log from its end. Times only ever grow in it, so a time is found by halving.

use serde::Deserialize;
use velum_approval::ApprovalId;

use crate::inbox::visible::Visible;
use crate::store::{Entry, Store, StoreError};

/// How many a page has.
const PAGE: usize = 50;
/// How many of one approval are read at a time.
const OF_APPROVAL: u32 = 1000;
/// How many are read at a time, and how often before a search has to be told to go on.
const CHUNK: u64 = 512;
const CHUNKS: usize = 16;

/// What is looked for.
pub(super) struct Search {
    /// The code of a kind.
    pub(super) kind: Option<&'static str>,
    pub(super) approval: Option<ApprovalId>,
    /// The beginning of a time.
    pub(super) until: Option<String>,
    pub(super) before: Option<u64>,
}

/// What was found.
pub(super) struct Found {
    /// The latest first.
    pub(super) records: Vec<Summary>,
    /// Below which index there may be more.
    pub(super) next: Option<u64>,
    /// Whether as many were found as a page has.
    pub(super) is_full: bool,
}

/// A record in a line.
pub(super) struct Summary {
    pub(super) index: u64,
    pub(super) at: Visible,
    pub(super) code: String,
    /// The type, without what all types have in common.
    pub(super) name: Visible,
    pub(super) who: Option<Visible>,
    pub(super) approval: Option<String>,
    time: String,
}

#[derive(Deserialize)]
struct Leaf {
    time: String,
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    code: String,
    #[serde(default)]
    actor: Option<Actor>,
    approval: Option<Named>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(default)]
    id: String,
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
}

impl Summary {
    /// A leaf that is none of ours is told as such: whoever changed it would like it to be overlooked.
    pub(super) fn of(entry: &Entry) -> Summary {
        Summary::read(entry).unwrap_or_else(|| Summary {
            index: entry.index,
            at: Visible::new("unknown"),
            code: String::new(),
            name: Visible::new("unreadable"),
            who: None,
            approval: None,
            time: String::new(),
        })
    }

    /// `None` for a leaf that is none of ours.
    fn read(entry: &Entry) -> Option<Summary> {
        let leaf: Leaf = serde_json::from_slice(&entry.leaf).ok()?;
        let (day, rest) = leaf.time.split_once('T')?;
        let time = rest.get(..8)?;
        let name = leaf.r#type.trim_start_matches("org.velum.");
        let who = leaf.data.actor;
        let who = who.map(|who| if who.id.is_empty() { who.kind } else { who.id });
        Some(Summary {
            index: entry.index,
            at: Visible::new(&format!("{day} {time}")),
            code: leaf.data.code,
            name: Visible::new(name),
            who: who.map(|who| Visible::new(&who)),
            approval: leaf.data.approval.and_then(|approval| approval.id),
            time: leaf.time,
        })
    }
}

impl Search {
    pub(super) async fn run(&self, store: &Store) -> Result<Found, StoreError> {
        if let Some(approval) = &self.approval {
            return self.about(store, approval).await;
        }
        let end = store.next_index().await?;
        let mut below = self.before.map_or(end, |before| before.min(end));
        if let Some(until) = &self.until {
            below = below.min(first_after(store, until, end).await?);
        }
        let mut records = Vec::new();
        for _ in 0..CHUNKS {
            let from = below.saturating_sub(CHUNK);
            let count = u32::try_from(below - from).unwrap_or(u32::MAX);
            let entries = store.entries(from, count).await?;
            for entry in entries.iter().rev().filter(|entry| entry.index < below) {
                let summary = Summary::of(entry);
                if self.is_wanted(&summary) {
                    records.push(summary);
                }
                if records.len() == PAGE {
                    return Ok(Found {
                        next: Some(entry.index).filter(|index| *index > 0),
                        records,
                        is_full: true,
                    });
                }
            }
            below = from;
            if below == 0 {
                break;
            }
        }
        Ok(Found {
            records,
            next: Some(below).filter(|below| *below > 0),
            is_full: false,
        })
    }

    /// The records about one approval, of which there are mostly few: the latest of them.
    async fn about(&self, store: &Store, approval: &ApprovalId) -> Result<Found, StoreError> {
        let below = self.before.unwrap_or(u64::MAX);
        let entries = store.latest_about(approval, below, OF_APPROVAL).await?;
        let is_all = u32::try_from(entries.len()).is_ok_and(|count| count < OF_APPROVAL);
        let summaries = entries.iter().rev().map(Summary::of);
        Ok(Found {
            records: summaries.filter(|it| self.is_wanted(it)).collect(),
            next: entries.first().filter(|_| !is_all).map(|it| it.index),
            is_full: false,
        })
    }

    fn is_wanted(&self, summary: &Summary) -> bool {
        let until = self.until.as_deref();
        // One that cannot be read may be of every kind.
        self.kind
            .is_none_or(|kind| summary.code.is_empty() || summary.code == kind)
            && until.is_none_or(|until| !is_after(&summary.time, until))
    }
}

/// Whether a time is after everything that begins with these characters.
fn is_after(time: &str, until: &str) -> bool {
    let beginning = time.get(..until.len()).unwrap_or(time);
    beginning > until
}

/// The first index whose record is after that time.
async fn first_after(store: &Store, until: &str, end: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        // Behind what was removed, the next that is there.
        let entries = store.entries(middle, 1).await?;
        let time = entries.first().and_then(Summary::read);
        match time {
            Some(summary) if !is_after(&summary.time, until) => {
                low = summary.index.saturating_add(1).max(middle + 1);
            }
            _ => high = middle,
        }
    }
    Ok(low)
}

#[cfg(test)]
mod tests {
    use super::is_after;

    #[test]
    fn the_beginning_of_a_time_is_all_that_begins_so() {
        let time = "2026-11-23T20:01:44.123Z";
        for until in ["2026-11-23", "2026-11-23T20:01", "2026-12", "2027", time] {
            assert!(!is_after(time, until), "{until}");
        }
        for until in ["2026-11-22", "2026-11-23T20:00", "2025"] {
            assert!(is_after(time, until), "{until}");
        }
    }
}
