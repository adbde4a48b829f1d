//! Values in connection strings and in the queries of web addresses: `Password=…;`,
//! `AccountKey=…;`, `&sig=…`.
//!
//! Where a name that is that of a secret stands before `=`, what follows is one, however it looks, up
//! to `;`, `&` or white space (Microsoft, "Connection strings"; RFC 6749, section 2.3.1, for
//! `client_secret`; Azure Storage, "Shared access signatures", for `sig`).

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::label::{Kind, kind_of_name};
use super::plausible;
use crate::Class;

pub(crate) const CONNECTION: Detector = Detector {
    name: "connection-string",
    class: Class::Credential,
    shapes: Shapes::EQUALS,
    words: &["connection string", "connection strings", "dsn"],
    find,
};

/// A quoted value is no longer.
const LONGEST_QUOTED: usize = 512;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for at in memchr::memchr_iter(b'=', bytes) {
        if at < from {
            continue;
        }
        let name = bytes.get(from..at).unwrap_or_default();
        let value = kind_of_name(name).and_then(|kind| value(bytes, at + 1, kind));
        if let Some(range) = value {
            from = range.end;
            found(range, Strength::Labelled);
        }
    }
}

/// The value of that kind that begins there.
fn value(bytes: &[u8], start: usize, kind: Kind) -> Option<Range<usize>> {
    let rest = bytes.get(start..)?;
    let (skipped, length) = match rest.first()? {
        b'"' => (1, quoted(rest, b'"')?),
        b'\'' => (1, quoted(rest, b'\'')?),
        b'{' => (1, quoted(rest, b'}')?),
        _ => (0, bare(rest)),
    };
    let range = start + skipped..start + skipped + length;
    is_value(bytes.get(range.clone())?, kind).then_some(range)
}

fn quoted(rest: &[u8], quote: u8) -> Option<usize> {
    let inside = rest.get(1..rest.len().min(LONGEST_QUOTED))?;
    memchr::memchr(quote, inside)
}

fn bare(rest: &[u8]) -> usize {
    let is_end = |byte: u8| byte.is_ascii_whitespace() || b";&\"'<>`\\".contains(&byte);
    let length = rest.iter().take_while(|byte| !is_end(**byte)).count();
    let value = rest.get(..length).unwrap_or_default();
    // What stands around it in prose.
    let around = value.iter().rev();
    length - around.take_while(|byte| b".,:)]}".contains(byte)).count()
}

fn is_value(value: &[u8], kind: Kind) -> bool {
    let judged = value.get(..value.len().min(plausible::JUDGED));
    let judged = judged.unwrap_or_default();
    let is_code = plausible::is_code(judged) || judged.starts_with(b"/");
    let length = value.len();
    let is_digits = judged.iter().all(u8::is_ascii_digit);
    !plausible::is_reference(judged)
        && match kind {
            Kind::Password => {
                let says_none = plausible::is_nothing(judged) && !is_default(judged);
                length >= 3 && !says_none && !is_code && !(is_digits && length < 4)
            }
            Kind::Key => length >= 6 && !plausible::is_nothing(judged) && !is_code && !is_digits,
            Kind::Token => false,
            Kind::Signature => length >= 20,
        }
}

/// Passwords that stand in documents, and on systems.
fn is_default(value: &[u8]) -> bool {
    [b"changeme".as_slice(), b"password", b"secret", b"example"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}
