//! Report only: what would be masked and where, and nothing is changed.

use std::sync::Arc;

use crate::recorder::{Found, Recorder};
use crate::report::{cause_name, cause_operator};
use crate::{Class, Error, Masker, Options, Report, Ruleset};

/// A value that a [`Masker`] would mask or lift. It has no byte of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which JSON text of the body, from 0.
    pub text: u64,
    /// Where in it: a JSON Pointer (RFC 6901). In a member name that is itself masked, the pointer has
    /// what it would become. `None`: it stands in an `id` or `event` line of an event stream.
    pub pointer: Option<String>,
    /// Its class.
    pub class: Class,
    /// Who decides, as in [`RuleCount::rule`](crate::RuleCount::rule).
    pub rule: String,
    /// How it is masked: the name of the rule's [`Operator`](crate::Operator), which redacts where it
    /// cannot do better; of what no rule selected, that of redaction.
    pub operator: &'static str,
    /// Whether it would come out as it is, because its class is lifted.
    pub lifted: bool,
}

/// Finds what a [`Masker`] with the same rules and options would mask, and leaves the body alone.
///
/// A value whose class its siblings tell is found when they are known; what is taken together comes in
/// the order of the body. Findings, and the names on the way to the value at hand, are kept in memory
/// until they are taken.
///
/// ```
/// use std::sync::Arc;
/// use velum_engine::{Finder, Options, Profile, Ruleset};
/// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
/// let mut finder = Finder::new(rules, Options::default());
/// finder.feed(br#"{"people":[{"phone":"555-0123"}]}"#)?;
/// finder.finish()?;
/// let pointers: Vec<_> = finder.findings().filter_map(|finding| finding.pointer).collect();
/// assert_eq!(pointers, ["/people/0/phone"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Finder {
    masker: Masker,
    masked: Vec<u8>,
}

impl Finder {
    /// A finder for one body.
    pub fn new(rules: Arc<Ruleset>, options: Options) -> Self {
        let mut masker = Masker::new(rules, options);
        masker.tally_mut().recorder = Some(Box::<Recorder>::default());
        Self {
            masker,
            masked: Vec::new(),
        }
    }

    /// Reads the next bytes of the body.
    ///
    /// # Errors
    /// Those of [`Masker::feed`]. What was found before stays.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.masked.clear();
        self.masker.feed(chunk, &mut self.masked)
    }

    /// Tells that the body has ended.
    ///
    /// # Errors
    /// Those of [`Masker::finish`].
    pub fn finish(&mut self) -> Result<(), Error> {
        self.masked.clear();
        self.masker.finish(&mut self.masked)
    }

    /// What has been found since this was last asked, in the order of the body.
    pub fn findings(&mut self) -> impl Iterator<Item = Finding> {
        self.masker.findings()
    }

    /// What has been found so far, in counts.
    pub fn report(&self) -> &Report {
        self.masker.report()
    }
}

impl Masker {
    /// Remembers from here on where it masks what, for [`findings`](Self::findings): to be called
    /// before the first byte. Member names that no rule and no profile names stand there as `{…}`,
    /// since they may be identifiers themselves.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use velum_engine::{Masker, Options, Profile, Ruleset};
    /// let rules = Arc::new(Ruleset::builder().profile(Profile::Pii).build()?);
    /// let mut masker = Masker::new(rules, Options::default());
    /// masker.record();
    /// masker.feed(br#"{"p-117":[{"phone":"555-0123"}]}"#, &mut Vec::new())?;
    /// let pointers: Vec<_> = masker.findings().filter_map(|finding| finding.pointer).collect();
    /// assert_eq!(pointers, ["/{…}/0/phone"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record(&mut self) {
        let rules = self.rules();
        let recorder = self.tally_mut().recorder.get_or_insert_default();
        recorder.keep_discreetly(rules);
    }

    /// What has been masked or lifted since this was last asked, in the order of the body; nothing
    /// without [`record`](Self::record).
    pub fn findings(&mut self) -> impl Iterator<Item = Finding> + use<> {
        let rules = self.rules();
        let recorder = self.tally_mut().recorder.as_mut();
        let found = recorder.map(|recorder| recorder.take()).unwrap_or_default();
        found.into_iter().map(move |found| {
            let Found {
                text,
                pointer,
                cause,
                class,
                lifted,
                ..
            } = found;
            let rule = cause_name(&rules, cause).into_owned();
            Finding {
                text,
                pointer,
                class,
                rule,
                operator: cause_operator(&rules, cause),
                lifted,
            }
        })
    }
}
