//! Bytes of a request as text: escapes, and comparing with a literal of the policy.

/// The byte that two hexadecimal digits at the start of `bytes` stand for.
pub(crate) fn decode_hex(bytes: &[u8]) -> Option<u8> {
    let digit = |index: usize| {
        let byte = *bytes.get(index)?;
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(0)? << 4 | digit(1)?)
}

/// Percent-decoding, once; broken escapes stay as they are.
pub(crate) fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, decode_hex(after)) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(byte),
        }
    }
    out
}

/// Decoding of a query's name or value: `+` is a space (WHATWG URL, form-urlencoded), then escapes.
pub(crate) fn form_decode(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    percent_decode(&spaced)
}

/// How a text is compared with a literal of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextPattern {
    Exact(String),
    Prefix(String),
    Suffix(String),
}

impl TextPattern {
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(literal) => text == literal.as_bytes(),
            Self::Prefix(literal) => text.starts_with(literal.as_bytes()),
            Self::Suffix(literal) => text.ends_with(literal.as_bytes()),
        }
    }

    pub(crate) fn matches_any_case(&self, text: &[u8]) -> bool {
        let folded = text.to_ascii_lowercase();
        match self {
            Self::Exact(literal) => folded == literal.to_ascii_lowercase().as_bytes(),
            Self::Prefix(literal) => folded.starts_with(literal.to_ascii_lowercase().as_bytes()),
            Self::Suffix(literal) => folded.ends_with(literal.to_ascii_lowercase().as_bytes()),
        }
    }

    /// Whether every text that matches `self` matches `other`.
    pub(crate) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(literal), _) => other.matches(literal.as_bytes()),
            (Self::Prefix(one), Self::Prefix(two)) => one.starts_with(two.as_str()),
            (Self::Suffix(one), Self::Suffix(two)) => one.ends_with(two.as_str()),
            _ => false,
        }
    }

    /// Whether no text matches both.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(literal), _) => !other.matches(literal.as_bytes()),
            (_, Self::Exact(literal)) => !self.matches(literal.as_bytes()),
            (Self::Prefix(one), Self::Prefix(two)) => {
                !one.starts_with(two.as_str()) && !two.starts_with(one.as_str())
            }
            (Self::Suffix(one), Self::Suffix(two)) => {
                !one.ends_with(two.as_str()) && !two.ends_with(one.as_str())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_is_done_once_and_leaves_broken_escapes() {
        for (raw, decoded) in [
            ("a%20b", "a b"),
            ("%2541", "%41"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%4A%4a", "JJ"),
        ] {
            assert_eq!(percent_decode(raw.as_bytes()), decoded.as_bytes(), "{raw}");
        }
        assert_eq!(form_decode(b"a+b%2B"), b"a b+");
    }
}
