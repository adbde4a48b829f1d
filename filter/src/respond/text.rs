//! Texts: bodies that detectors look at as a whole. Their length is told beforehand and bounded, so that
//! they can be kept; only in the last of their bytes does anything leave.

use std::rc::Rc;
use std::sync::Arc;

use velum_engine::{ClassSet, Options, Ruleset, mask_text};

use super::fields::{first, quoted};
use super::inflate::Inflater;
use crate::grant::Grant;
use crate::host::{Buffer, Flow, Host, Side, masker, room};
use crate::watch::Fact;

/// So many copies of a text, as it is in JSON, are in memory at a time while it is masked.
const COPIES: usize = 6;

pub(super) const NO_ROOM: &str = "the worker has no memory for it";

/// A text on its way.
pub(crate) struct Text {
    pub(super) headers_held: bool,
    rules: Arc<Ruleset>,
    options: Options,
    /// Under what values are lifted.
    pub(super) grant: Option<Rc<Grant>>,
    decoder: Option<Inflater>,
    /// Bytes that are still to come, as the upstream sends them.
    left: usize,
    longest: usize,
    gathered: Vec<u8>,
    is_done: bool,
}

impl Text {
    /// A text of that length; `None`: it cannot be kept.
    pub(super) fn new(
        rules: &Arc<Ruleset>,
        options: Options,
        decoder: Option<Inflater>,
        length: usize,
        held_body: usize,
    ) -> Option<Self> {
        (length <= held_body).then(|| Self {
            headers_held: false,
            rules: Arc::clone(rules),
            options,
            grant: None,
            decoder,
            left: length,
            longest: held_body,
            gathered: Vec::new(),
            is_done: length == 0,
        })
    }

    /// Whether all of it has come and gone.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes the next bytes out of the host's buffer; with the last of them puts the masked text there.
    pub(super) fn step(
        &mut self,
        host: &impl Host,
        size: usize,
        end: bool,
    ) -> Result<Flow, String> {
        if size > 0 {
            self.take(host, size)?;
        }
        if end && !self.is_done {
            return Err("it is shorter than its length".to_owned());
        }
        Ok(if self.is_done || !self.headers_held {
            self.headers_held = false;
            Flow::Continue
        } else {
            Flow::Wait
        })
    }

    fn take(&mut self, host: &impl Host, size: usize) -> Result<(), String> {
        let chunk = host
            .body(Buffer::ResponseBody, size)
            .map_err(|_| "unreadable chunk")?;
        if chunk.len() != size || size > self.left {
            return Err("it is longer than its length".to_owned());
        }
        host.has_room(room(size, 0)).then_some(()).ok_or(NO_ROOM)?;
        self.left -= size;
        let (gathered, longest) = (&mut self.gathered, self.longest);
        let mut keep = |piece: &[u8]| {
            if gathered.len() + piece.len() > longest {
                return Err("it is longer than limits.held_body".to_owned());
            }
            gathered.extend_from_slice(piece);
            Ok(())
        };
        match &mut self.decoder {
            None => keep(&chunk)?,
            Some(decoder) => decoder.feed(&chunk, &mut keep)?,
        }
        let mut out = String::new();
        if self.left == 0 {
            if self.decoder.as_ref().is_some_and(|one| !one.is_whole()) {
                return Err("its compression is cut off".to_owned());
            }
            out = self.masked(host)?;
            self.is_done = true;
        }
        host.replace_body(Buffer::ResponseBody, size, out.as_bytes())
            .map_err(|_| "unwritable chunk".to_owned())
    }

    fn masked(&mut self, host: &impl Host) -> Result<String, String> {
        let text =
            String::from_utf8(std::mem::take(&mut self.gathered)).map_err(|_| "it is not UTF-8")?;
        let escaped = |byte| match byte {
            b'\t' | b'\n' | b'\r' | b'"' | b'\\' => 2,
            0..0x20 => 6,
            _ => 1,
        };
        let length: usize = text.bytes().map(escaped).sum();
        let has_room = host.has_room(COPIES * length);
        has_room.then_some(()).ok_or(NO_ROOM)?;
        if !self.rules.has_detectors() {
            return Ok(mask_text(&self.rules, &text));
        }
        // As a string of JSON, so that it is looked into like any other.
        let mut options = self.options.clone();
        if self
            .grant
            .as_ref()
            .is_some_and(|grant| !grant.is_live(host.now()))
        {
            options.lift = ClassSet::EMPTY;
            host.tell(Fact::Stopped);
        }
        options.limits.token_bytes = usize::MAX;
        let mut masker = masker(host, &self.rules, options);
        let mut out = Vec::new();
        let source = quoted(&text);
        masker
            .feed(source.as_bytes(), &mut out)
            .and_then(|()| masker.finish(&mut out))
            .map_err(|error| error.to_string())?;
        host.tell(Fact::MaskerFed(Side::Response, &mut masker));
        if out == source.as_bytes() {
            return Ok(text);
        }
        drop((source, text));
        // A rule for the whole body may have made anything of it.
        let written = serde_json::from_slice(&out).ok().and_then(first);
        Ok(written.unwrap_or_default())
    }
}
