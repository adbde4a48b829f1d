//! Looking inside of strings: JSON in a string, base64 and `data:` URIs, the payload of a JWT.
//!
//! What is in there is masked by the same rules and written back in the same encoding. It stops at
//! [`DEEPEST`] encodings in one another: what goes deeper is masked whole. Its size is bounded by
//! `limits.token_bytes`, as that of every string that is looked at.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::mask::{Context, masked_text};
use crate::operators::{is_placeholder, push_placeholder};
use crate::tally::{Cause, Tally};
use crate::{Class, Framing, Limits, Masker, Options};

/// So many encodings in one another are looked into.
const DEEPEST: u8 = 3;

/// A shorter text is not taken for base64.
const SHORTEST_BASE64: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Whether the string that begins there in the text, with its quote, begins like JSON. A string that
/// begins with white space or an escape may.
#[inline]
pub(crate) fn begins_like_json(text: &[u8], start: usize) -> bool {
    let first = text.get(start + 1);
    matches!(first, Some(b'{' | b'[' | b' ' | b'\\' | 0xEF))
}

/// Whether a text in ASCII begins like base64 of a text, like a `data:` URI or like a JWT.
pub(crate) fn begins_like_code(text: &[u8]) -> bool {
    let is_data = |start: &[u8; 5]| start.eq_ignore_ascii_case(b"data:");
    text.starts_with(b"eyJ")
        || text.first_chunk().is_some_and(is_data)
        || begins_like_base64(text).is_some()
}

fn begins_like_base64(text: &[u8]) -> Option<()> {
    let start: &[u8; SHORTEST_BASE64] = text.first_chunk()?;
    let is_url = memchr::memchr2(b'-', b'_', start).is_some();
    let mut decoded = [0; SHORTEST_BASE64];
    let engine = if is_url { &URL_SAFE } else { &STANDARD };
    let length = engine.decode_slice(start, &mut decoded).ok()?;
    let decoded = decoded.get(..length)?;
    readable(decoded)?;
    // The last character may go on behind it.
    let is_text = match str::from_utf8(decoded) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_text.then_some(())
}

/// What a text is an encoding of.
pub(crate) enum Inside {
    /// JSON, and what it becomes if it does not stay as it is: its strings have been looked at.
    Json(Option<String>),
    /// Something in which a part is masked: what it becomes. It is a text like any other still.
    Masked(String),
    /// None, or of something that stays as it is.
    Nothing,
}

/// Looks into a text that is an encoding of something.
pub(crate) fn look_inside(context: Context<'_>, text: &str, tally: &mut Tally) -> Inside {
    if let Some(masked) = json(context, text, tally) {
        return Inside::Json((masked != text).then_some(masked));
    }
    let trimmed = text.trim_matches(WHITE_SPACE);
    let masked = data_uri(context, trimmed, tally).or_else(|| base64(context, trimmed, tally));
    // White space around it stays.
    let around = |masked: String| text.replacen(trimmed, &masked, 1);
    masked.map_or(Inside::Nothing, |masked| Inside::Masked(around(masked)))
}

/// What JSON in a string becomes; `None`: it is none.
fn json(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let trimmed = text.trim_matches('\u{FEFF}').trim_matches(WHITE_SPACE);
    let ends = (trimmed.chars().next()?, trimmed.chars().next_back()?);
    // JSON that was written into a string twice.
    let is_twice = trimmed.starts_with("\"{") || trimmed.starts_with("\"[");
    let is_json = matches!(ends, ('{', '}') | ('[', ']')) || is_twice && ends.1 == '"';
    if !is_json || trimmed.len() < 2 || is_placeholder(trimmed.as_bytes()) {
        return None;
    }
    let framing = if ends.0 == '{' && trimmed.contains('\n') && !is_one(trimmed) {
        Framing::Lines
    } else {
        Framing::Document
    };
    let options = Options {
        framing,
        limits: Limits::default(),
        lift: context.lift,
        keys: context.keys.clone(),
        year: context.year,
    };
    // What is exempt in the body is not where somebody else writes it into a string.
    let rules = context.rules.inside.as_ref().unwrap_or(context.rules);
    let mut masker = Masker::inside(Arc::clone(rules), options, context.depth + 1, context.cues);
    std::mem::swap(&mut masker.tally_mut().people, &mut tally.people);
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let outcome = masker.feed(text.as_bytes(), &mut out);
    let outcome = outcome.and_then(|()| masker.finish(&mut out));
    std::mem::swap(&mut masker.tally_mut().people, &mut tally.people);
    match outcome {
        Ok(()) if context.depth >= DEEPEST => Some(whole(tally)),
        Ok(()) => {
            tally.absorb(masker.tally_mut());
            String::from_utf8(out).ok()
        }
        Err(error) if error.is_limit() => Some(whole(tally)),
        Err(_) => None,
    }
}

/// Whether a text is one JSON text.
fn is_one(text: &str) -> bool {
    let mut inspector = crate::Inspector::new(Limits::default(), Framing::Document);
    let read = inspector.feed(text.as_bytes());
    read.and_then(|()| inspector.finish()).is_ok()
}

/// `data:` with text in base64 (RFC 2397). Other text in it is read percent-decoded by the detectors.
fn data_uri(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let is_data = text.get(..5)?.eq_ignore_ascii_case("data:");
    let comma = memchr::memchr(b',', text.as_bytes()).filter(|_| is_data)?;
    let (head, payload) = text.split_at_checked(comma + 1)?;
    let kind = head.get(5..comma)?.strip_suffix(";base64")?;
    let kind = kind.split(';').next()?.to_ascii_lowercase();
    let is_text = kind.is_empty()
        || kind.starts_with("text/")
        || ["json", "xml"].iter().any(|suffix| kind.ends_with(suffix));
    let masked = is_text.then(|| base64(context, payload, tally))??;
    Some(format!("{head}{masked}"))
}

/// Text in base64 or base64url (RFC 4648), with or without padding.
fn base64(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let (engine, decoded) = decode(text)?;
    if context.depth >= DEEPEST {
        return Some(whole(tally));
    }
    let context = Context {
        depth: context.depth + 1,
        ..context
    };
    masked_text(context, &decoded, tally).map(|masked| engine.encode(masked))
}

/// A JWT (RFC 7519) of which something in the payload is masked. Its signature would say that it is
/// what it was, and goes.
pub(crate) fn jwt(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let mut parts = text.split('.');
    let (header, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if !header.starts_with("eyJ") || parts.next().is_some() {
        return None;
    }
    let (engine, decoded) = decode(payload)?;
    let masked = json(context, &decoded, tally).filter(|masked| *masked != decoded)?;
    let payload = engine.encode(masked);
    Some(format!("{header}.{payload}.[masked:{}]", Class::Credential))
}

/// The text that is encoded in base64, and what writes them in the same way.
fn decode(text: &str) -> Option<(GeneralPurpose, String)> {
    let bytes = text.as_bytes();
    if bytes.len() < SHORTEST_BASE64 {
        return None;
    }
    let is_url = memchr::memchr2(b'-', b'_', bytes).is_some();
    let alphabet = if is_url {
        &alphabet::URL_SAFE
    } else {
        &alphabet::STANDARD
    };
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
    let is_padded = bytes.last() == Some(&b'=') || (bytes.len().is_multiple_of(4) && !is_url);
    let engine = GeneralPurpose::new(alphabet, LENIENT.with_encode_padding(is_padded));
    // Most texts that are none tell so at once.
    readable(&engine.decode(bytes.get(..SHORTEST_BASE64)?).ok()?)?;
    let decoded = engine.decode(bytes).ok()?;
    readable(&decoded)?;
    Some((engine, String::from_utf8(decoded).ok()?))
}

/// Whether bytes may be of a text: control characters are not, but for white space.
fn readable(bytes: &[u8]) -> Option<()> {
    // Frames and fields of older protocols have some of the control characters.
    let is_text = |byte: &u8| !matches!(byte, 0..=8 | 0x0E..=0x1B | 0x7F);
    bytes.iter().all(is_text).then_some(())
}

/// Stands for what goes too deep.
fn whole(tally: &mut Tally) -> String {
    tally.count(Cause::Unclear, Class::Other, false);
    let mut out = Vec::new();
    push_placeholder(Class::Other, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
