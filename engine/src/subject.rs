//! Whom a record is about: what `date_shift` needs to know.
//!
//! A record is the body (or a text of several), an element of an array that is the body, or the
//! `resource` of an element of a record's `entry`. Its patient is named by `subject.reference` or
//! `patient.reference`, and of a FHIR Patient by its `id`, in either member order. A contained
//! resource belongs to the record around it, and what it refers to does not count.

use std::sync::Arc;

use crate::operators::patient_id;
use crate::scan::Container;

/// What an array or object is for a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    #[default]
    None,
    Record,
    /// Its elements are records.
    List,
    /// The `entry` of a record.
    Entries,
    /// An element of that.
    Entry,
    /// The `subject` or `patient` of a record.
    Subject,
}

/// A member name that says something about records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Word {
    #[default]
    None,
    ResourceType,
    Id,
    Subject,
    Reference,
    Entry,
    Resource,
}

impl Word {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "resourceType" => Self::ResourceType,
            "id" => Self::Id,
            "subject" | "patient" => Self::Subject,
            "reference" => Self::Reference,
            "entry" => Self::Entry,
            "resource" => Self::Resource,
            _ => Self::None,
        }
    }
}

impl Role {
    /// The role of an array or object that is an element, or the member of that name, in this one.
    #[inline]
    pub(crate) fn below(self, word: Word, container: Container) -> Self {
        use Container::{Array, Object};
        match (self, word, container) {
            (Self::List, _, Object) | (Self::Entry, Word::Resource, Object) => Self::Record,
            (Self::Record, Word::Entry, Array) => Self::Entries,
            (Self::Entries, _, Object) => Self::Entry,
            (Self::Record, Word::Subject, Object) => Self::Subject,
            _ => Self::None,
        }
    }

    /// The role of the body.
    pub(crate) fn root(container: Container) -> Self {
        match container {
            Container::Array => Self::List,
            Container::Object => Self::Record,
        }
    }
}

/// What is known about whom a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Nothing yet.
    Unknown,
    /// This patient, by the id in the reference.
    Patient(Arc<str>),
    /// Two differ, or it is about several.
    Unclear,
}

impl Subject {
    pub(crate) fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Patient(id) => Some(id),
            Self::Unknown | Self::Unclear => None,
        }
    }
}

/// An open record.
struct Record {
    /// How many arrays and objects are open within it, itself included.
    depth: usize,
    is_patient: bool,
    id: Option<Arc<str>>,
    subject: Subject,
}

impl Record {
    fn tell(&mut self, id: &str) {
        let is_new = match &self.subject {
            Subject::Unknown => true,
            Subject::Patient(known) => **known != *id,
            Subject::Unclear => return,
        };
        if is_new {
            self.subject = match self.subject {
                Subject::Unknown => Subject::Patient(id.into()),
                _ => Subject::Unclear,
            };
        }
    }
}

/// The open records, one in the other.
#[derive(Default)]
pub(crate) struct Subjects(Vec<Record>);

impl Subjects {
    /// A record begins.
    pub(crate) fn open(&mut self, depth: usize) {
        self.0.push(Record {
            depth,
            is_patient: false,
            id: None,
            subject: Subject::Unknown,
        });
    }

    /// The innermost record has ended.
    pub(crate) fn close(&mut self) {
        self.0.pop();
    }

    /// The depth of the innermost record, and whom it is about.
    pub(crate) fn current(&self) -> Option<(usize, &Subject)> {
        let record = self.0.last()?;
        Some((record.depth, &record.subject))
    }

    /// The innermost record is about several patients, or it cannot be read about whom.
    pub(crate) fn blur(&mut self) {
        if let Some(record) = self.0.last_mut() {
            record.subject = Subject::Unclear;
        }
    }

    /// A string stands at a member of that name of an object of that role.
    pub(crate) fn tell(&mut self, role: Role, word: Word, text: &str) {
        let Some(record) = self.0.last_mut() else {
            return;
        };
        match (role, word) {
            (Role::Record, Word::ResourceType) => record.is_patient |= text == "Patient",
            (Role::Record, Word::Id) if record.id.as_deref().is_some_and(|id| id != text) => {
                // Two ids: one of them is not that of the patient.
                if record.is_patient {
                    record.subject = Subject::Unclear;
                }
                record.id = None;
            }
            (Role::Record, Word::Id) => record.id = patient_id(text).map(Arc::from),
            (Role::Subject, Word::Reference) => {
                if let Some(id) = patient(text) {
                    record.tell(id);
                }
            }
            _ => return,
        }
        if let Some(id) = record.id.clone().filter(|_| record.is_patient) {
            record.tell(&id);
        }
    }
}

/// Whether a member of that name of an object of that role says whom a record is about.
pub(crate) fn tells(role: Role, word: Word) -> bool {
    matches!(
        (role, word),
        (Role::Record, Word::ResourceType | Word::Id) | (Role::Subject, Word::Reference)
    )
}

/// The id of the patient that a reference names: `Patient/1`, a URL that ends so, or a UUID, whatever
/// it may be of.
fn patient(reference: &str) -> Option<&str> {
    let whole = reference.trim();
    let whole = whole
        .split_once("/_history/")
        .map_or(whole, |(whole, _)| whole);
    let is_patient = match whole.rsplit_once('/') {
        Some((kind, _)) => kind == "Patient" || kind.ends_with("/Patient"),
        None => whole.starts_with("urn:uuid:"),
    };
    patient_id(reference).filter(|_| is_patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_patients() {
        for reference in [
            "Patient/1",
            "https://ehr.example/fhir/Patient/1",
            "Patient/1/_history/3",
            "urn:uuid:1",
            " Patient/1 ",
        ] {
            assert_eq!(patient(reference), Some("1"), "{reference}");
        }
        for reference in [
            "Group/1",
            "#p",
            "1",
            "Patient",
            "Patient/",
            "NoPatient/1",
            "",
            "urn:oid:1",
        ] {
            assert_eq!(patient(reference), None, "{reference}");
        }
    }
}
