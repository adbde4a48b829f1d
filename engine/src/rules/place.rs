//! What the paths say about a place, and what each of them says.

use super::labels::{Filtered, Slot, Telling};

/// What a pattern says about the values it selects.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Exempt,
    Rule(u16),
    Profile(u16),
    /// A rule of a profile about ids.
    Ids(u16),
    Keep,
    /// The class comes from siblings; `anywhere`: of any object.
    Candidate {
        sibling: u8,
        anywhere: bool,
    },
    /// The value tells the class of a member of an object so many objects further out, by a reader;
    /// `anywhere`: of any object.
    Evidence {
        levels: u8,
        reader: u16,
        anywhere: bool,
    },
    /// Codes, their systems and the like.
    Codes,
    /// A profile knows what is here: siblings have no say, and no name is looked for.
    Known,
    /// A rule, if its filter holds.
    Filtered(Filtered),
    /// An element that filters look at.
    Slot(Slot),
    /// An element of that filter, which rules look for from any number of levels below.
    Element(u16),
    Telling(Telling),
}

/// How many objects further out the object is, and which reader says what the text tells about it.
pub(crate) type Witness = (u8, u16);

/// What the paths say about one place.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(crate) struct Place {
    /// Something below may be said.
    pub(crate) exempt: bool,
    /// An explicit rule.
    pub(crate) rule: Option<u16>,
    /// A rule of a profile.
    pub(crate) profile: Option<u16>,
    /// A profile knows that the value is harmless structure; detectors still look.
    pub(crate) keep: bool,
    /// The class comes from siblings: index of the sibling rule.
    pub(crate) candidate: Option<u8>,
    /// A profile knows that codes are here: only some detectors look.
    pub(crate) codes: bool,
    /// A profile knows what is here: siblings have no say, and no name is looked for.
    pub(crate) known: bool,
    /// The value tells the class of a member of an object around it.
    pub(crate) evidence: Vec<Witness>,
    /// Rules that select the value if their filters hold, the first of them first; only those that
    /// come before `rule`.
    pub(crate) filtered: Vec<Filtered>,
    /// What filters ask about the value, in order: it is an element of theirs.
    pub(crate) slots: Vec<Slot>,
    /// The filters whose element it is, where rules look for it from any number of levels below.
    pub(crate) elements: Vec<u16>,
    /// What the value, or a value below it, tells the filters of an element above it.
    pub(crate) tellings: Vec<Telling>,
}

impl Place {
    /// Whether nothing is said about the value where nothing is masked throughout.
    pub(super) fn is_plain(&self) -> bool {
        let has_rule = self.exempt || self.rule.is_some() || self.profile.is_some();
        self.is_alone() && !has_rule && self.evidence.is_empty()
    }

    /// Whether a profile knows that codes or harmless structure are here: no name is looked for.
    #[inline]
    pub(crate) fn is_known(&self) -> bool {
        self.codes || self.keep || self.known
    }

    /// Whether no other value tells what this one is, and no filter asks about it.
    pub(super) fn is_alone(&self) -> bool {
        let is_asked = !self.filtered.is_empty() || !self.slots.is_empty();
        let is_label = !self.tellings.is_empty() || !self.elements.is_empty();
        !is_asked && !is_label && self.candidate.is_none()
    }
}
