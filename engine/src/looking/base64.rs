//! Text in base64 and base64url (RFC 4648), with or without padding, broken into lines or not.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::charset::{Charset, may_begin};

/// A shorter text is not taken for base64.
pub(super) const SHORTEST: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A text that was encoded.
pub(super) struct Decoded {
    pub(super) text: String,
    charset: Charset,
    is_url: bool,
    is_padded: bool,
}

/// The text that is encoded; `None`: it is no base64, or not of a text.
pub(super) fn decode(text: &str) -> Option<Decoded> {
    let bytes = text.as_bytes();
    let is_url = is_url(bytes);
    let is_broken = memchr::memchr2(b'\n', b'\r', bytes).is_some();
    if !is_broken && memchr::memchr2(b' ', b'\t', bytes).is_some() {
        // Words with spaces between are none.
        return None;
    }
    let mut joined = Vec::new();
    if is_broken {
        let is_space = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t');
        joined.extend(bytes.iter().filter(|byte| !is_space(byte)));
    }
    let bytes = if is_broken { &joined[..] } else { bytes };
    // Most texts that are none tell so at once.
    begins(bytes.get(..SHORTEST).unwrap_or(bytes))?;
    let (charset, text) = Charset::decode(engine(is_url).decode(bytes).ok()?)?;
    Some(Decoded {
        text,
        charset,
        is_url,
        is_padded: bytes.last() == Some(&b'=') || (bytes.len().is_multiple_of(4) && !is_url),
    })
}

impl Decoded {
    /// The same, known to have no padding.
    pub(super) fn unpadded(self) -> Self {
        Self {
            is_padded: false,
            ..self
        }
    }

    /// Another text in the same encoding; `None`: it has letters that the character set does not have.
    pub(super) fn encode(&self, text: &str) -> Option<String> {
        let alphabet = if self.is_url {
            &alphabet::URL_SAFE
        } else {
            &alphabet::STANDARD
        };
        let engine = GeneralPurpose::new(alphabet, LENIENT.with_encode_padding(self.is_padded));
        Some(engine.encode(self.charset.encode(text)?))
    }
}

/// Whether this may be the beginning of a text in base64: at most [`SHORTEST`] bytes of it.
pub(super) fn begins(start: &[u8]) -> Option<()> {
    let mut decoded = [0; SHORTEST];
    let engine = engine(is_url(start));
    let length = engine.decode_slice(start, &mut decoded).ok()?;
    may_begin(decoded.get(..length)?).then_some(())
}

fn is_url(bytes: &[u8]) -> bool {
    memchr::memchr2(b'-', b'_', bytes).is_some()
}

fn engine(is_url: bool) -> &'static GeneralPurpose {
    if is_url { &URL_SAFE } else { &STANDARD }
}
