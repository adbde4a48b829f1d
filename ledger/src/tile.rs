//! Tiles and entry bundles: how hashes and leaves lie in files (C2SP tlog-tiles).
//!
//! A tile holds up to 256 hashes of one level, side by side. Those of level 0 are hashes of leaves, each
//! of level 1 is the root over a full tile of level 0, and so on. A bundle holds the leaves themselves.
//! What is full never changes; the last one of each level is partial, and its path says how wide it is.

mod bundle;
mod edge;
mod growth;
mod hashes;
mod path;
mod reader;

pub use bundle::{BundleFault, EntryTooLong, MOST_ENTRY_BYTES};
pub use edge::{Edge, EdgeError};
pub use growth::{bundles_of_growth, tiles_of_growth};
pub use hashes::{TileLength, encode_hashes};
pub use path::InvalidPath;
pub use reader::{TileError, TileHashes, TileReader};

use std::ops::Range;

use crate::tree::{MOST_LEAVES, Node};

/// How many hashes, or entries, a full tile or bundle has.
pub const FULL: u16 = 256;

/// How many levels of a tree a tile spans; 2^8 is [`FULL`].
pub const HEIGHT: u8 = 8;

/// Levels of tiles that a log can have: beyond, one hash stands for more leaves than any log has.
const LEVELS: u8 = 8;

/// A tile, by its place and width; what it holds is bytes elsewhere.
///
/// ```
/// use velum_ledger::tile::Tile;
/// let tile = Tile::new(0, 1_234_067, 256).unwrap();
/// assert_eq!(tile.path(), "tile/0/x001/x234/067");
/// assert_eq!(Tile::from_path("tile/1/000.p/17")?, Tile::new(1, 0, 17).unwrap());
/// # Ok::<(), velum_ledger::tile::InvalidPath>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile at this place, with `width` hashes (1 to 256); none where no log has one.
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let fits = level < LEVELS && (1..=FULL).contains(&width);
        fits.then_some(())?;
        let hashes = index.checked_mul(FULL.into())?.checked_add(width.into())?;
        let leaves = hashes.checked_mul(1 << (level * HEIGHT))?;
        (leaves <= MOST_LEAVES).then_some(Self {
            level,
            index,
            width,
        })
    }

    /// The tile at this place as it is in a tree of `size` leaves: full, partial, or none.
    ///
    /// ```
    /// # use velum_ledger::tile::Tile;
    /// // The example of C2SP tlog-tiles.
    /// assert_eq!(Tile::in_tree(0, 273, 70_000).unwrap().width(), 112);
    /// assert_eq!(Tile::in_tree(1, 1, 70_000).unwrap().width(), 17);
    /// assert_eq!(Tile::in_tree(2, 1, 70_000), None);
    /// ```
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(u32::from(level) * u32::from(HEIGHT))?;
        let before = index.checked_mul(FULL.into())?;
        let width = hashes.checked_sub(before)?.min(FULL.into());
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// The tile of a tree of `size` leaves that the hash of this subtree is in, or is computed from;
    /// none where the subtree is not complete.
    ///
    /// ```
    /// # use velum_ledger::{tile::Tile, tree::Node};
    /// let node = Node::new(9, 0).unwrap();
    /// assert_eq!(Tile::holding(node, 600), Tile::new(1, 0, 2));
    /// assert_eq!(Tile::holding(node, 511), None);
    /// ```
    pub fn holding(node: Node, size: u64) -> Option<Self> {
        (node.leaves().end <= size).then_some(())?;
        let index = node.index() >> (HEIGHT - node.level() % HEIGHT);
        Self::in_tree(node.level() / HEIGHT, index, size)
    }

    /// Its level among tiles, 0 to 7: a hash in it stands for 256^level leaves.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Which one of its level, from the left, counted from 0.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it has, 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it has all of its hashes, and so never changes.
    pub const fn is_full(self) -> bool {
        self.width == FULL
    }

    /// The tile at this place once it is full; none where the log ends before. A log may delete a partial
    /// tile when the full one is there, whose first hashes are the same.
    pub fn filled(self) -> Option<Self> {
        Self::new(self.level, self.index, FULL)
    }

    /// The subtrees whose hashes it has, in order.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let first = self.index * u64::from(FULL);
        (0..self.width).map(move |at| Node::within(self.level * HEIGHT, first + u64::from(at)))
    }

    /// Where in the tile the hashes are that the hash of `node` is computed from: one of its own subtrees,
    /// or one that it holds two or more of.
    fn position(self, node: Node) -> Option<Range<usize>> {
        let above = node.level().checked_sub(self.level * HEIGHT)?;
        (above < HEIGHT).then_some(())?;
        let first = (node.index() << above).checked_sub(self.index * u64::from(FULL))?;
        let first = usize::try_from(first).ok()?;
        Some(first..first + (1_usize << above))
    }
}

/// A bundle of entries, by its place and width.
///
/// ```
/// use velum_ledger::tile::Bundle;
/// let bundle = Bundle::new(0, 2).unwrap();
/// assert_eq!(bundle.path(), "tile/entries/000.p/2");
/// let bytes = bundle.encode([&b"one"[..], b""])?;
/// assert_eq!(bytes, b"\0\x03one\0\0");
/// assert_eq!(bundle.parse(&bytes)?, [&b"one"[..], b""]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    index: u64,
    width: u16,
}

impl Bundle {
    /// The bundle at this place, with `width` entries (1 to 256); none where no log has one.
    pub fn new(index: u64, width: u16) -> Option<Self> {
        Tile::new(0, index, width).map(Self::of)
    }

    /// The bundle at this place as it is in a log of `size` entries: full, partial, or none.
    ///
    /// ```
    /// # use velum_ledger::tile::Bundle;
    /// assert_eq!(Bundle::in_log(1, 300), Bundle::new(1, 44));
    /// assert_eq!(Bundle::in_log(2, 300), None);
    /// ```
    pub fn in_log(index: u64, size: u64) -> Option<Self> {
        Tile::in_tree(0, index, size).map(Self::of)
    }

    /// The bundle of the entries whose hashes a tile of level 0 has.
    const fn of(tile: Tile) -> Self {
        Self {
            index: tile.index,
            width: tile.width,
        }
    }

    /// Which one, counted from 0.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many entries it has, 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// The indices of its entries in the log.
    pub fn entries(self) -> Range<u64> {
        let first = self.index * u64::from(FULL);
        first..first + u64::from(self.width)
    }

    /// The tile of level 0 with the hashes of its entries.
    pub const fn tile(self) -> Tile {
        Tile {
            level: 0,
            index: self.index,
            width: self.width,
        }
    }
}

/// A file of a log that never changes: a tile or a bundle.
///
/// ```
/// use velum_ledger::tile::{Bundle, Resource};
/// let resource = Resource::from_path("tile/entries/x001/000")?;
/// assert_eq!(resource, Resource::Bundle(Bundle::new(1000, 256).unwrap()));
/// # Ok::<(), velum_ledger::tile::InvalidPath>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Hashes.
    Tile(Tile),
    /// Entries.
    Bundle(Bundle),
}

#[cfg(test)]
mod tests {
    use super::{Bundle, FULL, Tile};
    use crate::tree::{MOST_LEAVES, Node};

    #[test]
    fn a_tile_is_within_a_log() {
        assert!(Tile::new(7, 0, 127).is_some());
        assert!(Tile::new(0, MOST_LEAVES / 256, 255).is_some());
        for (level, index, width) in [
            (0, 0, 0),
            (0, 0, 257),
            (0, MOST_LEAVES / 256, FULL),
            (7, 0, 128),
            (7, 1, 1),
            (8, 0, 1),
            (255, 0, 1),
            (0, u64::MAX, 1),
        ] {
            assert_eq!(
                Tile::new(level, index, width),
                None,
                "{level} {index} {width}"
            );
        }
        assert_eq!(Tile::in_tree(8, 0, MOST_LEAVES), None);
        assert_eq!(Tile::in_tree(255, 0, MOST_LEAVES), None);
        assert_eq!(Tile::in_tree(7, 0, MOST_LEAVES), Tile::new(7, 0, 127));
        assert_eq!(Bundle::new(u64::MAX, 1), None);
    }

    #[test]
    fn a_tile_that_ends_the_largest_log_is_never_filled() {
        let last = Tile::in_tree(0, MOST_LEAVES / 256, MOST_LEAVES).unwrap();
        assert_eq!((last.width(), last.filled()), (255, None));
        assert_eq!(Tile::new(0, 3, 1).unwrap().filled(), Tile::new(0, 3, 256));
    }

    #[test]
    fn a_subtree_that_is_not_complete_is_in_no_tile() {
        let node = Node::new(9, 1).unwrap();
        for (size, width) in [(1_024, 4), (1_025, 4), (66_000, 256)] {
            assert_eq!(Tile::holding(node, size), Tile::new(1, 0, width));
        }
        for size in [0, 513, 1_023] {
            assert_eq!(Tile::holding(node, size), None);
        }
    }

    #[test]
    fn each_hash_of_a_tile_is_found_in_it_and_those_above_are_ranges() {
        let tile = Tile::new(1, 3, 200).unwrap();
        for (at, node) in tile.nodes().enumerate() {
            assert_eq!(tile.position(node), Some(at..at + 1));
        }
        let first = Node::new(8, 3 * 256).unwrap();
        assert_eq!(tile.nodes().next(), Some(first));
        assert_eq!(
            tile.position(Node::new(11, 3 * 32 + 1).unwrap()),
            Some(8..16)
        );
        assert_eq!(tile.position(Node::new(8, 3 * 256 - 1).unwrap()), None);
        assert_eq!(tile.position(Node::new(7, 3 * 512).unwrap()), None);
        assert_eq!(tile.position(Node::new(16, 3).unwrap()), None);
    }
}
