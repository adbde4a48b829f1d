//! US routing transit numbers: nine digits with a checksum (American Bankers Association). A word must
//! say what it is; right behind it, a wrong checksum does not matter.

use super::checksum;
use super::edges::{digit_runs, number_stands};
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const ROUTING: Detector = Detector {
    name: "routing",
    class: Class::Account,
    shapes: Shapes::SEVEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &["routing", "routing number", "aba", "rtn", "transit number"];

const LENGTH: usize = 9;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let runs = digit_runs(bytes).filter(|run| run.len() == LENGTH);
    for run in runs.filter(|run| number_stands(bytes, run)) {
        let is_valid = || bytes.get(run.clone()).is_some_and(checksum::aba);
        if probe.is_introduced(&run, WORDS) || (probe.is_labelled(&run, WORDS) && is_valid()) {
            found(run, Strength::Labelled);
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
            ("routing number 021000021", &["021000021"][..]),
            ("ABA: 021000020", &["021000020"]),
            ("ABA021000021", &["021000021"]),
            ("routing number of that bank: 011401533", &["011401533"]),
            ("rtn ０２１００００２１.", &["０２１００００２１"]),
            ("aba 021000021/rtn 011401533", &["021000021", "011401533"]),
        ] {
            assert_eq!(found(&ROUTING, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&ROUTING, "routingNumber", "021000021"),
            ["021000021"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "021000021",
            "185345009",
            "routing to code 185345009",
            "routing number 0210000211",
            "rerouting 021000021",
            "routing number 021000021.5",
        ] {
            assert_eq!(found(&ROUTING, text), [""; 0], "{text}");
        }
    }
}
