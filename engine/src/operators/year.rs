//! The year of a date.
//!
//! HIPAA Safe Harbor allows the year of a date (45 CFR 164.514(b)(2)(i)(C)), except where it tells
//! an age over 89.

use crate::Class;
use crate::detectors::year_of;
use crate::operators::{Scalar, Setting, redact};

/// Who was born so many years ago, or earlier, may be over 89.
const OLDEST: u16 = 90;

/// Writes the year as it stands (a string stays a string), or the placeholder.
pub(crate) fn write(scalar: Scalar<'_>, class: Class, out: &mut Vec<u8>) {
    write_found(scalar, year(scalar.text), class, out);
}

/// The same of a birth: all years that tell an age over 89 are one.
pub(crate) fn write_birth(scalar: Scalar<'_>, setting: Setting<'_>, out: &mut Vec<u8>) {
    let latest = (setting.year - OLDEST).to_string();
    let born = year(scalar.text).map(|year| year.max(&latest));
    write_found(scalar, born, setting.class, out);
}

fn write_found(scalar: Scalar<'_>, year: Option<&str>, class: Class, out: &mut Vec<u8>) {
    let quoted = scalar.source.first() == Some(&b'"');
    match year {
        // A bare number is a year only if it is nothing but a year.
        Some(year) if quoted => {
            out.push(b'"');
            out.extend_from_slice(year.as_bytes());
            out.push(b'"');
        }
        Some(year) if year.len() == scalar.text.len() => out.extend_from_slice(year.as_bytes()),
        _ => redact::write(class, out),
    }
}

/// The same of a date without a time; of one with a time, the first moment of the year.
pub(crate) fn write_instant(scalar: Scalar<'_>, class: Class, out: &mut Vec<u8>) {
    let has_time = scalar.text.as_bytes().get(10) == Some(&b'T');
    match year(scalar.text).filter(|_| has_time) {
        Some(year) => {
            out.push(b'"');
            out.extend_from_slice(year.as_bytes());
            out.extend_from_slice(b"-01-01T00:00:00Z\"");
        }
        None => write(scalar, class, out),
    }
}

/// The year of a date, in any form that the detector of dates knows, and of a year alone.
fn year(text: &str) -> Option<&str> {
    iso_year(text).or_else(|| year_of(text.trim()))
}

/// The year of `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or such a date with anything behind `T` or a space.
fn iso_year(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_pair = |at: usize| {
        let pair = bytes.get(at..at + 2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_digit))
    };
    let goes_on = |at: usize| bytes.get(at) == Some(&b'-') && is_pair(at + 1);
    let ends = |at: usize| matches!(bytes.get(at), None | Some(b'T' | b' '));
    let is_date = is_pair(2) && (ends(4) || goes_on(4) && (ends(7) || goes_on(7) && ends(10)));
    let is_plausible = matches!(bytes.get(..2)?, b"18" | b"19" | b"20");
    text.get(..4).filter(|_| is_date && is_plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_years_and_the_rest_is_redacted() {
        for (text, expected) in [
            ("1936-08-18", Some("1936")),
            ("1936-08", Some("1936")),
            ("1936", Some("1936")),
            ("1936-", None),
            ("1936-0", None),
            ("1936-08-", None),
            ("1936 spring", Some("1936")),
            ("1936-08T", Some("1936")),
            ("2007-03-25T19:08:38+00:00", Some("2007")),
            ("1936-08-18 or so", Some("1936")),
            ("18.08.1936", Some("1936")),
            (" 18 Aug 1936", Some("1936")),
            ("8/18/36", None),
            ("9999-08-18", None),
            ("1936-08-18-123456", None),
            ("", None),
            ("é936", None),
        ] {
            assert_eq!(year(text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_stays_a_number_only_if_it_is_a_year() {
        for (number, expected) in [("1936", "1936"), ("19360818", "\"[masked:date]\"")] {
            let mut out = Vec::new();
            let scalar = Scalar {
                source: number.as_bytes(),
                text: number,
            };
            write(scalar, Class::Date, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn a_year_that_tells_an_age_over_89_is_one_of_a_category() {
        for (source, present, expected) in [
            (r#""1936-08-18""#, 2026, r#""1936""#),
            (r#""1937-01-01""#, 2026, r#""1937""#),
            (r#""1937-01-01""#, 2027, r#""1937""#),
            (r#""1937-01-01""#, 2028, r#""1938""#),
            (r#""1901""#, 2026, r#""1936""#),
            (r#""18 Aug 1899""#, 2026, r#""1936""#),
            (r#""2020-01-01T00:00:00Z""#, 2026, r#""2020""#),
            ("1901", 2026, "1936"),
            ("19010203", 2026, r#""[masked:date]""#),
            (r#""1799""#, 2026, r#""[masked:date]""#),
            (r#""unknown""#, 2026, r#""[masked:date]""#),
        ] {
            let operator = crate::Operator::Generalize(crate::Generalize::BirthYear);
            let setting = Setting {
                year: present,
                ..Class::Date.into()
            };
            let written = crate::operators::testing::written(&operator, source, setting);
            assert_eq!(written, expected, "{source} in {present}");
        }
    }
}
