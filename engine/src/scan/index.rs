//! The first stage: where in a chunk something begins or ends.
//!
//! Read in windows, so that the list stays small and warm. Each block of sixty-four bytes becomes
//! masks; from one block to the next go only whether it ends inside of a string, behind a
//! backslash, in an escape, in a scalar or in a character. What no string may hold is found here
//! too: it ends the list, whatever comes behind it.

use super::AHEAD;
use super::block::{BLOCK, Masks, classify, prefix_xor};
use super::string::{Escape, Step};
use super::utf8::Utf8Stream;
use crate::{Error, ErrorKind};

/// Bytes that are listed at a time.
const WINDOW: usize = 2048;

/// Entries that are written at a time.
const GROUP: usize = 8;

/// The list of a window, and what the next block has to know.
pub(super) struct Index {
    /// Whether line feeds outside of strings are listed.
    lists_lines: bool,
    /// Places in the window of structure, quotes, and first bytes of other scalars.
    entries: Box<[u16]>,
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

impl Index {
    pub(super) fn new(lists_lines: bool) -> Self {
        Self {
            lists_lines,
            entries: vec![0; WINDOW + GROUP].into_boxed_slice(),
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

    /// Where the next entry is; `None`: the chunk is used up, or a fault comes first.
    #[inline]
    pub(super) fn peek(&mut self, chunk: &[u8], base: u64) -> Option<usize> {
        loop {
            if self.next < self.count {
                let entry = self.entries.get(self.next)?;
                return Some(self.window + usize::from(*entry));
            }
            if self.fault.is_some() || self.read >= chunk.len() {
                return None;
            }
            self.fill(chunk, base);
        }
    }

    /// The next entries of the window, and where it begins.
    #[inline]
    pub(super) fn ahead(&self) -> Option<(&[u16; AHEAD], usize)> {
        let listed = self.entries.get(self.next..self.count)?;
        Some((listed.first_chunk()?, self.window))
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
        self.count = 0;
        let rest = chunk.get(self.window..).unwrap_or_default();
        let bytes = rest.get(..WINDOW).unwrap_or(rest);
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut wide = 0;
        let mut start = 0;
        for block in blocks {
            wide |= self.block(block, BLOCK, start, base);
            start += BLOCK;
        }
        if !tail.is_empty() {
            let mut block = [b' '; BLOCK];
            if let Some(part) = block.get_mut(..tail.len()) {
                part.copy_from_slice(tail);
            }
            wide |= self.block(&block, tail.len(), start, base);
        }
        if wide != 0 || self.utf8.is_begun() {
            let offset = base + self.window as u64;
            if let Err(fault) = self.utf8.feed(bytes, offset) {
                let at = usize::try_from(fault.at.saturating_sub(base)).unwrap_or_default();
                self.fail(at, ErrorKind::Utf8, fault.start);
            }
        }
        self.read += bytes.len();
        if let Some(fault) = self.fault {
            let listed = self.entries.get(..self.count).unwrap_or_default();
            let window = self.window;
            self.count = listed.partition_point(|entry| window + usize::from(*entry) < fault.at);
        }
    }

    /// Lists a block of which `length` bytes count, and tells where it goes beyond ASCII.
    #[inline]
    fn block(&mut self, block: &[u8; BLOCK], length: usize, start: usize, base: u64) -> u64 {
        let masks = classify(block);
        let valid = u64::MAX >> (BLOCK - length);
        let last = length - 1;
        let (escaped, starts) = if masks.backslash == 0 && !self.is_escaped {
            (0, 0)
        } else {
            self.escapes(masks.backslash & valid, last)
        };
        let quote = masks.quote & !escaped & valid;
        let inside = prefix_xor(quote) ^ self.inside;
        self.inside = 0_u64.wrapping_sub(inside >> last & 1);
        if (starts & inside) != 0 || self.escape.is_some() {
            self.check_escapes(block, length, starts & inside, start, base);
        }
        let control = masks.control & inside & valid;
        if control != 0 {
            let at = self.window + start + control.trailing_zeros() as usize;
            self.fail(at, ErrorKind::Syntax, base + at as u64);
        }
        self.list(&masks, quote, inside, valid, last, start);
        masks.wide
    }

    /// Writes the entries of a block down.
    #[inline]
    fn list(
        &mut self,
        masks: &Masks,
        quote: u64,
        inside: u64,
        valid: u64,
        last: usize,
        start: usize,
    ) {
        let outside = !inside & !quote & valid;
        let structural = masks.structural & outside;
        let scalar = outside & !masks.structural & !masks.space;
        let begins = scalar & !(scalar << 1 | u64::from(self.in_scalar));
        self.in_scalar = scalar >> last & 1 != 0;
        let mut bits = structural | quote | begins;
        if self.lists_lines {
            bits |= masks.newline & outside;
        }
        let number = bits.count_ones() as usize;
        let entries = self.entries.get_mut(self.count..).unwrap_or_default();
        let (groups, _) = entries.as_chunks_mut::<GROUP>();
        // Whole groups, the last with more than is true: fewer branches that cannot be foreseen.
        for group in groups.iter_mut().take(number.div_ceil(GROUP)) {
            for entry in group {
                #[expect(clippy::cast_possible_truncation, reason = "a window is smaller")]
                let place = start as u16 + bits.trailing_zeros() as u16;
                *entry = place;
                bits &= bits.wrapping_sub(1);
            }
        }
        self.count += number;
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
