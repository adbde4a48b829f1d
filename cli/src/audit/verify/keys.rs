//! Which key signed, and how a key that was given leads to it.
//!
//! Where the key of a log was exchanged, a record names the next one, and a head over that record is signed
//! by the key before: an export has it in `checkpoints`. So whoever knows one key of a log can believe those
//! after it. The folder's own `keys` only say which keys to try: none is believed because it stands there.

use std::fs;
use std::path::Path;

use velum_approval::replay::{Replay, Rotation};
use velum_ledger::checkpoint::{SignedCheckpoint, Trust};
use velum_ledger::note::{Algorithm, VerifierKey};

use super::kept::without_witnesses;
use crate::audit::{folder, trust};
use crate::failure::Failure;

/// More heads than an export keeps.
const MOST_HEADS: usize = 10_000;

/// What the folder has of keys and of heads that were kept in it.
pub(super) struct Kept {
    /// The keys that were given, and those to try.
    pub(super) tried: Trust,
    pub(super) heads: Vec<SignedCheckpoint>,
}

impl Kept {
    /// Reads `keys` and `checkpoints` of the folder, as far as they are there and can be read as such.
    pub(super) fn read(path: &Path, given: &Trust) -> Result<Self, Failure> {
        let text = fs::read_to_string(path.join("keys")).unwrap_or_default();
        let keys = trust::lines(&text).filter_map(|(_, line)| line.parse::<VerifierKey>().ok());
        let keys: Vec<_> = keys
            .filter(|key| key.algorithm() == Algorithm::Ed25519 && !given.keys().contains(key))
            .collect();
        let tried = given.clone().with_keys(keys);
        let tried = tried.map_err(|error| Failure::misused(format!("--key: {error}")))?;
        // Witnesses are asked of the head alone: these were kept as soon as they were signed.
        let kept = without_witnesses(&tried)?;
        let mut heads = Vec::new();
        if let Ok(files) = fs::read_dir(path.join("checkpoints")) {
            for file in files.take(MOST_HEADS) {
                let file = file.map_err(|error| Failure::unread(path, &error))?.path();
                if !file.is_file() {
                    continue;
                }
                let bytes = folder::checkpoint_file(&file)?;
                heads.extend(kept.open(&bytes).ok());
            }
        }
        Ok(Self { tried, heads })
    }
}

/// What is known of the keys of a log.
#[derive(Default)]
pub(in crate::audit) struct Keys {
    /// Who signed its head, in words.
    pub(in crate::audit) signed_by: String,
    /// Each exchange, and whether a head that the key before it has signed is over its record.
    pub(in crate::audit) rotations: Vec<(Rotation, bool)>,
    /// What is wrong with them, in sentences.
    pub(in crate::audit) faults: Vec<String>,
}

/// Follows the exchanges from the keys that were given; all heads are of this log. Gives whom to believe, and
/// what is known.
pub(super) fn follow(
    given: &Trust,
    replay: &Replay,
    head: &SignedCheckpoint,
    heads: &[SignedCheckpoint],
) -> (Trust, Keys) {
    let rotations = replay.rotations();
    let mut believed = given.clone();
    let mut keys = Keys::default();
    for rotation in rotations {
        let mut all = heads.iter().chain([head]);
        let is_covered = all.any(|one| {
            one.checkpoint().size() > rotation.index && has_signed(one, given, &rotation.old)
        });
        keys.rotations.push((*rotation, is_covered));
        if !is_covered {
            keys.faults.push(format!(
                "record {} exchanges the key, and the key before it has signed no checkpoint over that record \
                 (an export has it in `checkpoints`)",
                rotation.index
            ));
            continue;
        }
        let is_believed = believed
            .keys()
            .iter()
            .any(|key| *key.public_key() == rotation.old);
        let next = key(given, &rotation.new);
        if let (true, Some(next)) = (is_believed, next)
            && let Ok(more) = believed.clone().with_keys(vec![next])
        {
            believed = more;
        }
    }
    let named = rotations.last().map_or(0, |last| last.index);
    if replay
        .key()
        .is_some_and(|key| !has_signed(head, given, &key))
    {
        keys.faults.push(format!(
            "the checkpoint is over record {named}, which names the log's key, and that key has not signed it"
        ));
    }
    keys.signed_by = words(given, rotations, head);
    (believed, keys)
}

fn words(given: &Trust, rotations: &[Rotation], head: &SignedCheckpoint) -> String {
    if given.open_note(head.note().clone()).is_ok() {
        return "a key that you gave".to_owned();
    }
    let mut named = rotations.iter().rev();
    match named.find(|rotation| has_signed(head, given, &rotation.new)) {
        Some(rotation) => format!(
            "a key that you did not give: record {} names it, under a checkpoint that the key before it has \
             signed, and so on from a key that you gave",
            rotation.index
        ),
        None => "no key that you gave".to_owned(),
    }
}

fn has_signed(head: &SignedCheckpoint, given: &Trust, public: &[u8; 32]) -> bool {
    let key = key(given, public);
    key.is_some_and(|key| head.note().verify(&[key]).is_ok())
}

/// A log's keys have its name.
fn key(given: &Trust, public: &[u8; 32]) -> Option<VerifierKey> {
    let name = given.origin().parse().ok()?;
    VerifierKey::new(name, Algorithm::Ed25519, public).ok()
}
