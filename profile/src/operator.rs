//! The operator of a rule: written as the policy writes it.

use serde::Deserialize;
use serde_json::Value;

use crate::ProfileError;

/// An operator as it is written; its bounds are not checked yet.
#[derive(Clone, Debug)]
pub enum OperatorEntry {
    /// One that is a word.
    Word(Word),
    /// One that has something to say.
    Settings(Settings),
}

/// The operators that are a word.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The placeholder.
    Redact,
    /// `null`.
    Null,
    /// Nothing.
    Remove,
    /// A token without prefix.
    Token,
    /// The pseudonym of an id.
    Pseudonym,
    /// Other digits.
    Fpe,
}

/// The operators that have something to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// A fixed value.
    Replace(ReplaceEntry),
    /// The placeholder with the end of the value.
    Partial(PartialEntry),
    /// A token.
    Token(TokenEntry),
    /// Pseudonyms within something.
    Pseudonym(PseudonymEntry),
    /// Other digits or letters.
    Fpe(FpeEntry),
    /// Another date.
    DateShift(ShiftEntry),
    /// Something coarser.
    Generalize(GeneralizeEntry),
}

/// A fixed value.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a string, a boolean or an integer")]
pub enum ReplaceEntry {
    /// A text.
    Text(String),
    /// A boolean.
    Boolean(bool),
    /// A whole number.
    Number(i64),
}

/// What stays.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialEntry {
    /// So many letters and digits.
    pub keep_last: u8,
}

/// How a token looks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenEntry {
    /// What it begins with.
    #[serde(default)]
    pub prefix: String,
}

/// What ids stand in.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PseudonymEntry {
    /// A text that refers to something.
    Reference,
}

/// What is written anew.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FpeEntry {
    /// Which characters are replaced.
    #[serde(default)]
    pub alphabet: AlphabetEntry,
    /// Whether a right check digit stays one.
    pub luhn: Option<bool>,
}

/// Which characters.
#[derive(Clone, Debug, Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum AlphabetEntry {
    /// Digits.
    #[default]
    Digits,
    /// Digits and letters of ASCII.
    Alphanumeric,
}

/// How far a date is moved.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftEntry {
    /// At most so many days.
    pub days: u16,
}

/// How a value is made coarser.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeneralizeEntry {
    /// The year of a date.
    Year,
    /// The year of a birth.
    BirthYear,
    /// The first moment of the year.
    #[serde(rename = "instant")]
    FirstMoment,
    /// The first digits of a ZIP code.
    Zip3,
    /// An age up to 89.
    Age,
    /// The same, as a number.
    AgeNumber,
    /// The range of a number.
    Range(RangeEntry),
}

/// Ranges of numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeEntry {
    /// So many numbers in each.
    pub width: u32,
}

/// Reads an operator.
///
/// # Errors
/// What it must be.
///
/// ```
/// use velum_profile::{OperatorEntry, Word, operator};
/// let read = operator("remove".into()).unwrap();
/// assert!(matches!(read, OperatorEntry::Word(Word::Remove)));
/// assert!(operator("blur".into()).unwrap_err().starts_with("unknown word, expected one of"));
/// ```
pub fn operator(value: Value) -> Result<OperatorEntry, String> {
    let read = match value {
        Value::String(_) => serde_json::from_value(value).map(OperatorEntry::Word),
        // In YAML the operator's name is also the word for no value.
        Value::Null => Ok(OperatorEntry::Word(Word::Null)),
        other => serde_json::from_value(other).map(OperatorEntry::Settings),
    };
    read.map_err(|error| ProfileError::message_of(&error))
}
