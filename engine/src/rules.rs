//! Rules, and what they are compiled into.
//!
//! Paths become one automaton (a state number per frame), keys one table. Where several rules
//! speak about one value, the first of these decides: an exemption; a path rule; a key rule; a
//! path of a profile; a key of a profile; the rule that selected an array or object around it;
//! the detectors. Within one kind the rule that was added first wins.

mod automaton;
mod error;
mod fold;
mod keys;
mod labels;
mod place;
mod profile;
mod selector;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub(crate) use automaton::{Automaton, StateId};
pub use error::RuleError;
pub(crate) use keys::{KeyRules, KeyTable};
pub(crate) use labels::{Filtered, Filters, Slot, Telling, Told};
pub(crate) use place::Place;
use selector::{Filter, FilterStep, PathStep, Pattern, Segment};
pub(crate) use words::words;

use crate::detectors::{CustomDetector, Customs, Detector, Detectors};
use crate::operators::{holds_own_pseudonym, is_own_token};
use crate::path::Shelf;
use crate::profiles::{Reader, Sibling};
use crate::{Class, Keyring, Operator, Profile, ProfileDocument};
use automaton::Builder;
use place::Mark;

/// One rule: which values, of what class they are, and how they are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Names the rule in errors and reports.
    pub name: String,
    /// Which values.
    pub select: Selector,
    /// Their class.
    pub class: Class,
    /// How they are masked.
    pub operator: Operator,
}

/// Which values a rule selects. An array or object that is selected is masked throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By member name, anywhere. Names are compared whole, after folding of case, camelCase and
    /// separators (`patientSSN`, `patient_ssn` and `Patient-Ssn` are one), and a number at the end
    /// is passed over (`phone2` is `phone`). `*ssn` also selects names that end in the word `ssn`,
    /// `ssn*` those that begin with it, `*ssn*` those that have it anywhere.
    Keys(Vec<String>),
    /// By place, in a subset of JSONPath (RFC 9535): `$`, `.name`, `['name']`, `[*]`, `.*`, `[0]`,
    /// `..` before a name, a `*` or brackets, and one filter on labels,
    /// `$..telecom[?@.system == 'phone'].value`. Names are compared exactly. All of it is in
    /// `docs/selecting.md`.
    Path(String),
}

/// Compiled rules, shared read-only between maskers.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub struct Ruleset {
    pub(crate) automaton: Automaton,
    pub(crate) keys: KeyTable,
    pub(crate) filters: Filters,
    pub(crate) rules: Vec<CompiledRule>,
    pub(crate) siblings: Vec<Sibling>,
    /// What texts beside them tell.
    pub(crate) readers: Vec<Reader>,
    pub(crate) detectors: Detectors,
    /// The same without exemptions, for what stands in strings; `None`: there are none.
    pub(crate) inside: Option<Arc<Ruleset>>,
    /// Whether strings are looked into that are JSON.
    pub(crate) looks_inside: bool,
    /// Whether a rule takes members away, so that commas must wait.
    pub(crate) removes: bool,
    /// Whether a rule shifts dates, so that it counts whom a record is about.
    pub(crate) shifts: bool,
    /// Whether rules of profiles about ids act.
    pub(crate) has_ids: bool,
    pub(crate) shelf: Shelf,
}

impl Ruleset {
    /// A builder without any rule.
    pub fn builder() -> RulesetBuilder {
        RulesetBuilder::default()
    }

    /// Whether a rule has an operator that redacts without a key.
    ///
    /// ```
    /// use velum_engine::{Profile, Ruleset};
    /// let rules = Ruleset::builder().profile(Profile::Pii).build()?;
    /// assert!(!rules.needs_key());
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn needs_key(&self) -> bool {
        self.rules.iter().any(|rule| rule.operator.needs_key())
    }
}

impl Ruleset {
    /// Whether the text is a token that a rule of this set made under any key of the ring (see
    /// [`is_own_token`](crate::is_own_token)), or holds a pseudonym that was made so where a rule makes
    /// pseudonyms.
    ///
    /// ```
    /// use velum_engine::{Keyring, Ruleset};
    /// let rules = Ruleset::builder().build()?;
    /// assert!(!rules.made(&Keyring::default(), "MRN-xxxvkdwoanwlf7iyrrtvf6"));
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn made(&self, keys: &Keyring, text: &str) -> bool {
        let is_token = self.rules.iter().any(|rule| match &rule.operator {
            Operator::Token { prefix } => is_own_token(keys, prefix, rule.class, text),
            _ => false,
        });
        let is_pseudonym = |rule: &CompiledRule| matches!(rule.operator, Operator::Pseudonym(_));
        is_token || self.rules.iter().any(is_pseudonym) && holds_own_pseudonym(keys, text)
    }

    /// Whether a rule makes what [`made`](Self::made) knows again.
    pub(crate) fn makes_tokens(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| {
            matches!(
                rule.operator,
                Operator::Token { .. } | Operator::Pseudonym(_)
            )
        })
    }
}

impl fmt::Debug for Ruleset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ruleset")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

/// A rule as the masker sees it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(crate) struct CompiledRule {
    /// Names it in reports.
    pub(crate) name: Box<str>,
    pub(crate) class: Class,
    pub(crate) operator: Operator,
    /// Whether it was added as a rule, not by a profile.
    pub(crate) explicit: bool,
    /// Whether it acts whatever is lifted.
    pub(crate) forced: bool,
    /// Whether it selects scalars only.
    pub(crate) scalars: bool,
    /// Whether it is a rule of a profile about ids.
    pub(crate) ids: bool,
    /// Whether the words of the names that it masks are looked for elsewhere.
    pub(crate) learn: bool,
}

/// Collects profiles, rules and exemptions.
#[derive(Clone, Debug, Default)]
pub struct RulesetBuilder {
    profiles: Vec<ProfileDocument>,
    rules: Vec<Rule>,
    exempt: Vec<String>,
    detectors: Vec<CustomDetector>,
    ids: Ids,
}

/// What becomes of the ids of records, and of references to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// They stay, unless a rule or detector takes one for something else.
    #[default]
    Keep,
    /// They become pseudonyms: the rules of the profiles about ids act. Needs a key.
    Pseudonym,
}

impl Ids {
    /// Every choice.
    pub const ALL: &[Self] = &[Self::Keep, Self::Pseudonym];

    /// The word used in configuration.
    ///
    /// ```
    /// assert_eq!(velum_engine::Ids::Pseudonym.name(), "pseudonym");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Pseudonym => "pseudonym",
        }
    }
}

impl RulesetBuilder {
    /// Adds the rules and detectors of a shipped profile.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        self.document(profile.document())
    }

    /// Adds the rules and detectors of a profile, shipped or not.
    #[must_use]
    pub fn document(mut self, profile: ProfileDocument) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a detector of your own: see [`CustomDetector`]. It looks wherever the shipped ones look.
    #[must_use]
    pub fn detector(mut self, detector: CustomDetector) -> Self {
        self.detectors.push(detector);
        self
    }

    /// Lets the values at a path pass, and all that is below them: only path rules still act there,
    /// and below what they select every rule does. A path with a filter is refused.
    #[must_use]
    pub fn exempt(mut self, path: &str) -> Self {
        self.exempt.push(path.to_owned());
        self
    }

    /// Says what becomes of the ids of records; they are kept where nothing says it.
    ///
    /// ```
    /// use velum_engine::{Ids, Keyring, Masker, Options, Profile, Ruleset};
    /// let rules = Ruleset::builder().profile(Profile::FhirR4).ids(Ids::Pseudonym).build()?;
    /// let keys = Keyring::new([("k1".to_owned(), vec![1; 32])]).unwrap();
    /// let mut masker = Masker::new(rules.into(), Options { keys, ..Options::default() });
    /// let mut out = Vec::new();
    /// masker.feed(br#"{"id":"abc","subject":{"reference":"Patient/abc"}}"#, &mut out).unwrap();
    /// let id = "lgiawaajies2yi63bmhdb4";
    /// let expected = format!(r#"{{"id":"{id}","subject":{{"reference":"Patient/{id}"}}}}"#);
    /// assert_eq!(String::from_utf8_lossy(&out), expected);
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    #[must_use]
    pub fn ids(mut self, ids: Ids) -> Self {
        self.ids = ids;
        self
    }

    /// Compiles the rules.
    ///
    /// # Errors
    /// Ids that are not kept where no profile has rules about them, a path that is not in the subset, a key without letters or digits, an operator out of its
    /// bounds, profiles that cannot stand together, a rule or exemption that can never fire, and a
    /// detector whose pattern, dictionary, name or words are not what [`CustomDetector`] says.
    pub fn build(self) -> Result<Ruleset, RuleError> {
        let mut inside = None;
        if !self.exempt.is_empty() {
            let without = Self {
                exempt: Vec::new(),
                ..self.clone()
            };
            inside = without.compile().ok().map(Arc::new);
        }
        let mut rules = self.compile()?;
        rules.inside = inside;
        Ok(rules)
    }

    fn compile(self) -> Result<Ruleset, RuleError> {
        let mut compiling = Compiling::default();
        for (index, profile) in self.profiles.iter().enumerate() {
            let mut earlier = self.profiles.iter().take(index);
            if let Some(message) = earlier.find_map(|earlier| earlier.conflict(profile)) {
                return Err(RuleError::profile(index, message));
            }
        }
        let mut profiles = self.profiles.iter();
        if self.ids != Ids::Keep && !profiles.any(ProfileDocument::is_about_ids) {
            return Err(RuleError::whole(NO_RULES_ABOUT_IDS));
        }
        for (index, path) in self.exempt.iter().enumerate() {
            compiling
                .exempt(path)
                .map_err(|message| RuleError::exempt(index, message))?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            compiling
                .rule(rule)
                .map_err(|message| RuleError::rule(index, &rule.name, message))?;
        }
        let names: Vec<_> = self.profiles.iter().map(ProfileDocument::name).collect();
        let fault = |(index, profile): (usize, &ProfileDocument), message: String| {
            RuleError::profile(index, format!("{}: {message}", profile.name()))
        };
        for at in self.profiles.iter().enumerate() {
            compiling
                .profile(&at.1.definition, &names, self.ids)
                .map_err(|message| fault(at, message))?;
        }
        for at in self.profiles.iter().enumerate() {
            compiling
                .keys_of_ids(&at.1.definition, &names, self.ids)
                .map_err(|message| fault(at, message))?;
        }
        compiling.detectors.enable(&self.detectors());
        compiling.detectors.custom = Customs::compile(&self.detectors)?;
        compiling.finish(&self)
    }
}

impl RulesetBuilder {
    /// The detectors of all profiles, without those that one of them takes away.
    fn detectors(&self) -> Vec<&'static Detector> {
        let definitions = || self.profiles.iter().map(|profile| &profile.definition);
        let without = definitions().flat_map(|one| &one.without_detectors);
        let mut used: Vec<&'static Detector> = Vec::new();
        for detector in definitions().flat_map(|one| &one.detectors) {
            let is_same = |other: &&'static Detector| other.name == detector.name;
            if !used.iter().any(is_same) && !without.clone().any(is_same) {
                used.push(detector);
            }
        }
        used
    }
}

/// Why ids are kept.
const NO_RULES_ABOUT_IDS: &str = "no profile here has rules about ids, so that they would stay: \
                                  name hipaa-safe-harbor or fhir-r4, or leave ids out";

#[derive(Default)]
struct Compiling {
    paths: Builder,
    keys: KeyTable,
    filters: Filters,
    /// Elements and what is asked about them, as far as they are in `paths`.
    asked: BTreeSet<(String, Slot)>,
    rules: Vec<CompiledRule>,
    siblings: Vec<Sibling>,
    readers: Vec<Reader>,
    /// How many signs their tables have.
    signs: usize,
    detectors: Detectors,
}

impl Compiling {
    fn exempt(&mut self, path: &str) -> Result<(), String> {
        let pattern = Pattern::parse(path)?;
        if pattern.filter().is_some() {
            // What is served would say what is exempt.
            return Err("an exemption has no filter: put one with != into a rule".into());
        }
        if pattern.selects_everything() {
            return Err("this would exempt everything".into());
        }
        self.paths.add(pattern, Mark::Exempt);
        Ok(())
    }

    fn rule(&mut self, rule: &Rule) -> Result<(), String> {
        rule.operator.check()?;
        let id = self.add(&rule.name, rule.class, rule.operator.clone(), true)?;
        match &rule.select {
            Selector::Keys(keys) if keys.is_empty() => Err("it names no key".into()),
            Selector::Keys(keys) => keys.iter().try_for_each(|key| self.keys.add(key, id, true)),
            Selector::Path(path) => {
                let pattern = Pattern::parse(path)?;
                if rule.operator == Operator::Remove {
                    pattern.check_removable()?;
                }
                match pattern.filter() {
                    Some((at, filter)) => self.filtered(&pattern, at, filter, id)?,
                    None => self.paths.add(pattern, Mark::Rule(id)),
                }
                Ok(())
            }
        }
    }

    /// Adds a path with a filter: what it selects, the elements it looks at, and what it asks there.
    fn filtered(
        &mut self,
        pattern: &Pattern,
        at: usize,
        filter: &Filter,
        rule: u16,
    ) -> Result<(), String> {
        let mut whole = pattern.clone();
        for segment in whole.segments.iter_mut().skip(at).take(1) {
            segment.step = PathStep::Any;
        }
        let element = Pattern {
            segments: whole.segments.iter().take(at + 1).cloned().collect(),
            through_arrays: false,
        };
        let below = whole.segments.iter().skip(at + 1);
        if below.clone().skip(1).any(|segment| segment.descends) {
            // Which of several elements around a value it belongs to would not be known.
            return Err("behind a filter, only the first step can be a .. step".into());
        }
        let is_exact = below.clone().all(|segment| !segment.descends);
        let levels = u8::try_from(below.count()).map_err(|_| "the path is too long")?;
        let (number, slots) = self.filters.add(filter)?;
        for (slot, test) in slots.into_iter().zip(&filter.tests) {
            self.asked(&element, slot, &test.path)?;
        }
        if !is_exact {
            self.paths.add(element, Mark::Element(number));
        }
        let filtered = Filtered {
            rule,
            filter: number,
            levels,
            is_exact,
        };
        self.paths.add(whole, Mark::Filtered(filtered));
        Ok(())
    }

    /// Adds what is asked about an element, once.
    fn asked(&mut self, element: &Pattern, slot: Slot, path: &[FilterStep]) -> Result<(), String> {
        if !self.asked.insert((element.to_string(), slot)) {
            return Ok(());
        }
        self.paths.add(element.clone(), Mark::Slot(slot));
        let mut pattern = element.clone();
        for (done, step) in path.iter().enumerate() {
            pattern.segments.push(Segment {
                descends: false,
                step: step.clone().into(),
            });
            let telling = Telling {
                slot,
                levels: u8::try_from(done + 1).map_err(|_| "the path of a filter is too long")?,
                is_label: done + 1 == path.len(),
                is_named: matches!(step, FilterStep::Name(_)),
            };
            if telling.is_label || telling.is_named {
                self.paths.add(pattern.clone(), Mark::Telling(telling));
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        class: Class,
        operator: Operator,
        explicit: bool,
    ) -> Result<u16, String> {
        let id = u16::try_from(self.rules.len()).map_err(|_| "there are too many rules")?;
        self.rules.push(CompiledRule {
            name: name.into(),
            class,
            operator,
            explicit,
            forced: false,
            scalars: false,
            ids: false,
            learn: true,
        });
        Ok(id)
    }

    fn finish(self, builder: &RulesetBuilder) -> Result<Ruleset, RuleError> {
        let automaton = self.paths.build().map_err(RuleError::whole)?;
        for (index, rule) in builder.rules.iter().enumerate() {
            if automaton.has_indices() && removes_elements(rule) {
                let message = "elements of an array would move up, and the index in another path \
                               would mean another one: use null";
                return Err(RuleError::rule(index, &rule.name, message));
            }
        }
        for (index, rule) in builder.rules.iter().enumerate() {
            let fires = match rule.select {
                Selector::Keys(_) => true,
                Selector::Path(_) => automaton.uses_rule(index),
            };
            if !fires {
                let message = "it can never fire: what it selects is exempt or selected earlier";
                return Err(RuleError::rule(index, &rule.name, message));
            }
        }
        for (index, path) in builder.exempt.iter().enumerate() {
            if builder
                .exempt
                .iter()
                .take(index)
                .any(|earlier| earlier == path)
            {
                return Err(RuleError::exempt(index, "this path is exempt twice"));
            }
        }
        let looks_inside = !self.rules.is_empty() || !self.detectors.are_none();
        let removes = self
            .rules
            .iter()
            .any(|rule| rule.operator == Operator::Remove);
        let shifts = self
            .rules
            .iter()
            .any(|rule| matches!(rule.operator, Operator::DateShift { .. }));
        Ok(Ruleset {
            automaton,
            keys: self.keys,
            filters: self.filters,
            rules: self.rules,
            siblings: self.siblings,
            readers: self.readers,
            detectors: self.detectors,
            inside: None,
            looks_inside,
            removes,
            shifts,
            has_ids: builder.ids != Ids::Keep,
            shelf: Shelf::default(),
        })
    }
}

/// Whether a rule can take elements away.
fn removes_elements(rule: &Rule) -> bool {
    let path = match &rule.select {
        Selector::Path(path) if rule.operator == Operator::Remove => path,
        _ => return false,
    };
    let steps = Pattern::parse(path).map(|pattern| pattern.segments);
    steps.is_ok_and(|steps| matches!(steps.last(), Some(last) if last.step == PathStep::Any))
}
