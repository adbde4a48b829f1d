//! What rules are made of.

use std::sync::Arc;

use super::compiling::Compiling;
use super::{Rule, RuleError, Ruleset};
use crate::detectors::{CustomDetector, Customs, Detector};
use crate::{Profile, ProfileDocument};

/// Collects profiles, rules and exemptions.
#[derive(Clone, Debug, Default)]
pub struct RulesetBuilder {
    pub(super) profiles: Vec<ProfileDocument>,
    pub(super) rules: Vec<Rule>,
    pub(super) exempt: Vec<String>,
    pub(super) detectors: Vec<CustomDetector>,
    pub(super) ids: Ids,
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
    /// A path that is not in the subset, a key without letters or digits, an operator out of its
    /// bounds, profiles that cannot stand together, a rule or exemption that can never fire, ids that
    /// are not kept where no profile has rules about them, and a detector whose pattern, dictionary,
    /// name or words are not what [`CustomDetector`] says.
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
