//! SIM card numbers (ICCID): 19 or 20 digits beginning with 89, with a Luhn check digit (ITU-T E.118,
//! section 4).

use super::checksum;
use super::edges::{digit_runs, number_stands};
use super::groups::{Groups, Head};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const ICCID: Detector = Detector {
    name: "iccid",
    class: Class::Device,
    shapes: Shapes::JOINED,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["iccid", "iccids", "sim", "sim card", "esim"];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for run in digit_runs(bytes).filter(|run| {
        bytes
            .get(run.clone())
            .is_some_and(|run| run.starts_with(b"89"))
    }) {
        if run.start < from {
            continue;
        }
        let groups = Groups::at(bytes, run.start);
        let is_number = |head: &Head<'_>| {
            let is_introduced = || probe.is_introduced(&head.range, WORDS);
            matches!(head.digits.len(), 19 | 20)
                && number_stands(bytes, &head.range)
                && (checksum::luhn(head.digits) || is_introduced())
        };
        if let Some(head) = groups.heads().find(is_number) {
            from = head.range.end;
            let is_labelled = probe.is_labelled(&head.range, WORDS);
            let strength = if is_labelled {
                Strength::Labelled
            } else {
                Strength::Valid
            };
            found(head.range, strength);
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
            ("89014103211118510720", &["89014103211118510720"][..]),
            (
                "SIM 8901 4103 2111 1851 0720.",
                &["8901 4103 2111 1851 0720"],
            ),
            ("89 01410 32111 18510 720", &["89 01410 32111 18510 720"]),
            ("ICCID89014103211118510721", &["89014103211118510721"]),
            (
                "89014103211118510720,89014103211118510720",
                &["89014103211118510720", "89014103211118510720"],
            ),
            ("８９014103211118510720", &["８９014103211118510720"]),
        ] {
            assert_eq!(found(&ICCID, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&ICCID, "iccid", "89014103211118510721"),
            ["89014103211118510721"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "89014103211118510721",
            "79014103211118510720",
            "890141032111185107201",
            "0.89014103211118510720",
            "e89014103211118510720f1",
        ] {
            assert_eq!(found(&ICCID, text), [""; 0], "{text}");
        }
    }
}
