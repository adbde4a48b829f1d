//! A shorter way through the list: whole members and elements at once.
//!
//! It goes only where all entries of a member are listed and nothing is unusual; from where it
//! stops, the scanner goes on and sees the same tokens as without it.

use super::index::{Index, Sight, WINDOW};
use super::number::NumberState;
use super::skim::Way;
use super::token::may_follow_scalar;
use super::{Container, Expect, Open, Partial, Scanner};

/// A way along the list, from between two members or elements on.
pub(crate) struct Walk<'a> {
    pub(super) view: View<'a>,
    /// The entries that have not been passed: places in the text.
    pub(super) rest: &'a [u16],
    /// How many there were.
    entries: usize,
    pub(super) stack: &'a mut Vec<Open>,
    pub(super) way: &'a mut Way,
    /// How many members or elements the innermost array or object may have yet.
    pub(super) left: usize,
    pub(super) keys_left: usize,
    pub(super) depth_limit: usize,
    pub(super) member_limit: usize,
    /// Whether no member or element of the innermost array or object has come yet.
    pub(super) is_first: bool,
}

/// What a walk sees.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// The window and what lies behind it.
    text: &'a Sight,
    index: &'a Index,
    /// Where in the chunk that begins.
    window: usize,
}

/// Where a walk has ended.
pub(crate) struct Arrival {
    passed: usize,
    left: usize,
    keys_left: usize,
    is_first: bool,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A member or element; its entries, without that for its comma.
    Member(&'a [u16]),
    /// The end of the array or object.
    End,
}

/// A member or element up to the first byte of its value.
pub(crate) struct Begun<'a> {
    /// Where in the text its name begins, without the quote, and its length; both 0 without one.
    pub(crate) name: usize,
    pub(crate) length: usize,
    /// Where the value begins, and the entry behind it.
    value: usize,
    next: usize,
    /// The entries behind that of the value.
    pub(super) then: &'a [u16],
    keys: usize,
}

impl<'a> Begun<'a> {
    /// The element that is at the first of the entries.
    #[inline]
    pub(crate) fn element(entries: &'a [u16]) -> Option<Self> {
        let [value, then @ ..] = entries else {
            return None;
        };
        Some(Self {
            name: 0,
            length: 0,
            value: (*value).into(),
            next: (*then.first()?).into(),
            then,
            keys: 0,
        })
    }
}

/// A value, as far as it is passed at once, and where it ends in the text.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// From its first quote on.
    String(usize, usize),
    /// A number or literal.
    Other(usize, usize),
    Open(Container),
}

impl Container {
    /// The byte that ends it.
    #[inline]
    pub(super) fn bracket(self) -> u8 {
        match self {
            Self::Array => b']',
            Self::Object => b'}',
        }
    }
}

impl Scanner {
    /// The way ahead, where the scanner stands between two members or elements. There is none where
    /// a window can hold a token that is too long.
    #[inline]
    pub(crate) fn walk<'a>(&'a mut self, chunk: &'a [u8]) -> Option<Walk<'a>> {
        let is_first = match self.expect {
            Expect::Comma => false,
            Expect::FirstKey | Expect::FirstElement => true,
            _ => return None,
        };
        if self.partial != Partial::None || self.token_limit < WINDOW {
            return None;
        }
        let (rest, text, window) = self.index.ahead(chunk)?;
        Some(Walk {
            view: View {
                text,
                index: &self.index,
                window,
            },
            rest,
            entries: rest.len(),
            left: self.stack.last()?.left,
            stack: &mut self.stack,
            way: &mut self.way,
            keys_left: self.keys_left,
            member_limit: self.member_limit,
            depth_limit: self.depth_limit,
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
        self.keys_left = arrival.keys_left;
        if let Some(open) = self.stack.last_mut() {
            open.left = arrival.left;
        }
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
            passed: self.passed(),
            left: self.left,
            keys_left: self.keys_left,
            is_first: self.is_first,
        }
    }

    /// How many entries have been passed.
    #[inline(always)]
    pub(crate) fn passed(&self) -> usize {
        self.entries - self.rest.len()
    }

    /// Where in the chunk the text begins.
    #[inline(always)]
    pub(crate) fn window(&self) -> usize {
        self.view.window
    }

    /// The chunk from the window on, as far as it is seen.
    #[inline(always)]
    pub(crate) fn text(&self) -> &'a Sight {
        self.view.text
    }

    /// Whether no member or element of the innermost array or object has come yet.
    #[inline(always)]
    pub(crate) fn is_first(&self) -> bool {
        self.is_first
    }

    /// What comes next in an array or object of this kind.
    #[inline(always)]
    pub(crate) fn next(&self, container: Container) -> Option<Next<'a>> {
        let (mark, behind) = self.rest.split_first()?;
        let byte = self.view.byte((*mark).into());
        if byte == b',' && !self.is_first {
            return Some(Next::Member(behind));
        }
        if byte == container.bracket() {
            return Some(Next::End);
        }
        self.is_first.then_some(Next::Member(self.rest))
    }

    /// The member whose name is at the first of the entries.
    #[inline(always)]
    pub(crate) fn member(&self, entries: &'a [u16]) -> Option<Begun<'a>> {
        self.view.member(entries)
    }

    /// The value of a member or element.
    #[inline(always)]
    pub(crate) fn value(&self, begun: &Begun<'_>) -> Option<Value> {
        self.view.value(begun)
    }

    /// Passes the end of an array or object that is not the outermost.
    #[inline(always)]
    pub(crate) fn pass_end(&mut self) {
        if let Some((_, behind)) = self.rest.split_first() {
            self.stack.pop();
            self.left = self.stack.last().map_or(0, |open| open.left);
            self.rest = behind;
            self.is_first = false;
        }
    }

    /// Passes a member or element with its value, or as far as that is passed at once. False, and
    /// nothing is passed: a limit is in the way.
    #[inline(always)]
    pub(crate) fn pass(&mut self, begun: &Begun<'a>, value: Value) -> bool {
        if self.left == 0 || self.keys_left < begun.keys {
            return false;
        }
        match value {
            Value::String(..) | Value::Other(..) => {
                self.left -= 1;
                self.is_first = false;
            }
            Value::Open(container) => {
                if self.stack.len() >= self.depth_limit {
                    return false;
                }
                if let Some(open) = self.stack.last_mut() {
                    open.left = self.left - 1;
                }
                self.left = self.member_limit;
                self.stack.push(Open {
                    container,
                    left: self.left,
                });
                self.is_first = true;
            }
        }
        self.keys_left -= begun.keys;
        self.rest = begun.then;
        true
    }
}

#[expect(
    clippy::inline_always,
    reason = "what is seen has to stay in registers, too"
)]
impl<'a> View<'a> {
    #[inline(always)]
    pub(super) fn text(&self) -> &'a Sight {
        self.text
    }

    /// The byte at a place in the window.
    #[inline(always)]
    pub(super) fn byte(&self, place: usize) -> u8 {
        // Of the size of a window it is known that it lies within.
        self.text.get(place % WINDOW).copied().unwrap_or_default()
    }

    /// The member whose name is at the first of the entries.
    #[inline(always)]
    pub(super) fn member(&self, entries: &'a [u16]) -> Option<Begun<'a>> {
        let [begin, colon, value, then @ ..] = entries else {
            return None;
        };
        let (begin, colon) = (usize::from(*begin) % WINDOW, usize::from(*colon));
        // From quote to quote.
        let length = colon.wrapping_sub(begin);
        let end = colon.wrapping_sub(1) % WINDOW;
        // Outside of strings a quote closes one, and there is no other since the first.
        let is_whole = self.byte(begin) == b'"' && self.text.get(end..end + 2) == Some(b"\":");
        if !is_whole || length < 2 {
            return None;
        }
        Some(Begun {
            name: begin + 1,
            length: length - 2,
            value: (*value).into(),
            next: (*then.first()?).into(),
            then,
            keys: 1,
        })
    }

    /// The value of a member or element.
    #[inline(always)]
    pub(super) fn value(&self, begun: &Begun<'_>) -> Option<Value> {
        let start = begun.value;
        match self.byte(start) {
            b'"' => Some(Value::String(start, self.string_end(start, begun.next)?)),
            b'{' => Some(Value::Open(Container::Object)),
            b'[' => Some(Value::Open(Container::Array)),
            _ => Some(Value::Other(start, self.scalar_end(start, begun.next)?)),
        }
    }

    /// Behind the closing quote of a string, given the place of the next entry.
    #[inline(always)]
    fn string_end(&self, start: usize, next: usize) -> Option<usize> {
        // Outside of strings a quote closes one, and there is no other since `start`.
        if next >= start + 2 && self.byte(next - 1) == b'"' {
            return Some(next);
        }
        let quote = self.index.quote(self.window + start + 1)?;
        Some(quote + 1 - self.window)
    }

    /// Behind a number or literal, given the place of the next entry.
    #[inline(never)]
    fn scalar_end(&self, start: usize, next: usize) -> Option<usize> {
        let bytes = self.text.get(start..next)?;
        let end = bytes.iter().rposition(|byte| !b" \t\n\r".contains(byte))?;
        let bytes = bytes.get(..=end)?;
        let is_valid =
            matches!(bytes, b"true" | b"false" | b"null") || NumberState::is_number(bytes);
        let end = start + bytes.len();
        (is_valid && may_follow_scalar(*self.text.get(end)?)).then_some(end)
    }
}
