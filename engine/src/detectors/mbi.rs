//! Medicare beneficiary identifiers: eleven places with a class each (CMS, "Understanding the Medicare
//! Beneficiary Identifier (MBI) format"), together or in groups of 4, 3 and 4. There is no checksum,
//! but hardly anything else has this form. The older claim numbers (HICN) are in `health-plan`.

use super::edges::{token_ends, token_starts};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const MBI: Detector = Detector {
    name: "mbi",
    class: Class::HealthPlan,
    shapes: Shapes::MIXED.or(Shapes::PROSE),
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["mbi", "medicare", "beneficiary"];

/// `C`: 1 to 9, `N`: a digit, `A`: a letter, `X`: either.
const PLACES: &[u8] = b"CAXNAXNAANN";

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut start = 0;
    while start < bytes.len() {
        let value = length_at(bytes, start).map(|length| start..start + length);
        let value = value.filter(|value| {
            let stands = token_starts(bytes, value.start) || probe.introduces(value.start, WORDS);
            stands && token_ends(bytes, value.end)
        });
        start += 1;
        if let Some(value) = value {
            start = value.end;
            let is_labelled = probe.is_labelled(&value, WORDS);
            let strength = if is_labelled {
                Strength::Labelled
            } else {
                Strength::Valid
            };
            found(value, strength);
        }
    }
}

/// The length of what has the form and begins there.
fn length_at(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let separator = rest.get(4).filter(|byte| matches!(byte, b'-' | b' '));
    let mut at = 0;
    for (index, place) in PLACES.iter().enumerate() {
        if let (4 | 7, Some(separator)) = (index, separator) {
            (rest.get(at) == Some(separator)).then_some(())?;
            at += 1;
        }
        let byte = rest.get(at)?.to_ascii_uppercase();
        let is_letter = byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
        let is_digit = byte.is_ascii_digit();
        let is_there = match place {
            b'C' => is_digit && byte != b'0',
            b'N' => is_digit,
            b'A' => is_letter,
            _ => is_letter || is_digit,
        };
        is_there.then_some(())?;
        at += 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn identifiers_are_found() {
        for (text, expected) in [
            ("1EG4-TE5-MK73", &["1EG4-TE5-MK73"][..]),
            ("1EG4TE5MK73", &["1EG4TE5MK73"]),
            ("Medicare 1eg4 te5 mk72.", &["1eg4 te5 mk72"]),
            ("MBI1EG4TE5MK73", &["1EG4TE5MK73"]),
            ("(1EG4TE5MK73),9AA0A00AA00", &["1EG4TE5MK73", "9AA0A00AA00"]),
            (
                "1EG4\u{2013}TE5\u{2013}MK73",
                &["1EG4\u{2013}TE5\u{2013}MK73"],
            ),
            ("\u{ff11}EG4TE5MK73", &["\u{ff11}EG4TE5MK73"]),
            ("has 1EG4-TE5-MK73", &["1EG4-TE5-MK73"]),
        ] {
            assert_eq!(found(&MBI, text), expected, "{text}");
        }
        assert_eq!(found_under(&MBI, "mbi", "1EG4TE5MK73"), ["1EG4TE5MK73"]);
    }

    #[test]
    fn what_has_another_form_is_left() {
        for text in [
            "0EG4TE5MK73",
            "1SG4TE5MK73",
            "1EGATE5MK73",
            "1EG4-TE5 MK73",
            "1EG4-TE5MK73",
            "1EG4TE5MK7",
            "1EG4TE5MK734",
            "A1EG4TE5MK73",
            "x-1EG4TE5MK73",
            "1EG4TE5MK73-x",
            "8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
        ] {
            assert_eq!(found(&MBI, text), [""; 0], "{text}");
        }
    }
}
