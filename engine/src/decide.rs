//! What the rules say about a value at a place.

use crate::labels::NodeId;
use crate::profiles::{Evidence, Verdict};
use crate::rules::{KeyRules, Place, Ruleset, StateId};
use crate::tally::Cause;
use crate::{Class, ClassSet, Generalize, Operator};

/// What is to be done with a value, or with everything in an array or object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing selects it: the detectors look at it.
    #[default]
    Inspect,
    /// It is exempt.
    Exempt,
    /// A rule selects it.
    Rule(u16),
    /// A rule of a profile selects it, in what is masked throughout whatever profiles know of it.
    Within(u16),
    /// Its siblings did, or would have, told its class.
    Class { class: Class, forced: bool },
    /// It hangs on labels: see [`Labels`](crate::labels::Labels).
    Deferred(NodeId),
}

/// A member or element: its place and what is to be done with its value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Member {
    pub(crate) state: StateId,
    pub(crate) decision: Decision,
    /// The sibling rule that has the last word on a scalar.
    pub(crate) candidate: Option<u8>,
    /// The decision hangs on labels, and on these rules: it is that about what is around still.
    pub(crate) open: Option<KeyRules>,
    /// The rule of a profile that its name falls under.
    pub(crate) key: Option<u16>,
}

impl Member {
    /// One about which no rule speaks.
    pub(crate) fn plain(state: StateId) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }

    /// Whether labels have a say.
    pub(crate) fn is_deferred(&self) -> bool {
        self.open.is_some() || matches!(self.decision, Decision::Deferred(_))
    }

    /// Whether what becomes of a scalar is not known yet.
    pub(crate) fn waits(&self) -> bool {
        self.candidate.is_some() || self.is_deferred()
    }

    /// The same as an array or object. Siblings tell the class of a scalar: in its place this is
    /// masked throughout, unless siblings have to select it; `around`: what holds around it.
    pub(crate) fn contains(mut self, rules: &Ruleset, around: Decision) -> Self {
        self.decision = within(rules, self.decision, around, self.key);
        if let Some(sibling) = self.candidate.take()
            && let Some(decision) = resolve(rules, sibling, Evidence::NONE)
        {
            self.decision = match decision {
                Decision::Class { class, .. } => Decision::Class {
                    class,
                    forced: true,
                },
                other => other,
            };
        }
        self
    }
}

/// What becomes of a scalar.
#[derive(Clone, Copy)]
pub(crate) enum Treatment<'a> {
    Pass,
    Inspect,
    /// It is of a class that is lifted; otherwise this would mask it.
    Lift(Cause, Class, &'a Operator),
    /// The same of what is lifted only because the object around it is, and was not told by its own place:
    /// detectors look at it as if nobody had told.
    Inherit(Cause, Class),
    /// Whether the class is lifted, but not this value of it.
    Mask(Cause, Class, &'a Operator, bool),
}

impl Treatment<'_> {
    /// The same of a value whose decision is that about the object around it.
    #[inline]
    pub(crate) fn inherited(self, is_inherited: bool) -> Self {
        match self {
            Self::Lift(cause, class, _) if is_inherited => Self::Inherit(cause, class),
            other => other,
        }
    }
}

/// Decides about a member or element from what holds around it. The order is that of the
/// documentation of `rules`.
pub(crate) fn decide(
    rules: &Ruleset,
    around: Decision,
    state: StateId,
    place: &Place,
    key: KeyRules,
) -> Member {
    let member = |decision| Member {
        state,
        decision,
        candidate: None,
        open: None,
        key: key.profile,
    };
    if place.exempt {
        return member(Decision::Exempt);
    }
    let hangs = matches!(around, Decision::Deferred(_)) && says_more(place, key);
    if !place.filtered.is_empty() || (hangs && place.rule.is_none()) {
        return Member {
            open: Some(key),
            ..member(around)
        };
    }
    if let Some(rule) = place.rule {
        return member(Decision::Rule(rule));
    }
    decide_below(rules, around, state, place, key)
}

/// Whether anything but what holds around the place is said about it.
fn says_more(place: &Place, key: KeyRules) -> bool {
    let by_profile = place.profile.is_some() || place.candidate.is_some() || place.keep;
    by_profile || key != KeyRules::default()
}

/// The same, where no path of a rule speaks.
pub(crate) fn decide_below(
    rules: &Ruleset,
    around: Decision,
    state: StateId,
    place: &Place,
    key: KeyRules,
) -> Member {
    let member = |decision| Member {
        state,
        decision,
        candidate: None,
        open: None,
        key: key.profile,
    };
    if around == Decision::Exempt {
        return member(around);
    }
    if let Some(rule) = key.rule {
        return member(Decision::Rule(rule));
    }
    let is_throughout = is_throughout(rules, around);
    if is_throughout && rules.has_ids {
        return decide_throughout(rules, around, state, place, key);
    }
    let by_profile = |rule| {
        if is_of_birth(rules, around, rule) {
            around
        } else if is_throughout {
            Decision::Within(rule)
        } else {
            Decision::Rule(rule)
        }
    };
    if place.codes && around == Decision::Inspect {
        return member(Decision::Inspect);
    }
    let otherwise = key.profile.map_or(around, by_profile);
    if place.candidate.is_some() {
        return Member {
            candidate: place.candidate,
            ..member(otherwise)
        };
    }
    if let Some(rule) = place.profile {
        return member(by_profile(rule));
    }
    let is_kept = place.keep || place.known && around == Decision::Inspect;
    if is_kept && !is_throughout {
        return member(Decision::Inspect);
    }
    member(otherwise)
}

/// Whether the year that a rule of a profile would tell is, by what is around it, that of a birth.
fn is_of_birth(rules: &Ruleset, around: Decision, rule: u16) -> bool {
    let generalizes = |id: u16| match rules.rules.get(usize::from(id))?.operator {
        Operator::Generalize(how) => Some(how),
        _ => None,
    };
    let (Decision::Rule(outer) | Decision::Within(outer)) = around else {
        return false;
    };
    generalizes(outer) == Some(Generalize::BirthYear)
        && matches!(
            generalizes(rule),
            Some(Generalize::Year | Generalize::FirstMoment)
        )
}

/// The same in what is masked throughout, where rules of profiles are about ids: an id is no more there
/// than the rest of it.
#[cold]
fn decide_throughout(
    rules: &Ruleset,
    around: Decision,
    state: StateId,
    place: &Place,
    key: KeyRules,
) -> Member {
    let is_other = |rule: &u16| {
        let rule = rules.rules.get(usize::from(*rule));
        rule.is_none_or(|rule| !rule.ids)
    };
    let by_place = place.profile.filter(is_other);
    let rule = if place.candidate.is_some() {
        key.profile.filter(is_other)
    } else {
        by_place.or(key.profile.filter(is_other))
    };
    Member {
        state,
        decision: rule.map_or(around, Decision::Within),
        candidate: place.candidate,
        open: None,
        key: key.profile,
    }
}

/// What holds for all that is in an array or object, given what is decided about it, what holds
/// around it, and the rule of a profile that its name falls under: a rule that selects scalars only
/// leaves the rest to that one.
#[inline]
pub(crate) fn within(
    rules: &Ruleset,
    decision: Decision,
    around: Decision,
    key: Option<u16>,
) -> Decision {
    let is_of_scalars = |id: u16| {
        let rule = rules.rules.get(usize::from(id));
        rule.is_some_and(|rule| rule.scalars)
    };
    let key = key.filter(|key| !is_of_scalars(*key));
    match decision {
        Decision::Rule(id) if is_of_scalars(id) => key.map_or(around, Decision::Rule),
        Decision::Within(id) if is_of_scalars(id) => key.map_or(around, Decision::Within),
        other => other,
    }
}

/// What becomes of a candidate once its siblings are known; `None`: what would become of it
/// without them.
pub(crate) fn resolve(rules: &Ruleset, sibling: u8, evidence: Evidence) -> Option<Decision> {
    let sibling = rules.siblings.get(usize::from(sibling))?;
    match sibling.resolve(evidence) {
        Verdict::Class(class) => Some(Decision::Class {
            class,
            forced: false,
        }),
        Verdict::Unclear => Some(UNRESOLVED),
        Verdict::Unselected => None,
    }
}

/// What becomes of a candidate whose siblings cannot tell.
pub(crate) const UNRESOLVED: Decision = Decision::Class {
    class: Class::Identifier,
    forced: true,
};

/// A decision as it is carried out under a set of lifted classes.
pub(crate) fn treat(rules: &Ruleset, lift: ClassSet, decision: Decision) -> Treatment<'_> {
    let of = |cause, class: Class, operator| {
        if lift.contains(class) {
            Treatment::Lift(cause, class, operator)
        } else {
            Treatment::Mask(cause, class, operator, false)
        }
    };
    match decision {
        Decision::Inspect => Treatment::Inspect,
        Decision::Exempt => Treatment::Pass,
        // Whoever does not ask the labels gets the answer for what cannot be known.
        Decision::Deferred(_) | UNRESOLVED => {
            Treatment::Mask(Cause::Unclear, Class::Identifier, &Operator::Redact, false)
        }
        Decision::Class {
            class,
            forced: true,
        } => Treatment::Mask(Cause::Siblings, class, &Operator::Redact, false),
        Decision::Class {
            class,
            forced: false,
        } => of(Cause::Siblings, class, &Operator::Redact),
        Decision::Rule(id) | Decision::Within(id) => match rules.rules.get(usize::from(id)) {
            Some(rule) if rule.forced => {
                Treatment::Mask(Cause::Rule(id), rule.class, &rule.operator, false)
            }
            Some(rule) => of(Cause::Rule(id), rule.class, &rule.operator),
            // Cannot be: ids come from the same rule set. It is the side to fall to.
            None => Treatment::Mask(Cause::Unclear, Class::Other, &Operator::Redact, false),
        },
    }
}

/// Whether nothing below may be kept: an explicit rule selects it, or it stands where siblings would
/// have told the class of a scalar.
fn is_throughout(rules: &Ruleset, decision: Decision) -> bool {
    match decision {
        Decision::Rule(id) => rules
            .rules
            .get(usize::from(id))
            .is_none_or(|rule| rule.explicit),
        Decision::Within(_) | Decision::Class { .. } => true,
        Decision::Inspect | Decision::Exempt | Decision::Deferred(_) => false,
    }
}
