//! Private keys in textual encoding (RFC 7468; RFC 4716 for four dashes; RFC 9580, section 6.2,
//! for PGP), from the line that begins one to the line that ends it, or to the end of the text.
//!
//! Lines may have become spaces, or `\n` in letters. Public keys and certificates are no secrets.

use std::ops::Range;

use memchr::memmem;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::alphabet::Alphabet;
use crate::Class;

pub(crate) const PEM: Detector = Detector {
    name: "private-key",
    class: Class::Credential,
    shapes: Shapes::RULE,
    words: &["private key", "pem"],
    find,
};

const RULE: &[u8] = b"----";

/// No label is longer, by far.
const LONGEST_LABEL: usize = 64;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let (mut from, mut has_end) = (0, true);
    for at in memmem::find_iter(bytes, b"BEGIN ") {
        let Some(line) = line_around(bytes, from, at, b"BEGIN ") else {
            continue;
        };
        let is_private = bytes
            .get(line.clone())
            .is_some_and(|line| memmem::find(line, b"PRIVATE KEY").is_some());
        if !is_private {
            continue;
        }
        let end = has_end.then(|| end_behind(bytes, line.end)).flatten();
        has_end = end.is_some();
        let rest = bytes.get(line.end..).unwrap_or_default();
        if end.is_some() || begins_key(rest) {
            from = end.unwrap_or(bytes.len());
            found(line.start..from, Strength::Valid);
        }
    }
}

/// The dashes, the word at `at`, the label and the dashes.
fn line_around(bytes: &[u8], from: usize, at: usize, word: &[u8]) -> Option<Range<usize>> {
    let before = bytes.get(from..at)?;
    let space = usize::from(before.ends_with(b" "));
    let dashes = dashes_back(before.get(..before.len() - space)?);
    let label = bytes.get(at + word.len()..)?;
    let label = label.get(..label.len().min(LONGEST_LABEL))?;
    let length = memmem::find(label, RULE)?;
    let is_label = |byte: &u8| Alphabet::CAPITAL.has(*byte) || *byte == b' ';
    if !label.get(..length)?.iter().all(is_label) {
        return None;
    }
    let behind = at + word.len() + length;
    let rest = bytes.get(behind..)?;
    let more = rest
        .iter()
        .take(5)
        .take_while(|byte| **byte == b'-')
        .count();
    (dashes >= RULE.len()).then_some(at - space - dashes..behind + more)
}

fn dashes_back(text: &[u8]) -> usize {
    let backwards = text.iter().rev().take(5);
    backwards.take_while(|byte| **byte == b'-').count()
}

/// Where the next line that ends something ends.
fn end_behind(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memmem::find_iter(rest, b"END ")
        .find_map(|at| line_around(bytes, from, from + at, b"END ").map(|line| line.end))
}

/// Whether something follows that may be a key whose end has been cut off: base64, or a header of it.
fn begins_key(rest: &[u8]) -> bool {
    let is_gap = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\\';
    let gap = rest.iter().take_while(|byte| is_gap(byte)).count();
    let rest = rest.get(gap..).unwrap_or_default();
    // `\n` in letters.
    let rest = rest.strip_prefix(b"n").filter(|_| gap > 0).unwrap_or(rest);
    let start = rest.get(..rest.len().min(64)).unwrap_or_default();
    Alphabet::BASE64.run(start) >= 16 || start.starts_with(b"Proc-Type:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    const KEY: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";

    #[test]
    fn private_keys_are_found() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            for line in ["\n", "\r\n", "\\n", " ", ""] {
                let key = format!(
                    "-----BEGIN {label}-----{line}{KEY}{line}{KEY}{line}-----END {label}-----"
                );
                for text in [
                    key.clone(),
                    format!("key: {key}\n"),
                    format!("{{\"private_key\":\"{key}\",\"x\":1}}"),
                    format!("\u{201c}{key}\u{201d}"),
                ] {
                    assert_eq!(found(&PEM, &text), [&key], "{text}");
                }
                let two = format!("{key}\n-----BEGIN CERTIFICATE-----\n{KEY}\n{key}");
                assert_eq!(found(&PEM, &two), [&key, &key]);
                let wide = key.replace('-', "\u{2013}");
                assert_eq!(found(&PEM, &wide), [&wide]);
            }
        }
    }

    #[test]
    fn other_rules_are_found() {
        let key = format!(
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{KEY}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
        );
        assert_eq!(found(&PEM, &format!("a {key} b")), [&key]);
    }

    #[test]
    fn a_key_without_an_end_goes_to_the_end() {
        for start in ["", "\n", "\\n", "\\\\n", " ", "\nProc-Type: 4,ENCRYPTED\n"] {
            let key = format!("-----BEGIN RSA PRIVATE KEY-----{start}{KEY}\nand so on");
            assert_eq!(found(&PEM, &format!("x {key}")), [&key]);
        }
    }

    #[test]
    fn what_is_no_secret_is_left() {
        for text in [
            format!("-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----"),
            format!("-----BEGIN CERTIFICATE-----\n{KEY}\n-----END CERTIFICATE-----"),
            "A file that begins with -----BEGIN PRIVATE KEY----- is one.".to_owned(),
            format!("-----BEGIN <CERTIFICATE | PRIVATE KEY>-----\n{KEY}"),
            "-----BEGIN PRIVATE KEY".to_owned(),
            "BEGIN PRIVATE KEY\nEND PRIVATE KEY".to_owned(),
            "---------- PRIVATE KEY ----------".to_owned(),
            "----- BEGIN THE DAY -----".to_owned(),
            "[masked:credential]".to_owned(),
        ] {
            assert_eq!(found(&PEM, &text), [""; 0], "{text}");
        }
    }
}
