//! A shorter way through the list: whole members and elements at once.
//!
//! It goes only where all entries of a member are listed and nothing is unusual; from where it
//! stops, the scanner goes on and sees the same tokens as without it.

use super::index::Index;
use super::number::NumberState;
use super::{Container, Expect, Open, Partial, Scanner};

/// A way along the list, from between two members or elements on.
pub(crate) struct Walk<'a> {
    /// The chunk from the window on.
    text: &'a [u8],
    /// The entries that are left of the window: places in the text.
    entries: &'a [u16],
    index: &'a Index,
    window: usize,
    listed: usize,
    stack: &'a mut Vec<Open>,
    keys_left: &'a mut usize,
    depth_limit: usize,
    member_limit: usize,
    token_limit: usize,
    position: usize,
    /// Whether no member or element of the innermost array or object has come yet.
    is_first: bool,
}

/// Where a walk has ended.
pub(crate) struct Arrival {
    passed: usize,
    position: usize,
    is_first: bool,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A member or element; so many entries stand before it, for its comma.
    Member(usize),
    /// The end of the array or object.
    End,
}

/// A member name, up to its colon.
pub(crate) struct Name {
    /// Where in the text it begins, without the quote, and its length.
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// A value, as far as it is passed at once, and where it ends in the text.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// From its first quote on.
    String(usize, usize),
    /// A number or literal.
    Other(usize, usize),
    Open(Container, usize),
}

impl Scanner {
    /// The way ahead, where the scanner stands between two members or elements.
    #[inline]
    pub(crate) fn walk<'a>(&'a mut self, chunk: &'a [u8]) -> Option<Walk<'a>> {
        let is_first = match self.expect {
            Expect::Comma => false,
            Expect::FirstKey | Expect::FirstElement => true,
            _ => return None,
        };
        if self.partial != Partial::None {
            return None;
        }
        let (entries, window) = self.index.ahead();
        Some(Walk {
            text: chunk.get(window..)?,
            entries,
            index: &self.index,
            window,
            listed: entries.len(),
            stack: &mut self.stack,
            keys_left: &mut self.keys_left,
            member_limit: self.member_limit,
            depth_limit: self.depth_limit,
            token_limit: self.token_limit,
            position: self.position,
            is_first,
        })
    }

    /// Goes on from where a walk has ended.
    #[inline]
    pub(crate) fn arrive(&mut self, arrival: &Arrival) {
        if arrival.passed == 0 {
            return;
        }
        self.index.pass(arrival.passed);
        self.position = arrival.position;
        self.expect = match (arrival.is_first, self.container()) {
            (true, Some(Container::Object)) => Expect::FirstKey,
            (true, Some(Container::Array)) => Expect::FirstElement,
            _ => Expect::Comma,
        };
    }
}

#[expect(
    clippy::inline_always,
    reason = "a walk that is not taken apart lives in memory, and every step waits for it"
)]
impl<'a> Walk<'a> {
    /// Where the walk has ended.
    #[inline(always)]
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival {
            passed: self.listed - self.entries.len(),
            position: self.position,
            is_first: self.is_first,
        }
    }

    /// Where in the chunk the text begins.
    #[inline(always)]
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// The chunk from the window on.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// What comes next in an array or object of this kind.
    #[inline(always)]
    pub(crate) fn next(&self, container: Container) -> Option<Next> {
        let bracket = match container {
            Container::Array => b']',
            Container::Object => b'}',
        };
        let first = usize::from(*self.entries.first()?);
        let byte = *self.text.get(first)?;
        if byte == b',' && !self.is_first {
            // The white space behind a comma counts as part of it.
            let begin = usize::from(*self.entries.get(1)?);
            return (begin.wrapping_sub(first) <= self.token_limit).then_some(Next::Member(1));
        }
        if byte == bracket {
            return Some(Next::End);
        }
        self.is_first.then_some(Next::Member(0))
    }

    /// The name of the member behind so many entries.
    #[inline(always)]
    pub(crate) fn name(&self, lead: usize) -> Option<Name> {
        let &[begin, colon] = self.entries.get(lead..)?.first_chunk()?;
        let (begin, colon) = (usize::from(begin), usize::from(colon));
        // From quote to quote.
        let length = colon.wrapping_sub(begin);
        let is_whole = *self.text.get(begin)? == b'"'
            && *self.text.get(colon)? == b':'
            && length >= 2
            // Outside of strings a quote closes one, and there is no other since the first.
            && *self.text.get(colon.wrapping_sub(1))? == b'"'
            && length <= self.token_limit;
        is_whole.then(|| Name {
            start: begin + 1,
            length: length - 2,
        })
    }

    /// The value behind so many entries.
    #[inline(always)]
    pub(crate) fn value(&self, lead: usize) -> Option<Value> {
        let start = usize::from(*self.entries.get(lead)?);
        match *self.text.get(start)? {
            b'"' => {
                let end = self.string_end(lead + 1, start)?;
                (end.wrapping_sub(start) <= self.token_limit).then_some(Value::String(start, end))
            }
            b'{' => Some(Value::Open(Container::Object, start + 1)),
            b'[' => Some(Value::Open(Container::Array, start + 1)),
            _ => {
                let end = self.scalar_end(lead + 1, start)?;
                Some(Value::Other(start, end))
            }
        }
    }

    /// Behind the closing quote of a string.
    #[inline(always)]
    fn string_end(&self, then: usize, start: usize) -> Option<usize> {
        if let Some(next) = self.entries.get(then) {
            let next = usize::from(*next);
            // Outside of strings a quote closes one, and there is no other since `start`.
            if next >= start + 2 && self.text.get(next - 1) == Some(&b'"') {
                return Some(next);
            }
        }
        let quote = self.index.quote(self.window + start + 1)?;
        Some(quote + 1 - self.window)
    }

    /// Behind a number or literal.
    #[inline(never)]
    fn scalar_end(&self, then: usize, start: usize) -> Option<usize> {
        let next = usize::from(*self.entries.get(then)?);
        let bytes = self.text.get(start..next)?;
        let end = bytes.iter().rposition(|byte| !b" \t\n\r".contains(byte))?;
        let bytes = bytes.get(..=end)?;
        let is_valid =
            matches!(bytes, b"true" | b"false" | b"null") || NumberState::is_number(bytes);
        (is_valid && bytes.len() <= self.token_limit).then(|| start + bytes.len())
    }

    /// Passes the end of an array or object that is not the outermost.
    #[inline(always)]
    pub(crate) fn pass_end(&mut self) {
        if let Some((&at, rest)) = self.entries.split_first() {
            self.stack.pop();
            self.entries = rest;
            self.position = self.window + usize::from(at) + 1;
            self.is_first = false;
        }
    }

    /// Passes so many entries, up to and with a value that has a name or none. False, and nothing is
    /// passed: a limit is in the way.
    #[inline(always)]
    pub(crate) fn pass(&mut self, entries: usize, is_named: bool, value: Value) -> bool {
        let depth = self.stack.len();
        let Some(open) = self.stack.last_mut() else {
            return false;
        };
        let keys = usize::from(is_named);
        let is_deep = matches!(value, Value::Open(..)) && depth >= self.depth_limit;
        if open.left == 0 || *self.keys_left < keys || is_deep {
            return false;
        }
        open.left -= 1;
        *self.keys_left -= keys;
        let end = match value {
            Value::String(_, end) | Value::Other(_, end) => {
                self.is_first = false;
                end
            }
            Value::Open(container, end) => {
                self.stack.push(Open {
                    container,
                    left: self.member_limit,
                });
                self.is_first = true;
                end
            }
        };
        self.entries = self.entries.get(entries..).unwrap_or_default();
        self.position = self.window + end;
        true
    }
}
