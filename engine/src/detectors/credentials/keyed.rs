//! Secrets that only a word beside them tells: `password: x`, `api_key = x`, `"secret":"x"`, `the
//! password is x`; and values whose member is named so.
//!
//! The word decides how much the value must look like a secret. Passwords have letters, and digits or
//! signs. What programs make has twelve characters, an entropy of three bits each (3.5 behind
//! `token`, which is said of much else), and is no row of words. Hexadecimal digits behind `token`
//! are more often an id.

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::alphabet::Alphabet;
use super::label::{Kind, kind_of_phrase};
use super::plausible;
use crate::Class;

pub(crate) const KEYED: Detector = Detector {
    name: "secret",
    class: Class::Credential,
    shapes: Shapes::LABEL.or(Shapes::EQUALS),
    words: &[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "secret key",
        "api key",
        "apikey",
        "access key",
        "private key",
        "signing key",
        "encryption key",
        "access token",
        "refresh token",
        "auth token",
        "bearer token",
        "session token",
        "api token",
        "id token",
        "security token",
        "credential",
        "credentials",
    ],
    find,
};

const IS: &[u8] = b" is ";

const SHORTEST: usize = 12;
const SHORTEST_PASSWORD: usize = 6;

/// Behind `is`, there is a digit among so many characters: [`Shapes::LABEL`].
const NEAR: usize = 16;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    if probe.named
        && let Some(range) = whole(bytes)
    {
        return found(range, Strength::Labelled);
    }
    let mut signs = memchr::memchr2_iter(b':', b'=', bytes).peekable();
    let mut verbs = memchr::memmem::find_iter(bytes, IS).peekable();
    let mut from = 0;
    loop {
        let (at, length) = match (signs.peek(), verbs.peek()) {
            (Some(sign), Some(verb)) if verb < sign => (verbs.next(), IS.len()),
            (None, Some(_)) => (verbs.next(), IS.len()),
            _ => (signs.next(), 1),
        };
        let Some(at) = at else { break };
        let value = (at >= from).then(|| behind(bytes, from, at..at + length));
        if let Some(range) = value.flatten() {
            from = range.end;
            found(range, Strength::Labelled);
        }
    }
}

/// The whole text, where the name of the member says that it is a secret.
fn whole(bytes: &[u8]) -> Option<Range<usize>> {
    let value = bytes.trim_ascii();
    let is_one = !value.iter().any(u8::is_ascii_whitespace);
    let is_secret =
        is_secret(value, Kind::Key) || value.len() >= 8 && is_secret(value, Kind::Password);
    let start = bytes.len() - bytes.trim_ascii_start().len();
    (is_one && is_secret).then_some(start..start + value.len())
}

/// The secret behind a sign, if the words before it say that one comes.
fn behind(bytes: &[u8], from: usize, sign: Range<usize>) -> Option<Range<usize>> {
    let rest = bytes.get(sign.end..)?;
    let before = bytes.get(from..sign.start)?;
    let near = before.last();
    let far = rest.first();
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    // Of a time, a ratio or an address.
    if far == Some(&b'/') || is_digit(near) && is_digit(far) && bytes.get(sign.start) == Some(&b':')
    {
        return None;
    }
    let around = before.iter().rev().take(6);
    let around = around
        .take_while(|byte| b" \"'`\\*)]".contains(byte))
        .count();
    let kind = kind_of_phrase(before.get(..before.len() - around)?)?;
    let gap = rest
        .iter()
        .take(8)
        .take_while(|byte| is_gap(**byte))
        .count();
    let quote = gap.checked_sub(1).and_then(|at| rest.get(at)).copied();
    let value = rest.get(gap..)?;
    let is_assigned = bytes.get(sign.start) == Some(&b'=');
    let length = length(value, kind, is_assigned, quote);
    let value = value.get(..length)?;
    let is_near = value.iter().take(NEAR).any(u8::is_ascii_digit);
    let start = sign.end + gap;
    ((sign.len() == 1 || is_near && gap == 0) && is_secret(value, kind))
        .then_some(start..start + length)
}

/// What may stand between a sign and a value.
fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"=>:\"'`\\*".contains(&byte)
}

fn length(text: &[u8], kind: Kind, is_assigned: bool, quote: Option<u8>) -> usize {
    let is_end = |byte: u8| {
        byte.is_ascii_whitespace()
            || b"\"`<>\\".contains(&byte)
            || byte == b'\'' && quote == Some(b'\'')
            || b";&,".contains(&byte) && (kind != Kind::Password || is_assigned)
    };
    let length = text.iter().take_while(|byte| !is_end(**byte)).count();
    let value = text.get(..length).unwrap_or_default();
    let around = value.iter().rev();
    length
        - around
            .take_while(|byte| b".,;:)]}'*".contains(byte))
            .count()
}

fn is_secret(value: &[u8], kind: Kind) -> bool {
    let judged = value.get(..value.len().min(plausible::JUDGED));
    let judged = judged.unwrap_or_default();
    if plausible::is_nothing(judged)
        || plausible::is_number(judged)
        || plausible::is_address(judged)
    {
        return false;
    }
    let is_made = |quarters| {
        value.len() >= SHORTEST
            && plausible::has_entropy(judged, quarters)
            && !plausible::words_only(judged)
    };
    match kind {
        Kind::Password => is_password(judged) || is_made(12),
        Kind::Key => is_made(12),
        Kind::Token => is_made(14) && !plausible::is_hex(judged),
        Kind::Signature => false,
    }
}

/// Letters, and digits or signs that words do not have.
fn is_password(value: &[u8]) -> bool {
    let has = |alphabet: Alphabet| value.iter().any(|byte| alphabet.has(*byte));
    let has_sign = value.iter().any(|byte| b"!@#$%^&*+?~|".contains(byte));
    let has_letter = has(Alphabet::LOWER) || has(Alphabet::UPPER) || !value.is_ascii();
    value.len() >= SHORTEST_PASSWORD && has_letter && (has(Alphabet::DIGIT) || has_sign)
}
