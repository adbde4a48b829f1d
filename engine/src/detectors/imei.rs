//! Mobile equipment identities (IMEI): fifteen digits with a Luhn check digit (3GPP TS 23.003, 6.2.1
//! and annex B).
//!
//! One in ten numbers of fifteen digits passes, so that without a word it must begin with the digits
//! of a body that allocates them now (GSMA TS.06: 01, 35, 86, 99), or be written as 2, 6, 6 and 1.

use super::checksum;
use super::edges::{digit_runs, number_stands};
use super::groups::{Groups, Head};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const IMEI: Detector = Detector {
    name: "imei",
    class: Class::Device,
    shapes: Shapes::JOINED,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["imei", "imeis"];

const LENGTH: usize = 15;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for run in digit_runs(bytes) {
        if run.start < from {
            continue;
        }
        let groups = Groups::at(bytes, run.start);
        let is_number =
            |head: &Head<'_>| head.digits.len() == LENGTH && number_stands(bytes, &head.range);
        let Some(head) = groups.heads().find(is_number) else {
            continue;
        };
        let is_labelled = probe.is_labelled(&head.range, WORDS)
            && (checksum::luhn(head.digits) || probe.is_introduced(&head.range, WORDS));
        if is_labelled {
            from = head.range.end;
            found(head.range, Strength::Labelled);
        } else if is_valid(&head) {
            from = head.range.end;
            found(head.range, Strength::Valid);
        }
    }
}

fn is_valid(head: &Head<'_>) -> bool {
    let is_allocated = head.lengths().count() == 1
        && matches!(
            head.digits,
            [b'0', b'1', ..] | [b'3', b'5', ..] | [b'8', b'6', ..] | [b'9', b'9', ..]
        );
    checksum::luhn(head.digits) && (is_allocated || head.lengths().eq([2, 6, 6, 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("IMEI 490154203237518", &["490154203237518"][..]),
            ("imei: 490154203237519", &["490154203237519"]),
            ("IMEI490154203237518", &["490154203237518"]),
            ("352099001761481", &["352099001761481"]),
            ("35-209900-176148-1", &["35-209900-176148-1"]),
            ("49-015420-323751-8.", &["49-015420-323751-8"]),
            ("imei of the phone 490154203237518", &["490154203237518"]),
            (
                "３５２０９９００１７６１４８１",
                &["３５２０９９００１７６１４８１"],
            ),
        ] {
            assert_eq!(found(&IMEI, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&IMEI, "imei", "490154203237519"),
            ["490154203237519"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "490154203237518",
            "352099001761482",
            "3520990017614811",
            "352099001761481.5",
            "124171000119105",
            "7694b55e-b670-44a5-b426-352099001761",
            "1579613145123",
        ] {
            assert_eq!(found(&IMEI, text), [""; 0], "{text}");
        }
    }
}
