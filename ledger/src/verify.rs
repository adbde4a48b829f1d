//! A whole log: every entry to its leaf hash, every tile, the root, and the heads that were kept.
//!
//! Entries come once, in order, and memory does not grow with the log: at most two edges (64 KiB each), a
//! bundle and its tile. What is wrong is told by its place. Where an entry and its tile disagree, the
//! signed root says which of the two was changed.
//!
//! What it can know: with only the newest head, that nothing differs from what the owner of the key
//! signed. That the owner did not sign another past needs an older head from elsewhere: a receipt, a
//! witness, a copy.

mod difference;
mod stream;

pub use difference::{Difference, Differences, MOST_DIFFERENCES};
pub use stream::{LogVerifier, Verified};

use std::fmt;

use crate::checkpoint::{OpenError, SignedCheckpoint, Trust};
use crate::tile::Resource;

/// Verifies a log whose files `read` gives: their bytes, or nothing where there is none. `head` is its
/// checkpoint as it was published, `older` are checkpoints that were kept, in any order.
///
/// It fails on a checkpoint that is not to be believed, where `read` does, and with all differences
/// otherwise. Who cannot read at once drives a [`LogVerifier`] instead.
///
/// ```
/// use std::{collections::HashMap, convert::Infallible};
/// use velum_ledger::checkpoint::{Checkpoint, Trust};
/// use velum_ledger::{hash::leaf_hash, note::NoteSigner, tile::{Bundle, Edge, Resource, encode_hashes}};
/// use velum_ledger::verify::{Difference, Failure, verify_log};
///
/// // A log of two entries, as files.
/// let entries = [&b"first"[..], b"second"];
/// let (mut edge, mut files) = (Edge::new(), HashMap::new());
/// for entry in entries {
///     edge.append(leaf_hash(entry), |_full_tile, _hashes| {})?;
/// }
/// for (tile, hashes) in edge.partial() {
///     files.insert(tile.path(), encode_hashes(hashes));
/// }
/// let bundle = Bundle::in_log(0, 2).unwrap();
/// files.insert(bundle.path(), bundle.encode(entries)?);
/// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
/// let head = Checkpoint::new("log.example", 2, edge.root())?.sign(&[&signer])?.to_string();
///
/// let trust = Trust::new("log.example", vec![signer.verifier().clone()])?;
/// let verify = |files: &HashMap<String, Vec<u8>>| {
///     let read = |resource: Resource| Ok::<_, Infallible>(files.get(&resource.path()).cloned());
///     verify_log(&trust, head.as_bytes(), &[], read)
/// };
/// assert_eq!(verify(&files).unwrap().entries, 2);
///
/// files.insert(bundle.path(), bundle.encode([&b"first"[..], b"sec0nd"])?);
/// let Err(Failure::Differs(differences)) = verify(&files) else { panic!() };
/// assert_eq!(differences.found, [Difference::Entry { index: 1 }]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_log<E>(
    trust: &Trust,
    head: &[u8],
    older: &[&[u8]],
    mut read: impl FnMut(Resource) -> Result<Option<Vec<u8>>, E>,
) -> Result<Verified, Failure<E>> {
    let head = trust.open(head).map_err(Failure::Head)?;
    let older: Vec<SignedCheckpoint> = older
        .iter()
        .enumerate()
        .map(|(which, bytes)| {
            trust
                .open(bytes)
                .map_err(|error| Failure::Older { which, error })
        })
        .collect::<Result<_, _>>()?;
    let mut verifier = LogVerifier::new(&head, &older);
    while let Some(resource) = verifier.wants() {
        let bytes = read(resource).map_err(|error| Failure::Read { resource, error })?;
        verifier.give(bytes.as_deref());
    }
    verifier.finish().map_err(Failure::Differs)
}

/// Why a log does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure<E> {
    /// Its checkpoint is not to be believed, for instance since its signature is false.
    Head(OpenError),
    /// One of the checkpoints that were kept is not to be believed.
    Older {
        /// Which of them, counted from 0.
        which: usize,
        /// Why.
        error: OpenError,
    },
    /// A file cannot be read; nothing is known about the log.
    Read {
        /// Which one.
        resource: Resource,
        /// Why.
        error: E,
    },
    /// The log is not what was signed.
    Differs(Differences),
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => error.fmt(formatter),
            Self::Older { which, error } => {
                write!(formatter, "the older checkpoint {which}: {error}")
            }
            Self::Read { resource, error } => write!(formatter, "{}: {error}", resource.path()),
            Self::Differs(differences) => differences.fmt(formatter),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Failure<E> {}
