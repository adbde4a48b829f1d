//! Who makes a request, and who is behind it.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

use super::{InvalidWord, check_text};

/// The most bytes of an issuer or a subject.
const MOST_BYTES: usize = 512;

/// What vouches for an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A JWT that Envoy verified; the issuer is its `iss`.
    Jwt,
    /// A client certificate that Envoy verified; the issuer may be empty.
    Certificate,
    /// A header that a listed peer wrote; the issuer may be empty.
    Header,
    /// What another filter of Envoy left for the stream; the issuer is the key it lies under.
    FilterState,
}

impl IdentityKind {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Certificate => "certificate",
            Self::Header => "header",
            Self::FilterState => "filter-state",
        }
    }
}

/// An identity: who vouches for it, under which issuer, which subject. Never a bare name.
///
/// The subject may be a patient's own; `Debug` shows its length only.
///
/// ```
/// use velum_approval::{Identity, IdentityKind};
/// let doctor = Identity::new(IdentityKind::Jwt, "https://idp.example", "dr-jones")?;
/// assert_eq!(doctor.subject(), "dr-jones");
/// assert!(Identity::new(IdentityKind::Jwt, "", "dr-jones").is_err());
/// # Ok::<(), velum_approval::InvalidWord>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Identity {
    kind: IdentityKind,
    issuer: String,
    subject: String,
}

impl Identity {
    /// Refuses an empty subject, a JWT without issuer, more than 512 bytes in either, and control
    /// characters.
    pub fn new(
        kind: IdentityKind,
        issuer: impl Into<String>,
        subject: impl Into<String>,
    ) -> Result<Self, InvalidWord> {
        let (issuer, subject) = (issuer.into(), subject.into());
        check_text("identity (subject)", &subject, MOST_BYTES)?;
        if kind == IdentityKind::Jwt || !issuer.is_empty() {
            check_text("identity (issuer)", &issuer, MOST_BYTES)?;
        }
        Ok(Self {
            kind,
            issuer,
            subject,
        })
    }

    /// What vouches for it.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// Under which issuer; may be empty for a certificate or a header.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Which subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .field("subject", &format_args!("<{} bytes>", self.subject.len()))
            .finish()
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            kind: IdentityKind,
            issuer: String,
            subject: String,
        }
        let fields = Fields::deserialize(deserializer)?;
        Self::new(fields.kind, fields.issuer, fields.subject).map_err(serde::de::Error::custom)
    }
}

/// Everyone behind a request, its principal included (RFC 8693: `sub` and every nested `act`).
/// One to sixteen identities. None of them may review the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Lineage(Vec<Identity>);

impl Lineage {
    /// The most identities in a lineage.
    pub const MOST: usize = 16;

    /// Refuses an empty lineage and one of more than [`MOST`](Self::MOST) identities.
    pub fn new(identities: Vec<Identity>) -> Result<Self, InvalidWord> {
        if identities.is_empty() {
            return Err(InvalidWord::new("lineage", "it is empty"));
        }
        if identities.len() > Self::MOST {
            return Err(InvalidWord::new("lineage", "it names too many identities"));
        }
        Ok(Self(identities))
    }

    /// The identities, in the order given.
    pub fn identities(&self) -> &[Identity] {
        &self.0
    }

    /// Whether the identity is among them.
    pub fn contains(&self, identity: &Identity) -> bool {
        self.0.contains(identity)
    }
}

impl<'de> Deserialize<'de> for Lineage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_that_cannot_be_is_refused() {
        let long = "s".repeat(MOST_BYTES + 1);
        for (kind, issuer, subject) in [
            (IdentityKind::Jwt, "https://idp.example", ""),
            (IdentityKind::Jwt, "", "dr-jones"),
            (IdentityKind::Jwt, "https://idp.example", "dr\njones"),
            (IdentityKind::Header, "peer\u{0}", "dr-jones"),
            (IdentityKind::Certificate, "", ""),
            (IdentityKind::Jwt, long.as_str(), "dr-jones"),
            (IdentityKind::Jwt, "https://idp.example", long.as_str()),
        ] {
            assert!(Identity::new(kind, issuer, subject).is_err());
        }
        assert!(Identity::new(IdentityKind::Certificate, "", "spiffe://mesh/web").is_ok());
    }

    #[test]
    fn debug_does_not_show_the_subject() {
        let one = Identity::new(IdentityKind::Header, "edge", "canary").unwrap();
        let lineage = Lineage::new(vec![one]).unwrap();
        assert!(!format!("{lineage:?}").contains("canary"));
    }

    #[test]
    fn json_is_checked_like_any_other_source() {
        for bad in [
            r#"{"kind":"jwt","issuer":"https://idp.example","subject":""}"#,
            r#"{"kind":"jwt","issuer":"https://idp.example","subject":"a","role":"admin"}"#,
            r#"{"kind":"jwt","issuer":"https://idp.example","subject":"a","subject":"b"}"#,
            r#"{"kind":"JWT","issuer":"https://idp.example","subject":"a"}"#,
            r#"{"kind":"jwt","subject":"a"}"#,
        ] {
            assert!(serde_json::from_str::<Identity>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<Lineage>("[]").is_err());
        let one = r#"{"kind":"header","issuer":"","subject":"a"}"#;
        let many = vec![one; Lineage::MOST + 1].join(",");
        assert!(serde_json::from_str::<Lineage>(&format!("[{many}]")).is_err());
        assert!(serde_json::from_str::<Lineage>(&format!("[{one}]")).is_ok());
    }

    #[test]
    fn kind_names_are_those_of_the_json() {
        for kind in [
            IdentityKind::Jwt,
            IdentityKind::Certificate,
            IdentityKind::Header,
            IdentityKind::FilterState,
        ] {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
    }
}
