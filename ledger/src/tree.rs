//! The tree over the leaves: its complete subtrees, and the root of all.
//!
//! A tree of any size is a row of complete subtrees, the largest first (RFC 6962, section 2.1). Their
//! hashes are all that is needed to add a leaf and to tell the root: a [`Frontier`].

mod frontier;
mod node;
mod reader;

pub use frontier::{Frontier, InvalidFrontier};
pub use node::Node;
pub(crate) use node::{join, subtree_root};
pub(crate) use reader::range_root;
pub use reader::{HashReader, root_at};

use std::fmt;

/// How many leaves a log may have: 2^63 - 1. So every size and index is also a signed 64-bit number, as
/// databases and other implementations have them.
pub const MOST_LEAVES: u64 = i64::MAX.cast_unsigned();

/// The log has [`MOST_LEAVES`] leaves; there is no room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogFull;

impl fmt::Display for LogFull {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the log is full: it has {MOST_LEAVES} leaves")
    }
}

impl std::error::Error for LogFull {}
