//! Finds our own output in what a client sends back.

use std::fmt;
use std::sync::Arc;

use crate::decode::{Decoder, Text};
use crate::mask::inside;
use crate::operators::contains_placeholder;
use crate::scan::{Event, Kind, Room, Scanner};
use crate::{Error, ErrorKind, Framing, Keyring, Limits, Ruleset};

/// More than any placeholder is long.
const OVERLAP: usize = 64;

/// In so many strings in one another JSON is looked for.
const DEEPEST: u8 = 4;

/// Looks for placeholders in the strings and member names of a JSON body, whatever escapes they
/// are written with, and for tokens and pseudonyms where it knows [whose](Self::with_tokens). A string
/// that is JSON itself is looked into.
///
/// What [`Operator::Generalize`], [`Operator::Fpe`], [`Operator::DateShift`], [`Operator::Null`],
/// [`Operator::Remove`] and an [`Operator::Replace`] without a placeholder write cannot be told from
/// data.
///
/// ```
/// use velum_engine::{Framing, Inspector, Limits};
/// let mut inspector = Inspector::new(Limits::default(), Framing::Document);
/// inspector.feed(br#"{"family":"\u005bmasked:name]"}"#)?;
/// inspector.finish()?;
/// assert!(inspector.found_masked());
/// # Ok::<(), velum_engine::Error>(())
/// ```
///
/// [`Operator::Generalize`]: crate::Operator::Generalize
/// [`Operator::Fpe`]: crate::Operator::Fpe
/// [`Operator::DateShift`]: crate::Operator::DateShift
/// [`Operator::Null`]: crate::Operator::Null
/// [`Operator::Remove`]: crate::Operator::Remove
/// [`Operator::Replace`]: crate::Operator::Replace
pub struct Inspector {
    /// Whose tokens are known, and by which keys.
    tokens: Option<(Arc<Ruleset>, Keyring)>,
    scanner: Scanner,
    decoder: Decoder,
    /// The end of a long string as far as it has been read.
    window: Vec<u8>,
    found: bool,
    failed: Option<Error>,
    offset: u64,
    is_finished: bool,
    /// In how many strings the body stands.
    depth: u8,
}

impl Inspector {
    /// An inspector for one body. [`Framing::Events`] is read as [`Framing::Document`] here: a body
    /// of events is refused.
    pub fn new(limits: Limits, framing: Framing) -> Self {
        Self {
            tokens: None,
            scanner: Scanner::new(framing, &limits, Room::default()),
            decoder: Decoder::default(),
            window: Vec::new(),
            found: false,
            failed: None,
            offset: 0,
            is_finished: false,
            depth: 0,
        }
    }

    /// Knows the tokens too that these rules made under these keys, as a word of a string or a member
    /// name; and where these rules make pseudonyms, strings and names that hold one, in a reference too.
    /// A string longer than `limits.token_bytes` holds none.
    #[must_use]
    pub fn with_tokens(mut self, rules: Arc<Ruleset>, keys: Keyring) -> Self {
        self.tokens = rules.makes_tokens().then_some((rules, keys));
        self
    }

    /// Reads the next bytes of the body.
    ///
    /// # Errors
    /// The body is not valid JSON, or a limit is exceeded.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.is_finished && !chunk.is_empty() {
            return Err(Error {
                kind: ErrorKind::Finished,
                offset: self.offset,
            });
        }
        self.scanner.begin();
        loop {
            match self.scanner.next(chunk) {
                Ok(Event::More) => break,
                Ok(event) => self.see(event, chunk),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
            self.scanner.take_comma();
        }
        self.scanner.end(chunk);
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// Tells that the body has ended.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the JSON text is not complete; an error of an earlier call.
    pub fn finish(&mut self) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.is_finished = true;
        self.scanner
            .finish()
            .map(|_| ())
            .inspect_err(|error| self.failed = Some(*error))
    }

    /// Whether a string or member name so far is, or contains, one of our placeholders, is one of the
    /// tokens that are known, or holds one of the pseudonyms.
    pub fn found_masked(&self) -> bool {
        self.found
    }

    fn see(&mut self, event: Event, chunk: &[u8]) {
        if self.found {
            return;
        }
        let is_new = match event {
            Event::Key | Event::Scalar(Kind::String) | Event::LongStart => true,
            Event::LongPart | Event::LongEnd => false,
            _ => return,
        };
        let token = self.scanner.token(chunk);
        if is_new && event != Event::LongStart {
            // Most strings hold no bracket, and no escape that could hide one.
            if self.tokens.is_some() || memchr::memchr2(b'[', b'\\', token).is_some() {
                let text = Text::decode(inside(token));
                self.found = holds_ours(self.tokens.as_ref(), text.as_str(), self.depth);
            }
            return;
        }
        if is_new {
            self.decoder = Decoder::default();
            self.window.clear();
        }
        self.decoder.feed(token, &mut self.window);
        self.found = contains_placeholder(&self.window);
        self.window
            .drain(..self.window.len().saturating_sub(OVERLAP));
    }
}

/// Whether the text holds what we wrote: a placeholder, a token or pseudonym of these rules, or JSON that
/// holds one. What stands so deep in strings that the masker would have masked it whole was not written
/// by us.
pub(crate) fn holds_ours(own: Option<&(Arc<Ruleset>, Keyring)>, text: &str, depth: u8) -> bool {
    contains_placeholder(text.as_bytes())
        || own.is_some_and(|(rules, keys)| rules.made_within(keys, text))
        || depth < DEEPEST && json_holds_ours(own, text, depth + 1)
}

fn json_holds_ours(own: Option<&(Arc<Ruleset>, Keyring)>, text: &str, depth: u8) -> bool {
    let text =
        text.trim_start_matches(|sign: char| sign == '\u{FEFF}' || sign.is_ascii_whitespace());
    if !text.starts_with(['{', '[', '"']) {
        return false;
    }
    // Lines of JSON, and one text.
    let mut inspector = Inspector::new(Limits::default(), Framing::Concatenated);
    inspector.tokens = own.cloned();
    inspector.depth = depth;
    // What has been found before a fault has been found.
    let _is_json = inspector.feed(text.as_bytes());
    inspector.found
}

impl fmt::Debug for Inspector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Inspector");
        debug
            .field("found", &self.found)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
