//! Medical record numbers: five to twelve letters and digits behind a label. No two hospitals number
//! alike, so that nothing but the label tells (45 CFR 164.514(b)(2)(i)(H)).

use super::labelled::{self, Numbering};
use super::{Detector, Found, Probe, Shapes};
use crate::Class;

pub(crate) const MRN: Detector = Detector {
    name: "mrn",
    class: Class::Mrn,
    shapes: Shapes::NAMED.or(Shapes::PROSE),
    words: &[
        "mrn",
        "mrns",
        "medical record",
        "patient id",
        "patient ids",
        "patient number",
        "patient no",
        "chart number",
        "chart no",
        "chart id",
        "hospital number",
        "hospital no",
    ],
    find,
};

const NUMBERING: Numbering = Numbering {
    labels: &[
        "mrn",
        "mrns",
        "medical record",
        "medical records",
        "med rec",
        "patient id",
        "patient ids",
        "patient identifier",
        "patient number",
        "patient no",
        "pt id",
        "chart number",
        "chart no",
        "chart id",
        "hospital number",
        "hospital no",
        "hospital id",
    ],
    weak: &["chart"],
    others: &[
        "phone",
        "telephone",
        "tel",
        "fax",
        "mobile",
        "cell",
        "zip",
        "zip code",
        "postal code",
        "ssn",
        "social security",
    ],
    shortest: 5,
    longest: 12,
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
            ("MRN 12345", &["12345"][..]),
            ("MRN: A1234567, seen today", &["A1234567"]),
            ("MRN12345", &["12345"]),
            ("mrn#00123456.", &["00123456"]),
            ("(MRN-0012345)", &["0012345"]),
            ("MRN_12345", &["12345"]),
            ("Medical Record Number is 12-34-56", &["12-34-56"]),
            ("medical record no. H7654321", &["H7654321"]),
            ("Patient ID: 123 456 7890", &["123 456 7890"]),
            ("patientId=77665544", &["77665544"]),
            ("patient number 123-456-789;", &["123-456-789"]),
            ("chart #554433", &["554433"]),
            ("Hospital No: 0099887", &["0099887"]),
            ("seen as 1234567 (MRN)", &["1234567"]),
            (
                "MRNs 1234567, 7654321 and 1112223",
                &["1234567", "7654321", "1112223"],
            ),
            ("MRN\u{ff1a}１２３４５６７", &["１２３４５６７"]),
            ("MRN 12\u{200b}34567", &["12\u{200b}34567"]),
            ("MRN: 1234567 / MRN: 7654321", &["1234567", "7654321"]),
        ] {
            assert_eq!(found(&MRN, text), expected, "{text}");
        }
        for (name, text, expected) in [
            ("mrn", "A0012345", &["A0012345"][..]),
            ("patient_mrn", "12345", &["12345"]),
            ("medicalRecordNumber", "1234567", &["1234567"]),
            ("patientId", "P-1234567", &["P-1234567"]),
        ] {
            assert_eq!(found_under(&MRN, name, text), expected, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "1234567",
            "MRN",
            "MRN: 1234",
            "MRN: unknown",
            "MRN is not recorded; ward 12345",
            "MRN of the patient seen on 2024-01-05",
            "[masked:mrn] 1234567",
            "xmrn 1234567",
            "chart shows COVID19",
            "flowchart 1234567",
            "MRN phone: 2125550123",
            "patient zip 12345",
            "patient identified 12345",
            "MRN 8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "MRN 12345678901234567890",
            "2.16.840.1.113883.4.3.25",
            "185345009",
        ] {
            assert_eq!(found(&MRN, text), [""; 0], "{text}");
        }
        for (name, text) in [
            ("mrnSystem", "http://hospital.example/12345"),
            ("mrn", "see phone 2125550123"),
            ("mrnIssued", "2024-01-05T10:00:00Z"),
            ("mrn", "8b0484cd-3dbd-8b8d-1b72-a32f74a5a846"),
            ("patient", "1234567"),
        ] {
            assert_eq!(found_under(&MRN, name, text), [""; 0], "{text}");
        }
    }
}
