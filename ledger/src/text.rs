//! Numbers and base64 in text, each with one spelling only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::tree::MOST_LEAVES;

/// A number of leaves, or of one, in ASCII decimal without leading zeroes.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    let number: u64 = canonical.then(|| text.parse().ok())??;
    (number <= MOST_LEAVES).then_some(number)
}

/// Standard base64 (RFC 4648, section 4), padded, with no stray bits at its end.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode_base64, parse_number};

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(parse_number("0"), Some(0));
        assert_eq!(
            parse_number("9223372036854775807"),
            Some(9_223_372_036_854_775_807)
        );
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "٣",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(parse_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(decode_base64("AA=="), Some(vec![0]));
        for bad in ["AA", "AB==", "AA==\n", "A A=", "_w==", "AA==AA=="] {
            assert_eq!(decode_base64(bad), None, "{bad}");
        }
    }
}
