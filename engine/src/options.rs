//! How a body is read, and within which limits.

use crate::{ClassSet, Keyring};

/// How JSON texts are laid out in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// One JSON text; nothing but white space may follow it.
    #[default]
    Document,
    /// NDJSON: one JSON text a line, no line break inside a text, blank lines allowed.
    Lines,
    /// Server-sent events (`text/event-stream`): the data of each event is one JSON text, in one
    /// `data` line or several. Data that is `[DONE]` or nothing but white space passes.
    ///
    /// Events are masked each on their own, and each leaves with its last byte. The output differs
    /// from the input in more than masked values where comments have a text (they come out as `:`),
    /// where a line is no field that clients know (dropped) or is none of data but stands between
    /// those or behind them (it comes behind them all), and where the `data` lines of one event
    /// begin or end in different ways (all are written like the first).
    Events,
}

/// Bounds on what is kept in memory for one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many arrays and objects may be open at once. Deeper: [`ErrorKind::Depth`].
    ///
    /// [`ErrorKind::Depth`]: crate::ErrorKind::Depth
    pub depth: usize,
    /// The longest token that is looked at whole, in bytes of the body, quotes included. A longer
    /// string that a rule or detector would have to see is masked whole; a longer member name or
    /// number, or more white space behind a comma, ends the body with [`ErrorKind::Token`].
    ///
    /// With [`Framing::Events`], also the longest line that is no data, and how much of such lines
    /// may wait for the end of an event's data; beyond: [`ErrorKind::Token`].
    ///
    /// [`ErrorKind::Token`]: crate::ErrorKind::Token
    pub token_bytes: usize,
    /// How much output may wait for a sibling that decides the class of a value, in bytes. What
    /// waits longer is masked as [`Class::Identifier`](crate::Class::Identifier), never lifted.
    pub held_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            token_bytes: 64 * 1024,
            held_bytes: 64 * 1024,
        }
    }
}

/// What one [`Masker`](crate::Masker) is told besides its rules.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// One JSON text, one a line, or one an event.
    pub framing: Framing,
    /// Bounds on memory.
    pub limits: Limits,
    /// Classes whose values come out as they are. [`Class::Credential`] is ignored here.
    ///
    /// [`Class::Credential`]: crate::Class::Credential
    pub lift: ClassSet,
    /// What operators that need a key work with; without a key they redact.
    pub keys: Keyring,
}
