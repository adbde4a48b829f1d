//! JSON in the one form of RFC 8785 (JSON Canonicalization Scheme), for documents of our own.
//!
//! The values are those that the scheme writes without doubt: no floating-point numbers, and no
//! integer that a double cannot hold. An object cannot hold a key twice.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    String(String),
    /// An integer; written only between -(2^53 - 1) and 2^53 - 1.
    Integer(i64),
    /// A boolean.
    Bool(bool),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A JSON object: its members in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object(Vec<(Cow<'static, str>, Value)>);

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this member; a later one of the same key replaces it.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        let member = (key.into(), value.into());
        // Mostly they come in their order.
        let place = match self.0.last() {
            Some((last, _)) if before(last, &member.0) == Ordering::Less => Err(self.0.len()),
            _ => self.0.binary_search_by(|(key, _)| before(key, &member.0)),
        };
        match place {
            Ok(there) => {
                if let Some(before) = self.0.get_mut(there) {
                    *before = member;
                }
            }
            Err(place) => self.0.insert(place, member),
        }
        self
    }

    /// With this member, if there is a value.
    #[must_use]
    pub fn with_some(
        self,
        key: impl Into<Cow<'static, str>>,
        value: Option<impl Into<Value>>,
    ) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

/// An integer that a double cannot hold (RFC 8785, section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsafeInteger;

impl fmt::Display for UnsafeInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer beyond 2^53 - 1 has no canonical form")
    }
}

impl std::error::Error for UnsafeInteger {}

impl Value {
    /// The canonical bytes, in UTF-8.
    pub fn to_canonical(&self) -> Result<Vec<u8>, UnsafeInteger> {
        let mut out = String::with_capacity(1024);
        write_value(self, &mut out)?;
        Ok(out.into_bytes())
    }
}

const LARGEST: i64 = (1 << 53) - 1;

fn write_value(value: &Value, out: &mut String) -> Result<(), UnsafeInteger> {
    match value {
        Value::String(text) => write_string(text, out),
        Value::Integer(number) if (-LARGEST..=LARGEST).contains(number) => {
            // Writing into a string cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::Integer(_) => return Err(UnsafeInteger),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, out)?,
    }
    Ok(())
}

fn write_object(object: &Object, out: &mut String) -> Result<(), UnsafeInteger> {
    out.push('{');
    for (index, (key, value)) in object.0.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(value, out)?;
    }
    out.push('}');
    Ok(())
}

/// By UTF-16 code units (section 3.2.3), in which characters beyond the basic plane come before those from
/// U+E000 on; by UTF-8 bytes they come after.
fn before(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        one.cmp(other)
    } else {
        one.encode_utf16().cmp(other.encode_utf16())
    }
}

/// Section 3.2.2.2: only `"`, `\` and control characters are escaped, in their shortest form.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // What is escaped is ASCII, so that this cuts between characters.
    while let Some(place) = rest
        .bytes()
        .position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'))
    {
        let (plain, from) = rest.split_at(place);
        out.push_str(plain);
        let (escaped, after) = from.split_at(1);
        match escaped {
            "\u{8}" => out.push_str("\\b"),
            "\t" => out.push_str("\\t"),
            "\n" => out.push_str("\\n"),
            "\u{c}" => out.push_str("\\f"),
            "\r" => out.push_str("\\r"),
            "\"" | "\\" => {
                out.push('\\');
                out.push_str(escaped);
            }
            control => {
                for byte in control.bytes() {
                    // Writing into a string cannot fail.
                    let _ = write!(out, "\\u{byte:04x}");
                }
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: impl Into<Value>) -> String {
        String::from_utf8(value.into().to_canonical().unwrap()).unwrap()
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        // The example of RFC 8785, section 3.2.3.
        let object = Object::new()
            .with("\u{20ac}", "Euro Sign")
            .with("\r", "Carriage Return")
            .with("\u{fb33}", "Hebrew Letter Dalet With Dagesh")
            .with("1", "One")
            .with("\u{1f600}", "Emoji: Grinning Face")
            .with("\u{80}", "Control")
            .with("\u{f6}", "Latin Small Letter O With Diaeresis");
        assert_eq!(
            written(object),
            concat!(
                r#"{"\r":"Carriage Return","1":"One","#,
                "\"\u{80}\":\"Control\",",
                "\"\u{f6}\":\"Latin Small Letter O With Diaeresis\",",
                "\"\u{20ac}\":\"Euro Sign\",",
                "\"\u{1f600}\":\"Emoji: Grinning Face\",",
                "\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
            )
        );
        let nested = Object::new()
            .with("b", Object::new().with("d", 1_u32).with("c", 2_u32))
            .with("aa", 0_u32);
        assert_eq!(
            written(nested.with("a", true)),
            r#"{"a":true,"aa":0,"b":{"c":2,"d":1}}"#
        );
    }

    #[test]
    fn only_what_must_be_is_escaped() {
        for (text, expected) in [
            ("", r#""""#),
            // The string of the example in RFC 8785, section 3.2.2.
            (
                "\u{20ac}$\u{f}\nA'B\"\\\\\"/",
                "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"",
            ),
            ("\u{8}\t\n\u{c}\r", r#""\b\t\n\f\r""#),
            ("\u{0}\u{b}\u{1f}", r#""\u0000\u000b\u001f""#),
            (
                "\u{7f}\u{2028}\u{1f600}<>&/",
                "\"\u{7f}\u{2028}\u{1f600}<>&/\"",
            ),
        ] {
            assert_eq!(written(text), expected);
            assert_eq!(serde_json::from_str::<String>(expected).unwrap(), text);
        }
    }

    #[test]
    fn integers_are_those_that_a_double_holds() {
        assert_eq!(written(Value::Integer(-LARGEST)), "-9007199254740991");
        assert_eq!(written(Value::Integer(0)), "0");
        for number in [LARGEST + 1, -LARGEST - 1, i64::MAX, i64::MIN] {
            assert_eq!(Value::Integer(number).to_canonical(), Err(UnsafeInteger));
        }
    }

    #[test]
    fn arrays_keep_their_order() {
        let array: Value = ["b", "a"].into_iter().collect();
        assert_eq!(written(array), r#"["b","a"]"#);
        assert_eq!(written(Value::Array(vec![])), "[]");
        assert_eq!(written(Object::new()), "{}");
    }
}
