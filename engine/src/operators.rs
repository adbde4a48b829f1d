//! How a selected value is masked. One file each; [`Operator::write`] is the table.

mod partial;
mod redact;
mod replace;
mod year;

pub use replace::Replacement;

pub(crate) use redact::{
    contains_placeholder, is_placeholder, push_placeholder, strip_placeholders,
};

use crate::Class;

/// How a value is masked.
///
/// Applied to an array or object, an operator acts on every scalar below it, except
/// [`Remove`](Self::Remove), which takes the whole member or element away. `null` stays `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Writes the placeholder `[masked:<class>]`.
    Redact,
    /// Writes a fixed value.
    Replace(Replacement),
    /// Writes `[masked:<class>:<tail>]` with the last letters and digits of the value (1 to 4).
    /// A value that has fewer than twice as many is redacted.
    Partial {
        /// How many letters and digits to keep.
        keep_last: u8,
    },
    /// Writes `null`.
    Null,
    /// Takes the member or element away, its comma too.
    Remove,
    /// Reduces a date (`YYYY`, `YYYY-MM`, `YYYY-MM-DD`, with or without a time) to its year, which
    /// FHIR's `date` and `dateTime` allow; anything else is redacted.
    Year,
}

/// The most letters and digits that [`Operator::Partial`] keeps.
pub(crate) const MOST_KEPT: u8 = 4;

/// A scalar as it stands in the body.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<'a> {
    /// The source bytes, quotes included.
    pub(crate) source: &'a [u8],
    /// The decoded text of a string, the source of anything else.
    pub(crate) text: &'a str,
}

impl Operator {
    /// Writes what stands for the scalar, as JSON.
    pub(crate) fn write(&self, scalar: Scalar<'_>, class: Class, out: &mut Vec<u8>) {
        match self {
            Self::Redact => redact::write(class, out),
            Self::Replace(replacement) => replacement.write(out),
            Self::Partial { keep_last } => partial::write(scalar, *keep_last, class, out),
            Self::Null | Self::Remove => out.extend_from_slice(b"null"),
            Self::Year => year::write(scalar, class, out),
        }
    }

    /// Whether the text of the value matters to the result.
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Self::Partial { .. } | Self::Year)
    }
}
