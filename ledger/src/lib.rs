//! A transparency log: leaves as bytes, a Merkle tree over them, signed heads, and proofs.
//!
//! Everything here is pure: no I/O, no clock, no randomness. It knows nothing of what the leaves mean.
//! Whoever has tiles and entries reads and writes them; this crate says which, computes what is in
//! them, and tells precisely where a log is not what was signed.
//!
//! - [`hash`]: the hash of a leaf and of two subtrees (RFC 6962);
//! - [`tree`]: which subtrees are complete, and the root of all, as leaves are added;
//! - [`tile`]: how hashes and entries lie in files (C2SP tlog-tiles);
//! - [`proof`]: that a leaf is in a tree, and that a tree is the beginning of another;
//! - [`note`]: text with signatures (C2SP signed-note), and their keys;
//! - [`checkpoint`]: the signed head of a log (C2SP tlog-checkpoint), and whom to believe;
//! - [`tlog_proof`]: leaf, proof and head as one file for keeping (C2SP tlog-proof);
//! - [`verify`]: a whole log, entry by entry, in little memory.
//!
//! ```
//! use velum_ledger::{checkpoint::{Checkpoint, Trust}, hash::leaf_hash, note::NoteSigner, tree::Frontier};
//!
//! let mut tree = Frontier::new();
//! for leaf in ["first", "second"] {
//!     tree.append(leaf_hash(leaf.as_bytes()))?;
//! }
//! let signer = NoteSigner::from_seed("log.example/audit".parse()?, &[7; 32]);
//! let signed = Checkpoint::new("log.example/audit", tree.size(), tree.root())?.sign(&[&signer])?;
//!
//! let trust = Trust::new("log.example/audit", vec![signer.verifier().clone()])?;
//! let head = trust.open(signed.to_string().as_bytes())?;
//! assert_eq!(head.checkpoint().size(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod checkpoint;
pub mod hash;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
pub mod verify;

mod text;
