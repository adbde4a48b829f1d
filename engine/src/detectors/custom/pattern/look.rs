//! What a look (`^`, `$`, `\b` and the like) can tell of a place: what stands on its two sides.

use regex_syntax::hir::Look;

/// What stands beside a place, as far as a look can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Nothing: the text begins or ends there.
    Edge,
    LineFeed,
    Return,
    /// A letter, a digit or an underscore of ASCII.
    Word,
    Other,
}

impl Side {
    pub(super) const ALL: [Self; 5] = [
        Self::Edge,
        Self::LineFeed,
        Self::Return,
        Self::Word,
        Self::Other,
    ];

    pub(super) fn of(byte: Option<u8>) -> Self {
        match byte {
            None => Self::Edge,
            Some(b'\n') => Self::LineFeed,
            Some(b'\r') => Self::Return,
            Some(b'_') => Self::Word,
            Some(byte) if byte.is_ascii_alphanumeric() => Self::Word,
            Some(_) => Self::Other,
        }
    }
}

/// Whether a look holds between what is before a place and what is behind it.
pub(super) type Holds = fn(before: Side, behind: Side) -> bool;

/// What a look asks for; `None`: what Unicode calls a word is not known.
pub(super) fn asks(look: Look) -> Option<Holds> {
    use Side::{Edge, LineFeed, Return, Word};
    Some(match look {
        Look::Start => |before, _| before == Edge,
        Look::End => |_, behind| behind == Edge,
        Look::StartLF => |before, _| matches!(before, Edge | LineFeed),
        Look::EndLF => |_, behind| matches!(behind, Edge | LineFeed),
        // No line begins or ends within `\r\n`.
        Look::StartCRLF => |before, behind| match before {
            Return => behind != LineFeed,
            before => matches!(before, Edge | LineFeed),
        },
        Look::EndCRLF => |before, behind| match behind {
            LineFeed => before != Return,
            behind => matches!(behind, Edge | Return),
        },
        Look::WordAscii => |before, behind| (before == Word) != (behind == Word),
        Look::WordAsciiNegate => |before, behind| (before == Word) == (behind == Word),
        Look::WordStartAscii => |before, behind| before != Word && behind == Word,
        Look::WordEndAscii => |before, behind| before == Word && behind != Word,
        Look::WordStartHalfAscii => |before, _| before != Word,
        Look::WordEndHalfAscii => |_, behind| behind != Word,
        Look::WordUnicode
        | Look::WordUnicodeNegate
        | Look::WordStartUnicode
        | Look::WordEndUnicode
        | Look::WordStartHalfUnicode
        | Look::WordEndHalfUnicode => return None,
    })
}
