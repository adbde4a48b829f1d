//! Rules by member name.

use std::collections::BTreeMap;

/// The rules that a member name falls under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyRules {
    /// An explicit rule.
    pub(crate) rule: Option<u16>,
    /// A rule of a profile.
    pub(crate) profile: Option<u16>,
}

/// Folded names to rules.
#[derive(Default)]
pub(crate) struct KeyTable {
    whole: BTreeMap<Box<str>, KeyRules>,
    suffix: BTreeMap<Box<str>, KeyRules>,
    prefix: BTreeMap<Box<str>, KeyRules>,
    inside: BTreeMap<Box<str>, KeyRules>,
    longest: usize,
}

impl KeyTable {
    /// Adds a key of a rule. A key that an earlier explicit rule has taken is refused; between
    /// profiles the first keeps it.
    pub(crate) fn add(&mut self, key: &str, rule: u16, explicit: bool) -> Result<(), String> {
        let (after, key) = key
            .strip_prefix('*')
            .map_or((false, key), |rest| (true, rest));
        let (before, key) = key
            .strip_suffix('*')
            .map_or((false, key), |rest| (true, rest));
        let folded = Folded::of(key);
        if folded.text.is_empty() {
            return Err("a key has no letter and no digit".into());
        }
        if explicit && self.has_explicit(&folded, after, before) {
            return Err(format!(
                "it can never fire for {key}: an earlier rule has that key"
            ));
        }
        self.longest = self.longest.max(folded.text.len());
        let text = folded.text.into_boxed_str();
        let table = match (after, before) {
            (false, false) => &mut self.whole,
            (true, false) => &mut self.suffix,
            (false, true) => &mut self.prefix,
            (true, true) => &mut self.inside,
        };
        let entry = table.entry(text).or_default();
        let place = if explicit {
            &mut entry.rule
        } else {
            &mut entry.profile
        };
        place.get_or_insert(rule);
        Ok(())
    }

    /// The rules for a (decoded) member name.
    pub(crate) fn find(&self, key: &str) -> KeyRules {
        let folded = Folded::of(key);
        let mut found = KeyRules::default();
        self.find_folded(&folded, folded.text.len(), &mut found);
        if let Some(without) = folded.without_number() {
            self.find_folded(&folded, without, &mut found);
        }
        found
    }

    fn has_explicit(&self, folded: &Folded, after: bool, before: bool) -> bool {
        let taken = |table: &BTreeMap<Box<str>, KeyRules>| {
            table
                .get(folded.text.as_str())
                .is_some_and(|rules| rules.rule.is_some())
        };
        taken(&self.inside)
            || (!before && taken(&self.suffix))
            || (!after && taken(&self.prefix))
            || (!after && !before && taken(&self.whole))
    }

    fn find_folded(&self, folded: &Folded, end: usize, found: &mut KeyRules) {
        let mut merge = |table: &BTreeMap<Box<str>, KeyRules>, start: usize, end: usize| {
            if end - start > self.longest {
                return;
            }
            let rules = folded.text.get(start..end).and_then(|part| table.get(part));
            if let Some(rules) = rules {
                // The rule that was added first decides, whichever way it matched.
                found.rule = first(found.rule, rules.rule);
                found.profile = first(found.profile, rules.profile);
            }
        };
        merge(&self.whole, 0, end);
        for (word, &start) in folded.starts.iter().enumerate() {
            if start >= end {
                break;
            }
            merge(&self.suffix, start, end);
            let ends = folded
                .starts
                .iter()
                .skip(word + 1)
                .copied()
                .take_while(|at| *at < end);
            for part_end in ends.chain([end]) {
                if part_end - start > self.longest {
                    break;
                }
                if word == 0 {
                    merge(&self.prefix, 0, part_end);
                }
                merge(&self.inside, start, part_end);
            }
        }
    }
}

fn first(one: Option<u16>, other: Option<u16>) -> Option<u16> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A name in lower case without separators, and where its words begin.
struct Folded {
    text: String,
    starts: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Gap,
    Lower,
    Upper,
    Digit,
}

impl Folded {
    fn of(key: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(key.len()),
            starts: Vec::new(),
        };
        let mut before = Shape::Gap;
        let mut letters = key.chars().peekable();
        while let Some(letter) = letters.next() {
            let shape = Shape::of(letter);
            let next = letters.peek().map_or(Shape::Gap, |next| Shape::of(*next));
            let begins = match (before, shape) {
                (_, Shape::Gap) | (Shape::Upper, Shape::Lower) => false,
                // The last capital before small letters begins their word: SSNNumber.
                (Shape::Upper, Shape::Upper) => next == Shape::Lower,
                (before, shape) => before != shape,
            };
            if begins {
                folded.starts.push(folded.text.len());
            }
            if shape != Shape::Gap {
                folded.text.extend(letter.to_lowercase());
            }
            before = shape;
        }
        folded
    }

    /// Where the text ends without a number at its end, if it has one.
    fn without_number(&self) -> Option<usize> {
        let last = *self.starts.last()?;
        let number = self.text.get(last..)?;
        (last > 0 && number.chars().all(char::is_numeric)).then_some(last)
    }
}

impl Shape {
    fn of(letter: char) -> Self {
        if letter.is_numeric() {
            Self::Digit
        } else if letter.is_uppercase() {
            Self::Upper
        } else if letter.is_alphabetic() {
            Self::Lower
        } else {
            Self::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_key_are_one() {
        let mut table = KeyTable::default();
        table.add("patient_ssn", 0, true).unwrap();
        table.add("auth", 1, false).unwrap();
        for key in [
            "patientSSN",
            "patient_ssn",
            "Patient-Ssn",
            "PATIENT SSN",
            "patient.ssn2",
        ] {
            assert_eq!(table.find(key).rule, Some(0), "{key}");
        }
        for key in [
            "author",
            "authors",
            "x_auth",
            "patient",
            "ssn",
            "patient_ssn_x",
            "",
        ] {
            assert_eq!(table.find(key), KeyRules::default(), "{key}");
        }
    }

    #[test]
    fn parts_are_whole_words() {
        let mut table = KeyTable::default();
        table.add("*ssn", 0, true).unwrap();
        table.add("secret*", 1, true).unwrap();
        table.add("*api key*", 2, true).unwrap();
        for (key, rule) in [
            ("patientSSN", Some(0)),
            ("SSN", Some(0)),
            ("SSNNumber", None),
            ("lessn", None),
            ("secretName", Some(1)),
            ("secretary", None),
            ("mySecret", None),
            ("myApiKeyId", Some(2)),
            ("x-api-key", Some(2)),
            ("apikey", Some(2)),
            ("my_ssn_2", Some(0)),
        ] {
            assert_eq!(table.find(key).rule, rule, "{key}");
        }
    }

    #[test]
    fn a_key_that_is_taken_is_refused() {
        let mut table = KeyTable::default();
        table.add("*ssn", 0, true).unwrap();
        assert!(table.add("ssn", 1, true).is_err());
        assert!(table.add("*SSN", 1, true).is_err());
        assert!(
            table.add("ssn", 1, false).is_ok(),
            "profiles give way silently"
        );
        assert!(table.add("ssn*", 1, true).is_ok());
        assert!(table.add("-", 1, true).is_err());
    }
}
