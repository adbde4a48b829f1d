//! The right edge of a tree as tiles: those that are not yet full.

use std::fmt;

use super::{FULL, LEVELS, Tile, TileError, TileReader};
use crate::hash::Hash;
use crate::tree::{Frontier, LogFull, MOST_LEAVES, join, subtree_root};

/// The tiles of a tree that are not yet full, one a level: what has to be known to write tiles as leaves
/// are added. It is at most 8 × 255 hashes (64 KiB).
///
/// ```
/// use velum_ledger::{hash::leaf_hash, tile::Edge};
///
/// let mut edge = Edge::new();
/// let mut made = Vec::new();
/// for leaf in 0_u16..258 {
///     edge.append(leaf_hash(&leaf.to_be_bytes()), |tile, _hashes| made.push(tile.path()))?;
/// }
/// assert_eq!(made, ["tile/0/000"]);
/// let partial: Vec<_> = edge.partial().map(|(tile, _hashes)| tile.path()).collect();
/// assert_eq!(partial, ["tile/0/001.p/2", "tile/1/000.p/1"]);
/// # Ok::<(), velum_ledger::tree::LogFull>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: u64,
    /// The partial tile of each level, the lowest first.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// Of a tree without leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            levels: Vec::new(),
        }
    }

    /// Of a tree of `size` leaves whose partial tiles were stored. Fails where one cannot be read or has
    /// another length, or the size is over [`MOST_LEAVES`]. What is read is only as good as where it was
    /// kept: compare [`root`](Self::root) with the last head that was signed.
    ///
    /// ```
    /// # use velum_ledger::{hash::leaf_hash, tile::{Edge, Tile, encode_hashes}};
    /// let leaf = leaf_hash(b"a");
    /// let stored = Edge::load(1, &mut |_: Tile| Ok::<_, &str>(encode_hashes(&[leaf])))?;
    /// assert_eq!(stored.root(), leaf);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load<R: TileReader>(size: u64, reader: &mut R) -> Result<Self, EdgeError<R::Error>> {
        if size > MOST_LEAVES {
            return Err(EdgeError::TooLarge);
        }
        let mut levels = Vec::new();
        for level in 0..LEVELS {
            let hashes = size >> (level * super::HEIGHT);
            if hashes == 0 {
                break;
            }
            let partial = Tile::in_tree(level, hashes / u64::from(FULL), size);
            levels.push(match partial {
                Some(tile) => {
                    let bytes = reader.tile(tile);
                    let bytes = bytes.map_err(|error| TileError::Read { tile, error })?;
                    let hashes = tile.parse(&bytes);
                    hashes.map_err(|length| TileError::Length { tile, length })?
                }
                None => Vec::new(),
            });
        }
        Ok(Self { size, levels })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash, and gives each tile that is full with it, the lowest first. Fails only
    /// where there is no room for it.
    pub fn append(
        &mut self,
        leaf: Hash,
        mut full: impl FnMut(Tile, &[Hash]),
    ) -> Result<(), LogFull> {
        if self.size >= MOST_LEAVES {
            return Err(LogFull);
        }
        let (mut hash, mut index) = (leaf, self.size);
        for level in 0..LEVELS {
            if self.levels.len() <= level.into() {
                self.levels.push(Vec::with_capacity(FULL.into()));
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else {
                break;
            };
            hashes.push(hash);
            index /= u64::from(FULL);
            let Some(tile) = Tile::new(level, index, FULL) else {
                break;
            };
            if hashes.len() < FULL.into() {
                break;
            }
            full(tile, hashes);
            hash = subtree_root(hashes);
            hashes.clear();
        }
        self.size += 1;
        Ok(())
    }

    /// The tiles that are not full, with their hashes, the lowest level first.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        (0..LEVELS).zip(&self.levels).filter_map(|(level, hashes)| {
            let index = (self.size >> (level * super::HEIGHT)) / u64::from(FULL);
            let tile = Tile::in_tree(level, index, self.size)?;
            Some((tile, hashes.as_slice()))
        })
    }

    /// The hashes of the complete subtrees that the tree is made of, the largest first.
    fn subtrees(&self) -> Vec<Hash> {
        let mut subtrees = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while let Some(level) = rest.len().checked_ilog2()
                && let Some((row, behind)) = rest.split_at_checked(1 << level)
            {
                subtrees.push(subtree_root(row));
                rest = behind;
            }
        }
        subtrees
    }

    /// The root (RFC 6962, section 2.1).
    pub fn root(&self) -> Hash {
        join(&self.subtrees())
    }

    /// The same edge in fewer hashes, which do not tell the partial tiles.
    ///
    /// ```
    /// # use velum_ledger::{hash::leaf_hash, tile::Edge};
    /// let mut edge = Edge::new();
    /// edge.append(leaf_hash(b"a"), |_, _| {})?;
    /// assert_eq!(edge.frontier().root(), edge.root());
    /// # Ok::<(), velum_ledger::tree::LogFull>(())
    /// ```
    pub fn frontier(&self) -> Frontier {
        // As many as the size has bits: each level has as many hashes as its eight bits say.
        Frontier::from_parts(self.size, self.subtrees()).unwrap_or_default()
    }
}

/// Why an edge cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeError<E> {
    /// No log is so large: see [`MOST_LEAVES`].
    TooLarge,
    /// A partial tile cannot be had.
    Tile(TileError<E>),
}

impl<E> From<TileError<E>> for EdgeError<E> {
    fn from(error: TileError<E>) -> Self {
        Self::Tile(error)
    }
}

impl<E: fmt::Display> fmt::Display for EdgeError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(formatter, "a log has at most {MOST_LEAVES} leaves"),
            Self::Tile(error) => error.fmt(formatter),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for EdgeError<E> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Edge, EdgeError};
    use crate::hash::leaf_hash;
    use crate::tile::{Tile, TileError, encode_hashes, tiles_of_growth};
    use crate::tree::{Frontier, LogFull, MOST_LEAVES};

    #[test]
    fn edge_and_frontier_agree_and_every_tile_is_given_once() {
        let (mut edge, mut frontier) = (Edge::new(), Frontier::new());
        let mut files = BTreeMap::new();
        for leaf in 0_u32..66_000 {
            let hash = leaf_hash(&leaf.to_be_bytes());
            edge.append(hash, |tile, hashes| {
                assert!(files.insert(tile, encode_hashes(hashes)).is_none());
            })
            .unwrap();
            frontier.append(hash).unwrap();
            if leaf % 97 == 0 || leaf % 256 > 253 || leaf % 256 < 2 {
                assert_eq!(edge.root(), frontier.root(), "{leaf}");
                assert_eq!(edge.frontier(), frontier);
            }
        }
        files.extend(
            edge.partial()
                .map(|(tile, hashes)| (tile, encode_hashes(hashes))),
        );
        let all: Vec<Tile> = tiles_of_growth(0, 66_000).collect();
        assert_eq!(files.keys().copied().collect::<Vec<_>>(), all);

        let mut reader = |tile: Tile| files.get(&tile).cloned().ok_or("none");
        assert_eq!(Edge::load(66_000, &mut reader), Ok(edge));
    }

    #[test]
    fn what_was_stored_goes_on_where_it_was() {
        let mut whole = Edge::new();
        for leaf in 0_u32..600 {
            let partial: BTreeMap<_, _> = whole
                .partial()
                .map(|(tile, hashes)| (tile, encode_hashes(hashes)))
                .collect();
            let mut reader = |tile: Tile| partial.get(&tile).cloned().ok_or("none");
            let mut loaded = Edge::load(u64::from(leaf), &mut reader).unwrap();
            assert_eq!(loaded, whole, "{leaf}");
            let hash = leaf_hash(&leaf.to_be_bytes());
            loaded.append(hash, |_, _| {}).unwrap();
            whole.append(hash, |_, _| {}).unwrap();
            assert_eq!(loaded.root(), whole.root());
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_told() {
        let tile = Tile::new(0, 0, 2).unwrap();
        let missing = Edge::load(2, &mut |_: Tile| Err("none"));
        let error = "none";
        assert_eq!(
            missing,
            Err(EdgeError::Tile(TileError::Read { tile, error }))
        );
        let short = Edge::load(2, &mut |_: Tile| Ok::<_, &str>(vec![0; 63]));
        assert!(matches!(
            short,
            Err(EdgeError::Tile(TileError::Length { .. }))
        ));
        let mut any = |tile: Tile| Ok::<_, &str>(vec![0; usize::from(tile.width()) * 32]);
        let mut last = Edge::load(MOST_LEAVES - 1, &mut any).unwrap();
        assert_eq!(last.append(leaf_hash(b""), |_, _| {}), Ok(()));
        assert_eq!(last.append(leaf_hash(b""), |_, _| {}), Err(LogFull));
        assert_eq!(last.frontier().size(), MOST_LEAVES);
        let large = Edge::load(MOST_LEAVES + 1, &mut |_: Tile| Err("none"));
        assert_eq!(large, Err(EdgeError::TooLarge));
    }
}
