//! A JSON document as a tree that keeps what maps forget: the order and repetition of members.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{ConfigError, child_pointer};

/// One JSON value. Numbers are doubles, as `google.protobuf.Struct` has them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads one JSON text and refuses duplicate member names at any level.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, ConfigError> {
        let node: Self = serde_json::from_slice(json).map_err(|error| {
            ConfigError::new(
                "",
                format!(
                    "not a JSON document (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            )
        })?;
        node.refuse_duplicates("")?;
        Ok(node)
    }

    /// Refuses member names that occur twice: most readers keep one of the two silently.
    pub(crate) fn refuse_duplicates(&self, pointer: &str) -> Result<(), ConfigError> {
        match self {
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.refuse_duplicates(&child_pointer(pointer, &index.to_string()))?;
                }
            }
            Self::Object(members) => {
                for (index, (name, value)) in members.iter().enumerate() {
                    let here = child_pointer(pointer, name);
                    if members
                        .iter()
                        .take(index)
                        .any(|(earlier, _)| earlier == name)
                    {
                        return Err(ConfigError::new(here, "duplicate key: keep one of the two"));
                    }
                    value.refuse_duplicates(&here)?;
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
        Ok(())
    }

    /// The member of an object.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object; of anything else there are none.
    pub(crate) fn object_members(&self) -> Vec<&(String, Self)> {
        match self {
            Self::Object(members) => members.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The document in the form of RFC 8785, for documents whose numbers are integers.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
            // Adding zero turns -0 into 0, as RFC 8785 wants it.
            Self::Number(value) => out.extend_from_slice((value + 0.0).to_string().as_bytes()),
            Self::String(text) => write_string(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write_canonical(out);
                }
                out.push(b']');
            }
            Self::Object(_) => Self::write_canonical_object(self.object_members(), out),
        }
    }

    /// An object of these members, in the same form.
    pub(crate) fn write_canonical_object(members: Vec<&(String, Self)>, out: &mut Vec<u8>) {
        let mut sorted: Vec<&(String, Self)> = Vec::with_capacity(members.len());
        for member in members {
            let is_before =
                |(other, _): &&(String, Self)| other.encode_utf16().lt(member.0.encode_utf16());
            sorted.insert(sorted.partition_point(is_before), member);
        }
        out.push(b'{');
        for (index, (name, value)) in sorted.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_string(name, out);
            out.push(b':');
            value.write_canonical(out);
        }
        out.push(b'}');
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            control if control < ' ' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON can hold")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 every reader of integers refuses"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 every reader of integers refuses"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry::<String, Node>()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}
