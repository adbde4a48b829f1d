//! Looking inside of strings: JSON in a string, base64 and `data:` URIs, tokens and base64 within text.
//!
//! What is in there is masked by the same rules and written back in the same encoding. It stops at
//! [`DEEPEST`] encodings in one another: what goes deeper is masked whole. Its size is bounded by
//! `limits.token_bytes`, as that of every string that is looked at.

mod base64;
mod charset;
mod embedded;
mod form;

use std::sync::Arc;

use crate::detectors::Cues;
use crate::mask::Context;
use crate::operators::{is_placeholder, push_placeholder};
use crate::tally::{Cause, Tally};
use crate::{Class, Framing, Limits, Masker, Options};

use self::base64::SHORTEST as SHORTEST_BASE64;
pub use self::form::{mask_fields, mask_form};

/// So many encodings in one another are looked into.
const DEEPEST: u8 = 3;

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Whether the string that begins there in the text, with its quote, begins like JSON. A string that
/// begins with white space or an escape may.
#[inline]
pub(crate) fn begins_like_json(text: &[u8], start: usize) -> bool {
    let first = text.get(start + 1);
    matches!(first, Some(b'{' | b'[' | b' ' | b'\\' | 0xEF))
}

/// Whether a text in ASCII begins like base64 of a text, like a `data:` URI or like a JWT, or has in it
/// what may be base64.
pub(crate) fn begins_like_code(text: &[u8]) -> bool {
    let is_data = |start: &[u8; 5]| start.eq_ignore_ascii_case(b"data:");
    text.starts_with(b"eyJ")
        || text.first_chunk().is_some_and(is_data)
        || text
            .first_chunk::<SHORTEST_BASE64>()
            .is_some_and(|start| base64::begins(start).is_some())
        || embedded::may_be_in(text)
}

/// Whether what is in a text may be known only when it is looked into.
pub(crate) fn has_code(text: &str) -> bool {
    embedded::may_be_in(text.as_bytes())
}

/// What a text is an encoding of.
pub(crate) enum Inside {
    /// JSON or a form, and what it becomes if it does not stay as it is: its strings have been looked at.
    Read(Option<String>),
    /// Something in which a part is masked: what it becomes. It is a text like any other still.
    Masked(String),
    /// None, or of something that stays as it is.
    Nothing,
}

/// Looks into a text that is an encoding of something. Codes are none, whatever they look like.
pub(crate) fn look_inside(context: Context<'_>, text: &str, tally: &mut Tally) -> Inside {
    if context.cues == Cues::CODES {
        return Inside::Nothing;
    }
    if let Some(masked) = json(context, text, tally) {
        return Inside::Read((masked != text).then_some(masked));
    }
    if let Some(masked) = form::masked(context, text, tally) {
        return Inside::Read((masked != text).then_some(masked));
    }
    let trimmed = text.trim_matches(WHITE_SPACE);
    let masked = data_uri(context, trimmed, tally)
        .or_else(|| base64(context, trimmed, tally))
        .or_else(|| embedded::masked(context, trimmed, tally));
    // White space around it stays.
    let around = |masked: String| text.replacen(trimmed, &masked, 1);
    masked.map_or(Inside::Nothing, |masked| Inside::Masked(around(masked)))
}

/// What JSON in a string becomes; `None`: it is none.
pub(crate) fn json(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let is_around = |letter: char| letter == '\u{FEFF}' || WHITE_SPACE.contains(&letter);
    let trimmed = text.trim_matches(is_around);
    if !may_be_json(trimmed) || is_placeholder(trimmed.as_bytes()) {
        return None;
    }
    let masked = masked_json(context, trimmed, tally)?;
    // What is around it stays.
    let (before, behind) = text.split_once(trimmed)?;
    Some([before, &masked, behind].concat())
}

/// Whether a trimmed text may be JSON, whole or cut off: what has been cut off fails at its end, and by
/// then it has told whose names are in it.
fn may_be_json(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        [b'{', .., b'}'] | [b'[', .., b']'] => true,
        // JSON that was written into a string more than once.
        [b'"', inside @ .., b'"'] => {
            let first = inside.trim_ascii_start().first();
            matches!(first, Some(b'{' | b'[')) || memchr::memchr(b'\\', inside).is_some()
        }
        [b'{' | b'[', ..] => {
            let is_before =
                |letter: char| matches!(letter, '{' | '[') || WHITE_SPACE.contains(&letter);
            let first = text.trim_start_matches(is_before).bytes().next();
            first.is_some_and(|first| first == b'"' || first.is_ascii_digit())
        }
        _ => false,
    }
}

/// What a text becomes that may be JSON, or lines of it.
fn masked_json(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    let is_lines = text
        .split_once('\n')
        .is_some_and(|(first, _)| is_one(first));
    let framing = if is_lines {
        Framing::Lines
    } else {
        Framing::Document
    };
    let options = Options {
        framing,
        limits: Limits::default(),
        lift: context.lift,
        // It obeys those around it.
        terms: None,
        keys: context.keys.clone(),
        year: context.year,
    };
    // What is exempt in the body is not where somebody else writes it into a string.
    let rules = context.rules.inside.as_ref().unwrap_or(context.rules);
    let mut masker = Masker::inside(Arc::clone(rules), options, context);
    let part = tally.evidence.as_ref().map(|all| all.of_part());
    masker.tally_mut().evidence = part.map(Box::new);
    let before = tally.people.before();
    // What is doubted out here is not forgotten in there: the text around has not been searched.
    let doubted = tally.people.take_doubted();
    std::mem::swap(&mut masker.tally_mut().people, &mut tally.people);
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    let outcome = masker.feed(text.as_bytes(), &mut out);
    let outcome = outcome.and_then(|()| masker.finish(&mut out));
    std::mem::swap(&mut masker.tally_mut().people, &mut tally.people);
    if let Some(doubted) = doubted {
        tally.people.doubt(doubted);
    }
    match outcome {
        Ok(()) if context.depth >= DEEPEST => Some(whole(tally)),
        Ok(()) => {
            tally.absorb(masker.tally_mut());
            String::from_utf8(out).ok()
        }
        Err(error) if error.is_limit() => Some(whole(tally)),
        Err(_) => {
            tally.people.doubt(before);
            None
        }
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

/// Text in base64 or base64url.
fn base64(context: Context<'_>, text: &str, tally: &mut Tally) -> Option<String> {
    if text.len() < SHORTEST_BASE64 {
        return None;
    }
    embedded::masked_part(context, &base64::decode(text)?, tally)
}

/// Stands for what goes too deep.
pub(crate) fn whole(tally: &mut Tally) -> String {
    tally.count(Cause::Unclear, Class::Other, false);
    let mut out = Vec::new();
    push_placeholder(Class::Other, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
