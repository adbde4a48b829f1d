//! Why a body could not be masked: what and where, never the content.

use std::fmt;

/// A body that cannot be masked to its end.
///
/// The offset is the place in the whole body, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where: the faulty byte, or the first one of what a limit does not allow.
    pub offset: u64,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Not JSON as RFC 8259 has it; an escape of a lone surrogate counts as such.
    Syntax,
    /// A string that is not UTF-8 (RFC 3629).
    Utf8,
    /// Nested deeper than `limits.depth`; carries that limit.
    Depth(usize),
    /// A member name, a number, or a comma with the white space behind it is longer than
    /// `limits.token_bytes`; carries that limit. Among events also a line that is no data, or what
    /// such lines wait in together.
    Token(usize),
    /// An object has more members, or an array more elements, than `limits.members`; carries that
    /// limit.
    Members(usize),
    /// A JSON text has more member names than `limits.keys`; carries that limit.
    Keys(usize),
    /// The body, or the event, ended before its JSON text did.
    Truncated,
    /// A `retry` line of an event stream that is no number of milliseconds.
    Field,
    /// More bytes came after `finish`.
    Finished,
}

impl Error {
    /// Whether a limit was exceeded.
    pub(crate) fn is_limit(self) -> bool {
        use ErrorKind::{Depth, Keys, Members, Token};
        matches!(self.kind, Depth(_) | Keys(_) | Members(_) | Token(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Syntax => write!(formatter, "invalid JSON")?,
            ErrorKind::Utf8 => write!(formatter, "invalid UTF-8")?,
            ErrorKind::Depth(limit) => {
                write!(formatter, "nested deeper than limits.depth ({limit})")?;
            }
            ErrorKind::Token(limit) => {
                write!(formatter, "token longer than limits.token_bytes ({limit})")?;
            }
            ErrorKind::Members(limit) => {
                write!(formatter, "more members than limits.members ({limit})")?;
            }
            ErrorKind::Keys(limit) => {
                write!(formatter, "more member names than limits.keys ({limit})")?;
            }
            ErrorKind::Truncated => write!(formatter, "JSON ends too early")?,
            ErrorKind::Field => write!(formatter, "invalid field of an event")?,
            ErrorKind::Finished => write!(formatter, "data after the end")?,
        }
        write!(formatter, " at byte {}", self.offset)
    }
}

impl std::error::Error for Error {}
