//! US social security numbers: area, group, serial (3-2-4 digits) with one kind of separator.
//!
//! With dashes the shape is enough: numbers that were never issued (area 000, 666, 9xx) are masked
//! all the same, they are ITINs or test data. With spaces or dots the parts must be valid. Nine
//! digits in a row count only behind the word (SSA, "What is a valid SSN").

use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before};
use crate::Class;

pub(crate) const SSN: Detector = Detector {
    name: "ssn",
    class: Class::Ssn,
    shapes: Shapes::NINE,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "ssn",
    "ssns",
    "ss#",
    "ss no",
    "social security",
    "social",
    "tax id",
    "taxpayer id",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(&byte) = bytes.get(position) {
        // What follows a find will stand behind a placeholder.
        let begins = byte.is_ascii_digit()
            && !continues_before(
                bytes.get(last_end..).unwrap_or_default(),
                position - last_end,
            );
        let there = begins.then(|| length_at(probe, position)).flatten();
        if let Some((length, strength)) = there {
            found(position..position + length, strength);
            position += length;
            last_end = position;
            continue;
        }
        position += 1;
    }
}

/// The length of the number that begins here.
fn length_at(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let rest = probe.bytes().get(start..)?;
    let is_labelled = |length| probe.is_labelled(&(start..start + length), WORDS);
    let separator = *rest.get(3)?;
    let digits = |from: usize, length: usize| {
        rest.get(from..from + length)
            .filter(|part| part.iter().all(u8::is_ascii_digit))
    };
    if separator.is_ascii_digit() {
        digits(0, 9)?;
        return (!continues_at(rest, 9) && is_labelled(9)).then_some((9, Strength::Labelled));
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
    let strength = match separator {
        b'-' | b' ' | b'.' | b'/' if is_labelled(11) => Strength::Labelled,
        b'-' | b' ' | b'.' | b'/' if valid => Strength::Valid,
        b'-' => Strength::Shape,
        _ => return None,
    };
    Some((11, strength))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

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
            assert_eq!(found(&SSN, text), expected, "{text}");
        }
    }

    #[test]
    fn every_serial_is_found() {
        for serial in 0..10_000 {
            let text = format!("123-45-{serial:04}");
            assert_eq!(found(&SSN, &text), [&text], "{text}");
        }
        assert_eq!(found(&SSN, "1123-12-12345"), [""; 0]);
    }

    #[test]
    fn advertised_numbers_are_found_like_others() {
        let last = (4320..=4329).map(|serial| format!("987-65-{serial}"));
        let others = ["078-05-1120", "219-09-9999", "457-55-54\u{36}2"].map(str::to_owned);
        for text in last.chain(others) {
            assert_eq!(found(&SSN, &text), [&text], "{text}");
            for bare in [text.replace('-', ""), text.replace('-', " ")] {
                let labelled = format!("ssn {bare}");
                assert_eq!(found(&SSN, &labelled), [&bare], "{labelled}");
            }
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
            assert_eq!(found(&SSN, text), [""; 0], "{text}");
        }
    }
}
