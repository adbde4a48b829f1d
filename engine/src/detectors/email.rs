//! Email addresses: RFC 5321 dot-atoms before an `@` (or `%40`), labels with a dot behind it.
//! International letters count. No list of top-level domains: `.invalid` and `.internal` leak too.

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

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    let mut search = 0;
    while let Some(sign) = next_sign(bytes, search) {
        search = sign.end;
        let start = local_start(bytes, from, sign.start);
        let end = domain_end(bytes, sign.end);
        if let (Some(start), Some(end)) = (start, end) {
            found(start..end, Strength::Valid);
            from = end;
            search = end;
        }
    }
}

fn next_sign(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = bytes.get(from..)?;
    memchr::memchr2_iter(b'@', b'%', rest).find_map(|at| {
        let here = rest.get(at..)?;
        let length = if here.starts_with(b"@") {
            1
        } else if here.starts_with(b"%40") {
            3
        } else {
            return None;
        };
        Some(from + at..from + at + length)
    })
}

fn local_start(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    // Bounded, so that no text takes long; RFC 5321 has 64.
    let before = bytes.get(from.max(end.saturating_sub(LONGEST_LOCAL))..end)?;
    let is_local = |byte: &u8| {
        byte.is_ascii_alphanumeric() || *byte >= 0x80 || b".!#$&'*+-=?^_`{|}~%".contains(byte)
    };
    let length = before
        .iter()
        .rev()
        .take_while(|byte| is_local(byte))
        .count();
    // A local part begins with a word, not with what stands before it.
    let skipped = before.get(before.len() - length..)?.iter();
    let skipped = skipped
        .take_while(|byte| !(byte.is_ascii_alphanumeric() || **byte >= 0x80))
        .count();
    (skipped < length).then_some(end - length + skipped)
}

fn domain_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut end = None;
    let mut label_start = 0;
    let mut labels = 0;
    for at in 0..=rest.len() {
        let byte = rest.get(at).copied();
        if byte.is_some_and(is_label) {
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
        if labels > 1 && last.len() >= 2 && last.iter().any(|byte| !byte.is_ascii_digit()) {
            end = Some(start + label_start + trimmed);
        }
        if trimmed != label.len() || byte != Some(b'.') {
            break;
        }
        label_start = at + 1;
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
        ] {
            assert_eq!(found(&EMAIL, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_left() {
        for text in [
            "@b.example",
            "a@b",
            "a@",
            "a@b.",
            "a@.b.c",
            "100%",
            "a %41b.example",
            "v@1.2",
            "a@-b.c",
        ] {
            assert_eq!(found(&EMAIL, text), [""; 0], "{text}");
        }
    }
}
