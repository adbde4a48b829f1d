//! Shipped sets of rules and detectors: one file each, in `engine/profiles`.
//!
//! A profile is data, in the form that a user can write too ([`ProfileDocument`]). Its places are names
//! with dots between, from anywhere down and through arrays: `name.family` is `family` of every element
//! of every `name`.

mod document;
mod rule;

use std::sync::{Arc, OnceLock};

use crate::detectors::Detector;
use crate::{Class, ClassSet, Operator};

pub use rule::ProfileRule;
pub use velum_profile::ProfileError;

/// A shipped set of rules and detectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The identifiers of HIPAA Safe Harbor, 45 CFR 164.514(b)(2)(i), by key and by detector.
    HipaaSafeHarbor,
    /// The direct identifiers of a limited data set, 45 CFR 164.514(e)(2), by key and by detector:
    /// dates, ages, towns, states and ZIP codes stay, whatever profile is beside it.
    HipaaLimitedDataSet,
    /// HL7 FHIR R4, by place.
    FhirR4,
    /// Secrets, by key and by detector.
    Credentials,
    /// What identifies a person outside of health care, by key and by detector.
    Pii,
}

impl Profile {
    /// Every profile.
    pub const ALL: &[Self] = &[
        Self::HipaaSafeHarbor,
        Self::HipaaLimitedDataSet,
        Self::FhirR4,
        Self::Credentials,
        Self::Pii,
    ];

    /// Those that together mask the most: all that can be combined with
    /// [`HipaaSafeHarbor`](Self::HipaaSafeHarbor).
    pub const STRICTEST: &[Self] = &[
        Self::HipaaSafeHarbor,
        Self::FhirR4,
        Self::Credentials,
        Self::Pii,
    ];

    /// The name used in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HipaaSafeHarbor => "hipaa-safe-harbor",
            Self::HipaaLimitedDataSet => "hipaa-limited-data-set",
            Self::FhirR4 => "fhir-r4",
            Self::Credentials => "credentials",
            Self::Pii => "pii",
        }
    }

    /// The profile of that exact name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|profile| profile.name() == name)
    }

    /// The file: JSON that can be copied and changed.
    pub const fn source(self) -> &'static str {
        match self {
            Self::HipaaSafeHarbor => include_str!("../profiles/hipaa-safe-harbor.json"),
            Self::HipaaLimitedDataSet => include_str!("../profiles/hipaa-limited-data-set.json"),
            Self::FhirR4 => include_str!("../profiles/fhir-r4.json"),
            Self::Credentials => include_str!("../profiles/credentials.json"),
            Self::Pii => include_str!("../profiles/pii.json"),
        }
    }

    /// The file as [`source`](Self::source) has it. What reads profiles reads this, so that a
    /// program that never prints one has the packed file alone.
    fn unpacked(self) -> String {
        macro_rules! packed {
            ($name:literal) => {
                &include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".json"))[..]
            };
        }
        let packed = match self {
            Self::HipaaSafeHarbor => packed!("hipaa-safe-harbor"),
            Self::HipaaLimitedDataSet => packed!("hipaa-limited-data-set"),
            Self::FhirR4 => packed!("fhir-r4"),
            Self::Credentials => packed!("credentials"),
            Self::Pii => packed!("pii"),
        };
        // Nothing in place of a file that cannot be unpacked is no profile either.
        let file = miniz_oxide::inflate::decompress_to_vec(packed).unwrap_or_default();
        String::from_utf8(file).unwrap_or_default()
    }

    /// What it says.
    ///
    /// # Panics
    /// Never: the shipped files are read by tests.
    #[expect(
        clippy::panic,
        reason = "a shipped file that cannot be read is no program"
    )]
    pub fn document(self) -> ProfileDocument {
        static READ: [OnceLock<ProfileDocument>; Profile::ALL.len()] =
            [const { OnceLock::new() }; Profile::ALL.len()];
        let read = || match document::read(&self.unpacked()) {
            Ok(definition) => ProfileDocument {
                definition: Arc::new(definition),
            },
            Err(error) => panic!("{}: {error}", self.name()),
        };
        match READ.get(self as usize) {
            Some(place) => place.get_or_init(read).clone(),
            None => read(),
        }
    }
}

/// A set of rules and detectors, shipped or written by a user.
///
/// ```
/// use velum_engine::{ProfileDocument, Ruleset};
/// let profile = ProfileDocument::from_json(
///     r#"{"profile": "badges", "version": 1, "about": "Our badges.",
///         "rules": [{"class": "identifier", "keys": ["badge", "*badge number"]}]}"#,
/// )?;
/// assert_eq!(profile.name(), "badges");
/// Ruleset::builder().document(profile).build().unwrap();
/// # Ok::<(), velum_engine::ProfileError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProfileDocument {
    pub(crate) definition: Arc<Definition>,
}

impl ProfileDocument {
    /// Reads a profile that somebody wrote.
    ///
    /// # Errors
    /// What is wrong, and in which part: not JSON, the name of a shipped profile, an unknown member,
    /// class, operator or detector, a path that is none.
    pub fn from_json(json: &str) -> Result<Self, ProfileError> {
        let definition = document::read(json)?;
        if Profile::from_name(&definition.name).is_some() {
            let message = "is the name of a shipped profile: give yours another one";
            return Err(ProfileError::new("/profile", message));
        }
        Ok(Self {
            definition: Arc::new(definition),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Its version, from 1.
    pub fn version(&self) -> u32 {
        self.definition.version
    }

    /// What it is for.
    pub fn about(&self) -> &str {
        &self.definition.about
    }

    /// Its rules as they are written.
    ///
    /// ```
    /// use velum_engine::Profile;
    /// let profile = Profile::HipaaSafeHarbor.document();
    /// let fax = profile.rules().find(|rule| rule.class().name() == "fax").unwrap();
    /// assert_eq!(fax.source(), Some("45 CFR 164.514(b)(2)(i)(E)"));
    /// ```
    pub fn rules(&self) -> impl Iterator<Item = ProfileRule<'_>> {
        let rules = self.definition.rules.iter();
        let is_written = |rule: &&Rule| matches!(rule.origin, Origin::Written(_));
        rules.filter(is_written).map(ProfileRule)
    }

    /// The detectors that it uses, by name, each with the class of what it finds.
    ///
    /// ```
    /// use velum_engine::{Class, Profile};
    /// let profile = Profile::Pii.document();
    /// assert!(profile.detectors().any(|found| found == ("email", Class::Email)));
    /// ```
    pub fn detectors(&self) -> impl Iterator<Item = (&'static str, Class)> {
        let detectors = self.definition.detectors.iter();
        detectors.map(|detector| (detector.name, detector.class))
    }

    /// Whether one of its rules has an operator that redacts without a key. Those about ids do not
    /// count: who replaces ids has a key.
    pub fn needs_key(&self) -> bool {
        let mut rules = self.rules();
        rules.any(|rule| !rule.is_about_ids() && rule.operator().needs_key())
    }

    /// Whether it has rules about ids: see [`RulesetBuilder::ids`](crate::RulesetBuilder::ids).
    ///
    /// ```
    /// use velum_engine::Profile;
    /// assert!(Profile::FhirR4.document().is_about_ids());
    /// assert!(!Profile::Pii.document().is_about_ids());
    /// ```
    pub fn is_about_ids(&self) -> bool {
        self.rules().any(|rule| rule.is_about_ids())
    }

    /// Why it cannot be used together with the other one, if that is so.
    pub(crate) fn conflict(&self, other: &Self) -> Option<String> {
        if self.name() == other.name() {
            return Some("is listed twice: keep one of the two".to_owned());
        }
        let refuses = |one: &Self, two: &Self| {
            one.definition
                .not_together
                .iter()
                .any(|no| no == two.name())
        };
        (refuses(self, other) || refuses(other, self)).then(|| {
            let (one, two) = (self.name(), other.name());
            format!("{one} and {two} contradict each other: leave one of them out")
        })
    }
}

/// What a profile consists of.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) about: String,
    pub(crate) rules: Vec<Rule>,
    /// Places of harmless structure inside of what is masked.
    pub(crate) keep: Vec<String>,
    /// Places of codes, their systems and the like.
    pub(crate) codes: Vec<String>,
    /// Places of what codes mean: siblings have no say there.
    pub(crate) known: Vec<String>,
    pub(crate) siblings: Vec<Sibling>,
    pub(crate) detectors: Vec<&'static Detector>,
    /// Detectors that are not used, whatever profile is beside it.
    pub(crate) without_detectors: Vec<&'static Detector>,
    /// Profiles that cannot stand beside it.
    not_together: Vec<String>,
    /// Whether names that fields hold are looked for in free text.
    pub(crate) mentions: bool,
}

/// Keys (in the notation of [`Selector::Keys`](crate::Selector::Keys)) or places, with one operator.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) class: Class,
    origin: Origin,
    pub(crate) operator: Operator,
    pub(crate) keys: Vec<String>,
    pub(crate) paths: Vec<String>,
    /// Whether it selects scalars only: an array or object there is looked into.
    pub(crate) scalars: bool,
    /// Whether a text there that is JSON is looked into.
    pub(crate) json: bool,
    /// Whether it acts whatever is lifted: the class of what it masks is not known.
    pub(crate) forced: bool,
    /// Whether it is about ids, and acts only where these are not kept.
    pub(crate) ids: bool,
    /// Whether the words of the names that it masks are looked for elsewhere.
    pub(crate) learn: bool,
    /// Profiles with which it does not act.
    pub(crate) not_with: Vec<String>,
}

/// Where a rule comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The file, which may say what the rule is for.
    Written(Option<String>),
    /// It follows from one that is written.
    Derived,
}

/// A value whose class the other members of its object tell, in whatever order they come.
#[derive(Clone, Debug)]
pub(crate) struct Sibling {
    /// Where the object is; none: any object.
    pub(crate) objects: Vec<String>,
    /// The member whose class is wanted.
    pub(crate) candidate: String,
    /// Where in the object the evidence is.
    pub(crate) sources: Vec<Source>,
    /// Its class if nothing tells it; `None`: what would be done with it without siblings.
    otherwise: Option<Class>,
    /// When siblings do not select it.
    unless: Option<Unless>,
    /// How many signs it has.
    pub(crate) signs: usize,
}

/// A place of evidence.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the object down.
    pub(crate) path: String,
    pub(crate) reader: Reader,
}

/// What a text tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    /// Whatever it is.
    always: Evidence,
    /// Of a text, without regard to case and to white space and a `/` at its ends.
    texts: Vec<(Box<str>, Evidence)>,
    /// Of what a text begins with.
    prefixes: Vec<(Box<str>, Evidence)>,
}

impl Reader {
    /// Whether it has to see the text.
    pub(crate) fn reads(&self) -> bool {
        !self.texts.is_empty() || !self.prefixes.is_empty()
    }

    /// What it tells.
    pub(crate) fn read(&self, text: &str) -> Evidence {
        let text = text.trim().trim_end_matches('/');
        let mut evidence = self.always;
        for (known, told) in &self.texts {
            if known.eq_ignore_ascii_case(text) {
                evidence.add(*told);
            }
        }
        for (known, told) in &self.prefixes {
            let start = text.get(..known.len());
            if start.is_some_and(|start| known.eq_ignore_ascii_case(start)) {
                evidence.add(*told);
            }
        }
        evidence
    }
}

/// Signs that must be there, and signs that must not.
#[derive(Clone, Copy, Debug, Default)]
struct Unless {
    all: Evidence,
    none: Evidence,
}

/// What the strings of an object tell about its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence(u64);

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is of this class.
    Class(Class),
    /// The siblings contradict each other: an identifier that is never lifted.
    Unclear,
    /// What would be done with it without siblings.
    Unselected,
}

impl Sibling {
    /// The same with other signs: those of several tables meet in one object.
    pub(crate) fn shifted(&self, by: usize) -> Option<Self> {
        let mut shifted = self.clone();
        for Source { reader, .. } in &mut shifted.sources {
            reader.always = reader.always.shifted(by)?;
            for (_, evidence) in reader.texts.iter_mut().chain(&mut reader.prefixes) {
                *evidence = evidence.shifted(by)?;
            }
        }
        if let Some(Unless { all, none }) = &mut shifted.unless {
            (*all, *none) = (all.shifted(by)?, none.shifted(by)?);
        }
        Some(shifted)
    }

    /// What becomes of the value.
    pub(crate) fn resolve(&self, evidence: Evidence) -> Verdict {
        if let Some(Unless { all, none }) = self.unless
            && evidence.0 & all.0 == all.0
            && evidence.0 & none.0 == 0
        {
            return Verdict::Unselected;
        }
        let classes = ClassSet::from_bits(evidence.0);
        if classes.is_empty() {
            return self.otherwise.map_or(Verdict::Unselected, Verdict::Class);
        }
        classes.only().map_or(Verdict::Unclear, Verdict::Class)
    }
}

impl Evidence {
    pub(crate) const NONE: Self = Self(0);

    const fn of(class: Class) -> Self {
        Self(class.bit())
    }

    /// One of the signs of a table of siblings, by its number.
    fn sign(number: usize) -> Option<Self> {
        const FIRST: usize = 32;
        (number < FIRST).then(|| Self(1 << (FIRST + number)))
    }

    /// With its signs so many places further; `None`: they are too many.
    fn shifted(self, by: usize) -> Option<Self> {
        let (signs, classes) = (self.0 >> 32, self.0 & u64::from(u32::MAX));
        let by = u32::try_from(by).ok()?;
        let moved = signs
            .checked_shl(by + 32)
            .filter(|moved| moved >> (by + 32) == signs);
        let moved = if signs == 0 { Some(0) } else { moved };
        Some(Self(classes | moved?))
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_the_file_that_is_printed() {
        for profile in Profile::ALL {
            assert_eq!(profile.unpacked(), profile.source());
        }
    }

    #[test]
    fn shipped_profiles_are_read_under_their_names() {
        for profile in Profile::ALL {
            let document = profile.document();
            assert_eq!(document.name(), profile.name());
            assert!(document.version() >= 1 && !document.about().is_empty());
        }
    }

    /// A profile with one more member.
    fn with(member: &str) -> Result<ProfileDocument, ProfileError> {
        let json = format!(r#"{{"profile":"p","version":1,"about":"",{member}}}"#);
        ProfileDocument::from_json(&json)
    }

    #[test]
    fn faults_have_their_place() {
        for (rule, place, fault) in [
            (
                r#"{"class":"nome","keys":["a"]}"#,
                "/class",
                "unknown class",
            ),
            (r#"{"class":"name"}"#, "", "either keys or places"),
            (r#"{"class":"name","in":["a"]}"#, "", "go together"),
            (r#"{"class":"name","at":["a..b"]}"#, "", "no path"),
            (r#"{"class":"name","key":["a"]}"#, "", "unknown field `key`"),
            (r#"{"class":"name","keys":["a","*"]}"#, "/keys/1", "letters"),
            (
                r#"{"class":"name","keys":"123-45-6789"}"#,
                "",
                "must be a sequence",
            ),
            (
                r#"{"class":"name","keys":["a"],"operator":"blur"}"#,
                "/operator",
                "unknown word",
            ),
            (
                r#"{"class":"name","at":["a"],"operator":"remove","scalars":true}"#,
                "/operator",
                "whatever is there",
            ),
            (
                r#"{"class":"name","keys":["a"],"name":"\u0007"}"#,
                "/name",
                "control",
            ),
            (
                r#"{"class":"identifier","keys":["a"],"ids":"all"}"#,
                "",
                "must be a boolean",
            ),
            (
                r#"{"class":"name","keys":["a"],"not_with":["a b"]}"#,
                "/not_with/0",
                "must be a name",
            ),
        ] {
            let error = with(&format!(r#""rules":[{rule}]"#)).unwrap_err();
            assert_eq!(error.pointer(), format!("/rules/0{place}"), "{error}");
            assert!(error.message().contains(fault), "{error}");
        }
        for (member, place, fault) in [
            (
                r#""detectors":["date","no"]"#,
                "/detectors/1",
                "unknown detector",
            ),
            (
                r#""without_detectors":["no"]"#,
                "/without_detectors/0",
                "no",
            ),
            (
                r#""not_together":[""]"#,
                "/not_together/0",
                "must be a name",
            ),
            (r#""keep":[{"at":["."]}]"#, "/keep/0", "no path"),
            (r#""about":"""#, "", "occurs twice"),
            (r#""abot":"""#, "", "unknown field `abot`"),
            (
                r#""siblings":[{"value":"v","tells":[{"at":"a","texts":{"name":[],"name":[]}}]}]"#,
                "",
                "occurs twice",
            ),
        ] {
            let error = with(member).unwrap_err();
            assert_eq!(error.pointer(), place, "{error}");
            assert!(error.message().contains(fault), "{error}");
        }
    }

    #[test]
    fn names_are_names_and_not_those_of_shipped_profiles() {
        for name in ["", "a b", "-a", "pii", "a\u{e9}"] {
            let json = format!(r#"{{"profile":"{name}","version":1,"about":""}}"#);
            let error = ProfileDocument::from_json(&json).unwrap_err();
            assert_eq!(error.pointer(), "/profile", "{name}");
        }
        let json = r#"{"profile":"my.pii","version":0,"about":""}"#;
        let error = ProfileDocument::from_json(json).unwrap_err();
        assert_eq!(error.pointer(), "/version");
    }

    #[test]
    fn texts_are_compared_without_case_and_ends() {
        let reader = Reader {
            texts: vec![("http://a.example/SSN".into(), Evidence::of(Class::Ssn))],
            prefixes: vec![("urn:x.".into(), Evidence::of(Class::Mrn))],
            ..Reader::default()
        };
        assert_eq!(
            reader.read(" http://a.example/ssn/ "),
            Evidence::of(Class::Ssn)
        );
        assert_eq!(reader.read("URN:X.7"), Evidence::of(Class::Mrn));
        assert_eq!(reader.read("urn:x"), Evidence::NONE);
    }
}
