//! Whose signatures make a checkpoint one to believe.

use std::fmt;

use super::{Checkpoint, InvalidCheckpoint};
use crate::note::{Algorithm, InvalidNote, KeyName, Note, VerifierKey, VerifyError};

/// A log, the keys that sign for it, and the witnesses that must have seen its heads.
///
/// Any one of the log's keys is enough, so that keys can be rotated: the new one is listed before it
/// signs, and the old one stays, for the heads that only it signed.
///
/// ```
/// use velum_ledger::{checkpoint::{Checkpoint, Trust}, hash::EMPTY_ROOT, note::NoteSigner};
/// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
/// let trust = Trust::new("log.example", vec![signer.verifier().clone()])?;
///
/// let note = Checkpoint::new("log.example", 0, EMPTY_ROOT)?.sign(&[&signer])?;
/// assert!(trust.open(note.to_string().as_bytes()).is_ok());
/// let another = Checkpoint::new("another.example", 0, EMPTY_ROOT)?.sign(&[&signer])?;
/// assert!(trust.open(another.to_string().as_bytes()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    origin: String,
    log: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    needed: usize,
}

impl Trust {
    /// The log with this origin, signed by any of these keys. Fails without keys and on one that is not
    /// of [`Algorithm::Ed25519`]: C2SP tlog-tiles wants that signature.
    pub fn new(origin: impl Into<String>, log: Vec<VerifierKey>) -> Result<Self, InvalidTrust> {
        let is_log_key = |key: &VerifierKey| key.algorithm() == Algorithm::Ed25519;
        if log.is_empty() || !log.iter().all(is_log_key) {
            return Err(InvalidTrust::LogKeys);
        }
        Ok(Self {
            origin: origin.into(),
            log,
            witnesses: Vec::new(),
            needed: 0,
        })
    }

    /// The same, if at least `needed` of these witnesses have cosigned. Fails if there are fewer, on a key
    /// that is not of [`Algorithm::CosignatureV1`], and on a public key that is listed twice: a
    /// cosignature does not say the witness's name, so one key would count as two.
    ///
    /// ```
    /// # use velum_ledger::checkpoint::Trust;
    /// # use velum_ledger::note::{Algorithm, NoteSigner, VerifierKey};
    /// # let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
    /// # let log = Trust::new("log.example", vec![signer.verifier().clone()])?;
    /// # let witness = NoteSigner::from_seed("witness.example".parse()?, &[8; 32]);
    /// # let public_key = witness.verifier().public_key();
    /// let name = "witness.example".parse()?;
    /// let witness = VerifierKey::new(name, Algorithm::CosignatureV1, public_key)?;
    /// assert!(log.clone().with_witnesses(vec![witness.clone()], 1).is_ok());
    /// assert!(log.with_witnesses(vec![witness], 2).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_witnesses(
        mut self,
        witnesses: Vec<VerifierKey>,
        needed: usize,
    ) -> Result<Self, InvalidTrust> {
        let is_witness = |key: &VerifierKey| key.algorithm() == Algorithm::CosignatureV1;
        let mut public: Vec<_> = witnesses.iter().map(VerifierKey::public_key).collect();
        public.sort_unstable();
        public.dedup();
        let each_once = public.len() == witnesses.len();
        if needed > witnesses.len() || !each_once || !witnesses.iter().all(is_witness) {
            return Err(InvalidTrust::Witnesses);
        }
        self.witnesses = witnesses;
        self.needed = needed;
        Ok(self)
    }

    /// The same, signed by any of these keys too. Fails on one that is not of [`Algorithm::Ed25519`].
    ///
    /// ```
    /// # use velum_ledger::{checkpoint::{Checkpoint, Trust}, hash::EMPTY_ROOT, note::NoteSigner};
    /// # let (old, new) = ([7; 32], [8; 32]);
    /// # let signer = |seed| Ok::<_, Box<dyn std::error::Error>>(NoteSigner::from_seed("log.example".parse()?, seed));
    /// let (old, new) = (signer(&old)?, signer(&new)?);
    /// let trust = Trust::new("log.example", vec![old.verifier().clone()])?;
    /// let note = Checkpoint::new("log.example", 0, EMPTY_ROOT)?.sign(&[&new])?;
    /// assert!(trust.open_note(note.clone()).is_err());
    /// assert!(trust.with_keys(vec![new.verifier().clone()])?.open_note(note).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_keys(mut self, more: Vec<VerifierKey>) -> Result<Self, InvalidTrust> {
        if more.iter().any(|key| key.algorithm() != Algorithm::Ed25519) {
            return Err(InvalidTrust::LogKeys);
        }
        self.log.extend(more);
        Ok(self)
    }

    /// The keys that may sign for the log.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.log
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Reads a signed checkpoint of this log. Fails if no key of the log signed it, if a signature in the
    /// name of a known key is false, if too few witnesses cosigned, and on what is no checkpoint.
    pub fn open(&self, bytes: &[u8]) -> Result<SignedCheckpoint, OpenError> {
        self.open_note(Note::parse(bytes).map_err(OpenError::Note)?)
    }

    /// As [`open`](Self::open), of a note that was read before.
    pub fn open_note(&self, note: Note) -> Result<SignedCheckpoint, OpenError> {
        // Before a signature is verified the text means nothing.
        note.verify(&self.log).map_err(OpenError::Signature)?;
        let cosignatures = self.cosignatures(&note)?;
        let checkpoint: Checkpoint = note.text().parse().map_err(OpenError::Checkpoint)?;
        if checkpoint.origin() != self.origin {
            return Err(OpenError::Origin);
        }
        if cosignatures.len() < self.needed {
            return Err(OpenError::Witnesses {
                needed: self.needed,
                found: cosignatures.len(),
            });
        }
        Ok(SignedCheckpoint {
            checkpoint,
            note,
            cosignatures,
        })
    }

    fn cosignatures(&self, note: &Note) -> Result<Vec<Cosignature>, OpenError> {
        let valid = match note.verify(&self.witnesses) {
            Ok(valid) => valid,
            Err(VerifyError::NoneKnown) => Vec::new(),
            Err(error @ VerifyError::False) => return Err(OpenError::Signature(error)),
        };
        let cosignatures = valid.iter().filter_map(|signature| {
            Some(Cosignature {
                witness: signature.key().name().clone(),
                time: signature.time()?,
            })
        });
        Ok(cosignatures.collect())
    }
}

/// A checkpoint that one of the log's keys signed, and as many witnesses as were needed. Only
/// [`Trust::open`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    cosignatures: Vec<Cosignature>,
}

impl SignedCheckpoint {
    /// What was signed.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, with all signatures.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The known witnesses that cosigned, each once.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }
}

/// That a witness has seen a checkpoint (C2SP tlog-cosignature).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Which witness.
    pub witness: KeyName,
    /// When, as it says: seconds since 1970 in UTC, at most 2^63 - 1.
    pub time: u64,
}

/// Why keys are none to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTrust {
    /// The log has no keys, or one of another algorithm than Ed25519.
    LogKeys,
    /// More witnesses are needed than are listed, one is listed twice, or is of another algorithm than
    /// `cosignature/v1`.
    Witnesses,
}

impl fmt::Display for InvalidTrust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LogKeys => "a log needs at least one key, and its keys are of Ed25519",
            Self::Witnesses => {
                "witnesses are at least as many as are needed, each listed once, with keys of \
                 cosignature/v1"
            }
        })
    }
}

impl std::error::Error for InvalidTrust {}

/// Why a checkpoint is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// It is no signed note.
    Note(InvalidNote),
    /// No key of the log signed it, or a signature is false.
    Signature(VerifyError),
    /// What was signed is no checkpoint.
    Checkpoint(InvalidCheckpoint),
    /// It is the head of another log.
    Origin,
    /// Too few witnesses cosigned.
    Witnesses {
        /// How many have to.
        needed: usize,
        /// How many did.
        found: usize,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Note(error) => error.fmt(formatter),
            Self::Signature(error) => error.fmt(formatter),
            Self::Checkpoint(error) => error.fmt(formatter),
            Self::Origin => formatter.write_str("the checkpoint is of another log"),
            Self::Witnesses { needed, found } => {
                write!(
                    formatter,
                    "{found} witnesses cosigned in the place of {needed}"
                )
            }
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::{InvalidTrust, OpenError, Trust};
    use crate::checkpoint::{Checkpoint, InvalidCheckpoint};
    use crate::hash::{EMPTY_ROOT, leaf_hash};
    use crate::note::{Algorithm, Note, NoteSigner, VerifierKey, VerifyError};

    const ORIGIN: &str = "log.example/audit";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(ORIGIN.parse().unwrap(), &[seed; 32])
    }

    fn trust(seeds: &[u8]) -> Trust {
        let keys = seeds.iter().map(|seed| signer(*seed).verifier().clone());
        Trust::new(ORIGIN, keys.collect()).unwrap()
    }

    fn head(origin: &str, seeds: &[u8]) -> Note {
        let checkpoint = Checkpoint::new(origin, 1, leaf_hash(b"")).unwrap();
        let signers: Vec<_> = seeds.iter().map(|seed| signer(*seed)).collect();
        checkpoint
            .sign(&signers.iter().collect::<Vec<_>>())
            .unwrap()
    }

    fn witness(name: &str, seed: u8) -> (SigningKey, VerifierKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = secret.verifying_key().to_bytes();
        let name = name.parse().unwrap();
        (
            secret,
            VerifierKey::new(name, Algorithm::CosignatureV1, &public).unwrap(),
        )
    }

    fn cosign(note: &mut Note, (secret, key): &(SigningKey, VerifierKey), time: u64) {
        let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
        let signature = secret.sign(message.as_bytes()).to_bytes();
        let bytes = [&time.to_be_bytes()[..], &signature].concat();
        note.add(key.signature(bytes)).unwrap();
    }

    #[test]
    fn keys_are_rotated_without_a_gap() {
        // Old key, both, new key; who lists both opens all, who lists one opens those that it signed.
        for (signed_by, listed, opens) in [
            (&[1][..], &[1, 2][..], true),
            (&[1, 2], &[1, 2], true),
            (&[2], &[1, 2], true),
            (&[1, 2], &[1], true),
            (&[1, 2], &[2], true),
            (&[1], &[2], false),
            (&[2], &[1], false),
        ] {
            let opened = trust(listed).open_note(head(ORIGIN, signed_by));
            assert_eq!(opened.is_ok(), opens, "{signed_by:?} {listed:?}");
        }
    }

    #[test]
    fn only_this_logs_heads_are_opened() {
        let other = trust(&[1]).open_note(head("another.example", &[1]));
        assert_eq!(other, Err(OpenError::Origin));
        let mut text = Note::new("some text\n").unwrap();
        text.sign(&[&signer(1)]).unwrap();
        let lines = OpenError::Checkpoint(InvalidCheckpoint::Lines);
        assert_eq!(trust(&[1]).open_note(text), Err(lines));
        // Not read before it is verified.
        let mut text = Note::new("some text\n").unwrap();
        text.sign(&[&signer(2)]).unwrap();
        let unknown = OpenError::Signature(VerifyError::NoneKnown);
        assert_eq!(trust(&[1]).open_note(text), Err(unknown));
    }

    #[test]
    fn witnesses_count_once_and_only_with_the_logs_signature() {
        let (one, two) = (witness("w1.example", 8), witness("w2.example", 9));
        let keys = vec![one.1.clone(), two.1.clone()];
        let trust = |needed| trust(&[1]).with_witnesses(keys.clone(), needed).unwrap();
        let mut note = head(ORIGIN, &[1]);
        cosign(&mut note, &one, 100);
        cosign(&mut note, &one, 200);
        let opened = trust(1).open_note(note.clone()).unwrap();
        assert_eq!(
            (opened.cosignatures().len(), opened.cosignatures()[0].time),
            (1, 100)
        );
        let few = OpenError::Witnesses {
            needed: 2,
            found: 1,
        };
        assert_eq!(trust(2).open_note(note.clone()), Err(few));
        cosign(&mut note, &two, 150);
        assert!(trust(2).open_note(note.clone()).is_ok());

        let mut alone = Note::new(note.text()).unwrap();
        cosign(&mut alone, &one, 100);
        let unsigned = OpenError::Signature(VerifyError::NoneKnown);
        assert_eq!(trust(1).open_note(alone), Err(unsigned));

        let mut false_one = head(ORIGIN, &[1]);
        false_one.add(one.1.signature(vec![0; 72])).unwrap();
        let spoiled = OpenError::Signature(VerifyError::False);
        assert_eq!(trust(0).open_note(false_one), Err(spoiled));
    }

    #[test]
    fn keys_that_cannot_be_trusted_are_refused() {
        let (one, same) = (witness("w1.example", 8), witness("other-name.example", 8));
        assert_eq!(Trust::new(ORIGIN, vec![]), Err(InvalidTrust::LogKeys));
        assert_eq!(
            Trust::new(ORIGIN, vec![one.1.clone()]),
            Err(InvalidTrust::LogKeys)
        );
        for (witnesses, needed) in [
            (vec![one.1.clone()], 2),
            (vec![one.1.clone(), same.1], 1),
            (vec![signer(1).verifier().clone()], 1),
        ] {
            let found = trust(&[1]).with_witnesses(witnesses, needed);
            assert_eq!(found, Err(InvalidTrust::Witnesses));
        }
    }

    #[test]
    fn an_empty_log_has_a_head() {
        let empty = Checkpoint::new(ORIGIN, 0, EMPTY_ROOT).unwrap();
        let note = empty.sign(&[&signer(1)]).unwrap();
        assert_eq!(trust(&[1]).open_note(note).unwrap().checkpoint(), &empty);
    }
}
