//! Reads what is in the tree again and again, the newest records every time and the whole log over time:
//! whether a record is still the one whose hash was put into the tree, and the tree still the one whose
//! root was signed. Where it is not, the log is neither extended nor signed until it is so again. Closed logs
//! that are there still are read too, more slowly: what is damaged in one is told, and the open one goes on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use velum_ledger::hash::leaf_hash;
use velum_ledger::proof::{prove_inclusion, verify_inclusion};
use velum_ledger::tile::{Tile, TileHashes};

use super::{LogError, fencing};
use crate::http::App;
use crate::store::{Stretch, Which};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How many tiles, of 256 records each, are read at a time beside the newest two.
const AT_A_TIME: u64 = 4;

/// How far the whole log was read.
#[derive(Debug, Default)]
pub(super) struct Rereading {
    log: u64,
    next: u64,
    looked: Option<Instant>,
    damage: Option<Damage>,
    /// The closed log, and its tile, that is read next.
    closed: (u64, u64),
}

/// What is not as it was put into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    what: &'static str,
    /// The record's place in the log, or the last one that is concerned.
    place: u64,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of record {} of the log is not what was put there",
            self.what, self.place
        )
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
            if let Err(error) = self.look_back(app).await {
                // The open log does not wait for one that cannot be read.
                tracing::error!(%error, "a closed audit log cannot be read");
                self.closed.1 += 1;
            }
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
    async fn look_back(&mut self, app: &App) -> Result<(), LogError> {
        let stretch = match app.store().closed_stretch(self.closed).await? {
            None if self.closed != (0, 0) => app.store().closed_stretch((0, 0)).await?,
            stretch => stretch,
        };
        let Some((number, stretch)) = stretch else {
            return Ok(());
        };
        let found = damage(&stretch);
        let told = &app.parts().log.closed_damage;
        let is_new = told.send_if_modified(|before| {
            let is_new = before.get(&stretch.log) != found.as_ref();
            match &found {
                Some(damage) => _ = before.insert(stretch.log, damage.clone()),
                // What was found elsewhere in the log stands until that is read again.
                None => before.retain(|log, damage| {
                    let is_here = *log == stretch.log && damage.is_within(&stretch);
                    !is_here
                }),
            }
            is_new
        });
        if is_new && let Some(damage) = &found {
            let (log, what) = (stretch.log, damage.to_string());
            tracing::error!(log, what, "a closed audit log was damaged");
        }
        self.closed = (stretch.log, number + 1);
        Ok(())
    }
}

impl Damage {
    /// Whether it is among these records.
    fn is_within(&self, stretch: &Stretch) -> bool {
        let end = stretch.from + u64::from(stretch.tile.width());
        (stretch.from..end).contains(&self.place)
    }
}

/// What is wrong with some records.
fn damage(stretch: &Stretch) -> Option<Damage> {
    let of = |what| move |place| Damage { what, place };
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
