//! Ages over 89 become one group, as HIPAA Safe Harbor asks: 45 CFR 164.514(b)(2)(i)(C).

use crate::Class;
use crate::operators::{Scalar, redact};

const OLDEST: u32 = 89;
const OVER: &str = "90+";

/// What may stand behind the years, in lower case and without white space and hyphens.
const UNITS: &[&str] = &[
    "",
    "a",
    "y",
    "yo",
    "y/o",
    "yr",
    "yrs",
    "year",
    "years",
    "yearold",
    "yearsold",
    "yearsofage",
    "yrold",
    "yrsold",
];

/// So many characters of a unit are looked at, white space and hyphens not counted.
const LONGEST_UNIT: usize = 10;

/// Writes the age as it came, `90+`, or the placeholder.
pub(crate) fn write(scalar: Scalar<'_>, class: Class, out: &mut Vec<u8>) {
    let is_string = scalar.source.first() == Some(&b'"');
    let age = if is_string {
        let text = scalar.text.trim();
        if text == OVER {
            Some(Age::Over)
        } else {
            age(text)
        }
    } else {
        age(scalar.text)
    };
    match age {
        Some(Age::Usual) => out.extend_from_slice(scalar.source),
        Some(Age::Over) => {
            out.push(b'"');
            out.extend_from_slice(OVER.as_bytes());
            out.push(b'"');
        }
        None => redact::write(class, out),
    }
}

/// The same, but a number over 89 becomes `90`.
pub(crate) fn write_number(scalar: Scalar<'_>, class: Class, out: &mut Vec<u8>) {
    let is_string = scalar.source.first() == Some(&b'"');
    if !is_string && age(scalar.text) == Some(Age::Over) {
        out.extend_from_slice(b"90");
    } else {
        write(scalar, class, out);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Usual,
    Over,
}

/// Reads `94`, `94.5`, `94 years`, `94-year-old` and the like.
fn age(text: &str) -> Option<Age> {
    let (years, rest) = digits(text);
    let (fraction, unit) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("0", rest),
    };
    // More would be no age, but a number that names someone.
    if !(1..=3).contains(&years.len()) || !(1..=4).contains(&fraction.len()) || !is_unit(unit) {
        return None;
    }
    let years: u32 = years.parse().ok()?;
    let is_more = fraction.bytes().any(|byte| byte != b'0');
    Some(if years > OLDEST || years == OLDEST && is_more {
        Age::Over
    } else {
        Age::Usual
    })
}

fn digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn is_unit(text: &str) -> bool {
    let mut letters = [0; LONGEST_UNIT];
    let mut count = 0;
    for byte in text.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let Some(letter) = letters.get_mut(count) else {
            return false;
        };
        *letter = byte.to_ascii_lowercase();
        count += 1;
    }
    let letters = letters.get(..count).unwrap_or_default();
    UNITS.iter().any(|unit| unit.as_bytes() == letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Generalize, Operator, testing::written};

    #[test]
    fn ages_over_89_are_one_group() {
        const OVER: &str = "\"90+\"";
        const MASKED: &str = "\"[masked:age]\"";
        let operator = Operator::Generalize(Generalize::Age);
        for (source, expected) in [
            ("94", OVER),
            ("90", OVER),
            ("89", "89"),
            ("89.0", "89.0"),
            ("89.5", OVER),
            ("0", "0"),
            ("33.25", "33.25"),
            ("\"94\"", OVER),
            ("\"94 years\"", OVER),
            ("\"94-year-old\"", OVER),
            ("\"94 Years Old\"", OVER),
            ("\"94 y\"", OVER),
            ("\"94y/o\"", OVER),
            ("\"114 years of age\"", OVER),
            ("\"\\u0039\\u0034\"", OVER),
            ("\"42 years\"", "\"42 years\""),
            ("\" 42 \"", "\" 42 \""),
            ("\"90+\"", OVER),
            ("-4", MASKED),
            ("9.4e1", MASKED),
            ("123456789", MASKED),
            ("1.23456789", MASKED),
            ("true", MASKED),
            ("\"\"", MASKED),
            ("\"ninety\"", MASKED),
            ("\"94 or so\"", MASKED),
            ("\"42, Ann\"", MASKED),
            ("\"18 months\"", MASKED),
            ("\"42.\"", MASKED),
            ("\"80+\"", MASKED),
            ("\"\u{664}2\"", MASKED),
        ] {
            assert_eq!(
                written(&operator, source, Class::Age.into()),
                expected,
                "{source}"
            );
        }
    }
}
