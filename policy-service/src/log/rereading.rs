//! Reads what is in the tree again and again, the newest records every time and the whole log over time:
//! whether a record is still the one whose hash was put into the tree, and the tree still the one whose
//! root was signed. Where it is not, the log is neither extended nor signed until it is so again. Closed logs
//! that are there still are read too, more slowly: what is damaged in one or cannot be read is told, once and
//! when that changes, and the open one goes on. What people wrote, of which the log has commitments, is read
//! again too: what is not what was written is told once, and shown to nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use velum_approval::Commitment;
use velum_ledger::hash::leaf_hash;
use velum_ledger::proof::{prove_inclusion, verify_inclusion};
use velum_ledger::tile::{FULL, Tile, TileHashes};

use super::{LogError, fencing};
use crate::http::App;
use crate::store::{StoreError, Stretch, Which};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many tiles, of 256 records each, are read at a time beside the newest two.
const AT_A_TIME: u64 = 4;

/// How far the whole log was read.
#[derive(Debug, Default)]
pub(crate) struct Rereading {
    log: u64,
    next: u64,
    looked: Option<Instant>,
    damage: Option<Damage>,
    /// The closed log, and its tile, that is read next.
    closed: (u64, u64),
    /// Where a closed log could not be read just now.
    failed: Option<(u64, u64)>,
    /// The last text that was read again.
    text: Option<Commitment>,
    /// Those that were told of, so many at most.
    told: BTreeSet<Commitment>,
}

/// Texts beyond these that are not what was written are told again and again.
const MOST_TOLD: usize = 1000;

/// What is wrong with closed logs, by their numbers and tiles. Of no log, which is 0: that it cannot be read
/// which there are.
pub(crate) type ClosedDamage = BTreeMap<(u64, u64), Damage>;

/// What of a closed log is not as it was: the first of it.
pub(crate) fn of_closed(all: &ClosedDamage, log: u64) -> Option<&Damage> {
    let mut its = all.range((log, 0)..=(log, u64::MAX));
    its.next().map(|(_, damage)| damage)
}

/// What is not as it was put into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It is another.
    Changed {
        what: &'static str,
        /// The record's place in the log, or the last one that is concerned.
        place: u64,
    },
    /// The store does not give it.
    Unreadable {
        /// The place of the first record that is concerned.
        place: u64,
        why: String,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Damage::Changed { what, place } => write!(
                f,
                "{what} of record {place} of the log is not what was put there"
            ),
            Damage::Unreadable { place, why } => {
                write!(f, "the log cannot be read from record {place} on: {why}")
            }
        }
    }
}

impl Rereading {
    /// Reads on where it is time to, and says what was found damaged, until it is as it was.
    ///
    /// # Errors
    /// [`LogError::Damaged`], or when the store cannot be read.
    pub(super) async fn step(&mut self, app: &App) -> Result<(), LogError> {
        let is_due = self.looked.is_none_or(|looked| looked.elapsed() >= EVERY);
        if is_due {
            let damage = self.look(app).await?;
            self.looked = Some(Instant::now());
            if damage.is_some() && damage != self.damage {
                let what = damage.as_ref().map(ToString::to_string);
                tracing::error!(what, "the audit log was damaged");
            }
            let is_damaged = &app.parts().log.is_damaged;
            is_damaged.store(damage.is_some(), Ordering::SeqCst);
            self.damage = damage;
            // The open log does not wait for one that is closed.
            self.look_back(app).await;
            self.look_at_texts(app).await;
        }
        match &self.damage {
            Some(damage) => Err(LogError::Damaged(damage.clone())),
            None => Ok(()),
        }
    }

    async fn look(&mut self, app: &App) -> Result<Option<Damage>, LogError> {
        for before in [0, 1] {
            if let Some(stretch) = app.store().stretch(Which::FromEnd(before)).await?
                && let Some(damage) = damage(&stretch)
            {
                return Ok(Some(damage));
            }
        }
        for _ in 0..AT_A_TIME {
            let Some(stretch) = app.store().stretch(Which::Tile(self.next)).await? else {
                self.next = 0;
                break;
            };
            if stretch.log != self.log {
                (self.log, self.next) = (stretch.log, 0);
                break;
            }
            // What is damaged is what is read next time too.
            if let Some(damage) = damage(&stretch) {
                return Ok(Some(damage));
            }
            self.next += 1;
        }
        Ok(None)
    }

    /// The same of some records of a closed log, and of those behind them the next time.
    pub(crate) async fn look_back(&mut self, app: &App) {
        let mut found = app.store().closed_stretch(self.closed).await;
        if matches!(found, Ok(None)) && self.closed != (0, 0) {
            forget(app, self.closed..=(u64::MAX, u64::MAX));
            self.closed = (0, 0);
            found = app.store().closed_stretch(self.closed).await;
        }
        let (here, last, read) = match found {
            Ok(Some(found)) => ((found.log, found.tile), found.last, found.read),
            Ok(None) => return forget(app, (0, 0)..=(u64::MAX, u64::MAX)),
            Err(error) => ((0, 0), 0, Err(error)),
        };
        if here.0 > self.closed.0.max(1) {
            forget(app, self.closed.max((1, 0))..=(here.0 - 1, u64::MAX));
        }
        let damage = match &read {
            Ok(stretch) => damage(stretch),
            // Once more before it is told: it may be that the store was away.
            Err(_) if self.failed != Some(here) => {
                self.failed = Some(here);
                return;
            }
            Err(error) => Some(Damage::unreadable(here.1, error)),
        };
        if here.0 != 0 {
            self.tell(app, (0, 0), None);
            self.closed = if here.1 < last {
                (here.0, here.1 + 1)
            } else {
                (here.0 + 1, 0)
            };
        }
        self.tell(app, here, damage);
    }

    /// Makes the commitments to some texts again. That the store cannot be read is told by others.
    pub(crate) async fn look_at_texts(&mut self, app: &App) {
        let Ok(reread) = app.store().reread_texts(self.text).await else {
            return;
        };
        self.text = reread.last;
        for commitment in reread.changed {
            if !self.told.contains(&commitment) {
                tracing::error!(%commitment, "what somebody wrote was changed in the store since");
                if self.told.len() < MOST_TOLD {
                    self.told.insert(commitment);
                }
            }
        }
    }

    /// How many texts are not what was written, of all that are there.
    #[cfg(test)]
    pub(crate) async fn changed_texts(mut self, app: &App) -> usize {
        loop {
            self.look_at_texts(app).await;
            if self.text.is_none() {
                return self.told.len();
            }
        }
    }

    /// Notes how it is at a place of a closed log, and says so where what is known of the log changes by it.
    fn tell(&mut self, app: &App, here: (u64, u64), damage: Option<Damage>) {
        let (log, told) = (here.0, &app.parts().log.closed_damage);
        if damage.is_none() && self.failed == Some(here) {
            self.failed = None;
        }
        if damage.is_none() && !told.borrow().contains_key(&here) {
            return;
        }
        let mut change = (None, None);
        told.send_if_modified(|all| {
            let before = of_closed(all, log).cloned();
            match damage {
                Some(damage) => _ = all.insert(here, damage),
                None => _ = all.remove(&here),
            }
            change = (before, of_closed(all, log).cloned());
            change.0 != change.1
        });
        match change {
            (before, Some(damage)) if before.as_ref() != Some(&damage) => {
                tracing::error!(log, what = %damage, "a closed audit log was damaged, or cannot be read");
            }
            (Some(_), None) => tracing::info!(log, "a closed audit log is as it was again"),
            _ => {}
        }
    }
}

/// What was told of places that are not there any more, as the logs were removed.
fn forget(app: &App, places: RangeInclusive<(u64, u64)>) {
    let told = &app.parts().log.closed_damage;
    told.send_if_modified(|all| {
        let before = all.len();
        all.retain(|place, _| !places.contains(place));
        before != all.len()
    });
}

impl Damage {
    fn unreadable(tile: u64, error: &StoreError) -> Damage {
        Damage::Unreadable {
            place: tile * u64::from(FULL),
            why: error.to_string(),
        }
    }
}

/// What is wrong with some records.
fn damage(stretch: &Stretch) -> Option<Damage> {
    let of = |what| move |place| Damage::Changed { what, place };
    let tile = stretch.tiles.get(&stretch.tile);
    let Some(hashes) = tile.and_then(|bytes| stretch.tile.parse(bytes).ok()) else {
        return Some(of("the tile")(stretch.from));
    };
    let mut leaves = stretch.leaves.iter();
    for (place, in_tile) in (stretch.from..).zip(&hashes) {
        let Some(leaf) = leaves.next().filter(|leaf| leaf.index == place) else {
            return Some(of("the text")(place));
        };
        let computed = leaf_hash(&leaf.entry);
        let is_beside = computed.as_bytes()[..] == leaf.hash;
        let what = match (is_beside, computed == *in_tile) {
            (true, true) => continue,
            (true, false) => "the tile",
            (false, true) => "the hash beside the text",
            (false, false) => "the text",
        };
        return Some(of(what)(place));
    }
    let (place, head) = stretch.proven.zip(stretch.head.as_ref())?;
    let is_under = || {
        let head = fencing::text_of(&head.note)?;
        let leaf = hashes.get(usize::try_from(place - stretch.from).ok()?)?;
        let tiles = |tile: Tile| stretch.tiles.get(&tile).cloned().ok_or(());
        let mut reader = TileHashes::new(head.size(), tiles);
        // The path of one record has every hash of its tile in it, and of each tile above.
        let path = prove_inclusion(place, head.size(), &mut reader).ok()?;
        verify_inclusion(leaf, place, head.size(), head.root(), &path).ok()
    };
    match is_under() {
        Some(()) => None,
        None => Some(of("a tile above the tile, or the signed head,")(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_log_is_the_first_of_it() {
        let at = |place| Damage::Changed {
            what: "the text",
            place,
        };
        let all = ClosedDamage::from([((1, 3), at(800)), ((2, 0), at(7)), ((2, 9), at(2_400))]);
        assert_eq!(of_closed(&all, 1), Some(&at(800)));
        assert_eq!(of_closed(&all, 2), Some(&at(7)));
        assert_eq!(of_closed(&all, 3), None);
    }
}
