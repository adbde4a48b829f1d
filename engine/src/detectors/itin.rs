//! US individual taxpayer identification numbers: a social security number's form, beginning with 9,
//! with 50 to 65, 70 to 88, 90 to 92 or 94 to 99 as the fourth and fifth digit (Internal Revenue
//! Manual 3.21.263, "ITIN format"). Nine digits in a row count only behind a word.

use super::edges::number_stands;
use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const ITIN: Detector = Detector {
    name: "itin",
    class: Class::Ssn,
    shapes: Shapes::NINE,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "itin",
    "itins",
    "individual taxpayer",
    "individual taxpayer identification",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'9', bytes.get(from..).unwrap_or_default()) {
        let start = from + at;
        from = start + 1;
        if let Some((length, strength)) = length_at(probe, start) {
            from = start + length;
            found(start..from, strength);
        }
    }
}

fn length_at(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let rest = probe.bytes().get(start..)?;
    let (first, group, serial, length) = match *rest.get(3)? {
        b'0'..=b'9' => (0..3, 3..5, 5..9, 9),
        separator @ (b'-' | b' ' | b'.' | b'/') => {
            (rest.get(6) == Some(&separator)).then_some(())?;
            (0..3, 4..6, 7..11, 11)
        }
        _ => return None,
    };
    let digits = |range: std::ops::Range<usize>| {
        rest.get(range)
            .filter(|part| part.iter().all(u8::is_ascii_digit))
    };
    let (_, group, _) = (digits(first)?, digits(group)?, digits(serial)?);
    let value = start..start + length;
    number_stands(probe.bytes(), &value).then_some(())?;
    let is_grouped = length == 11;
    if probe.is_labelled(&value, WORDS) && (is_grouped || probe.is_introduced(&value, WORDS)) {
        return Some((length, Strength::Labelled));
    }
    (is_grouped && is_assigned(group)).then_some((length, Strength::Valid))
}

fn is_assigned(group: &[u8]) -> bool {
    let group = group
        .iter()
        .fold(0, |group, digit| group * 10 + u32::from(digit - b'0'));
    matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("912-90-3456", &["912-90-3456"][..]),
            ("900-70-1234, 999 88 0000", &["900-70-1234", "999 88 0000"]),
            ("900.50.0001.", &["900.50.0001"]),
            ("ITIN 912-93-3456", &["912-93-3456"]),
            ("ITIN: 912903456", &["912903456"]),
            ("ITIN912903456;", &["912903456"]),
            (
                "９１２\u{2011}９０\u{2011}３４５６",
                &["９１２\u{2011}９０\u{2011}３４５６"],
            ),
        ] {
            assert_eq!(found(&ITIN, text), expected, "{text}");
        }
        assert_eq!(found_under(&ITIN, "itin", "912903456"), ["912903456"]);
    }

    #[test]
    fn groups_are_those_assigned() {
        for group in 0..100 {
            let is_assigned = matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99);
            let text = format!("912-{group:02}-3456");
            assert_eq!(
                found(&ITIN, &text).len(),
                usize::from(is_assigned),
                "{text}"
            );
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "912903456",
            "812-9\u{30}-3456",
            "912-93-3456",
            "912-90 3456",
            "912-90-34567",
            "1912-90-3456",
            "4-912-90-3456",
            "912-90-3456-1",
        ] {
            assert_eq!(found(&ITIN, text), [""; 0], "{text}");
        }
    }
}
