//! A fixed value instead of the real one.

/// A JSON scalar that stands for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement(Box<[u8]>);

impl Replacement {
    /// A string.
    ///
    /// ```
    /// use velum_engine::{Operator, Replacement};
    /// let operator = Operator::Replace(Replacement::text("withheld"));
    /// ```
    pub fn text(text: &str) -> Self {
        let mut json = Vec::with_capacity(text.len() + 2);
        json.push(b'"');
        push_escaped(text, &mut json);
        json.push(b'"');
        Self(json.into())
    }

    /// A whole number.
    pub fn number(number: i64) -> Self {
        Self(number.to_string().into_bytes().into())
    }

    /// `true` or `false`.
    pub fn boolean(value: bool) -> Self {
        Self(value.to_string().into_bytes().into())
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// Writes text as the inside of a JSON string.
pub(crate) fn push_escaped(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped() {
        let mut out = Vec::new();
        Replacement::text("a\"\\\n\u{1F600}").write(&mut out);
        assert_eq!(out, "\"a\\\"\\\\\\u000a\u{1F600}\"".as_bytes());
    }
}
