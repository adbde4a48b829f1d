//! A shorter way through the list: whole members and elements at once.
//!
//! It goes only where all entries of a member are listed and nothing is unusual; from where it
//! stops, the scanner goes on and sees the same tokens as without it.

use super::index::Index;
use super::number::NumberState;
use super::{Container, Expect, Partial, Scanner};

/// A way along the list, from between two members or elements on.
pub(crate) struct Walk<'a> {
    chunk: &'a [u8],
    index: &'a Index,
    /// The entries that are left of the window, and where that begins.
    entries: &'a [u16],
    window: usize,
    listed: usize,
    stack: &'a mut Vec<Container>,
    depth_limit: usize,
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

/// The begin of a member or element, up to its value.
pub(crate) struct Member<'a> {
    /// Behind its comma, if it has one.
    pub(crate) has_comma: bool,
    /// Where its name is between the quotes; an element has none.
    pub(crate) name: Option<(usize, &'a [u8])>,
    /// The entry of the value.
    value: usize,
}

/// A value, as far as it is passed at once.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    /// With its quotes.
    String(&'a [u8]),
    /// A number or literal.
    Other,
    Open(Container),
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
            chunk,
            index: &self.index,
            entries,
            window,
            listed: entries.len(),
            stack: &mut self.stack,
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
        self.expect = match (arrival.is_first, self.stack.last()) {
            (true, Some(Container::Object)) => Expect::FirstKey,
            (true, Some(Container::Array)) => Expect::FirstElement,
            _ => Expect::Comma,
        };
    }
}

impl<'a> Walk<'a> {
    /// Where the walk has ended.
    #[inline]
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival {
            passed: self.listed - self.entries.len(),
            position: self.position,
            is_first: self.is_first,
        }
    }

    /// Where an entry is, and its byte.
    #[inline]
    fn entry(&self, number: usize) -> Option<(usize, u8)> {
        let at = self.window + usize::from(*self.entries.get(number)?);
        Some((at, *self.chunk.get(at)?))
    }

    /// Whether the array or object ends next.
    #[inline]
    pub(crate) fn is_end(&self, container: Container) -> bool {
        let bracket = match container {
            Container::Array => b']',
            Container::Object => b'}',
        };
        self.entry(0).is_some_and(|(_, byte)| byte == bracket)
    }

    /// Passes the end of an array or object that is not the outermost.
    #[inline]
    pub(crate) fn pass_end(&mut self) {
        if let Some((at, _)) = self.entry(0) {
            self.stack.pop();
            self.pass(1, at + 1, false);
        }
    }

    /// The member or element that comes next.
    #[inline]
    pub(crate) fn member(&self, container: Container) -> Option<Member<'a>> {
        let (first, byte) = self.entry(0)?;
        let lead = match byte {
            b',' if !self.is_first => 1,
            _ if self.is_first => 0,
            _ => return None,
        };
        let has_comma = lead == 1;
        let (begin, byte) = self.entry(lead)?;
        if has_comma && begin - first > self.token_limit {
            return None;
        }
        if container == Container::Array {
            let (name, value) = (None, lead);
            return Some(Member {
                has_comma,
                name,
                value,
            });
        }
        let (colon, then) = self.entry(lead + 1)?;
        // Between a quote that opens and a colon there is a string, and perhaps white space.
        let end = colon.checked_sub(1)?;
        if byte != b'"'
            || then != b':'
            || *self.chunk.get(end)? != b'"'
            || end + 1 - begin > self.token_limit
        {
            return None;
        }
        Some(Member {
            has_comma,
            name: Some((begin + 1, self.chunk.get(begin + 1..end)?)),
            value: lead + 2,
        })
    }

    /// The value of a member or element.
    #[inline]
    pub(crate) fn value(&self, member: &Member<'_>) -> Option<(Value<'a>, usize)> {
        let (start, byte) = self.entry(member.value)?;
        match byte {
            b'"' => {
                let end = self.string_end(member.value, start)?;
                let is_short = end - start <= self.token_limit;
                let string = self.chunk.get(start..end)?;
                is_short.then_some((Value::String(string), end))
            }
            b'{' => Some((Value::Open(Container::Object), start + 1)),
            b'[' => Some((Value::Open(Container::Array), start + 1)),
            _ => Some((Value::Other, self.scalar_end(member.value, start)?)),
        }
    }

    /// Behind the closing quote of a string.
    #[inline]
    fn string_end(&self, entry: usize, start: usize) -> Option<usize> {
        if let Some((next, _)) = self.entry(entry + 1)
            && next > start + 1
            && self.chunk.get(next - 1) == Some(&b'"')
        {
            // Outside of strings, so it closes one; and it is the only one since `start`.
            return Some(next);
        }
        self.index.quote(start + 1).map(|at| at + 1)
    }

    /// Behind a number or literal.
    fn scalar_end(&self, entry: usize, start: usize) -> Option<usize> {
        let (next, _) = self.entry(entry + 1)?;
        let bytes = self.chunk.get(start..next)?;
        let length = bytes
            .iter()
            .position(|byte| b" \t\n\r".contains(byte))
            .unwrap_or(bytes.len());
        let bytes = bytes.get(..length)?;
        let is_valid = match bytes {
            b"true" | b"false" | b"null" => true,
            _ => NumberState::is_number(bytes),
        };
        (is_valid && length <= self.token_limit).then_some(start + length)
    }

    /// Passes a member or element. False, and nothing is passed: it would be too deep.
    #[inline]
    pub(crate) fn pass_member(
        &mut self,
        member: &Member<'_>,
        value: Value<'_>,
        end: usize,
    ) -> bool {
        let container = match value {
            Value::Open(container) => Some(container),
            Value::String(_) | Value::Other => None,
        };
        if let Some(container) = container {
            if self.stack.len() >= self.depth_limit {
                return false;
            }
            self.stack.push(container);
        }
        self.pass(member.value + 1, end, container.is_some());
        true
    }

    #[inline]
    fn pass(&mut self, entries: usize, position: usize, is_first: bool) {
        self.entries = self.entries.get(entries..).unwrap_or_default();
        self.position = position;
        self.is_first = is_first;
    }
}
