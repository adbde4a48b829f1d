//! Codes, their systems and units, and references: only what no code looks like is looked for there.

use super::{Detector, Shapes, card};

/// What is looked for among codes.
const DETECTORS: &[&str] = &[
    "email",
    "phone",
    "ssn",
    "url",
    "card",
    "api-token",
    "jwt",
    "private-key",
    "url-password",
];

/// What addresses, telephone and social security numbers have.
const IDENTIFIERS: Shapes = Shapes::SIGN
    .or(Shapes::EQUALS)
    .or(Shapes::NINE)
    .or(Shapes::TEN);

/// What else is looked at in what is no name of a vocabulary.
const OTHERS: Shapes = Shapes::PLUS
    .or(Shapes::JOINED)
    .or(Shapes::TOKEN)
    .or(Shapes::LONG)
    .or(Shapes::RULE);

/// With its quotes, no card number and no credential is shorter.
const SHORTEST: usize = 18;

/// No telephone number has fewer digits.
const FEWEST_DIGITS: u32 = 7;

/// How names of what is in the body begin, and of vocabularies.
const UUID: u64 = u64::from_le_bytes(*b"urn:uuid");
const OID: u64 = u64::from_le_bytes(*b"urn:oid:");
const HTTP: u64 = u64::from_le_bytes(*b"http://\0");
const SEVEN: u64 = u64::MAX >> 8;

/// How the hosts of vocabularies begin.
const HOSTS: [u64; 6] = [
    u64::from_le_bytes(*b"terminol"),
    u64::from_le_bytes(*b"hl7.org/"),
    u64::from_le_bytes(*b"loinc.or"),
    u64::from_le_bytes(*b"snomed.i"),
    u64::from_le_bytes(*b"unitsofm"),
    u64::from_le_bytes(*b"www.nlm."),
];

/// Whether a detector looks at a code: of addresses only at what is asked for.
pub(super) fn is_meant(detector: &Detector, text: &str) -> bool {
    DETECTORS.contains(&detector.name) && (detector.name != "url" || text.contains('?'))
}

/// Whether what a detector has found in a code counts.
pub(super) fn counts(detector: &Detector, found: &[u8]) -> bool {
    detector.name != "card" || card::stands_out(found)
}

/// Whether a string that is a part of this text, with its quotes, may have something of that in it.
#[inline]
pub(super) fn may_find(text: &[u8], start: usize, end: usize) -> bool {
    let shapes = || Shapes::of_part(text, start, end);
    match Shapes::stand_out(text, start, end) {
        // All that is looked for has digits, or signs that stand out; most codes are short.
        Some(0) => false,
        Some(digits) => is_other(text, start, end, digits) && shapes().meets(OTHERS),
        None => {
            let shapes = shapes();
            shapes.meets(IDENTIFIERS)
                || shapes.meets(OTHERS) && is_other(text, start, end, FEWEST_DIGITS)
        }
    }
}

/// Whether it is long, or has a `+` and so many digits as telephone numbers have, and does not begin as
/// most systems and references do.
#[inline]
fn is_other(text: &[u8], start: usize, end: usize, digits: u32) -> bool {
    let is_long = end - start >= SHORTEST;
    if !is_long && digits < FEWEST_DIGITS {
        return false;
    }
    let inside = text.get(start + 1..end).unwrap_or_default();
    let word = |at: usize| {
        let letters = inside.get(at..).and_then(<[u8]>::first_chunk);
        letters.map_or(0, |letters| u64::from_le_bytes(*letters))
    };
    let first = word(0);
    if first == UUID || first & SEVEN == HTTP && HOSTS.contains(&word(7)) {
        return false;
    }
    (is_long || memchr::memchr(b'+', inside).is_some()) && first != OID && !is_uuid(inside)
}

/// With the quote behind it.
#[inline]
fn is_uuid(text: &[u8]) -> bool {
    const LENGTH: usize = 37;
    let is_dash = |at: usize| text.get(at) == Some(&b'-');
    text.len() == LENGTH && is_dash(8) && is_dash(13) && is_dash(18) && is_dash(23)
}
