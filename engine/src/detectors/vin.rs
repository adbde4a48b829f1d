//! Vehicle identification numbers: seventeen letters and digits without I, O and Q, with a check digit
//! and four digits at the end (49 CFR 565.13 and 565.15). Behind the word, none of that matters.

use super::checksum;
use super::edges::{token_ends, token_starts, word_runs};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const VIN: Detector = Detector {
    name: "vin",
    class: Class::Vehicle,
    shapes: Shapes::TOKEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "vin",
    "vins",
    "vehicle identification",
    "vehicle id",
    "chassis",
];

const LENGTH: usize = 17;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    for run in word_runs(bytes).filter(|run| run.len() >= LENGTH) {
        // A longer one may begin with the word.
        let start = run.end - LENGTH;
        let value = start..run.end;
        let number = bytes.get(value.clone()).unwrap_or_default();
        let is_introduced = || probe.introduces(start, WORDS);
        let starts = token_starts(bytes, start) || is_introduced();
        if !starts || !token_ends(bytes, run.end) || !number.iter().any(u8::is_ascii_digit) {
            continue;
        }
        if probe.is_introduced(&value, WORDS) {
            found(value, Strength::Labelled);
        } else if is_valid(number) {
            found(value, Strength::Valid);
        }
    }
}

fn is_valid(number: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| number.iter().any(test);
    let one_case = has(u8::is_ascii_uppercase) != has(u8::is_ascii_lowercase);
    let serial = number.last_chunk::<4>();
    // No region has a 0.
    one_case
        && number.first() != Some(&b'0')
        && serial.is_some_and(|serial| serial.iter().all(u8::is_ascii_digit))
        && checksum::vin(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("1HGCM82633A004352", &["1HGCM82633A004352"][..]),
            ("drives 1m8gdm9axkp042788.", &["1m8gdm9axkp042788"]),
            ("VIN 11111111111111111", &["11111111111111111"]),
            ("VIN: WVWZZZ1JZ3W386752", &["WVWZZZ1JZ3W386752"]),
            ("VIN1HGCM82633A004352", &["1HGCM82633A004352"]),
            (
                "1HGCM82633A004352,1M8GDM9AXKP042788",
                &["1HGCM82633A004352", "1M8GDM9AXKP042788"],
            ),
            ("１HGCM82633A004352", &["１HGCM82633A004352"]),
        ] {
            assert_eq!(found(&VIN, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&VIN, "vin", "WVWZZZ1JZ3W386752"),
            ["WVWZZZ1JZ3W386752"]
        );
    }

    #[test]
    fn what_has_another_form_is_left() {
        for text in [
            "11111111111111111",
            "1HGCM82633A004353",
            "1HGCM82633A0043521",
            "1HGCM82633A00435",
            "1hGCM82633A004352",
            "1HGCM82633O004352",
            "x-1HGCM82633A004352",
            "1HGCM82633A004352_2",
            "WVWZZZ1JZ3W386752",
        ] {
            assert_eq!(found(&VIN, text), [""; 0], "{text}");
        }
    }
}
