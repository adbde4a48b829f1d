//! Escapes of JSON and JavaScript that are left in a text: of what is no JSON as a whole, or was written
//! into a string once more.

/// Each time that a text is written into a string, the backslashes before a letter double.
const MOST_BACKSLASHES: usize = 8;

/// The letter that is escaped where the text begins, and the length: `\u002d`, `\x2d` and `\/`, behind
/// any number of backslashes.
pub(super) fn escaped(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let near = bytes.get(..bytes.len().min(MOST_BACKSLASHES))?;
    let length = near.iter().take_while(|byte| **byte == b'\\').count();
    let start = length + 1;
    let digits = match bytes.get(length)? {
        b'/' => return Some(('/', start)),
        b'u' => 4,
        b'x' => 2,
        _ => return None,
    };
    let code = text.get(start..start + digits)?;
    let is_hex = code.bytes().all(|byte| byte.is_ascii_hexdigit());
    let letter = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
    is_hex.then_some((letter, start + digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        for (text, expected) in [
            (r"\u002d4", Some(('-', 6))),
            (r"\\\u00E9", Some(('é', 8))),
            (r"\x2d4", Some(('-', 4))),
            (r"\/1975", Some(('/', 2))),
            (r"\n", None),
            (r"\u00", None),
            (r"\u+02d", None),
            (r"\ud83d", None),
            (r"\", None),
        ] {
            assert_eq!(escaped(text), expected, "{text}");
        }
    }
}
