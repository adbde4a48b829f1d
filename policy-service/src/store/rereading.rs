//! Records of the open log that are in its tree, with what the tree has of them.

use velum_ledger::proof::inclusion_tiles;
use velum_ledger::tile::{FULL, Tile};

use super::audit::Leaf;
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

/// Which records.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// Those of this tile.
    Tile(u64),
    /// Those of the last tile, or of the one so many before it.
    FromEnd(u64),
}

impl Store {
    /// Reads some records of the tree; `None` where it has none there.
    pub(crate) async fn stretch(&self, which: Which) -> Result<Option<Stretch>, StoreError> {
        let mut reading = self.read().await?;
        let tree = log::tree(&mut reading).await?;
        let last = tree.size.checked_sub(1).map(|last| last / u64::from(FULL));
        let number = match which {
            Which::Tile(number) => last.filter(|last| number <= *last).map(|_| number),
            Which::FromEnd(before) => last.and_then(|last| last.checked_sub(before)),
        };
        let tile = number.and_then(|number| Tile::in_tree(0, number, tree.size));
        let Some((number, tile)) = number.zip(tile) else {
            return Ok(None);
        };
        let open = log::open(&mut reading).await?;
        let head = log::head(&mut reading, tree.log).await?;
        let from = number * u64::from(FULL);
        let until = from + u64::from(tile.width());
        let mut leaves = audit::page(&mut reading, open.first + from).await?;
        leaves.retain(|leaf| leaf.index < open.first + until);
        for leaf in &mut leaves {
            leaf.index -= open.first;
        }
        let proven = head
            .as_ref()
            .and_then(|head| until.min(head.size).checked_sub(1));
        let proven = proven.filter(|proven| *proven >= from);
        let mut wanted = vec![tile];
        if let Some((place, head)) = proven.zip(head.as_ref()) {
            wanted.extend(inclusion_tiles(place, head.size).unwrap_or_default());
        }
        let tiles = log::read_tiles(&mut reading, tree.log, &wanted).await?;
        Ok(Some(Stretch {
            log: tree.log,
            from,
            tile,
            proven,
            leaves,
            tiles,
            head,
        }))
    }
}
