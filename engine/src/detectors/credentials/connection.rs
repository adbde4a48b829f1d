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
    let is_secret = |value: &[u8]| is_value(value, kind);
    let quote = match rest.first()? {
        b'{' => Some(b'}'),
        quote @ (b'"' | b'\'') => Some(*quote),
        _ => None,
    };
    if let Some(inside) = quote.and_then(|quote| quoted(rest, quote)) {
        return is_secret(inside).then_some(start + 1..start + 1 + inside.len());
    }
    let length = plausible::secret_length(rest, is_end, b".,:)]}", is_secret)?;
    Some(start..start + length)
}

fn quoted(rest: &[u8], quote: u8) -> Option<&[u8]> {
    let inside = rest.get(1..rest.len().min(LONGEST_QUOTED))?;
    inside.get(..memchr::memchr(quote, inside)?)
}

fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b";&\"'<>`\\".contains(&byte)
}

fn is_value(value: &[u8], kind: Kind) -> bool {
    let is_code = plausible::is_code(value) || value.starts_with(b"/");
    let length = value.len();
    let is_digits = value.iter().all(u8::is_ascii_digit);
    !plausible::is_reference(value)
        && match kind {
            Kind::Password => {
                let says_none = plausible::is_nothing(value) && !is_default(value);
                let is_flag = is_digits && length < 4;
                length >= 3 && !says_none && !is_code && !is_flag
            }
            Kind::Key => length >= 6 && !plausible::is_nothing(value) && !is_code && !is_digits,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::found;

    #[test]
    fn values_are_found() {
        let key = format!("{}==", "aB3/".repeat(21) + "xY");
        let account = format!("AccountName=a;AccountKey={key};EndpointSuffix=x");
        let shared = format!("Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={key}");
        let signature = "aB3%2Fc".repeat(6);
        let sas = format!("https://x.blob.core.windows.net/y?sv=2022&sig={signature}&se=1");
        for (text, expected) in [
            ("Server=a;User Id=sa;Password=hunter2;", &["hunter2"][..]),
            ("Server=a;Pwd=p@ss, word;Database=b", &["p@ss"]),
            ("Password=\"a;b\";x=1", &["a;b"]),
            ("PWD={a;b};x=1", &["a;b"]),
            ("PWD={abc", &["{abc"]),
            ("password='it is';", &["it is"]),
            ("jdbc:x://h/d?user=a&password=abc&ssl=1", &["abc"]),
            ("host=h dbname=d password=abc sslmode=x", &["abc"]),
            ("passwd=changeme", &["changeme"]),
            ("client_id=a&client_secret=b7-xyz&x=1", &["b7-xyz"]),
            ("DB_PASSWORD=Summer2024\nX=1", &["Summer2024"]),
            ("(password=abc).", &["abc"]),
            ("spring.datasource.password=abc", &["abc"]),
            ("password=\u{fc}ber7", &["\u{fc}ber7"]),
            ("a password\u{ff1d}abc", &["abc"]),
            (
                "?X-Amz-Signature=0123456789abcdef0123&y",
                &["0123456789abcdef0123"],
            ),
            ("password=a1b;password=c2d", &["a1b", "c2d"]),
            (&account, &[&key]),
            (&shared, &[&key]),
            (&sas, &[&signature]),
        ] {
            assert_eq!(found(&CONNECTION, text), expected, "{text}");
        }
    }

    #[test]
    fn other_values_are_left() {
        for text in [
            "author=ann&authority=x&tokenizer=y&passport=123456",
            "pageToken=abcdef0123456789&token=abcdef",
            "password=",
            "password==x",
            "password=[masked:credential]",
            "password=${PASSWORD}",
            "password=$PASSWORD",
            "password=<password>",
            "password=****",
            "password=None",
            "password=true",
            "password=os.environ[1]",
            "password=self.password",
            "password=get_password()",
            "showPassword=1",
            "pwd=/home/ann",
            "type=password",
            "credentials=include",
            "accesskey=\"s\"",
            "secret=false",
            "sig=abc",
            "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "Patient?identifier=http://hl7.org/fhir/sid/us-npi|9999975091",
        ] {
            assert_eq!(found(&CONNECTION, text), [""; 0], "{text}");
        }
    }
}
