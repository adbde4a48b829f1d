//! Bytes to tokens.
//!
//! The scanner accepts exactly RFC 8259 (and the framing asked for) and can stop and go on at every
//! byte. A leading byte order mark is accepted. An escape of a lone surrogate is refused: such a
//! string has no decoded form, and parsers differ in what they make of it.
//!
//! Two stages. [`Index`] reads blocks of sixty-four bytes and lists where something begins or ends:
//! structure, quotes, scalars. This stage walks that list and knows the grammar; it never looks at
//! the inside of a string, nor at white space.
//!
//! A token that lies within one chunk is a range of it. The bytes of a token that began in an
//! earlier chunk are collected in `carry`, at most `limits.token_bytes`; a string that is longer is
//! handed on piece by piece.

mod block;
mod index;
mod number;
mod skim;
mod string;
mod token;
mod utf8;
mod walk;

use std::ops::Range;

pub(crate) use block::{BLOCK, Block, Marks, code_marks, marks};
pub(crate) use index::{Room, Sight};
use skim::Way;
pub(crate) use skim::{Guide, SHORTEST_FOUND};
pub(crate) use string::{Escape, Step};
pub(crate) use walk::{Begun, Next, Value, Walk};

use crate::{Error, ErrorKind, Framing, Limits};
use index::Index;
use number::NumberState;

/// What the scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The chunk is used up.
    More,
    /// An array or object begins with the byte before [`Scanner::position`].
    Open(Container),
    /// An array or object ended with the byte before [`Scanner::position`].
    Close(Container),
    /// A member name; see [`Scanner::token`].
    Key,
    /// A whole scalar; see [`Scanner::token`].
    Scalar(Kind),
    /// A string value that is longer than `limits.token_bytes`; the token is what is known of it.
    LongStart,
    /// More of such a string; the token is a range of the chunk.
    LongPart,
    /// The last of such a string, its closing quote included.
    LongEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Array,
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Number,
    Boolean,
    Null,
}

/// What stands before each text of a sequence (RFC 7464).
const SEPARATOR: u8 = 0x1E;

/// What the grammar allows next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The separator before the first text of a sequence.
    Separator,
    /// The first value of a text.
    Start,
    Value,
    FirstElement,
    FirstKey,
    Key,
    Colon,
    Comma,
    /// Nothing more (in this text).
    Done,
}

/// An array or object that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    container: Container,
    /// How many members or elements it may have yet.
    left: usize,
}

/// The token under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partial {
    None,
    Mark(u8),
    Name,
    String,
    Long,
    Number(NumberState),
    Literal(&'static [u8], u8),
}

/// The tokenizer.
pub(crate) struct Scanner {
    framing: Framing,
    /// What stands between texts.
    separator: Option<u8>,
    depth_limit: usize,
    token_limit: usize,
    expect: Expect,
    partial: Partial,
    member_limit: usize,
    key_limit: usize,
    /// How many member names the text may have yet.
    keys_left: usize,
    stack: Vec<Open>,
    way: Box<Way>,
    carry: Vec<u8>,
    index: Index,
    /// Where in the body a number or literal has ended that is a text of its own.
    bare_end: Option<u64>,
    /// Offset in the body of the first byte of the chunk.
    base: u64,
    position: usize,
    token: Range<usize>,
    token_offset: u64,
    comma: Option<usize>,
    comma_waits: bool,
    comma_offset: u64,
}

impl Scanner {
    pub(crate) fn new(framing: Framing, limits: &Limits, room: Room) -> Self {
        let separator = match framing {
            Framing::Lines => Some(b'\n'),
            Framing::Sequence => Some(SEPARATOR),
            Framing::Document | Framing::Concatenated | Framing::Events => None,
        };
        Self {
            framing,
            depth_limit: limits.depth,
            token_limit: limits.token_bytes.max(8),
            expect: if framing == Framing::Sequence {
                Expect::Separator
            } else {
                Expect::Start
            },
            partial: Partial::None,
            member_limit: limits.members,
            key_limit: limits.keys,
            keys_left: limits.keys,
            stack: Vec::new(),
            way: Box::default(),
            carry: Vec::new(),
            index: Index::new(separator, room),
            separator,
            bare_end: None,
            base: 0,
            position: 0,
            token: 0..0,
            token_offset: 0,
            comma: None,
            comma_waits: false,
            comma_offset: 0,
        }
    }

    /// What may be used for the next body, when nothing more is read of this one.
    pub(crate) fn give_up(&mut self) -> Room {
        self.index.give_up()
    }

    /// Where in the chunk the next byte to read is.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// How far into the chunk everything is whole tokens: the start of the token under way.
    pub(crate) fn settled(&self) -> usize {
        match self.partial {
            Partial::None | Partial::Mark(_) | Partial::Long => self.position,
            _ => self.token.start,
        }
    }

    /// Whether the current token began in an earlier chunk.
    pub(crate) fn is_carried(&self) -> bool {
        !self.carry.is_empty()
    }

    /// Where in the chunk the current token lies; from its first byte on for a carried one.
    pub(crate) fn token_range(&self) -> Range<usize> {
        self.token.clone()
    }

    /// The bytes of the current token.
    pub(crate) fn token<'a>(&'a self, chunk: &'a [u8]) -> &'a [u8] {
        if self.carry.is_empty() {
            chunk.get(self.token.clone()).unwrap_or_default()
        } else {
            &self.carry
        }
    }

    /// Whether a comma precedes the member or element at hand, and where, if it is in this chunk.
    pub(crate) fn comma(&self) -> (bool, Option<usize>) {
        (self.comma_waits, self.comma)
    }

    /// The comma has been dealt with.
    pub(crate) fn take_comma(&mut self) {
        self.comma = None;
        self.comma_waits = false;
    }

    /// Whether the text, or the line, is complete.
    pub(crate) fn is_closed(&self) -> bool {
        self.partial == Partial::None
            && match self.framing {
                Framing::Document | Framing::Events => self.expect == Expect::Done,
                Framing::Lines | Framing::Concatenated => {
                    matches!(self.expect, Expect::Done | Expect::Start)
                }
                Framing::Sequence => {
                    let ends = matches!(
                        self.expect,
                        Expect::Done | Expect::Start | Expect::Separator
                    );
                    ends && self.bare_end != Some(self.base)
                }
            }
    }

    /// The next token of the chunk; after [`Event::More`] comes the next chunk.
    pub(crate) fn next(&mut self, chunk: &[u8]) -> Result<Event, Error> {
        loop {
            if self.partial != Partial::None {
                match self.resume(chunk)? {
                    Some(event) => return Ok(event),
                    None if self.partial == Partial::None => continue,
                    None => return Ok(Event::More),
                }
            }
            if self.begins_with_mark(chunk) {
                self.partial = Partial::Mark(0);
                continue;
            }
            let next = self.index.peek(chunk, self.base);
            self.position = next.unwrap_or_else(|| self.index.end(chunk));
            if self.comma_waits {
                self.check_separator()?;
            }
            let Some(&byte) = next.and_then(|at| chunk.get(at)) else {
                return self.index.fault(false).map_or(Ok(Event::More), Err);
            };
            self.index.take();
            if let Some(event) = self.structure(byte)? {
                return Ok(event);
            }
        }
    }

    /// Call with every chunk before [`next`](Self::next) is first called with it.
    pub(crate) fn begin(&mut self) {
        self.position = 0;
        self.token = 0..0;
        self.comma = None;
        self.index.begin();
    }

    /// Call with every chunk once it is used up; keeps what is needed of it.
    pub(crate) fn end(&mut self, chunk: &[u8]) {
        if matches!(
            self.partial,
            Partial::Name | Partial::String | Partial::Number(_) | Partial::Literal(..)
        ) {
            self.carry
                .extend_from_slice(chunk.get(self.token.start..).unwrap_or_default());
        }
        self.base += chunk.len() as u64;
        self.begin();
    }

    /// The end of the body: a last number, or nothing more.
    pub(crate) fn finish(&mut self) -> Result<Option<Event>, Error> {
        if let Partial::Number(state) = self.partial
            && self.stack.is_empty()
            && state.is_complete()
            && self.framing != Framing::Sequence
        {
            self.complete();
            return Ok(Some(Event::Scalar(Kind::Number)));
        }
        if self.is_closed() {
            Ok(None)
        } else {
            Err(self.error(ErrorKind::Truncated, 0))
        }
    }

    fn error(&self, kind: ErrorKind, position: usize) -> Error {
        Error {
            kind,
            offset: self.base + position as u64,
        }
    }

    fn syntax<T>(&self, position: usize) -> Result<T, Error> {
        Err(self.error(ErrorKind::Syntax, position))
    }

    fn too_long<T>(&self) -> Result<T, Error> {
        Err(Error {
            kind: ErrorKind::Token(self.token_limit),
            offset: self.token_offset,
        })
    }

    /// A comma and the white space behind it may have to wait for the fate of the next member.
    fn check_separator(&self) -> Result<(), Error> {
        let length = self.base + self.position as u64 - self.comma_offset;
        if length <= self.token_limit as u64 {
            return Ok(());
        }
        let kind = ErrorKind::Token(self.token_limit);
        Err(Error {
            kind,
            offset: self.comma_offset,
        })
    }

    /// Whether the body begins with what may be a byte order mark.
    fn begins_with_mark(&self, chunk: &[u8]) -> bool {
        self.base == 0
            && self.index.is_unread()
            && chunk.first() == Some(&0xEF)
            && self.framing != Framing::Sequence
    }

    /// Reads a structural byte, or begins a token.
    fn structure(&mut self, byte: u8) -> Result<Option<Event>, Error> {
        match (self.expect, byte) {
            _ if self.separator == Some(byte) && self.stack.is_empty() => self.begin_text()?,
            (Expect::Colon, b':') => self.expect = Expect::Value,
            (Expect::Comma, b',') => {
                self.expect = match self.container() {
                    Some(Container::Object) => Expect::Key,
                    _ => Expect::Value,
                };
                self.comma = Some(self.position);
                self.comma_waits = true;
                self.comma_offset = self.base + self.position as u64;
            }
            (Expect::FirstKey | Expect::Key, b'"') => {
                self.count_member()?;
                let Some(left) = self.keys_left.checked_sub(1) else {
                    return Err(self.error(ErrorKind::Keys(self.key_limit), self.position));
                };
                self.keys_left = left;
                self.begin_token(Partial::Name);
                return Ok(None);
            }
            (Expect::FirstKey | Expect::Comma, b'}')
            | (Expect::FirstElement | Expect::Comma, b']') => return self.close(byte),
            (Expect::Start | Expect::Value | Expect::FirstElement, _) => return self.value(byte),
            (Expect::Done, _) if self.framing == Framing::Concatenated => {
                self.begin_text()?;
                return self.value(byte);
            }
            _ => return self.syntax(self.position),
        }
        self.position += 1;
        Ok(None)
    }

    /// Another text may begin. A number or literal is only known to be whole with white space behind.
    fn begin_text(&mut self) -> Result<(), Error> {
        let is_line = self.framing == Framing::Lines;
        if !is_line && self.bare_end == Some(self.base + self.position as u64) {
            return self.syntax(self.position);
        }
        self.expect = Expect::Start;
        self.keys_left = self.key_limit;
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Result<Option<Event>, Error> {
        let partial = match byte {
            b'"' => Partial::String,
            b'{' => return self.open(Container::Object),
            b'[' => return self.open(Container::Array),
            b'-' | b'0'..=b'9' => Partial::Number(NumberState::Start),
            b't' => Partial::Literal(b"true", 0),
            b'f' => Partial::Literal(b"false", 0),
            b'n' => Partial::Literal(b"null", 0),
            _ => return self.syntax(self.position),
        };
        self.count_element()?;
        self.begin_token(partial);
        Ok(None)
    }

    /// The kind of the innermost array or object.
    fn container(&self) -> Option<Container> {
        self.stack.last().map(|open| open.container)
    }

    /// An element is counted where its value begins.
    fn count_element(&mut self) -> Result<(), Error> {
        if self.container() == Some(Container::Array) {
            self.count_member()?;
        }
        Ok(())
    }

    /// The innermost array or object has one more.
    fn count_member(&mut self) -> Result<(), Error> {
        let Some(open) = self.stack.last_mut() else {
            return Ok(());
        };
        let Some(left) = open.left.checked_sub(1) else {
            return Err(self.error(ErrorKind::Members(self.member_limit), self.position));
        };
        open.left = left;
        Ok(())
    }

    fn begin_token(&mut self, partial: Partial) {
        self.partial = partial;
        self.carry.clear();
        self.token = self.position..self.position;
        self.token_offset = self.base + self.position as u64;
        if !matches!(partial, Partial::Number(_) | Partial::Literal(..)) {
            self.position += 1;
        }
    }

    fn open(&mut self, container: Container) -> Result<Option<Event>, Error> {
        if self.stack.len() >= self.depth_limit {
            return Err(self.error(ErrorKind::Depth(self.depth_limit), self.position));
        }
        self.count_element()?;
        self.stack.push(Open {
            container,
            left: self.member_limit,
        });
        self.expect = match container {
            Container::Array => Expect::FirstElement,
            Container::Object => Expect::FirstKey,
        };
        self.carry.clear();
        self.token = self.position..self.position + 1;
        self.position += 1;
        Ok(Some(Event::Open(container)))
    }

    fn close(&mut self, byte: u8) -> Result<Option<Event>, Error> {
        let container = if byte == b'}' {
            Container::Object
        } else {
            Container::Array
        };
        if self.container() != Some(container) {
            return self.syntax(self.position);
        }
        self.stack.pop();
        self.after_value();
        self.position += 1;
        Ok(Some(Event::Close(container)))
    }

    fn after_value(&mut self) {
        self.expect = if self.stack.is_empty() {
            Expect::Done
        } else {
            Expect::Comma
        };
    }
}
