//! A proof for keeping: where a leaf is, the way to the root, and the signed head, as one text (C2SP
//! tlog-proof). It is verified without the log. Its files end in `.tlog-proof`.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 1
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//!
//! example.com/fancylog
//! 2
//! sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=
//!
//! — example.com/fancylog …
//! ```

use std::fmt;

use crate::checkpoint::{OpenError, SignedCheckpoint, Trust};
use crate::hash::{Hash, leaf_hash};
use crate::note::{InvalidNote, Note};
use crate::proof::{MOST_HASHES, ProofError, verify_inclusion};
use crate::text;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// In front of data of the application.
const EXTRA: &str = "extra ";
/// In front of the leaf's index.
const INDEX: &str = "index ";

/// How much data of the application a proof may have, in bytes; the specification sets no limit.
pub const MOST_EXTRA_BYTES: usize = 64 * 1024;

/// A proof as it was read or made, not yet verified.
///
/// ```
/// use velum_ledger::checkpoint::{Checkpoint, Trust};
/// use velum_ledger::hash::{leaf_hash, node_hash};
/// use velum_ledger::{note::NoteSigner, tlog_proof::TlogProof};
///
/// let (first, second) = (leaf_hash(b"first"), leaf_hash(b"second"));
/// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
/// let head = Checkpoint::new("log.example", 2, node_hash(&first, &second))?.sign(&[&signer])?;
///
/// let kept = TlogProof::new(1, vec![first], head)?.to_string();
///
/// let trust = Trust::new("log.example", vec![signer.verifier().clone()])?;
/// let proof = TlogProof::parse(kept.as_bytes())?;
/// assert!(proof.verify(b"second", &trust).is_ok());
/// assert!(proof.verify(b"another", &trust).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: Note,
}

impl TlogProof {
    /// The proof of the leaf at `index`, with the hashes of
    /// [`prove_inclusion`](crate::proof::prove_inclusion) and the head they lead to. Fails on more hashes
    /// than a proof can have, and on an index that no leaf has.
    pub fn new(index: u64, hashes: Vec<Hash>, checkpoint: Note) -> Result<Self, InvalidTlogProof> {
        if index >= crate::tree::MOST_LEAVES {
            return Err(InvalidTlogProof::Index);
        }
        if hashes.len() > MOST_HASHES {
            return Err(InvalidTlogProof::Hashes);
        }
        Ok(Self {
            extra: None,
            index,
            hashes,
            checkpoint,
        })
    }

    /// The same with data of the application, which nothing authenticates. Fails on none, and beyond
    /// [`MOST_EXTRA_BYTES`].
    pub fn with_extra(mut self, extra: Vec<u8>) -> Result<Self, InvalidTlogProof> {
        if extra.is_empty() || extra.len() > MOST_EXTRA_BYTES {
            return Err(InvalidTlogProof::Extra);
        }
        self.extra = Some(extra);
        Ok(self)
    }

    /// Reads a proof: what is read is written the same by [`to_string`](ToString::to_string). Nothing is
    /// verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidTlogProof> {
        let whole = std::str::from_utf8(bytes).map_err(|_| InvalidTlogProof::Header)?;
        let (head, note) = whole
            .split_once("\n\n")
            .ok_or(InvalidTlogProof::Checkpoint)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(InvalidTlogProof::Header);
        }
        let mut line = lines.next().ok_or(InvalidTlogProof::Index)?;
        let mut extra = None;
        if let Some(base64) = line.strip_prefix(EXTRA) {
            extra = Some(parse_extra(base64)?);
            line = lines.next().ok_or(InvalidTlogProof::Index)?;
        }
        let index = line.strip_prefix(INDEX).ok_or(InvalidTlogProof::Index)?;
        let index = text::parse_number(index).ok_or(InvalidTlogProof::Index)?;
        // One too many is enough to know that there are too many.
        let hashes = lines.take(MOST_HASHES + 1).map(str::parse);
        let hashes = hashes.collect::<Result<_, _>>();
        let hashes = hashes.map_err(|_| InvalidTlogProof::Hashes)?;
        let note = Note::parse(note.as_bytes()).map_err(InvalidTlogProof::Note)?;
        let proof = Self::new(index, hashes, note)?;
        match extra {
            Some(extra) => proof.with_extra(extra),
            None => Ok(proof),
        }
    }

    /// Verifies that the log has this leaf: that the head is one to believe, and that leaf, index and
    /// hashes lead to its root (C2SP tlog-proof, "Verifying a tlog proof"). Gives the head.
    pub fn verify(&self, leaf: &[u8], trust: &Trust) -> Result<SignedCheckpoint, TlogProofError> {
        self.verify_hash(&leaf_hash(leaf), trust)
    }

    /// As [`verify`](Self::verify), of a leaf of which only the hash is at hand.
    pub fn verify_hash(
        &self,
        leaf: &Hash,
        trust: &Trust,
    ) -> Result<SignedCheckpoint, TlogProofError> {
        let signed = trust.open_note(self.checkpoint.clone());
        let signed = signed.map_err(TlogProofError::Checkpoint)?;
        let (size, root) = (signed.checkpoint().size(), signed.checkpoint().root());
        verify_inclusion(leaf, self.index, size, root, &self.hashes)
            .map_err(TlogProofError::Inclusion)?;
        Ok(signed)
    }

    /// Which leaf, as it says.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The data of the application; nothing authenticates it.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The hashes, from the leaf's side to the root's.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The head, not verified.
    pub const fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }
}

fn parse_extra(base64: &str) -> Result<Vec<u8>, InvalidTlogProof> {
    text::decode_base64(base64).ok_or(InvalidTlogProof::Extra)
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "{EXTRA}{}", text::encode_base64(extra))?;
        }
        writeln!(formatter, "{INDEX}{}", self.index)?;
        self.hashes
            .iter()
            .try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}

/// Why something is no such proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTlogProof {
    /// It does not begin with the line of its version.
    Header,
    /// The line behind `extra` is no base64, is empty, or has more than [`MOST_EXTRA_BYTES`].
    Extra,
    /// There is no index, or none that a leaf has.
    Index,
    /// A line is no hash, or there are more than [`MOST_HASHES`].
    Hashes,
    /// There is no checkpoint behind an empty line.
    Checkpoint,
    /// The checkpoint is no note.
    Note(InvalidNote),
}

impl fmt::Display for InvalidTlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => write!(formatter, "the first line is not `{HEADER}`"),
            Self::Extra => formatter.write_str("`extra` is not base64, is empty or too long"),
            Self::Index => formatter.write_str("no line `index` with the index of a leaf"),
            Self::Hashes => formatter.write_str("a line is no hash, or there are too many"),
            Self::Checkpoint => formatter.write_str("no checkpoint behind an empty line"),
            Self::Note(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for InvalidTlogProof {}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlogProofError {
    /// The head is not to be believed.
    Checkpoint(OpenError),
    /// The leaf is not the one at the index under the head's root.
    Inclusion(ProofError),
}

impl fmt::Display for TlogProofError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(error) => error.fmt(formatter),
            Self::Inclusion(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for TlogProofError {}

#[cfg(test)]
mod tests {
    use super::{InvalidTlogProof, MOST_EXTRA_BYTES, TlogProof, TlogProofError};
    use crate::checkpoint::{Checkpoint, OpenError, Trust};
    use crate::hash::{leaf_hash, node_hash};
    use crate::note::{Note, NoteSigner, VerifyError};
    use crate::proof::{MOST_HASHES, ProofError};
    use crate::tree::MOST_LEAVES;

    const ORIGIN: &str = "log.example";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::from_seed(ORIGIN.parse().unwrap(), &[seed; 32])
    }

    fn head() -> Note {
        let root = node_hash(&leaf_hash(b"a"), &leaf_hash(b"b"));
        Checkpoint::new(ORIGIN, 2, root)
            .unwrap()
            .sign(&[&signer(1)])
            .unwrap()
    }

    fn proof() -> TlogProof {
        TlogProof::new(1, vec![leaf_hash(b"a")], head()).unwrap()
    }

    fn trust(seed: u8) -> Trust {
        Trust::new(ORIGIN, vec![signer(seed).verifier().clone()]).unwrap()
    }

    #[test]
    fn proofs_come_back_as_they_were() {
        let with_extra = proof().with_extra(b"more".to_vec()).unwrap();
        assert!(
            with_extra
                .to_string()
                .contains("\nextra bW9yZQ==\nindex 1\n")
        );
        let alone = TlogProof::new(0, vec![], head()).unwrap();
        for proof in [proof(), with_extra, alone] {
            let text = proof.to_string();
            assert_eq!(TlogProof::parse(text.as_bytes()), Ok(proof));
        }
    }

    #[test]
    fn other_leaves_indices_hashes_and_keys_do_not_hold() {
        assert!(proof().verify(b"b", &trust(1)).is_ok());
        let root = TlogProofError::Inclusion(ProofError::Root);
        assert_eq!(proof().verify(b"a", &trust(1)), Err(root));
        let other = TlogProof::new(0, vec![leaf_hash(b"a")], head()).unwrap();
        assert_eq!(other.verify(b"b", &trust(1)), Err(root));
        let other = TlogProof::new(1, vec![leaf_hash(b"b")], head()).unwrap();
        assert_eq!(other.verify(b"b", &trust(1)), Err(root));
        let other = TlogProof::new(2, vec![leaf_hash(b"a")], head()).unwrap();
        assert!(matches!(
            other.verify(b"b", &trust(1)),
            Err(TlogProofError::Inclusion(ProofError::OutOfRange(_)))
        ));
        let unknown = TlogProofError::Checkpoint(OpenError::Signature(VerifyError::NoneKnown));
        assert_eq!(proof().verify(b"b", &trust(2)), Err(unknown));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let good = proof().with_extra(b"more".to_vec()).unwrap().to_string();
        let hash = format!("{}\n", leaf_hash(b"a"));
        let empty = head().to_string();
        for (bad, fault) in [
            (String::new(), InvalidTlogProof::Checkpoint),
            (good.replace("@v1", "@v2"), InvalidTlogProof::Header),
            (format!("\n{good}"), InvalidTlogProof::Header),
            (
                good.replace("extra bW9yZQ==", "extra "),
                InvalidTlogProof::Extra,
            ),
            (
                good.replace("extra bW9yZQ==", "extra bW9yZQ"),
                InvalidTlogProof::Extra,
            ),
            (
                good.replace("extra bW9yZQ==", "extra bW9yZR=="),
                InvalidTlogProof::Extra,
            ),
            (
                good.replace("extra bW9yZQ==\n", "extra\n"),
                InvalidTlogProof::Index,
            ),
            (good.replace("index 1", "index 01"), InvalidTlogProof::Index),
            (good.replace("index 1", "index"), InvalidTlogProof::Index),
            (good.replace("index 1", "Index 1"), InvalidTlogProof::Index),
            (good.replace("index 1\n", ""), InvalidTlogProof::Index),
            (
                good.replace("index 1", "index 1\nindex 1"),
                InvalidTlogProof::Hashes,
            ),
            (good.replace("index 1", "index 1 "), InvalidTlogProof::Index),
            (
                good.replacen(&hash, &hash.repeat(MOST_HASHES + 1), 1),
                InvalidTlogProof::Hashes,
            ),
            (good.replacen(&hash, "x\n", 1), InvalidTlogProof::Hashes),
            (
                good.replacen(&hash, &hash.replace('\n', "\r\n"), 1),
                InvalidTlogProof::Hashes,
            ),
            (
                good.replace(&empty, ""),
                InvalidTlogProof::Note(crate::note::InvalidNote::Unsigned),
            ),
        ] {
            assert_eq!(TlogProof::parse(bad.as_bytes()), Err(fault), "{bad:?}");
        }
        let index = TlogProof::new(MOST_LEAVES, vec![], head());
        assert_eq!(index, Err(InvalidTlogProof::Index));
        for extra in [vec![], vec![0; MOST_EXTRA_BYTES + 1]] {
            assert_eq!(proof().with_extra(extra), Err(InvalidTlogProof::Extra));
        }
    }
}
