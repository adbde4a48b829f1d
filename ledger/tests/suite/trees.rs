//! Roots and proofs beside `ct-merkle` and `tlog_tiles`, both ways.

use std::sync::LazyLock;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::{HashReader as _, split_stored_hash_index};
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::proof::{
    ProofError, prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
use velum_ledger::tree::{Node, root_at};

use crate::sample::{Forest, entry, usize};

const ALL_UP_TO: u64 = 300;
const LARGE: u64 = 70_000;

static LARGE_FOREST: LazyLock<Forest> =
    LazyLock::new(|| Forest::new((0..LARGE).map(|index| leaf_hash(&entry(index)))));

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn all_theirs(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(theirs).collect()
}

fn ours(hashes: &[tlog_tiles::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::from_bytes(hash.0)).collect()
}

fn root_hash(root: &Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

/// The tree of seven leaves that RFC 6962, section 2.1.3, has its examples of.
///
/// ```text
///           root
///          /    \
///         k      l
///        / \    / \
///       g   h  i   j
/// ```
#[test]
#[expect(clippy::many_single_char_names, reason = "the names of the RFC")]
fn the_examples_of_rfc_6962() {
    let forest = Forest::new((0..7).map(|index| leaf_hash(&entry(index))));
    let node = |level, index| forest.nodes[&Node::new(level, index).unwrap()];
    let [_, b, c, d, _, f, leaf6] = [0, 1, 2, 3, 4, 5, 6].map(|index| node(0, index));
    let (g, h, i, j, k) = (node(1, 0), node(1, 1), node(1, 2), leaf6, node(2, 0));
    let l = velum_ledger::hash::node_hash(&i, &j);
    let path = |index| prove_inclusion(index, 7, &mut forest.reader()).unwrap();
    assert_eq!(path(0), [b, h, l]);
    assert_eq!(path(3), [c, g, l]);
    assert_eq!(path(4), [f, j, k]);
    assert_eq!(path(6), [i, k]);
    let proof = |old| prove_consistency(old, 7, &mut forest.reader()).unwrap();
    assert_eq!(proof(3), [c, d, g, l]);
    assert_eq!(proof(4), [l]);
    assert_eq!(proof(6), [i, j, k]);
}

/// Our hashes for `tlog_tiles`.
struct Reader<'f>(&'f Forest);

impl tlog_tiles::HashReader for Reader<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let hashes = indexes.iter().map(|index| {
            let (level, index) = split_stored_hash_index(*index);
            theirs(&self.0.nodes[&Node::new(level, index).unwrap()])
        });
        Ok(hashes.collect())
    }
}

#[test]
fn every_root_and_proof_up_to_300_is_that_of_ct_merkle() {
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let forest = Forest::new((0..ALL_UP_TO).map(|index| leaf_hash(&entry(index))));
    for size in 1..=ALL_UP_TO {
        tree.push(entry(size - 1));
        let root = forest.roots[usize(size)];
        assert_eq!(tree.root(), root_hash(&root, size), "{size}");
        assert_eq!(root_at(size, &mut forest.reader()), Ok(root));
        for index in 0..size {
            let proof = prove_inclusion(index, size, &mut forest.reader()).unwrap();
            let other = tree.prove_inclusion(usize(index));
            assert_eq!(other.as_bytes(), bytes(&proof), "{index} of {size}");
            let leaf = leaf_hash(&entry(index));
            assert_eq!(verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));
            let proof = InclusionProof::from_bytes(bytes(&proof));
            let verified = root_hash(&root, size).verify_inclusion(&entry(index), index, &proof);
            assert!(verified.is_ok(), "{index} of {size}");
        }
        for old in 1..size {
            let proof = prove_consistency(old, size, &mut forest.reader()).unwrap();
            let other = tree.prove_consistency(usize(size - old));
            assert_eq!(other.as_bytes(), bytes(&proof), "{old} to {size}");
            let old_root = forest.roots[usize(old)];
            assert_eq!(
                verify_consistency(old, &old_root, size, &root, &proof),
                Ok(())
            );
            let proof = ConsistencyProof::try_from_bytes(bytes(&proof)).unwrap();
            let (old_root, root) = (root_hash(&old_root, old), root_hash(&root, size));
            assert!(
                root.verify_consistency(&old_root, &proof).is_ok(),
                "{old} to {size}"
            );
        }
    }
}

#[test]
fn every_proof_up_to_300_is_that_of_tlog_tiles() {
    let forest = Forest::new((0..ALL_UP_TO).map(|index| leaf_hash(&entry(index))));
    let reader = Reader(&forest);
    for size in 1..=ALL_UP_TO {
        let root = forest.roots[usize(size)];
        assert_eq!(tlog_tiles::tree_hash(size, &reader).unwrap(), theirs(&root));
        for other in 0..size {
            compare_with_tlog_tiles(&forest, other, size);
        }
        compare_consistency_with_tlog_tiles(&forest, size, size);
    }
}

fn compare_with_tlog_tiles(forest: &Forest, index: u64, size: u64) {
    let reader = Reader(forest);
    let root = forest.roots[usize(size)];
    let leaf = forest.nodes[&Node::new(0, index).unwrap()];
    let proof = prove_inclusion(index, size, &mut forest.reader()).unwrap();
    let other = tlog_tiles::prove_record(size, index, &reader).unwrap();
    assert_eq!(ours(&other), proof, "{index} of {size}");
    let (their_root, their_leaf) = (theirs(&root), theirs(&leaf));
    tlog_tiles::check_record(&all_theirs(&proof), size, their_root, index, their_leaf).unwrap();
    assert_eq!(
        verify_inclusion(&leaf, index, size, &root, &ours(&other)),
        Ok(())
    );
    if index > 0 {
        compare_consistency_with_tlog_tiles(forest, index, size);
    }
}

fn compare_consistency_with_tlog_tiles(forest: &Forest, old: u64, size: u64) {
    let reader = Reader(forest);
    let (old_root, root) = (forest.roots[usize(old)], forest.roots[usize(size)]);
    let proof = prove_consistency(old, size, &mut forest.reader()).unwrap();
    let other = tlog_tiles::prove_tree(size, old, &reader).unwrap();
    assert_eq!(ours(&other), proof, "{old} to {size}");
    let (their_root, their_old) = (theirs(&root), theirs(&old_root));
    tlog_tiles::check_tree(&all_theirs(&proof), size, their_root, old, their_old).unwrap();
    assert_eq!(
        verify_consistency(old, &old_root, size, &root, &ours(&other)),
        Ok(())
    );
}

#[test]
fn the_reader_of_others_and_ours_say_the_same() {
    let hashes = Reader(&LARGE_FOREST).read_hashes(&[0, 2, 6]).unwrap();
    let nodes = [(0, 0), (1, 0), (2, 0)].map(|(level, index)| Node::new(level, index).unwrap());
    assert_eq!(ours(&hashes), nodes.map(|node| LARGE_FOREST.nodes[&node]));
}

/// Whether a changed proof, or the same for other places, is refused.
fn is_refused(forest: &Forest, index: u64, size: u64, change: impl Fn(&mut Vec<Hash>)) -> bool {
    let root = forest.roots[usize(size)];
    let leaf = forest.nodes[&Node::new(0, index).unwrap()];
    let mut inclusion = prove_inclusion(index, size, &mut forest.reader()).unwrap();
    let mut consistency = prove_consistency(index, size, &mut forest.reader()).unwrap();
    let old_root = forest.roots[usize(index)];
    let (was_inclusion, was_consistency) = (inclusion.clone(), consistency.clone());
    change(&mut inclusion);
    change(&mut consistency);
    let refuses_inclusion = inclusion == was_inclusion
        || verify_inclusion(&leaf, index, size, &root, &inclusion).is_err();
    let refuses_consistency = consistency == was_consistency
        || verify_consistency(index, &old_root, size, &root, &consistency).is_err();
    refuses_inclusion && refuses_consistency
}

#[test]
fn every_changed_proof_up_to_70_is_refused() {
    let forest = Forest::new((0..70).map(|index| leaf_hash(&entry(index))));
    let stranger = leaf_hash(b"a stranger");
    for size in 1..=70 {
        for index in 0..size {
            for at in 0..8 {
                assert!(is_refused(&forest, index, size, |proof| {
                    if let Some(hash) = proof.get_mut(at) {
                        *hash = stranger;
                    }
                }));
                assert!(is_refused(&forest, index, size, |proof| {
                    if at < proof.len() {
                        proof.remove(at);
                    }
                }));
                assert!(is_refused(&forest, index, size, |proof| {
                    proof.insert(at.min(proof.len()), stranger);
                }));
                assert!(is_refused(&forest, index, size, |proof| {
                    if at + 1 < proof.len() {
                        proof.swap(at, at + 1);
                    }
                }));
            }
        }
    }
}

#[test]
fn a_proof_is_good_for_its_places_only() {
    let forest = Forest::new((0..40).map(|index| leaf_hash(&entry(index))));
    let node = |index| forest.nodes[&Node::new(0, index).unwrap()];
    let size = 40;
    let root = forest.roots[40];
    for index in 0..size {
        let proof = prove_inclusion(index, size, &mut forest.reader()).unwrap();
        for other in 0..size {
            let found = verify_inclusion(&node(index), other, size, &root, &proof);
            assert_eq!(found.is_ok(), other == index);
            let found = verify_inclusion(&node(other), index, size, &root, &proof);
            assert_eq!(found.is_ok(), other == index);
        }
        for old in 1..=size {
            let proof = prove_consistency(old, size, &mut forest.reader()).unwrap();
            let old_root = &forest.roots[usize(old)];
            let swapped = verify_consistency(old, &root, size, old_root, &proof);
            assert_eq!(swapped.is_ok(), old == size);
            let other = &forest.roots[usize(index)];
            let found = verify_consistency(old, other, size, &root, &proof);
            assert_eq!(found.is_ok(), index == old, "{index} for {old}");
            if index != old && index > 0 {
                // A proof of the same length for another size of the older tree leads elsewhere.
                let found = verify_consistency(index, old_root, size, &root, &proof);
                let fault = matches!(
                    found,
                    Err(ProofError::Length { .. } | ProofError::Root | ProofError::OlderRoot)
                );
                assert!(fault, "{old} as {index}: {found:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_large_proofs_are_those_of_tlog_tiles(one in 1..=LARGE, two in 1..=LARGE) {
        let (index, size) = (one.min(two), one.max(two));
        compare_consistency_with_tlog_tiles(&LARGE_FOREST, index, size);
        compare_with_tlog_tiles(&LARGE_FOREST, index - 1, size);
    }

    #[test]
    fn random_bits_of_proofs_matter(
        one in 1..=LARGE, two in 1..=LARGE, at in any::<prop::sample::Index>(), bit in 0_usize..256,
    ) {
        let (index, size) = (one.min(two) - 1, one.max(two));
        let refused = is_refused(&LARGE_FOREST, index, size, |proof| {
            if proof.is_empty() {
                return;
            }
            let at = at.index(proof.len());
            let hash = &mut proof[at];
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            *hash = Hash::from_bytes(bytes);
        });
        prop_assert!(refused);
    }

    #[test]
    fn whatever_the_numbers_nothing_panics(
        a in any::<u64>(), b in any::<u64>(), length in 0_usize..70,
    ) {
        let hash = leaf_hash(b"");
        let proof = vec![hash; length];
        let _ = verify_inclusion(&hash, a, b, &hash, &proof);
        let _ = verify_consistency(a, &hash, b, &hash, &proof);
        let mut reader = |_: Node| Ok::<_, ()>(hash);
        let _ = prove_inclusion(a, b, &mut reader);
        let _ = prove_consistency(a, b, &mut reader);
    }
}
