//! Telephone numbers: those of North America in their groups, those of other countries behind `+`,
//! and others behind a word that says so. An extension belongs to its number. Those behind a word
//! for fax are found by `fax`, too.
//!
//! Ten digits in a row count behind `+1`, `tel:` or a word for telephone: otherwise they are more
//! often a time or a code. Numbers of seven digits, national numbers of other countries and such with
//! `00` or `011` before the country code must stand right behind the word.

mod countries;
mod nanp;
mod spread;

use std::ops::Range;

use self::spread::{Head, Spread};
use super::edges::{is_iso_date, is_listed};
use super::{Detector, Found, Probe, Shapes, Strength, continues_at, continues_before};
use crate::Class;

pub(crate) const PHONE: Detector = Detector {
    name: "phone",
    class: Class::Phone,
    shapes: Shapes::TEN
        .or(Shapes::SEVEN)
        .or(Shapes::JOINED)
        .or(Shapes::PLUS)
        .or(Shapes::NAMED)
        .or(Shapes::PROSE),
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "phone",
    "phones",
    "phonenumber",
    "telephone",
    "telephones",
    "telefon",
    "tel",
    "mobile",
    "cell",
    "cellphone",
    "fax",
    "faxes",
    "telefax",
    "facsimile",
    "pager",
    "sms",
    "msisdn",
];

/// What people say about numbers that have the form of one.
const CALLS: &[&str] = &["call", "text", "dial", "contact"];

/// The fewest digits of a number, a local one.
const FEWEST_DIGITS: usize = 7;

pub(super) fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    let mut said_end = None;
    while let Some(&byte) = bytes.get(position) {
        let begins = matches!(byte, b'+' | b'(' | b'0'..=b'9')
            && !continues_before(
                bytes.get(last_end..).unwrap_or_default(),
                position - last_end,
            );
        let there = begins
            .then(|| {
                let is_next = said_end.is_some_and(|end| is_listed(bytes, end..position));
                number_at(probe, position, is_next)
            })
            .flatten();
        if let Some((mut end, strength)) = there {
            end += extension(bytes.get(end..).unwrap_or_default());
            found(position..end, strength);
            position = end;
            last_end = position;
            said_end = (strength == Strength::Labelled).then_some(end);
            continue;
        }
        position += 1;
    }
}

/// Where the number ends that begins there, without its extension, given whether it is the next in a
/// list.
fn number_at(probe: &Probe<'_>, start: usize, is_next: bool) -> Option<(usize, Strength)> {
    let rest = probe.bytes().get(start..)?;
    let is_international = rest.first() == Some(&b'+');
    let written = if is_international {
        international(probe, start)
    } else {
        None
    };
    written
        .or_else(|| north_american(probe, start, is_next))
        .or_else(|| introduced(probe, start, is_next))
}

fn north_american(probe: &Probe<'_>, start: usize, is_next: bool) -> Option<(usize, Strength)> {
    let rest = probe.bytes().get(start..)?;
    let number = nanp::parse(rest)?;
    let end = start + number.length;
    if !ends(probe.bytes(), end) {
        return None;
    }
    let value = start..end;
    if is_next
        || probe.is_introduced(&value, WORDS)
        || (number.is_valid
            && (probe.is_labelled(&value, WORDS) || probe.is_labelled(&value, CALLS)))
    {
        return Some((end, Strength::Labelled));
    }
    (number.is_grouped && number.is_valid).then_some((end, Strength::Valid))
}

/// A country code and a number that the country may have.
fn international(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    let is_glued = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    let spread = Spread::at(bytes, start + 1);
    let begins = bytes.get(start + 1).is_some_and(u8::is_ascii_digit);
    let is_number = |head: &Head<'_>| {
        let is_grouped = head.lengths().count() > 1;
        let is_national = match head.digits.split_first() {
            Some((b'1', national)) => nanp::is_number(national),
            _ => countries::is_number(head.digits, is_grouped),
        };
        let end = bytes.get(head.end..).unwrap_or_default();
        let stands = !end.first().is_some_and(u8::is_ascii_alphabetic) || extension(end) > 0;
        is_national && stands && ends(bytes, head.end)
    };
    let head = spread.heads().find(is_number).filter(|_| begins)?;
    let value = start..head.end;
    if probe.is_labelled(&value, WORDS) {
        Some((head.end, Strength::Labelled))
    } else {
        (!is_glued).then_some((head.end, Strength::Valid))
    }
}

/// Whatever digits a word for telephone introduces.
fn introduced(probe: &Probe<'_>, start: usize, is_next: bool) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let rest = bytes.get(start..)?;
    let is_local = |end: &usize| ends(bytes, *end);
    if let Some(end) = local(rest).map(|length| start + length).filter(is_local)
        && (is_next || is_said(probe, &(start..end)) || probe.introduces(start, CALLS))
    {
        return Some((end, Strength::Labelled));
    }
    let from = start + usize::from(rest.first() == Some(&b'+'));
    let spread = Spread::at(bytes, from);
    let is_number = |head: &Head<'_>| {
        let abroad = head.digits.strip_prefix(b"00");
        let digits = abroad.or(head.digits.strip_prefix(b"011"));
        // `(01) 1285660` has no prefix to dial abroad.
        let is_long =
            |digits: &[u8]| (FEWEST_DIGITS..=countries::MOST_DIGITS).contains(&digits.len());
        (is_long(head.digits) || digits.is_some_and(is_long))
            && ends(bytes, head.end)
            && !bytes.get(head.end).is_some_and(u8::is_ascii_alphabetic)
            && !is_other(bytes, start, head)
            && is_legible(bytes, start, head)
    };
    let head = spread.heads().find(is_number)?;
    (is_next || is_said(probe, &(start..head.end))).then_some((head.end, Strength::Labelled))
}

/// Whether a word right before it says that it is a number. That of a member speaks for all of its
/// value alone.
fn is_said(probe: &Probe<'_>, value: &Range<usize>) -> bool {
    let bytes = probe.bytes();
    let behind = bytes.get(value.end..).unwrap_or_default();
    let is_all = value.start == 0 && extension(behind) == behind.len();
    probe.introduces(value.start, WORDS)
        || probe.tells(value.start, WORDS)
        || probe.precedes(value.end, WORDS)
        || (probe.named && is_all)
}

/// Whether the groups are rather those of a date or network address.
fn is_other(bytes: &[u8], start: usize, head: &Head<'_>) -> bool {
    const DATES: [[usize; 3]; 4] = [[2, 2, 4], [1, 2, 4], [2, 1, 4], [4, 2, 2]];
    let text = bytes.get(start..head.end).unwrap_or_default();
    let has_only = |sign: u8| {
        text.iter()
            .all(|byte| byte.is_ascii_digit() || *byte == sign)
    };
    let is_date = DATES.iter().any(|date| head.lengths().eq(*date));
    let is_address = head.lengths().count() == 4 && head.lengths().all(|length| length <= 3);
    is_iso_date(text)
        || (is_date && (has_only(b'/') || has_only(b'.') || has_only(b'-')))
        || (is_address && has_only(b'.'))
}

/// Whether it has a shape that is looked for: five digits in a row, spaces or dashes, or many signs.
fn is_legible(bytes: &[u8], start: usize, head: &Head<'_>) -> bool {
    let text = bytes.get(start..head.end).unwrap_or_default();
    let has = |byte: u8| text.contains(&byte);
    let is_plain = !has(b'(') && !has(b'.') && !has(b'/');
    text.split(|byte| !byte.is_ascii_digit())
        .any(|group| group.len() >= 5)
        || has(b' ')
        || is_plain
        || (!has(b'(') && text.len() >= 11)
}

/// The length of a number without an area code: an exchange and four digits.
fn local(rest: &[u8]) -> Option<usize> {
    let separator = usize::from(matches!(rest.get(3), Some(b'-' | b'.')));
    let exchange = rest.get(..3)?;
    let line = rest.get(3 + separator..7 + separator)?;
    let is_number = exchange.iter().chain(line).all(u8::is_ascii_digit)
        && exchange
            .first()
            .is_some_and(|digit| (b'2'..=b'9').contains(digit));
    // With a dot it is as short as a decimal.
    let is_plain = rest.get(3) != Some(&b'.');
    (is_number && is_plain).then_some(7 + separator)
}

fn ends(bytes: &[u8], end: usize) -> bool {
    !continues_at(bytes, end)
}

/// The length of an extension that a text begins with: ` ext. 45`, `x45`, `;ext=45` (RFC 3966).
fn extension(text: &[u8]) -> usize {
    const WORDS: &[&[u8]] = &[b"extension", b"extn", b"ext", b"x", b"#"];
    const MOST_DIGITS: usize = 7;
    let skip = |text: &[u8], signs: &[u8], most: usize| {
        let signs = text.iter().take_while(|byte| signs.contains(byte)).count();
        signs.min(most)
    };
    let mut at = skip(text, b" ,;", 2);
    let rest = text.get(at..).unwrap_or_default();
    let starts = |word: &&&[u8]| {
        rest.get(..word.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    let Some(word) = WORDS.iter().find(starts) else {
        return 0;
    };
    at += word.len();
    at += skip(text.get(at..).unwrap_or_default(), b" .:=#", 2);
    let rest = text.get(at..).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = !rest.get(digits).is_some_and(u8::is_ascii_alphanumeric);
    if (1..=MOST_DIGITS).contains(&digits) && ends && !continues_at(rest, digits) {
        at + digits
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn north_american_numbers_are_found() {
        for (text, expected) in [
            ("555-612-5695", &["555-612-5695"][..]),
            ("call (212) 555-0123.", &["(212) 555-0123"]),
            ("+1 212 555 0123", &["+1 212 555 0123"]),
            ("+12125550123", &["+12125550123"]),
            ("1-212-555-0123", &["1-212-555-0123"]),
            ("+1 (212) 555-0123", &["+1 (212) 555-0123"]),
            (
                "212.555.0123, 212/555-0124",
                &["212.555.0123", "212/555-0124"],
            ),
            ("tel:2125550123", &["2125550123"]),
            ("(212)555-0123", &["(212)555-0123"]),
            ("(212) - 555-0123", &["(212) - 555-0123"]),
            (
                "212-555-0123, 212-555-0124",
                &["212-555-0123", "212-555-0124"],
            ),
            ("call me at 2125550123", &["2125550123"]),
            ("phone: 112-055-0123", &["112-055-0123"]),
            ("call 555-0123", &["555-0123"]),
            ("Phone: 5550123.", &["5550123"]),
            ("phone 555-0123 2024-01-05", &["555-0123"]),
            ("２１２-５５５-０１２３", &["２１２-５５５-０１２３"]),
            (
                "(212)\u{a0}555\u{2011}0123",
                &["(212)\u{a0}555\u{2011}0123"],
            ),
        ] {
            assert_eq!(found(&PHONE, text), expected, "{text}");
        }
    }

    #[test]
    fn extensions_belong_to_their_number() {
        for text in [
            "212-555-0123x45",
            "212-555-0123 x45",
            "(212) 555-0123 ext. 45",
            "212-555-0123, extension 1234",
            "212-555-0123 Ext 4",
            "212-555-0123ext4",
            "+1-212-555-0123;ext=45",
            "+44 20 7946 0958 x12",
        ] {
            assert_eq!(found(&PHONE, text), [text], "{text}");
        }
        for text in [
            "212-555-0123 exterior 4",
            "212-555-0123 x",
            "212-555-0123 x4y",
        ] {
            assert_eq!(found(&PHONE, text), ["212-555-0123"], "{text}");
        }
    }

    #[test]
    fn international_numbers_are_found() {
        for (text, expected) in [
            ("+44 20 7946 0958", &["+44 20 7946 0958"][..]),
            ("+442079460958", &["+442079460958"]),
            ("item=+442079460958", &["+442079460958"]),
            ("+886 7012 300 886", &["+886 7012 300 886"]),
            ("+44 (0)20 7946 0958.", &["+44 (0)20 7946 0958"]),
            ("+49 (0) 30 123456", &["+49 (0) 30 123456"]),
            ("+49(30)123456", &["+49(30)123456"]),
            (
                "+33 1 23 45 67 89 or +41-44-668-18-00",
                &["+33 1 23 45 67 89", "+41-44-668-18-00"],
            ),
            ("+39 06 1234.5678", &["+39 06 1234.5678"]),
            ("+91 98765 43210", &["+91 98765 43210"]),
            ("+290 12345", &["+290 12345"]),
            ("tel:+44-20-7946-0958", &["+44-20-7946-0958"]),
            ("tel+442079460958", &["+442079460958"]),
            ("＋44 20 7946 0958", &["＋44 20 7946 0958"]),
            ("Phone: +999 1234 5678", &["+999 1234 5678"]),
            ("Tel: 0044 20 7946 0958", &["0044 20 7946 0958"]),
            ("Fax 00442079460958", &["00442079460958"]),
            ("Tel. 020 7946 0958", &["020 7946 0958"]),
            ("Telefon: 030/123456", &["030/123456"]),
            ("Tel (030) 12 34 56", &["(030) 12 34 56"]),
            ("020 7946 0958 (fax)", &["020 7946 0958"]),
            (
                "Tel: 020 7946 0958 / 020 7946 0959",
                &["020 7946 0958", "020 7946 0959"],
            ),
            (
                "phones 2125550123, 2125550124 and 5550125",
                &["2125550123", "2125550124", "5550125"],
            ),
        ] {
            assert_eq!(found(&PHONE, text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_members_say_what_their_values_are() {
        for (name, text) in [
            ("phone", "5550123"),
            ("phone", "2125550123"),
            ("mobileNumber", "15552345678"),
            ("cell-phone", "442079460958"),
            ("fax", "020 7946 0958 x4"),
            ("phone", "(01) 1285660"),
        ] {
            assert_eq!(found_under(&PHONE, name, text), [text], "{text}");
        }
        for (name, text) in [
            ("phone", "2024-01-05"),
            ("phone", "2024-01-05T10:00:00Z"),
            ("phoneChecked", "on 20240105"),
            ("text", "2125550123"),
            ("excel", "2125550123"),
        ] {
            assert_eq!(found_under(&PHONE, name, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "1654-252-8722",
            "+0397343209",
            "see item=x+442079460958",
            "2125550123",
            "112-555-0123",
            "212-155-0123",
            "212-555-01234",
            "2-212-555-0123",
            "292-555-0123",
            "211-555-0123",
            "212-91\u{31}-0123",
            "555-0123",
            "2.16.840.1.113883.4.3.25",
            "7694b55e-b670-44a5-b426-c56027e97986",
            "2007-03-25T19:08:38+00:00",
            "2007-03-25T19:08:38+0000",
            "1579613145",
            "phone seen on 2024-01-05",
            "called at 1579613145",
            "phone: 192.168.100.200",
            "fax 12/05/2024",
            "mobile: 5.12.2024",
            "+1 112 555 0123",
            "+442079460",
            "+50000000",
            "1+442079460958",
            "ab/+442079460958",
            "+999 1234 5678",
            "+4420794609581234567",
            "0044 20 7946 0958",
            "1e+442079460958",
        ] {
            assert_eq!(found(&PHONE, text), [""; 0], "{text}");
        }
    }
}
