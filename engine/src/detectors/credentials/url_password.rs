//! Passwords in web addresses and other URIs: `user:password` before the `@` (RFC 3986, section
//! 3.2.1), and in the data source names of Go's drivers (`user:password@tcp(`).
//!
//! The user goes with the password. A password with an unescaped slash is found where what stands
//! before the slash is no port.

use std::ops::Range;

use super::super::{Detector, Found, Probe, Shapes, Strength};
use super::plausible;
use crate::Class;

pub(crate) const URL_PASSWORD: Detector = Detector {
    name: "url-password",
    class: Class::Credential,
    shapes: Shapes::URL.or(Shapes::SIGN),
    words: &["dsn", "connection string", "connection uri", "database url"],
    find,
};

/// No user with a password is longer.
const LONGEST: usize = 512;

/// Nor one that is looked for where it need not be.
const LONGEST_ODD: usize = 128;

fn find(probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    let mut from = 0;
    for at in memchr::memmem::find_iter(bytes, b"://") {
        if at < from {
            continue;
        }
        if let Some(range) = user_info(bytes, at + 3) {
            from = range.end;
            found(range, Strength::Valid);
        }
    }
    for at in memchr::memchr_iter(b'@', bytes) {
        if let Some(range) = data_source(bytes, at) {
            found(range, Strength::Valid);
        }
    }
}

/// The user and the password of an address whose authority begins there.
fn user_info(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let before = bytes.get(..start - 3)?.last()?;
    let rest = bytes.get(start..)?;
    let rest = rest.get(..rest.len().min(LONGEST))?;
    let authority = rest.iter().take_while(|byte| !is_end(**byte)).count();
    let authority = rest.get(..authority)?;
    let length = match memchr::memrchr(b'@', authority) {
        Some(length) => length,
        None => behind_slash(rest, authority)?,
    };
    let is_scheme = before.is_ascii_alphanumeric();
    (is_scheme && has_password(rest.get(..length)?)).then_some(start..start + length)
}

/// Where the `@` is behind a password with a slash.
fn behind_slash(rest: &[u8], authority: &[u8]) -> Option<usize> {
    let (_, port) = split(authority)?;
    if port.is_empty() || port.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_over = |byte: &u8| is_space_or_quote(*byte);
    let rest = rest.get(..rest.len().min(LONGEST_ODD))?;
    let length = rest.iter().take_while(|byte| !is_over(byte)).count();
    memchr::memchr(b'@', rest.get(..length)?)
}

/// `user:password@tcp(host:3306)/name`
fn data_source(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let behind = bytes.get(at + 1..)?;
    if !behind.starts_with(b"tcp(") && !behind.starts_with(b"unix(") {
        return None;
    }
    let before = bytes.get(at.saturating_sub(LONGEST_ODD)..at)?;
    let is_inside = |byte: &u8| !is_space_or_quote(*byte) && *byte != b'=';
    let length = before
        .iter()
        .rev()
        .take_while(|byte| is_inside(byte))
        .count();
    let info = before.get(before.len() - length..)?;
    // With a scheme it has been found already.
    let has_scheme = memchr::memmem::find(info, b"://").is_some();
    (has_password(info) && !has_scheme).then_some(at - length..at)
}

fn has_password(info: &[u8]) -> bool {
    split(info).is_some_and(|(user, password)| {
        !user.starts_with(b"[") && !plausible::is_reference(password) && !password.is_empty()
    })
}

fn split(info: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', info)?;
    Some((info.get(..colon)?, info.get(colon + 1..)?))
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#') || is_space_or_quote(byte)
}

fn is_space_or_quote(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn passwords_are_found() {
        for (text, expected) in [
            ("postgres://ann:s3cret@db.example/x", &["ann:s3cret"][..]),
            ("https://ann:pw@example.org", &["ann:pw"]),
            ("redis://:hunter2@cache:6379/0", &[":hunter2"]),
            ("amqps://a:b@h, mongodb+srv://c:d@h", &["a:b", "c:d"]),
            ("jdbc:mysql://u:p@host/db", &["u:p"]),
            ("ftp://ann:p@ss@host", &["ann:p@ss"]),
            ("smb://a:b%40c@host", &["a:b%40c"]),
            ("postgres://ann:pa/ss@host/db", &["ann:pa/ss"]),
            (
                "https://x-access-token:abc@git.example/a/b.git",
                &["x-access-token:abc"],
            ),
            ("\"http://ann:1234@[::1]:80/\"", &["ann:1234"]),
            ("https://a?next=https://b:c@d", &["b:c"]),
            ("\u{201c}ssh://\u{e9}:pw@h\u{201d}", &["\u{e9}:pw"]),
            ("ann:secret@tcp(db:3306)/x", &["ann:secret"]),
            (
                "dsn=ann:secret@unix(/tmp/x)/y http://c:d@e",
                &["ann:secret", "c:d"],
            ),
        ] {
            assert_eq!(found(&URL_PASSWORD, text), expected, "{text}");
        }
    }

    #[test]
    fn other_addresses_are_left() {
        for text in [
            "https://example.org:8080/a@b",
            "https://example.org/@ann:x",
            "https://example.org:/@ann",
            "https://example.org?at=x:y@z",
            "git+ssh://git@git.example/a",
            "ssh://git:@host",
            "ann:b@example.org",
            "mailto:ann@example.org",
            "urn:uuid:8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "https://ann:${PASSWORD}@host",
            "https://ann:$DB_PASSWORD@host",
            "https://ann:<password>@host",
            "https://ann:***@host",
            "https://ann:{{password}}@host",
            "https://[masked:credential]@host",
            "http://[::1]:80/@",
            "://a:b@c",
            "ratio 1:2@3",
        ] {
            assert_eq!(found(&URL_PASSWORD, text), [""; 0], "{text}");
        }
    }
}
