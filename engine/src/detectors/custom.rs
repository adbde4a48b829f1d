//! Detectors that a policy brings along: a pattern or a dictionary, compiled once with the rules.
//!
//! They look at the same spelling of a text as the shipped ones, and in the same readings of it. The
//! time that a text takes is linear in its length, whatever the pattern: see [`steps`].

mod detector;
mod dictionary;
mod pattern;
mod search;
mod set;
mod steps;

pub(crate) use set::Customs;

use super::checksum;
use crate::Class;

/// A detector of what only its owner knows: badges, case numbers, the names of wards.
///
/// ```
/// use velum_engine::{Class, CustomDetector, Ruleset, mask_text};
/// let mut badge = CustomDetector::pattern("badge", Class::Identifier, r"[A-Z]{2}-?\d{6}");
/// badge.words = vec!["badge".into()];
/// badge.required = true;
/// let wards = ["Birch Ward".to_owned(), "Cedar Ward".to_owned()];
/// let ward = CustomDetector::dictionary("ward", Class::Address, wards);
/// let rules = Ruleset::builder().detector(badge).detector(ward).build()?;
/// assert_eq!(
///     mask_text(&rules, "badge QX-104221 was seen on birch ward, part QX-104221 was not"),
///     "badge [masked:identifier] was seen on [masked:address], part QX-104221 was not"
/// );
/// # Ok::<(), velum_engine::RuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomDetector {
    /// Names it in errors and reports (`detector: badge`): small letters and digits, with single
    /// dashes between. No two have the same name, and none that of a shipped detector.
    pub name: String,
    /// The class of what it finds.
    pub class: Class,
    /// What it looks for.
    pub looks_for: LooksFor,
    /// Words that say what a value is: shortly before it, in parentheses behind it, or in the name of
    /// the member. Whatever its case, a word stands alone. What they speak for is the surest of finds.
    pub words: Vec<String>,
    /// Whether nothing is found without such a word.
    pub required: bool,
    /// Whether a find must not be a part of a longer token: of letters, digits and what joins them; of
    /// a dictionary, of a longer word.
    pub boundaries: bool,
    /// Whether it looks among codes too, where profiles know that codes are.
    pub codes: bool,
}

/// What a [`CustomDetector`] looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LooksFor {
    /// What a regular expression matches, as long as it can be: whether a quantifier is lazy makes no
    /// difference. It reads bytes of UTF-8: `.` is one, and `\d`, `\w`, `\s`, `\b` and `(?i)` know
    /// ASCII; a find never ends within a character. There are no references back and no look-around
    /// but `^`, `$`, `\b` and the like.
    Pattern {
        /// The expression, in the syntax of the `regex` crate.
        pattern: String,
        /// What the letters and digits of a match must keep: one of [`CustomDetector::CHECKSUMS`].
        checksum: Option<String>,
    },
    /// Any of these terms, whatever its case and accents.
    Dictionary(Vec<String>),
}

impl CustomDetector {
    /// The names of all checksums.
    ///
    /// ```
    /// assert!(velum_engine::CustomDetector::CHECKSUMS.contains(&"luhn"));
    /// ```
    pub const CHECKSUMS: &'static [&'static str] = checksum::NAMES;
    /// So many of them a rule set has at most.
    pub const MOST: usize = 32;
    /// So many bytes a pattern has at most.
    pub const LONGEST_PATTERN: usize = 1024;
    /// So many bytes the table has at most that a pattern is compiled to.
    pub const LARGEST_PATTERN: usize = 128 << 10;
    /// So many bytes a term has at most.
    pub const LONGEST_TERM: usize = 128;
    /// So many terms the dictionaries of a rule set have at most, taken together.
    pub const MOST_TERMS: usize = 20_000;
    /// So many bytes their terms have at most, taken together.
    pub const LARGEST_DICTIONARIES: usize = 256 << 10;
    /// So many words a detector has at most.
    pub const MOST_WORDS: usize = 32;

    /// A detector of what a pattern matches, between boundaries, wherever there are no codes.
    ///
    /// ```
    /// use velum_engine::{Class, CustomDetector};
    /// let detector = CustomDetector::pattern("badge", Class::Identifier, r"B\d{7}");
    /// assert!(detector.boundaries && !detector.codes);
    /// ```
    pub fn pattern(name: &str, class: Class, pattern: &str) -> Self {
        let looks_for = LooksFor::Pattern {
            pattern: pattern.to_owned(),
            checksum: None,
        };
        Self::new(name, class, looks_for)
    }

    /// A detector of terms that stand there as whole words, wherever there are no codes.
    ///
    /// ```
    /// use velum_engine::{Class, CustomDetector};
    /// let detector = CustomDetector::dictionary("ward", Class::Address, ["Birch Ward".to_owned()]);
    /// assert_eq!(detector.name, "ward");
    /// ```
    pub fn dictionary(name: &str, class: Class, terms: impl IntoIterator<Item = String>) -> Self {
        Self::new(
            name,
            class,
            LooksFor::Dictionary(terms.into_iter().collect()),
        )
    }

    fn new(name: &str, class: Class, looks_for: LooksFor) -> Self {
        Self {
            name: name.to_owned(),
            class,
            looks_for,
            words: Vec::new(),
            required: false,
            boundaries: true,
            codes: false,
        }
    }
}

/// What is wrong with one of them, and where: `pattern`, `dictionary/3`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) part: String,
    pub(crate) message: String,
}

impl Fault {
    fn new(part: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            message: message.into(),
        }
    }
}
