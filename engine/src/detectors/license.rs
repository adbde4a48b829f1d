//! Certificate and licence numbers behind a label (45 CFR 164.514(b)(2)(i)(K)). Those of providers and
//! prescribers have a form: see `npi` and `dea`.

use super::labelled::{self, Numbering};
use super::{Detector, Found, Probe, Shapes};
use crate::Class;

pub(crate) const LICENSE: Detector = Detector {
    name: "license",
    class: Class::License,
    shapes: Shapes::NAMED.or(Shapes::PROSE),
    words: &[
        "license number",
        "licence number",
        "license no",
        "licence no",
        "drivers license",
        "drivers licence",
        "driver license",
        "driver licence",
        "driver s license",
        "driving licence",
        "dl number",
        "dl no",
        "dln",
        "certificate number",
        "certificate no",
    ],
    find,
};

const NUMBERING: Numbering = Numbering {
    labels: &[
        "license number",
        "licence number",
        "license no",
        "licence no",
        "lic no",
        "driver's license",
        "driver's licence",
        "drivers license",
        "drivers licence",
        "driver license",
        "driver licence",
        "driving licence",
        "driving license",
        "dl number",
        "dl no",
        "dln",
        "certificate number",
        "certificate no",
        "cert no",
    ],
    weak: &["license", "licence", "lic", "certificate", "dl"],
    // Decilitres.
    others: &[
        "mg/dl", "g/dl", "mcg/dl", "ug/dl", "ng/dl", "iu/dl", "meq/dl",
    ],
    shortest: 5,
    longest: 20,
};

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    labelled::find(&NUMBERING, probe, found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("License No: A1234567", &["A1234567"][..]),
            ("Driver's License S99912345", &["S99912345"]),
            (
                "driver\u{2019}s licence number D1234-56789-01234",
                &["D1234-56789-01234"],
            ),
            ("DL 12345678", &["12345678"]),
            ("DL#S1234567", &["S1234567"]),
            ("certificate no. 20-1234567", &["20-1234567"]),
            ("lic. 1234567", &["1234567"]),
        ] {
            assert_eq!(found(&LICENSE, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&LICENSE, "driversLicense", "S99912345"),
            ["S99912345"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "S99912345",
            "public 1234567",
            "license Apache2",
            "license: BSD3Clause",
            "HDL 1234567",
            "certificates 1234567",
            "120 mg/dL 12345 cells",
        ] {
            assert_eq!(found(&LICENSE, text), [""; 0], "{text}");
        }
    }
}
