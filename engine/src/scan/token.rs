//! Tokens that may go on in the next chunk.

use super::number::NumberState;
use super::{Event, Expect, Kind, Partial, Scanner};
use crate::Error;

/// Whether a number or literal may touch this byte.
pub(super) fn may_follow_scalar(byte: u8) -> bool {
    b" \t\n\r,]}[{:\"".contains(&byte)
}

impl Scanner {
    /// Goes on with the token under way. `None`: the chunk is used up, or nothing is to be told.
    pub(super) fn resume(&mut self, chunk: &[u8]) -> Result<Option<Event>, Error> {
        match self.partial {
            Partial::None => Ok(None),
            Partial::Mark(seen) => self.resume_mark(chunk, seen),
            Partial::Name | Partial::String => self.resume_string(chunk),
            Partial::Long => self.resume_long(chunk),
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
                self.index.skip_to(self.position);
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
                // It is whole with its last letter, whether the next byte is known or not.
                self.index.expect_end(self.position, chunk, self.base);
                self.end_scalar(chunk);
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
                    if !may_follow_scalar(byte) {
                        return self.syntax(self.position);
                    }
                    self.end_scalar(chunk);
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

    /// A number or literal ends here.
    fn end_scalar(&mut self, chunk: &[u8]) {
        self.index.end_scalar(self.position, chunk);
        if self.stack.is_empty() {
            self.bare_end = Some(self.base + self.position as u64);
        }
        self.collect(chunk);
        self.complete();
    }

    #[inline]
    fn resume_string(&mut self, chunk: &[u8]) -> Result<Option<Event>, Error> {
        let close = self.index.close(self.position, chunk, self.base);
        let end = close.map_or_else(|| self.index.end(chunk), |close| close + 1);
        let is_name = self.partial == Partial::Name;
        let budget = self.token_limit.saturating_sub(self.carry.len());
        let length = end - self.token.start;
        if close.is_some() && length <= budget {
            self.position = end;
            self.collect(chunk);
            self.partial = Partial::None;
            if is_name {
                self.expect = Expect::Colon;
                return Ok(Some(Event::Key));
            }
            self.after_value();
            return Ok(Some(Event::Scalar(Kind::String)));
        }
        if length < budget {
            self.position = end;
            return self.index.fault(true).map_or(Ok(None), Err);
        }
        if is_name {
            return self.too_long();
        }
        self.position = self.token.start + budget;
        self.collect(chunk);
        self.partial = Partial::Long;
        Ok(Some(Event::LongStart))
    }

    fn resume_long(&mut self, chunk: &[u8]) -> Result<Option<Event>, Error> {
        self.carry.clear();
        self.token.start = self.position;
        let close = self.index.close(self.position, chunk, self.base);
        self.position = close.map_or_else(|| self.index.end(chunk), |close| close + 1);
        self.token.end = self.position;
        if close.is_some() {
            self.complete();
            return Ok(Some(Event::LongEnd));
        }
        if let Some(fault) = self.index.fault(true) {
            return Err(fault);
        }
        Ok((!self.token.is_empty()).then_some(Event::LongPart))
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
}
