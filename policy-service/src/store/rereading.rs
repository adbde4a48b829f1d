//! Records that are in a tree, with what the tree has of them.

use velum_ledger::proof::inclusion_tiles;
use velum_ledger::tile::{FULL, Tile};

use super::audit::Leaf;
use super::connection::Connection;
use super::log::LogRow;
use super::{Head, Store, StoreError, Tiles, audit, log};

/// The records of one tile of the lowest level, as everything about them was at one moment.
pub(crate) struct Stretch {
    pub(crate) log: u64,
    /// The place of the first of these.
    pub(crate) from: u64,
    /// The tile that has their hashes.
    pub(crate) tile: Tile,
    /// Of the last of them that is under the head: the tree's place of it.
    pub(crate) proven: Option<u64>,
    pub(crate) leaves: Vec<Leaf>,
    /// That tile, and those that prove it to be under the head, as far as they are there.
    pub(crate) tiles: Tiles,
    pub(crate) head: Option<Head>,
}

/// Some records of a closed log, or why they cannot be read.
pub(crate) struct ClosedStretch {
    pub(crate) log: u64,
    /// The tile that has their hashes.
    pub(crate) tile: u64,
    /// The last one of the log.
    pub(crate) last: u64,
    pub(crate) read: Result<Stretch, StoreError>,
}

/// Which records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// Those of this tile.
    Tile(u64),
    /// Those of the last tile, or of the one so many before it.
    FromEnd(u64),
}

impl Store {
    /// Reads some records of the open log's tree; `None` where it has none there.
    pub(crate) async fn stretch(&self, which: Which) -> Result<Option<Stretch>, StoreError> {
        let mut reading = self.read().await?;
        let tree = log::tree(&mut reading).await?;
        let last = tree.size.checked_sub(1).map(|last| last / u64::from(FULL));
        let number = match which {
            Which::Tile(number) => last.filter(|last| number <= *last).map(|_| number),
            Which::FromEnd(before) => last.and_then(|last| last.checked_sub(before)),
        };
        let open = log::open(&mut reading).await?;
        let head = log::head(&mut reading, tree.log).await?;
        match number {
            Some(number) => read(&mut reading, &open, number, tree.size, head).await,
            None => Ok(None),
        }
    }

    /// Reads some records of a closed log that are under its last head: of the log of this number, from this
    /// tile on; or else of the next one that there is. `None` where there is none any more.
    ///
    /// # Errors
    /// Where it cannot even be read which logs there are.
    pub(crate) async fn closed_stretch(
        &self,
        (from, tile): (u64, u64),
    ) -> Result<Option<ClosedStretch>, StoreError> {
        let mut reading = self.read().await?;
        let logs = log::logs(&mut reading).await?;
        let is_there = |log: &&LogRow| !log.is_open && log.closed.pruned.is_none();
        let there = logs.iter().filter(is_there);
        for row in there.filter(|log| log.number >= from) {
            let number = if row.number == from { tile } else { 0 };
            let read = closed(&mut reading, row, number).await.transpose();
            if let Some(read) = read {
                return Ok(Some(ClosedStretch {
                    log: row.number,
                    tile: number,
                    last: row.size.saturating_sub(1) / u64::from(FULL),
                    read,
                }));
            }
        }
        Ok(None)
    }
}

/// The same of a closed log, as far as it is under its last head.
async fn closed(
    reading: &mut Connection,
    row: &LogRow,
    number: u64,
) -> Result<Option<Stretch>, StoreError> {
    // Of one that has lost records the head may be beyond what is left.
    let head = log::head(reading, row.number).await?;
    let head = head.filter(|head| head.size <= row.size);
    let size = head.as_ref().map_or(0, |head| head.size);
    read(reading, row, number, size, head).await
}

/// The records of a tile of a log's tree that has so many in all.
async fn read(
    reading: &mut Connection,
    log: &LogRow,
    number: u64,
    size: u64,
    head: Option<Head>,
) -> Result<Option<Stretch>, StoreError> {
    let Some(tile) = Tile::in_tree(0, number, size) else {
        return Ok(None);
    };
    let from = number * u64::from(FULL);
    let until = from + u64::from(tile.width());
    let mut leaves = audit::page(reading, log.first + from).await?;
    leaves.retain(|leaf| leaf.index < log.first + until);
    for leaf in &mut leaves {
        leaf.index -= log.first;
    }
    let proven = head
        .as_ref()
        .and_then(|head| until.min(head.size).checked_sub(1));
    let proven = proven.filter(|proven| *proven >= from);
    let mut wanted = vec![tile];
    if let Some((place, head)) = proven.zip(head.as_ref()) {
        wanted.extend(inclusion_tiles(place, head.size).unwrap_or_default());
    }
    let tiles = log::read_tiles(reading, log.number, &wanted).await?;
    Ok(Some(Stretch {
        log: log.number,
        from,
        tile,
        proven,
        leaves,
        tiles,
        head,
    }))
}
