//! Where the hashes of complete subtrees come from.

use super::node::{Node, complete_nodes, join};
use crate::hash::Hash;
use std::ops::Range;

/// Gives the hash of a complete subtree: from tiles ([`TileHashes`](crate::tile::TileHashes)), a table,
/// or a function.
///
/// ```
/// use std::{collections::HashMap, convert::Infallible};
/// use velum_ledger::{hash::leaf_hash, proof, tree::{Frontier, Node}};
///
/// let (mut tree, mut known) = (Frontier::new(), HashMap::new());
/// for leaf in 0_u8..5 {
///     tree.append_and_tell(leaf_hash(&[leaf]), |node, hash| _ = known.insert(node, *hash))?;
/// }
/// let mut reader = |node: Node| Ok::<_, Infallible>(known[&node]);
/// let proof = proof::prove_inclusion(4, 5, &mut reader)?;
/// proof::verify_inclusion(&leaf_hash(&[4]), 4, 5, &tree.root(), &proof)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait HashReader {
    /// Why there is no hash.
    type Error;

    /// The hash of a subtree that is complete in the tree at hand.
    fn hash(&mut self, node: Node) -> Result<Hash, Self::Error>;
}

impl<F, E> HashReader for F
where
    F: FnMut(Node) -> Result<Hash, E>,
{
    type Error = E;

    fn hash(&mut self, node: Node) -> Result<Hash, E> {
        self(node)
    }
}

/// The root over a range of leaves (`MTH(D[start:end])` in RFC 6962, section 2.1).
pub(crate) fn range_root<R: HashReader>(
    range: Range<u64>,
    reader: &mut R,
) -> Result<Hash, R::Error> {
    let subtrees: Vec<Hash> = complete_nodes(range)
        .map(|node| reader.hash(node))
        .collect::<Result<_, _>>()?;
    Ok(join(&subtrees))
}

/// The root of the tree of `size` leaves, an earlier one too, from hashes of its complete subtrees.
/// Fails as the reader does.
///
/// ```
/// # use std::convert::Infallible;
/// # use velum_ledger::{hash::{EMPTY_ROOT, Hash}, tree::{self, Node}};
/// let mut none = |_: Node| Ok::<Hash, Infallible>(EMPTY_ROOT);
/// assert_eq!(tree::root_at(0, &mut none), Ok(EMPTY_ROOT));
/// ```
pub fn root_at<R: HashReader>(size: u64, reader: &mut R) -> Result<Hash, R::Error> {
    range_root(0..size, reader)
}
