//! US national provider identifiers: ten digits with a checksum (45 CFR 162.406). One in ten numbers
//! passes it, and every time in seconds since 2001 has ten digits: a word must say what it is. Behind
//! the name itself, a wrong checksum or first digit does not matter.

use super::checksum;
use super::edges::{digit_runs, number_stands};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const NPI: Detector = Detector {
    name: "npi",
    class: Class::License,
    shapes: Shapes::SEVEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "npi",
    "npis",
    "national provider",
    "national provider identifier",
];

/// What introduces numbers of providers, these among them.
const PROVIDERS: &[&str] = &[
    "provider id",
    "provider number",
    "provider no",
    "provider identifier",
    "prescriber id",
    "prescriber number",
    "physician id",
    "referring provider",
    "rendering provider",
    "billing provider",
    "attending provider",
];

const LENGTH: usize = 10;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let runs = digit_runs(bytes).filter(|run| run.len() == LENGTH);
    for run in runs.filter(|run| number_stands(bytes, run)) {
        let is_valid = || bytes.get(run.clone()).is_some_and(checksum::npi);
        if probe.is_labelled(&run, WORDS) {
            found(run, Strength::Labelled);
        } else if is_valid() && probe.introduces(run.start, PROVIDERS) {
            found(run, Strength::Valid);
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
            ("NPI 1234567893", &["1234567893"][..]),
            ("NPI1234567893.", &["1234567893"]),
            ("NPI: 1234567890", &["1234567890"]),
            ("us-npi|9999964099", &["9999964099"]),
            ("1245319599 (NPI)", &["1245319599"]),
            (
                "National Provider Identifier is 1245319599",
                &["1245319599"],
            ),
            ("Provider ID: 1234567893", &["1234567893"]),
            ("NPIs 1234567893, 1245319599", &["1234567893", "1245319599"]),
            ("npi １２３４５６７８９３", &["１２３４５６７８９３"]),
            (
                "NPI 1234567893, NPI 1245319599",
                &["1234567893", "1245319599"],
            ),
        ] {
            assert_eq!(found(&NPI, text), expected, "{text}");
        }
        for name in ["npi", "npiNumber", "providerNPI", "NPI"] {
            assert_eq!(
                found_under(&NPI, name, "1234567893"),
                ["1234567893"],
                "{name}"
            );
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "1234567893",
            "at 1579613145",
            "snpi 1234567893",
            "NPI 12345678930",
            "NPI 123456789",
            "NPI 1234567893.5",
            "NPI 1-1234567893",
            "Provider ID: 1234567890",
        ] {
            assert_eq!(found(&NPI, text), [""; 0], "{text}");
        }
        assert_eq!(found_under(&NPI, "npi", "1234567893.25"), [""; 0]);
        assert_eq!(found_under(&NPI, "time", "1234567893"), [""; 0]);
    }
}
