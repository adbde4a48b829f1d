//! Logs whose key was exchanged: which key is enough, and what is said of one that nothing leads to.

use std::collections::BTreeMap;

use serde_json::Value;
use velum_approval::record::LogEvent;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::note::{Note, NoteSigner};

use super::made::{Log, write};
use super::{export, release};
use crate::desk::Desk;
use crate::program::{Folder, Outcome, velum};

const OLD: u8 = 7;
const NEW: u8 = 8;

fn signer(log: &Log, seed: u8) -> NoteSigner {
    NoteSigner::from_seed(log.name.parse().unwrap(), &[seed; 32])
}

fn public(log: &Log, seed: u8) -> [u8; 32] {
    *signer(log, seed).verifier().public_key()
}

/// A log in which record 4 exchanges the key, and the heads of these sizes, each by these keys; the last one
/// is its checkpoint, and the others are in `checkpoints`.
fn exchanged(heads: &[(usize, &[u8])]) -> (Log, BTreeMap<String, Vec<u8>>) {
    let mut log = Log::heartbeats(3);
    let rotated = LogEvent::KeyRotated {
        old: public(&log, OLD),
        new: public(&log, NEW),
    };
    log.leaves[0]["data"]["log"]["key"] = log_key(&rotated);
    log.later(rotated);
    log.beat(10);
    let (mut files, mut last) = (BTreeMap::new(), Vec::new());
    for (size, seeds) in heads {
        let mut part = log.clone();
        part.leaves.truncate(*size);
        let made = part.files();
        let note = Note::parse(&made["checkpoint"]).unwrap();
        let head: Checkpoint = note.text().parse().unwrap();
        let signers: Vec<_> = seeds.iter().map(|seed| signer(&log, *seed)).collect();
        let head = head.sign(&signers.iter().collect::<Vec<_>>()).unwrap();
        last = head.to_string().into_bytes();
        files.insert(format!("checkpoints/{size}"), last.clone());
    }
    let (size, _) = heads.last().unwrap();
    files.remove(&format!("checkpoints/{size}"));
    log.leaves.truncate(*size);
    files.extend(log.files());
    files.insert("checkpoint".to_owned(), last);
    let keys = format!(
        "{}\n{}\n",
        signer(&log, OLD).verifier(),
        signer(&log, NEW).verifier()
    );
    files.insert("keys".to_owned(), keys.into_bytes());
    (log, files)
}

/// The key that an exchange puts away, as a record has it.
fn log_key(rotated: &LogEvent) -> Value {
    let mut log = Log::heartbeats(0);
    log.later(rotated.clone());
    log.leaves[1]["data"]["log"]["old_key"].clone()
}

fn verify(files: &BTreeMap<String, Vec<u8>>, log: &Log, known: &[u8]) -> Outcome {
    let folder = Folder::new();
    let out = write(&folder, "log", files);
    let keys: Vec<_> = known
        .iter()
        .map(|seed| signer(log, *seed).verifier().to_string())
        .collect();
    let mut arguments = vec!["audit", "verify", &out];
    for key in &keys {
        arguments.extend(["--key", key]);
    }
    let outcome = velum(&arguments);
    arguments.push("--json");
    let verdict: Value = serde_json::from_str(&velum(&arguments).output).unwrap();
    assert_eq!(verdict["holds"], outcome.code == Some(0), "{verdict}");
    outcome
}

#[test]
fn whoever_knows_one_key_can_believe_those_after_it() {
    // While both sign, any of them is enough.
    let (log, files) = exchanged(&[(9, &[OLD, NEW])]);
    for known in [&[OLD][..], &[NEW], &[OLD, NEW]] {
        let outcome = verify(&files, &log, known);
        assert_eq!(outcome.code, Some(0), "{known:?}: {outcome:?}");
        for part in [
            "keys       holds      exchanged 1 time(s)",
            "signed by     a key that you gave",
            "The log holds.",
        ] {
            assert!(outcome.output.contains(part), "{part}: {}", outcome.output);
        }
    }
    // Later only the new one does, and a head that the old one has signed leads there.
    let (log, files) = exchanged(&[(5, &[OLD, NEW]), (14, &[NEW])]);
    for known in [&[OLD][..], &[NEW], &[OLD, NEW]] {
        let outcome = verify(&files, &log, known);
        assert_eq!(outcome.code, Some(0), "{known:?}: {outcome:?}");
        let part = "a key that you did not give: record 4 names it";
        let is_told = outcome.output.contains(part);
        assert_eq!(is_told, known == [OLD], "{}", outcome.output);
    }
}

#[test]
fn an_exchange_that_the_old_key_has_not_signed_is_told() {
    let not_signed = "record 4 exchanges the key, and the key before it has signed no checkpoint";
    // A head of before the exchange says nothing about it.
    for heads in [
        &[(14, &[NEW][..])][..],
        &[(4, &[OLD]), (14, &[NEW])],
        &[(5, &[NEW]), (14, &[NEW])],
    ] {
        let (log, files) = exchanged(heads);
        for known in [&[OLD][..], &[NEW]] {
            let outcome = verify(&files, &log, known);
            assert_eq!(outcome.code, Some(1), "{known:?}: {outcome:?}");
            assert!(outcome.output.contains(not_signed), "{}", outcome.output);
            let part = "no key signed it that you gave";
            let is_told = outcome.output.contains(part);
            assert_eq!(is_told, known == [OLD], "{}", outcome.output);
        }
    }
    // The folder's own list of keys makes nothing believed.
    let (log, mut files) = exchanged(&[(5, &[OLD, NEW]), (14, &[9])]);
    let stranger = signer(&log, 9).verifier().to_string();
    files.get_mut("keys").unwrap().extend(stranger.bytes());
    let outcome = verify(&files, &log, &[OLD]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.output.contains("signature  FAILS"), "{outcome:?}");
    // A key that was exchanged does not sign alone any more.
    let (log, files) = exchanged(&[(5, &[OLD, NEW]), (14, &[OLD])]);
    let outcome = verify(&files, &log, &[OLD]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let part = "which names the log's key, and that key has not signed it";
    assert!(outcome.output.contains(part), "{}", outcome.output);
    // Nor does a head lead there that is of another past.
    let (log, mut files) = exchanged(&[(5, &[OLD, NEW]), (14, &[NEW])]);
    let mut other = log.clone();
    other.leaves.truncate(5);
    other.leaves[1]["time"] = "2026-11-23T20:21:05.123Z".into();
    let note = Note::parse(&other.files()["checkpoint"]).unwrap();
    let head: Checkpoint = note.text().parse().unwrap();
    let head = head.sign(&[&signer(&log, OLD)]).unwrap().to_string();
    files.insert("checkpoints/5".to_owned(), head.into_bytes());
    let outcome = verify(&files, &log, &[OLD]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.output.contains("signature  FAILS"), "{outcome:?}");
}

#[test]
fn an_export_has_every_key_and_what_leads_from_one_to_the_next() {
    let mut desk = Desk::with("", 2);
    release(&desk, 1);
    let folder = Folder::new();
    export(&desk, &folder);
    let old = folder.read("log/keys");
    let old = old.lines().last().unwrap();
    desk.exchange_key();
    release(&desk, 2);
    export(&desk, &folder);
    desk.forget_key();
    release(&desk, 3);
    let out = export(&desk, &folder);
    let keys = folder.read("log/keys");
    let listed: Vec<_> = keys.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!((listed.len(), listed[0]), (2, old), "{keys}");
    assert!(keys.contains("# Of records from 0 to "), "{keys}");
    for key in listed {
        let outcome = velum(&["audit", "verify", &out, "--key", key]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    let outcome = velum(&["audit", "verify", &out, "--key", old]);
    assert!(
        outcome.output.contains("a key that you did not give"),
        "{}",
        outcome.output
    );
    let proof = desk.ok("grace", &["audit", "prove", "--index", "3"]);
    folder.write("log/proofs/3.tlog-proof", proof);
    let Some((code, said)) = super::go::verify(&out, &[listed_last(&keys), old]) else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
}

fn listed_last(keys: &str) -> &str {
    keys.lines().last().unwrap()
}

#[test]
fn a_key_that_leads_to_the_last_one_of_a_year_is_enough_for_the_next() {
    for (by, then, holds) in [
        (&[OLD, NEW][..], NEW, true),
        // The old key has not signed over the exchange, or signs alone after it, or signs the next log.
        (&[NEW], NEW, false),
        (&[OLD], NEW, false),
        (&[OLD, NEW], OLD, false),
    ] {
        let mut log = Log::heartbeats(3);
        let rotated = LogEvent::KeyRotated {
            old: public(&log, OLD),
            new: public(&log, NEW),
        };
        log.leaves[0]["data"]["log"]["key"] = log_key(&rotated);
        log.later(rotated);
        log.beat(3);
        log.seed = then;
        let next = log.next("audit.example.org/velum/2027", true);
        let mut files = log.files();
        let note = Note::parse(&files["checkpoint"]).unwrap();
        let head: Checkpoint = note.text().parse().unwrap();
        let signers: Vec<_> = by.iter().map(|seed| signer(&log, *seed)).collect();
        let head = head.sign(&signers.iter().collect::<Vec<_>>()).unwrap();
        files.insert("checkpoint".to_owned(), head.to_string().into_bytes());
        let keys = format!(
            "{}\n{}\n",
            signer(&log, OLD).verifier(),
            signer(&log, NEW).verifier()
        );
        files.insert("keys".to_owned(), keys.into_bytes());
        let folder = Folder::new();
        write(&folder, "logs/2026", &files);
        next.write(&folder, "logs/2027");
        let list = serde_json::json!([
            {"name": log.name, "number": 1, "folder": "2026", "pruned": null},
            {"name": next.name, "number": 2, "folder": "2027", "pruned": null},
        ]);
        folder.write("logs/logs.json", list.to_string());
        let key = signer(&log, OLD).verifier().to_string();
        let outcome = velum(&["audit", "verify", &folder.at("logs"), "--key", &key]);
        assert_eq!(outcome.code, Some(i32::from(!holds)), "{by:?}: {outcome:?}");
    }
}

#[test]
fn a_witness_is_asked_of_the_head_also_where_the_key_was_exchanged() {
    for heads in [
        &[(9, &[OLD, NEW][..])][..],
        &[(5, &[OLD, NEW]), (14, &[NEW])],
    ] {
        let (log, mut files) = exchanged(heads);
        let (witness, cosigned) = super::matrix::cosign(&files["checkpoint"]);
        for (is_cosigned, code) in [(true, 0), (false, 1)] {
            if is_cosigned {
                files.insert("checkpoint".to_owned(), cosigned.clone().into_bytes());
            } else {
                let note = Note::parse(cosigned.as_bytes()).unwrap();
                let head: Checkpoint = note.text().parse().unwrap();
                let head = head.sign(&[&signer(&log, NEW)]).unwrap().to_string();
                files.insert("checkpoint".to_owned(), head.into_bytes());
                // What was kept on the way has no cosignature, and needs none.
                let bridge = exchanged(&[(5, &[OLD, NEW])]).1;
                files.insert("checkpoints/5".to_owned(), bridge["checkpoint"].clone());
            }
            let folder = Folder::new();
            let out = write(&folder, "log", &files);
            for seed in [OLD, NEW] {
                let key = signer(&log, seed).verifier().to_string();
                let arguments = [
                    "audit",
                    "verify",
                    &out,
                    "--key",
                    &key,
                    "--witness",
                    &witness,
                ];
                let outcome = velum(&arguments);
                assert_eq!(outcome.code, Some(code), "{seed}: {outcome:?}");
                let part = if is_cosigned {
                    "w1.example, at 2026-11-23T"
                } else {
                    "0 witnesses cosigned in the place of 1"
                };
                assert!(outcome.output.contains(part), "{seed}: {}", outcome.output);
            }
        }
    }
}
