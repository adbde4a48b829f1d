//! From the bytes of a leaf to what it says, and nothing that a record does not say.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::findings::Findings;
use super::form::{self, Form};
use super::kind::Kind;
use super::moment::Moment;
use super::said::{self, Event};
use crate::record::Record;
use crate::words::{RecordId, Timestamp};

/// A code of the catalogue and its type.
pub(super) type Known = (&'static str, &'static str);

/// What a leaf says.
pub(super) struct Leaf {
    pub(super) code: &'static str,
    /// The event's type.
    pub(super) name: &'static str,
    pub(super) id: RecordId,
    pub(super) source: String,
    pub(super) time: Timestamp,
    pub(super) event: Event,
}

/// What is read first: it tells how the rest is to be read.
#[derive(Deserialize)]
struct Head {
    data: HeadData,
    r#type: String,
}

#[derive(Deserialize)]
struct HeadData {
    code: String,
    outcome: String,
    seq: u64,
    v: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<Data> {
    data: Data,
    #[serde(rename = "datacontenttype")]
    _datacontenttype: ContentType,
    id: RecordId,
    source: String,
    #[serde(rename = "specversion")]
    _specversion: SpecVersion,
    #[serde(default)]
    subject: Option<String>,
    time: Moment,
    #[serde(rename = "type")]
    _type: IgnoredAny,
}

#[derive(Deserialize)]
enum ContentType {
    #[serde(rename = "application/json")]
    Json,
}

#[derive(Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    One,
}

/// Reads a leaf, and says what is wrong with its form. `None` where nothing can be said of the rest.
pub(super) fn read(index: u64, bytes: &[u8], found: &mut Findings) -> Option<Leaf> {
    if bytes.len() > Record::MOST_LEAF_BYTES {
        found.add(Kind::Malformed, "The record is longer than any may be.");
        return None;
    }
    match form::of(bytes) {
        Form::Canonical => {}
        Form::Other => found.add(
            Kind::NotCanonical,
            "The record is JSON, but not in the one form of RFC 8785.",
        ),
        Form::None => {
            found.add(
                Kind::Malformed,
                "The record is not JSON as a log has it: each member once, no null, no fractions.",
            );
            return None;
        }
    }
    let Ok(head) = serde_json::from_slice::<Head>(bytes) else {
        found.add(
            Kind::Malformed,
            "The record lacks its type, code, outcome, number or version.",
        );
        return None;
    };
    if head.data.v != 1 {
        let sentence = format!("The record is of version {}, not 1.", head.data.v);
        found.add(Kind::UnknownVersion, sentence);
        return None;
    }
    if head.data.seq != index {
        let sentence = format!("The record says that it is number {}.", head.data.seq);
        found.add(Kind::WrongIndex, sentence);
    }
    let known = Record::CATALOGUE
        .iter()
        .find(|(code, name)| *code == head.data.code && *name == head.r#type);
    let Some(&(code, name)) = known else {
        found.add(
            Kind::UnknownEvent,
            "The catalogue of events has no such code with this type.",
        );
        return None;
    };
    let is_success = code.ends_with('I');
    if head.data.outcome != if is_success { "success" } else { "refused" } {
        found.add(
            Kind::Contradiction,
            "The outcome is not that of the record's code.",
        );
    }
    let leaf = said::read((code, name), bytes);
    if leaf.is_none() {
        found.add(
            Kind::Malformed,
            format!("The record does not have the members of {name}, or not as words that can be."),
        );
    }
    let (leaf, subject) = leaf?;
    found.about(leaf.event.approval());
    let about = leaf.event.approval().map(|id| format!("approval/{id}"));
    if subject != about {
        found.add(
            Kind::Contradiction,
            "The subject is not the approval that the record is about.",
        );
    }
    Some(leaf)
}

/// Reads a leaf whose data are of this form.
pub(super) fn as_data<Data: DeserializeOwned>(
    (code, name): Known,
    bytes: &[u8],
    event: impl FnOnce(Data) -> Event,
) -> Option<(Leaf, Option<String>)> {
    let envelope = serde_json::from_slice::<Envelope<Data>>(bytes).ok()?;
    let leaf = Leaf {
        code,
        name,
        id: envelope.id,
        source: envelope.source,
        time: envelope.time.0,
        event: event(envelope.data),
    };
    Some((leaf, envelope.subject))
}
