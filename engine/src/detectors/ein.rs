//! US employer identification numbers: two and seven digits (26 CFR 301.7701-12). Without a checksum,
//! only a word near them tells; nine digits in a row must stand right behind it.

use super::edges::{digit_runs, number_stands};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const EIN: Detector = Detector {
    name: "ein",
    class: Class::Identifier,
    shapes: Shapes::SEVEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "ein",
    "eins",
    "fein",
    "tin",
    "tax id",
    "taxpayer id",
    "employer id",
    "employer identification",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    for run in digit_runs(bytes) {
        let value = match run.len() {
            9 => run,
            7 if run.start >= 3 => run.start - 3..run.end,
            _ => continue,
        };
        let is_bare = value.len() == 9;
        let is_form = is_bare
            || bytes
                .get(value.clone())
                .and_then(<[u8]>::first_chunk)
                .is_some_and(|[a, b, dash]| {
                    a.is_ascii_digit() && b.is_ascii_digit() && *dash == b'-'
                });
        if is_form
            && number_stands(bytes, &value)
            && probe.is_labelled(&value, WORDS)
            && (!is_bare || probe.is_introduced(&value, WORDS))
        {
            found(value, Strength::Labelled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("EIN 12-3456789", &["12-3456789"][..]),
            ("EIN12-3456789.", &["12-3456789"]),
            ("EIN: 123456789", &["123456789"]),
            (
                "Employer Identification Number of the clinic: 98-7654321",
                &["98-7654321"],
            ),
            ("12-3456789 (EIN)", &["12-3456789"]),
            ("tax id 12\u{2013}3456789", &["12\u{2013}3456789"]),
            ("fein １２-３４５６７８９", &["１２-３４５６７８９"]),
            (
                "ein 12-3456789, ein 21-3456789",
                &["12-3456789", "21-3456789"],
            ),
        ] {
            assert_eq!(found(&EIN, text), expected, "{text}");
        }
        assert_eq!(found_under(&EIN, "taxId", "12-3456789"), ["12-3456789"]);
        assert_eq!(found_under(&EIN, "employerEIN", "123456789"), ["123456789"]);
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "12-3456789",
            "123456789",
            "protein 12-3456789",
            "ein Patient, Nummer 123456789",
            "EIN 12-34567890",
            "EIN 112-3456789",
            "EIN 1-12-3456789",
            "EIN 12.3456789",
            "EIN 1579613145",
        ] {
            assert_eq!(found(&EIN, text), [""; 0], "{text}");
        }
    }
}
