//! In what a log differs from what was signed.

use std::fmt;

use crate::tile::{Bundle, BundleFault, Resource, Tile, TileLength};

/// How many differences are told; beyond, only that there are more.
pub const MOST_DIFFERENCES: usize = 100;

/// One difference, by its place. None of them says what is in an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// The entry is not the one that was signed; the tile with its hash is.
    Entry {
        /// Its index in the log.
        index: u64,
    },
    /// The hash in the tile is not that of what is below it, which is what was signed.
    Tile {
        /// Which tile.
        tile: Tile,
        /// Which of its hashes, counted from 0.
        position: usize,
    },
    /// The entry and its hash in the tile disagree, and neither leads to the signed root.
    EntryOrTile {
        /// The index of the entry.
        index: u64,
    },
    /// A file is not there.
    Missing {
        /// Which one.
        resource: Resource,
    },
    /// A bundle is none, or has another number of entries.
    Bundle {
        /// Which one.
        bundle: Bundle,
        /// What it is instead.
        fault: BundleFault,
    },
    /// A tile has another length.
    TileLength {
        /// Which one.
        tile: Tile,
        /// How long it is.
        length: TileLength,
    },
    /// Entries, and the tiles over them, lead to another root than the signed one.
    Root {
        /// How many entries the signed one is over.
        size: u64,
    },
    /// An older head has more entries than the newest: the log was cut off.
    Smaller {
        /// How many the older one has.
        older: u64,
        /// How many the newest has.
        size: u64,
    },
    /// The log as it was at the size of an older head has another root: its past was rewritten.
    Older {
        /// The size of the older head.
        size: u64,
    },
    /// An older head is of another log.
    OlderOrigin {
        /// The size of the older head.
        size: u64,
    },
    /// Nothing could be read from here on, neither entries nor their tile, or nothing was given.
    Unread {
        /// The index of the first entry that was not read.
        from: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { index } => write!(formatter, "entry {index} was changed"),
            Self::Tile { tile, position } => {
                write!(formatter, "{}: hash {position} was changed", tile.path())
            }
            Self::EntryOrTile { index } => {
                write!(formatter, "entry {index} and its hash disagree")
            }
            Self::Missing { resource } => write!(formatter, "{} is missing", resource.path()),
            Self::Bundle { bundle, fault } => write!(formatter, "{}: {fault}", bundle.path()),
            Self::TileLength { tile, length } => write!(formatter, "{}: {length}", tile.path()),
            Self::Root { size } => {
                write!(
                    formatter,
                    "the root over {size} entries is not the signed one"
                )
            }
            Self::Smaller { older, size } => {
                write!(formatter, "{size} entries, and an older head had {older}")
            }
            Self::Older { size } => {
                write!(
                    formatter,
                    "the first {size} entries are not those of an older head"
                )
            }
            Self::OlderOrigin { size } => {
                write!(
                    formatter,
                    "the older head of {size} entries is of another log"
                )
            }
            Self::Unread { from } => write!(formatter, "entries from {from} on were not read"),
        }
    }
}

/// All differences, as far as they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// At least one, at most [`MOST_DIFFERENCES`].
    pub found: Vec<Difference>,
    /// Whether there are more.
    pub more: bool,
}

impl fmt::Display for Differences {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for difference in &self.found {
            write!(formatter, "{between}{difference}")?;
            between = "; ";
        }
        if self.more {
            write!(formatter, "; and more")?;
        }
        Ok(())
    }
}

impl std::error::Error for Differences {}
