//! IPv4 addresses: four numbers up to 255 with dots between (RFC 3986, section 3.2.2, `IPv4address`).
//!
//! A port or the length of a prefix stays outside. More numbers and dots on either side make it a
//! part of an object identifier or a version. What identifies nobody is left: the unspecified
//! address, loopback addresses, net masks. A word like "IP" before it takes what only looks like
//! one.

use super::{Detector, Found, Probe, Shapes, Strength, told};
use crate::Class;

pub(crate) const IPV4: Detector = Detector {
    name: "ipv4",
    class: Class::Ip,
    shapes: Shapes::NETWORK,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "ip",
    "ips",
    "ipv4",
    "ipv 4",
    "ip4",
    "ip 4",
    "ipaddr",
    "ipaddress",
];

/// What stands right before four numbers that are no address.
const OTHERS: &[&str] = &[
    "version", "ver", "v", "release", "build", "firmware", "oid", "section", "sec", "chapter",
];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut position, mut last_end) = (0, 0);
    while let Some(at) = memchr::memchr(b'.', bytes.get(position..).unwrap_or_default()) {
        position += at;
        let start = first_number(bytes, last_end, position);
        let there = start.and_then(|start| Some((start, address(probe, start)?)));
        if let Some((start, (end, strength))) = there {
            found(start..end, strength);
            last_end = end;
            position = end;
        } else {
            position += 1;
        }
    }
}

/// Where the number begins that the dot ends, if no other dot and number stand before it.
fn first_number(bytes: &[u8], from: usize, dot: usize) -> Option<usize> {
    let before = bytes.get(from..dot)?;
    let digits = before.iter().rev().take_while(|byte| byte.is_ascii_digit());
    let length = digits.take(4).count();
    let start = before.len() - length;
    let byte = |back: usize| start.checked_sub(back).and_then(|at| before.get(at));
    let goes_on = byte(1) == Some(&b'.') && byte(2).is_some_and(u8::is_ascii_digit);
    ((1..=3).contains(&length) && !goes_on).then_some(from + start)
}

/// The end of the address that begins here.
fn address(probe: &Probe<'_>, start: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let mut parts = [0; 4];
    let mut is_usual = true;
    let mut at = start;
    for (index, part) in parts.iter_mut().enumerate() {
        if index > 0 {
            (bytes.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
        let digits = bytes.get(at..)?.iter().take_while(|b| b.is_ascii_digit());
        let digits = bytes.get(at..at + digits.take(4).count())?;
        if digits.is_empty() || digits.len() > 3 {
            return None;
        }
        *part = digits
            .iter()
            .fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
        is_usual &= *part <= 255 && (digits.len() == 1 || digits.first() != Some(&b'0'));
        at += digits.len();
    }
    let next = bytes.get(at).copied();
    let goes_on = next == Some(b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    if goes_on || next.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    if probe.is_labelled(&(start..at), WORDS) {
        return Some((at, Strength::Labelled));
    }
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    let is_glued = before.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let is_anyone = matches!(parts, [0, 0, 0, 0] | [127 | 255, ..]);
    let is_other = is_glued || is_anyone || told::stands_behind(bytes, start, OTHERS, &[]);
    (is_usual && !is_other).then_some((at, Strength::Valid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            ("10.0.0.1", &["10.0.0.1"][..]),
            (
                "from 203.0.113.7:8080 to 198.51.100.0/24.",
                &["203.0.113.7", "198.51.100.0"],
            ),
            ("192.168.1.10.", &["192.168.1.10"]),
            ("10.0.0.1-10.0.0.9", &["10.0.0.1", "10.0.0.9"]),
            ("http://192.0.2.1/x", &["192.0.2.1"]),
            ("(192.0.2.1),[192.0.2.2]", &["192.0.2.1", "192.0.2.2"]),
            ("::ffff:192.0.2.1", &["192.0.2.1"]),
            ("192\u{ff0e}0\u{ff0e}2\u{ff0e}1", &["192．0．2．1"]),
            ("１92.0.2.1", &["１92.0.2.1"]),
            ("client ip 127.0.0.1", &["127.0.0.1"]),
            ("IP10.0.0.1", &["10.0.0.1"]),
            ("ip address 010.001.002.300", &["010.001.002.300"]),
            ("a.b.192.0.2.1.c", &["192.0.2.1"]),
        ] {
            assert_eq!(found(&IPV4, text), expected, "{text}");
        }
        assert_eq!(found_under(&IPV4, "remoteIp", "127.0.0.1"), ["127.0.0.1"]);
    }

    #[test]
    fn other_numbers_are_left() {
        for text in [
            "2.16.840.1.113883.4.3.25",
            "urn:oid:1.3.6.1.4.1",
            "urn:oid:1.3.6.1",
            "OID 1.3.6.1",
            "1.2.3.4.5",
            "v1.2.3.4",
            "version 1.2.3.4",
            "lib1.2.3.4x",
            "Chrome/91.0.4472.124",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.04",
            "1.2.3.4567",
            "1..2.3.4",
            "127.0.0.1:8080",
            "0.0.0.0",
            "255.255.255.0",
            "12.50, 3.4, 5.6.",
            "2007-03-25T19:08:38.123+00:00",
            "...",
        ] {
            assert_eq!(found(&IPV4, text), [""; 0], "{text}");
        }
    }
}
