//! Texts with secrets in them, for tests: made up from their parts, so that nothing here is taken for
//! one by those who look for secrets in sources.

use super::alphabet::Alphabet;
use super::families::{FAMILIES, Family};

/// Draws numbers below another.
pub(crate) type Draw<'d> = dyn FnMut(usize) -> usize + 'd;

/// Draws that are the same every time.
pub(super) fn draws() -> impl FnMut(usize) -> usize {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    move |below| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % 1_000_003).unwrap() % below
    }
}

/// So many letters of an alphabet.
pub(super) fn letters(alphabet: Alphabet, length: usize, draw: &mut Draw<'_>) -> String {
    let all: Vec<char> = (0x21..0x7F_u8)
        .filter(|byte| alphabet.has(*byte))
        .map(char::from)
        .collect();
    (0..length).map(|_| all[draw(all.len())]).collect()
}

/// A token of that family.
pub(super) fn token(family: &Family, draw: &mut Draw<'_>) -> String {
    let more = if family.most.is_some() { 0 } else { draw(9) };
    // What is random has digits, and no full stop at its end.
    let tail = letters(family.tail, family.least + more - 2, draw);
    format!(
        "{}{tail}7{}",
        family.prefix,
        letters(Alphabet::DIGIT, 1, draw)
    )
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for part in 0..=group.len() {
            out.push(char::from(LETTERS[bits >> (18 - 6 * part) & 63]));
        }
    }
    out
}

/// A token with that header and payload, and with that many random parts.
pub(super) fn jwt(header: &str, payload: &str, parts: usize, draw: &mut Draw<'_>) -> String {
    let mut token = format!(
        "{}.{}",
        base64(header.as_bytes()),
        base64(payload.as_bytes())
    );
    for _ in 0..parts {
        token.push('.');
        token += &letters(Alphabet::BASE64URL, 43, draw);
    }
    token
}

/// A text that may hold a secret, or nearly.
pub(crate) fn text(draw: &mut Draw<'_>) -> String {
    let pad = ["", " ", "x", "\u{e9}", "key ", "token", "\": \""][draw(7)];
    let start = "z".repeat(draw(70)) + pad;
    let secret = secret(draw);
    start + &secret + ["", " ", ".", "x", "\"", ";a=b", "-", "="][draw(8)]
}

fn secret(draw: &mut Draw<'_>) -> String {
    let length = 3 + draw(40);
    let alphabet = [
        Alphabet::ALNUM,
        Alphabet::HEX,
        Alphabet::TOKEN68,
        Alphabet::LOWER,
        Alphabet::PATH,
    ][draw(5)];
    let value = letters(alphabet, length, draw);
    match draw(9) {
        0 => token(&FAMILIES[draw(FAMILIES.len())], draw),
        1 => {
            let name = [
                "password",
                "api_key",
                "Authorization",
                "Pwd",
                "AccountKey",
                "token",
            ][draw(6)];
            let sign = [": ", ":", "=", " = ", "\": \"", " is ", " => "][draw(7)];
            format!("{name}{sign}{value}")
        }
        2 => {
            let scheme = ["Bearer", "Basic", "Token", "ApiKey"][draw(4)];
            let value = if draw(2) == 0 {
                value
            } else {
                base64(format!("{value}:{value}").as_bytes())
            };
            format!("{scheme} {value}")
        }
        3 => format!("{}://{value}:{value}@h", ["https", "postgres"][draw(2)]),
        4 => {
            let header = [
                "{\"alg\":\"none\"}",
                "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
                "{ \"alg\":\"x\"}",
            ][draw(3)];
            let parts = draw(4);
            let token = jwt(header, "{\"sub\":\"1\"}", parts, draw);
            if draw(3) == 0 {
                base64(token.as_bytes())
            } else {
                token
            }
        }
        5 => {
            let space = ["\n", " ", "\\n"][draw(3)];
            let end = ["-----END PRIVATE KEY-----", "", "----END"][draw(3)];
            let rule = ["-----", "----", "---- "][draw(3)];
            format!("{rule}BEGIN PRIVATE KEY{rule}{space}{value}{value}{space}{end}")
        }
        6 => format!(
            "a1b7Q~{}",
            letters(Alphabet::UNRESERVED, 31 + draw(4), draw)
        ),
        7 => format!("{value}:{value}@tcp(h)"),
        _ => {
            let number: String = letters(Alphabet::DIGIT, 18, draw);
            let rest = letters(Alphabet::BASE64URL, 27 + draw(9), draw);
            format!("{}.{}.{rest}", base64(number.as_bytes()), &rest[..6])
        }
    }
}
