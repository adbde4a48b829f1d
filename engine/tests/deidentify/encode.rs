//! Base64 and percent-encoding, both ways; escapes of JSON and XML.

use std::fmt::Write as _;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= group.len() {
                let six = (bits >> (18 - 6 * place)) & 63;
                out.push(char::from(STANDARD[six as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    let text = base64(bytes).replace('+', "-").replace('/', "_");
    text.trim_end_matches('=').to_owned()
}

/// Either alphabet, with or without padding; white space is passed over.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' | b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count).unwrap());
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

/// All but letters and digits of ASCII.
pub(crate) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Also of a form, where `+` is a space. None where there is nothing to decode.
pub(crate) fn from_percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    let mut is_changed = false;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3);
        let code = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                is_changed = true;
                out.push(code);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    // Some encode Latin-1.
    is_changed.then(|| {
        String::from_utf8(out)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|&b| char::from(b)).collect())
    })
}

/// Every character from `first` on as JSON's `\u`.
pub(crate) fn escapes(text: &str, first: char) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if letter < first {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}").unwrap();
        }
    }
    out
}

/// Every character from `first` on, and what must not stand in XHTML, as a number.
pub(crate) fn entities(text: &str, first: char) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            _ if letter >= first => write!(out, "&#{};", u32::from(letter)).unwrap(),
            _ => out.push(letter),
        }
    }
    out
}

#[test]
fn what_is_encoded_decodes() {
    for text in ["", "N", "Nú", "Núñez", "Łukasz Żak", "王小明?>~"] {
        for encoded in [base64(text.as_bytes()), base64url(text.as_bytes())] {
            assert_eq!(from_base64(&encoded).unwrap(), text.as_bytes(), "{encoded}");
        }
        let encoded = percent(text);
        if encoded != text {
            assert_eq!(from_percent(&encoded).unwrap(), text, "{encoded}");
        }
    }
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    assert_eq!(from_percent("N%FA%F1ez").unwrap(), "Núñez");
}
