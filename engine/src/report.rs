//! What was done to a body, in counts.

use std::borrow::Cow;

use crate::tally::Cause;
use crate::{Class, CustomDetector, Operator, Ruleset, detectors};

/// Counts of what was masked and lifted so far; never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    masked: [u64; Class::COUNT],
    lifted: [u64; Class::COUNT],
    /// Mostly none.
    drift: Option<Box<[u64; Class::COUNT]>>,
    /// By [`slot`]; as long as it has to be.
    causes: Vec<Counts>,
    records: u64,
    read: u64,
    exempt: u64,
    lifted_bytes: u64,
    too_long: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    masked: u64,
    lifted: u64,
}

/// What one rule did, or a detector, or a table of siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount<'a> {
    /// The name of the rule; of a profile, its name and what of it; else who decided.
    pub rule: Cow<'a, str>,
    /// How many values were masked.
    pub masked: u64,
    /// How many came out as they are because their class was lifted.
    pub lifted: u64,
}

/// Bytes of values that no detector looked at, by reason. What a rule masked is not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotScanned {
    /// Values that are exempt.
    pub exempt: u64,
    /// Values whose class is lifted where they stand, where no detector is on.
    pub lifted: u64,
    /// Strings longer than `limits.token_bytes`: they were masked whole, but where they are exempt,
    /// or no detector is on.
    pub too_long: u64,
}

impl NotScanned {
    /// All of them.
    pub fn total(self) -> u64 {
        self.exempt + self.lifted + self.too_long
    }
}

impl Report {
    /// How many values of the class were masked. A member that is removed counts once; a value
    /// found inside a longer text counts once each time it is found.
    pub fn masked(&self, class: Class) -> u64 {
        self.masked.get(class as usize).copied().unwrap_or_default()
    }

    /// How many values of the class came out as they are because the class was lifted.
    pub fn lifted(&self, class: Class) -> u64 {
        self.lifted.get(class as usize).copied().unwrap_or_default()
    }

    /// How many values were masked, by class in the order of [`Class::ALL`].
    pub fn masked_by_class(&self) -> &[u64; Class::ALL.len()] {
        &self.masked
    }

    /// How many values were lifted, by class in the order of [`Class::ALL`].
    pub fn lifted_by_class(&self) -> &[u64; Class::ALL.len()] {
        &self.lifted
    }

    /// How many values of the class were masked although it was lifted, since the grant was not for them:
    /// by its rules, tags, records or bytes. They are among the [`masked`](Self::masked).
    pub fn drift(&self, class: Class) -> u64 {
        let drift = self.drift_by_class().get(class as usize);
        drift.copied().unwrap_or_default()
    }

    /// The same of every class, in the order of [`Class::ALL`].
    pub fn drift_by_class(&self) -> &[u64; Class::ALL.len()] {
        const NONE: &[u64; Class::COUNT] = &[0; Class::COUNT];
        self.drift.as_deref().unwrap_or(NONE)
    }

    /// How many values were masked.
    pub fn masked_total(&self) -> u64 {
        self.masked.iter().sum()
    }

    /// How many values were lifted.
    pub fn lifted_total(&self) -> u64 {
        self.lifted.iter().sum()
    }

    /// The same counts by who decided: the rules in the order in which they were added, siblings and
    /// detectors. Only those that decided anything. `rules` are those of the masker.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Masker, Options, Profile, Ruleset};
    /// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
    /// let mut masker = Masker::new(Arc::clone(&rules), Options::default());
    /// let mut out = Vec::new();
    /// masker.feed(br#"{"phone":"555-0123","note":"a@b.example"}"#, &mut out)?;
    /// masker.finish(&mut out)?;
    /// let by_rule: Vec<_> = masker.report().by_rule(&rules).map(|count| count.rule).collect();
    /// assert_eq!(by_rule, ["pii keys: phone", "detector: email"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn by_rule<'a>(&'a self, rules: &'a Ruleset) -> impl Iterator<Item = RuleCount<'a>> {
        let (fixed, of_rules) = self.causes.split_at(RULES.min(self.causes.len()));
        let of_rules = of_rules.iter().zip(&rules.rules);
        let of_rules = of_rules.map(|(counts, rule)| (Cow::Borrowed(&*rule.name), counts));
        let fixed = fixed.iter().enumerate();
        let fixed = fixed.map(|(slot, counts)| (fixed_name(rules, slot), counts));
        of_rules
            .chain(fixed)
            .filter(|(_, counts)| **counts != Counts::default())
            .map(|(rule, counts)| RuleCount {
                rule,
                masked: counts.masked,
                lifted: counts.lifted,
            })
    }

    /// How many records went by: NDJSON lines, other texts of several, events with JSON data,
    /// elements of `entry` of a FHIR Bundle, elements of a top-level array, else the body.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many bytes of the body have been read, and been looked at for what has to be masked.
    pub fn scanned(&self) -> u64 {
        self.read.saturating_sub(self.not_scanned().total())
    }

    /// How many bytes have been read but not been looked at, and why. Together with
    /// [`scanned`](Self::scanned) they are all bytes of the body.
    pub fn not_scanned(&self) -> NotScanned {
        NotScanned {
            exempt: self.exempt,
            lifted: self.lifted_bytes,
            too_long: self.too_long,
        }
    }

    pub(crate) fn count(&mut self, cause: Cause, class: Class, lifted: bool) {
        let slot = slot(cause);
        if self.causes.len() <= slot {
            self.causes.resize(slot + 1, Counts::default());
        }
        let (counts, by_class) = match self.causes.get_mut(slot) {
            Some(counts) if lifted => (&mut counts.lifted, &mut self.lifted),
            Some(counts) => (&mut counts.masked, &mut self.masked),
            None => return,
        };
        *counts += 1;
        if let Some(count) = by_class.get_mut(class as usize) {
            *count += 1;
        }
    }

    /// Adds what else was counted inside of a value.
    pub(crate) fn absorb(&mut self, inner: &Self) {
        self.exempt += inner.exempt;
        self.lifted_bytes += inner.lifted_bytes;
        self.too_long += inner.too_long;
        if let Some(inner) = &inner.drift {
            let drift = self.drift.get_or_insert_default();
            for (count, inner) in drift.iter_mut().zip(&**inner) {
                *count += inner;
            }
        }
    }

    pub(crate) fn count_drift(&mut self, class: Class) {
        let drift = self.drift.get_or_insert_default();
        if let Some(count) = drift.get_mut(class as usize) {
            *count += 1;
        }
    }

    pub(crate) fn count_records(&mut self, records: u64) {
        self.records += records;
    }

    pub(crate) fn count_read(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    pub(crate) fn count_exempt(&mut self, bytes: usize) {
        self.exempt += bytes as u64;
    }

    pub(crate) fn count_lifted(&mut self, bytes: usize) {
        self.lifted_bytes += bytes as u64;
    }

    pub(crate) fn count_too_long(&mut self, bytes: usize) {
        self.too_long += bytes as u64;
    }
}

/// The first slots are for what is no rule.
const SIBLINGS: usize = 0;
const UNCLEAR: usize = 1;
const UNSETTLED: usize = 2;
const MENTIONS: usize = 3;
const DETECTORS: usize = 4;
const CUSTOM: usize = DETECTORS + detectors::ALL.len();
const RULES: usize = CUSTOM + CustomDetector::MOST;

fn slot(cause: Cause) -> usize {
    match cause {
        Cause::Siblings => SIBLINGS,
        Cause::Unclear => UNCLEAR,
        Cause::Unsettled => UNSETTLED,
        Cause::Mention => MENTIONS,
        Cause::Detector(number) => DETECTORS + usize::from(number),
        Cause::Custom(number) => CUSTOM + usize::from(number),
        Cause::Rule(id) => RULES + usize::from(id),
    }
}

fn fixed_name(rules: &Ruleset, slot: usize) -> Cow<'static, str> {
    match slot {
        SIBLINGS => "siblings".into(),
        UNCLEAR => "unclear".into(),
        UNSETTLED => "detectors".into(),
        MENTIONS => "mentions".into(),
        _ => {
            let shipped = detectors::ALL.get(slot - DETECTORS);
            let name = shipped.map(|detector| detector.name).or_else(|| {
                let number = u8::try_from(slot.checked_sub(CUSTOM)?).ok()?;
                Some(rules.detectors.custom.as_ref()?.name(number))
            });
            format!("detector: {}", name.unwrap_or_default()).into()
        }
    }
}

/// The name of what decided about a value.
pub(crate) fn cause_name(rules: &Ruleset, cause: Cause) -> Cow<'_, str> {
    let slot = slot(cause);
    match slot.checked_sub(RULES) {
        Some(rule) => Cow::Borrowed(rules.rules.get(rule).map_or("", |rule| &*rule.name)),
        None => fixed_name(rules, slot),
    }
}

/// The name of the operator by which it masks.
pub(crate) fn cause_operator(rules: &Ruleset, cause: Cause) -> &'static str {
    let rule = match cause {
        Cause::Rule(id) => rules.rules.get(usize::from(id)),
        _ => None,
    };
    rule.map_or(&Operator::Redact, |rule| &rule.operator).name()
}
