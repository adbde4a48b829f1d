//! The lines behind a note's text.

use std::fmt;

use super::key::{KeyId, KeyName};
use super::{InvalidNote, VerifierKey};
use crate::text;

/// What a line begins with: an em dash and a space.
const START: &str = "\u{2014} ";

/// A signature as it stands in a note, of whatever algorithm; it says who claims to have made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NoteSignature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    pub(super) fn new(name: KeyName, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, id, bytes }
    }

    /// Reads `— name base64`, without the newline.
    pub(super) fn parse(line: &str) -> Result<Self, InvalidNote> {
        let parse = || {
            let (name, base64) = line.strip_prefix(START)?.split_once(' ')?;
            let name = name.parse().ok()?;
            let bytes = text::decode_base64(base64)?;
            let (id, bytes) = bytes.split_first_chunk::<4>()?;
            let signature = Self::new(name, KeyId::from_bytes(*id), bytes.to_vec());
            (!bytes.is_empty()).then_some(signature)
        };
        parse().ok_or(InvalidNote::Signature)
    }

    /// The name of the key that should have made it.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of that key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it is, without the id in front: for Ed25519, 64 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether name and id are those of this key.
    pub(super) fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id.to_bytes()[..], &self.bytes].concat();
        write!(
            formatter,
            "{START}{} {}",
            self.name,
            text::encode_base64(&bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::NoteSignature;

    #[test]
    fn only_one_spelling_is_read() {
        let line = "\u{2014} a.example/log AAAAAAE=";
        assert_eq!(NoteSignature::parse(line).unwrap().to_string(), line);
        for bad in [
            "",
            "\u{2014}",
            "\u{2014} a",
            "- a AAAAAAE=",
            "\u{2014}a AAAAAAE=",
            "\u{2014}  AAAAAAE=",
            "\u{2014} a  AAAAAAE=",
            "\u{2014} a AAAAAAE= ",
            "\u{2014} a AAAAAAE",
            // Nothing behind the id, and less than an id.
            "\u{2014} a AAAAAA==",
            "\u{2014} a AAAA",
            "\u{2014} a ",
            "\u{2014} a AAAAAAF=",
            "\u{2014} a+b AAAAAAE=",
            "\u{2014} a\u{a0}b AAAAAAE=",
        ] {
            assert!(NoteSignature::parse(bad).is_err(), "{bad}");
        }
    }
}
