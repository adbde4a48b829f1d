//! What a grant permits: classes, and of their values only some.

use std::sync::Arc;

use crate::ClassSet;
use crate::decide::{Decision, Treatment, treat};
use crate::evidence::{TagKey, Value};
use crate::mask::Context;
use crate::rules::Ruleset;
use crate::tally::Cause;
use crate::{Class, Options};

/// What may come out as it is. Where it says nothing it sets no bound, but for the classes: those that
/// are not listed are masked.
///
/// ```
/// use velum_engine::{Class, Grant};
/// let grant: Grant = [Class::Name].into_iter().collect();
/// let grant = Grant { records: Some(1), ..grant };
/// assert_eq!((grant.classes.to_string().as_str(), grant.bytes), ("name", None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Classes whose values come out as they are, but for what detectors find in them of other classes.
    /// [`Class::Credential`] is ignored here.
    pub classes: ClassSet,
    /// The names of the rules (see [`Rule::name`](crate::Rule)) whose values come out. What a profile,
    /// a detector or another rule selects is masked then.
    pub rules: Option<Vec<String>>,
    /// The values that come out, by their [tags](crate::TagKey). What a rule removes, and a string longer
    /// than [`Limits::token_bytes`](crate::Limits::token_bytes), has none and never does.
    pub tags: Option<Arc<Tags>>,
    /// How many [records](crate::Report::records) come out: from the next on everything is masked. The
    /// elements of a top-level `entry` count whether or not they are those of a Bundle, which may be told
    /// behind them.
    pub records: Option<u64>,
    /// How many bytes of the body, as it is read, values may come from: one that ends behind them is
    /// masked, and so is all that follows. Of a stream of events only the data counts.
    pub bytes: Option<u64>,
}

impl From<ClassSet> for Grant {
    fn from(classes: ClassSet) -> Self {
        Self {
            classes,
            ..Self::default()
        }
    }
}

impl FromIterator<Class> for Grant {
    /// Those classes, and nothing narrower.
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self::from(classes.into_iter().collect::<ClassSet>())
    }
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

/// What a grant asks for beside the class.
pub(crate) struct Narrowing {
    rules: Option<Vec<String>>,
    tags: Option<Arc<Tags>>,
    key: TagKey,
}

impl Narrowing {
    /// `None`: the class is all that it asks for.
    pub(crate) fn of(options: &mut Options) -> Option<Arc<Self>> {
        let grant = &mut options.lift;
        let is_plain = grant.rules.is_none()
            && grant.tags.is_none()
            && grant.records.is_none()
            && grant.bytes.is_none();
        (!is_plain).then(|| {
            Arc::new(Self {
                rules: grant.rules.take(),
                tags: grant.tags.take(),
                key: options.tag_key.clone(),
            })
        })
    }

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
        let tag = self.key.tag(class, value);
        tag.is_some_and(|tag| tags.has(tag))
    }
}

impl<'a> Context<'a> {
    /// Whether the grant is for this value of a class that is lifted.
    pub(crate) fn permits(&self, cause: Cause, class: Class, value: Value<'_>) -> bool {
        self.grant
            .is_none_or(|grant| !self.is_beyond && grant.permits(self.rules, cause, class, value))
    }

    /// A decision about a value as it is carried out under the grant.
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
