//! What is in a tile: its hashes, one behind the other.

use std::fmt;

use super::Tile;
use crate::hash::{HASH_BYTES, Hash};
use crate::tree::HashReader;

impl Tile {
    /// The hashes of the tile with these bytes. Fails if they are not exactly as many as it is wide.
    ///
    /// ```
    /// use velum_ledger::{hash::leaf_hash, tile::{Tile, encode_hashes}};
    /// let tile = Tile::new(0, 0, 1).unwrap();
    /// let bytes = encode_hashes(&[leaf_hash(b"a")]);
    /// assert_eq!(tile.parse(&bytes)?, [leaf_hash(b"a")]);
    /// assert!(tile.parse(&bytes[1..]).is_err());
    /// # Ok::<(), velum_ledger::tile::TileLength>(())
    /// ```
    pub fn parse(self, bytes: &[u8]) -> Result<Vec<Hash>, TileLength> {
        let expected = usize::from(self.width()) * HASH_BYTES;
        let found = bytes.len();
        if found != expected {
            return Err(TileLength { expected, found });
        }
        let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
        Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
    }

    /// The hashes of the tile, computed from those of the subtrees. Fails as the reader does.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use velum_ledger::{hash::leaf_hash, tile::Tile, tree::Node};
    /// let mut leaves = |node: Node| Ok::<_, Infallible>(leaf_hash(&[node.index() as u8]));
    /// let hashes = Tile::new(0, 0, 2).unwrap().compute(&mut leaves)?;
    /// assert_eq!(hashes, [leaf_hash(&[0]), leaf_hash(&[1])]);
    /// # Ok::<(), Infallible>(())
    /// ```
    pub fn compute<R: HashReader>(self, reader: &mut R) -> Result<Vec<Hash>, R::Error> {
        self.nodes().map(|node| reader.hash(node)).collect()
    }
}

/// The bytes of a tile with these hashes: 32 for each.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The bytes of a tile are not as many as its width needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileLength {
    /// How many its path says.
    pub expected: usize,
    /// How many there are.
    pub found: usize,
}

impl fmt::Display for TileLength {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found } = self;
        write!(formatter, "{found} bytes in the place of {expected}")
    }
}

impl std::error::Error for TileLength {}

#[cfg(test)]
mod tests {
    use super::TileLength;
    use crate::hash::Hash;
    use crate::tile::{Tile, encode_hashes};

    #[test]
    fn a_tile_of_another_width_is_refused() {
        let tile = Tile::new(0, 0, 2).unwrap();
        let hashes = [1, 2, 3].map(|byte| Hash::from_bytes([byte; 32]));
        let bytes = encode_hashes(&hashes);
        assert_eq!(tile.parse(&bytes[..64]).unwrap(), hashes[..2]);
        for found in [0, 32, 63, 65, 96] {
            let length = TileLength {
                expected: 64,
                found,
            };
            assert_eq!(tile.parse(&bytes[..found]), Err(length));
        }
    }
}
