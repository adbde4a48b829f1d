//! That a leaf is in a tree.

use super::{OutOfRange, ProofError, ProveError, plan};
use crate::hash::{Hash, node_hash};
use crate::tile::Tile;
use crate::tree::HashReader;

/// The proof that the leaf at `index` is in the tree of `size` leaves, from the leaf's side to the
/// root's (RFC 6962, section 2.1.1). Fails where there is no such leaf, and as the reader does. The
/// example is at [`HashReader`].
pub fn prove_inclusion<R: HashReader>(
    index: u64,
    size: u64,
    reader: &mut R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    let plan = plan::inclusion(index, size).map_err(ProveError::OutOfRange)?;
    plan::roots(plan, reader).map_err(ProveError::Hash)
}

/// The tiles that [`prove_inclusion`] reads with [`TileHashes`](crate::tile::TileHashes), for who fetches
/// them before. Fails where there is no such leaf.
///
/// ```
/// use velum_ledger::{proof::inclusion_tiles, tile::Tile};
/// let paths: Vec<String> = inclusion_tiles(0, 70_000)?.into_iter().map(Tile::path).collect();
/// assert_eq!(
///     paths,
///     ["tile/0/000", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17"],
/// );
/// # Ok::<(), velum_ledger::proof::OutOfRange>(())
/// ```
pub fn inclusion_tiles(index: u64, size: u64) -> Result<Vec<Tile>, OutOfRange> {
    Ok(plan::tiles(plan::inclusion(index, size)?, size))
}

/// Verifies that `leaf` is the hash of the leaf at `index` in the tree of `size` leaves with this root,
/// by the steps of RFC 9162, section 2.1.3.2. Fails on a proof of another length first.
///
/// ```
/// use velum_ledger::{hash::{leaf_hash, node_hash}, proof::verify_inclusion};
/// let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// let root = node_hash(&a, &b);
/// assert!(verify_inclusion(&b, 1, 2, &root, &[a]).is_ok());
/// assert!(verify_inclusion(&b, 0, 2, &root, &[a]).is_err());
/// ```
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let plan = plan::inclusion(index, size).map_err(ProofError::OutOfRange)?;
    plan::check_length(&plan, proof.len())?;
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if at % 2 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            // At the right edge, levels on which nothing is to the right have no node of their own.
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at /= 2;
        last /= 2;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

#[cfg(test)]
mod tests {
    use super::{inclusion_tiles, prove_inclusion, verify_inclusion};
    use crate::hash::{EMPTY_ROOT, Hash, leaf_hash};
    use crate::proof::{MOST_HASHES, OutOfRange, ProofError, ProveError};
    use crate::tree::{MOST_LEAVES, Node};

    /// Stands for a tree that nobody has.
    fn any(node: Node) -> Result<Hash, OutOfRange> {
        let (of, size) = (node.leaves().end, MOST_LEAVES);
        if of > size {
            Err(OutOfRange { of, size })
        } else {
            Ok(EMPTY_ROOT)
        }
    }

    #[test]
    fn beyond_the_tree_there_is_no_proof() {
        let leaf = leaf_hash(b"");
        for (of, size) in [
            (0, 0),
            (1, 1),
            (2, 1),
            (u64::MAX, u64::MAX),
            (0, MOST_LEAVES + 1),
        ] {
            let out = OutOfRange { of, size };
            assert_eq!(
                prove_inclusion(of, size, &mut any),
                Err(ProveError::OutOfRange(out))
            );
            assert_eq!(inclusion_tiles(of, size), Err(out));
            let found = verify_inclusion(&leaf, of, size, &leaf, &[]);
            assert_eq!(found, Err(ProofError::OutOfRange(out)));
        }
    }

    #[test]
    fn the_largest_log_has_proofs() {
        for index in [0, 1, MOST_LEAVES / 2, MOST_LEAVES - 2, MOST_LEAVES - 1] {
            let proof = prove_inclusion(index, MOST_LEAVES, &mut any).unwrap();
            assert!(proof.len() <= MOST_HASHES);
            let found = verify_inclusion(&leaf_hash(b""), index, MOST_LEAVES, &EMPTY_ROOT, &proof);
            assert_eq!(found, Err(ProofError::Root));
        }
    }

    #[test]
    fn the_only_leaf_needs_no_hashes() {
        let leaf = leaf_hash(b"");
        assert_eq!(verify_inclusion(&leaf, 0, 1, &leaf, &[]), Ok(()));
        assert_eq!(
            verify_inclusion(&leaf, 0, 1, &EMPTY_ROOT, &[]),
            Err(ProofError::Root)
        );
        let length = ProofError::Length {
            expected: 0,
            found: 1,
        };
        assert_eq!(verify_inclusion(&leaf, 0, 1, &leaf, &[leaf]), Err(length));
    }
}
