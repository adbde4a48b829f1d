//! Server-sent events (HTML Living Standard, section 9.2): the data of each event is one JSON text.
//!
//! The body is split into lines, and lines into fields. What stands in `data` lines goes through
//! one masker, text by text; see [`data`]. Everything else is a line at a time:
//!
//! - `event` and `id`: detectors look at the value, whatever is lifted. It comes out as it came, or
//!   with placeholders for what they find. A masked `id` is what a client sends back as
//!   `Last-Event-ID`.
//! - `retry`: digits, else the body is refused; so is a number that a detector takes for something.
//! - Comments come out empty, `:`. They keep connections alive, and hold free text.
//! - What no client reads (other fields) is dropped.
//! - An empty line ends the event; nothing is held back behind it.
//!
//! Lines other than `data` that come between the data of an event or behind it wait for its end,
//! and stand behind the data then. Line ends (LF, CRLF, CR) come out as they came, but those
//! between the `data` lines of one event, which are that of its first; where a line between was
//! dropped or moved, an LF that would become part of a CR before it is written as CRLF.
//!
//! A value that is spread over the data of several events is not seen as one: each event is masked
//! on its own.

mod data;

use std::sync::Arc;

use crate::detectors::mask_counted;
use crate::tally::Tally;
use crate::{Error, ErrorKind, Evidence, Options, Report, Ruleset};
use data::Data;

const MARK: &[u8] = "\u{FEFF}".as_bytes();

/// No field has a longer name than this one.
const LONGEST_NAME: usize = "event".len();

/// How a line ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LineEnd {
    /// With the body.
    #[default]
    None,
    Feed,
    Return,
    ReturnFeed,
}

/// What is known of the line under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// No more than its beginning, which is in `text`: it may be a field's name.
    Name,
    /// A `data` line up to its colon: a space may follow.
    DataStart,
    Data,
    /// A field that is looked at whole; it is in `text`.
    Kept,
    Comment,
    Unknown,
}

/// Where a line went, and where a line feed goes that turns out to be part of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Out,
    Waiting,
    Data,
    Nowhere,
}

/// Reads a stream of events.
pub(crate) struct Events {
    rules: Arc<Ruleset>,
    limit: usize,
    data: Data,
    line: Line,
    text: Vec<u8>,
    line_start: u64,
    line_length: usize,
    /// Where in the body the next byte is.
    offset: u64,
    /// The last byte was a carriage return that ended a line.
    after_return: Option<Place>,
    /// What was written last is the end of a line, a carriage return.
    ends_in_return: bool,
    is_first_line: bool,
    /// Lines of the event that stand behind its data.
    waiting: Vec<u8>,
}

impl Events {
    pub(crate) fn new(rules: &Arc<Ruleset>, options: Options) -> Self {
        Self {
            rules: Arc::clone(rules),
            limit: options.limits.token_bytes,
            data: Data::new(Arc::clone(rules), options),
            line: Line::Name,
            text: Vec::new(),
            line_start: 0,
            line_length: 0,
            offset: 0,
            after_return: None,
            ends_in_return: false,
            is_first_line: true,
            waiting: Vec::new(),
        }
    }

    /// Whether no line is begun and no event has data that waits for its end.
    pub(crate) fn is_closed(&self) -> bool {
        !self.has_line() && !self.data.is_under_way()
    }

    pub(crate) fn tally(&self) -> &Tally {
        self.data.masker.tally()
    }

    pub(crate) fn tally_mut(&mut self) -> &mut Tally {
        self.data.masker.tally_mut()
    }

    pub(crate) fn evidence(&self) -> Option<&Evidence> {
        self.data.masker.evidence()
    }

    pub(crate) fn stop_lifting(&mut self) {
        self.data.masker.stop_lifting();
    }

    pub(crate) fn report(&self) -> &Report {
        self.data.masker.report()
    }

    pub(crate) fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let mut rest = chunk;
        while let Some((&byte, behind)) = rest.split_first() {
            let place = self.after_return.take();
            let used = match (byte, place) {
                (b'\n', Some(place)) => {
                    self.line_feed(place, out);
                    1
                }
                (b'\r' | b'\n', _) => {
                    let (end, after_return) = match byte {
                        b'\r' => (LineEnd::Return, true),
                        _ => (LineEnd::Feed, false),
                    };
                    let place = self.end_line(end, out)?;
                    self.after_return = after_return.then_some(place);
                    1
                }
                _ if self.line == Line::Name => {
                    self.name_byte(byte, out)?;
                    1
                }
                _ if self.line == Line::DataStart => {
                    let has_space = byte == b' ';
                    let offset = self.offset + u64::from(has_space);
                    self.data.begin_value(has_space, offset, out);
                    self.line = Line::Data;
                    usize::from(has_space)
                }
                _ => {
                    let length = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    self.piece(rest.get(..length).unwrap_or_default(), out)?;
                    length
                }
            };
            self.offset += used as u64;
            rest = match used {
                1 => behind,
                used => rest.get(used..).unwrap_or_default(),
            };
            if matches!(byte, b'\r' | b'\n') {
                self.line_start = self.offset;
            }
        }
        Ok(())
    }

    /// The end of the body. A client discards an event that no empty line ends; it passes if its
    /// text is complete.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.has_line() {
            self.end_line(LineEnd::None, out)?;
        }
        self.end_event(out)
    }

    fn has_line(&self) -> bool {
        self.line != Line::Name || !self.text.is_empty()
    }

    /// One byte of what may be the name of a field.
    fn name_byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Error> {
        self.grow(1)?;
        if byte == b':' {
            self.line = match self.text.as_slice() {
                b"" => Line::Comment,
                b"data" => {
                    self.data.begin_line(out)?;
                    Line::DataStart
                }
                b"event" | b"id" | b"retry" => Line::Kept,
                _ => Line::Unknown,
            };
        }
        self.text.push(byte);
        if self.is_first_line && self.text == MARK {
            self.is_first_line = false;
            out.extend_from_slice(MARK);
            self.text.clear();
            self.line_length = 0;
            self.line_start = self.offset + 1;
        } else if self.line == Line::Name && self.text.len() > LONGEST_NAME {
            self.line = Line::Unknown;
        }
        Ok(())
    }

    /// More of the line under way, without its end.
    fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self.line {
            Line::Data => self.data.piece(piece, out),
            Line::Kept => {
                self.grow(piece.len())?;
                self.text.extend_from_slice(piece);
                Ok(())
            }
            _ => self.grow(piece.len()),
        }
    }

    fn grow(&mut self, length: usize) -> Result<(), Error> {
        self.line_length = self.line_length.saturating_add(length);
        if self.line_length > self.limit {
            return self.too_long();
        }
        Ok(())
    }

    fn too_long<T>(&self) -> Result<T, Error> {
        Err(Error {
            kind: ErrorKind::Token(self.limit),
            offset: self.line_start,
        })
    }

    fn end_line(&mut self, end: LineEnd, out: &mut Vec<u8>) -> Result<Place, Error> {
        let line = std::mem::replace(&mut self.line, Line::Name);
        let text = std::mem::take(&mut self.text);
        self.line_length = 0;
        self.is_first_line = false;
        let place = match (line, text.as_slice()) {
            (Line::Name, b"") => {
                self.end_event(out)?;
                if end == LineEnd::Feed && self.ends_in_return {
                    out.push(b'\r');
                }
                self.write_end(end, out);
                Place::Out
            }
            (Line::Name, b"data") => {
                self.data.begin_line(out)?;
                self.data.begin_value(false, self.offset, out);
                self.data.end_line(end, out)?;
                Place::Data
            }
            (Line::DataStart, _) => {
                self.data.begin_value(false, self.offset, out);
                self.data.end_line(end, out)?;
                Place::Data
            }
            (Line::Data, _) => {
                self.data.end_line(end, out)?;
                Place::Data
            }
            (Line::Kept, field) | (Line::Name, field @ (b"event" | b"id" | b"retry")) => {
                match self.mask_field(field)? {
                    Some(masked) => self.write_line(masked.as_bytes(), end, out)?,
                    None => self.write_line(field, end, out)?,
                }
            }
            (Line::Comment, _) => self.write_line(b":", end, out)?,
            (Line::Unknown | Line::Name, _) => Place::Nowhere,
        };
        self.text = text;
        self.text.clear();
        Ok(place)
    }

    /// What an `event`, `id` or `retry` line becomes; `None`: it stays as it came.
    fn mask_field(&mut self, field: &[u8]) -> Result<Option<String>, Error> {
        let colon = memchr::memchr(b':', field).unwrap_or(field.len());
        let behind = field.get(colon + 1..).unwrap_or_default();
        let space = usize::from(behind.first() == Some(&b' '));
        let value = behind.get(space..).unwrap_or_default();
        let start = self.line_start + (colon + 1 + space) as u64;
        let fault = |kind, at: usize| Error {
            kind,
            offset: start + at as u64,
        };
        let value =
            str::from_utf8(value).map_err(|error| fault(ErrorKind::Utf8, error.valid_up_to()))?;
        let is_retry = field.starts_with(b"retry");
        if is_retry && let Some(at) = value.bytes().position(|byte| !byte.is_ascii_digit()) {
            return Err(fault(ErrorKind::Field, at));
        }
        let tally = self.data.masker.tally_mut();
        tally.outside(true);
        let count = |cause, class| tally.count(cause, class, false);
        let masked = mask_counted(&self.rules, value, count);
        tally.outside(false);
        let Some(masked) = masked else {
            return Ok(None);
        };
        if is_retry {
            return Err(fault(ErrorKind::Field, 0));
        }
        let name = field.get(..colon + 1 + space).unwrap_or_default();
        let name = str::from_utf8(name).unwrap_or_default();
        Ok(Some(format!("{name}{masked}")))
    }

    /// Writes a line that is no data, or lets it wait for the end of the data.
    fn write_line(&mut self, line: &[u8], end: LineEnd, out: &mut Vec<u8>) -> Result<Place, Error> {
        if !self.data.is_under_way() {
            out.extend_from_slice(line);
            self.write_end(end, out);
            return Ok(Place::Out);
        }
        self.waiting.extend_from_slice(line);
        self.waiting.extend_from_slice(end.bytes());
        if self.waiting.len() > self.limit {
            return self.too_long();
        }
        Ok(Place::Waiting)
    }

    fn write_end(&mut self, end: LineEnd, out: &mut Vec<u8>) {
        out.extend_from_slice(end.bytes());
        self.ends_in_return = end == LineEnd::Return;
    }

    /// A line feed that belongs to the carriage return before it.
    fn line_feed(&mut self, place: Place, out: &mut Vec<u8>) {
        match place {
            Place::Out => {
                out.push(b'\n');
                self.ends_in_return = false;
            }
            Place::Waiting => self.waiting.push(b'\n'),
            Place::Data => self.data.line_feed(),
            Place::Nowhere => {}
        }
    }

    /// Ends the data of the event, if it has any, and lets go of the lines behind it.
    fn end_event(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.data.is_under_way() {
            return Ok(());
        }
        let end = self.data.finish(!self.waiting.is_empty(), out)?;
        self.write_end(end, out);
        if let Some(last) = self.waiting.last() {
            self.ends_in_return = *last == b'\r';
        }
        out.append(&mut self.waiting);
        Ok(())
    }
}

impl LineEnd {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Feed => b"\n",
            Self::Return => b"\r",
            Self::ReturnFeed => b"\r\n",
        }
    }
}
