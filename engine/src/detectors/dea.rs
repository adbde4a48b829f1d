//! US registration numbers of prescribers: a letter for the kind of registrant, one of the name (or
//! 9), and seven digits with a checksum (21 CFR 1301; DEA Diversion Control Division, "DEA numbers").
//!
//! Without a word only capital letters count, and no 9: licences such as `S99912345` have that form
//! too, and every tenth the checksum.

use super::checksum;
use super::edges::{digit_runs, is_in_uuid, token_ends, token_starts};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const DEA: Detector = Detector {
    name: "dea",
    class: Class::License,
    shapes: Shapes::SEVEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["dea", "drug enforcement"];

/// The letters of kinds of registrants.
const REGISTRANTS: &[u8] = b"ABCDEFGHJKLMPRSTUX";

const LENGTH: usize = 9;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    // A 9 in the place of the second letter is one digit more.
    for run in digit_runs(bytes).filter(|run| matches!(run.len(), 7 | 8)) {
        let Some(start) = run.end.checked_sub(LENGTH) else {
            continue;
        };
        let value = start..run.end;
        let number = bytes.get(value.clone()).unwrap_or_default();
        let Some([first, second]) = number.first_chunk() else {
            continue;
        };
        let is_form =
            first.is_ascii_alphabetic() && (second.is_ascii_alphabetic() || *second == b'9');
        let stands = token_ends(bytes, value.end)
            && (token_starts(bytes, start) || probe.introduces(start, WORDS));
        if !is_form || !stands || is_in_uuid(bytes, &value) {
            continue;
        }
        let is_valid =
            REGISTRANTS.contains(first) && second.is_ascii_uppercase() && checksum::dea(number);
        if probe.is_labelled(&value, WORDS) {
            found(value, Strength::Labelled);
        } else if is_valid {
            found(value, Strength::Valid);
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
            ("AB1234563", &["AB1234563"][..]),
            ("DEA AB1234560", &["AB1234560"]),
            ("DEA# ab1234563.", &["ab1234563"]),
            ("DEAAB1234563", &["AB1234563"]),
            ("DEA F91234563", &["F91234563"]),
            ("(BB1388568), AB1234563", &["BB1388568", "AB1234563"]),
            ("AB\u{ff11}234563", &["AB\u{ff11}234563"]),
        ] {
            assert_eq!(found(&DEA, text), expected, "{text}");
        }
        assert_eq!(found_under(&DEA, "deaNumber", "AB1234560"), ["AB1234560"]);
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "AB1234560",
            "ab1234563",
            "S99997911",
            "S99912345",
            "F91234563",
            "IB1234563",
            "AB12345634",
            "CAB1234563",
            "AB1234563X",
            "AB1234563-1",
            "X-AB1234563",
            "ddc568d3-6bda-4318-4142-deacf7679522",
        ] {
            assert_eq!(found(&DEA, text), [""; 0], "{text}");
        }
    }
}
