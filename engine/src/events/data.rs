//! The data of one event after the other: `data` lines in, `data` lines out.
//!
//! The lines of an event, joined by line feeds, are one JSON text. Each line feed that comes out of
//! the masker becomes a line end and a new `data` line, both written as those of the event's first
//! line. Data of nothing but white space passes, and so does `[DONE]`, with which streams of model
//! output end: the first line is held back while it may become that.

use std::sync::Arc;

use super::LineEnd;
use crate::{Error, Masker, Options, Ruleset};

const DONE: &[u8] = b"[DONE]";
const WITH_SPACE: &[u8] = b"data: ";

/// Masks the data of events.
pub(super) struct Data {
    options: Options,
    pub(super) masker: Masker,
    scratch: Vec<u8>,
    event: Event,
}

/// The event under way.
#[derive(Default)]
struct Event {
    is_under_way: bool,
    /// How its first line begins, and so all that are written.
    prefix: &'static [u8],
    lines: u64,
    /// How much of `[DONE]` the first line is, all of it held back.
    done: Option<usize>,
    first_end: LineEnd,
    last_end: LineEnd,
    /// Whether a `data` line has been begun and nothing written in it.
    at_line_start: bool,
    /// How much of the text the masker has read.
    length: u64,
    current: Stretch,
    /// The last line before with more than white space: a comma there may be the place of an error.
    earlier: Stretch,
}

/// Where a line's part of the text is in the body.
#[derive(Clone, Copy, Default)]
struct Stretch {
    text: u64,
    body: u64,
    has_text: bool,
}

impl Data {
    pub(super) fn new(rules: Arc<Ruleset>, options: Options) -> Self {
        Self {
            options: options.clone(),
            masker: Masker::of_texts(rules, options),
            scratch: Vec::new(),
            event: Event::default(),
        }
    }

    /// Whether the event has data so far.
    pub(super) fn is_under_way(&self) -> bool {
        self.event.is_under_way
    }

    /// A line is a `data` line.
    pub(super) fn begin_line(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.event.is_under_way {
            self.masker.restart(&self.options);
            self.event = Event {
                is_under_way: true,
                done: Some(0),
                ..Event::default()
            };
            return Ok(());
        }
        self.let_go_of_done(out)?;
        self.read(b"\n", out)?;
        if self.event.current.has_text {
            self.event.earlier = self.event.current;
        }
        Ok(())
    }

    /// Its value begins at this offset in the body.
    pub(super) fn begin_value(&mut self, has_space: bool, offset: u64, out: &mut Vec<u8>) {
        let event = &mut self.event;
        if event.lines == 0 {
            event.prefix = if has_space { WITH_SPACE } else { b"data:" };
            event.earlier.body = offset;
            event.begin_output(out);
        }
        event.lines += 1;
        event.current = Stretch {
            text: event.length,
            body: offset,
            has_text: false,
        };
    }

    /// More of the value.
    pub(super) fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let event = &mut self.event;
        if !event.current.has_text {
            event.current.has_text = piece.iter().any(|byte| !matches!(byte, b' ' | b'\t'));
        }
        if let Some(seen) = event.done {
            if DONE.get(seen..).is_some_and(|rest| rest.starts_with(piece)) {
                event.done = Some(seen + piece.len());
                return Ok(());
            }
            self.let_go_of_done(out)?;
        }
        self.read(piece, out)
    }

    /// The line ends.
    pub(super) fn end_line(&mut self, end: LineEnd, out: &mut Vec<u8>) -> Result<(), Error> {
        self.event.last_end = end;
        if self.event.lines == 1 {
            self.event.first_end = end;
        }
        if self.event.done == Some(DONE.len()) {
            return Ok(());
        }
        self.let_go_of_done(out)
    }

    /// A line feed belongs to the carriage return that ended the line.
    pub(super) fn line_feed(&mut self) {
        self.event.last_end = LineEnd::ReturnFeed;
        if self.event.lines == 1 {
            self.event.first_end = LineEnd::ReturnFeed;
        }
    }

    /// The event ends. Gives the end of its last line, which is still to be written.
    pub(super) fn finish(&mut self, more: bool, out: &mut Vec<u8>) -> Result<LineEnd, Error> {
        if self.event.done == Some(DONE.len()) {
            out.extend_from_slice(DONE);
        } else if self.event.current.has_text || self.event.earlier.has_text {
            self.scratch.clear();
            self.masker
                .finish(&mut self.scratch)
                .map_err(|error| self.event.place(error))?;
            self.event.write(&self.scratch, out);
        }
        self.event.is_under_way = false;
        Ok(match (self.event.last_end, self.event.first_end) {
            (LineEnd::None, LineEnd::None) if more => LineEnd::Feed,
            (LineEnd::None, first) if more => first,
            (last, _) => last,
        })
    }

    /// The first line is not `[DONE]`: what was held back of it is text.
    fn let_go_of_done(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.event.done.take() {
            Some(seen) if seen > 0 => self.read(DONE.get(..seen).unwrap_or_default(), out),
            _ => Ok(()),
        }
    }

    fn read(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.scratch.clear();
        self.masker
            .feed(text, &mut self.scratch)
            .map_err(|error| self.event.place(error))?;
        self.event.length += text.len() as u64;
        self.event.write(&self.scratch, out);
        Ok(())
    }
}

impl Event {
    /// Writes masked text as lines.
    fn write(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(feed) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(feed);
            self.write_in_line(line, out);
            out.extend_from_slice(self.first_end.bytes());
            self.begin_output(out);
            rest = behind.get(1..).unwrap_or_default();
        }
        self.write_in_line(rest, out);
    }

    fn begin_output(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prefix);
        self.at_line_start = true;
    }

    fn write_in_line(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let Some(first) = text.first() else {
            return;
        };
        if self.at_line_start && self.prefix != WITH_SPACE && *first == b' ' {
            // The client takes one away.
            out.push(b' ');
        }
        self.at_line_start = false;
        out.extend_from_slice(text);
    }

    /// The place in the body of an error in the text.
    fn place(&self, error: Error) -> Error {
        let stretch = if error.offset >= self.current.text {
            self.current
        } else {
            self.earlier
        };
        Error {
            kind: error.kind,
            offset: stretch.body + error.offset.saturating_sub(stretch.text),
        }
    }
}
