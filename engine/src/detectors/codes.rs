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
        // All that is looked for has digits, or signs that stand out.
        Some(0) => false,
        Some(_) => is_other(text.get(start..end).unwrap_or_default()) && shapes().meets(OTHERS),
        None => {
            let shapes = shapes();
            shapes.meets(IDENTIFIERS)
                || shapes.meets(OTHERS) && is_other(text.get(start..end).unwrap_or_default())
        }
    }
}

/// Whether it is long, or has a `+`, and begins no vocabulary's name.
#[inline]
fn is_other(source: &[u8]) -> bool {
    let is_long = source.len() >= SHORTEST || memchr::memchr(b'+', source).is_some();
    is_long && !is_known(source.get(1..).unwrap_or_default())
}

/// Whether it begins as most systems and references do: as names of vocabularies, and of what is in the
/// body.
#[inline]
fn is_known(text: &[u8]) -> bool {
    match text.first_chunk() {
        Some(b"urn:uuid" | b"urn:oid:") => true,
        Some(b"http://t") => text.starts_with(b"http://terminology.hl7.org/"),
        Some(b"http://h") => text.starts_with(b"http://hl7.org/"),
        Some(b"http://l") => text.starts_with(b"http://loinc.org"),
        Some(b"http://s") => text.starts_with(b"http://snomed.info/"),
        Some(b"http://u") => text.starts_with(b"http://unitsofmeasure.org"),
        Some(b"http://w") => text.starts_with(b"http://www.nlm.nih.gov/"),
        _ => false,
    }
}
