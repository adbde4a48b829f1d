//! What is exported, before the crates `signed_note`, `tlog_tiles` and `ct-merkle`: other people's readers of
//! notes, tiles and Merkle trees. Nothing of ours reads anything here.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;
use signed_note::{StandardVerifier, VerifierList};
use tlog_tiles::{HashReader as _, TileHashReader};

use super::{export, release};
use crate::desk::Desk;
use crate::program::Folder;

/// A log of more than a tile, exported as it grew, so that heads of several sizes are kept.
pub(super) fn exported(desk: &Desk, folder: &Folder) -> String {
    let stop = serde_json::json!({"scope": {"kind": "action", "name": "purge"}});
    for _ in 0..5 {
        for _ in 0..55 {
            desk.post("omar", "/v1/stops", &stop);
        }
        export(desk, folder);
    }
    release(desk, 1);
    export(desk, folder)
}

/// How much was verified.
#[derive(Debug)]
struct Verified {
    entries: usize,
    pairs: usize,
}

/// Signatures, every entry, the inclusion of each and the consistency of any two heads, by both readers of
/// trees; or what does not hold.
fn verify(folder: &Path, key: &str) -> Result<Verified, String> {
    let mut heads = Vec::new();
    let kept = std::fs::read_dir(folder.join("checkpoints")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().path());
    for path in kept.chain([folder.join("checkpoint")]) {
        heads.push(head(&std::fs::read(path).unwrap(), key)?);
    }
    heads.sort_by_key(tlog_tiles::Checkpoint::size);
    let newest = heads.last().unwrap();
    let (size, root) = (newest.size(), *newest.hash());
    let tiles = Tiles(folder.to_owned(), RefCell::default());
    let reader = TileHashReader::new(size, root, &tiles);
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();

    let entries = entries(folder, size);
    for (index, entry) in (0..).zip(&entries) {
        let leaf = tlog_tiles::record_hash(entry);
        let stored = tlog_tiles::stored_hash_index(0, index);
        let stored = reader.read_hashes(&[stored]);
        let stored = stored.map_err(|error| format!("{error}"))?;
        if stored != [leaf] {
            return Err(format!("entry {index} does not have the hash in its tile"));
        }
        let unproven = |error| format!("entry {index} is not under the root: {error}");
        let proof = tlog_tiles::prove_record(size, index, &reader).map_err(unproven)?;
        tlog_tiles::check_record(&proof, size, root, index, leaf).map_err(unproven)?;
        tree.push(entry.clone());
    }
    if tree.root() != theirs(newest) {
        return Err("the entries are not those of the root".to_owned());
    }
    for (index, entry) in (0..).zip(&entries) {
        // What the tiles prove, before the other crate.
        let proof = bytes(&tlog_tiles::prove_record(size, index, &reader).unwrap());
        let proof = InclusionProof::from_bytes(proof);
        let is_included = theirs(newest).verify_inclusion(entry, index, &proof);
        is_included.map_err(|_| format!("entry {index} is not under the root"))?;
    }
    let mut pairs = 0;
    for (number, old) in heads.iter().enumerate() {
        for new in heads.get(number + 1..).unwrap() {
            consistent(old, new, &reader)?;
            pairs += 1;
        }
    }
    Ok(Verified {
        entries: entries.len(),
        pairs,
    })
}

/// A head that the key has signed.
fn head(bytes: &[u8], key: &str) -> Result<tlog_tiles::Checkpoint, String> {
    let verifier = Box::new(StandardVerifier::new(key).unwrap());
    let note = signed_note::Note::from_bytes(bytes).map_err(|error| format!("{error:?}"))?;
    let known = note.verify(&VerifierList::new(vec![verifier]));
    let (known, _) = known.map_err(|error| format!("the head's signature: {error:?}"))?;
    assert_eq!(known.len(), 1);
    Ok(tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap())
}

fn consistent(
    old: &tlog_tiles::Checkpoint,
    new: &tlog_tiles::Checkpoint,
    reader: &TileHashReader<'_>,
) -> Result<(), String> {
    let between = || format!("the head of {} and that of {}", old.size(), new.size());
    let proof = tlog_tiles::prove_tree(new.size(), old.size(), reader);
    let proof = proof.map_err(|error| format!("{}: {error}", between()))?;
    tlog_tiles::check_tree(&proof, new.size(), *new.hash(), old.size(), *old.hash())
        .map_err(|error| format!("{}: {error}", between()))?;
    if old.size() == new.size() {
        return Ok(());
    }
    let proof = ConsistencyProof::try_from_bytes(bytes(&proof)).unwrap();
    let is_consistent = theirs(new).verify_consistency(&theirs(old), &proof);
    is_consistent.map_err(|_| between())
}

fn theirs(head: &tlog_tiles::Checkpoint) -> RootHash<Sha256> {
    RootHash::new(head.hash().0.into(), head.size())
}

fn bytes(hashes: &[tlog_tiles::Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The tiles of a folder, each read once.
struct Tiles(PathBuf, RefCell<std::collections::HashMap<String, Vec<u8>>>);

impl tlog_tiles::TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let bytes = tiles.iter().map(|tile| {
            // The path of C2SP has no height in it.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            let mut known = self.1.borrow_mut();
            let bytes = known.entry(path.clone()).or_insert_with(|| {
                let whole = self.0.join(&path);
                std::fs::read(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
            });
            bytes.clone()
        });
        Ok(bytes.collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

/// The entries of all bundles: each behind its length in two bytes.
fn entries(folder: &Path, size: u64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for number in 0..size.div_ceil(256) {
        let width = (size - number * 256).min(256);
        let name = match width {
            256 => format!("{number:03}"),
            width => format!("{number:03}.p/{width}"),
        };
        let bundle = std::fs::read(folder.join("tile/entries").join(name)).unwrap();
        let mut rest = &bundle[..];
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let (entry, behind) = behind.split_at(u16::from_be_bytes(*length).into());
            all.push(entry.to_vec());
            rest = behind;
        }
    }
    assert_eq!(all.len() as u64, size);
    all
}

#[test]
fn the_crates_of_others_verify_what_was_exported() {
    let desk = Desk::with("", 2);
    let folder = Folder::new();
    let out = exported(&desk, &folder);
    let keys = folder.read("log/keys");
    let key = keys.lines().last().unwrap();
    let verified = verify(Path::new(&out), key).unwrap();
    assert!(verified.entries > 256 && verified.pairs > 9, "{verified:?}");

    // And see what was changed: an entry, a tile, a kept head.
    let refused = |file: &str, at: usize| {
        let path = Path::new(&out).join(file);
        let whole = std::fs::read(&path).unwrap();
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let fault = verify(Path::new(&out), key).unwrap_err();
        std::fs::write(&path, whole).unwrap();
        fault
    };
    assert!(refused("tile/entries/000", 40).starts_with("entry 0 "));
    // Of the second entry's hash the first one's proof is made.
    assert!(refused("tile/0/000", 40).starts_with("entry 0 is not under the root"));
    let kept = std::fs::read_dir(Path::new(&out).join("checkpoints")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name()).next().unwrap();
    let kept = format!("checkpoints/{}", kept.to_str().unwrap());
    let text = std::fs::read_to_string(Path::new(&out).join(&kept)).unwrap();
    // A letter of the root, which stands on the third line.
    let root: usize = text.split_inclusive('\n').take(2).map(str::len).sum();
    assert!(refused(&kept, root + 3).contains("signature"));
    assert!(verify(Path::new(&out), key).is_ok());
    super::told(
        "the_crates_of_others_verify_what_was_exported",
        &format!(
            "signed_note, tlog_tiles and ct-merkle: {} entries of a real export, each with its inclusion, {} pairs \
             of its checkpoints",
            verified.entries, verified.pairs
        ),
    );
}
