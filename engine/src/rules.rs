//! Rules, and what they are compiled into.
//!
//! Paths become one automaton (a state number per frame), keys one table. Where several rules
//! speak about one value, the first of these decides: an exemption; a path rule; a key rule; a
//! path of a profile; a key of a profile; the rule that selected an array or object around it;
//! the detectors. Within one kind the rule that was added first wins.

mod automaton;
mod builder;
mod compiling;
mod error;
mod fold;
mod keys;
mod labels;
mod place;
mod profile;
mod selector;
mod words;

use std::fmt;
use std::sync::Arc;

pub(crate) use automaton::{Automaton, StateId};
pub use builder::{Ids, RulesetBuilder};
pub use error::RuleError;
pub(crate) use keys::{KeyRules, KeyTable};
pub(crate) use labels::{Filtered, Filters, Slot, Telling, Told};
pub(crate) use place::Place;
pub(crate) use words::words;

use crate::detectors::Detectors;
use crate::operators::{holds_own_pseudonym, is_own_token};
use crate::path::Shelf;
use crate::profiles::{Reader, Sibling};
use crate::{Class, Keyring, Operator};

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

    /// Whether a rule or a profile names this member: as a step of a path, or as a key.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.automaton.names(name) || self.keys.names(name)
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
        self.is_token(keys, text) || self.holds_pseudonym(keys, text)
    }

    /// The same of a text in which tokens are words among others.
    pub(crate) fn made_within(&self, keys: &Keyring, text: &str) -> bool {
        let is_end = |sign: char| !sign.is_ascii_alphanumeric() && !matches!(sign, '-' | '_');
        let mut words = text.split(is_end);
        words.any(|word| self.is_token(keys, word)) || self.holds_pseudonym(keys, text)
    }

    fn is_token(&self, keys: &Keyring, text: &str) -> bool {
        self.rules.iter().any(|rule| match &rule.operator {
            Operator::Token { prefix } => is_own_token(keys, prefix, rule.class, text),
            _ => false,
        })
    }

    fn holds_pseudonym(&self, keys: &Keyring, text: &str) -> bool {
        let is_pseudonym = |rule: &CompiledRule| matches!(rule.operator, Operator::Pseudonym(_));
        self.rules.iter().any(is_pseudonym) && holds_own_pseudonym(keys, text)
    }

    /// Whether the text holds what this set wrote in place of a value: a placeholder, a token or a pseudonym,
    /// each told as [`Inspector`](crate::Inspector) tells it, in JSON within the text too.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Keyring, Ruleset};
    /// let rules = Arc::new(Ruleset::builder().build()?);
    /// assert!(rules.wrote(&Keyring::default(), "call [masked:name] back"));
    /// assert!(rules.wrote(&Keyring::default(), r#"{"family": "\u005bmasked:name]"}"#));
    /// assert!(!rules.wrote(&Keyring::default(), "[masked:thing]"));
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn wrote(self: &Arc<Self>, keys: &Keyring, text: &str) -> bool {
        let own = self
            .makes_tokens()
            .then(|| (Arc::clone(self), keys.clone()));
        crate::inspect::holds_ours(own.as_ref(), text, 0)
    }

    /// Whether any shipped detector looks at texts. Where none does, [`mask_text`](crate::mask_text)
    /// uses all of them.
    ///
    /// ```
    /// use velum_engine::{Profile, Ruleset};
    /// assert!(!Ruleset::builder().build()?.has_detectors());
    /// assert!(Ruleset::builder().profile(Profile::Pii).build()?.has_detectors());
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn has_detectors(&self) -> bool {
        self.detectors.has_shipped()
    }

    /// Whether a rule makes pseudonyms of ids.
    ///
    /// ```
    /// use velum_engine::{Profile, Ruleset};
    /// let rules = Ruleset::builder().profile(Profile::FhirR4).build()?;
    /// assert!(!rules.makes_pseudonyms());
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn makes_pseudonyms(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| matches!(rule.operator, Operator::Pseudonym(_)))
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
    /// Whether a text that is JSON is looked into instead.
    pub(crate) json: bool,
    /// Whether it is a rule of a profile about ids.
    pub(crate) ids: bool,
    /// Whether the words of the names that it masks are looked for elsewhere.
    pub(crate) learn: bool,
}
