//! `google.protobuf.Struct` in its wire form: what Envoy 1.40 hands over when a configuration is
//! written as plain YAML. Istio and a `StringValue` give JSON instead.

use serde_json::{Map, Number, Value};

/// How deep values may nest; Envoy's own parser allows 100 levels of messages.
const DEEPEST: usize = 64;

/// Reads a serialized `Struct`; `None` where the bytes are not exactly one.
pub(crate) fn decode_struct(bytes: &[u8]) -> Option<Value> {
    structure(bytes, DEEPEST)
}

fn structure(bytes: &[u8], depth: usize) -> Option<Value> {
    let mut members = Map::new();
    for field in fields(bytes) {
        let (1, Wire::Bytes(entry)) = field? else {
            return None;
        };
        let (mut name, mut member) = (String::new(), Value::Null);
        for field in fields(entry) {
            match field? {
                (1, Wire::Bytes(text)) => name = String::from_utf8(text.to_vec()).ok()?,
                (2, Wire::Bytes(inner)) => member = value(inner, depth)?,
                _ => return None,
            }
        }
        if members.insert(name, member).is_some() {
            return None;
        }
    }
    Some(Value::Object(members))
}

fn value(bytes: &[u8], depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let mut kind = None;
    for field in fields(bytes) {
        kind = Some(match field? {
            (1, Wire::Varint(_)) => Value::Null,
            (2, Wire::Fixed(bits)) => Value::Number(Number::from_f64(f64::from_bits(bits))?),
            (3, Wire::Bytes(text)) => Value::String(String::from_utf8(text.to_vec()).ok()?),
            (4, Wire::Varint(flag)) => Value::Bool(flag != 0),
            (5, Wire::Bytes(inner)) => structure(inner, depth)?,
            (6, Wire::Bytes(items)) => list(items, depth)?,
            _ => return None,
        });
    }
    kind
}

fn list(bytes: &[u8], depth: usize) -> Option<Value> {
    let items = fields(bytes).map(|field| match field? {
        (1, Wire::Bytes(item)) => value(item, depth),
        _ => None,
    });
    items.collect::<Option<Vec<_>>>().map(Value::Array)
}

enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// The fields of one message in order; a `None` among them where it is malformed.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Option<(u64, Wire<'_>)>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(rest);
        rest = field.as_ref().map_or(&[], |(_, _, after)| *after);
        Some(field.map(|(number, wire, _)| (number, wire)))
    })
}

fn next_field(bytes: &[u8]) -> Option<(u64, Wire<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let (wire, rest) = match tag & 7 {
        0 => {
            let (number, rest) = varint(rest)?;
            (Wire::Varint(number), rest)
        }
        1 => {
            let (bits, rest) = rest.split_first_chunk::<8>()?;
            (Wire::Fixed(u64::from_le_bytes(*bits)), rest)
        }
        2 => {
            let (length, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Wire::Bytes(bytes), rest)
        }
        _ => return None,
    };
    Some((tag >> 3, wire, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `{"a":1.5,"b":[true,null,"x"],"c":{}}`, written by hand from the wire format.
    fn example() -> Vec<u8> {
        let mut bytes = vec![0x0a, 0x0e, 0x0a, 1, b'a', 0x12, 9, 0x11];
        bytes.extend(1.5_f64.to_le_bytes());
        bytes.extend([0x0a, 0x14, 0x0a, 1, b'b', 0x12, 0x0f, 0x32, 0x0d]);
        bytes.extend([0x0a, 2, 0x20, 1, 0x0a, 2, 0x08, 0, 0x0a, 3, 0x1a, 1, b'x']);
        bytes.extend([0x0a, 7, 0x0a, 1, b'c', 0x12, 2, 0x2a, 0]);
        bytes
    }

    #[test]
    fn a_struct_is_read_as_the_json_it_stands_for() {
        let expected = json!({"a": 1.5, "b": [true, null, "x"], "c": {}});
        // The list's length byte is what its three items take.
        let mut bytes = example();
        let list = bytes.iter().position(|byte| *byte == 0x32).unwrap();
        assert_eq!(bytes[list + 1], 13);
        assert_eq!(decode_struct(&bytes), Some(expected));
        bytes.push(0x0a);
        assert_eq!(decode_struct(&bytes), None, "cut short");
    }

    #[test]
    fn what_is_no_struct_is_refused() {
        for bytes in [
            &b"{}"[..],
            b"\n{\"version\":1}",
            &[0x0a],
            &[0x12, 0],
            &[0x0a, 2, 0x18, 1],
        ] {
            assert_eq!(decode_struct(bytes), None, "{bytes:?}");
        }
        let whole = example();
        for end in 1..whole.len() {
            let cut = decode_struct(&whole[..end]);
            assert!(cut.is_none() || end == 16 || end == 38, "cut at {end}");
        }
    }
}
