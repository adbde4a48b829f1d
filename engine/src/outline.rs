//! The outline of what is masked: under which keys, of which class, by what, how often. It has no value and
//! no key that the rules do not name, and its memory does not grow with the body.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::tally::Cause;
use crate::{Class, ClassSet, Ruleset};

/// What stands for a key that is not told.
const UNTOLD: &str = "*";
/// A key with more digits may be a number of somebody, whoever wrote it into a policy.
const MOST_DIGITS: usize = 3;
const LONGEST_KEY: usize = 64;

/// What masked a value, as far as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaskedBy {
    /// A rule of the policy, by its number among them.
    Rule(u16),
    /// A profile, by the name of the member, its place or what stands beside it.
    Profile,
    /// A detector, in a text.
    Detector,
}

/// Values that were masked at one place, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlined<'a> {
    /// The place, such as `$.name[*].given[*]`: keys that the rules name, as they write them (in small letters
    /// and without separators where only a rule by key does), `*` for every other, `[*]` for elements.
    pub path: &'a str,
    /// Their class.
    pub class: Class,
    /// What masked them.
    pub by: MaskedBy,
    /// How many.
    pub count: u64,
}

/// Where values of some classes were masked: see [`Masker::outline`](crate::Masker::outline).
#[derive(Clone)]
pub struct Outline {
    rules: Arc<Ruleset>,
    classes: ClassSet,
    places: BTreeMap<(String, usize, MaskedBy), u64>,
    /// How many bytes the paths of the places have.
    length: usize,
    others: [u64; Class::COUNT],
    way: Way,
    /// The paths of values that wait, each once, and which of them those have.
    waiting: (Vec<String>, Vec<Option<u8>>),
}

/// The path to the value at hand.
#[derive(Clone)]
struct Way {
    path: String,
    /// Where in it the last step begins, for each open array and object.
    starts: Vec<usize>,
}

impl Way {
    const ROOT: &str = "$";

    fn new() -> Self {
        let (path, starts) = (Self::ROOT.to_owned(), Vec::new());
        Self { path, starts }
    }

    /// The path to the innermost array or object.
    fn around(&self) -> &str {
        let start = self.starts.last().copied().unwrap_or_default();
        self.path.get(..start).unwrap_or(Self::ROOT)
    }

    fn step(&mut self, before: &str, step: &str) {
        if let Some(start) = self.starts.last() {
            self.path.truncate(*start);
            self.path.push_str(before);
            self.path.push_str(step);
        }
    }
}

impl Outline {
    /// How many places are told apart at most; what is masked elsewhere is counted by class alone.
    pub const MOST: usize = 64;
    /// How many bytes the path of a place has at most.
    pub const LONGEST: usize = 160;
    /// How many bytes all these paths have at most.
    pub const MOST_BYTES: usize = 4096;
    /// How many paths are remembered of values that wait.
    const MOST_WAITING: usize = 128;

    /// Nothing masked yet.
    pub(crate) fn new(rules: Arc<Ruleset>, classes: ClassSet) -> Self {
        Self {
            rules,
            classes,
            places: BTreeMap::new(),
            length: 0,
            others: [0; Class::COUNT],
            way: Way::new(),
            waiting: (Vec::new(), Vec::new()),
        }
    }

    /// The places, in order.
    pub fn places(&self) -> impl Iterator<Item = Outlined<'_>> {
        let places = self.places.iter();
        places.filter_map(|((path, class, by), count)| {
            Some(Outlined {
                path,
                class: *Class::ALL.get(*class)?,
                by: *by,
                count: *count,
            })
        })
    }

    /// How many values were masked at places that had no room, by class.
    pub fn others(&self) -> impl Iterator<Item = (Class, u64)> {
        let others = Class::ALL.iter().copied().zip(self.others);
        others.filter(|(_, count)| *count > 0)
    }

    /// The name of a rule that is a policy's own.
    pub fn rule(&self, by: MaskedBy) -> Option<&str> {
        let MaskedBy::Rule(number) = by else {
            return None;
        };
        let rule = self.rules.rules.get(usize::from(number))?;
        Some(&rule.name)
    }

    /// Another text begins.
    pub(crate) fn restart(&mut self) {
        self.way = Way::new();
        self.waiting.0.clear();
        self.waiting.1.clear();
    }

    /// A member has this name; `None`: it is a value itself, or may be one.
    pub(crate) fn name(&mut self, name: Option<&str>) {
        let told = name.and_then(|name| self.rules.told_key(name));
        self.way.step(".", told.unwrap_or(UNTOLD));
    }

    /// An element begins.
    pub(crate) fn element(&mut self) {
        self.way.step("[*]", "");
    }

    /// An array or object begins.
    pub(crate) fn open(&mut self) {
        self.way.starts.push(self.way.path.len());
    }

    /// An array or object has ended.
    pub(crate) fn close(&mut self) {
        if let Some(start) = self.way.starts.pop() {
            self.way.path.truncate(start);
        }
    }

    /// The value at hand waits.
    pub(crate) fn wait(&mut self) {
        let Self { way, waiting, .. } = self;
        let (paths, all) = waiting;
        // Most of what waits is alike, and near.
        let known = paths.iter().rposition(|path| *path == way.path);
        let number = known.or_else(|| {
            let has_room = paths.len() < Self::MOST_WAITING && way.path.len() <= Self::LONGEST;
            has_room.then(|| {
                paths.push(way.path.clone());
                paths.len() - 1
            })
        });
        all.push(number.and_then(|number| u8::try_from(number).ok()));
    }

    /// Nothing waits any more.
    pub(crate) fn let_go(&mut self) {
        self.waiting.0.clear();
        self.waiting.1.clear();
    }

    /// A value has been masked: `place` says which.
    pub(crate) fn count(&mut self, cause: Cause, class: Class, place: Masked) {
        if !self.classes.contains(class) {
            return;
        }
        let path = match place {
            Masked::AtHand => Some(self.way.path.clone()),
            Masked::Name => Some(format!("{}.{UNTOLD}", self.way.around())),
            Masked::Outside => Some(Way::ROOT.to_owned()),
            Masked::Waited(number) => {
                let path = self.waiting.1.get(number).copied().flatten();
                path.and_then(|path| self.waiting.0.get(usize::from(path)).cloned())
            }
        };
        let by = match cause {
            Cause::Rule(id) => match self.rules.rules.get(usize::from(id)) {
                Some(rule) if rule.explicit => MaskedBy::Rule(id),
                _ => MaskedBy::Profile,
            },
            Cause::Siblings | Cause::Unclear => MaskedBy::Profile,
            Cause::Detector(_) | Cause::Custom(_) | Cause::Mention | Cause::Unsettled => {
                MaskedBy::Detector
            }
        };
        self.add(path, class, by);
    }

    fn add(&mut self, path: Option<String>, class: Class, by: MaskedBy) {
        if let Some(path) = path.filter(|path| path.len() <= Self::LONGEST) {
            let length = self.length + path.len();
            let has_room = self.places.len() < Self::MOST && length <= Self::MOST_BYTES;
            let key = (path, class as usize, by);
            if let Some(count) = self.places.get_mut(&key) {
                *count += 1;
                return;
            }
            if has_room {
                self.places.insert(key, 1);
                self.length = length;
                return;
            }
        }
        if let Some(count) = self.others.get_mut(class as usize) {
            *count += 1;
        }
    }
}

impl fmt::Debug for Outline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = formatter.debug_list().entries(self.places()).finish();
        places.and_then(|()| write!(formatter, " and {} others", self.others.iter().sum::<u64>()))
    }
}

/// Which value has been masked.
#[derive(Clone, Copy)]
pub(crate) enum Masked {
    /// The one at hand.
    AtHand,
    /// In a member name that is read.
    Name,
    /// In a part of an event that is no JSON.
    Outside,
    /// One that has waited, by its number.
    Waited(usize),
}

impl Ruleset {
    /// A member name as an outline tells it: the way that a rule or a profile writes it, where one names it.
    ///
    /// ```
    /// use velum_engine::{Profile, Ruleset};
    /// let rules = Ruleset::builder().profile(Profile::FhirR4).build()?;
    /// assert_eq!(rules.told_key("birthDate"), Some("birthDate"));
    /// assert_eq!(rules.told_key("Quill Thorn"), None);
    /// # Ok::<(), velum_engine::RuleError>(())
    /// ```
    pub fn told_key(&self, name: &str) -> Option<&str> {
        let word = self.automaton.word(name);
        let word = word.or_else(|| self.keys.word(name))?;
        is_plain_key(word).then_some(word)
    }
}

/// Whether a key that a policy names may be told: a word in ASCII that is no number.
fn is_plain_key(key: &str) -> bool {
    let is_in_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let begins = key
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    begins && key.len() <= LONGEST_KEY && digits <= MOST_DIGITS && key.bytes().all(is_in_word)
}
