//! What a detector has found: a part of a text.

use std::ops::Range;

use super::Strength;
use super::views::{self, Reading};
use crate::mapped::Mapped;
use crate::operators::push_placeholder;
use crate::tally::Cause;
use crate::{Class, ClassSet};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Find {
    pub(crate) range: Range<usize>,
    pub(crate) class: Class,
    /// Who found it.
    pub(crate) cause: Cause,
    /// The classes of all that was joined to it.
    pub(crate) classes: ClassSet,
    pub(super) strength: Strength,
    /// The length of what was found, before others were joined with it.
    pub(super) length: usize,
    /// Whether tags may stand in it, which are to stay.
    pub(crate) has_tags: bool,
}

impl Find {
    /// The same in the text that is spelt so.
    pub(crate) fn spelt_in(self, view: &Mapped<'_>) -> Self {
        Self {
            range: view.back(&self.range),
            ..self
        }
    }

    /// The same in the text of which this is a reading.
    pub(crate) fn read_in(self, reading: &Reading<'_>) -> Self {
        Self {
            range: reading.back(&self.range),
            has_tags: reading.has_tags(),
            ..self
        }
    }

    /// A name that a field of the record holds.
    pub(crate) fn mention(range: Range<usize>) -> Self {
        Self {
            length: range.len(),
            range,
            class: Class::Name,
            classes: ClassSet::of(Class::Name),
            cause: Cause::Mention,
            strength: Strength::Shape,
            has_tags: false,
        }
    }

    /// All of a text of which nobody can tell what is in it.
    pub(super) fn unsettled(text: &str) -> Self {
        Self {
            range: 0..text.len(),
            class: Class::Other,
            classes: ClassSet::of(Class::Other),
            cause: Cause::Unsettled,
            strength: Strength::Labelled,
            length: usize::MAX,
            has_tags: false,
        }
    }

    /// Writes what stands for it, given its text.
    pub(crate) fn write(&self, text: &str, out: &mut Vec<u8>) {
        push_placeholder(self.class, out);
        if self.has_tags {
            views::copy_tags(text, out);
        }
    }
}
