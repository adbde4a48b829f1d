//! Every way in which a log can be changed, and what the verifier says of it.

use velum_ledger::checkpoint::{Checkpoint, OpenError, Trust};
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::VerifyError;
use velum_ledger::tile::{Bundle, BundleFault, Edge, Resource, Tile, TileLength};
use velum_ledger::verify::{Difference, Failure, LogVerifier, MOST_DIFFERENCES};

use crate::sample::{Log, ORIGIN, entry, signer, trust, usize};

/// Three levels of tiles; the last of each is partial.
const SIZE: u64 = 66_000;

fn small() -> Log {
    Log::of(&[100, 300, 700])
}

/// What is found to differ.
#[track_caller]
fn differences(log: &Log, older: &[&str]) -> Vec<Difference> {
    match log.verify_against(&trust(), older) {
        Err(Failure::Differs(differences)) => differences.found,
        other => panic!("{other:?}"),
    }
}

fn flip(log: &mut Log, path: &str, at: usize) {
    log.files.get_mut(path).unwrap()[at] ^= 1;
}

fn tile(level: u8, index: u64, size: u64) -> Tile {
    Tile::in_tree(level, index, size).unwrap()
}

fn bundle(index: u64, size: u64) -> Bundle {
    Bundle::in_log(index, size).unwrap()
}

/// Where the entry begins in its bundle, without its length.
fn place_in_bundle(log: &Log, index: u64) -> (String, usize) {
    let bundle = bundle(index / 256, log.size());
    let before = bundle.entries().start..index;
    let at = before
        .map(|index| log.entries[usize(index)].len() + 2)
        .sum::<usize>()
        + 2;
    (bundle.path(), at)
}

#[test]
fn an_untouched_log_verifies_with_all_heads_that_it_had() {
    for sizes in [
        &[0][..],
        &[1],
        &[255],
        &[256],
        &[257],
        &[1, 255, 256, 257, 512],
        &[30_000, SIZE],
    ] {
        let log = Log::of(sizes);
        let older: Vec<&str> = log.heads.iter().map(String::as_str).collect();
        let verified = log.verify_against(&trust(), &older).unwrap();
        assert_eq!(
            (verified.entries, verified.older),
            (log.size(), older.len())
        );
    }
}

#[test]
fn a_flipped_bit_of_each_entry_is_found_by_its_index() {
    let log = small();
    for index in (0..700).filter(|index| !entry(*index).is_empty()) {
        let (path, at) = place_in_bundle(&log, index);
        let mut changed = log.clone();
        flip(&mut changed, &path, at);
        assert_eq!(differences(&changed, &[]), [Difference::Entry { index }]);
    }
}

#[test]
fn a_flipped_bit_of_each_hash_is_found_by_its_place() {
    let log = small();
    for tile in [
        tile(0, 0, 700),
        tile(0, 1, 700),
        tile(0, 2, 700),
        tile(1, 0, 700),
    ] {
        for position in 0..usize::from(tile.width()) {
            let mut changed = log.clone();
            flip(&mut changed, &tile.path(), position * 32 + 31);
            let expected = Difference::Tile { tile, position };
            assert_eq!(differences(&changed, &[]), [expected]);
        }
    }
}

#[test]
fn a_large_log_is_found_out_on_every_level() {
    let log = Log::of(&[SIZE]);
    for (level, index, position) in [
        (0, 0, 0),
        (0, 257, 207),
        (1, 0, 0),
        (1, 0, 255),
        (1, 1, 0),
        (2, 0, 0),
    ] {
        let mut changed = log.clone();
        let tile = tile(level, index, SIZE);
        flip(&mut changed, &tile.path(), position * 32);
        let expected = Difference::Tile { tile, position };
        assert_eq!(differences(&changed, &[]), [expected], "{}", tile.path());
    }
    let mut changed = log.clone();
    let (path, at) = place_in_bundle(&log, 65_999);
    flip(&mut changed, &path, at);
    assert_eq!(
        differences(&changed, &[]),
        [Difference::Entry { index: 65_999 }]
    );
}

#[test]
fn entries_that_are_removed_added_or_swapped_are_found() {
    let log = small();
    let rewrite = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut entries = log.entries.clone();
        change(&mut entries);
        let mut changed = log.clone();
        changed.entries = entries;
        for index in 0..3 {
            changed.write_bundle(bundle(index, 700));
        }
        differences(&changed, &[])
    };
    let swapped = rewrite(&|entries| entries.swap(10, 11));
    assert_eq!(
        swapped,
        [
            Difference::Entry { index: 10 },
            Difference::Entry { index: 11 }
        ]
    );
    let removed = rewrite(&|entries| {
        entries.remove(600);
        entries.push(b"something at the end".to_vec());
    });
    assert_eq!(removed.first(), Some(&Difference::Entry { index: 600 }));
    assert_eq!(removed.len(), MOST_DIFFERENCES);
    let added = rewrite(&|entries| entries.insert(0, b"something at the beginning".to_vec()));
    assert_eq!(added.first(), Some(&Difference::Entry { index: 0 }));

    let short = rewrite_bundle(&log, 1, 255);
    let fault = BundleFault::Fewer {
        expected: 256,
        found: 255,
    };
    assert_eq!(
        short,
        [Difference::Bundle {
            bundle: bundle(1, 700),
            fault
        }]
    );
    let mut longer = log.clone();
    longer
        .files
        .get_mut(&bundle(2, 700).path())
        .unwrap()
        .extend(b"\0\x01x");
    let fault = BundleFault::Beyond { expected: 188 };
    let expected = Difference::Bundle {
        bundle: bundle(2, 700),
        fault,
    };
    assert_eq!(differences(&longer, &[]), [expected]);
}

/// A bundle with only its first entries.
fn rewrite_bundle(log: &Log, index: u64, width: u16) -> Vec<Difference> {
    let mut changed = log.clone();
    changed.write_bundle(Bundle::new(index, width).unwrap());
    let bytes = changed.files[&Bundle::new(index, width).unwrap().path()].clone();
    changed.files.insert(bundle(index, 700).path(), bytes);
    differences(&changed, &[])
}

#[test]
fn what_is_missing_or_cut_off_is_named() {
    let log = small();
    let last = Resource::Bundle(bundle(2, 700));
    for resource in [
        last,
        Resource::Tile(tile(0, 1, 700)),
        Resource::Tile(tile(1, 0, 700)),
    ] {
        let mut changed = log.clone();
        changed.files.remove(&resource.path());
        assert_eq!(
            differences(&changed, &[]),
            [Difference::Missing { resource }]
        );
    }
    let tile = tile(0, 2, 700);
    let mut changed = log.clone();
    changed.files.get_mut(&tile.path()).unwrap().pop();
    let length = TileLength {
        expected: 188 * 32,
        found: 188 * 32 - 1,
    };
    assert_eq!(
        differences(&changed, &[]),
        [Difference::TileLength { tile, length }]
    );

    let mut changed = log.clone();
    changed
        .files
        .get_mut(&bundle(0, 700).path())
        .unwrap()
        .truncate(1);
    let fault = BundleFault::CutOff { entry: 0 };
    let expected = Difference::Bundle {
        bundle: bundle(0, 700),
        fault,
    };
    assert_eq!(differences(&changed, &[]), [expected]);

    let mut changed = log.clone();
    for resource in [
        Resource::Bundle(bundle(1, 700)),
        Resource::Tile(bundle(1, 700).tile()),
    ] {
        changed.files.remove(&resource.path());
    }
    assert_eq!(
        differences(&changed, &[]).last(),
        Some(&Difference::Unread { from: 256 })
    );
}

#[test]
fn an_entry_with_its_hash_is_found_by_the_tile_above_and_by_the_root() {
    // Whoever changes a row of a table changes its hash with it.
    let log = small();
    let mut changed = log.clone();
    changed.entries[300] = b"changed".to_vec();
    changed.write_bundle(bundle(1, 700));
    let path = tile(0, 1, 700).path();
    let hash = leaf_hash(b"changed");
    changed.files.get_mut(&path).unwrap()[44 * 32..45 * 32].copy_from_slice(hash.as_bytes());
    let above = Difference::Tile {
        tile: tile(1, 0, 700),
        position: 1,
    };
    let root = Difference::Root { size: 700 };
    assert_eq!(differences(&changed, &[]), [above, root]);
}

#[test]
fn a_log_rewritten_without_the_key_is_found_by_its_root() {
    let log = small();
    let mut entries = log.entries.clone();
    entries[5] = b"rewritten".to_vec();
    let mut changed = Log::with(&entries, &[100, 300, 700]);
    changed.heads.clone_from(&log.heads);
    assert_eq!(differences(&changed, &[]), [Difference::Root { size: 700 }]);
}

#[test]
fn entry_and_tile_changed_differently_are_told_apart_from_neither() {
    let mut changed = small();
    let (path, at) = place_in_bundle(&changed, 20);
    flip(&mut changed, &path, at);
    flip(&mut changed, &tile(0, 0, 700).path(), 20 * 32);
    let found = differences(&changed, &[]);
    assert!(
        found.contains(&Difference::EntryOrTile { index: 20 }),
        "{found:?}"
    );
    assert!(found.contains(&Difference::Root { size: 700 }), "{found:?}");
}

#[test]
fn a_log_rewritten_with_the_key_needs_an_older_head() {
    let log = small();
    let mut entries = log.entries.clone();
    entries[5] = b"rewritten".to_vec();
    let rewritten = Log::with(&entries, &[100, 300, 700]);
    // Nothing inside of it can tell.
    assert!(rewritten.verify().is_ok());
    for (kept, size) in log.heads.iter().zip([100, 300, 700]) {
        assert_eq!(
            differences(&rewritten, &[kept]),
            [Difference::Older { size }]
        );
    }
    // What was rewritten behind a head agrees with that head.
    entries[5] = entry(5);
    entries[200] = b"rewritten".to_vec();
    let later = Log::with(&entries, &[100, 300, 700]);
    let kept: Vec<&str> = log.heads.iter().map(String::as_str).collect();
    let expected = [
        Difference::Older { size: 300 },
        Difference::Older { size: 700 },
    ];
    assert_eq!(differences(&later, &kept), expected);
    let kept: Vec<&str> = kept.into_iter().rev().collect();
    assert_eq!(differences(&later, &kept), expected);
}

#[test]
fn a_log_that_was_cut_off_needs_an_older_head() {
    let log = small();
    let cut_off = Log::of(&[100, 300]);
    assert!(cut_off.verify().is_ok());
    let expected = Difference::Smaller {
        older: 700,
        size: 300,
    };
    assert_eq!(differences(&cut_off, &[log.head()]), [expected]);
}

#[test]
fn heads_that_are_not_to_be_believed_are_told() {
    let mut log = small();
    let good = log.head().to_owned();
    let none_known = OpenError::Signature(VerifyError::NoneKnown);
    let is_false = OpenError::Signature(VerifyError::False);
    let unknown = Trust::new(ORIGIN, vec![signer(2).verifier().clone()]).unwrap();
    assert_eq!(
        log.verify_against(&unknown, &[]),
        Err(Failure::Head(none_known))
    );

    let changed = good.replacen("\n700\n", "\n699\n", 1);
    let older = Err(Failure::Older {
        which: 1,
        error: is_false,
    });
    assert_eq!(log.verify_against(&trust(), &[&good, &changed]), older);
    log.heads.push(changed);
    assert_eq!(log.verify(), Err(Failure::Head(is_false)));

    let other = Checkpoint::new("another.example", 700, leaf_hash(b"")).unwrap();
    log.heads
        .push(other.sign(&[&signer(1)]).unwrap().to_string());
    assert_eq!(log.verify(), Err(Failure::Head(OpenError::Origin)));
}

#[test]
fn an_older_head_of_another_log_is_none_of_this() {
    let log = small();
    let head = trust().open(log.head().as_bytes()).unwrap();
    let other = Checkpoint::new("another.example", 100, leaf_hash(b"")).unwrap();
    let keys = vec![signer(1).verifier().clone()];
    let another = Trust::new("another.example", keys).unwrap();
    let other = another
        .open_note(other.sign(&[&signer(1)]).unwrap())
        .unwrap();
    let mut verifier = LogVerifier::new(&head, &[other]);
    while let Some(resource) = verifier.wants() {
        verifier.give(log.files.get(&resource.path()).map(Vec::as_slice));
    }
    let found = verifier.finish().unwrap_err().found;
    assert_eq!(found, [Difference::OlderOrigin { size: 100 }]);
}

#[test]
fn a_forged_head_of_a_stolen_key_does_not_fit_the_entries() {
    let mut log = small();
    for (size, root) in [(700, leaf_hash(b"")), (700, Edge::new().root())] {
        let forged = Checkpoint::new(ORIGIN, size, root).unwrap();
        log.heads
            .push(forged.sign(&[&signer(1)]).unwrap().to_string());
        assert_eq!(differences(&log, &[]), [Difference::Root { size }]);
    }
    // A size that the entries do not have.
    let forged = Checkpoint::new(ORIGIN, 701, Hash::from_bytes([1; 32])).unwrap();
    log.heads
        .push(forged.sign(&[&signer(1)]).unwrap().to_string());
    let found = differences(&log, &[]);
    let resource = Resource::Bundle(bundle(2, 701));
    assert_eq!(found.first(), Some(&Difference::Missing { resource }));
}
