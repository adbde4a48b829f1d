//! US social security numbers: area, group, serial (3-2-4 digits) with one kind of separator.
//!
//! With dashes the shape is enough: numbers that were never issued (area 000, 666, 9xx) are masked
//! all the same, they are ITINs or test data. With spaces or dots the parts must be valid. Nine
//! digits in a row count only behind the word (SSA, "What is a valid SSN").

use std::ops::Range;

use super::{Detector, Hint, continues_at, continues_before};
use crate::Class;

pub(crate) const SSN: Detector = Detector {
    class: Class::Ssn,
    hint: Hint::NineDigits,
    find,
};

fn find(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(&byte) = bytes.get(position) {
        // What follows a find will stand behind a placeholder.
        let begins = byte.is_ascii_digit()
            && !continues_before(
                bytes.get(last_end..).unwrap_or_default(),
                position - last_end,
            );
        if let Some(length) = begins.then(|| length_at(bytes, position)).flatten() {
            found(position..position + length);
            position += length;
            last_end = position;
            continue;
        }
        position += 1;
    }
}

/// The length of the number that begins here.
fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let separator = *rest.get(3)?;
    let digits = |from: usize, length: usize| {
        rest.get(from..from + length)
            .filter(|part| part.iter().all(u8::is_ascii_digit))
    };
    if separator.is_ascii_digit() {
        digits(0, 9)?;
        return (!continues_at(rest, 9) && is_labelled(bytes, start)).then_some(9);
    }
    let (area, group, serial) = (digits(0, 3)?, digits(4, 2)?, digits(7, 4)?);
    if rest.get(6) != Some(&separator) || continues_at(rest, 11) {
        return None;
    }
    let valid = area != b"000"
        && area != b"666"
        && area < b"900".as_slice()
        && group != b"00"
        && serial != b"0000";
    match separator {
        b'-' => Some(11),
        b' ' | b'.' | b'/' if valid || is_labelled(bytes, start) => Some(11),
        _ => None,
    }
}

/// Whether the words before say that this is a social security number.
fn is_labelled(bytes: &[u8], start: usize) -> bool {
    let before = bytes
        .get(start.saturating_sub(32)..start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let has = |word: &[u8]| {
        memchr::memmem::rfind(&before, word).is_some_and(|at| {
            let left = at.checked_sub(1).and_then(|left| before.get(left));
            let right = before.get(at + word.len());
            // The word stands alone, and no other number lies between.
            let alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
            let between = before.get(at + word.len()..).unwrap_or_default();
            alone(left) && alone(right) && !between.iter().any(u8::is_ascii_digit)
        })
    };
    [
        &b"ssn"[..],
        b"ss#",
        b"ss no",
        b"social security",
        b"social",
        b"itin",
        b"tax id",
    ]
    .into_iter()
    .any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("123-45-6789", &["123-45-6789"][..]),
            ("SSN 123-45-6789.", &["123-45-6789"]),
            ("(999-72-7900)", &["999-72-7900"]),
            (
                "is 123 45 6789, and 321.54.9876",
                &["123 45 6789", "321.54.9876"],
            ),
            ("ssn: 123456789", &["123456789"]),
            ("Social Security Number 123456789;", &["123456789"]),
            ("123-45-6789 - 223-45-6789", &["123-45-6789", "223-45-6789"]),
            ("#123-45-6789-", &["123-45-6789"]),
            ("SSN123-45-6789A", &["123-45-6789"]),
            ("No.123-45-6789_x", &["123-45-6789"]),
            ("\u{ff1a}123-45-6789\u{3002}", &["123-45-6789"]),
        ] {
            let mut found = Vec::new();
            find(text, &mut |range| found.push(&text[range]));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "123456789",
            "1123-45-6789",
            "123-45-67890",
            "123-45 6789",
            "123-456-789",
            "1.123.45.6789",
            "7-123-45-6789",
            "123-45-6789-1",
            "000 12 3456",
            "lessn 123456789",
            "ssn of 7 people: 123456789",
            "2007-03-25",
        ] {
            find(text, &mut |range| panic!("{text}: {}", &text[range]));
        }
    }
}
