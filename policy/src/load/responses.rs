//! How responses are read.

use crate::cursor::Cursor;
use crate::error::ConfigError;
use crate::policy::{Encodings, Responses, UnreadableMedia};

const KEYS: [&str; 3] = ["otherwise", "encodings", "text"];

pub(super) fn read(at: &Cursor<'_>) -> Result<Responses, ConfigError> {
    let fields = at.object(&KEYS, &[])?;
    if at.members()?.is_empty() {
        return Err(at.fault("needs one of \"otherwise\", \"encodings\" and \"text\""));
    }
    let mut responses = Responses::default();
    if let Some(at) = fields.optional("otherwise") {
        responses.otherwise = otherwise(&at)?;
    }
    if let Some(at) = fields.optional("encodings") {
        let words = [("refuse", Encodings::Refuse), ("decode", Encodings::Decode)];
        responses.encodings = at.word(&words)?;
    }
    if let Some(at) = fields.optional("text") {
        let words = ["text/plain", "text/html"].map(|media| (media, media));
        responses.text = at.distinct(|item| item.word(&words))?;
    }
    Ok(responses)
}

/// What becomes of a body that is not read.
pub(super) fn otherwise(at: &Cursor<'_>) -> Result<UnreadableMedia, ConfigError> {
    at.word(&[
        ("refuse", UnreadableMedia::Refuse),
        ("pass", UnreadableMedia::Pass),
    ])
}
