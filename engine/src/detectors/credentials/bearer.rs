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
        && (has(Alphabet::DIGIT) || is_mixed || value.len() >= 16)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn credentials_are_found() {
        for (text, expected) in [
            ("Bearer abcDEF0123456789xyz", &["abcDEF0123456789xyz"][..]),
            (
                "bearer  mF_9.B5f-4.1JqM01234567aB89",
                &["mF_9.B5f-4.1JqM01234567aB89"],
            ),
            ("Authorization: Bearer abc123", &["abc123"]),
            (
                "authorization: bearer opaqueTokenValue.",
                &["opaqueTokenValue"],
            ),
            ("{\"Authorization\":\"Bearer abc123\"}", &["abc123"]),
            ("-H 'Authorization: token 0a1b2c3d' x", &["0a1b2c3d"]),
            ("Proxy-Authorization: Basic YTpi", &["YTpi"]),
            ("Basic dXNlcjpwdw==", &["dXNlcjpwdw=="]),
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, and",
                &["QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
            ),
            ("Basic w7xzZXI6cMOkc3M=", &["w7xzZXI6cMOkc3M="]),
            ("ApiKey abcdef0123456789ABCDEF", &["abcdef0123456789ABCDEF"]),
            ("authorization=Api-Key abc123", &["abc123"]),
            ("Authorization: Bearer\u{a0}abc123", &["abc123"]),
            (
                "Bearer abcDEF0123456789xyz or Bearer abcDEF0123456789xyy",
                &["abcDEF0123456789xyz", "abcDEF0123456789xyy"],
            ),
        ] {
            assert_eq!(found(&AUTHORIZATION, text), expected, "{text}");
        }
        for name in ["authorization", "Proxy-Authorization", "auth"] {
            assert_eq!(
                found_under(&AUTHORIZATION, name, "Bearer abc123"),
                ["abc123"]
            );
            assert_eq!(found_under(&AUTHORIZATION, name, "Basic YTpi"), ["YTpi"]);
        }
    }

    #[test]
    fn prose_is_left() {
        for text in [
            "Bearer of bad news",
            "the bearer token is opaque",
            "Basic metabolic panel 2000 with calcium",
            "Basic information",
            "Basic Life support",
            "Token ring networks since 1985",
            "Bearer authentication-with-oauth2",
            "Authorization: Bearer <token>",
            "Authorization: Bearer ${TOKEN}",
            "Authorization: Bearer [masked:credential]",
            "Authorization: Bearer token",
            "Authorization: Basic authentication",
            "forbearer abcDEF0123456789xyz",
            "Bearer 8",
            "Bearer",
            "Bearer ",
            "basic 2.16.840.1.113883.4.3.25",
        ] {
            assert_eq!(found(&AUTHORIZATION, text), [""; 0], "{text}");
        }
    }
}
