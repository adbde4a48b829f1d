//! What is recorded of who reads the audit log: one record for a minute and a person, however much they read.

use std::collections::BTreeMap;

use super::canonical::{Object, Value};
use super::leaf::actor;
use crate::words::{PersonId, Timestamp};

/// What somebody has read of the log since a moment, of [`Record::Read`](super::Record::Read).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Who.
    pub person: PersonId,
    /// As what.
    pub role: ReaderRole,
    /// The minute in which the first of it was read.
    pub since: Timestamp,
    /// How often they read each of these; nothing that they did not read.
    pub counts: BTreeMap<Part, u64>,
}

macro_rules! names {
    ($(#[$of:meta])* $enum:ident $($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        pub enum $enum {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl $enum {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// In records.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}
pub(super) use names;

names! {
    /// As what somebody reads the log.
    ReaderRole
    /// They review.
    Reviewer "reviewer",
    /// They audit, and decide nothing.
    Auditor "auditor",
}

names! {
    /// A part of the log that is asked for by itself.
    Part
    /// A signed head.
    Checkpoint "checkpoints",
    /// The list of logs.
    Logs "logs",
    /// That a record is in the log.
    Proof "proofs",
    /// The story of an approval, with its places in the log.
    Receipt "receipts",
    /// Records: a list of them, a search, or one.
    Records "records",
    /// Hashes, or a bundle of records, as an export takes them.
    Tile "tiles",
}

impl Reading {
    pub(super) fn data(&self) -> Object {
        let counts = self
            .counts
            .iter()
            .fold(Object::new(), |object, (part, count)| {
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                object.with(part.name(), Value::Integer(count))
            });
        let reading = Object::new()
            .with("as", self.role.name())
            .with("counts", counts)
            .with("since", self.since.to_string());
        Object::new()
            .with("actor", actor("person", self.person.as_str()))
            .with("reading", reading)
    }
}
