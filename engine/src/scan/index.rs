//! The first stage: where in a chunk something begins or ends.
//!
//! Read in windows, so that the list stays small and warm. Each block of sixty-four bytes becomes
//! masks; from one block to the next go only whether it ends inside of a string, behind a
//! backslash, in an escape, in a scalar or in a character. What no string may hold is found here
//! too: it ends the list, whatever comes behind it.

use super::block::{BLOCK, Block, Masks, classify, find, list, prefix_xor};
use super::string::{Escape, Step};
use super::token::may_follow_scalar;
use super::utf8::Utf8Stream;
use crate::{Error, ErrorKind};

/// Blocks that are read at a time.
const BLOCKS: usize = 32;
/// Bytes in them.
pub(super) const WINDOW: usize = BLOCKS * BLOCK;

/// A window and what lies behind it, of a size that is known: what is read at a place in the window,
/// and a little further, is never beyond it.
pub(crate) type Sight = [u8; WINDOW + BLOCK];

/// Where the list of a window stands. Only what was written for the window at hand is read, so it is kept
/// for the next body: to make it anew would cost a small one as much as its headers do.
#[derive(Default)]
pub(crate) struct Room {
    /// Places in the window of structure, opening quotes, and first bytes of other scalars.
    entries: Box<[u16]>,
    /// The window once more, with a block of spaces behind it, where it is too near to the end of the chunk.
    near_end: Option<Box<Sight>>,
}

/// The list of a window, and what the next block has to know.
pub(super) struct Index {
    /// A byte that is listed too, outside of strings, and is part of nothing.
    separator: Option<u8>,
    room: Room,
    /// All quotes of the window that are not escaped.
    quotes: [u64; BLOCKS],
    is_near_end: bool,
    count: usize,
    next: usize,
    /// Where in the chunk the window begins.
    window: usize,
    /// How much of the chunk has been read.
    read: usize,
    /// All ones inside of a string.
    inside: u64,
    /// Whether the next byte is behind a backslash.
    is_escaped: bool,
    escape: Option<Escape>,
    in_scalar: bool,
    utf8: Utf8Stream,
    fault: Option<Fault>,
}

/// Something that no string may hold.
#[derive(Clone, Copy)]
struct Fault {
    /// Where in the chunk it shows.
    at: usize,
    error: Error,
}

fn spaces() -> Box<Sight> {
    Box::new([b' '; WINDOW + BLOCK])
}

impl Index {
    pub(super) fn new(separator: Option<u8>, mut room: Room) -> Self {
        if room.entries.is_empty() {
            room.entries = vec![0; WINDOW + BLOCK].into_boxed_slice();
        }
        Self {
            separator,
            room,
            quotes: [0; BLOCKS],
            is_near_end: false,
            count: 0,
            next: 0,
            window: 0,
            read: 0,
            inside: 0,
            is_escaped: false,
            escape: None,
            in_scalar: false,
            utf8: Utf8Stream::default(),
            fault: None,
        }
    }

    /// What may be used for the next body, when nothing more is read of this one.
    pub(super) fn give_up(&mut self) -> Room {
        std::mem::take(&mut self.room)
    }

    /// A new chunk follows.
    pub(super) fn begin(&mut self) {
        self.count = 0;
        self.next = 0;
        self.window = 0;
        self.read = 0;
    }

    /// Whether nothing of the chunk has been read.
    pub(super) fn is_unread(&self) -> bool {
        self.read == 0
    }

    /// The chunk is dealt with up to here by other means.
    pub(super) fn skip_to(&mut self, position: usize) {
        self.read = position;
    }

    /// The scalar under way has ended here, perhaps before any of the chunk has been read.
    pub(super) fn end_scalar(&mut self, position: usize, chunk: &[u8]) {
        if self.read < position {
            self.skip_to(position);
        }
        if position == chunk.len() || self.read == position {
            self.in_scalar = false;
        }
    }

    /// What touches a scalar that is whole here, and cannot, is a fault.
    pub(super) fn expect_end(&mut self, position: usize, chunk: &[u8], base: u64) {
        let next = chunk.get(position);
        if next.is_some_and(|byte| !may_follow_scalar(*byte)) {
            self.fail(position, ErrorKind::Syntax, base + position as u64);
            self.count = self.next;
        }
    }

    /// Where the next entry is; `None`: the chunk is used up, or a fault comes first.
    #[inline]
    pub(super) fn peek(&mut self, chunk: &[u8], base: u64) -> Option<usize> {
        loop {
            if self.next < self.count {
                let entry = self.room.entries.get(self.next)?;
                return Some(self.window + usize::from(*entry));
            }
            if self.fault.is_some() || self.read >= chunk.len() {
                return None;
            }
            self.fill(chunk, base);
        }
    }

    /// Where the string ends whose next byte to be looked at is at `from`: its closing quote. All
    /// entries before that have been taken. `None`: the chunk is used up, or a fault comes first.
    pub(super) fn close(&mut self, from: usize, chunk: &[u8], base: u64) -> Option<usize> {
        let mut from = from;
        loop {
            if let Some(at) = self.quote(from) {
                return Some(at);
            }
            if self.fault.is_some() || self.read >= chunk.len() {
                return None;
            }
            self.fill(chunk, base);
            from = self.window;
        }
    }

    /// The next quote of the window from a place on, if no fault comes first.
    pub(super) fn quote(&self, from: usize) -> Option<usize> {
        if from >= self.read {
            // What is known about quotes is of an earlier window.
            return None;
        }
        // Before the window there is none that has not been seen.
        let from = from.saturating_sub(self.window);
        let mut word = from / BLOCK;
        let mut bits = self.quotes.get(word)? & (u64::MAX << (from % BLOCK));
        while bits == 0 {
            word += 1;
            bits = *self.quotes.get(word)?;
        }
        let at = self.window + word * BLOCK + bits.trailing_zeros() as usize;
        self.fault.is_none_or(|fault| at < fault.at).then_some(at)
    }

    /// The entries of the window that are left, the window, and where in the chunk it begins.
    #[inline]
    pub(super) fn ahead<'a>(&'a self, chunk: &'a [u8]) -> Option<(&'a [u16], &'a Sight, usize)> {
        let sight = if self.is_near_end {
            self.room.near_end.as_deref()?
        } else {
            chunk.get(self.window..)?.first_chunk()?
        };
        Some((
            self.room.entries.get(self.next..self.count)?,
            sight,
            self.window,
        ))
    }

    /// So many entries have been dealt with.
    #[inline]
    pub(super) fn pass(&mut self, entries: usize) {
        self.next += entries;
    }

    /// The entry has been dealt with.
    #[inline]
    pub(super) fn take(&mut self) {
        self.next += 1;
    }

    /// Where the part of the chunk ends that may be looked at, once there is no further entry.
    pub(super) fn end(&self, chunk: &[u8]) -> usize {
        self.fault.map_or(chunk.len(), |fault| fault.at)
    }

    /// What ended the list. Outside of strings there is no text that could be UTF-8 or not.
    pub(super) fn fault(&self, in_string: bool) -> Option<Error> {
        let error = self.fault?.error;
        let kind = if in_string {
            error.kind
        } else {
            ErrorKind::Syntax
        };
        Some(Error { kind, ..error })
    }

    /// Lists the next window.
    fn fill(&mut self, chunk: &[u8], base: u64) {
        self.window = self.read;
        self.next = 0;
        self.quotes = [0; BLOCKS];
        let rest = chunk.get(self.window..).unwrap_or_default();
        let bytes = rest.get(..WINDOW).unwrap_or(rest);
        self.is_near_end = rest.len() < WINDOW + BLOCK;
        if self.is_near_end {
            let near_end = self.room.near_end.get_or_insert_with(spaces);
            let (window, behind) = near_end.split_at_mut(bytes.len());
            window.copy_from_slice(bytes);
            // What is read at a place in the window goes no further behind it.
            if let Some(block) = behind.first_chunk_mut::<BLOCK>() {
                block.fill(b' ');
            }
        }
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut bits = [0; BLOCKS];
        let mut wide = self.blocks(blocks, BLOCK, 0, base, &mut bits);
        let mut used = blocks.len();
        if !tail.is_empty() {
            let mut block = [b' '; BLOCK];
            if let Some(part) = block.get_mut(..tail.len()) {
                part.copy_from_slice(tail);
            }
            wide |= self.blocks(&[block], tail.len(), used, base, &mut bits);
            used += 1;
        }
        if wide || self.utf8.is_begun() {
            let offset = base + self.window as u64;
            if let Err(fault) = self.utf8.feed(bytes, offset) {
                let at = usize::try_from(fault.at.saturating_sub(base)).unwrap_or_default();
                self.fail(at, ErrorKind::Utf8, fault.start);
            }
        }
        self.read += bytes.len();
        self.count = list(
            bits.get(..used).unwrap_or_default(),
            0,
            &mut self.room.entries,
        );
        if let Some(fault) = self.fault {
            let listed = self.room.entries.get(..self.count).unwrap_or_default();
            let window = self.window;
            self.count = listed.partition_point(|entry| window + usize::from(*entry) < fault.at);
        }
    }

    /// Reads whole blocks, or one of which `length` bytes count and the others are spaces. `first`
    /// is the number of the first one in the window. True: some go beyond ASCII.
    #[inline]
    fn blocks(
        &mut self,
        blocks: &[Block],
        length: usize,
        first: usize,
        base: u64,
        bits: &mut [u64; BLOCKS],
    ) -> bool {
        let mut masks = [Masks::default(); BLOCKS];
        let rare = classify(blocks, &mut masks);
        let masks = masks.get(..blocks.len()).unwrap_or_default();
        let bits = bits.get_mut(first..).unwrap_or_default();
        if let Some(separator) = self.separator {
            find(blocks, separator, bits);
        }
        if rare.backslash || self.is_escaped || self.escape.is_some() {
            let mut backslashes = [0; BLOCKS];
            find(blocks, b'\\', &mut backslashes);
            for (index, (masks, bits)) in masks.iter().zip(&mut *bits).enumerate() {
                let (escaped, starts) =
                    self.escapes(backslashes.get(index).copied().unwrap_or(0), length - 1);
                let inside = self.block(*masks, escaped, length, first + index, base, bits);
                let starts = starts & inside;
                if let Some(block) = blocks.get(index)
                    && (starts != 0 || self.escape.is_some())
                {
                    let start = (first + index) * BLOCK;
                    self.check_escapes(block, length, starts, start, base);
                }
            }
        } else {
            for (index, (masks, bits)) in masks.iter().zip(&mut *bits).enumerate() {
                self.block(*masks, 0, length, first + index, base, bits);
            }
        }
        rare.wide
    }

    /// Reads a block: which of its bytes are listed, and which lie inside of a string.
    #[inline]
    fn block(
        &mut self,
        masks: Masks,
        escaped: u64,
        length: usize,
        number: usize,
        base: u64,
        bits: &mut u64,
    ) -> u64 {
        let quote = masks.quote & !escaped;
        // From each opening quote, included, to the closing one, excluded.
        let inside = prefix_xor(quote) ^ self.inside;
        self.inside = 0_u64.wrapping_sub(inside >> (BLOCK - 1));
        if masks.control & inside != 0 {
            let control = masks.control & inside;
            let at = self.window + number * BLOCK + control.trailing_zeros() as usize;
            self.fail(at, ErrorKind::Syntax, base + at as u64);
        }
        // Those of the separator; one inside of a string is a fault, which ends the list.
        let separators = *bits;
        let scalar = !(inside | quote | masks.structural | masks.space | separators);
        let begins = scalar & !(scalar << 1 | u64::from(self.in_scalar));
        self.in_scalar = scalar >> (length - 1) & 1 != 0;
        *bits = (masks.structural & !inside) | (quote & inside) | begins | separators;
        if let Some(quotes) = self.quotes.get_mut(number) {
            *quotes = quote;
        }
        inside
    }

    /// Which bytes are behind a backslash that is not itself behind one, and where those are.
    #[cold]
    fn escapes(&mut self, backslash: u64, last: usize) -> (u64, u64) {
        let mut escaped = u64::from(self.is_escaped);
        let mut rest = backslash & !escaped;
        let mut starts = 0;
        while rest != 0 {
            let start = rest & rest.wrapping_neg();
            starts |= start;
            escaped |= start << 1;
            rest &= !(start | start << 1);
        }
        self.is_escaped = starts >> last & 1 != 0;
        (escaped, starts)
    }

    /// Checks the escapes that begin in a block, and the one that an earlier block began.
    #[cold]
    fn check_escapes(
        &mut self,
        block: &[u8; BLOCK],
        length: usize,
        mut starts: u64,
        start: usize,
        base: u64,
    ) {
        let mut position = 0;
        loop {
            while let Some(escape) = self.escape {
                let Some(&byte) = block.get(..length).and_then(|bytes| bytes.get(position)) else {
                    return;
                };
                self.escape = match escape.step(byte) {
                    Step::Go(escape) => Some(escape),
                    Step::Done(_) => None,
                    Step::Fault => {
                        let at = self.window + start + position;
                        self.fail(at, ErrorKind::Syntax, base + at as u64);
                        return;
                    }
                };
                position += 1;
            }
            // What has been passed was part of a longer escape.
            starts &= u64::MAX
                .checked_shl(u32::try_from(position).unwrap_or(64))
                .unwrap_or(0);
            if starts == 0 {
                return;
            }
            position = starts.trailing_zeros() as usize + 1;
            self.escape = Some(Escape::Backslash { high: None });
        }
    }

    /// Remembers the first fault.
    #[cold]
    fn fail(&mut self, at: usize, kind: ErrorKind, offset: u64) {
        if self.fault.is_none_or(|fault| at < fault.at) {
            let error = Error { kind, offset };
            self.fault = Some(Fault { at, error });
        }
    }
}
