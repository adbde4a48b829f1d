//! Hardware addresses: EUI-48 and EUI-64 of IEEE 802, pairs of hexadecimal digits with `:` or `-`
//! between, or groups of four with dots as Cisco writes them.
//!
//! More pairs are a fingerprint of a key. Groups without a letter are numbers more often; addresses
//! of nobody (all zeros) and of everybody (all ones) are left, unless a word like "MAC" says what
//! they are.

use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const MAC: Detector = Detector {
    name: "mac",
    class: Class::Ip,
    shapes: Shapes::NETWORK,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "mac",
    "macaddr",
    "macaddress",
    "bssid",
    "hwaddr",
    "ethernet",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut is_inside) = (0, false);
    while let Some(byte) = bytes.get(position) {
        let begins = byte.is_ascii_hexdigit() && !is_inside;
        if let Some((end, strength)) = begins.then(|| address(probe, position)).flatten() {
            found(position..end, strength);
            position = end;
            continue;
        }
        is_inside = byte.is_ascii_alphanumeric() || *byte == b'_';
        position += 1;
    }
}

/// The end of the address that begins here.
fn address(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let rest = bytes.get(start..)?;
    let (size, separator) = match (rest.get(2)?, rest.get(4)) {
        (separator @ (b':' | b'-'), _) => (2, *separator),
        (_, Some(b'.')) => (4, b'.'),
        _ => return None,
    };
    let is_group = |at: usize| {
        rest.get(at..at + size)
            .is_some_and(|group| group.iter().all(u8::is_ascii_hexdigit))
    };
    // One more than there may be, so that what goes on is seen.
    let mut groups = 0;
    let mut at = 0;
    while groups <= 8 && is_group(at) {
        groups += 1;
        at += size;
        if rest.get(at) != Some(&separator) {
            break;
        }
        at += 1;
    }
    // A separator that ends a sentence is not part of it.
    let length = groups * (size + 1) - usize::from(groups > 0);
    let next = rest.get(length..)?;
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let goes_on = next.first() == Some(&separator) && is_word(next.get(1));
    let before = |back: usize| start.checked_sub(back).and_then(|at| bytes.get(at));
    let went_on = before(1) == Some(&separator) && is_word(before(2));
    let is_whole = matches!(groups * size, 12 | 16);
    if !is_whole || goes_on || went_on || is_word(next.first()) || next.first() == Some(&b'_') {
        return None;
    }
    if probe.is_labelled(&(start..start + length), WORDS) {
        return Some((start + length, Strength::Labelled));
    }
    let mut digits = rest
        .get(..length)?
        .iter()
        .filter(|byte| **byte != separator);
    let has_letter = digits.clone().any(u8::is_ascii_alphabetic);
    let first = digits.next()?;
    let is_anyone = digits.all(|digit| digit.eq_ignore_ascii_case(first));
    let is_likely = !is_anyone && (has_letter || separator == b':');
    is_likely.then_some((start + length, Strength::Valid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            ("00:1b:44:11:3a:b7", &["00:1b:44:11:3a:b7"][..]),
            ("(00-1B-44-11-3A-B7).", &["00-1B-44-11-3A-B7"]),
            ("001b.4411.3ab7.", &["001b.4411.3ab7"]),
            (
                "00:1b:44:11:3a:b7, 00:1b:44:11:3a:b8",
                &["00:1b:44:11:3a:b7", "00:1b:44:11:3a:b8"],
            ),
            ("02:00:5e:10:00:00:00:01", &["02:00:5e:10:00:00:00:01"]),
            ("at 00:11:22:33:44:55: up", &["00:11:22:33:44:55"]),
            ("mac ff:ff:ff:ff:ff:ff", &["ff:ff:ff:ff:ff:ff"]),
            ("MAC: 1234.5678.9012", &["1234.5678.9012"]),
            (
                "00\u{2010}1B\u{2010}44\u{2010}11\u{2010}3A\u{2010}B7",
                &["00‐1B‐44‐11‐3A‐B7"],
            ),
        ] {
            assert_eq!(found(&MAC, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_left() {
        for text in [
            "00:1b:44:11:3a",
            "00:1b:44:11:3a:b7:c8",
            "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "00:1b:44-11:3a:b7",
            "x00:1b:44:11:3a:b7",
            "00:1b:44:11:3a:b7f",
            "1234.5678.9012",
            "12-34-56-78-90-12",
            "001b.4411.3ab7.99",
            "00:00:00:00:00:00",
            "FF-FF-FF-FF-FF-FF",
            "8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "2007-03-25T19:08:38+00:00",
            "12:30:45",
            "2.16.840.1.113883.4.3.25",
        ] {
            assert_eq!(found(&MAC, text), [""; 0], "{text}");
        }
    }
}
