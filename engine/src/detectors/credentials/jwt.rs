//! JSON Web Tokens: JWS and JWE in compact form (RFC 7515, section 7.1; RFC 7516, section 7.1), and
//! unsecured ones (RFC 7519, section 6); and all of that in base64 once more.
//!
//! What decides is the header: base64url of a JSON object with `alg`. All of the token is masked: its
//! claims are about a person, and its signature opens something.

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::alphabet::Alphabet;
use crate::Class;

pub(crate) const JWT: Detector = Detector {
    name: "jwt",
    class: Class::Credential,
    shapes: Shapes::LONG.or(Shapes::TOKEN),
    words: &["jwt", "id token", "access token", "bearer"],
    find,
};

/// A shorter header has neither shape.
const SHORTEST: usize = 16;

/// Of a longer header, which may hold certificates, only the end is looked at for a beginning.
const LONGEST: usize = 1 << 14;

/// So much of what is in base64 twice has to be a token.
const SAMPLE: usize = 400;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for dot in memchr::memchr_iter(b'.', bytes) {
        if let Some(range) = (dot >= from).then(|| token(bytes, from, dot)).flatten() {
            from = range.end;
            found(range, Strength::Valid);
        }
    }
    find_encoded(bytes, found);
}

/// The token whose header ends at that dot.
fn token(bytes: &[u8], from: usize, dot: usize) -> Option<Range<usize>> {
    let payload = Alphabet::BASE64URL.run(bytes.get(dot + 1..)?);
    let is_detached = bytes.get(dot + 1) == Some(&b'.');
    if payload < 2 && !is_detached {
        return None;
    }
    let before = bytes.get(from.max(dot.saturating_sub(LONGEST))..dot)?;
    let run = Alphabet::BASE64URL.run_back(before);
    let before = before.get(before.len() - run..)?;
    let start = header_start(before)?;
    let mut end = dot + 1 + payload;
    // Up to five parts; those in the middle may be empty.
    for _ in 2..5 {
        let rest = bytes.get(end..)?;
        let dots = rest.iter().take_while(|byte| **byte == b'.').count();
        let part = Alphabet::BASE64URL.run(rest.get(dots..)?);
        if part == 0 || !(1..=2).contains(&dots) {
            break;
        }
        end += dots + part;
    }
    (end > dot + 1).then_some(dot - run + start..end)
}

/// Where in this text, which ends as a header does, the header begins: it may be glued to a word.
fn header_start(text: &[u8]) -> Option<usize> {
    let is_start = |at: usize| text.get(at..).is_some_and(is_header);
    if is_start(0) {
        return Some(0);
    }
    let is_glued = |at: &usize| *at > 0 && matches!(text.get(at + 1), Some(b'y' | b'w'));
    let mut few = memchr::memchr_iter(b'e', text).filter(is_glued).take(8);
    few.find(|at| is_start(*at))
}

/// Base64url of a JSON object with an algorithm.
fn is_header(text: &[u8]) -> bool {
    // `{` and then a quote or white space.
    let begins = matches!(text, [b'e', b'y' | b'w', ..]);
    let is_seen = text.len() >= 20 || text.iter().any(u8::is_ascii_digit);
    begins
        && is_seen
        && text.len() >= SHORTEST
        && decoded(text).is_some_and(|json| {
            json.trim_ascii_end().ends_with(b"}")
                && memchr::memmem::find(&json, b"\"alg\"").is_some()
        })
}

/// What the base64 or base64url stands for, with or without padding.
pub(super) fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let text = text.get(..text.len() - padding)?;
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for byte in group {
            bits = bits << 6 | u32::from(sextet(*byte)?);
        }
        let [_, a, b, c] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        let whole = match group.len() {
            4 => 3,
            length => length.checked_sub(1).filter(|length| *length > 0)?,
        };
        out.extend([a, b, c].iter().take(whole));
    }
    Some(out)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// `ZXlK` is `eyJ` in base64.
fn find_encoded(bytes: &[u8], found: &mut Found<'_>) {
    let alphabet = Alphabet::BASE64;
    let mut from = 0;
    for at in memchr::memmem::find_iter(bytes, b"ZXlK") {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        if at < from || before.is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let run = alphabet.run(rest.get(..rest.len().min(SAMPLE)).unwrap_or_default());
        if rest.get(..run).is_some_and(is_token_in_base64) {
            from = at + alphabet.run(rest);
            found(at..from, Strength::Valid);
        }
    }
}

fn is_token_in_base64(sample: &[u8]) -> bool {
    decoded(sample).is_some_and(|token| {
        let mut parts = token.split(|byte| *byte == b'.');
        let header = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default();
        let is_base64 = |part: &[u8]| Alphabet::BASE64URL.run(part) == part.len();
        rest.len() >= 2 && is_base64(rest) && is_header(header)
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{base64, jwt};
    use super::*;
    use crate::detectors::tests::found;

    /// A token with as many parts behind the header and the payload.
    fn token(header: &str, parts: usize) -> String {
        jwt(
            header,
            r#"{"sub":"1234567890","name":"Ann Lee"}"#,
            parts,
            &mut |below| below / 3,
        )
    }

    const SIGNED: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    #[test]
    fn tokens_are_found() {
        let long = format!(r#"{{"alg":"RS256","x5c":["{}"]}}"#, "MIIB".repeat(700));
        for (header, parts) in [
            (SIGNED, 1),
            (r#"{"alg":"none"}"#, 0),
            (r#"{"typ":"JWT","alg":"EdDSA","kid":"1"}"#, 1),
            (r#"{ "alg" : "ES256" }"#, 1),
            ("{\n  \"alg\": \"PS512\"\n}", 1),
            (r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#, 3),
            (&long, 1),
        ] {
            let token = token(header, parts);
            for text in [
                token.clone(),
                format!("Bearer {token}"),
                format!("id_token={token}&x=1"),
                format!("it is {token}. Then"),
                format!("token{token}\n"),
                format!("\u{2018}{token}\u{2019}"),
            ] {
                assert_eq!(found(&JWT, &text), [&token], "{text}");
            }
            let two = format!("{token} {token}");
            assert_eq!(found(&JWT, &two), [&token, &token]);
        }
    }

    #[test]
    fn parts_may_be_empty() {
        let (header, tail) = (base64(SIGNED.as_bytes()), "q1".repeat(22));
        let detached = format!("{header}..{tail}");
        assert_eq!(found(&JWT, &detached), [&detached]);
        let direct = format!(
            "{}..{tail}.{tail}.{tail}",
            base64(br#"{"alg":"dir","enc":"x"}"#)
        );
        assert_eq!(found(&JWT, &direct), [&direct]);
        assert_eq!(found(&JWT, &format!("{header}. {tail}")), [""; 0]);
    }

    #[test]
    fn tokens_in_base64_are_found() {
        let twice = base64(token(SIGNED, 1).as_bytes());
        for text in [
            twice.clone(),
            format!("x={twice}== y"),
            format!("\"{twice}\""),
        ] {
            let finds = found(&JWT, &text);
            assert!(
                matches!(&finds[..], [find] if find.starts_with(&twice)),
                "{finds:?}"
            );
        }
        let other = base64(format!("eyJ {SIGNED}").as_bytes());
        assert_eq!(found(&JWT, &other), [""; 0]);
    }

    #[test]
    fn what_is_no_token_is_left() {
        for text in [
            base64(SIGNED.as_bytes()),
            format!(
                "{}.{}",
                base64(br#"{"typ":"JWT","kid":"12"}"#),
                base64(b"{}x1234")
            ),
            format!("{}.abcdef.ghi", &base64(SIGNED.as_bytes())[..30]),
            "eyJhbGciOiJIUzI1NiJ9".to_owned(),
            "eyJ0.eyJ1.x".to_owned(),
            "www.example.org/a.b.c".to_owned(),
            "1.2.840.113619.2.55.3".to_owned(),
            "[masked:credential].[masked:credential]".to_owned(),
            "ZXlK".repeat(40),
            "eyJ".repeat(40),
        ] {
            assert_eq!(found(&JWT, &text), [""; 0], "{text}");
        }
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9vYg", Some(b"foob")),
            ("_-8", Some(b"\xFF\xEF")),
            ("/+8=", Some(b"\xFF\xEF")),
            ("Z", None),
            ("Zm9 v", None),
        ] {
            assert_eq!(decoded(text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}
