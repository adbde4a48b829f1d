//! What is signed and what is not.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use velum_approval::{LogName, PublicKey, SigningKey};
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::Hash;
use velum_ledger::note::{KeyName, NoteSigner};
use velum_ledger::proof::verify_consistency;

use super::config::SignerConfig;
use super::protocol::{Answer, Ask, MOST_HASHES, Refusal};
use crate::keys::{self, LogSeeds};
use crate::log::{Fence, FenceError};
use crate::random::Random;

/// Keys, and the last head of each log.
pub(super) struct Desk {
    name: LogName,
    seeds: LogSeeds,
    /// A file for each log of the name.
    heads: PathBuf,
}

impl Desk {
    pub(super) fn open(config: &SignerConfig, random: &dyn Random) -> Result<Desk, String> {
        keys::make_folder(&config.data)?;
        let heads = config.data.join("heads");
        let fault = |error: std::io::Error| format!("{}: {error}", heads.display());
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&heads);
        made.map_err(fault)?;
        let has_signed = fs::read_dir(&heads).map_err(fault)?.next().is_some();
        let seeds = match &config.keys {
            Some(folder) => LogSeeds::read(folder),
            None if has_signed => match LogSeeds::find(&config.data) {
                Ok(Some(seeds)) => Ok(seeds),
                Ok(None) => {
                    let data = config.data.display();
                    return Err(format!(
                        "{data}: it has signed heads and its log.key is gone: restore it"
                    ));
                }
                Err(error) => Err(error),
            },
            None => LogSeeds::open(&config.data, random),
        };
        Ok(Desk {
            name: config.name.clone(),
            seeds: seeds.map_err(|error| error.to_string())?,
            heads,
        })
    }

    /// Its public keys: the one of now, and then the one before.
    pub(super) fn keys(&self) -> Vec<String> {
        let public = |seed| PublicKey::of(&SigningKey::from_bytes(seed)).to_string();
        self.seeds.all().map(public).collect()
    }

    pub(super) fn answer(&self, ask: &Ask) -> Answer {
        let answer = match ask {
            Ask::Known { origin } => self.known(origin.as_deref()),
            Ask::Sign { checkpoint, proof } => self.sign(checkpoint, proof),
        };
        answer.unwrap_or_else(|why| Answer::Refused { why })
    }

    fn known(&self, origin: Option<&str>) -> Result<Answer, Refusal> {
        let last = match origin {
            Some(origin) => self.head_of(origin)?.read().map_err(|error| told(&error))?,
            None => None,
        };
        Ok(Answer::Known {
            keys: self.keys(),
            last: last.map(|last| last.to_string()),
        })
    }

    fn sign(&self, checkpoint: &str, proof: &[String]) -> Result<Answer, Refusal> {
        let to: Checkpoint = checkpoint.parse().map_err(|_| Refusal::Unreadable)?;
        if !to.extensions().is_empty() || proof.len() > MOST_HASHES {
            return Err(Refusal::Unreadable);
        }
        let proof: Result<Vec<Hash>, _> = proof.iter().map(|hash| hash.parse()).collect();
        let proof = proof.map_err(|_| Refusal::Unreadable)?;
        let head = self.head_of(to.origin())?;
        let stands = head.read().map_err(|error| told(&error))?;
        if let Some(last) = &stands {
            continues(last, &to, &proof)?;
        }
        // On the disk before there is a signature: whatever ends between, nothing else of this size is
        // signed.
        head.raise(stands.as_ref(), &to)
            .map_err(|error| told(&error))?;
        let key: KeyName = to.origin().parse().map_err(|_| Refusal::OtherLog)?;
        let signers = self.seeds.all();
        let signers: Vec<_> = signers
            .map(|seed| NoteSigner::from_seed(key.clone(), seed))
            .collect();
        let note = to.sign(&signers.iter().collect::<Vec<_>>());
        Ok(Answer::Signed {
            note: note.map_err(|_| Refusal::Unreadable)?.to_string(),
        })
    }

    /// Where the last head of a log is, if it is one of this name: `NAME/2026`, `NAME/2026-r1`.
    fn head_of(&self, origin: &str) -> Result<Fence, Refusal> {
        let part = origin.strip_prefix(self.name.as_str());
        let part = part.and_then(|part| part.strip_prefix('/'));
        match part {
            Some(part) if is_of_a_year(part) => Ok(Fence::new(self.heads.join(part))),
            _ => Err(Refusal::OtherLog),
        }
    }
}

/// `2026`, or `2026-r1` of one that was recovered.
fn is_of_a_year(part: &str) -> bool {
    let is_number = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (year, again) = match part.split_once("-r") {
        Some((year, again)) => (year, Some(again)),
        None => (part, None),
    };
    year.len() == 4 && is_number(year, 4) && again.is_none_or(|again| is_number(again, 9))
}

fn continues(last: &Checkpoint, to: &Checkpoint, proof: &[Hash]) -> Result<(), Refusal> {
    if last == to {
        // It signs the same once more: what was signed may not have arrived.
        return Ok(());
    }
    if last.origin() != to.origin() {
        return Err(Refusal::State);
    }
    if to.size() < last.size() {
        return Err(Refusal::Smaller);
    }
    if to.size() == last.size() {
        return Err(Refusal::OtherRoot);
    }
    verify_consistency(last.size(), last.root(), to.size(), to.root(), proof)
        .map_err(|_| Refusal::NotConsistent)
}

fn told(error: &FenceError) -> Refusal {
    tracing::error!(%error, "what was signed last");
    match error {
        FenceError::File(..) => Refusal::State,
        FenceError::Beyond(_) => Refusal::Conflict,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use velum_ledger::checkpoint::Trust;
    use velum_ledger::hash::leaf_hash;
    use velum_ledger::proof::{consistency_tiles, prove_consistency};
    use velum_ledger::tile::{Edge, Tile, TileHashes, encode_hashes};

    use super::*;
    use crate::random::SystemRandom;

    const ORIGIN: &str = "audit.example.org/velum/2026";

    fn desk(folder: &Path) -> Desk {
        let text = "socket = \"s\"\nname = \"audit.example.org/velum\"\ndata = \"data\"";
        let config = SignerConfig::from_toml(text, folder).unwrap();
        Desk::open(&config, &SystemRandom).unwrap()
    }

    /// A log of so many leaves, in which the leaf `other` is another one.
    fn tree(size: u64, other: Option<u64>) -> Edge {
        let mut edge = Edge::new();
        for leaf in 0..size {
            let text = if other == Some(leaf) { 'x' } else { 'y' };
            let hash = leaf_hash(format!("{text}{leaf}").as_bytes());
            edge.append(hash, |_, _: &[Hash]| {}).unwrap();
        }
        edge
    }

    fn head(origin: &str, size: u64, other: Option<u64>) -> Checkpoint {
        Checkpoint::new(origin, size, tree(size, other).root()).unwrap()
    }

    fn ask(origin: &str, from: u64, to: u64, other: Option<u64>) -> Ask {
        let edge = tree(to, other);
        let tiles: std::collections::BTreeMap<_, _> = edge
            .partial()
            .map(|(tile, hashes)| (tile, encode_hashes(hashes)))
            .collect();
        let mut reader = TileHashes::new(to, |tile: Tile| tiles.get(&tile).cloned().ok_or(()));
        assert!(consistency_tiles(from, to).is_ok());
        let proof = prove_consistency(from, to, &mut reader).unwrap();
        Ask::Sign {
            checkpoint: head(origin, to, other).to_string(),
            proof: proof.iter().map(ToString::to_string).collect(),
        }
    }

    fn refused(desk: &Desk, ask: &Ask) -> Refusal {
        match desk.answer(ask) {
            Answer::Refused { why } => why,
            answer => panic!("{answer:?}"),
        }
    }

    fn signed(desk: &Desk, ask: &Ask) -> String {
        match desk.answer(ask) {
            Answer::Signed { note } => note,
            answer => panic!("{answer:?}"),
        }
    }

    #[test]
    fn only_what_continues_the_last_head_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let signing = desk(folder.path());
        let note = signed(&signing, &ask(ORIGIN, 0, 5, None));
        let key = NoteSigner::from_seed(ORIGIN.parse().unwrap(), &signing.seeds.current);
        let trust = Trust::new(ORIGIN, vec![key.verifier().clone()]).unwrap();
        assert_eq!(trust.open(note.as_bytes()).unwrap().checkpoint().size(), 5);
        // The same once more is the same to the byte.
        assert_eq!(signed(&signing, &ask(ORIGIN, 5, 5, None)), note);
        signed(&signing, &ask(ORIGIN, 5, 9, None));
        for (from, to, other, why) in [
            (0, 5, None, Refusal::Smaller),
            (0, 9, Some(3), Refusal::OtherRoot),
            (5, 9, Some(8), Refusal::OtherRoot),
            (9, 12, Some(3), Refusal::NotConsistent),
            // The proof is from another head.
            (5, 12, None, Refusal::NotConsistent),
            (0, 12, None, Refusal::NotConsistent),
        ] {
            let asked = ask(ORIGIN, from, to, other);
            assert_eq!(refused(&signing, &asked), why, "{from} {to} {other:?}");
        }
        // It knows of it after it has ended, too.
        drop(signing);
        let again = desk(folder.path());
        assert_eq!(refused(&again, &ask(ORIGIN, 0, 5, None)), Refusal::Smaller);
        let known = again.answer(&Ask::Known {
            origin: Some(ORIGIN.to_owned()),
        });
        let Answer::Known { keys, last } = known else {
            panic!("{known:?}")
        };
        assert_eq!(keys.len(), 1);
        assert_eq!(last, Some(head(ORIGIN, 9, None).to_string()));
        signed(&again, &ask(ORIGIN, 9, 12, None));
    }

    #[test]
    fn it_signs_for_the_logs_of_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        for origin in [ORIGIN, "audit.example.org/velum/2026-r1"] {
            signed(&desk, &ask(origin, 0, 3, None));
        }
        for origin in [
            "audit.example.org/velum",
            "audit.example.org/velum/",
            "audit.example.org/velum/26",
            "audit.example.org/velum/2026-r",
            "audit.example.org/velum/2026-r1x",
            "audit.example.org/velum/../2026",
            "audit.example.org/velum/2026/1",
            "audit.example.org/velum2/2026",
            "audit.example.org/other/2026",
        ] {
            let refusal = refused(&desk, &ask(origin, 0, 3, None));
            assert_eq!(refusal, Refusal::OtherLog, "{origin}");
        }
    }

    #[test]
    fn what_is_no_head_or_no_proof_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        let good = head(ORIGIN, 3, None).to_string();
        let sign = |checkpoint: &str, proof: &[&str]| Ask::Sign {
            checkpoint: checkpoint.to_owned(),
            proof: proof.iter().map(ToString::to_string).collect(),
        };
        let hash = leaf_hash(b"a").to_string();
        for asked in [
            sign("", &[]),
            sign(&format!("{good}more\n"), &[]),
            sign(&good, &["AAAA"]),
            sign(&good, &vec![&*hash; MOST_HASHES + 1]),
        ] {
            assert_eq!(refused(&desk, &asked), Refusal::Unreadable, "{asked:?}");
        }
    }

    #[test]
    fn nothing_is_signed_where_its_state_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let desk = desk(folder.path());
        signed(&desk, &ask(ORIGIN, 0, 3, None));
        let lock = desk.heads.join("2026.lock");
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        assert_eq!(refused(&desk, &ask(ORIGIN, 3, 5, None)), Refusal::State);
        fs::remove_dir(&lock).unwrap();
        fs::write(desk.heads.join("2026"), "nonsense").unwrap();
        assert_eq!(refused(&desk, &ask(ORIGIN, 3, 5, None)), Refusal::State);
    }

    #[test]
    fn a_key_that_is_gone_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        signed(&desk(folder.path()), &ask(ORIGIN, 0, 3, None));
        fs::remove_file(folder.path().join("data/log.key")).unwrap();
        let text = "socket = \"s\"\nname = \"audit.example.org/velum\"\ndata = \"data\"";
        let config = SignerConfig::from_toml(text, folder.path()).unwrap();
        let error = Desk::open(&config, &SystemRandom).err().unwrap();
        assert!(error.contains("log.key is gone"), "{error}");
    }
}
