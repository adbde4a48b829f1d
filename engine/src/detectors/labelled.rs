//! Identifiers without a form of their own: medical record, health plan, account, certificate and
//! licence numbers. They are what a label says they are, and have a digit
//! (45 CFR 164.514(b)(2)(i)(H) to (K)).

use std::ops::Range;

use super::edges::{is_iso_date, is_listed};
use super::{Found, Probe, Strength, continues_at};

/// Groups with dashes between in which a value may begin: `MRN-12-345`.
const MOST_GROUPS: usize = 6;

/// What numbers of one kind look like, and what says that they are of it.
pub(super) struct Numbering {
    /// Labels that say it alone.
    pub(super) labels: &'static [&'static str],
    /// Words that have other meanings, too: behind them most of a number is digits.
    pub(super) weak: &'static [&'static str],
    /// Labels of something else: behind them a number is not of this kind.
    pub(super) others: &'static [&'static str],
    /// How many letters and digits there are.
    pub(super) shortest: usize,
    pub(super) longest: usize,
}

/// Calls back with every number that has a label.
pub(super) fn find(numbering: &Numbering, probe: &Probe<'_>, found: &mut Found<'_>) {
    let bytes = probe.bytes();
    if !probe.named && !probe.may_have(numbering.labels) && !probe.may_have(numbering.weak) {
        return;
    }
    // Where a name says that its value is such a number, an address is another thing.
    let is_named = probe.named && memchr::memmem::find(bytes, b"://").is_none();
    let mut last: Option<Range<usize>> = None;
    let mut position = 0;
    while position < bytes.len() {
        let run = run_at(bytes, position);
        let there = numbering
            .labelled(probe, &run)
            .or_else(|| numbering.listed(bytes, last.as_ref(), &run))
            .or_else(|| numbering.named(probe, &run).filter(|_| is_named));
        position = run.end.max(position + 1);
        if let Some(value) = there {
            position = position.max(value.end);
            found(value.clone(), Strength::Labelled);
            last = Some(value);
        }
    }
}

impl Numbering {
    /// The number in a run, if a label introduces it; the label may be in the run.
    fn labelled(&self, probe: &Probe<'_>, run: &Range<usize>) -> Option<Range<usize>> {
        let bytes = probe.bytes();
        let part = bytes.get(run.clone())?;
        let first_digit = run.start + part.iter().position(u8::is_ascii_digit)?;
        let groups = part
            .iter()
            .enumerate()
            .filter(|(_, byte)| is_joiner(**byte));
        let starts = groups.map(|(at, _)| run.start + at + 1).take(MOST_GROUPS);
        for start in std::iter::once(run.start)
            .chain(starts)
            .chain([first_digit])
        {
            let whole = start..run.end;
            let Some(value) = Some(whole)
                .filter(|value| self.fits(bytes, value))
                .or_else(|| self.spaced(bytes, start))
            else {
                continue;
            };
            let is_weak = || {
                is_mostly_digits(bytes, &value)
                    && !continues_at(bytes, value.end)
                    && !is_count(bytes, &value)
            };
            if probe.introduces(start, self.labels)
                || probe.tells(start, self.labels)
                || probe.precedes(value.end, self.labels)
                || (is_weak() && probe.introduces(start, self.weak))
            {
                let is_other = probe.introduces(run.start, self.others);
                return Some(value).filter(|_| !is_other);
            }
        }
        None
    }

    /// The next in a list: `MRNs 1234567, 7654321 and 1112223`.
    fn listed(
        &self,
        bytes: &[u8],
        last: Option<&Range<usize>>,
        run: &Range<usize>,
    ) -> Option<Range<usize>> {
        let last = last.filter(|last| last.len() == run.len())?;
        let is_listed = is_listed(bytes, last.end..run.start);
        (is_listed && self.fits(bytes, run)).then(|| run.clone())
    }

    /// A run of which the member's name alone says what it is.
    fn named(&self, probe: &Probe<'_>, run: &Range<usize>) -> Option<Range<usize>> {
        let part = probe.bytes().get(run.clone())?;
        let is_other = is_iso_date(part)
            || continues_at(probe.bytes(), run.end)
            || probe.introduces(run.start, self.others);
        (self.fits(probe.bytes(), run) && !is_other).then(|| run.clone())
    }

    /// Whether it may be such a number: five letters and digits in a row, a digit among them, or seven
    /// bytes of digits with dashes between.
    fn fits(&self, bytes: &[u8], value: &Range<usize>) -> bool {
        let part = bytes.get(value.clone()).unwrap_or_default();
        if part.len() > 2 * self.longest {
            return false;
        }
        let count = part.iter().filter(|byte| !is_joiner(**byte)).count();
        let mut groups = part.split(|byte| is_joiner(*byte));
        let has_group =
            groups.any(|group| group.len() >= 5 && group.iter().any(u8::is_ascii_digit));
        let is_dashed = part.len() >= 7
            && part
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'-');
        (self.shortest..=self.longest).contains(&count) && (has_group || is_dashed)
    }

    /// Digits in groups of two to four with single spaces between.
    fn spaced(&self, bytes: &[u8], start: usize) -> Option<Range<usize>> {
        let (mut end, mut count) = (start, 0);
        loop {
            let rest = bytes.get(end..)?.iter();
            let group = rest.take_while(|byte| byte.is_ascii_digit()).count();
            let longer = bytes.get(end + group);
            let is_group = (2..=4).contains(&group)
                && !longer.is_some_and(|byte| byte.is_ascii_alphanumeric() || is_joiner(*byte));
            if !is_group || count + group > self.longest {
                // Without the space before what is none.
                end -= usize::from(count > 0);
                break;
            }
            (end, count) = (end + group, count + group);
            if longer != Some(&b' ') {
                break;
            }
            end += 1;
        }
        (count > self.shortest).then_some(start..end)
    }
}

/// Whether a short number says how many there are of what follows: `the policy 12345 pages`.
fn is_count(bytes: &[u8], value: &Range<usize>) -> bool {
    const MOST: usize = 6;
    const VERBS: [&[u8]; 8] = [
        b"covers", b"expires", b"lapses", b"starts", b"ends", b"shows", b"belongs", b"this",
    ];
    let behind = bytes.get(value.end..).unwrap_or_default();
    let word = behind.strip_prefix(b" ").unwrap_or_default();
    let length = word
        .iter()
        .take(16)
        .take_while(|byte| byte.is_ascii_lowercase());
    let word = word.get(..length.count()).unwrap_or_default();
    value.len() <= MOST && word.len() >= 4 && word.ends_with(b"s") && !VERBS.contains(&word)
}

fn is_mostly_digits(bytes: &[u8], value: &Range<usize>) -> bool {
    let part = bytes.get(value.clone()).unwrap_or_default();
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits >= 5 && digits * 2 >= part.len()
}

/// The letters and digits that begin there, with single dashes and underscores between.
fn run_at(bytes: &[u8], start: usize) -> Range<usize> {
    let mut end = start;
    let is_word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    loop {
        let is_joined = || bytes.get(end).is_some_and(|byte| is_joiner(*byte)) && end > start;
        if is_word(end) {
            end += 1;
        } else if is_joined() && is_word(end + 1) {
            end += 2;
        } else {
            return start..end;
        }
    }
}

fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'-' | b'_')
}
