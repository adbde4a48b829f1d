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
    shapes: Shapes::LABEL.or(Shapes::EQUALS).or(Shapes::SIGN),
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
    let mut signs = memchr::memchr3_iter(b':', b'=', b'>', bytes).peekable();
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
    // `passwordPolicy` and `secretName` have names.
    let is_name = plausible::words_only(value) && !Alphabet::ALNUM.is_all(value);
    let is_secret = is_secret(value, Kind::Key)
        || value.len() >= 8 && !is_name && is_secret(value, Kind::Password);
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
    if bytes.get(sign.start) == Some(&b'>') && !is_tag(before) {
        return None;
    }
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
    let is_end = |byte: u8| {
        byte.is_ascii_whitespace()
            || b"\"`<>\\".contains(&byte)
            || byte == b'\'' && quote == Some(b'\'')
            || b";&,".contains(&byte) && (kind != Kind::Password || is_assigned)
    };
    let is_sign = sign.len() == 1;
    let is_secret = |value: &[u8]| {
        let is_near = value.iter().take(NEAR).any(u8::is_ascii_digit);
        (is_sign || is_near && gap == 0) && is_secret(value, kind)
    };
    let start = sign.end + gap;
    let length = plausible::secret_length(value, is_end, b".,;:)]}'*", is_secret)?;
    Some(start..start + length)
}

/// Whether the text ends with a tag, but for its end: `<password`.
fn is_tag(text: &[u8]) -> bool {
    let length = Alphabet::DOTTED.run_back(text);
    let before = text.get(..text.len() - length).unwrap_or_default();
    let space = before.strip_suffix(b":").unwrap_or_default();
    let space = space.get(..space.len() - Alphabet::DOTTED.run_back(space));
    before.ends_with(b"<") || space.is_some_and(|space| space.ends_with(b"<"))
}

/// What may stand between a sign and a value.
fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"=>:\"'`\\*".contains(&byte)
}

fn is_secret(value: &[u8], kind: Kind) -> bool {
    if plausible::is_nothing(value) || plausible::is_number(value) || plausible::is_address(value) {
        return false;
    }
    let is_made = |quarters| {
        value.len() >= SHORTEST
            && plausible::has_entropy(value, quarters)
            && !plausible::words_only(value)
    };
    match kind {
        Kind::Password => is_password(value) || is_made(12),
        Kind::Key => is_made(12),
        Kind::Token => is_made(14) && !plausible::is_hex(value),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::{found, found_under};

    #[test]
    fn secrets_are_found() {
        for (text, expected) in [
            ("password: hunter2", &["hunter2"][..]),
            ("Password: Summer2024!, please", &["Summer2024!"]),
            ("the password is Tr0ub4dor&3.", &["Tr0ub4dor&3"]),
            ("password for the portal: Tr0ub4dor", &["Tr0ub4dor"]),
            ("Passwords change; password2: abc123", &["abc123"]),
            ("**Password:** abc123", &["abc123"]),
            ("pwd => 'abc123'", &["abc123"]),
            ("<password>abc123</password>", &["abc123"]),
            ("<a:password>abc123</a:password>", &["abc123"]),
            ("passphrase: correct!horse", &["correct!horse"]),
            ("{\"user\":\"a\",\"password\":\"abc123\"}", &["abc123"]),
            ("{\\\"password\\\":\\\"abc123\\\"}", &["abc123"]),
            (
                "password hash: $2b$12$abcdefghijklmnopqrstuv",
                &["$2b$12$abcdefghijklmnopqrstuv"],
            ),
            (
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                &["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"],
            ),
            ("api_key: 0f3a9c7b5e1d4f2a8b6c", &["0f3a9c7b5e1d4f2a8b6c"]),
            ("apiKey=Zm3kQ9xw72Lp; x", &["Zm3kQ9xw72Lp"]),
            (
                "X-API-Key: 8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
                &["8b0484cd-3dbd-8b8d-1b72-a32f74a5a846"],
            ),
            ("client secret is Zm3kQ9xw72LpQq", &["Zm3kQ9xw72LpQq"]),
            (
                "access token: Zm3k.Q9xw-72Lp_Qqv8",
                &["Zm3k.Q9xw-72Lp_Qqv8"],
            ),
            ("token=\"Zm3kQ9xw72LpQqv8\"", &["Zm3kQ9xw72LpQqv8"]),
            ("private key: Zm3kQ9xw72LpQqv8", &["Zm3kQ9xw72LpQqv8"]),
            ("password\u{ff1a} hunter\u{ff12}", &["hunter\u{ff12}"]),
            ("password: abc123\npassword: def456", &["abc123", "def456"]),
        ] {
            assert_eq!(found(&KEYED, text), expected, "{text}");
        }
    }

    #[test]
    fn names_of_members_count() {
        for (name, text) in [
            ("password", "Summer2024"),
            ("clientSecret", "Zm3kQ9xw72Lp"),
            ("apiKey", "8b0484cd-3dbd-8b8d-1b72-a32f74a5a846"),
            ("refresh_token", "Zm3kQ9xw72Lp"),
            ("db.password", "pa$$w0rd!"),
        ] {
            assert_eq!(found_under(&KEYED, name, text), [text], "{name}");
        }
        for (name, text) in [
            ("passwordResetUrl", "https://example.org/reset/Zm3kQ9xw72Lp"),
            ("passwordChanged", "2024-05-16T04:15:28.343Z"),
            ("secretName", "database-credentials-v2"),
            ("apiKeyCount", "123456789012"),
            ("privateKeyPath", "/etc/ssl/private/key2.pem"),
            ("nextPageToken", "Zm3kQ9xw72LpQqv8"),
            ("author", "Zm3kQ9xw72LpQqv8"),
            ("tokenizer", "Zm3kQ9xw72LpQqv8"),
            ("passport", "Zm3kQ9xw72LpQqv8"),
            ("password", "[masked:credential]"),
        ] {
            assert_eq!(found_under(&KEYED, name, text), [""; 0], "{name}");
        }
    }

    #[test]
    fn what_only_stands_for_a_secret_is_left() {
        for text in [
            "password: changeme",
            "password: ${DB_PASSWORD_2}",
            "password: $PASSWORD",
            "password: <password1>",
            "password: {{ password1 }}",
            "password: [masked:credential]",
            "password: null, token: true",
            "password: xxxxxxxxxxxx",
            "password: ************",
            "password: required",
            "password: must-be-changed",
            "password = os.environ[\"PASSWORD1\"]",
            "password = config.database.password",
            "password = get_password1()",
            "api_key: your-api-key-goes-here",
            "secret: a-name-of-words-only-v2",
            "secret is well-established",
            "password is required for 2 users",
        ] {
            assert_eq!(found(&KEYED, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn other_texts_are_left() {
        for text in [
            "nextPageToken: Zm3kQ9xw72LpQqv8",
            "next page token: Zm3kQ9xw72LpQqv8",
            "continuation_token=Zm3kQ9xw72LpQqv8",
            "author: Zm3kQ9xw72LpQqv8",
            "authority: Zm3kQ9xw72LpQqv8",
            "tokenizer: Zm3kQ9xw72LpQqv8",
            "passport: Zm3kQ9xw72LpQqv8",
            "secretary: Zm3kQ9xw72LpQqv8",
            "public key: Zm3kQ9xw72LpQqv8",
            "key: Zm3kQ9xw72LpQqv8",
            "token: 8b0484cd-3dbd-8b8d-1b72-a32f74a5a846",
            "token: 9f86d081884c7d659a2feaa0c55ad015",
            "token type: urn:ietf:params:oauth:token-type:access_token",
            "password expires: 2024-05-16T04:15:28Z",
            "password: 12:30",
            "secret: https://example.org/a1b2c3d4e5f6",
            "password: /etc/shadow",
            "token: 1579613145000",
            "The token bucket holds 5000 tokens: 2000 are used",
            "urn:oid:2.16.840.1.113883.4.3.25",
            "LOINC: 8302-2 Body height",
            "Zm3kQ9xw72LpQqv8",
            "passwords > Zm3kQ9xw72LpQqv8",
            "</password>Zm3kQ9xw72LpQqv8",
        ] {
            assert_eq!(found(&KEYED, text), [""; 0], "{text}");
        }
    }
}
