//! What each operator does, as a table: the documentation is made of it, the tests run it.

use crate::operators::{Fpe, Generalize, Operator, Pseudonym, Replacement};

/// One line of the reference of operators.
#[derive(Clone, Copy, Debug)]
pub struct OperatorDoc {
    /// [`Operator::name`].
    pub name: &'static str,
    /// How it is written in a configuration, in YAML.
    pub configuration: &'static str,
    /// What it writes.
    pub writes: &'static str,
    /// Whether masking what it wrote changes nothing.
    pub is_idempotent: bool,
    /// Whether it redacts without a key.
    pub needs_key: bool,
    /// A JSON scalar and what becomes of it: as class `other`, under a key of 32 bytes that are
    /// all 1, about the patient `Patient/1`. [`Operator::Remove`] leaves nothing.
    pub example: (&'static str, &'static str),
    /// The operator of the example.
    operator: fn() -> Operator,
}

impl OperatorDoc {
    /// The operator of the example.
    ///
    /// ```
    /// use velum_engine::Operator;
    /// for doc in Operator::REFERENCE {
    ///     assert_eq!(doc.operator().name(), doc.name);
    /// }
    /// ```
    pub fn operator(&self) -> Operator {
        (self.operator)()
    }
}

impl Operator {
    /// Every operator, in the order in which one would consider them.
    ///
    /// ```
    /// use velum_engine::Operator;
    /// let keyed = Operator::REFERENCE.iter().filter(|doc| doc.needs_key);
    /// assert!(keyed.map(|doc| doc.name).eq([
    ///     "token", "pseudonym", "pseudonym", "fpe", "fpe", "date_shift"
    /// ]));
    /// ```
    pub const REFERENCE: &[OperatorDoc] = &[
        OperatorDoc {
            name: "redact",
            configuration: "redact",
            writes: "the placeholder with the class",
            is_idempotent: true,
            needs_key: false,
            example: (r#""Ann""#, r#""[masked:other]""#),
            operator: || Operator::Redact,
        },
        OperatorDoc {
            name: "replace",
            configuration: "{replace: withheld}",
            writes: "a fixed text, whole number or boolean",
            is_idempotent: true,
            needs_key: false,
            example: (r#""Ann""#, r#""withheld""#),
            operator: || Operator::Replace(Replacement::text("withheld")),
        },
        OperatorDoc {
            name: "partial",
            configuration: "{partial: {keep_last: 4}}",
            writes: "the placeholder with the last 1 to 4 letters and digits; a value with fewer \
                     than twice as many is redacted",
            is_idempotent: true,
            needs_key: false,
            example: (r#""123-45-6789""#, r#""[masked:other:6789]""#),
            operator: || Operator::Partial { keep_last: 4 },
        },
        OperatorDoc {
            name: "null",
            configuration: "null",
            writes: "`null`",
            is_idempotent: true,
            needs_key: false,
            example: (r#""Ann""#, "null"),
            operator: || Operator::Null,
        },
        OperatorDoc {
            name: "remove",
            configuration: "remove",
            writes: "nothing: the member or element goes, with its comma",
            is_idempotent: true,
            needs_key: false,
            example: (r#""Ann""#, ""),
            operator: || Operator::Remove,
        },
        OperatorDoc {
            name: "token",
            configuration: "{token: {prefix: MRN-}}",
            writes: "prefix, 16 characters that are the same for the same value of a class, and 6 \
                     that prove the token ours; the prefix may be left out: `token`",
            is_idempotent: true,
            needs_key: true,
            example: (r#""12345""#, r#""MRN-xxxvkdwoanwlf7iyrrtvf6""#),
            operator: || Operator::Token {
                prefix: "MRN-".to_owned(),
            },
        },
        OperatorDoc {
            name: "pseudonym",
            configuration: "pseudonym",
            writes: "another id, the same for the same id whatever it is an id of, and proved ours: \
                     a UUID (version 8) for a UUID, else 22 letters and digits",
            is_idempotent: true,
            needs_key: true,
            example: (r#""12345""#, r#""n3n3r3xmugpwm5quqklxev""#),
            operator: || Operator::Pseudonym(Pseudonym::Id),
        },
        OperatorDoc {
            name: "pseudonym",
            configuration: "{pseudonym: reference}",
            writes: "a FHIR reference or URL with the id in it replaced so, and a query redacted; \
                     anything else is redacted",
            is_idempotent: true,
            needs_key: true,
            example: (r#""Patient/12345""#, r#""Patient/n3n3r3xmugpwm5quqklxev""#),
            operator: || Operator::Pseudonym(Pseudonym::Reference),
        },
        OperatorDoc {
            name: "fpe",
            configuration: "{fpe: {alphabet: digits, luhn: true}}",
            writes: "other digits in the places of the digits, with a right Luhn check digit where \
                     it was right; at least 6 digits and no letters, else redacted; `fpe` alone is \
                     `digits` without `luhn`",
            is_idempotent: false,
            needs_key: true,
            example: (r#""4111 1111 1111 1111""#, r#""3703 0358 3425 2587""#),
            operator: || Operator::Fpe(Fpe::Digits { luhn: true }),
        },
        OperatorDoc {
            name: "fpe",
            configuration: "{fpe: {alphabet: alphanumeric}}",
            writes: "other digits and letters in the places of digits and ASCII letters, case kept; \
                     at least 4, else redacted; in a number only digits",
            is_idempotent: false,
            needs_key: true,
            example: (r#""AB-1234""#, r#""GN-RJ5P""#),
            operator: || Operator::Fpe(Fpe::Alphanumeric),
        },
        OperatorDoc {
            name: "date_shift",
            configuration: "{date_shift: {days: 50}}",
            writes: "the date moved by up to so many days (1 to 3650), by the same for everything \
                     about one patient; time and zone stay; no whole date, or no known patient: \
                     redacted",
            is_idempotent: false,
            needs_key: true,
            example: (r#""1980-02-03T04:05:06Z""#, r#""1980-03-17T04:05:06Z""#),
            operator: || Operator::DateShift { days: 50 },
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: year}",
            writes: "the year of a date; anything else is redacted",
            is_idempotent: true,
            needs_key: false,
            example: (r#""1980-02-03""#, r#""1980""#),
            operator: || Operator::Generalize(Generalize::Year),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: birth-year}",
            writes: "the year of a birth, or the year 90 years ago where that is later: all that tell \
                     an age over 89 are one; anything else is redacted",
            is_idempotent: true,
            needs_key: false,
            example: (r#""1901-02-03""#, r#""1936""#),
            operator: || Operator::Generalize(Generalize::BirthYear),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: zip3}",
            writes: "the first three digits of a US ZIP code where more than 20,000 people share \
                     them; `000` for anything else",
            is_idempotent: true,
            needs_key: false,
            example: (r#""02139-1234""#, r#""021""#),
            operator: || Operator::Generalize(Generalize::Zip3),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: age}",
            writes: "`90+` for an age over 89, another as it is; what is no age in years is redacted",
            is_idempotent: true,
            needs_key: false,
            example: (r#""94 years""#, r#""90+""#),
            operator: || Operator::Generalize(Generalize::Age),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: age-number}",
            writes: "the same, but a number over 89 becomes the number 90",
            is_idempotent: true,
            needs_key: false,
            example: ("94", "90"),
            operator: || Operator::Generalize(Generalize::AgeNumber),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: instant}",
            writes: "the year of a date; with a time, the first moment of it; anything else is redacted",
            is_idempotent: true,
            needs_key: false,
            example: (r#""1980-02-03T04:05:06Z""#, r#""1980-01-01T00:00:00Z""#),
            operator: || Operator::Generalize(Generalize::FirstMoment),
        },
        OperatorDoc {
            name: "generalize",
            configuration: "{generalize: {range: {width: 10}}}",
            writes: "the range of so many whole numbers that a decimal number falls into; anything \
                     else is redacted",
            is_idempotent: true,
            needs_key: false,
            example: ("47", r#""40-49""#),
            operator: || Operator::Generalize(Generalize::Range { width: 10 }),
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::{Setting, testing::written};
    use crate::{Class, Keyring};

    #[test]
    fn the_examples_are_true() {
        let keys = Keyring::of(&[1]);
        let setting = Setting {
            class: Class::Other,
            keys: &keys,
            year: crate::Options::EARLIEST_YEAR,
            subject: Some("Patient/1"),
        };
        for doc in Operator::REFERENCE {
            let operator = doc.operator();
            assert_eq!(operator.name(), doc.name);
            assert_eq!(operator.needs_key(), doc.needs_key, "{}", doc.name);
            assert_eq!(operator.check(), Ok(()), "{}", doc.name);
            let (before, after) = doc.example;
            // What is removed never gets as far as being written.
            if operator != Operator::Remove {
                let out = written(&operator, before, setting);
                assert_eq!(out, after, "{}", doc.configuration);
                let is_idempotent = written(&operator, &out, setting) == out;
                assert_eq!(is_idempotent, doc.is_idempotent, "{}", doc.configuration);
            }
        }
    }
}
