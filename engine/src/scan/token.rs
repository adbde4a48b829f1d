//! Tokens that may go on in the next chunk.

use super::block::find_special;
use super::number::NumberState;
use super::string::{Run, StringState};
use super::utf8::Utf8Stream;
use super::{Event, Expect, Kind, Partial, Scanner};
use crate::{Error, ErrorKind};

impl Scanner {
    /// The common case: a string without escapes that lies within the chunk.
    #[inline]
    pub(super) fn whole_string(&mut self, chunk: &[u8]) -> Result<Option<Event>, Error> {
        let is_name = match self.expect {
            Expect::FirstKey | Expect::Key => true,
            Expect::Start | Expect::Value | Expect::FirstElement => false,
            Expect::Colon | Expect::Comma | Expect::Done => return Ok(None),
        };
        let start = self.position;
        let end = chunk.len().min(start.saturating_add(self.token_limit));
        let content = chunk.get(start + 1..end).unwrap_or_default();
        let (Some(length), wide) = find_special(content) else {
            return Ok(None);
        };
        if content.get(length) != Some(&b'"') {
            return Ok(None);
        }
        self.carry.clear();
        self.position = start + length + 2;
        self.token = start..self.position;
        self.token_offset = self.base + start as u64;
        if wide {
            self.check_utf8(chunk)?;
        }
        if is_name {
            self.expect = Expect::Colon;
            if chunk.get(self.position) == Some(&b':') {
                self.position += 1;
                self.expect = Expect::Value;
            }
            return Ok(Some(Event::Key));
        }
        self.after_value();
        Ok(Some(Event::Scalar(Kind::String)))
    }

    /// Goes on with the token under way. `None`: the chunk is used up, or nothing is to be told.
    pub(super) fn resume(&mut self, chunk: &[u8]) -> Result<Option<Event>, Error> {
        match self.partial {
            Partial::None => Ok(None),
            Partial::Mark(seen) => self.resume_mark(chunk, seen),
            Partial::Name(state) | Partial::String(state) => self.resume_string(chunk, state),
            Partial::Long(state) => self.resume_long(chunk, state),
            Partial::Number(state) => self.resume_number(chunk, state),
            Partial::Literal(word, seen) => self.resume_literal(chunk, word, seen),
        }
    }

    fn resume_mark(&mut self, chunk: &[u8], mut seen: u8) -> Result<Option<Event>, Error> {
        const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
        while let Some(&byte) = chunk.get(self.position) {
            if MARK.get(usize::from(seen)) != Some(&byte) {
                return self.syntax(self.position);
            }
            self.position += 1;
            seen += 1;
            if usize::from(seen) == MARK.len() {
                self.partial = Partial::None;
                return Ok(None);
            }
        }
        self.partial = Partial::Mark(seen);
        Ok(None)
    }

    fn resume_literal(
        &mut self,
        chunk: &[u8],
        word: &'static [u8],
        mut seen: u8,
    ) -> Result<Option<Event>, Error> {
        while let Some(&byte) = chunk.get(self.position) {
            if word.get(usize::from(seen)) != Some(&byte) {
                return self.syntax(self.position);
            }
            self.position += 1;
            seen += 1;
            if usize::from(seen) == word.len() {
                self.collect(chunk);
                self.complete();
                let kind = if word == b"null" {
                    Kind::Null
                } else {
                    Kind::Boolean
                };
                return Ok(Some(Event::Scalar(kind)));
            }
        }
        self.partial = Partial::Literal(word, seen);
        Ok(None)
    }

    fn resume_number(
        &mut self,
        chunk: &[u8],
        mut state: NumberState,
    ) -> Result<Option<Event>, Error> {
        while let Some(&byte) = chunk.get(self.position) {
            match state.next(byte) {
                Some(next) => state = next,
                None if state.is_complete() => {
                    self.collect(chunk);
                    self.complete();
                    return Ok(Some(Event::Scalar(Kind::Number)));
                }
                None => return self.syntax(self.position),
            }
            self.position += 1;
            if self.token_length() > self.token_limit {
                return self.too_long();
            }
        }
        self.partial = Partial::Number(state);
        Ok(None)
    }

    fn resume_string(
        &mut self,
        chunk: &[u8],
        mut state: StringState,
    ) -> Result<Option<Event>, Error> {
        let budget = self.token_limit.saturating_sub(self.token_length());
        let end = chunk.len().min(self.position + budget);
        let closed = self.run_string(chunk, end, &mut state)?;
        let is_name = matches!(self.partial, Partial::Name(_));
        if closed {
            self.collect(chunk);
            if state.wide {
                self.check_utf8(chunk)?;
            }
            self.partial = Partial::None;
            if is_name {
                self.expect = Expect::Colon;
                return Ok(Some(Event::Key));
            }
            self.after_value();
            return Ok(Some(Event::Scalar(Kind::String)));
        }
        if self.token_length() < self.token_limit {
            self.partial = if is_name {
                Partial::Name(state)
            } else {
                Partial::String(state)
            };
            return Ok(None);
        }
        if is_name {
            return self.too_long();
        }
        self.collect(chunk);
        self.utf8 = Utf8Stream::default();
        let (token, offset) = (self.token.clone(), self.token_offset);
        let bytes = if self.carry.is_empty() {
            chunk.get(token).unwrap_or_default()
        } else {
            &self.carry
        };
        self.utf8.feed(bytes, offset)?;
        self.partial = Partial::Long(state);
        Ok(Some(Event::LongStart))
    }

    fn resume_long(
        &mut self,
        chunk: &[u8],
        mut state: StringState,
    ) -> Result<Option<Event>, Error> {
        self.carry.clear();
        self.token.start = self.position;
        let closed = self.run_string(chunk, chunk.len(), &mut state)?;
        self.token.end = self.position;
        let piece = chunk.get(self.token.clone()).unwrap_or_default();
        self.utf8.feed(piece, self.base + self.token.start as u64)?;
        if closed {
            self.utf8.finish()?;
            self.complete();
            return Ok(Some(Event::LongEnd));
        }
        self.partial = Partial::Long(state);
        Ok((!piece.is_empty()).then_some(Event::LongPart))
    }

    /// Reads string content up to `end`; true if the closing quote was read.
    fn run_string(
        &mut self,
        chunk: &[u8],
        end: usize,
        state: &mut StringState,
    ) -> Result<bool, Error> {
        let bytes = chunk.get(..end).unwrap_or_default();
        match state.run(bytes, self.position) {
            Run::Closed(position) => {
                self.position = position;
                Ok(true)
            }
            Run::Open => {
                self.position = end;
                Ok(false)
            }
            Run::Fault(position) => self.syntax(position),
        }
    }

    /// The length so far of the token under way.
    fn token_length(&self) -> usize {
        self.carry.len() + (self.position - self.token.start)
    }

    /// Ends the range of the token, and puts a carried token together.
    fn collect(&mut self, chunk: &[u8]) {
        self.token.end = self.position;
        if !self.carry.is_empty() {
            self.carry
                .extend_from_slice(chunk.get(self.token.clone()).unwrap_or_default());
        }
    }

    pub(super) fn complete(&mut self) {
        self.partial = Partial::None;
        self.after_value();
    }

    fn check_utf8(&self, chunk: &[u8]) -> Result<(), Error> {
        match str::from_utf8(self.token(chunk)) {
            Ok(_) => Ok(()),
            Err(fault) => Err(Error {
                kind: ErrorKind::Utf8,
                offset: self.token_offset + fault.valid_up_to() as u64,
            }),
        }
    }
}
