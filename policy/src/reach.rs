//! Which requests an action can match at all, as far as that shows in its conditions: what the
//! loader needs to refuse an action that never matches, and one that matches too much.

use crate::condition::{Atom, Condition};

/// More alternatives than this are not looked through, so such a condition is refused.
const MOST_ALTERNATIVES: usize = 256;
/// Methods that change nothing (RFC 9110, section 9.2.1) and are no tunnel or echo.
const SAFE_METHODS: &[&str] = &["GET", "HEAD", "OPTIONS"];

/// The alternatives of a condition, each a set of atoms that hold or do not (disjunctive normal
/// form). Alternatives that contradict themselves are gone.
#[derive(Clone, Debug)]
pub(crate) struct Reach<'a> {
    alternatives: Vec<Vec<Literal<'a>>>,
}

#[derive(Clone, Copy, Debug)]
struct Literal<'a> {
    atom: &'a Atom,
    holds: bool,
}

impl<'a> Reach<'a> {
    /// Without condition, everything. `None` where the condition has too many alternatives.
    pub(crate) fn of(when: Option<&'a Condition>) -> Option<Self> {
        let mut alternatives = match when {
            None => vec![Vec::new()],
            Some(condition) => alternatives(condition, true)?,
        };
        alternatives.retain(|literals| is_possible(literals));
        Some(Self { alternatives })
    }

    /// Whether no request matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// Whether only safe methods match.
    pub(crate) fn is_safe(&self) -> bool {
        self.every_alternative(|atom| {
            matches!(atom, Atom::Method(methods)
                if methods.iter().all(|method| SAFE_METHODS.contains(&method.as_str())))
        })
    }

    /// Whether every alternative names a path, a route or a principal: what a caller cannot take freely.
    pub(crate) fn is_named(&self) -> bool {
        use crate::condition::path::PathPattern;
        self.every_alternative(|atom| match atom {
            Atom::Path(PathPattern::Prefix(prefix)) => prefix.ends_with('/'),
            Atom::Path(PathPattern::Exact(_) | PathPattern::Segments(_))
            | Atom::Route(_)
            | Atom::Issuer(_)
            | Atom::Subject(_)
            | Atom::Claim { .. } => true,
            _ => false,
        })
    }

    /// Whether a header or the query decides.
    pub(crate) fn is_chosen_by_caller(&self) -> bool {
        self.alternatives
            .iter()
            .flatten()
            .any(|literal| matches!(literal.atom, Atom::Header { .. } | Atom::Query { .. }))
    }

    /// Whether `self` matches whatever `other` matches, as far as that shows.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.alternatives.iter().all(|narrow| {
            self.alternatives.iter().any(|wide| {
                wide.iter()
                    .all(|literal| narrow.iter().any(|given| given.implies(*literal)))
            })
        })
    }

    /// Whether some request with this method may match.
    pub(crate) fn meets_method(&self, method: &str) -> bool {
        let allows = |literal: &Literal<'_>| match literal.atom {
            Atom::Method(methods) => methods.iter().any(|it| it == method) == literal.holds,
            _ => true,
        };
        self.alternatives.iter().any(|all| all.iter().all(allows))
    }

    /// Whether some request may match both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.alternatives.iter().any(|one| {
            other.alternatives.iter().any(|two| {
                let both: Vec<_> = one.iter().chain(two).copied().collect();
                is_possible(&both)
            })
        })
    }

    fn every_alternative(&self, test: impl Fn(&Atom) -> bool) -> bool {
        self.alternatives.iter().all(|literals| {
            literals
                .iter()
                .any(|literal| literal.holds && test(literal.atom))
        })
    }
}

impl Literal<'_> {
    fn implies(self, other: Literal<'_>) -> bool {
        match (self.holds, other.holds) {
            (true, true) => implies(self.atom, other.atom),
            (false, false) => implies(other.atom, self.atom),
            (true, false) => excludes(self.atom, other.atom),
            (false, true) => false,
        }
    }

    fn contradicts(self, other: Literal<'_>) -> bool {
        self.implies(Literal {
            atom: other.atom,
            holds: !other.holds,
        }) || other.implies(Literal {
            atom: self.atom,
            holds: !self.holds,
        })
    }
}

fn is_possible(literals: &[Literal<'_>]) -> bool {
    literals.iter().enumerate().all(|(index, one)| {
        literals
            .iter()
            .skip(index + 1)
            .all(|two| !one.contradicts(*two))
    })
}

fn alternatives(condition: &Condition, holds: bool) -> Option<Vec<Vec<Literal<'_>>>> {
    let found = match condition {
        Condition::Atom(atom) => vec![vec![Literal { atom, holds }]],
        Condition::Not(inner) => alternatives(inner, !holds)?,
        Condition::All(parts) if holds => product(parts, holds)?,
        Condition::Any(parts) if !holds => product(parts, holds)?,
        Condition::All(parts) | Condition::Any(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(alternatives(part, holds)?);
            }
            all
        }
    };
    (found.len() <= MOST_ALTERNATIVES).then_some(found)
}

fn product(parts: &[Condition], holds: bool) -> Option<Vec<Vec<Literal<'_>>>> {
    let mut all: Vec<Vec<Literal<'_>>> = vec![Vec::new()];
    for part in parts {
        let choices = alternatives(part, holds)?;
        if all.len() * choices.len() > MOST_ALTERNATIVES {
            return None;
        }
        all = all
            .iter()
            .flat_map(|one| {
                choices
                    .iter()
                    .map(|two| one.iter().chain(two).copied().collect())
            })
            .collect();
    }
    Some(all)
}

/// Whether every request for which `one` holds has `two` hold.
fn implies(one: &Atom, two: &Atom) -> bool {
    if one == two {
        return true;
    }
    match (one, two) {
        (Atom::Method(one), Atom::Method(two)) => one.iter().all(|method| two.contains(method)),
        (Atom::Path(one), Atom::Path(two)) => one.implies(two),
        (Atom::Header { name: a, test: one }, Atom::Header { name: b, test: two })
        | (Atom::Query { name: a, test: one }, Atom::Query { name: b, test: two }) => {
            a == b && one.implies(two)
        }
        (Atom::Authority(one), Atom::Authority(two)) => one.implies(two),
        (Atom::Subject(one), Atom::Subject(two)) => one.implies(two),
        (Atom::Claim { path: a, test: one }, Atom::Claim { path: b, test: two }) => {
            a == b && one.implies(two)
        }
        _ => false,
    }
}

/// Whether no request has both hold.
fn excludes(one: &Atom, two: &Atom) -> bool {
    match (one, two) {
        (Atom::Method(one), Atom::Method(two)) => one.iter().all(|method| !two.contains(method)),
        (Atom::Path(one), Atom::Path(two)) => one.excludes(two),
        (Atom::Header { name: a, test: one }, Atom::Header { name: b, test: two })
        | (Atom::Query { name: a, test: one }, Atom::Query { name: b, test: two }) => {
            a == b && one.excludes(two)
        }
        (Atom::Authority(one), Atom::Authority(two)) => one.excludes(two),
        (Atom::Issuer(one), Atom::Issuer(two)) | (Atom::Route(one), Atom::Route(two)) => one != two,
        (Atom::Subject(one), Atom::Subject(two)) => one.excludes(two),
        (Atom::Claim { path: a, test: one }, Atom::Claim { path: b, test: two }) => {
            a == b && one.excludes(two)
        }
        _ => false,
    }
}
