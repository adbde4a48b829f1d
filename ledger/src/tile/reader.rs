//! Hashes of subtrees from tiles.

use std::collections::BTreeMap;
use std::fmt;

use super::{Tile, TileLength};
use crate::hash::Hash;
use crate::tree::{HashReader, Node, subtree_root};

/// Gives the bytes of a tile: from a file, a table, or a function.
pub trait TileReader {
    /// Why there are none.
    type Error;

    /// The bytes of this tile, 32 for each of its hashes.
    fn tile(&mut self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

impl<F, E> TileReader for F
where
    F: FnMut(Tile) -> Result<Vec<u8>, E>,
{
    type Error = E;

    fn tile(&mut self, tile: Tile) -> Result<Vec<u8>, E> {
        self(tile)
    }
}

/// The hashes of a tree of some size, read from its tiles, each tile once; what was read is kept, so make
/// one for a proof or a few. What is read is not checked: a proof that is made of it is, by whoever
/// verifies it against a signed root.
///
/// ```
/// use velum_ledger::{hash::leaf_hash, proof, tile::{Edge, Tile, TileHashes, encode_hashes}};
///
/// let mut edge = Edge::new();
/// let leaves: Vec<_> = (0_u8..9).map(|leaf| leaf_hash(&[leaf])).collect();
/// for leaf in &leaves {
///     edge.append(*leaf, |_full_tile, _hashes| {})?;
/// }
/// let mut files = |tile: Tile| (tile.path() == "tile/0/000.p/9").then(|| encode_hashes(&leaves)).ok_or("none");
/// let mut hashes = TileHashes::new(9, &mut files);
/// let proof = proof::prove_inclusion(3, 9, &mut hashes)?;
/// proof::verify_inclusion(&leaves[3], 3, 9, &edge.root(), &proof)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TileHashes<R> {
    size: u64,
    reader: R,
    read: BTreeMap<Tile, Vec<Hash>>,
}

impl<R: TileReader> TileHashes<R> {
    /// Of the tree of `size` leaves; partial tiles are asked for in the widths that they have in it.
    pub const fn new(size: u64, reader: R) -> Self {
        Self {
            size,
            reader,
            read: BTreeMap::new(),
        }
    }
}

impl<R: TileReader> HashReader for TileHashes<R> {
    type Error = TileError<R::Error>;

    fn hash(&mut self, node: Node) -> Result<Hash, Self::Error> {
        let tile = Tile::holding(node, self.size).ok_or(TileError::NotInTree(node))?;
        if !self.read.contains_key(&tile) {
            let bytes = self.reader.tile(tile);
            let bytes = bytes.map_err(|error| TileError::Read { tile, error })?;
            let hashes = tile.parse(&bytes);
            let hashes = hashes.map_err(|length| TileError::Length { tile, length })?;
            self.read.insert(tile, hashes);
        }
        let hashes = self.read.get(&tile).map(Vec::as_slice).unwrap_or_default();
        let row = tile
            .position(node)
            .and_then(|position| hashes.get(position));
        row.map(subtree_root).ok_or(TileError::NotInTree(node))
    }
}

/// Why there is no hash from tiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TileError<E> {
    /// The tree has no such complete subtree.
    NotInTree(Node),
    /// The tile cannot be read.
    Read {
        /// Which one.
        tile: Tile,
        /// Why.
        error: E,
    },
    /// The tile is not as long as it must be.
    Length {
        /// Which one.
        tile: Tile,
        /// How long it is.
        length: TileLength,
    },
}

impl<E: fmt::Display> fmt::Display for TileError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInTree(node) => {
                let (level, index) = (node.level(), node.index());
                write!(
                    formatter,
                    "the tree has no complete subtree {index} of level {level}"
                )
            }
            Self::Read { tile, error } => write!(formatter, "{}: {error}", tile.path()),
            Self::Length { tile, length } => write!(formatter, "{}: {length}", tile.path()),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for TileError<E> {}
