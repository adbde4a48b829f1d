//! What is kept of a security key: its public key, and where it is good.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

use crate::record::canonical::Object;
use crate::words::{CredentialId, InvalidWord, KeyCoordinate, PersonId, Timestamp};

/// A security key of a person. In JSON its times are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Which.
    pub id: CredentialId,
    /// Whose.
    pub person: PersonId,
    /// Its public key.
    pub key: CredentialKey,
    /// Where it is good, and nowhere else.
    pub origin: KeyOrigin,
    /// The flags of its registration: whether it can be copied to other devices (0x08), and is (0x10).
    pub flags: u8,
    /// When it was added.
    pub added: Timestamp,
    /// From when on it counts: whoever it belongs to has time to say that it is not theirs.
    pub from: Timestamp,
}

impl Credential {
    /// In records, without its person.
    pub(crate) fn data(&self) -> Object {
        Object::new()
            .with("flags", u32::from(self.flags))
            .with("from", self.from.to_string())
            .with("id", self.id.to_string())
            .with("key", self.key.data())
            .with("origin", self.origin.as_str())
    }
}

/// A public key, with the members that a JSON Web Key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "alg", deny_unknown_fields)]
pub enum CredentialKey {
    /// ECDSA over P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256 {
        /// The point's first coordinate.
        x: KeyCoordinate,
        /// Its second.
        y: KeyCoordinate,
    },
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa {
        /// The key.
        x: KeyCoordinate,
    },
}

impl CredentialKey {
    /// The algorithm's name.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256 { .. } => "ES256",
            Self::EdDsa { .. } => "EdDSA",
        }
    }

    fn data(&self) -> Object {
        let object = Object::new().with("alg", self.algorithm());
        match self {
            Self::Es256 { x, y } => object.with("x", x.to_string()).with("y", y.to_string()),
            Self::EdDsa { x } => object.with("x", x.to_string()),
        }
    }
}

/// Where a security key is good: the origin of the inbox, whose host is the relying party's id. A host that is an
/// address is none (Web Authentication Level 2, section 5.1.3: a domain), and plain text is for `localhost` only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyOrigin {
    text: String,
    /// How much of the text is before the host, and how long that is.
    host: (usize, usize),
}

impl KeyOrigin {
    /// As browsers write it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The relying party's id.
    pub fn relying_party(&self) -> &str {
        let (begin, end) = self.host;
        self.text.get(begin..end).unwrap_or_default()
    }
}

impl FromStr for KeyOrigin {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let fault = |fault| Err(InvalidWord::new("origin of security keys", fault));
        let (begin, is_plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://"))
        {
            (Some(_), _) => ("https://".len(), false),
            (_, Some(_)) => ("http://".len(), true),
            _ => return fault("it has no scheme of the web"),
        };
        let rest = text.get(begin..).unwrap_or_default();
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with(['+', '0'])) {
            return fault("its port is none");
        }
        if host.len() > 253 || !host.split('.').all(is_label) {
            return fault("its host is no domain in lower case");
        }
        // Browsers read a last label of digits as an address.
        let last = host.rsplit('.').next().unwrap_or_default();
        if last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return fault("its host is an address: keys are bound to names");
        }
        if is_plain && host != "localhost" {
            return fault("only localhost goes without https");
        }
        Ok(Self {
            text: text.to_owned(),
            host: (begin, begin.saturating_add(host.len())),
        })
    }
}

fn is_label(label: &str) -> bool {
    let is_known = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    !label.is_empty() && label.len() <= 63 && label.bytes().all(is_known)
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for KeyOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for KeyOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_keys_has_a_name_and_tls() {
        for (text, host) in [
            ("https://approvals.example.org", "approvals.example.org"),
            (
                "https://approvals.example.org:8443",
                "approvals.example.org",
            ),
            ("https://localhost", "localhost"),
            ("http://localhost:8470", "localhost"),
        ] {
            let origin: KeyOrigin = text.parse().unwrap();
            assert_eq!((origin.as_str(), origin.relying_party()), (text, host));
        }
        for text in [
            "",
            "approvals.example.org",
            "https://",
            "https://approvals.example.org/",
            "https://Approvals.example.org",
            "https://approvals..example.org",
            "https://approvals.example.org:",
            "https://approvals.example.org:0443",
            "https://approvals.example.org:99999",
            "https://192.0.2.1",
            "https://127.1",
            "https://a.0x7f",
            "https://[::1]",
            "http://approvals.example.org",
            "http://127.0.0.1:8470",
            "https://a\"b.example",
        ] {
            assert!(text.parse::<KeyOrigin>().is_err(), "{text}");
        }
    }
}
