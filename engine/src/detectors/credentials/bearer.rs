//! Values of an `Authorization` header (RFC 9110, section 11.4): `Bearer x` (RFC 6750), `Basic x`
//! (RFC 7617), `Token x`, `ApiKey x`. The credential is found, the scheme stays.
//!
//! Behind the name of the header nearly anything is one. Elsewhere it has to look like one: people
//! write of token rings and basic panels.

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::alphabet::Alphabet;
use super::jwt::decoded;
use super::label::kind_of_phrase;
use super::plausible;
use crate::Class;

pub(crate) const AUTHORIZATION: Detector = Detector {
    name: "authorization",
    class: Class::Credential,
    shapes: SHAPES,
    words: &["authorization", "auth", "auth header"],
    find,
};

const SHAPES: Shapes = Shapes::LONG
    .or(Shapes::TOKEN)
    .or(Shapes::EQUALS)
    .or(Shapes::LABEL);

const SCHEMES: &[&[u8]] = &[b"bearer", b"basic", b"token", b"apikey", b"api-key"];

/// So much of a credential is judged.
const JUDGED: usize = 512;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for space in memchr::memchr_iter(b' ', bytes) {
        let last = space.checked_sub(1).and_then(|at| bytes.get(at));
        let is_scheme = matches!(
            last,
            Some(b'r' | b'c' | b'n' | b'y' | b'R' | b'C' | b'N' | b'Y')
        );
        if !is_scheme || space < from {
            continue;
        }
        if let Some((range, strength)) = credential(probe, space) {
            from = range.end;
            found(range, strength);
        }
    }
}

/// The credential behind the space behind a scheme.
fn credential(probe: &Probe<'_>, space: usize) -> Option<(Range<usize>, Strength)> {
    let bytes = probe.bytes();
    let before = bytes.get(..space)?;
    let scheme = SCHEMES.iter().find(|scheme| ends_with(before, scheme))?;
    let start = space
        + bytes
            .get(space..)?
            .iter()
            .take(4)
            .take_while(|b| **b == b' ')
            .count();
    let rest = bytes.get(start..)?;
    let run = Alphabet::TOKEN68.run(rest);
    let value = rest.get(..run)?;
    let dots = value.iter().rev().take_while(|byte| **byte == b'.').count();
    let value = value.get(..run - dots)?;
    let judged = value.get(..value.len().min(JUDGED))?;
    let range = start..start + value.len();
    let is_header = probe.named || is_header(before.get(..before.len() - scheme.len())?);
    let is_credential = if *scheme == b"basic" {
        is_pair(judged)
    } else if is_header {
        is_token(judged)
    } else {
        is_token(judged)
            && judged.len() >= 16
            && has_digit(judged)
            && !plausible::words_only(judged)
    };
    let is_seen = is_header || Shapes::of(value).meets(SHAPES);
    let strength = if is_header {
        Strength::Labelled
    } else {
        Strength::Valid
    };
    (is_credential && is_seen).then_some((range, strength))
}

fn ends_with(text: &[u8], word: &[u8]) -> bool {
    let start = text.len().checked_sub(word.len());
    let there = start.and_then(|start| text.split_at_checked(start));
    there.is_some_and(|(before, end)| {
        end.eq_ignore_ascii_case(word) && !before.last().is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// Whether the name of the header stands at the end, with a sign behind it.
fn is_header(text: &[u8]) -> bool {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'\\');
    let trimmed = |text: &[u8]| {
        let around = text
            .iter()
            .rev()
            .take(6)
            .take_while(|b| is_around(b))
            .count();
        text.len() - around
    };
    let text = text.get(..trimmed(text)).unwrap_or_default();
    let Some(before) = text.strip_suffix(b":").or(text.strip_suffix(b"=")) else {
        return false;
    };
    let before = before.get(..trimmed(before)).unwrap_or_default();
    kind_of_phrase(before).is_some() || ends_with(before, b"auth")
}

fn has_digit(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit)
}

fn is_token(value: &[u8]) -> bool {
    let has = |alphabet: Alphabet| value.iter().any(|byte| alphabet.has(*byte));
    let is_mixed = has(Alphabet::UPPER) && has(Alphabet::LOWER) && !plausible::words_only(value);
    value.len() >= 6
        && !plausible::is_nothing(value)
        && (has(Alphabet::DIGIT) || is_mixed || value.len() >= 20)
}

/// A user and a password in base64.
fn is_pair(value: &[u8]) -> bool {
    value.len() >= 4
        && decoded(value).is_some_and(|pair| {
            let is_text = |byte: &u8| *byte >= 0x80 || !byte.is_ascii_control();
            pair.iter().all(is_text)
                && str::from_utf8(pair.get(..pair.len().min(64)).unwrap_or_default())
                    .map_or_else(|error| error.error_len().is_none(), |_| true)
                && memchr::memchr(b':', &pair).is_some()
        })
}
