//! Filters: what must hold of an element for a path to go on below it.

use std::fmt;

use super::{Quoted, is_plain};

/// A filter: numbered tests, and how their answers combine.
///
/// Numbers follow the first mention from left to right; a test that is repeated has one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// By number. At most [`Filter::MOST_TESTS`].
    pub(crate) tests: Vec<Test>,
    /// Over the numbers.
    pub(crate) condition: Condition,
}

/// A question about what is below an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// From the element down; never empty.
    pub(crate) path: Vec<FilterStep>,
    /// A text that a string there must equal, once it is decoded; with `*` in the path one of them.
    /// None: whether there is a value, be it null.
    pub(crate) equals: Option<String>,
}

/// One step down in the path of a [`Test`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FilterStep {
    /// The member of that (decoded) name.
    Name(String),
    /// The element at that place, from 0.
    Index(u32),
    /// Every element or member value: an extension, RFC 9535 compares single values only.
    Any,
}

/// How tests combine. Made by [`Condition::not`], [`Condition::all`] and [`Condition::any`], which
/// leave no double negation and no conjunction directly within another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The test of that number.
    Test(usize),
    /// Not.
    Not(Box<Condition>),
    /// And: two or more.
    All(Vec<Condition>),
    /// Or: two or more.
    Any(Vec<Condition>),
}

impl Filter {
    /// How many tests a filter may mention.
    pub(crate) const MOST_TESTS: usize = 8;

    /// Whether it holds as far as the answers are known. None: it depends on one that is not known
    /// yet, or never will be; who cannot wait takes that for a yes.
    pub(crate) fn may_hold(&self, answer: impl Fn(usize) -> Option<bool>) -> Option<bool> {
        self.condition.holds(&answer)
    }
}

impl Condition {
    pub(crate) fn not(condition: Self) -> Self {
        match condition {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// All of them; one alone stays itself.
    pub(crate) fn all(conditions: Vec<Self>) -> Self {
        let flat = conditions
            .into_iter()
            .flat_map(|condition| match condition {
                Self::All(inner) => inner,
                other => vec![other],
            });
        Self::one_or(flat.collect(), Self::All)
    }

    /// One of them at least; one alone stays itself.
    pub(crate) fn any(conditions: Vec<Self>) -> Self {
        let flat = conditions
            .into_iter()
            .flat_map(|condition| match condition {
                Self::Any(inner) => inner,
                other => vec![other],
            });
        Self::one_or(flat.collect(), Self::Any)
    }

    fn one_or(mut conditions: Vec<Self>, combine: fn(Vec<Self>) -> Self) -> Self {
        match (conditions.pop(), conditions.is_empty()) {
            (Some(one), true) => one,
            (last, _) => {
                conditions.extend(last);
                combine(conditions)
            }
        }
    }

    fn holds(&self, answer: &impl Fn(usize) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Test(test) => answer(*test),
            Self::Not(inner) => inner.holds(answer).map(|holds| !holds),
            Self::All(inner) => decided_by(false, inner, answer),
            Self::Any(inner) => decided_by(true, inner, answer),
        }
    }
}

/// One condition with the value decides; else all must be known.
fn decided_by(
    value: bool,
    conditions: &[Condition],
    answer: &impl Fn(usize) -> Option<bool>,
) -> Option<bool> {
    let mut all_known = true;
    for condition in conditions {
        match condition.holds(answer) {
            Some(holds) if holds == value => return Some(value),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!value)
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&self.condition, formatter)
    }
}

impl Filter {
    fn write(&self, condition: &Condition, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match condition {
            Condition::Test(test) => self.write_test(*test, "==", out),
            Condition::Not(inner) => {
                if let Condition::Test(number) = **inner {
                    let test = self.tests.get(number);
                    let exists = test.is_some_and(|test| test.equals.is_none());
                    out.write_str(if exists { "!" } else { "" })?;
                    self.write_test(number, "!=", out)
                } else {
                    out.write_str("!(")?;
                    self.write(inner, out)?;
                    out.write_str(")")
                }
            }
            Condition::All(inner) => self.write_list(inner, " && ", out),
            Condition::Any(inner) => self.write_list(inner, " || ", out),
        }
    }

    fn write_list(
        &self,
        conditions: &[Condition],
        between: &str,
        out: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        for (index, condition) in conditions.iter().enumerate() {
            out.write_str(if index > 0 { between } else { "" })?;
            // && binds closer than ||.
            if matches!(condition, Condition::Any(_)) {
                out.write_str("(")?;
                self.write(condition, out)?;
                out.write_str(")")?;
            } else {
                self.write(condition, out)?;
            }
        }
        Ok(())
    }

    fn write_test(&self, number: usize, sign: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Test { path, equals }) = self.tests.get(number) else {
            return Err(fmt::Error);
        };
        out.write_str("@")?;
        for step in path {
            match step {
                FilterStep::Name(name) if is_plain(name) => write!(out, ".{name}")?,
                FilterStep::Name(name) => write!(out, "[{}]", Quoted(name))?,
                FilterStep::Index(index) => write!(out, "[{index}]")?,
                FilterStep::Any => out.write_str(".*")?,
            }
        }
        match equals {
            Some(equals) => write!(out, " {sign} {}", Quoted(equals)),
            None => Ok(()),
        }
    }
}
