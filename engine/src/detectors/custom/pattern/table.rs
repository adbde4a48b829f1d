//! A program as a table: from wherever it may be, and for every byte, where it is then.
//!
//! All places that a program can be at together are one state of the table, made once and in advance.
//! A pattern whose table would be too large, or too much work, is refused: no text can then take more
//! than one look-up a byte.

mod building;
mod reached;

use self::building::Building;
use super::bytes::Kinds;
use super::look::Side;
use super::program::Program;

/// What cannot become a match any more.
const DEAD: u16 = 0;
/// Bit of an entry: a match ends before the byte. The rest is where the row of the next state begins:
/// an even number.
const END: u16 = 1;

/// A compiled program.
pub(super) struct Table {
    /// A row for each state: an entry for each kind of bytes, and one for the end of the text.
    entries: Box<[u16]>,
    kinds: Kinds,
    /// By what is before the start.
    starts: [u16; Side::ALL.len()],
}

/// What a byte, or the end of the text, leads to.
#[derive(Clone, Copy)]
pub(super) struct Next(u16);

impl Next {
    /// Whether a match ends before it.
    #[inline]
    pub(super) fn is_end(self) -> bool {
        self.0 & END != 0
    }

    /// Whether no match goes on behind it.
    #[inline]
    pub(super) fn is_dead(self) -> bool {
        self.state() == DEAD
    }

    #[inline]
    pub(super) fn state(self) -> u16 {
        self.0 & !END
    }
}

impl Table {
    /// Compiles a program; why it cannot be done else.
    pub(super) fn of(program: &Program) -> Result<Self, &'static str> {
        Building::of(program).table()
    }

    /// The state in which a match begins.
    pub(super) fn start(&self, before: Side) -> u16 {
        self.starts.get(before as usize).copied().unwrap_or(DEAD)
    }

    /// What a byte leads to; `None`: the end of the text.
    #[inline]
    pub(super) fn next(&self, state: u16, byte: Option<u8>) -> Next {
        let column = match byte {
            Some(byte) => usize::from(self.kinds.of(byte)),
            None => self.kinds.samples().len(),
        };
        let entry = self.entries.get(usize::from(state) + column);
        Next(entry.copied().unwrap_or(DEAD))
    }
}
