//! Which key signs the heads of the log, as its records tell.

use super::findings::Findings;
use super::kind::Kind;
use super::said::LogEvent;

/// The most exchanges that are listed.
const MOST: usize = 10_000;

/// Another key signs the heads of a log, from a record on.
///
/// That the record is under a head which the key before has signed is for whoever has the heads to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The record's place in its log.
    pub index: u64,
    /// The public key until then: Ed25519, 32 bytes.
    pub old: [u8; 32],
    /// The one from then on.
    pub new: [u8; 32],
}

#[derive(Debug, Default)]
pub(super) struct LogKeys {
    current: Option<[u8; 32]>,
    pub(super) rotations: Vec<Rotation>,
}

impl LogKeys {
    /// Of the log that is read.
    pub(super) fn begun(&mut self, said: &LogEvent, found: &mut Findings) {
        self.rotations.clear();
        let key = said.log.key.map(|key| *key.as_bytes());
        // After records were lost it may be another: who recovered it says so.
        found.require(
            said.log.restored.is_some() || self.current.is_none_or(|current| key == Some(current)),
            Kind::Contradiction,
            "A log begins with another key than the one before it ended with.",
        );
        self.current = key;
    }

    /// The one that signs from here on.
    pub(super) fn current(&self) -> Option<[u8; 32]> {
        self.current
    }

    pub(super) fn rotated(&mut self, index: u64, said: &LogEvent, found: &mut Findings) {
        let (Some(old), Some(new)) = (said.log.old_key, said.log.key) else {
            return;
        };
        let (old, new) = (*old.as_bytes(), *new.as_bytes());
        found.require(
            self.current.is_none_or(|current| current == old),
            Kind::Contradiction,
            "The key that was exchanged is not the one that signed until then.",
        );
        self.current = Some(new);
        if self.rotations.len() < MOST {
            self.rotations.push(Rotation { index, old, new });
        } else {
            found.add(Kind::Contradiction, "The key was exchanged too often.");
        }
    }
}
