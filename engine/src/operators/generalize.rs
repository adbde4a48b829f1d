//! A value made coarser, until it is shared by many.

use crate::operators::{Scalar, Setting, age, range, year, zip3};

/// How a value is made coarser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generalize {
    /// A date (`YYYY`, `YYYY-MM`, `YYYY-MM-DD`, with or without a time) becomes its year, which
    /// FHIR's `date` and `dateTime` allow; anything else is redacted. Safe Harbor allows the year,
    /// 45 CFR 164.514(b)(2)(i)(C).
    Year,
    /// The year of birth: the same, but a year that tells an age over 89, by the [present
    /// one](crate::Options::year), becomes the year 90 years ago. Safe Harbor allows neither the ages nor
    /// the years that tell them, but one category of 90 or older, 45 CFR 164.514(b)(2)(i)(C).
    BirthYear,
    /// A US ZIP code becomes its first three digits where more than 20,000 people live there, else
    /// `000`, as does everything else: 45 CFR 164.514(b)(2)(i)(B).
    Zip3,
    /// An age over 89 becomes `90+`, another stays, and what is no age in years is redacted:
    /// 45 CFR 164.514(b)(2)(i)(C).
    Age,
    /// The same, where a number must stay one: an age over 89 becomes `90`.
    AgeNumber,
    /// A date becomes its year; with a time, the first moment of it (`1980-01-01T00:00:00Z`), which
    /// FHIR's `instant` allows. Anything else is redacted.
    FirstMoment,
    /// A number becomes the range that it falls into, `40-49` for 47 and a width of 10.
    Range {
        /// How many whole numbers a range has, at least 1.
        width: u32,
    },
}

/// Writes what is left of the value.
pub(crate) fn write(
    scalar: Scalar<'_>,
    generalize: Generalize,
    setting: Setting<'_>,
    out: &mut Vec<u8>,
) {
    match generalize {
        Generalize::Year => year::write(scalar, setting.class, out),
        Generalize::BirthYear => year::write_birth(scalar, setting, out),
        Generalize::Zip3 => zip3::write(scalar, out),
        Generalize::FirstMoment => year::write_instant(scalar, setting.class, out),
        Generalize::Age => age::write(scalar, setting.class, out),
        Generalize::AgeNumber => age::write_number(scalar, setting.class, out),
        Generalize::Range { width } => range::write(scalar, width, setting.class, out),
    }
}
