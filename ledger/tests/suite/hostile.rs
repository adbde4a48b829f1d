//! Bytes of strangers: nothing panics, and what is read is written the same.

use proptest::prelude::*;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::{Hash, leaf_hash};
use velum_ledger::note::{Note, NoteSigner, VerifierKey};
use velum_ledger::tile::{Bundle, Resource, Tile};
use velum_ledger::tlog_proof::TlogProof;
use velum_ledger::tree::Frontier;
use velum_ledger::verify::LogVerifier;

use crate::sample::{Log, trust};

/// Everything that reads bytes reads these.
fn read_all(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(proof.to_string().as_bytes(), bytes);
        let _ = proof.verify(b"", &trust());
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(resource) = Resource::from_path(&text) {
        assert_eq!(resource.path(), text);
    }
    if let Ok(hash) = text.parse::<Hash>() {
        assert_eq!(hash.to_string(), text);
    }
    if let Ok(hash) = Hash::from_hex(&text) {
        assert_eq!(hash.to_hex(), text);
    }
    if let Ok(frontier) = Frontier::from_bytes(bytes) {
        assert_eq!(frontier.to_bytes(), bytes);
        let _ = frontier.root();
    }
    for width in [1, 2, 3, 255, 256] {
        let bundle = Bundle::new(0, width).unwrap();
        if let Ok(entries) = bundle.parse(bytes) {
            assert_eq!(bundle.encode(entries).unwrap(), bytes);
        }
        let _ = Tile::new(0, 0, width).unwrap().parse(bytes);
    }
}

fn a_proof() -> String {
    let log = Log::of(&[2]);
    let head = Note::parse(log.head().as_bytes()).unwrap();
    let proof = TlogProof::new(1, vec![leaf_hash(&log.entries[0])], head).unwrap();
    proof.with_extra(b"more".to_vec()).unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn random_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
        prop_assert!(trust().open(&bytes).is_err());
    }

    #[test]
    fn random_text_is_read_or_refused(text in "(.|\n|— |=|\\+|/|tile|index | ){0,60}") {
        read_all(text.as_bytes());
    }

    #[test]
    fn a_good_proof_with_changes_is_read_or_refused_and_never_verified(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4),
    ) {
        let good = a_proof().into_bytes();
        let mut bytes = good.clone();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Ok(proof) = TlogProof::parse(&bytes) {
            let verified = proof.verify(&crate::sample::entry(1), &trust()).is_ok();
            // But for what nothing authenticates.
            let same = TlogProof::parse(&good).unwrap();
            let is_same = proof.index() == same.index() && proof.hashes() == same.hashes()
                && proof.checkpoint().text() == same.checkpoint().text();
            prop_assert!(!verified || is_same);
            prop_assert_eq!(proof.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn a_verifier_takes_whatever_it_is_given(
        files in prop::collection::vec(
            prop::option::of(prop::collection::vec(any::<u8>(), 0..100)), 0..12,
        ),
        size in 1_u64..700,
    ) {
        let log = Log::of(&[size]);
        let head = trust().open(log.head().as_bytes()).unwrap();
        let mut verifier = LogVerifier::new(&head, &[]);
        for file in &files {
            verifier.give(file.as_deref());
        }
        prop_assert!(verifier.finish().is_err());
    }
}

#[test]
fn parts_of_good_texts_are_read_or_refused() {
    let log = Log::of(&[3]);
    let signer = NoteSigner::from_seed("a.example".parse().unwrap(), &[1; 32]);
    let key = signer.verifier().to_string();
    let bundle = log.files[&Bundle::new(0, 3).unwrap().path()].clone();
    for good in [
        log.head().as_bytes(),
        a_proof().as_bytes(),
        key.as_bytes(),
        &bundle,
    ] {
        for end in 0..good.len() {
            read_all(&good[..end]);
            read_all(&good[end..][..good.len() - end - usize::from(end == 0)]);
        }
    }
}
