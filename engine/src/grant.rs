//! What a grant permits: classes, and of their values only some.

use crate::Class;
use crate::ClassSet;
use crate::decide::{Decision, Treatment, treat};
use crate::detectors::Find;
use crate::evidence::{TagKey, Value};
use crate::mask::Context;
use crate::rules::Ruleset;
use crate::tally::Cause;

/// What is asked for beyond the classes that are lifted: which of their values come out, and what is told
/// of those that do not. Where it says nothing it sets no bound.
///
/// ```
/// use velum_engine::Terms;
/// let terms = Terms { records: Some(1), ..Terms::default() };
/// assert!(terms.rules.is_none() && terms.evidence.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Terms {
    /// The names of the rules (see [`Rule::name`](crate::Rule)) whose values come out. What a profile,
    /// a detector or another rule selects is masked then.
    pub rules: Option<Vec<String>>,
    /// The values that come out, by their [tags](TagKey). What a rule removes, and a string longer than
    /// [`Limits::token_bytes`](crate::Limits::token_bytes), has none and never does.
    pub tags: Option<Tags>,
    /// How many [records](crate::Report::records) come out: from the next on everything is masked. The
    /// elements of a top-level `entry` count whether or not they are those of a Bundle, which may be told
    /// behind them.
    pub records: Option<u64>,
    /// How many bytes of the body, as it is read, values may come from: one that ends behind them is
    /// masked, and so is all that follows. Of a stream of events only the data counts.
    pub bytes: Option<u64>,
    /// Classes of which every masked value leaves its tag: see
    /// [`Masker::evidence`](crate::Masker::evidence).
    pub evidence: ClassSet,
    /// The key of all these tags.
    pub tag_key: TagKey,
}

/// A sorted set of tags: see [`TagKey`]. It holds at most [`Tags::MOST`], the first of them by order.
///
/// ```
/// use velum_engine::Tags;
/// let tags: Tags = [[2; 8], [1; 8], [2; 8]].into_iter().collect();
/// assert!(tags.iter().eq([[1; 8], [2; 8]]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Big-endian, so that their order is that of the bytes.
    sorted: Vec<u64>,
}

impl Tags {
    /// How many there are at most.
    pub const MOST: usize = 4096;

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The tags in order.
    pub fn iter(&self) -> impl Iterator<Item = [u8; 8]> {
        self.sorted.iter().map(|tag| tag.to_be_bytes())
    }

    pub(crate) fn has(&self, tag: u64) -> bool {
        self.sorted.binary_search(&tag).is_ok()
    }

    /// Adds a tag; false: one had no room. Which ones stay does not depend on the order in which they come.
    #[inline(never)]
    pub(crate) fn add(&mut self, tag: u64) -> bool {
        let Err(at) = self.sorted.binary_search(&tag) else {
            return true;
        };
        let has_room = self.sorted.len() < Self::MOST;
        if !has_room {
            if at == Self::MOST {
                return false;
            }
            self.sorted.pop();
        }
        self.sorted.insert(at, tag);
        has_room
    }

    /// Adds all tags of another set; false: one had no room.
    pub(crate) fn add_all(&mut self, other: &Self) -> bool {
        let mut has_room = true;
        for tag in &other.sorted {
            has_room &= self.add(*tag);
        }
        has_room
    }
}

impl FromIterator<[u8; 8]> for Tags {
    fn from_iter<I: IntoIterator<Item = [u8; 8]>>(tags: I) -> Self {
        let mut set = Self::default();
        for tag in tags {
            set.add(u64::from_be_bytes(tag));
        }
        set
    }
}

impl Terms {
    /// Whether it bounds which values come out.
    pub(crate) fn is_narrow(&self) -> bool {
        self.rules.is_some()
            || self.tags.is_some()
            || self.records.is_some()
            || self.bytes.is_some()
    }

    #[cold]
    #[inline(never)]
    fn permits(&self, rules: &Ruleset, cause: Cause, class: Class, value: Value<'_>) -> bool {
        if let Some(names) = &self.rules {
            let Cause::Rule(id) = cause else {
                return false;
            };
            let rule = rules.rules.get(usize::from(id));
            let is_named = rule
                .is_some_and(|rule| rule.explicit && names.iter().any(|name| **name == *rule.name));
            if !is_named {
                return false;
            }
        }
        let Some(tags) = &self.tags else {
            return true;
        };
        let tag = self.tag_key.tag(class, value);
        tag.is_some_and(|tag| tags.has(tag))
    }
}

/// Whether a text is a value that a rule selects and a grant shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lifted {
    #[default]
    No,
    /// It stands in one: what is found in it is masked where its own class is not lifted.
    Part,
    /// It is one, and what a detector finds of all of it is what the rule says that it is.
    Whole,
}

impl Lifted {
    pub(crate) fn of(class: Class) -> Self {
        // What a narrative tells is never one thing.
        match class {
            Class::Narrative => Self::Part,
            _ => Self::Whole,
        }
    }

    /// The same of a part.
    pub(crate) fn part(self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Part | Self::Whole => Self::Part,
        }
    }
}

impl<'a> Context<'a> {
    /// Whether the classes of a find are lifted. What else overlaps it has to be, too.
    pub(crate) fn shows(&self, find: &Find, text: &str) -> bool {
        let is_all = || {
            let around = (text.get(..find.range.start), text.get(find.range.end..));
            let is_space = |part: Option<&str>| part.is_some_and(|part| part.trim().is_empty());
            is_space(around.0) && is_space(around.1)
        };
        find.cause != Cause::Unsettled
            && (find.classes.is_subset(self.lift)
                || self.lifted == Lifted::Whole
                    && !find.classes.contains(Class::Credential)
                    && is_all())
    }

    /// The same within a value that comes out: it was granted as a whole, with all of these classes in it.
    pub(crate) fn within_shown(self) -> Self {
        Self {
            grant: None,
            ..self
        }
    }

    /// Whether the grant is for this value of a class that is lifted.
    pub(crate) fn permits(&self, cause: Cause, class: Class, value: Value<'_>) -> bool {
        self.grant
            .is_none_or(|grant| !self.is_beyond && grant.permits(self.rules, cause, class, value))
    }

    /// A decision about a value as it is carried out under the grant.
    #[inline(never)]
    pub(crate) fn treat(&self, decision: Decision, value: Value<'_>) -> Treatment<'a> {
        match treat(self.rules, self.lift, decision) {
            Treatment::Lift(cause, class, operator) if !self.permits(cause, class, value) => {
                Treatment::Mask(cause, class, operator, true)
            }
            treatment => treatment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tags_stay_in_whatever_order_they_come() {
        let most = u64::try_from(Tags::MOST).unwrap();
        let (mut up, mut down) = (Tags::default(), Tags::default());
        for tag in 0..most {
            assert!(up.add(tag) && up.add(tag));
            assert!(down.add(most - tag));
        }
        assert!(!up.add(most) && up.add(most - 1));
        assert!(!down.add(0) && !down.add(most) && down.add(1));
        assert_eq!(up, down);
        assert_eq!(up.len(), Tags::MOST);
        assert!(up.has(0) && !up.has(most));
        assert!(!up.add_all(&[[0xFF; 8]].into_iter().collect()));
        assert!(up.add_all(&down));
    }
}
