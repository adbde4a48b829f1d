//! One custom detector at work on one text.

use std::ops::Range;

use super::super::Found;
use super::super::checksum::Checksum;
use super::super::probe::{Probe, Strength};
use super::detector::Compiled;
#[cfg(test)]
use super::detector::Form;
use super::dictionary::Dictionary;
use super::pattern::Pattern;
use super::set::{ends, starts};
use super::steps::{Spent, Steps};

/// So many ends of what begins at one place are tried, the longest first.
const ENDS: usize = 8;

/// No checksum is of more letters and digits.
const LONGEST_CHECKED: usize = 64;

/// One detector at work on one text.
pub(super) struct Looking<'a, 'p> {
    pub(super) detector: &'a Compiled,
    pub(super) probe: &'a Probe<'p>,
    /// Where placeholders are: nothing is found in them.
    pub(super) masked: &'a [Range<usize>],
}

impl Looking<'_, '_> {
    /// Calls back with what a pattern matches.
    pub(super) fn pattern(
        &self,
        pattern: &Pattern,
        checksum: Option<Checksum>,
        begins: impl Fn(u8) -> bool,
        steps: &mut Steps,
        found: &mut Found<'_>,
    ) -> Result<(), Spent> {
        let text = self.probe.bytes();
        let mut masked = self.masked.iter().peekable();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let limit = match masked.peek() {
                Some(next) if next.start <= at => {
                    at = at.max(next.end);
                    masked.next();
                    continue;
                }
                Some(next) => next.start,
                None => text.len(),
            };
            let is_start = begins(*byte) && self.may_start(text, at);
            let range = if is_start {
                self.longest(pattern, checksum, at..limit, steps)?
            } else {
                None
            };
            let Some((range, strength)) = range else {
                at += 1;
                continue;
            };
            at = range.end;
            found(range, strength);
        }
        Ok(())
    }

    /// The longest match that begins at the start of that part, ends in it, and counts.
    fn longest(
        &self,
        pattern: &Pattern,
        checksum: Option<Checksum>,
        part: Range<usize>,
        steps: &mut Steps,
    ) -> Result<Option<(Range<usize>, Strength)>, Spent> {
        let (probe, text) = (self.probe, self.probe.bytes());
        let mut last = [0; ENDS];
        let mut count = 0_usize;
        pattern.ends(text, part.start, part.end, steps, |end| {
            if self.may_end(text, end)
                && let Some(place) = last.get_mut(count % ENDS)
            {
                *place = end;
                count += 1;
            }
            false
        })?;
        for back in 1..=count.min(ENDS) {
            let end = last.get((count - back) % ENDS).copied();
            let range = part.start..end.unwrap_or_default();
            let otherwise = match checksum {
                None => Strength::Shape,
                Some(checksum) => {
                    steps.take(range.len())?;
                    let part = text.get(range.clone()).unwrap_or_default();
                    if !is_right(checksum, part) {
                        continue;
                    }
                    Strength::Valid
                }
            };
            let strength = self.detector.strength(probe, &range, otherwise, steps)?;
            return Ok(strength.map(|strength| (range, strength)));
        }
        Ok(None)
    }

    fn may_start(&self, text: &[u8], at: usize) -> bool {
        let is_whole = !self.detector.boundaries || starts(text, at);
        is_whole && is_between_letters(text, at)
    }

    fn may_end(&self, text: &[u8], end: usize) -> bool {
        let is_whole = !self.detector.boundaries || ends(text, end);
        is_whole && is_between_letters(text, end)
    }

    /// Calls back with the terms of a dictionary.
    pub(super) fn dictionary(
        &self,
        dictionary: &Dictionary,
        steps: &mut Steps,
        found: &mut Found<'_>,
    ) -> Result<(), Spent> {
        let (detector, probe) = (self.detector, self.probe);
        let text = probe.text();
        dictionary.find(text, detector.boundaries, steps, |range, steps| {
            let next = self
                .masked
                .partition_point(|masked| masked.end <= range.start);
            let is_masked = self
                .masked
                .get(next)
                .is_some_and(|masked| masked.start < range.end);
            if is_masked {
                return Ok(());
            }
            if let Some(strength) = detector.strength(probe, &range, Strength::Valid, steps)? {
                found(range, strength);
            }
            Ok(())
        })
    }
}

/// Whether the letters and digits of a match keep the rule.
fn is_right(checksum: Checksum, part: &[u8]) -> bool {
    let mut symbols = [0; LONGEST_CHECKED];
    let mut count = 0;
    for byte in part.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        let Some(symbol) = symbols.get_mut(count) else {
            return false;
        };
        *symbol = *byte;
        count += 1;
    }
    checksum(symbols.get(..count).unwrap_or_default())
}

/// Whether no character goes on there.
fn is_between_letters(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte & 0xC0 != 0x80)
}

#[cfg(test)]
mod tests {
    use super::super::CustomDetector;
    use super::*;
    use crate::Class;

    /// What a detector takes for a text, and how much of the text it finds.
    fn cost(detector: &CustomDetector, text: &str) -> Result<(usize, usize), Spent> {
        let compiled = Compiled::new(detector).unwrap();
        let probe = Probe::of(text);
        let looking = Looking {
            detector: &compiled,
            probe: &probe,
            masked: &[],
        };
        let mut steps = Steps::of(text.len());
        let mut length = 0;
        let mut found = |range: Range<usize>, _| length += range.len();
        match &compiled.form {
            Form::Pattern(pattern, checksum) => {
                let begins = |byte| pattern.may_begin_with(byte);
                let begins: Vec<_> = (0..=u8::MAX).map(begins).collect();
                let begins = |byte: u8| begins[usize::from(byte)];
                looking.pattern(pattern, *checksum, begins, &mut steps, &mut found)?;
            }
            Form::Dictionary(dictionary) => {
                looking.dictionary(dictionary, &mut steps, &mut found)?;
            }
        }
        Ok((steps.taken(text.len()), length))
    }

    /// Counted, and not measured: steps are the same on every machine.
    #[test]
    fn twice_the_text_takes_twice_the_steps_or_is_given_up() {
        const LENGTH: usize = 1 << 15;
        let pattern = |expression: &str| CustomDetector::pattern("x", Class::Other, expression);
        for (expression, unit, is_found) in [
            ("(a|a)*b", "a", false),
            ("(a+)+$", "a", true),
            ("(a*)*b", "a", false),
            ("(.*a){6}", "a", true),
            ("((a{1,3}){1,3}){1,3}b", "a", false),
            ("[a-z]+ [a-z]+", "ab ", true),
            (r"\d+(-\d+)*x", "1-", false),
            (r"\d{4}(?: \d{4}){3}", "1234 ", true),
        ] {
            let mut detector = pattern(expression);
            let once = cost(&detector, &unit.repeat(LENGTH));
            let twice = cost(&detector, &unit.repeat(2 * LENGTH));
            let (Ok(once), Ok(twice)) = (once, twice) else {
                panic!("{expression} is given up");
            };
            assert!(
                twice.0 <= 2 * once.0 + 100,
                "{expression}: {once:?} {twice:?}"
            );
            assert_eq!(twice.1 > 0, is_found, "{expression}");
            detector.boundaries = false;
            let once = cost(&detector, &unit.repeat(LENGTH));
            let twice = cost(&detector, &unit.repeat(2 * LENGTH));
            match (once, twice) {
                (Ok(once), Ok(twice)) => {
                    assert!(
                        twice.0 <= 2 * once.0 + 1000,
                        "{expression}: {once:?} {twice:?}"
                    );
                }
                (once, twice) => assert!(once.is_err() && twice.is_err(), "{expression}"),
            }
        }
    }

    /// Terms in one another, all of them everywhere.
    #[test]
    fn a_dictionary_of_one_letter_is_given_up_or_linear() {
        let terms = |count: usize| (3..3 + count).map(|length| "a".repeat(length));
        for (count, is_given_up) in [(10, false), (120, true)] {
            let mut detector = CustomDetector::dictionary("x", Class::Other, terms(count));
            detector.boundaries = false;
            let cost = |length: usize| cost(&detector, &"a".repeat(length));
            match (cost(1 << 14), cost(1 << 15)) {
                (Ok((once, _)), Ok((twice, _))) => {
                    assert!(!is_given_up && twice <= 2 * once + 1000, "{once} {twice}");
                }
                (once, twice) => assert!(is_given_up && once.is_err() && twice.is_err()),
            }
        }
    }
}
