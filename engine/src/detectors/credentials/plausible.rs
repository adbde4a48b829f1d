//! Whether a value can be a secret: what stands where one would stand is often something else.

use super::alphabet::Alphabet;

/// Values that say that there is none, or that it is somewhere else.
const NOTHING: &[&str] = &[
    "null",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "empty",
    "required",
    "optional",
    "string",
    "text",
    "hidden",
    "redacted",
    "removed",
    "masked",
    "changeme",
    "password",
    "secret",
    "token",
    "example",
    "placeholder",
    "include",
    "omit",
    "same-origin",
];

/// How many bytes of a value are judged.
const JUDGED: usize = 128;

/// The length of the value at the start of the text, if it is a secret: up to what ends it, without
/// what may stand around it.
pub(super) fn secret_length(
    text: &[u8],
    is_end: impl Fn(u8) -> bool,
    around: &[u8],
    is_secret: impl FnOnce(&[u8]) -> bool,
) -> Option<usize> {
    let run = |text: &[u8]| text.iter().take_while(|byte| !is_end(**byte)).count();
    let trimmed = |length| {
        let value: &[u8] = text.get(..length).unwrap_or_default();
        let behind = value.iter().rev();
        length - behind.take_while(|byte| around.contains(byte)).count()
    };
    // What is refused is looked at again where the next name stands: not at all of it.
    let near = run(text.get(..text.len().min(JUDGED))?);
    is_secret(text.get(..trimmed(near))?).then(|| match near {
        JUDGED => trimmed(run(text)),
        near => trimmed(near),
    })
}

/// Whether the value only stands for one: a placeholder, a variable, a call, a word that says so.
pub(super) fn is_nothing(value: &[u8]) -> bool {
    let is_one = value
        .first()
        .is_some_and(|first| value.iter().all(|byte| byte == first));
    let is_word = NOTHING
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word.as_bytes()));
    let starts = |start: &[u8]| {
        let there = value.get(..start.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(start))
    };
    let is_told = [b"your".as_slice(), b"my-", b"my_", b"xxxx"]
        .iter()
        .any(|start| starts(start))
        && !value.iter().any(u8::is_ascii_digit);
    is_reference(value) || is_one || is_word || is_told || is_code(value)
}

/// Whether the value names what is put there later: `${NAME}`, `$NAME`, `{{name}}`, `<name>`, `%s`;
/// or it is a placeholder of ours.
pub(super) fn is_reference(value: &[u8]) -> bool {
    const MARKS: &[&[u8]] = &[
        b"${",
        b"$(",
        b"<",
        b"{{",
        b"{%",
        b"%(",
        b"%s",
        b"#{",
        b"[masked:",
    ];
    let is_variable = value
        .strip_prefix(b"$")
        .is_some_and(|name| Alphabet::WORD.run(name) == name.len() && words_only(name));
    let is_bracketed = value.starts_with(b"[") && memchr::memchr(b']', value).is_some();
    let is_starred = value.iter().all(|byte| *byte == b'*');
    is_starred || is_variable || is_bracketed || MARKS.iter().any(|mark| value.starts_with(mark))
}

/// `os.environ["X"]`, `config.password`, `get_token()`, `key::Secret`
pub(super) fn is_code(value: &[u8]) -> bool {
    let name = Alphabet::DOTTED.run(value);
    let rest = value.get(name..).unwrap_or_default();
    let has_digit = value.iter().any(u8::is_ascii_digit);
    let is_path = value
        .get(..name)
        .is_some_and(|name| memchr::memchr(b'.', name).is_some() && words_only(name) && !has_digit);
    name > 0 && (rest.is_empty() && is_path || matches!(rest, [b'(' | b'[', ..] | [b':', b':', ..]))
}

/// Numbers, dates, times, versions.
pub(super) fn is_number(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_digit() || b"TZ:.,+-/$% ".contains(byte))
}

/// Web addresses, names (URN) and paths of files.
pub(super) fn is_address(value: &[u8]) -> bool {
    let starts = [
        b"/".as_slice(),
        b"./",
        b"../",
        b"~/",
        b"urn:",
        b"arn:",
        b"file:",
    ];
    let is_drive = matches!(value, [drive, b':', b'\\' | b'/', ..] if drive.is_ascii_alphabetic());
    // A slash is in base64, too: a path has words between them.
    let is_path = |value: &[u8]| starts.iter().any(|start| value.starts_with(start));
    memchr::memmem::find(value, b"://").is_some()
        || is_drive
        || is_path(value) && (!value.starts_with(b"/") || has_words(value))
}

fn has_words(value: &[u8]) -> bool {
    parts(value)
        .filter(|part| !part.is_empty())
        .all(is_wordlike)
}

/// UUIDs and digests: hexadecimal digits in groups or in a row.
pub(super) fn is_hex(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| Alphabet::ANY_HEX.has(*byte) || matches!(byte, b'-' | b':'))
}

/// Whether the value is made of ordinary words and numbers.
pub(super) fn words_only(value: &[u8]) -> bool {
    parts(value).all(is_wordlike)
}

fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| !byte.is_ascii_alphanumeric())
}

/// Letters in a case that changes seldom, with few digits behind them.
fn is_wordlike(part: &[u8]) -> bool {
    let letters = part
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (word, digits) = part.split_at_checked(letters).unwrap_or_default();
    let changes = word
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    digits.len() <= 4 && digits.iter().all(u8::is_ascii_digit) && changes * 5 <= letters
}

/// Whether the entropy of the bytes of the value is at least so many quarters of a bit for each.
pub(super) fn has_entropy(value: &[u8], quarters: u64) -> bool {
    let mut counts = [0_u64; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as u64;
    let repeated: u64 = counts.iter().map(|count| count * log2(*count)).sum();
    // H = log2(n) - sum(c log2(c)) / n, with 64 for each bit.
    (total * log2(total)).saturating_sub(repeated) >= quarters * 16 * total
}

/// The logarithm to base two in steps of 1/64, by a straight line between powers.
fn log2(number: u64) -> u64 {
    match number.checked_ilog2() {
        Some(power) => u64::from(power) * 64 + (number - (1 << power)) * 64 / (1 << power),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_shannon() {
        for (text, bits) in [
            ("aaaa", 0.0),
            ("abab", 1.0),
            ("abcd", 2.0),
            ("abcdefgh", 3.0),
            ("0123456789abcdef", 4.0),
        ] {
            for quarters in 0..20 {
                let expected = f64::from(quarters) / 4.0 <= bits;
                let quarters = u64::try_from(quarters).unwrap();
                assert_eq!(has_entropy(text.as_bytes(), quarters), expected, "{text}");
            }
        }
        assert_eq!(log2(3), 96);
    }

    #[test]
    fn words_are_told_from_secrets() {
        for text in [
            "my-service-account",
            "StructureDefinition",
            "v2.config_name",
            "HTTPServer",
        ] {
            assert!(words_only(text.as_bytes()), "{text}");
        }
        for text in ["Zm3kQ9xw", "wJalrXUtnFEMI", "8b0484cd-3dbd", "hunter2x"] {
            assert!(!words_only(text.as_bytes()), "{text}");
        }
    }
}
