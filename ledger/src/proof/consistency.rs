//! That a tree is the beginning of another.

use super::{OutOfRange, ProofError, ProveError, plan};
use crate::hash::{EMPTY_ROOT, Hash, node_hash};
use crate::tile::Tile;
use crate::tree::HashReader;

/// The proof that the tree of `old` leaves is the beginning of that of `new` (RFC 6962, section 2.1.2).
/// It is empty where `old` is 0 or `new`. Fails where `old` is more than `new`, and as the reader does.
///
/// ```
/// use std::{collections::HashMap, convert::Infallible};
/// use velum_ledger::{hash::leaf_hash, proof, tree::{Frontier, Node}};
///
/// let (mut tree, mut known) = (Frontier::new(), HashMap::new());
/// let mut roots = vec![tree.root()];
/// for leaf in 0_u8..7 {
///     tree.append_and_tell(leaf_hash(&[leaf]), |node, hash| _ = known.insert(node, *hash))?;
///     roots.push(tree.root());
/// }
/// let mut reader = |node: Node| Ok::<_, Infallible>(known[&node]);
/// let proof = proof::prove_consistency(3, 7, &mut reader)?;
/// proof::verify_consistency(3, &roots[3], 7, &roots[7], &proof)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn prove_consistency<R: HashReader>(
    old: u64,
    new: u64,
    reader: &mut R,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    let plan = plan::consistency(old, new).map_err(ProveError::OutOfRange)?;
    plan::roots(plan, reader).map_err(ProveError::Hash)
}

/// The tiles of the tree of `new` leaves that [`prove_consistency`] reads with
/// [`TileHashes`](crate::tile::TileHashes). Fails where `old` is more than `new`.
///
/// ```
/// use velum_ledger::{proof::consistency_tiles, tile::Tile};
/// let paths: Vec<String> = consistency_tiles(256, 300)?.into_iter().map(Tile::path).collect();
/// assert_eq!(paths, ["tile/0/001.p/44"]);
/// # Ok::<(), velum_ledger::proof::OutOfRange>(())
/// ```
pub fn consistency_tiles(old: u64, new: u64) -> Result<Vec<Tile>, OutOfRange> {
    Ok(plan::tiles(plan::consistency(old, new)?, new))
}

/// Verifies that the tree of `old` leaves with root `old_root` is the beginning of that of `new` leaves
/// with root `new_root`, by the steps of RFC 9162, section 2.1.4.2. The empty tree is the beginning of
/// every tree, if its root is that of an empty tree (C2SP tlog-witness).
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let plan = plan::consistency(old, new).map_err(ProofError::OutOfRange)?;
    plan::check_length(&plan, proof.len())?;
    if old == 0 && *old_root != EMPTY_ROOT {
        return Err(ProofError::OlderRoot);
    }
    if old == new && old_root != new_root {
        return Err(ProofError::Root);
    }
    if old == 0 || old == new {
        return Ok(());
    }
    let (found_old, found_new) = follow(old, old_root, new, proof);
    if found_old != *old_root {
        Err(ProofError::OlderRoot)
    } else if found_new != *new_root {
        Err(ProofError::Root)
    } else {
        Ok(())
    }
}

/// The roots that a proof of the right length leads to, of the older tree and of the newer.
fn follow(old: u64, old_root: &Hash, new: u64, proof: &[Hash]) -> (Hash, Hash) {
    let (mut at, mut last) = (old - 1, new - 1);
    while at % 2 == 1 {
        at /= 2;
        last /= 2;
    }
    // An older tree that is one complete subtree is where the way begins; else the proof begins with
    // the smallest of its subtrees.
    let (start, rest) = match proof.split_first() {
        Some((start, rest)) if !old.is_power_of_two() => (*start, rest),
        _ => (*old_root, proof),
    };
    let (mut older, mut newer) = (start, start);
    for sibling in rest {
        if at % 2 == 1 || at == last {
            older = node_hash(sibling, &older);
            newer = node_hash(sibling, &newer);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            newer = node_hash(&newer, sibling);
        }
        at /= 2;
        last /= 2;
    }
    (older, newer)
}

#[cfg(test)]
mod tests {
    use super::{consistency_tiles, prove_consistency, verify_consistency};
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
    fn a_larger_tree_is_no_beginning() {
        for (of, size) in [(1, 0), (2, 1), (0, MOST_LEAVES + 1), (u64::MAX, u64::MAX)] {
            let out = OutOfRange { of, size };
            assert_eq!(
                prove_consistency(of, size, &mut any),
                Err(ProveError::OutOfRange(out))
            );
            assert_eq!(consistency_tiles(of, size), Err(out));
            let found = verify_consistency(of, &EMPTY_ROOT, size, &EMPTY_ROOT, &[]);
            assert_eq!(found, Err(ProofError::OutOfRange(out)));
        }
    }

    #[test]
    fn the_same_tree_and_the_empty_tree_need_no_hashes() {
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        assert_eq!(verify_consistency(0, &EMPTY_ROOT, 5, &a, &[]), Ok(()));
        assert_eq!(
            verify_consistency(0, &a, 5, &a, &[]),
            Err(ProofError::OlderRoot)
        );
        assert_eq!(
            verify_consistency(0, &EMPTY_ROOT, 0, &a, &[]),
            Err(ProofError::Root)
        );
        assert_eq!(verify_consistency(5, &a, 5, &a, &[]), Ok(()));
        assert_eq!(verify_consistency(5, &a, 5, &b, &[]), Err(ProofError::Root));
        let length = ProofError::Length {
            expected: 0,
            found: 1,
        };
        assert_eq!(verify_consistency(5, &a, 5, &a, &[a]), Err(length));
        assert_eq!(verify_consistency(0, &EMPTY_ROOT, 5, &a, &[a]), Err(length));
    }

    #[test]
    fn the_largest_log_has_proofs() {
        for old in [
            1,
            2,
            3,
            MOST_LEAVES / 2,
            MOST_LEAVES / 2 + 1,
            MOST_LEAVES - 1,
        ] {
            let proof = prove_consistency(old, MOST_LEAVES, &mut any).unwrap();
            assert!(proof.len() <= MOST_HASHES, "{old}: {}", proof.len());
            let (root, new) = (leaf_hash(b""), MOST_LEAVES);
            assert!(verify_consistency(old, &root, new, &root, &proof).is_err());
        }
    }
}
