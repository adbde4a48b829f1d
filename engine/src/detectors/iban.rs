//! International bank account numbers: a country, two check digits and as many letters and digits as
//! that country has, together or in fours (ISO 13616-1; SWIFT, "IBAN Registry"). Behind the word, the
//! check digits do not matter.

use super::checksum;
use super::edges::{token_ends, token_starts};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const IBAN: Detector = Detector {
    name: "iban",
    class: Class::Account,
    shapes: Shapes::TOKEN
        .or(Shapes::JOINED)
        .or(Shapes::PROSE)
        .or(Shapes::NETWORK),
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["iban", "ibans"];

/// How many letters and digits each country has in all.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut start = 0;
    while start < bytes.len() {
        let Some((end, strength)) = end_at(probe, start) else {
            start += 1;
            continue;
        };
        found(start..end, strength);
        start = end;
    }
}

/// Where the number ends that begins there.
fn end_at(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let [first, second, check @ ..] = bytes.get(start..)?.first_chunk::<4>()?;
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let is_head = check.iter().all(u8::is_ascii_digit);
    let known = LENGTHS.iter().find(|(known, _)| **known == country);
    let (true, Some((_, length))) = (is_head, known) else {
        return None;
    };
    if !token_starts(bytes, start) && !probe.introduces(start, WORDS) {
        return None;
    }
    let end = end_of(bytes, start, *length).filter(|end| token_ends(bytes, *end))?;
    let value = start..end;
    if probe.is_labelled(&value, WORDS) {
        return Some((end, Strength::Labelled));
    }
    let is_valid = checksum::mod97(bytes.get(value)?);
    is_valid.then_some((end, Strength::Valid))
}

/// Where so many letters and digits end, with a space or dash behind each four, or none at all.
fn end_of(bytes: &[u8], start: usize, length: usize) -> Option<usize> {
    let gap = |at: usize| bytes.get(at).filter(|byte| matches!(byte, b' ' | b'-'));
    let separator = gap(start + 4);
    let mut at = start;
    for index in 0..length {
        if index > 0 && index % 4 == 0 && separator.is_some() {
            (gap(at) == separator).then_some(())?;
            at += 1;
        }
        bytes.get(at).filter(|byte| byte.is_ascii_alphanumeric())?;
        at += 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("GB82WEST12345698765432", &["GB82WEST12345698765432"][..]),
            (
                "to gb82 west 1234 5698 7654 32, today",
                &["gb82 west 1234 5698 7654 32"],
            ),
            (
                "GB82 WEST 1234 5698 7654 32 is it",
                &["GB82 WEST 1234 5698 7654 32"],
            ),
            ("NO9386011117947", &["NO9386011117947"]),
            (
                "CH32-1321-46N7-7N4A-NEKH-O",
                &["CH32-1321-46N7-7N4A-NEKH-O"],
            ),
            ("NO93 8601 1117 947", &["NO93 8601 1117 947"]),
            (
                "DE89-3704-0044-0532-0130-00",
                &["DE89-3704-0044-0532-0130-00"],
            ),
            (
                "MT84MALT011000012345MTLCAST001S",
                &["MT84MALT011000012345MTLCAST001S"],
            ),
            ("IBAN GB82WEST12345698765433", &["GB82WEST12345698765433"]),
            ("IBANGB82WEST12345698765432", &["GB82WEST12345698765432"]),
            (
                "FR1420041010050500013M02606;BE68539007547034",
                &["FR1420041010050500013M02606", "BE68539007547034"],
            ),
            (
                "DE８９\u{a0}3704 0044 0532 0130 00",
                &["DE８９\u{a0}3704 0044 0532 0130 00"],
            ),
        ] {
            assert_eq!(found(&IBAN, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&IBAN, "iban", "DE89370400440532013001"),
            ["DE89370400440532013001"]
        );
    }

    #[test]
    fn what_has_another_form_is_left() {
        for text in [
            "GB82WEST12345698765433",
            "GB82WEST1234569876543",
            "GB82WEST123456987654321",
            "XGB82WEST12345698765432",
            "XX82WEST12345698765432",
            "GB82 WEST12345698765432",
            "x-GB82WEST12345698765432",
            "be12 more of those than there were",
        ] {
            assert_eq!(found(&IBAN, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn countries_are_in_order() {
        assert!(LENGTHS.is_sorted_by(|one, next| one.0 < next.0));
        assert!(LENGTHS.iter().all(|(_, length)| (15..=34).contains(length)));
    }
}
