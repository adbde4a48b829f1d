//! The operator of a rule: written as the policy writes it.

use serde::Deserialize;
use serde_json::Value;

use crate::profiles::ProfileError;
use crate::{Fpe, Generalize, Operator, Pseudonym, Replacement};

/// The operators that are a word.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Redact,
    Null,
    Remove,
    Token,
    Pseudonym,
    Fpe,
}

/// The operators that have something to say.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Replace(ReplaceEntry),
    Partial(PartialEntry),
    Token(TokenEntry),
    Pseudonym(PseudonymEntry),
    Fpe(FpeEntry),
    DateShift(ShiftEntry),
    Generalize(GeneralizeEntry),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a string, a boolean or an integer")]
enum ReplaceEntry {
    Text(String),
    Boolean(bool),
    Number(i64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartialEntry {
    keep_last: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    #[serde(default)]
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PseudonymEntry {
    Reference,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FpeEntry {
    #[serde(default)]
    alphabet: AlphabetEntry,
    luhn: Option<bool>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum AlphabetEntry {
    #[default]
    Digits,
    Alphanumeric,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShiftEntry {
    days: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GeneralizeEntry {
    Year,
    #[serde(rename = "instant")]
    FirstMoment,
    Zip3,
    Age,
    AgeNumber,
    Range(RangeEntry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeEntry {
    width: u32,
}

/// Reads an operator, and checks its bounds.
pub(super) fn read(value: Value) -> Result<Operator, String> {
    let operator = match value {
        Value::String(_) => word(value)?,
        // In YAML the operator's name is also the word for no value.
        Value::Null => Operator::Null,
        other => entry(other)?,
    };
    operator.check()?;
    Ok(operator)
}

fn word(value: Value) -> Result<Operator, String> {
    let word = serde_json::from_value(value).map_err(|error| ProfileError::message_of(&error))?;
    Ok(match word {
        Word::Redact => Operator::Redact,
        Word::Null => Operator::Null,
        Word::Remove => Operator::Remove,
        Word::Token => Operator::Token {
            prefix: String::new(),
        },
        Word::Pseudonym => Operator::Pseudonym(Pseudonym::Id),
        Word::Fpe => Operator::Fpe(Fpe::Digits { luhn: false }),
    })
}

fn entry(value: Value) -> Result<Operator, String> {
    let entry = serde_json::from_value(value).map_err(|error| ProfileError::message_of(&error))?;
    Ok(match entry {
        Entry::Replace(ReplaceEntry::Text(text)) => Operator::Replace(Replacement::text(&text)),
        Entry::Replace(ReplaceEntry::Boolean(value)) => {
            Operator::Replace(Replacement::boolean(value))
        }
        Entry::Replace(ReplaceEntry::Number(value)) => {
            Operator::Replace(Replacement::number(value))
        }
        Entry::Partial(PartialEntry { keep_last }) => Operator::Partial { keep_last },
        Entry::Token(TokenEntry { prefix }) => Operator::Token { prefix },
        Entry::Pseudonym(PseudonymEntry::Reference) => Operator::Pseudonym(Pseudonym::Reference),
        Entry::Fpe(FpeEntry { alphabet, luhn }) => Operator::Fpe(fpe(&alphabet, luhn)?),
        Entry::DateShift(ShiftEntry { days }) => Operator::DateShift { days },
        Entry::Generalize(entry) => Operator::Generalize(match entry {
            GeneralizeEntry::Year => Generalize::Year,
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
            let value = serde_json::from_str(json).unwrap();
            assert_eq!(read(value).as_ref(), Ok(&operator), "{json}");
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
            let error = read(serde_json::from_str(json).unwrap()).unwrap_err();
            assert!(error.contains(fault), "{json}: {error}");
        }
    }
}
