//! How a body is read, and within which limits.

use crate::{ClassSet, Keyring, Limits};

/// How JSON texts are laid out in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// One JSON text; nothing but white space may follow it.
    #[default]
    Document,
    /// NDJSON: one JSON text a line, no line break inside a text, blank lines allowed.
    Lines,
    /// JSON text sequences (RFC 7464, `application/json-seq`): a record separator (U+001E) before each
    /// text, a line feed behind it. Several separators in a row are one. Where the RFC lets a reader
    /// skip a text that is incomplete, the body is refused; a number or literal must have white space
    /// behind it.
    Sequence,
    /// One JSON text after the other, with or without white space between them; behind a number or
    /// literal there must be some. Only where the media type says so: a second text in a body of
    /// one is a sign of a confused reader.
    Concatenated,
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

/// What one [`Masker`](crate::Masker) is told besides its rules.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where one JSON text ends and another begins.
    pub framing: Framing,
    /// Bounds on what a body may hold, and on memory.
    pub limits: Limits,
    /// Classes whose values come out as they are. [`Class::Credential`] is ignored here.
    ///
    /// [`Class::Credential`]: crate::Class::Credential
    pub lift: ClassSet,
    /// What operators that need a key work with; without a key they redact.
    pub keys: Keyring,
}
