//! Masks the corpus and counts what was found and what of it was right.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use velum_engine::{Finder, Framing, Masker, Options};

use crate::detectors_alone;
use crate::sample::{Place, Sample};

/// Counts of one detector in one kind of place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Values of it that were to be found, and those that were masked whole, as their class.
    pub(crate) values: u32,
    pub(crate) found: u32,
    /// Its finds that were right, and those that were not.
    pub(crate) right: u32,
    pub(crate) wrong: u32,
    /// Finds that took more than the value.
    pub(crate) wide: u32,
}

impl Count {
    /// How many of the values were found, in percent.
    pub(crate) fn recall(self) -> f64 {
        percent(self.found, self.values)
    }

    /// How many of the finds were right, in percent.
    pub(crate) fn precision(self) -> f64 {
        percent(self.right, self.right + self.wrong)
    }

    /// How many of the values were masked without anything beside them, in percent.
    pub(crate) fn exact(self) -> f64 {
        percent(self.values.saturating_sub(self.wide), self.values)
    }
}

fn percent(part: u32, all: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(all.max(1))
}

/// Counts by detector and place.
pub(crate) type Counts = BTreeMap<(String, Place), Count>;

/// What was not as it should be.
pub(crate) struct Fault {
    pub(crate) what: &'static str,
    /// Who missed or found it.
    pub(crate) detector: String,
    pub(crate) source: &'static str,
    pub(crate) context: &'static str,
    pub(crate) place: Place,
    pub(crate) line: String,
    pub(crate) out: String,
}

/// Which samples have all of their values masked, as their class.
pub(crate) fn found(samples: &[&Sample]) -> Vec<bool> {
    let lines: Vec<String> = samples.iter().map(|sample| sample.line()).collect();
    let out = masked(lines.join("\n").as_bytes());
    let outcomes = samples
        .iter()
        .zip(out.lines())
        .map(|(sample, out)| Outcome::of(sample, out));
    let found: Vec<_> = outcomes
        .zip(samples)
        .map(|(outcome, sample)| outcome.found == to_count(sample.spans.len()))
        .collect();
    assert_eq!(found.len(), samples.len());
    found
}

/// Masks every sample, each a line of one body.
pub(crate) fn judge(samples: &[Sample]) -> (Counts, Vec<Fault>) {
    let lines: Vec<String> = samples.iter().map(Sample::line).collect();
    let mut body = lines.join("\n");
    body.push('\n');
    let out = masked(body.as_bytes());
    let finds = finds(body.as_bytes(), samples.len());
    let outs: Vec<&str> = out.lines().collect();
    assert_eq!(outs.len(), lines.len());
    let mut counts = Counts::new();
    let mut faults = Vec::new();
    for (((sample, line), out), finds) in samples.iter().zip(&lines).zip(outs).zip(&finds) {
        let mut fault = |what, detector: &str| {
            faults.push(Fault {
                what,
                detector: detector.to_owned(),
                source: sample.source,
                context: sample.context,
                place: sample.place,
                line: line.clone(),
                out: out.to_owned(),
            });
        };
        let outcome = Outcome::of(sample, out);
        if !sample.spans.is_empty() {
            let key = (sample.source.to_owned(), sample.place);
            let count = counts.entry(key).or_default();
            count.values += to_count(sample.spans.len());
            count.found += outcome.found;
            if outcome.found < to_count(sample.spans.len()) {
                fault("missed", sample.source);
            } else if outcome.is_wide {
                count.wide += 1;
                fault("wide", sample.source);
            }
        }
        let mut expected = sample.spans.len();
        for find in finds {
            let key = (find.detector.clone(), sample.place);
            let count = counts.entry(key).or_default();
            // Another of the class is right where nothing beside the values is masked.
            let may_be = expected > 0 || !sample.spans.is_empty() && !outcome.is_wide;
            if find.class == sample.class && may_be {
                expected = expected.saturating_sub(1);
                count.right += 1;
            } else {
                count.wrong += 1;
                fault("wrong", &find.detector);
            }
        }
    }
    (counts, faults)
}

fn to_count(length: usize) -> u32 {
    u32::try_from(length).expect("a sample is short")
}

fn options() -> Options {
    Options {
        framing: Framing::Lines,
        ..Options::default()
    }
}

fn masked(body: &[u8]) -> String {
    let mut masker = Masker::new(detectors_alone(), options());
    let mut out = Vec::new();
    masker.feed(body, &mut out).unwrap();
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

struct Found {
    detector: String,
    class: velum_engine::Class,
}

/// Who found what in each line.
fn finds(body: &[u8], lines: usize) -> Vec<Vec<Found>> {
    let mut finder = Finder::new(detectors_alone(), options());
    finder.feed(body).unwrap();
    finder.finish().unwrap();
    let mut finds: Vec<Vec<Found>> = Vec::new();
    finds.resize_with(lines, Vec::new);
    for finding in finder.findings() {
        let line = usize::try_from(finding.text).unwrap();
        let detector = finding.rule.strip_prefix("detector: ");
        finds[line].push(Found {
            detector: detector.unwrap_or(&finding.rule).to_owned(),
            class: finding.class,
        });
    }
    finds
}

/// What became of a sample.
#[derive(Default)]
struct Outcome {
    /// How many of its values are masked whole, as their class.
    found: u32,
    /// Whether letters or digits beside them are masked.
    is_wide: bool,
}

impl Outcome {
    fn of(sample: &Sample, out: &str) -> Self {
        let masks = sample
            .text_of(out)
            .and_then(|after| masks(&sample.text, &after));
        // What was in base64 is so again.
        let masks = masks.unwrap_or_else(|| {
            let whole = sample
                .text_of(out)
                .and_then(|text| STANDARD.decode(text).ok());
            let placeholder = format!("[masked:{}]", sample.class);
            let is_masked = whole.is_some_and(|whole| whole == placeholder.as_bytes());
            let class = if is_masked { sample.class.name() } else { "" };
            vec![Mask {
                range: 0..sample.text.len(),
                class: class.to_owned(),
            }]
        });
        let letters = |range: Range<usize>| {
            let letters = sample.text[range.clone()].char_indices();
            letters
                .filter(|(_, letter)| letter.is_alphanumeric())
                .map(move |(at, _)| range.start + at)
        };
        let mut outcome = Self::default();
        for span in &sample.spans {
            let is_masked =
                letters(span.clone()).all(|at| masks.iter().any(|mask| mask.range.contains(&at)));
            let mut over = masks
                .iter()
                .filter(|mask| mask.range.start < span.end && span.start < mask.range.end);
            let is_class = over.any(|mask| mask.class == sample.class.name());
            outcome.found += u32::from(is_masked && is_class);
        }
        outcome.is_wide = masks.iter().any(|mask| {
            letters(mask.range.clone())
                .any(|at| !sample.spans.iter().any(|span| span.contains(&at)))
        });
        outcome
    }
}

struct Mask {
    range: Range<usize>,
    class: String,
}

/// Which parts of a text have been replaced by placeholders; `None`: the rest is not the same.
fn masks(before: &str, after: &str) -> Option<Vec<Mask>> {
    const MASKED: &str = "[masked:";
    let mut parts = after.split(MASKED);
    let mut at = parts
        .next()
        .filter(|first| before.starts_with(first))?
        .len();
    let mut masks = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let (class, rest) = part.split_once(']')?;
        let next = if parts.peek().is_none() {
            before.len().checked_sub(rest.len())?
        } else {
            at + before.get(at..)?.find(rest)?
        };
        if next < at || !before.get(next..)?.starts_with(rest) {
            return None;
        }
        masks.push(Mask {
            range: at..next,
            class: class.to_owned(),
        });
        at = next + rest.len();
    }
    (at == before.len()).then_some(masks)
}

mod tests {
    use velum_engine::Class;

    use super::*;
    use crate::sample::Wrap;

    fn sample(text: &str, value: &str, class: Class) -> Sample {
        let spans = text.find(value).map(|at| at..at + value.len());
        Sample {
            source: "ssn",
            context: "test",
            place: Place::Prose,
            class,
            name: "x".to_owned(),
            wrap: Wrap::String,
            text: text.to_owned(),
            spans: spans.into_iter().filter(|span| !span.is_empty()).collect(),
        }
    }

    #[test]
    fn what_is_missed_wrong_and_wide_is_seen() {
        for (text, value, class, expected) in [
            (
                "see 000-12-3456",
                "000-12-3456",
                Class::Ssn,
                [1, 1, 1, 0, 0],
            ),
            ("see 000123456", "000123456", Class::Ssn, [1, 0, 0, 0, 0]),
            (
                "see 000-12-3456",
                "000-12-3456",
                Class::Phone,
                [1, 0, 0, 1, 0],
            ),
            ("see 000-12-3456", "", Class::Ssn, [0, 0, 0, 1, 0]),
            ("see 000-12-3456", "12-3456", Class::Ssn, [1, 1, 1, 0, 1]),
        ] {
            let (counts, faults) = judge(&[sample(text, value, class)]);
            let count = counts.values().fold(Count::default(), |sum, one| Count {
                values: sum.values + one.values,
                found: sum.found + one.found,
                right: sum.right + one.right,
                wrong: sum.wrong + one.wrong,
                wide: sum.wide + one.wide,
            });
            let count = [
                count.values,
                count.found,
                count.right,
                count.wrong,
                count.wide,
            ];
            assert_eq!(count, expected, "{text} {value}");
            assert_eq!(faults.is_empty(), expected == [1, 1, 1, 0, 0]);
        }
    }
}
