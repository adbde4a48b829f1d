//! A configuration in its wire form: whatever is read can be written and is read again, and JSON that is
//! written in that form is read as it is.

use serde_json::{Map, Value};
use velum_filter::parsers::read_struct;

/// # Panics
/// Where what is read is not what was written.
pub(crate) fn target(data: &[u8]) {
    if let Some(value) = read_struct(data) {
        assert_eq!(read_struct(&written(&value)), Some(value));
    }
    if let Ok(value @ Value::Object(_)) = serde_json::from_slice(data) {
        let read = read_struct(&written(&value));
        // Levels count twice in messages, and the reader takes 64 of ours.
        assert!(read == Some(in_doubles(value.clone())) || depth(&value) > 60);
    }
}

fn written(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(members) => structure(members),
        _ => Vec::new(),
    }
}

fn structure(members: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, member) in members {
        let mut entry = field(1, name.as_bytes());
        entry.extend(field(2, &value(member)));
        out.extend(field(1, &entry));
    }
    out
}

fn value(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![1 << 3, 0],
        Value::Bool(flag) => vec![4 << 3, u8::from(*flag)],
        Value::Number(number) => {
            let mut out = vec![2 << 3 | 1];
            out.extend(number.as_f64().unwrap_or_default().to_le_bytes());
            out
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Array(items) => {
            let items = items.iter().flat_map(|item| field(1, &self::value(item)));
            field(6, &items.collect::<Vec<u8>>())
        }
        Value::Object(members) => field(5, &structure(members)),
    }
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap_or_default());
    out.extend_from_slice(bytes);
    out
}

/// Numbers of a `Struct` are doubles.
fn in_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.into_iter().map(in_doubles).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(n, v)| (n, in_doubles(v)));
            Value::Object(members.collect())
        }
        other => other,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
