//! The operator of a rule.

use velum_profile::{
    AlphabetEntry, FpeEntry, GeneralizeEntry, OperatorEntry, PartialEntry, PseudonymEntry,
    RangeEntry, ReplaceEntry, Settings, ShiftEntry, TokenEntry, Word,
};

use crate::{Fpe, Generalize, Operator, Pseudonym, Replacement};

/// The operator that is meant, its bounds checked.
pub(super) fn meant(entry: OperatorEntry) -> Result<Operator, String> {
    let operator = match entry {
        OperatorEntry::Word(word) => self::word(&word),
        OperatorEntry::Settings(settings) => self::settings(settings)?,
    };
    operator.check()?;
    Ok(operator)
}

fn word(word: &Word) -> Operator {
    match word {
        Word::Redact => Operator::Redact,
        Word::Null => Operator::Null,
        Word::Remove => Operator::Remove,
        Word::Token => Operator::Token {
            prefix: String::new(),
        },
        Word::Pseudonym => Operator::Pseudonym(Pseudonym::Id),
        Word::Fpe => Operator::Fpe(Fpe::Digits { luhn: false }),
    }
}

fn settings(settings: Settings) -> Result<Operator, String> {
    Ok(match settings {
        Settings::Replace(value) => Operator::Replace(match value {
            ReplaceEntry::Text(text) => Replacement::text(&text),
            ReplaceEntry::Boolean(value) => Replacement::boolean(value),
            ReplaceEntry::Number(value) => Replacement::number(value),
        }),
        Settings::Partial(PartialEntry { keep_last }) => Operator::Partial { keep_last },
        Settings::Token(TokenEntry { prefix }) => Operator::Token { prefix },
        Settings::Pseudonym(PseudonymEntry::Reference) => Operator::Pseudonym(Pseudonym::Reference),
        Settings::Fpe(FpeEntry { alphabet, luhn }) => Operator::Fpe(fpe(&alphabet, luhn)?),
        Settings::DateShift(ShiftEntry { days }) => Operator::DateShift { days },
        Settings::Generalize(entry) => Operator::Generalize(match entry {
            GeneralizeEntry::Year => Generalize::Year,
            GeneralizeEntry::BirthYear => Generalize::BirthYear,
            GeneralizeEntry::FirstMoment => Generalize::FirstMoment,
            GeneralizeEntry::Zip3 => Generalize::Zip3,
            GeneralizeEntry::Age => Generalize::Age,
            GeneralizeEntry::AgeNumber => Generalize::AgeNumber,
            GeneralizeEntry::Range(RangeEntry { width }) => Generalize::Range { width },
        }),
    })
}

fn fpe(alphabet: &AlphabetEntry, luhn: Option<bool>) -> Result<Fpe, String> {
    match (alphabet, luhn) {
        (AlphabetEntry::Digits, luhn) => Ok(Fpe::Digits {
            luhn: luhn.unwrap_or(false),
        }),
        (AlphabetEntry::Alphanumeric, None) => Ok(Fpe::Alphanumeric),
        (AlphabetEntry::Alphanumeric, Some(_)) => {
            Err("only digits have a check digit: leave it out, or take digits".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Operator, String> {
        velum_profile::operator(serde_json::from_str(json).unwrap()).and_then(meant)
    }

    #[test]
    fn operators_are_written_as_in_a_policy() {
        for (json, operator) in [
            (r#""redact""#, Operator::Redact),
            ("null", Operator::Null),
            (r#""null""#, Operator::Null),
            (r#""remove""#, Operator::Remove),
            (
                r#""token""#,
                Operator::Token {
                    prefix: String::new(),
                },
            ),
            (
                r#"{"token": {"prefix": "MRN-"}}"#,
                Operator::Token {
                    prefix: "MRN-".into(),
                },
            ),
            (r#""pseudonym""#, Operator::Pseudonym(Pseudonym::Id)),
            (
                r#"{"pseudonym": "reference"}"#,
                Operator::Pseudonym(Pseudonym::Reference),
            ),
            (
                r#"{"fpe": {"luhn": true}}"#,
                Operator::Fpe(Fpe::Digits { luhn: true }),
            ),
            (
                r#"{"fpe": {"alphabet": "alphanumeric"}}"#,
                Operator::Fpe(Fpe::Alphanumeric),
            ),
            (
                r#"{"partial": {"keep_last": 4}}"#,
                Operator::Partial { keep_last: 4 },
            ),
            (
                r#"{"date_shift": {"days": 50}}"#,
                Operator::DateShift { days: 50 },
            ),
            (
                r#"{"generalize": {"range": {"width": 10}}}"#,
                Operator::Generalize(Generalize::Range { width: 10 }),
            ),
            (
                r#"{"replace": 0}"#,
                Operator::Replace(Replacement::number(0)),
            ),
        ] {
            assert_eq!(read(json).as_ref(), Ok(&operator), "{json}");
        }
    }

    #[test]
    fn other_operators_are_refused() {
        for (json, fault) in [
            (r#""blur""#, "unknown word, expected one of `redact`"),
            (r#"{"blur": 1}"#, "unknown word, expected one of `replace`"),
            (r#"{"token": {"prefx": ""}}"#, "unknown field `prefx`"),
            (
                r#"{"pseudonym": "id"}"#,
                "unknown word, expected `reference`",
            ),
            (r#"{"partial": {"keep_last": 9}}"#, "4"),
            (r#"{"date_shift": {"days": 0}}"#, "1 to 3650 days"),
            (r#"{"replace": [1]}"#, "a string, a boolean or an integer"),
            (
                r#"{"fpe": {"alphabet": "alphanumeric", "luhn": true}}"#,
                "check digit",
            ),
            ("7", "must be"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(fault), "{json}: {error}");
        }
    }
}
