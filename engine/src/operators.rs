//! How a selected value is masked. One file each; [`Operator::write`] is the table.

mod age;
mod date_shift;
mod fpe;
mod generalize;
mod partial;
mod pseudonym;
mod range;
mod redact;
mod reference;
mod replace;
mod token;
mod year;
mod zip3;

pub use fpe::Fpe;
pub use generalize::Generalize;
pub use pseudonym::Pseudonym;
pub use reference::OperatorDoc;
pub use replace::Replacement;
pub use token::is_own_token;

pub(crate) use date_shift::{Date, patient_id};
pub(crate) use pseudonym::holds_own as holds_own_pseudonym;
pub(crate) use redact::{
    contains_placeholder, is_placeholder, placeholders, push_placeholder, strip_placeholders,
};
pub(crate) use replace::push_escaped;

use crate::{Class, Keyring, Options};

/// How a value is masked. [`Operator::REFERENCE`] has an example of each.
///
/// Applied to an array or object, an operator acts on every scalar below it, except
/// [`Remove`](Self::Remove), which takes the whole member or element away. `null` stays `null`, and
/// an operator that reads the value leaves an exact placeholder as it is. A value too long to be
/// looked at is redacted where it would have to be read.
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
    /// Writes a token that is the same for the same value, and says nothing without the key: the
    /// prefix and 22 letters and digits. Our own tokens stay; see [`is_own_token`]. Needs a key.
    Token {
        /// What the token begins with: at most 16 ASCII letters, digits, `-` and `_`.
        prefix: String,
    },
    /// Writes another id in the place of one, the same for the same id whatever it is an id of, and of
    /// a reference only its id. Our own pseudonyms stay. Needs a key.
    Pseudonym(Pseudonym),
    /// Writes another identifier of the same shape (FF1 of NIST SP 800-38G). It is redacted where
    /// letters or digits would stay in clear, where fewer than a million values have that shape, and
    /// where it is a number but no plain whole one. Not idempotent. Needs a key.
    Fpe(Fpe),
    /// Moves a date by up to so many days, by the same number for everything about one patient;
    /// times stay. What is no whole date, and a date whose patient is not known, is redacted. Not
    /// idempotent, and not Safe Harbor. Needs a key.
    DateShift {
        /// The most days to move by, 1 to 3650.
        days: u16,
    },
    /// Makes the value coarser.
    Generalize(Generalize),
}

/// The most letters and digits that [`Operator::Partial`] keeps.
pub(crate) const MOST_KEPT: u8 = 4;

/// A scalar as it stands in the body.
#[derive(Clone, Copy)]
pub(crate) struct Scalar<'a> {
    /// The source bytes, quotes included. None: it was too long to be looked at.
    pub(crate) source: &'a [u8],
    /// The decoded text of a string, the source of anything else.
    pub(crate) text: &'a str,
}

/// What an operator knows besides the scalar.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) class: Class,
    pub(crate) keys: &'a Keyring,
    /// The present year.
    pub(crate) year: u16,
    /// The reference of the patient whom the record is about.
    pub(crate) subject: Option<&'a str>,
}

impl From<Class> for Setting<'_> {
    /// Nothing but the class is known.
    fn from(class: Class) -> Self {
        Self {
            class,
            keys: Keyring::none(),
            year: Options::EARLIEST_YEAR,
            subject: None,
        }
    }
}

impl Operator {
    /// Writes what stands for the scalar, as JSON.
    pub(crate) fn write<'a>(
        &self,
        scalar: Scalar<'a>,
        setting: impl Into<Setting<'a>>,
        out: &mut Vec<u8>,
    ) {
        let setting = setting.into();
        let class = setting.class;
        if self.reads() {
            if scalar.source.is_empty() {
                return redact::write(class, out);
            }
            if is_placeholder(scalar.text.as_bytes()) {
                // Our own output: what it says is all there is left.
                return out.extend_from_slice(scalar.source);
            }
        }
        match self {
            Self::Redact => redact::write(class, out),
            Self::Replace(replacement) => replacement.write(out),
            Self::Partial { keep_last } => partial::write(scalar, *keep_last, class, out),
            Self::Null | Self::Remove => out.extend_from_slice(b"null"),
            Self::Token { prefix } => token::write(scalar, prefix, setting, out),
            Self::Pseudonym(what) => pseudonym::write(scalar, *what, setting, out),
            Self::Fpe(fpe) => fpe::write(scalar, *fpe, setting, out),
            Self::DateShift { days } => date_shift::write(scalar, *days, setting, out),
            Self::Generalize(how) => generalize::write(scalar, *how, setting, out),
        }
    }

    /// Whether the text of the value matters to the result.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Self::Redact | Self::Replace(_) | Self::Null | Self::Remove => false,
            Self::Partial { .. }
            | Self::Token { .. }
            | Self::Pseudonym(_)
            | Self::Fpe(_)
            | Self::DateShift { .. }
            | Self::Generalize(_) => true,
        }
    }

    /// The name used in configuration.
    ///
    /// ```
    /// use velum_engine::Operator;
    /// assert_eq!(Operator::DateShift { days: 50 }.name(), "date_shift");
    /// ```
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Replace(_) => "replace",
            Self::Partial { .. } => "partial",
            Self::Null => "null",
            Self::Remove => "remove",
            Self::Token { .. } => "token",
            Self::Pseudonym(_) => "pseudonym",
            Self::Fpe(_) => "fpe",
            Self::DateShift { .. } => "date_shift",
            Self::Generalize(_) => "generalize",
        }
    }

    /// Whether it redacts where it is given no key.
    ///
    /// ```
    /// use velum_engine::Operator;
    /// assert!(Operator::DateShift { days: 50 }.needs_key() && !Operator::Redact.needs_key());
    /// ```
    pub const fn needs_key(&self) -> bool {
        matches!(
            self,
            Self::Token { .. } | Self::Pseudonym(_) | Self::Fpe(_) | Self::DateShift { .. }
        )
    }

    /// Checks its parameters.
    ///
    /// ```
    /// use velum_engine::Operator;
    /// assert!(Operator::Partial { keep_last: 5 }.check().is_err());
    /// ```
    ///
    /// # Errors
    /// A parameter is out of the bounds that its documentation states.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Partial { keep_last } if !(1..=MOST_KEPT).contains(keep_last) => {
                Err("partial keeps 1 to 4 characters")
            }
            Self::Token { prefix } => token::check_prefix(prefix),
            Self::DateShift { days } => date_shift::check_days(*days),
            Self::Generalize(Generalize::Range { width }) => range::check_width(*width),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Operator, Scalar, Setting};
    use crate::decode::Text;
    use crate::mask::inside;

    /// What an operator makes of a scalar given as JSON.
    pub(crate) fn written(operator: &Operator, source: &str, setting: Setting<'_>) -> String {
        let text = if source.starts_with('"') {
            Text::decode(inside(source.as_bytes())).as_str().to_owned()
        } else {
            source.to_owned()
        };
        let mut out = Vec::new();
        let scalar = Scalar {
            source: source.as_bytes(),
            text: &text,
        };
        operator.write(scalar, setting, &mut out);
        String::from_utf8(out).unwrap()
    }
}

#[cfg(test)]
mod tests;
