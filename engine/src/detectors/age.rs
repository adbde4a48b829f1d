//! Ages over 89, which HIPAA Safe Harbor counts among dates (45 CFR 164.514(b)(2)(i)(C)); other ages
//! are left.
//!
//! Found is the number with its unit: years before "old", "of age" or a hyphen, or a number right
//! behind "age". Years alone are as often a span of time. `90+` is the group that the rule allows.

use super::cursor::{Cursor, number};
use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before, told};
use crate::Class;

pub(crate) const AGE: Detector = Detector {
    name: "age",
    class: Class::Age,
    shapes: Shapes::PROSE.or(Shapes::QUOTED),
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["age", "aged", "ages"];
const FILLERS: &[&str] = &[
    "is",
    "was",
    "of",
    "at",
    "about",
    "approximately",
    "approx",
    "in",
    "years",
    "yrs",
    "now",
];

/// Nobody has been older than 122.
const OLDEST_OF_ALL: u32 = 129;
const OLDEST_OF_RULE: u32 = 89;

/// What makes a number of years an age, in lower case, with one space for spaces and hyphens.
const UNITS: &[&str] = &[
    "year old",
    "years old",
    "year olds",
    "years of age",
    "yr old",
    "yrs old",
    "yr olds",
    "yo",
    "y o",
    "y/o",
    "y.o.",
    "y.o",
    "yrs of age",
    "jahre alt",
    "jährige",
    "jähriger",
    "jähriges",
    "jährigen",
    "jährig",
    "años de edad",
    "ans",
    "anni di età",
    "anos de idade",
    "jaar oud",
    "jarige",
];

/// Units that are ages only between a word like "aged" and the next, or with a hyphen.
const YEARS: &[&str] = &["years", "year", "yrs", "yr", "y"];

/// What is no age though it stands behind the word.
const OTHERS: &[&str] = &[
    "months", "month", "mos", "mo", "weeks", "week", "wks", "wk", "days", "day", "d", "hours",
    "hour", "hrs", "minutes", "min", "percent", "kg", "lb", "lbs", "cm", "mg", "patients",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(byte) = bytes.get(position) {
        if !byte.is_ascii_digit() {
            position += 1;
            continue;
        }
        let before = bytes.get(last_end..).unwrap_or_default();
        let begins = !continues_before(before, position - last_end);
        if let Some((end, strength)) = begins.then(|| age(probe, position)).flatten() {
            found(position..end, strength);
            position = end;
            last_end = end;
            continue;
        }
        let run = bytes.get(position..).unwrap_or_default();
        position += run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
}

/// The end of the age that begins here.
fn age(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let mut cursor = Cursor::new(bytes, start);
    let digits = cursor.peek_digits(4);
    let years = number(digits);
    let is_over = (OLDEST_OF_RULE + 1..=OLDEST_OF_ALL).contains(&years);
    // DICOM has three digits: `094Y` (PS3.5, 6.2, AS).
    ((2..=3).contains(&digits.len()) && is_over).then_some(())?;
    cursor.at += digits.len();
    let mut fraction = cursor;
    if fraction.byte(b'.').is_some() && (1..3).contains(&fraction.peek_digits(3).len()) {
        fraction.at += fraction.peek_digits(2).len();
        cursor = fraction;
    }
    if continues_at(bytes, cursor.at) || matches!(cursor.next(), Some(b'+' | b'%')) {
        return None;
    }
    let is_glued = cursor.before(start).is_some_and(is_letter);
    if let Some(end) = unit(cursor, UNITS).filter(|_| !is_glued) {
        return Some((end, Strength::Valid));
    }
    let end = unit(cursor, YEARS).unwrap_or(cursor.at);
    let is_named = probe.named && is_all(bytes, start, end);
    let is_told = is_named
        || (is_behind_word(bytes, start) || probe.tells(start, WORDS))
            && unit(cursor, OTHERS).is_none();
    let is_word = Cursor::new(bytes, end).next().is_some_and(is_letter);
    (is_told && !is_word).then_some((end, Strength::Labelled))
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether there is nothing else in the text.
fn is_all(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_blank = |part: Option<&[u8]>| part.is_some_and(|part| part.iter().all(|b| *b == b' '));
    is_blank(bytes.get(..start)) && is_blank(bytes.get(end..))
}

/// `age 94`, `Age: 94`, `aged 94`
fn is_behind_word(bytes: &[u8], start: usize) -> bool {
    let cursor = Cursor::new(bytes, start);
    let is_apart = match cursor.before(start) {
        Some(b' ') => true,
        Some(b'"' | b'\'' | b'`') => {
            matches!(
                cursor.before(start - 1),
                Some(b' ' | b':' | b'=' | b'>' | b'\\')
            )
        }
        Some(b':' | b'=' | b'>' | b'|' | b'\t') => cursor.before(start - 1).is_some_and(is_letter),
        _ => false,
    };
    is_apart
        && !bytes
            .get(..start)
            .is_some_and(|before| before.ends_with(b"[masked:age:"))
        && told::stands_behind(bytes, start, WORDS, FILLERS)
}

/// The end of the unit behind a number: the longest of them that is no part of a longer word.
fn unit(cursor: Cursor<'_>, units: &[&str]) -> Option<usize> {
    let mut inside = cursor;
    if inside.byte(b'-').is_none() {
        inside.spaces(2);
    }
    let ends = units.iter().filter_map(|unit| {
        let mut at = inside;
        for byte in unit.bytes() {
            if byte == b' ' {
                at.one_of(b" -")?;
            } else {
                at.text(&[byte])?;
            }
        }
        let is_whole = !at.next().is_some_and(is_letter);
        is_whole.then_some(at.at)
    });
    ends.max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn ages_over_89_are_found() {
        for (text, expected) in [
            ("94-year-old", &["94-year-old"][..]),
            (
                "A 94 year old man, 91 years old",
                &["94 year old", "91 years old"],
            ),
            ("94 y/o female", &["94 y/o"]),
            ("94yo female", &["94yo"]),
            ("is 94 Y.O. and", &["94 Y.O."]),
            ("102 years of age.", &["102 years of age"]),
            ("90.5 years old", &["90.5 years old"]),
            ("aged 94", &["94"]),
            ("aged 94 years,", &["94 years"]),
            ("Age: 94", &["94"]),
            ("AGE=94;", &["94"]),
            ("patient age (years): 94", &["94"]),
            ("at the age of 94.", &["94"]),
            ("age is 94 y", &["94 y"]),
            ("at age 94, 95-year-olds", &["94", "95-year-olds"]),
            (
                "eine 94-jährige Frau, 94 Jahre alt",
                &["94-jährige", "94 Jahre alt"],
            ),
            ("94\u{2011}year\u{2011}old", &["94‑year‑old"]),
            ("９４ years old", &["９４ years old"]),
        ] {
            assert_eq!(found(&AGE, text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_members_speak_for_ages() {
        for text in ["94", " 94 ", "094Y", "94 years", "94.5"] {
            assert_eq!(found_under(&AGE, "patientAge", text), [text.trim()]);
        }
        for text in [
            "89",
            "42 years",
            "94 months",
            "94 kg",
            "90+",
            "12-94",
            "940",
        ] {
            assert_eq!(found_under(&AGE, "age", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "89-year-old",
            "42 years old",
            "130 years old",
            "190 years old",
            "94 years",
            "94 years ago",
            "for 94 years",
            "age 94 months",
            "aged 94 days",
            "page 94",
            "stage 94",
            "age 90+",
            "aged 18 to 94",
            "age 1994",
            "age 94%",
            "average 94",
            "194-year-old",
            "2.94 years old",
            "94-yearold2",
            "91 Day Pack",
            "94 mg",
            "94 yoga mats",
            "age group, weight: 94 kg",
            "[masked:age] 94",
            "[masked:age:094]",
            "x94yo",
        ] {
            assert_eq!(found(&AGE, text), [""; 0], "{text}");
        }
    }
}
