//! Payment card numbers: 12 to 19 digits that a scheme issues, with a Luhn check digit (ISO/IEC
//! 7812-1; ranges as the schemes publish them), together or in the groups that stand on cards.
//!
//! The longest number is tried first, then shorter ones that end with a group: 16 digits may be
//! followed by three more. In a row, so many digits as most cards have count: 16 and 19, and 14 and 15
//! from 3; in groups, 12 and 13 must be all. Behind a word, neither number of digits nor check digit
//! nor range nor groups matter.

use super::checksum;
use super::edges::{digit_runs, is_in_uuid, number_stands};
use super::groups::{Groups, Head};
use super::{Detector, Found, Probe, Shapes, Strength, continues_before};
use crate::Class;

pub(crate) const CARD: Detector = Detector {
    name: "card",
    class: Class::Card,
    shapes: Shapes::JOINED,
    words: &[
        "card",
        "card number",
        "cards",
        "ccn",
        "cc number",
        "creditcard",
    ],
    find,
};

const WORDS: &[&str] = &[
    "card",
    "cards",
    "creditcard",
    "cc no",
    "cc number",
    "ccn",
    "visa",
    "mastercard",
    "amex",
    "american express",
    "discover",
    "maestro",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for run in digit_runs(bytes) {
        if run.start < from || continues_before(bytes, run.start) {
            continue;
        }
        let groups = Groups::at(bytes, run.start);
        let is_likely = |head: &Head<'_>| {
            let is_grouped = head.lengths().count() > 1;
            match head.digits.len() {
                16 | 19 => true,
                14 | 15 => is_grouped || head.digits.starts_with(b"3"),
                12 | 13 => is_grouped && is_all(bytes, &head.range),
                _ => is_grouped,
            }
        };
        let is_card = |head: &Head<'_>| {
            checksum::luhn(head.digits)
                && is_issued(head.digits)
                && stands(bytes, head)
                && is_printed(head)
                && is_likely(head)
        };
        let is_labelled = |head: &Head<'_>| {
            (12..=19).contains(&head.digits.len())
                && number_stands(bytes, &head.range)
                && probe.is_introduced(&head.range, WORDS)
        };
        let card = groups.heads().find(is_card).map(|head| {
            let is_labelled = probe.is_labelled(&head.range, WORDS);
            (
                head,
                if is_labelled {
                    Strength::Labelled
                } else {
                    Strength::Valid
                },
            )
        });
        let labelled = || Some((groups.heads().find(is_labelled)?, Strength::Labelled));
        if let Some((head, strength)) = card.or_else(labelled) {
            from = head.range.end;
            found(head.range, strength);
        }
    }
}

/// Whether a number cannot be a code: it has a scheme and a check digit, and is in groups with spaces or
/// dashes, or has sixteen digits. Those of SNOMED CT that are as long have the namespace of a country
/// or organisation, `1000` and three digits, and a `1` behind it (SNOMED CT, long format).
pub(super) fn stands_out(number: &[u8]) -> bool {
    let digits = number.iter().copied().filter(u8::is_ascii_digit);
    let digits: Vec<_> = digits.collect();
    let is_grouped = number.iter().any(|byte| matches!(byte, b' ' | b'-'));
    let is_concept = digits.get(6..10) == Some(b"1000") && digits.get(13) == Some(&b'1');
    let is_one = checksum::luhn(&digits) && is_issued(&digits);
    is_one && (is_grouped || number.len() == 16 && digits.len() == 16 && !is_concept)
}

/// Whether no other group of digits stands before it or follows.
fn is_all(bytes: &[u8], number: &std::ops::Range<usize>) -> bool {
    let goes_on = |near: Option<&u8>, far: Option<&u8>| {
        matches!(near, Some(b' ' | b'-' | b'.')) && far.is_some_and(u8::is_ascii_digit)
    };
    let before = |back: usize| number.start.checked_sub(back).and_then(|at| bytes.get(at));
    !goes_on(before(1), before(2)) && !goes_on(bytes.get(number.end), bytes.get(number.end + 1))
}

/// Whether it is no part of something longer. Behind whole groups a dash and few digits may follow:
/// an expiry date or a security code.
fn stands(bytes: &[u8], head: &Head<'_>) -> bool {
    let is_grouped = head.lengths().count() > 1;
    let followed = |byte: &u8| is_grouped && matches!(byte, b'-' | b'.');
    if bytes.get(head.range.end).is_some_and(followed) {
        let until = bytes.get(..head.range.end).unwrap_or_default();
        return number_stands(until, &head.range) && !is_in_uuid(bytes, &head.range);
    }
    number_stands(bytes, &head.range)
}

/// Whether it is together, or in groups that stand on cards.
fn is_printed(head: &Head<'_>) -> bool {
    head.is_in_fours()
        || head.lengths().eq([4, 6, 5])
        || head.lengths().eq([4, 6, 4])
        || head.lengths().eq([6, 13])
}

/// Whether a scheme issues numbers that begin so and have so many digits.
fn is_issued(digits: &[u8]) -> bool {
    let Some(head) = digits.first_chunk::<6>() else {
        return false;
    };
    let head = head
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let length = digits.len();
    match head {
        // Mastercard.
        222_100..=272_099 | 510_000..=559_999 => length == 16,
        // Diners Club.
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            matches!(length, 14 | 16)
        }
        // American Express.
        340_000..=349_999 | 370_000..=379_999 => length == 15,
        // Mir and JCB.
        220_000..=220_499 | 352_800..=358_999 => (16..=19).contains(&length),
        // Visa.
        400_000..=499_999 => matches!(length, 13 | 16 | 19),
        // Maestro; Discover and UnionPay are within.
        500_000..=509_999 | 560_000..=699_999 => (12..=19).contains(&length),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("4111111111111111", &["4111111111111111"][..]),
            ("paid with 4111 1111 1111 1111.", &["4111 1111 1111 1111"]),
            ("4111-1111-1111-1111", &["4111-1111-1111-1111"]),
            ("4111.1111.1111.1111", &["4111.1111.1111.1111"]),
            (
                "4111\u{a0}1111\u{2009}1111\u{202f}1111",
                &["4111\u{a0}1111\u{2009}1111\u{202f}1111"],
            ),
            (
                "４１１１１１１１１１１１１１１１",
                &["４１１１１１１１１１１１１１１１"],
            ),
            ("4111 1111 1111 1111 123", &["4111 1111 1111 1111"]),
            ("4111-1111-1111-1111-123", &["4111-1111-1111-1111"]),
            (
                "4111 1111 1111 1111 5555 5555 5555 4444",
                &["4111 1111 1111 1111", "5555 5555 5555 4444"],
            ),
            ("2024 4111 1111 1111 1111", &["4111 1111 1111 1111"]),
            (
                "378282246310005, 3782 822463 10005",
                &["378282246310005", "3782 822463 10005"],
            ),
            ("30569309025904", &["30569309025904"]),
            ("3056 930902 5904", &["3056 930902 5904"]),
            ("6011111111111117", &["6011111111111117"]),
            ("3530111333300000", &["3530111333300000"]),
            ("6200000000000005", &["6200000000000005"]),
            ("2221000000000009", &["2221000000000009"]),
            ("2200000000000004", &["2200000000000004"]),
            ("6759649826438453", &["6759649826438453"]),
            ("card 4222222222222", &["4222222222222"]),
            ("5018 0000 0009", &["5018 0000 0009"]),
            ("4000000000000000006", &["4000000000000000006"]),
            ("card 4111111111111112", &["4111111111111112"]),
            ("Card:41111 11111 11111 1", &["41111 11111 11111 1"]),
            ("visa4111111111111111x", &["4111111111111111"]),
            ("order-4111111111111111", &["4111111111111111"]),
        ] {
            assert_eq!(found(&CARD, text), expected, "{text}");
        }
        assert_eq!(
            found_under(&CARD, "cardNumber", "4111111111111112"),
            ["4111111111111112"]
        );
    }

    #[test]
    fn codes_are_told_from_numbers() {
        for number in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "3782-822463-10005",
            "5018 0000 0009",
        ] {
            assert!(stands_out(number.as_bytes()), "{number}");
        }
        for number in [
            "4111111111111112",
            "378282246310005",
            "4000000000000000006",
            "4111.1111.1111.1111",
            "4111111000124100",
            "1234567812345670",
        ] {
            assert!(!stands_out(number.as_bytes()), "{number}");
        }
        assert!(checksum::luhn(b"4111111000124100"));
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "4111111111111112",
            "4222222222222",
            "61983140903181",
            "675964982643845300",
            "5018 0000 0009 1234",
            "6250 7537 8269 1183",
            "6208 6973 6215 0602",
            "1234567812345670",
            "4111111111111111.00",
            "62.1234567890123",
            "04111111111111111",
            "41111111111111111",
            "4111 111 1111 1111 1",
            "9-4111111111111111",
            "e4111111111111111f3",
            "7694b55e-b670-44a5-b426-411111111111",
            "Encounter/cc056487-8211-244a-3f65-590d316b9d23",
            "SupplyDelivery/0dd2bbad-6758-5968-1891-78f3af96059c/_history/1",
            "cc056487821124",
            "card 37056487-8211-2443-3565-590d316b9d23",
            "1.2.840.4111.1111.1111.1111",
            "1579613145123456",
            "2.16.840.1.113883.4.3.25",
            "[masked:card] 1111",
        ] {
            assert_eq!(found(&CARD, text), [""; 0], "{text}");
        }
    }
}
