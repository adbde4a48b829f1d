//! IPv6 addresses as RFC 4291, section 2.2, writes them: in full, with `::`, or with an IPv4 address
//! at the end; a zone behind `%` belongs to it (RFC 4007, section 11).
//!
//! Brackets, a port and the length of a prefix stay outside. The unspecified and the loopback
//! address identify nobody. Names with `::` between are as good as never addresses: what has
//! neither a digit nor a group of three is left, unless a word like "IP" says otherwise.

use core::net::Ipv6Addr;

use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const IPV6: Detector = Detector {
    name: "ipv6",
    class: Class::Ip,
    shapes: Shapes::NETWORK,
    words: WORDS,
    find,
};

const WORDS: &[&str] = &[
    "ip",
    "ips",
    "ipv6",
    "ipv 6",
    "ip6",
    "ip 6",
    "ipaddr",
    "ipaddress",
];

/// `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`
const LONGEST: usize = 45;
const LONGEST_ZONE: usize = 32;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut position = 0;
    while let Some(at) = memchr::memchr(b':', bytes.get(position..).unwrap_or_default()) {
        let (start, end) = run(bytes, position, position + at);
        if let Some((end, strength)) = address(probe, start, end) {
            found(start..end, strength);
        }
        position = end;
    }
}

/// The letters, digits, colons and dots around a colon that can be an address.
fn run(bytes: &[u8], from: usize, colon: usize) -> (usize, usize) {
    let before = bytes.get(from..colon).unwrap_or_default();
    let group = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_hexdigit());
    let start = colon - group.count();
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let behind = bytes.get(colon..).unwrap_or_default();
    (start, colon + behind.iter().take_while(is_part).count())
}

/// The end of the address that begins here and ends there, or shortly before.
fn address(probe: &Probe<'_>, start: usize, end: usize) -> Option<(usize, Strength)> {
    let bytes = probe.bytes();
    let is_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    if is_word(start.checked_sub(1).and_then(|before| bytes.get(before)))
        || end - start > LONGEST + 1
        || bytes
            .get(end)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    {
        return None;
    }
    let text = str::from_utf8(bytes.get(start..end)?).ok()?;
    // The stop that ends a sentence, or the colon before what follows, is not part of it.
    let shorter = text.strip_suffix(['.', ':']).unwrap_or(text);
    let text = [text, shorter].into_iter().find(|text| is_address(text))?;
    let end = zone_end(bytes, start + text.len());
    if probe.is_labelled(&(start..end), WORDS) {
        return Some((end, Strength::Labelled));
    }
    let groups = text.split([':', '.']).filter(|group| !group.is_empty());
    let is_likely = groups.clone().count() > 3
        || groups.clone().count() > 1
            && groups.clone().any(|group| group.len() > 2)
            && text.bytes().any(|byte| byte.is_ascii_digit());
    is_likely.then_some((end, Strength::Valid))
}

fn is_address(text: &str) -> bool {
    text.parse::<Ipv6Addr>()
        .is_ok_and(|address| !address.is_unspecified())
}

/// The end of the zone behind an address, if there is one.
fn zone_end(bytes: &[u8], end: usize) -> usize {
    let Some(zone) = bytes.get(end..).and_then(|rest| rest.strip_prefix(b"%")) else {
        return end;
    };
    let is_zone = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'~');
    match zone.iter().take(LONGEST_ZONE).take_while(is_zone).count() {
        0 => end,
        length => end + 1 + length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            (
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
                &["2001:0db8:85a3:0000:0000:8a2e:0370:7334"][..],
            ),
            ("2001:DB8::8a2e:370:7334", &["2001:DB8::8a2e:370:7334"]),
            ("at fe80::1%eth0, up", &["fe80::1%eth0"]),
            ("http://[fe80::1%25en1]:80/", &["fe80::1%25en1"]),
            ("[2001:db8::1]:443", &["2001:db8::1"]),
            ("2001:db8::/32", &["2001:db8::"]),
            ("is 2001:db8::1. It", &["2001:db8::1"]),
            ("2001:db8::1: up", &["2001:db8::1"]),
            (
                "::ffff:192.0.2.128 64:ff9b::192.0.2.33",
                &["::ffff:192.0.2.128", "64:ff9b::192.0.2.33"],
            ),
            ("1:2:3:4:5:6:7:8", &["1:2:3:4:5:6:7:8"]),
            ("２001:db8::1", &["２001:db8::1"]),
            ("ip ::1", &["::1"]),
        ] {
            assert_eq!(found(&IPV6, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_left() {
        for text in [
            "::",
            "::1",
            "a::b",
            "std::fe::Add",
            "FF1::<C>",
            "de::Error",
            "dead::beef",
            "crate::add::bed",
            "10:20:30",
            "2007-03-25T19:08:38+00:00",
            "00:1b:44:11:3a:b7",
            "1:2:3:4:5:6:7:8:9",
            "2001:db8::1::2",
            "2001:db8::12345",
            "x2001:db8::1",
            "2001:db8::1g",
            "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "urn:oid:2.16.840.1.113883.4.3.25",
        ] {
            assert_eq!(found(&IPV6, text), [""; 0], "{text}");
        }
    }
}
