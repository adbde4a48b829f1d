//! Email addresses: RFC 5321 dot-atoms or quoted strings before an `@` (or `%40`), and labels with a
//! dot behind it, or an address in brackets.
//!
//! International letters count (RFC 6531). No list of top-level domains: `.invalid` and `.internal`
//! leak too; but none has a digit at the beginning, as versions have.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{Detector, Found, Probe, Shapes, Strength};
use crate::Class;

pub(crate) const EMAIL: Detector = Detector {
    name: "email",
    class: Class::Email,
    shapes: Shapes::SIGN,
    words: &[],
    find,
};

const LONGEST_LOCAL: usize = 320;
const LONGEST_LITERAL: usize = 52;

/// `。`, a dot in names of domains (RFC 3490, section 3.1), and the end of a sentence.
const IDEOGRAPHIC_STOP: &[u8] = "\u{3002}".as_bytes();

/// An `@` as it is, percent-encoded, and that twice.
const SIGNS: &[&[u8]] = &[b"@", b"%40", b"%2540"];

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    let mut search = 0;
    while let Some(sign) = next_sign(bytes, search) {
        search = sign.end;
        // What stands behind is the shorter way to tell that it is none.
        let Some(end) = domain_end(bytes, sign.end).or_else(|| literal_end(bytes, sign.end)) else {
            continue;
        };
        let start = local_start(bytes, from, &sign);
        let start = start.or_else(|| quoted_start(bytes, from, sign.start));
        if let Some(start) = start.filter(|start| !is_password(bytes, *start)) {
            found(start..end, Strength::Valid);
            from = end;
            search = end;
        }
    }
}

/// Whether a password begins there in a web address, behind `://user:`; what is behind the `@` is a
/// host, then.
fn is_password(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(start.saturating_sub(LONGEST_LOCAL)..start);
    // The password may begin with signs.
    let is_sign =
        |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b':' | b'/' | ..=b' ');
    let before = before.unwrap_or_default();
    let signs = before.iter().rev().take_while(|byte| is_sign(byte)).count();
    let before = before.get(..before.len() - signs);
    let Some(user) = before.and_then(|before| before.strip_suffix(b":")) else {
        return false;
    };
    let is_user = |byte: &u8| !matches!(byte, b'/' | b'"' | b'\'' | b'<' | b'>' | ..=b' ');
    let length = user.iter().rev().take_while(|byte| is_user(byte)).count();
    user.get(..user.len() - length)
        .is_some_and(|address| address.ends_with(b"://"))
}

fn next_sign(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = bytes.get(from..)?;
    memchr::memchr2_iter(b'@', b'%', rest).find_map(|at| {
        let here = rest.get(at..)?;
        let sign = SIGNS.iter().find(|sign| here.starts_with(sign))?;
        Some(from + at..from + at + sign.len())
    })
}

fn local_start(bytes: &[u8], from: usize, sign: &Range<usize>) -> Option<usize> {
    let end = sign.start;
    // Bounded, so that no text takes long; RFC 5321 has 64.
    let before = bytes.get(from.max(end.saturating_sub(LONGEST_LOCAL))..end)?;
    let is_local = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte >= 0x80 || b".!#$&'*+-=?^_`{|}~%".contains(byte)
    };
    let mut length = before
        .iter()
        .rev()
        .take_while(|byte| is_local(byte))
        .count();
    let local = |length: usize| before.get(before.len() - length..).unwrap_or_default();
    // Quotation marks and the like are no letters.
    length -= behind_wide_sign(local(length));
    // What stands first in a text may be a form.
    let may_be_parameter = sign.len() > 1 || length == end;
    length -= behind_parameter(local(length), may_be_parameter);
    length -= behind_encoded_sign(local(length));
    // What ends so is the name of something.
    if local(length).ends_with(b"=") {
        return None;
    }
    // A local part begins with a word, not with what stands before it or a part of a letter.
    let skipped = local(length).iter();
    let skipped = skipped
        .take_while(|byte| !(byte.is_ascii_alphanumeric() || **byte >= 0xc0))
        .count();
    (skipped < length).then_some(end - length + skipped)
}

/// Where a text goes on behind its last sign beyond ASCII that is no letter, or digit, or mark.
fn behind_wide_sign(text: &[u8]) -> usize {
    let behind =
        |(start, chunk): (usize, &[u8])| is_wide_sign(chunk).then_some(start + chunk.len());
    let starts = text
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte >= 0xc0);
    let chunks = starts.map(|(start, byte)| {
        let length = if *byte < 0xe0 { 2 } else { 3 };
        (start, text.get(start..start + length).unwrap_or_default())
    });
    chunks.into_iter().find_map(behind).unwrap_or(0)
}

/// Whether these bytes are punctuation of Latin-1 (U+00A1 to U+00BF but ª µ º), of any script
/// (U+2000 to U+206F) or of Chinese and Japanese (U+3000 to U+303F but 々 〆 〇).
fn is_wide_sign(bytes: &[u8]) -> bool {
    match bytes {
        [0xc2, last] => (0xa1..0xc0).contains(last) && !matches!(last, 0xaa | 0xb5 | 0xba),
        [0xe2, 0x80 | 0x81, _] => true,
        [0xe3, 0x80, last] => !(0x85..=0x87).contains(last),
        _ => false,
    }
}

/// Where a text goes on behind its last percent-encoded space or sign that is in no local part.
fn behind_encoded_sign(text: &[u8]) -> usize {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let is_sign = |at: &usize| {
        let byte = digit(text.get(at + 1)).zip(digit(text.get(at + 2)));
        let byte = byte.and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        byte.is_some_and(|byte| byte <= b' ' || b"\"(),/:;<>[\\]=&?|".contains(&byte))
    };
    memchr::memrchr_iter(b'%', text)
        .find(is_sign)
        .map_or(0, |at| at + 3)
}

/// Where a text goes on behind the name of a parameter: `to=` of `x?to=`, and of `to=` where it may be
/// the first.
fn behind_parameter(text: &[u8], may_be_first: bool) -> usize {
    let parameter = memchr::memrchr2(b'?', b'&', text).map(|at| at + 1);
    if parameter.is_none() && !may_be_first {
        return 0;
    }
    let start = parameter.unwrap_or(0);
    let rest = text.get(start..).unwrap_or_default();
    let equals = memchr::memchr(b'=', rest);
    let name = equals
        .and_then(|equals| rest.get(..equals))
        .unwrap_or_default();
    let is_name = parameter.is_some() || name.iter().all(u8::is_ascii_alphabetic);
    equals
        .filter(|_| is_name)
        .map_or(0, |equals| start + equals + 1)
}

/// `"john doe"@example.com`
fn quoted_start(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    const LONGEST: usize = 64;
    let earliest = from.max(end.saturating_sub(LONGEST + 2));
    let inside = bytes.get(earliest..end)?.strip_suffix(b"\"")?;
    let quote = memchr::memrchr(b'"', inside)?;
    let quoted = inside.get(quote + 1..)?;
    let is_quoted = !quoted.is_empty() && quoted.iter().all(|byte| *byte >= b' ');
    is_quoted.then_some(earliest + quote)
}

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]`
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?.strip_prefix(b"[")?;
    let length = memchr::memchr(b']', rest.get(..LONGEST_LITERAL.min(rest.len()))?)?;
    let literal = str::from_utf8(rest.get(..length)?).ok()?;
    let is_address = match literal.strip_prefix("IPv6:") {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => literal.parse::<Ipv4Addr>().is_ok(),
    };
    is_address.then_some(start + length + 2)
}

fn domain_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut end = None;
    let mut label_start = 0;
    let mut labels = 0;
    for at in 0..=rest.len() {
        let byte = rest.get(at).copied();
        let chunk = |length| rest.get(at..at + length).is_some_and(is_wide_sign);
        let is_sign = byte.is_some_and(|byte| byte >= 0xc0) && (chunk(2) || chunk(3));
        if byte.is_some_and(is_label) && !is_sign {
            continue;
        }
        let label = rest.get(label_start..at)?;
        let edge = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == b'-');
        // A label may be followed by a dash that is not its own.
        let trimmed = label.len() - label.iter().rev().take_while(|byte| **byte == b'-').count();
        if trimmed == 0 || edge(label.first()) {
            break;
        }
        labels += 1;
        let last = label.get(..trimmed)?;
        // An image for screens of that density: `icon@2x`.
        if labels == 1 && matches!(last, [b'1'..=b'4', b'x']) {
            break;
        }
        let begins = last.first().is_some_and(|byte| !byte.is_ascii_digit());
        if labels > 1 && last.len() >= 2 && begins {
            end = Some(start + label_start + trimmed);
        }
        let stop = if trimmed != label.len() {
            0
        } else if byte == Some(b'.') {
            1
        } else if labels == 1 && is_sign && rest.get(at..at + 3) == Some(IDEOGRAPHIC_STOP) {
            IDEOGRAPHIC_STOP.len()
        } else {
            0
        };
        if stop == 0 {
            break;
        }
        label_start = at + stop;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn addresses_are_found() {
        for (text, expected) in [
            (
                "write to ann.lee+x@mail.example.org, please",
                &["ann.lee+x@mail.example.org"][..],
            ),
            ("<a@b.invalid>", &["a@b.invalid"]),
            ("a@b.example.", &["a@b.example"]),
            ("a%40b.example", &["a%40b.example"]),
            (
                "mailto:jos\u{e9}@m\u{fc}ller.example",
                &["jos\u{e9}@m\u{fc}ller.example"],
            ),
            (
                "x@xn--mller-kva.example y@z.example",
                &["x@xn--mller-kva.example", "y@z.example"],
            ),
            ("a@b.co@c.example", &["a@b.co"]),
            ("'o'neil@b.example'", &["o'neil@b.example"]),
            ("\u{201c}a@b.example\u{201d}", &["a@b.example"]),
            ("\u{ab}a@b.example\u{bb}\u{2026}", &["a@b.example"]),
            ("a@b.example\u{3002}", &["a@b.example"]),
            (
                "\u{7528}\u{6237}@\u{4f8b}\u{3048}\u{3002}\u{6d4b}\u{8bd5}",
                &["\u{7528}\u{6237}@\u{4f8b}\u{3048}\u{3002}\u{6d4b}\u{8bd5}"],
            ),
            ("x@b.xn--p1ai", &["x@b.xn--p1ai"]),
            (
                "https://c.example/?to=ann@b.example&x=1",
                &["ann@b.example"],
            ),
            ("to=ann.lee%40b.example&x=1", &["ann.lee%40b.example"]),
            ("ann%2540b.example", &["ann%2540b.example"]),
            (
                "bounce-ann=b.example@list.example",
                &["bounce-ann=b.example@list.example"],
            ),
            ("\"ann lee\"@b.example", &["\"ann lee\"@b.example"]),
            (
                "root@[192.0.2.1] a@[IPv6:2001:db8::1]",
                &["root@[192.0.2.1]", "a@[IPv6:2001:db8::1]"],
            ),
            ("a\u{ff20}b\u{ff0e}example", &["a\u{ff20}b\u{ff0e}example"]),
            (
                "a\u{200b}nn@b\u{ad}.example",
                &["a\u{200b}nn@b\u{ad}.example"],
            ),
        ] {
            assert_eq!(found(&EMAIL, text), expected, "{text}");
        }
    }

    #[test]
    fn a_local_part_too_long_is_found_by_whole_letters() {
        let text = format!("x{}@b.example", "\u{e9}".repeat(400));
        let found = found(&EMAIL, &text);
        assert!(
            found.iter().all(|part| part.starts_with('\u{e9}')),
            "{found:?}"
        );
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn what_is_no_address_is_left() {
        for text in [
            "postgres://app:hunter2@db.example/x",
            "@b.example",
            "a@b",
            "a@",
            "a@b.",
            "a@.b.c",
            "100%",
            "a %41b.example",
            "v@1.2",
            "crate@0.1.0-alpha",
            "%40%40.%40b",
            "lib@1.0.0-rc1",
            "icon@\u{32}x.png",
            "[masked:email]@b.example",
            "a@[masked:ip]",
            "a@[x]",
            "\"\"@",
            "a@-b.c",
        ] {
            assert_eq!(found(&EMAIL, text), [""; 0], "{text}");
        }
    }
}
