//! The right edge of a tree, as little of it as can be.

use std::fmt;

use super::node::{Node, join};
use super::{LogFull, MOST_LEAVES};
use crate::hash::{HASH_BYTES, Hash, node_hash};

/// What has to be known of a tree to add leaves and to tell its root: its size, and the hashes of the
/// complete subtrees that it is made of, at most 63. Adding a leaf takes O(log n), on average two
/// hashes.
///
/// ```
/// use velum_ledger::{hash::leaf_hash, tree::Frontier};
///
/// let mut tree = Frontier::new();
/// let mut known = Vec::new();
/// for leaf in [b"a", b"b", b"c"] {
///     tree.append_and_tell(leaf_hash(leaf), |node, _hash| known.push((node.level(), node.index())))?;
/// }
/// assert_eq!(known, [(0, 0), (0, 1), (1, 0), (0, 2)]);
///
/// let stored = tree.to_bytes();
/// assert_eq!(Frontier::from_bytes(&stored)?.root(), tree.root());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit of the size that is set, the largest first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Of a tree without leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            subtrees: Vec::new(),
        }
    }

    /// Of a tree of `size` leaves with these complete subtrees, the largest first. Fails if there are
    /// not as many as the size has bits that are set, or the size is over [`MOST_LEAVES`].
    ///
    /// ```
    /// # use velum_ledger::{hash::leaf_hash, tree::Frontier};
    /// let leaf = leaf_hash(b"a");
    /// assert_eq!(Frontier::from_parts(1, vec![leaf])?.root(), leaf);
    /// assert!(Frontier::from_parts(2, vec![leaf, leaf]).is_err());
    /// # Ok::<(), velum_ledger::tree::InvalidFrontier>(())
    /// ```
    pub fn from_parts(size: u64, subtrees: Vec<Hash>) -> Result<Self, InvalidFrontier> {
        let is_whole = u32::try_from(subtrees.len()) == Ok(size.count_ones());
        if size <= MOST_LEAVES && is_whole {
            Ok(Self { size, subtrees })
        } else {
            Err(InvalidFrontier)
        }
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of its complete subtrees, the largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// The root (RFC 6962, section 2.1, `MTH`), by at most 62 hashes.
    pub fn root(&self) -> Hash {
        join(&self.subtrees)
    }

    /// Adds a leaf by its hash. Fails only where there is no room for it.
    pub fn append(&mut self, leaf: Hash) -> Result<(), LogFull> {
        self.append_and_tell(leaf, |_, _| {})
    }

    /// Adds a leaf, and tells each subtree that is complete with it: the leaf itself first, then
    /// upwards. What is told never changes again, so it may be stored at once; those whose level is a
    /// multiple of 8 are what tiles hold.
    pub fn append_and_tell(
        &mut self,
        leaf: Hash,
        mut tell: impl FnMut(Node, &Hash),
    ) -> Result<(), LogFull> {
        if self.size >= MOST_LEAVES {
            return Err(LogFull);
        }
        let (mut hash, mut level, mut index) = (leaf, 0, self.size);
        tell(Node::within(level, index), &hash);
        while index % 2 == 1
            && let Some(left) = self.subtrees.pop()
        {
            hash = node_hash(&left, &hash);
            level += 1;
            index /= 2;
            tell(Node::within(level, index), &hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
        Ok(())
    }

    /// Adds a batch of leaves in order, and tells as [`append_and_tell`](Self::append_and_tell) does.
    /// Where it fails, what came before is in the tree.
    ///
    /// ```
    /// # use velum_ledger::{hash::leaf_hash, tree::Frontier};
    /// let mut tree = Frontier::new();
    /// tree.append_batch((0_u8..4).map(|leaf| leaf_hash(&[leaf])), |_node, _hash| {})?;
    /// assert_eq!((tree.size(), tree.subtrees().len()), (4, 1));
    /// # Ok::<(), velum_ledger::tree::LogFull>(())
    /// ```
    pub fn append_batch(
        &mut self,
        leaves: impl IntoIterator<Item = Hash>,
        mut tell: impl FnMut(Node, &Hash),
    ) -> Result<(), LogFull> {
        leaves
            .into_iter()
            .try_for_each(|leaf| self.append_and_tell(leaf, &mut tell))
    }

    /// For storing: the size as eight bytes, the most significant first, and the subtrees' hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hashes = self.subtrees.iter().flat_map(|hash| *hash.as_bytes());
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave. It is only as good as where it was kept: compare
    /// [`root`](Self::root) with the last head that was signed before anything is built on it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFrontier> {
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or(InvalidFrontier)?;
        let (hashes, []) = hashes.as_chunks::<HASH_BYTES>() else {
            return Err(InvalidFrontier);
        };
        let hashes = hashes.iter().copied().map(Hash::from_bytes);
        Self::from_parts(u64::from_be_bytes(*size), hashes.collect())
    }
}

/// Not the frontier of any tree: the number of hashes does not fit the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidFrontier;

impl fmt::Display for InvalidFrontier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no frontier of a tree: its hashes are not as many as its size needs")
    }
}

impl std::error::Error for InvalidFrontier {}

#[cfg(test)]
mod tests {
    use super::Frontier;
    use crate::hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
    use crate::tree::{LogFull, MOST_LEAVES};

    /// The definition of RFC 6962, section 2.1, word by word.
    fn root_by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => EMPTY_ROOT,
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node_hash(&root_by_definition(left), &root_by_definition(right))
            }
        }
    }

    #[test]
    fn the_root_is_the_definitions() {
        let leaves: Vec<Hash> = (0_u16..520)
            .map(|leaf| leaf_hash(&leaf.to_be_bytes()))
            .collect();
        let mut tree = Frontier::new();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), root_by_definition(&leaves[..size]), "{size}");
            tree.append(*leaf).unwrap();
        }
    }

    /// The eight leaves and roots that implementations of RFC 6962 have been tried with since the first.
    #[test]
    fn known_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::new();
        for (leaf, root) in leaves.iter().zip(roots) {
            tree.append(leaf_hash(leaf)).unwrap();
            assert_eq!(tree.root().to_hex(), root);
        }
    }

    #[test]
    fn what_was_stored_goes_on_where_it_was() {
        let mut whole = Frontier::new();
        let mut stored = Frontier::new().to_bytes();
        for leaf in 0_u16..300 {
            let leaf = leaf_hash(&leaf.to_be_bytes());
            let mut loaded = Frontier::from_bytes(&stored).unwrap();
            loaded.append(leaf).unwrap();
            whole.append(leaf).unwrap();
            assert_eq!(loaded, whole);
            stored = loaded.to_bytes();
        }
        for bad in [
            &stored[..7],
            &stored[..stored.len() - 1],
            &[&stored[..], &[0; 32]].concat(),
            &[],
        ] {
            assert!(Frontier::from_bytes(bad).is_err());
        }
    }

    #[test]
    fn a_full_log_takes_no_leaf() {
        let leaf = leaf_hash(b"");
        let mut tree = Frontier::from_parts(MOST_LEAVES - 1, vec![leaf; 62]).unwrap();
        assert_eq!(tree.append(leaf), Ok(()));
        assert_eq!(tree.append(leaf), Err(LogFull));
        assert_eq!(tree.size(), MOST_LEAVES);
        assert!(Frontier::from_parts(u64::MAX, vec![leaf; 64]).is_err());
    }
}
