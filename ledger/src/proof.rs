//! Proofs: that a leaf is in a tree, and that a tree is the beginning of another (RFC 6962, section
//! 2.1).
//!
//! A proof is a row of hashes, at most 64. What is proved, the sizes and the roots, is not in it: whoever
//! verifies knows these from signed heads.

mod consistency;
mod inclusion;
mod plan;

pub use consistency::{consistency_tiles, prove_consistency, verify_consistency};
pub use inclusion::{inclusion_tiles, prove_inclusion, verify_inclusion};

use std::fmt;

/// The most hashes that a proof can have: of inclusion one for each of the 63 levels of the largest tree,
/// of consistency one more.
pub const MOST_HASHES: usize = 64;

/// There is nothing that could be proved: the index is not below the size, the older size is above the
/// newer, or the size is above [`MOST_LEAVES`](crate::tree::MOST_LEAVES).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// The index of the leaf, or the older size.
    pub of: u64,
    /// The size of the tree, the newer one.
    pub size: u64,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, size } = self;
        write!(
            formatter,
            "{of} is beyond a tree of {size} leaves, or no log has as many"
        )
    }
}

impl std::error::Error for OutOfRange {}

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProveError<E> {
    /// Nothing that could be proved.
    OutOfRange(OutOfRange),
    /// A hash cannot be had.
    Hash(E),
}

impl<E: fmt::Display> fmt::Display for ProveError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange(error) => error.fmt(formatter),
            Self::Hash(error) => error.fmt(formatter),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for ProveError<E> {}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// Nothing that could be proved.
    OutOfRange(OutOfRange),
    /// It has more or fewer hashes than a proof between these places.
    Length {
        /// How many it must have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// It leads to another root than the one that is known; of two trees, the newer one's.
    Root,
    /// It leads to another root of the older tree.
    OlderRoot,
}

impl fmt::Display for ProofError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange(error) => error.fmt(formatter),
            Self::Length { expected, found } => {
                write!(
                    formatter,
                    "a proof of {found} hashes in the place of {expected}"
                )
            }
            Self::Root => formatter.write_str("the proof leads to another root"),
            Self::OlderRoot => {
                formatter.write_str("the proof leads to another root of the older tree")
            }
        }
    }
}

impl std::error::Error for ProofError {}
