//! One custom detector, checked and compiled.

use std::ops::Range;

use super::super::ALL;
use super::super::checksum::{self, Checksum};
use super::super::normal::normal;
use super::super::probe::{Probe, REACH, Strength};
use super::dictionary::Dictionary;
use super::pattern::Pattern;
use super::steps::{Spent, Steps};
use super::{CustomDetector, Fault, LooksFor};
use crate::Class;

/// One of them.
pub(super) struct Compiled {
    pub(super) name: Box<str>,
    pub(super) class: Class,
    pub(super) form: Form,
    /// As they stand in texts.
    words: Vec<Box<str>>,
    /// As they are in the name of a member that is spoken.
    pub(super) spoken: Vec<Box<str>>,
    required: bool,
    pub(super) boundaries: bool,
}

/// What it looks for.
pub(super) enum Form {
    Pattern(Box<Pattern>, Option<Checksum>),
    Dictionary(Box<Dictionary>),
}

impl Compiled {
    pub(super) fn new(detector: &CustomDetector) -> Result<Self, Fault> {
        let (words, spoken) = check_words(&detector.words)?;
        if detector.required && words.is_empty() {
            let message = "has no effect without words: list them, or leave it out";
            return Err(Fault::new("required", message));
        }
        let form = match &detector.looks_for {
            LooksFor::Pattern { pattern, checksum } => {
                let checksum = checksum.as_deref().map(named_checksum).transpose()?;
                let pattern = Pattern::compile(pattern);
                let pattern = pattern.map_err(|message| Fault::new("pattern", message))?;
                Form::Pattern(Box::new(pattern), checksum)
            }
            LooksFor::Dictionary(terms) => Form::Dictionary(Box::new(Dictionary::compile(terms)?)),
        };
        Ok(Self {
            name: detector.name.as_str().into(),
            class: detector.class,
            form,
            words,
            spoken,
            required: detector.required,
            boundaries: detector.boundaries,
        })
    }

    /// How sure a match there is; `None`: it is no find.
    pub(super) fn strength(
        &self,
        probe: &Probe<'_>,
        range: &Range<usize>,
        otherwise: Strength,
        steps: &mut Steps,
    ) -> Result<Option<Strength>, Spent> {
        /// What it takes to look for a word near a place.
        const WORD: usize = 4;
        steps.take(self.words.len() * WORD)?;
        Ok(if probe.is_labelled(range, &self.words) {
            Some(Strength::Labelled)
        } else {
            Some(otherwise).filter(|_| !self.required)
        })
    }
}

/// Checks the name of a detector; what is wrong with it else.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    const LONGEST: usize = 64;
    let is_part = |part: &str| {
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !part.is_empty() && part.bytes().all(is_known)
    };
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if name.len() > LONGEST || !starts || !name.split('-').all(is_part) {
        return Err(
            "must be at most 64 small letters and digits with single dashes between, a letter first",
        );
    }
    if ALL.iter().any(|shipped| shipped.name == name) {
        return Err("is the name of a shipped detector: choose another");
    }
    Ok(())
}

fn named_checksum(name: &str) -> Result<Checksum, Fault> {
    checksum::by_name(name).ok_or_else(|| {
        let known = checksum::NAMES.join(", ");
        Fault::new("checksum", format!("must be one of: {known}"))
    })
}

type Words = Vec<Box<str>>;

/// Words as they stand in texts, and as they are in a spoken name.
fn check_words(words: &[String]) -> Result<(Words, Words), Fault> {
    if words.len() > CustomDetector::MOST_WORDS {
        let most = CustomDetector::MOST_WORDS;
        let message = format!("has too many words: at most {most} are looked for");
        return Err(Fault::new("words", message));
    }
    let (mut written, mut spoken): (Words, Words) = Default::default();
    for (index, word) in words.iter().enumerate() {
        let fault = |message: String| Err(Fault::new(format!("words/{index}"), message));
        let normal = normal(word);
        let parts: Vec<_> = normal.text.split_whitespace().collect();
        let one = parts.join(" ").to_ascii_lowercase();
        if one.len() > REACH {
            return fault(format!("is longer than {REACH} bytes: shorten it"));
        }
        let name = crate::rules::words(word).join(" ");
        if name.is_empty() {
            return fault("has no letter or digit: name a word".into());
        }
        if written.iter().any(|other| **other == *one) {
            return fault("is listed twice: keep one of the two".into());
        }
        written.push(one.into());
        spoken.push(format!(" {name} ").into());
    }
    Ok((written, spoken))
}
