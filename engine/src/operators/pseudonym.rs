//! The pseudonym of an id: another id, the same for the same id, that says nothing without the key.
//!
//! It depends on the id alone, not on what it is the id of, so that a record and what refers to it stay
//! tied together. A UUID becomes a UUID of version 8 (RFC 9562, section 5.8), anything else what a
//! token looks like, which FHIR takes for an id too (hl7.org/fhir/R4/datatypes.html#id). Both hold
//! 80 bits of HMAC-SHA-256 over the id, and another, over those, as a proof: by it our own pseudonyms
//! are known again, and come out as they came. One in 2^42 forged UUIDs and one in 2^30 forged others
//! would too.

mod link;
mod types;
mod uuid;

use subtle::ConstantTimeEq as _;

use crate::Keyring;
use crate::keys::Keys;
use crate::operators::token::{self, BODY, CHECK, base32};
use crate::operators::{Scalar, Setting, is_placeholder, redact};

/// With this and a UUID, SHA-256 has one block to do.
const VERSION: &[u8] = b"id1";
const PROOF: &[u8] = b"own";

/// What a value is whose ids become pseudonyms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudonym {
    /// An id.
    Id,
    /// A text that refers to something by its id: a FHIR reference or the URL of a resource.
    Reference,
}

/// Writes the pseudonym of an id, or the reference with the pseudonym in it.
pub(crate) fn write(scalar: Scalar<'_>, what: Pseudonym, setting: Setting<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let text = scalar.text.trim();
    let written = Writer::new(setting).and_then(|writer| {
        out.push(b'"');
        match what {
            Pseudonym::Id => writer.id(text, out),
            Pseudonym::Reference => link::write(&writer, text, out)?,
        }
        out.push(b'"');
        Some(())
    });
    if written.is_none() {
        out.truncate(start);
        redact::write(setting.class, out);
    }
}

/// Whether a pseudonym that was made under any key of the ring stands in the text, be it alone or in a
/// reference.
pub(crate) fn holds_own(keys: &Keyring, text: &str) -> bool {
    let mut parts = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-');
    parts.any(|part| {
        // An escaped sign may stand before it: `%2F`.
        let end = |length| part.len().checked_sub(length).and_then(|at| part.get(at..));
        let ends = [BODY + CHECK, uuid::LENGTH].map(end);
        ends.into_iter().flatten().any(|end| is_own(keys, end))
    })
}

/// What writes pseudonyms.
struct Writer<'a> {
    setting: Setting<'a>,
    keys: &'a Keys,
}

impl<'a> Writer<'a> {
    /// `None`: there is no key.
    fn new(setting: Setting<'a>) -> Option<Self> {
        let keys = setting.keys.first()?;
        Some(Self { setting, keys })
    }

    /// Writes the pseudonym of an id, in its form.
    fn id(&self, id: &str, out: &mut Vec<u8>) {
        let is_uuid = uuid::is_like_one(id);
        // UUIDs are compared without regard to case (RFC 9562, section 4).
        let lower = is_uuid.then(|| id.to_ascii_lowercase());
        let id = lower.as_deref().unwrap_or(id);
        if is_placeholder(id.as_bytes()) || is_own(self.setting.keys, id) {
            out.extend_from_slice(id.as_bytes());
        } else if is_uuid {
            self.uuid(id, out);
        } else {
            let body: [u8; BODY] = base32(&self.code(id));
            out.extend_from_slice(&body);
            out.extend_from_slice(&check(self.keys, &body));
        }
    }

    /// Writes the pseudonym of any id as a UUID.
    fn uuid(&self, id: &str, out: &mut Vec<u8>) {
        let body = uuid::body(&self.code(id));
        let proof = uuid::proof(&proof(self.keys, &body));
        out.extend_from_slice(uuid::written(body, proof).as_bytes());
    }

    fn code(&self, id: &str) -> [u8; 32] {
        self.keys.pseudonym(&[VERSION, id.as_bytes()])
    }
}

/// Whether the text is a pseudonym that was made under any key of the ring.
fn is_own(keys: &Keyring, text: &str) -> bool {
    let mut keys = keys.all().iter();
    if let Some((body, check)) = token::parts(text.as_bytes()) {
        return keys.any(|keys| self::check(keys, body).ct_eq(check).into());
    }
    let Some((body, found)) = uuid::read(text) else {
        return false;
    };
    keys.any(|keys| uuid::proof(&proof(keys, &body)).ct_eq(&found).into())
}

fn check(keys: &Keys, body: &[u8]) -> [u8; CHECK] {
    base32(&proof(keys, body))
}

fn proof(keys: &Keys, body: &[u8]) -> [u8; 32] {
    keys.pseudonym(&[PROOF, body])
}

#[cfg(test)]
mod tests;
