//! Proofs for keeping, made from a log's tiles.

use ed25519_dalek::{Signer as _, SigningKey};
use velum_ledger::checkpoint::OpenError;
use velum_ledger::note::{Algorithm, Note, VerifierKey};
use velum_ledger::proof::{ProofError, prove_inclusion};
use velum_ledger::tile::{Tile, TileHashes};
use velum_ledger::tlog_proof::{TlogProof, TlogProofError};

use crate::sample::{Log, entry, trust};

/// The proof of an entry under the newest head.
pub(crate) fn receipt(log: &Log, index: u64) -> TlogProof {
    let read = |tile: Tile| log.file(&tile.path());
    let mut hashes = TileHashes::new(log.size(), read);
    let hashes = prove_inclusion(index, log.size(), &mut hashes).unwrap();
    TlogProof::new(index, hashes, Note::parse(log.head().as_bytes()).unwrap()).unwrap()
}

#[test]
fn a_receipt_of_each_entry_holds_for_it_alone() {
    for sizes in [&[1][..], &[2], &[3], &[3, 20, 40]] {
        let log = Log::of(sizes);
        for index in 0..log.size() {
            let kept = receipt(&log, index).to_string();
            let proof = TlogProof::parse(kept.as_bytes()).unwrap();
            let head = proof.verify(&entry(index), &trust()).unwrap();
            assert_eq!(head.checkpoint().size(), log.size());
            // But for those that are equal.
            for other in (0..log.size()).filter(|other| entry(*other) != entry(index)) {
                let found = proof.verify(&entry(other), &trust());
                assert_eq!(found, Err(TlogProofError::Inclusion(ProofError::Root)));
            }
        }
    }
}

#[test]
fn a_receipt_of_a_large_log_is_small() {
    let log = Log::of(&[66_000]);
    for index in [0, 255, 65_535, 65_536, 65_999] {
        let kept = receipt(&log, index).to_string();
        assert!(kept.len() < 1_500, "{}", kept.len());
        let proof = TlogProof::parse(kept.as_bytes()).unwrap();
        assert!(proof.verify(&entry(index), &trust()).is_ok());
    }
}

#[test]
fn witnesses_stand_for_a_receipt_too() {
    let log = Log::of(&[5]);
    let secret = SigningKey::from_bytes(&[9; 32]);
    let public = secret.verifying_key().to_bytes();
    let name = "witness.example".parse().unwrap();
    let key = VerifierKey::new(name, Algorithm::CosignatureV1, &public).unwrap();
    let trust = trust().with_witnesses(vec![key.clone()], 1).unwrap();
    let alone = receipt(&log, 2);
    let few = TlogProofError::Checkpoint(OpenError::Witnesses {
        needed: 1,
        found: 0,
    });
    assert_eq!(alone.verify(&entry(2), &trust), Err(few));

    let mut head = alone.checkpoint().clone();
    let (time, text) = (1_700_000_000_u64, head.text());
    let message = format!("cosignature/v1\ntime {time}\n{text}");
    let signature = secret.sign(message.as_bytes()).to_bytes();
    head.add(key.signature([&time.to_be_bytes()[..], &signature].concat()))
        .unwrap();
    let cosigned = TlogProof::new(2, alone.hashes().to_vec(), head).unwrap();
    let opened = cosigned.verify(&entry(2), &trust).unwrap();
    assert_eq!(opened.cosignatures()[0].time, time);
}
