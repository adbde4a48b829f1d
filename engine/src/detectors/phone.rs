//! US telephone numbers: North American Numbering Plan, area code and exchange not beginning with
//! 0 or 1, grouped by parentheses, dashes, dots or spaces, with or without `+1`.
//!
//! Ten digits in a row count behind `+1`, `tel:` or a word for telephone: otherwise they are more
//! often a time or a code. Fictional numbers (555-01XX) are masked like others.

use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before};
use crate::Class;

pub(crate) const PHONE: Detector = Detector {
    name: "phone",
    class: Class::Phone,
    shapes: Shapes::TEN,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "phone",
    "phones",
    "phonenumber",
    "telephone",
    "tel",
    "call",
    "mobile",
    "cell",
    "fax",
    "sms",
    "text",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(&byte) = bytes.get(position) {
        let begins = matches!(byte, b'+' | b'(' | b'0'..=b'9')
            && !continues_before(
                bytes.get(last_end..).unwrap_or_default(),
                position - last_end,
            );
        let there = begins.then(|| length_at(probe, position)).flatten();
        if let Some((length, strength)) = there {
            found(position..position + length, strength);
            position += length;
            last_end = position;
            continue;
        }
        position += 1;
    }
}

/// The length of the number that begins here.
fn length_at(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let rest = probe.bytes().get(start..)?;
    let international = rest.starts_with(b"+1");
    let mut at = if international {
        2
    } else {
        usize::from(rest.starts_with(b"1"))
    };
    let trunk = at > 0;
    if trunk {
        at += usize::from(matches!(rest.get(at), Some(b' ' | b'-' | b'.')));
    }
    let parenthesis = rest.get(at) == Some(&b'(');
    at += usize::from(parenthesis);
    group(rest, at, true)?;
    at += 3;
    if parenthesis {
        (rest.get(at) == Some(&b')')).then_some(())?;
        at += 1;
    }
    let first = separator(rest, at);
    let gap = if parenthesis && first == Some(b' ') && separator(rest, at + 1) == Some(b'-') {
        2
    } else {
        1
    };
    at += if first.is_some() { gap } else { 0 };
    group(rest, at, true)?;
    at += 3;
    let second = separator(rest, at);
    at += usize::from(second.is_some());
    let line = rest.get(at..at + 4)?;
    if !line.iter().all(u8::is_ascii_digit) || continues_at(rest, at + 4) {
        return None;
    }
    at += 4;
    let grouped = parenthesis || (first.is_some() && second.is_some());
    if probe.is_labelled(&(start..start + at), WORDS) {
        return Some((at, Strength::Labelled));
    }
    (grouped || international).then_some((at, Strength::Valid))
}

/// Three digits that may be an area code or an exchange.
fn group(rest: &[u8], at: usize, strict: bool) -> Option<()> {
    let part = rest.get(at..at + 3)?;
    let begins = part
        .first()
        .is_some_and(|digit| !strict || (b'2'..=b'9').contains(digit));
    (begins && part.iter().all(u8::is_ascii_digit)).then_some(())
}

fn separator(rest: &[u8], at: usize) -> Option<u8> {
    rest.get(at)
        .copied()
        .filter(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn numbers_are_found() {
        for (text, expected) in [
            ("555-612-5695", &["555-612-5695"][..]),
            ("call (212) 555-0123.", &["(212) 555-0123"]),
            ("+1 212 555 0123", &["+1 212 555 0123"]),
            ("+12125550123", &["+12125550123"]),
            ("1-212-555-0123", &["1-212-555-0123"]),
            (
                "212.555.0123, 212/555-0124",
                &["212.555.0123", "212/555-0124"],
            ),
            ("tel:2125550123", &["2125550123"]),
            ("212-555-0123x45", &["212-555-0123"]),
            ("(212)555-0123", &["(212)555-0123"]),
            ("Tel.212-555-0123ext4", &["212-555-0123"]),
        ] {
            assert_eq!(found(&PHONE, text), expected, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "2125550123",
            "112-555-0123",
            "212-155-0123",
            "212-555-01234",
            "2-212-555-0123",
            "2.16.840.1.113883.4.3.25",
            "7694b55e-b670-44a5-b426-c56027e97986",
            "2007-03-25T19:08:38+00:00",
            "1579613145",
        ] {
            assert_eq!(found(&PHONE, text), [""; 0], "{text}");
        }
    }
}
