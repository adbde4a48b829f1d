//! Shipped sets of rules and detectors: one file each, registered in [`Profile::definition`].

mod credentials;
mod fhir_r4;
mod hipaa_safe_harbor;
mod pii;

use crate::detectors::Detector;
use crate::{Class, ClassSet, Operator};

/// A shipped set of rules and detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The identifiers of HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i), by key and by detector.
    HipaaSafeHarbor,
    /// The Patient resource and references of HL7 FHIR R4, by place.
    FhirR4,
    /// Secrets, by key and by detector.
    Credentials,
    /// What identifies a person outside of health care, by key and by detector.
    Pii,
}

impl Profile {
    /// Every profile.
    pub const ALL: &[Self] = &[
        Self::HipaaSafeHarbor,
        Self::FhirR4,
        Self::Credentials,
        Self::Pii,
    ];

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HipaaSafeHarbor => "hipaa-safe-harbor",
            Self::FhirR4 => "fhir-r4",
            Self::Credentials => "credentials",
            Self::Pii => "pii",
        }
    }

    /// The profile of that exact name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|profile| profile.name() == name)
    }

    pub(crate) fn definition(self) -> &'static Definition {
        match self {
            Self::HipaaSafeHarbor => &hipaa_safe_harbor::DEFINITION,
            Self::FhirR4 => &fhir_r4::DEFINITION,
            Self::Credentials => &credentials::DEFINITION,
            Self::Pii => &pii::DEFINITION,
        }
    }
}

/// What a profile consists of.
pub(crate) struct Definition {
    /// Tables of keys; profiles may share one.
    pub(crate) keys: &'static [&'static [ByKey]],
    pub(crate) paths: &'static [ByPath],
    /// Members that go with what is masked beside them.
    pub(crate) companions: &'static [Companions],
    /// Places of harmless structure inside of what is masked.
    pub(crate) keep: &'static [&'static str],
    pub(crate) siblings: &'static [Sibling],
    pub(crate) detectors: &'static [&'static Detector],
}

/// Keys (in the notation of [`Selector::Keys`](crate::Selector::Keys)) that are redacted.
pub(crate) struct ByKey {
    pub(crate) class: Class,
    pub(crate) keys: &'static [&'static str],
}

/// Paths with one operator.
pub(crate) struct ByPath {
    pub(crate) class: Class,
    pub(crate) operator: fn() -> Operator,
    pub(crate) paths: &'static [&'static str],
}

/// Members that are removed, of several objects: they can repeat what is masked beside them.
pub(crate) struct Companions {
    pub(crate) class: Class,
    /// Where the objects are; `$.` for any object.
    pub(crate) objects: &'static [&'static str],
    pub(crate) members: &'static [&'static str],
    /// Whether they stay away whatever is lifted: the class of what they repeat is not known.
    pub(crate) forced: bool,
}

/// A value whose class the other members of its object tell, in whatever order they come.
pub(crate) struct Sibling {
    /// Where the object is; `$.` for any object.
    pub(crate) objects: &'static [&'static str],
    /// The member whose class is wanted.
    pub(crate) candidate: &'static str,
    /// Where in the object the evidence is.
    pub(crate) sources: &'static [Source],
    /// What the evidence comes to.
    pub(crate) resolve: fn(Evidence) -> Verdict,
}

/// A place of evidence.
pub(crate) struct Source {
    /// From the object down.
    pub(crate) path: &'static str,
    /// What its text tells.
    pub(crate) read: fn(&str) -> Evidence,
}

/// What the strings of an object tell about its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence(u64);

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is of this class.
    Class(Class),
    /// The siblings contradict each other: an identifier that is never lifted.
    Unclear,
    /// What would be done with it without siblings.
    Unselected,
}

impl Evidence {
    pub(crate) const NONE: Self = Self(0);
    /// The object is a FHIR Reference.
    pub(crate) const REFERENCE: Self = Self(1 << 62);
    /// The object has the system of a FHIR Coding.
    pub(crate) const SYSTEM: Self = Self(1 << 63);
    /// The object has something else of a FHIR Coding.
    pub(crate) const CODE: Self = Self(1 << 61);

    pub(crate) const fn of(class: Class) -> Self {
        Self(class.bit())
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The classes told.
    pub(crate) const fn classes(self) -> ClassSet {
        ClassSet::from_bits(self.0)
    }

    /// The one class told; the given one if none is.
    pub(crate) fn class_or(self, class: Class) -> Verdict {
        let classes = self.classes();
        if classes.is_empty() {
            return Verdict::Class(class);
        }
        classes.only().map_or(Verdict::Unclear, Verdict::Class)
    }
}
