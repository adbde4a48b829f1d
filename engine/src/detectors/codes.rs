//! Codes, their systems and units, and references: only what no code looks like is looked for there.

use super::url::is_uuid;
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

/// With its quotes, no card number and no credential is shorter, and none without digits.
const SHORTEST: usize = 18;
const SHORTEST_OF_LETTERS: usize = 24;

/// No telephone number has fewer digits.
const FEWEST_DIGITS: u32 = 7;

/// What has so many may be a number behind a label.
const LABELLED: u32 = 9;

/// A part of a name of a vocabulary that is shorter than this is no card number and no credential.
const LONG_PART: usize = 13;

const URN_OID: &[u8] = b"urn:oid:";
const HTTP: &[u8; 4] = b"http";

/// The hosts of vocabularies.
const HOSTS: [&[u8]; 6] = [
    b"http://terminology.hl7.org/",
    b"http://hl7.org/",
    b"http://loinc.org/",
    b"http://snomed.info/",
    b"http://unitsofmeasure.org/",
    b"http://www.nlm.nih.gov/",
];

/// Whether a detector looks at a code: of addresses only at what is asked for.
pub(super) fn is_meant(detector: &Detector, text: &str) -> bool {
    DETECTORS.contains(&detector.name) && (detector.name != "url" || text.contains('?'))
}

/// Whether a text is no code, whatever its place: it has three words or more.
pub(crate) fn is_prose(text: &str) -> bool {
    memchr::memchr_iter(b' ', text.as_bytes()).nth(1).is_some()
}

/// Whether the source of a string may be that of such a text; spaces may be escaped.
pub(crate) fn may_be_prose(source: &[u8]) -> bool {
    const SHORTEST: usize = 12;
    let start = source.get(1..).and_then(<[u8]>::first_chunk);
    source.len() >= SHORTEST
        && (memchr::memchr(b'\\', source).is_some()
            || !matches!(start, Some(b"http" | b"urn:"))
                && memchr::memchr_iter(b' ', source).nth(1).is_some())
}

/// Whether what a detector has found in a code counts.
pub(super) fn counts(detector: &Detector, found: &[u8]) -> bool {
    detector.name != "card" || card::stands_out(found)
}

/// Whether a string that is a part of this text, with its quotes, may have something of that in it.
#[inline(never)]
pub(super) fn may_find(text: &[u8], start: usize, end: usize) -> bool {
    let inside = || {
        let last = end.saturating_sub(1);
        text.get(start + 1..last).unwrap_or_default()
    };
    if may_be_prose(text.get(start..end).unwrap_or_default()) {
        return true;
    }
    let meets = |shapes| Shapes::of_part(text, start, end).meets(shapes);
    let length = end - start;
    match Shapes::stand_out(text, start, end) {
        // All else has digits, or signs that stand out; most codes are short.
        Some(0) => {
            length >= SHORTEST_OF_LETTERS
                && text.get(start + 1..).and_then(<[u8]>::first_chunk) != Some(HTTP)
                && meets(Shapes::LONG)
        }
        Some(digits) => {
            let inside = inside();
            // More than the digits.
            let is_labelled = digits >= LABELLED && inside.len() > digits as usize;
            if !is_labelled && !is_other(inside, digits)
                || is_uuid(inside)
                || is_hl7(inside, digits)
            {
                return false;
            }
            let labelled = Shapes::NINE.or(Shapes::TEN);
            let shapes = if is_labelled {
                OTHERS.or(labelled)
            } else {
                OTHERS
            };
            meets(shapes) && !is_known(inside)
        }
        None => {
            let shapes = Shapes::of_part(text, start, end);
            shapes.meets(IDENTIFIERS)
                || shapes.meets(OTHERS)
                    && is_other(inside(), FEWEST_DIGITS)
                    && !is_uuid(inside())
                    && !is_known(inside())
        }
    }
}

/// Whether it is long, or has a `+` and so many digits as telephone numbers have.
#[inline]
fn is_other(inside: &[u8], digits: u32) -> bool {
    inside.len() + 2 >= SHORTEST
        || digits >= FEWEST_DIGITS && memchr::memchr(b'+', inside).is_some()
}

/// Whether it is one of the commonest systems: without a digit but that of its host, or with no room for
/// more than a name.
#[inline]
fn is_hl7(inside: &[u8], digits: u32) -> bool {
    const HL7: &[u8; 15] = b"http://hl7.org/";
    const TERMINOLOGY: &[u8; 27] = b"http://terminology.hl7.org/";
    const TABLE: &[u8; 12] = b"CodeSystem/v";
    const ROOM: usize = 20;
    match inside.split_first_chunk() {
        Some((TERMINOLOGY, path)) => {
            let is_short = path.len() < TABLE.len() + ROOM;
            digits == 1 || digits < LABELLED && is_short && path.starts_with(TABLE)
        }
        _ => digits == 1 && inside.starts_with(HL7),
    }
}

/// Whether it is an object identifier, or a name in a vocabulary that has no long part.
fn is_known(inside: &[u8]) -> bool {
    /// The longest number in an object identifier.
    const LONGEST_NUMBER: usize = 12;
    if let Some(numbers) = inside.strip_prefix(URN_OID) {
        let mut numbers = numbers.split(|byte| *byte == b'.');
        return numbers
            .all(|number| number.len() <= LONGEST_NUMBER && number.iter().all(u8::is_ascii_digit));
    }
    let path = HOSTS.iter().find_map(|host| inside.strip_prefix(*host));
    let is_ordinary = |part: &[u8]| {
        let is_letter = |byte: &u8| match part.len() {
            0..LONG_PART => byte.is_ascii_alphanumeric(),
            _ => byte.is_ascii_alphabetic(),
        };
        part.iter().all(is_letter)
    };
    path.is_some_and(|path| {
        let is_between = |byte: &u8| matches!(byte, b'/' | b'-' | b'#');
        path.split(is_between).all(is_ordinary)
    })
}
