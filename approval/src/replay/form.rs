//! Whether bytes are JSON in the one form of RFC 8785.

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fmt;

use super::plain;
use crate::record::canonical::{Object, Value};

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the one form.
    Canonical,
    /// JSON that says the same in other bytes.
    Other,
    /// No JSON, or JSON that has no canonical form here: a member twice, `null`, a fraction.
    None,
}

/// Tells it of any bytes.
pub(super) fn of(bytes: &[u8]) -> Form {
    if plain::is_canonical(bytes) {
        Form::Canonical
    } else {
        in_full(bytes)
    }
}

/// Reads the bytes and writes them again.
pub(super) fn in_full(bytes: &[u8]) -> Form {
    let Ok(Read(value)) = serde_json::from_slice(bytes) else {
        return Form::None;
    };
    match value.to_canonical() {
        Ok(written) if written == bytes => Form::Canonical,
        Ok(_) => Form::Other,
        Err(_) => Form::None,
    }
}

struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, an integer, a boolean, an array or an object")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer that is too large"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(item)) = array.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut object, mut keys) = (Object::new(), BTreeSet::new());
        while let Some((key, Read(value))) = map.next_entry::<String, Read>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom("a member stands twice"));
            }
            object = object.with(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_is_told_from_all_others() {
        for (text, form) in [
            (r#"{"a":1,"b":["x",true]}"#, Form::Canonical),
            ("{\"€\":-1}", Form::Canonical),
            (r#"{"b":1,"a":1}"#, Form::Other),
            (r#"{"a": 1}"#, Form::Other),
            (
                r#"{"a":1}
"#,
                Form::Other,
            ),
            (r#"{"a":"\u0041"}"#, Form::Other),
            (r#"{"a":1,"a":1}"#, Form::None),
            (r#"{"a":{"b":1,"b":2}}"#, Form::None),
            (r#"{"a":null}"#, Form::None),
            (r#"{"a":1.0}"#, Form::None),
            (r#"{"a":1e2}"#, Form::None),
            (r#"{"a":-0}"#, Form::None),
            (r#"{"a":9007199254740992}"#, Form::None),
            (r#"{"a":18446744073709551615}"#, Form::None),
            (r#"{"a":1}{"#, Form::None),
            ("", Form::None),
        ] {
            assert_eq!(of(text.as_bytes()), form, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(of(deep.as_bytes()), Form::None);
        assert_eq!(of(b"{\"a\":\"\xff\"}"), Form::None);
    }
}
