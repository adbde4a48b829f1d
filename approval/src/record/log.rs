//! What is recorded of a log itself.

use crate::words::{Commitment, LogName, PersonId};

/// What happened to a log, of [`Record::Log`](super::Record::Log).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// It begins: the first record of every log.
    Opened {
        /// Its name.
        name: LogName,
        /// The public key that signs its heads: Ed25519, 32 bytes.
        key: [u8; 32],
        /// The log before it, as it was left.
        previous: Option<PreviousLog>,
        /// How many records were in the logs before it: with that number its own places become the indexes
        /// that readers of the service know, and that outcomes name their uses by.
        first: u64,
    },
    /// It begins after a database was restored that has lost records.
    Recovered {
        /// Its name.
        name: LogName,
        /// The public key that signs its heads.
        key: [u8; 32],
        /// The log before it, as it is known to have been.
        previous: PreviousLog,
        /// How many of that one's records are left.
        restored: u64,
        /// How many of these are behind its last signed head, which is as far as anybody can export it.
        unsigned: u64,
        /// How many records were in the logs before it, lost ones too.
        first: u64,
        /// Who says so.
        by: PersonId,
        /// A commitment to why.
        reason: Commitment,
    },
    /// Another key signs its heads from now on.
    KeyRotated {
        /// The one until now.
        old: [u8; 32],
        /// The one from now on.
        new: [u8; 32],
    },
    /// Nothing else happened for a while: that the log is silent can be proven.
    Heartbeat,
    /// It ends with this record.
    Closed {
        /// The name of the log that goes on.
        next: LogName,
    },
    /// A closed log was removed, and what belonged to it.
    Pruned {
        /// Which, as it was left.
        pruned: PreviousLog,
        /// Who did it.
        by: PersonId,
        /// A commitment to why.
        reason: Commitment,
    },
}

/// A log that ended, as the one after it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousLog {
    /// Its name.
    pub name: LogName,
    /// How many records it has.
    pub size: u64,
    /// The root over them (RFC 6962).
    pub root: [u8; 32],
}
