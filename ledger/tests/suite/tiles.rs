//! Paths, tiles and growth beside `tlog_tiles`; proofs from tiles alone.

use std::convert::Infallible;

use proptest::prelude::*;
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::proof::{
    consistency_tiles, inclusion_tiles, prove_consistency, prove_inclusion, verify_consistency,
    verify_inclusion,
};
use velum_ledger::tile::{
    Bundle, Resource, Tile, TileHashes, bundles_of_growth, encode_hashes, tiles_of_growth,
};
use velum_ledger::tree::{MOST_LEAVES, Node};

use crate::sample::{Forest, Log, entry, usize};

/// `tlog_tiles` writes the height into paths, as Go does.
fn with_height(path: &str) -> String {
    let data = path.replacen("tile/entries/", "tile/data/", 1);
    data.replacen("tile/", "tile/8/", 1)
}

fn theirs(tile: Tile) -> tlog_tiles::Tile {
    tlog_tiles::Tile::new(8, tile.level(), tile.index(), tile.width().into(), false)
}

/// The tiles of a log for `tlog_tiles`.
struct Files<'l>(&'l Log);

impl tlog_tiles::TileReader for Files<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let files = tiles.iter().map(|tile| {
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            self.0.file(&path).map_err(tlog_tiles::Error::InvalidInput)
        });
        files.collect()
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn others_find_and_believe_our_tiles() {
    for size in [1, 2, 255, 256, 257, 600, 65_536, 66_000] {
        let log = Log::of(&[size / 2, size]);
        let leaves = log.entries.iter().map(|entry| leaf_hash(entry));
        let forest = Forest::new(leaves);
        let root = forest.roots[usize(size)];
        let files = Files(&log);
        let their_root = tlog_tiles::Hash(*root.as_bytes());
        let reader = tlog_tiles::TileHashReader::new(size, their_root, &files);
        for index in [0, size / 3, size / 2, size - 1] {
            let proof = tlog_tiles::prove_record(size, index, &reader).unwrap();
            let ours: Vec<_> = proof.iter().map(|hash| Hash::from_bytes(hash.0)).collect();
            let leaf = leaf_hash(&entry(index));
            assert_eq!(verify_inclusion(&leaf, index, size, &root, &ours), Ok(()));
        }
    }
}

#[test]
fn proofs_from_tiles_read_what_was_said_and_no_more() {
    let log = Log::of(&[66_000]);
    let forest = Forest::new(log.entries.iter().map(|entry| leaf_hash(entry)));
    let size = log.size();
    let root = forest.roots[usize(size)];
    for at in [0, 1, 255, 256, 257, 32_768, 65_535, 65_536, 65_999] {
        let mut read = Vec::new();
        let mut reader = |tile: Tile| {
            read.push(tile);
            log.file(&tile.path())
        };
        let proof = prove_inclusion(at, size, &mut TileHashes::new(size, &mut reader)).unwrap();
        let leaf = leaf_hash(&entry(at));
        assert_eq!(verify_inclusion(&leaf, at, size, &root, &proof), Ok(()));
        read.sort_unstable();
        assert_eq!(
            read,
            inclusion_tiles(at, size).unwrap(),
            "inclusion of {at}"
        );

        read.clear();
        let mut reader = |tile: Tile| {
            read.push(tile);
            log.file(&tile.path())
        };
        let proof = prove_consistency(at, size, &mut TileHashes::new(size, &mut reader)).unwrap();
        let old_root = &forest.roots[usize(at)];
        assert_eq!(
            verify_consistency(at, old_root, size, &root, &proof),
            Ok(())
        );
        read.sort_unstable();
        assert_eq!(
            read,
            consistency_tiles(at, size).unwrap(),
            "consistency with {at}"
        );
    }
}

#[test]
fn a_tile_is_what_its_subtrees_are() {
    let log = Log::of(&[66_000]);
    let forest = Forest::new(log.entries.iter().map(|entry| leaf_hash(entry)));
    for tile in tiles_of_growth(0, 66_000) {
        let computed = tile.compute(&mut forest.reader()).unwrap();
        let stored = log.file(&tile.path()).unwrap();
        assert_eq!(encode_hashes(&computed), stored, "{}", tile.path());
        if tile.is_full() {
            let up = Node::new(tile.level() * 8 + 8, tile.index()).unwrap();
            assert_eq!(
                tlog_tiles::Tile::subtree_hash(&stored).0,
                *forest.nodes[&up].as_bytes()
            );
        }
    }
}

#[test]
fn however_a_log_grew_its_tiles_are_the_same() {
    let at_once = Log::of(&[1_000]);
    let slowly = Log::of(&[1, 2, 3, 254, 255, 256, 257, 258, 511, 512, 513, 900, 1_000]);
    for (path, bytes) in &at_once.files {
        assert_eq!(slowly.files.get(path), Some(bytes), "{path}");
    }
    for bundle in bundles_of_growth(0, 1_000) {
        assert!(at_once.files.contains_key(&bundle.path()));
    }
    assert_eq!(at_once.head(), slowly.head());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_path_is_that_of_tlog_tiles_and_comes_back(
        level in 0_u8..8, index in 0..MOST_LEAVES, shift in 0_u32..60, width in 1_u16..=256,
    ) {
        if let Some(tile) = Tile::new(level, index >> shift, width) {
            let path = tile.path();
            prop_assert_eq!(theirs(tile).path(), with_height(&path));
            prop_assert_eq!(tlog_tiles::Tile::from_path(&with_height(&path)).unwrap(), theirs(tile));
            prop_assert_eq!(Tile::from_path(&path), Ok(tile));
            prop_assert!(Bundle::from_path(&path).is_err());
        }
        if let Some(bundle) = Bundle::new(index >> shift, width) {
            let path = bundle.path();
            let other = tlog_tiles::Tile::new(8, 0, bundle.index(), width.into(), true);
            prop_assert_eq!(other.path(), with_height(&path));
            prop_assert_eq!(Bundle::from_path(&path), Ok(bundle));
            prop_assert!(Tile::from_path(&path).is_err());
        }
    }

    #[test]
    fn text_that_is_nearly_a_path_means_the_same_to_tlog_tiles(
        path in "tile/([0-9]|0[0-9]|[1-5][0-9]|entries)(/x?[0-9]{2,4}){1,4}(\\.p/[0-9]{1,3})?",
    ) {
        let found = Resource::from_path(&path);
        if let Ok(resource) = found {
            prop_assert_eq!(resource.path(), path.as_str());
        }
        // It panics where the width is 0 or the level beyond 63, and takes levels that no log has.
        let width = path.rsplit_once(".p/").map(|(_, width)| width.parse());
        prop_assume!(width != Some(Ok(0)) || found.is_ok());
        let other = tlog_tiles::Tile::from_path(&with_height(&path)).ok();
        let within = |tile: tlog_tiles::Tile| {
            let width = u16::try_from(tile.width()).ok()?;
            Tile::new(tile.level(), tile.level_index(), width)
        };
        prop_assert_eq!(found.is_ok(), other.and_then(within).is_some());
    }

    #[test]
    fn a_growth_is_that_of_tlog_tiles(a in 0_u64..200_000, b in 0_u64..200_000, near in 0_u64..600) {
        for (old, new) in [(a.min(b), a.max(b)), (a, a + near)] {
            let ours: Vec<_> = tiles_of_growth(old, new).map(theirs).collect();
            prop_assert_eq!(ours, tlog_tiles::Tile::new_tiles(8, old, new));
        }
    }

    #[test]
    fn any_tile_is_computed_as_by_tlog_tiles(size in 1_u64..2_000, pick in any::<prop::sample::Index>()) {
        let mut leaves = |node: Node| Ok::<_, Infallible>(leaf_hash(&[node.level(), 1]));
        let tiles: Vec<_> = tiles_of_growth(0, size).collect();
        let tile = tiles[pick.index(tiles.len())];
        let hashes = tile.compute(&mut leaves).unwrap();
        prop_assert_eq!(hashes.len(), usize::from(tile.width()));
        prop_assert_eq!(tile.parse(&encode_hashes(&hashes)), Ok(hashes));
    }
}
