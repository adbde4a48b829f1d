//! Account numbers behind a label (45 CFR 164.514(b)(2)(i)(J)). Those with a checksum have detectors
//! of their own: `iban`, `card`; routing numbers are in `routing`.

use super::labelled::{self, Numbering};
use super::{Detector, Found, Probe, Shapes};
use crate::Class;

pub(crate) const ACCOUNT: Detector = Detector {
    name: "account",
    class: Class::Account,
    shapes: Shapes::NAMED.or(Shapes::PROSE),
    words: &[
        "account number",
        "account no",
        "account num",
        "account id",
        "acct",
        "acct number",
        "bank account",
    ],
    find,
};

const NUMBERING: Numbering = Numbering {
    labels: &[
        "account number",
        "account numbers",
        "account no",
        "account num",
        "account id",
        "acct number",
        "acct no",
        "acct",
        "acc no",
        "bank account",
    ],
    weak: &["account", "accounts"],
    others: &[],
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
            ("Account number: 000123456789", &["000123456789"][..]),
            ("acct# 12345678", &["12345678"]),
            ("account 1234567.", &["1234567"]),
            ("Acct12345678", &["12345678"]),
            ("bank account no. AB-1234567", &["AB-1234567"]),
            ("accounts 1234567, 7654321", &["1234567", "7654321"]),
        ] {
            assert_eq!(found(&ACCOUNT, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&ACCOUNT, "accountNumber", "12345678"),
            ["12345678"]
        );
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "000123456789",
            "account of 2024",
            "account USER12",
            "on account of 12 things",
            "accounting 1234567",
            "2007-03-25T19:08:38+00:00",
        ] {
            assert_eq!(found(&ACCOUNT, text), [""; 0], "{text}");
        }
    }
}
