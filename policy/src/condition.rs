//! When an action applies: a closed set of conditions, evaluated in three-valued logic.
//!
//! A condition whose answer depends on how an upstream reads the request is [`Truth::Unknown`].
//! An action that reviews or denies refuses such a request; for any other action it does not hold.

pub(crate) mod authority;
pub(crate) mod claim;
pub(crate) mod parameter;
pub(crate) mod path;

use std::cell::Cell;

use crate::path::{CanonicalPath, Spelling};
use crate::request::{Refusal, Request};
use crate::text::TextPattern;

use authority::AuthorityPattern;
use claim::ClaimTest;
use parameter::ParameterTest;
use path::PathPattern;

/// One condition, or several joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Atom(Atom),
}

/// A condition on one part of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Atom {
    /// Upper-case tokens, sorted, each once.
    Method(Vec<String>),
    Path(PathPattern),
    Header {
        name: String,
        test: ParameterTest,
    },
    Query {
        name: String,
        test: ParameterTest,
    },
    Authority(AuthorityPattern),
    /// The name of Envoy's route.
    Route(String),
    Issuer(String),
    Subject(TextPattern),
    Claim {
        path: Vec<String>,
        test: ClaimTest,
    },
}

/// Kleene's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// Upstreams may read the request in ways that give different answers.
    Unknown,
}

impl Truth {
    pub(crate) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// The common answer of several readings of the same thing.
    pub(crate) fn of_readings(readings: impl IntoIterator<Item = bool>) -> Self {
        let mut readings = readings.into_iter();
        let Some(first) = readings.next() else {
            return Self::Unknown;
        };
        if readings.all(|reading| reading == first) {
            Self::of(first)
        } else {
            Self::Unknown
        }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// The method that conditions see.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Method<'a> {
    Given(&'a [u8]),
    /// An overriding method that is none.
    Unreadable,
}

/// A request while it is evaluated.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) path: &'a CanonicalPath,
    pub(crate) method: Method<'a>,
    /// Whether the action at hand leaves responses unmasked: it takes no respelled path.
    pub(crate) passes: bool,
    /// Why the last answer was `Unknown`.
    pub(crate) doubt: Cell<Refusal>,
}

impl Condition {
    pub(crate) fn evaluate(&self, subject: &Subject<'_>) -> Truth {
        match self {
            Self::Atom(atom) => atom.evaluate(subject),
            Self::Not(inner) => inner.evaluate(subject).not(),
            Self::All(parts) => join(parts, subject, Truth::No, Truth::Yes),
            Self::Any(parts) => join(parts, subject, Truth::Yes, Truth::No),
        }
    }

    /// Calls `visit` with every atom.
    pub(crate) fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Atom)) {
        match self {
            Self::Atom(atom) => visit(atom),
            Self::Not(inner) => inner.visit(visit),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(visit)),
        }
    }
}

/// `All` ends at the first no, `Any` at the first yes; else a doubt remains a doubt.
fn join(parts: &[Condition], subject: &Subject<'_>, end: Truth, otherwise: Truth) -> Truth {
    let mut answer = otherwise;
    for part in parts {
        match part.evaluate(subject) {
            truth if truth == end => return end,
            Truth::Unknown => answer = Truth::Unknown,
            _ => {}
        }
    }
    answer
}

impl Atom {
    fn evaluate(&self, subject: &Subject<'_>) -> Truth {
        let request = subject.request;
        let (truth, doubt) = match self {
            Self::Method(methods) => (
                method_holds(methods, subject.method),
                Refusal::AmbiguousRequest,
            ),
            Self::Path(pattern) => (
                pattern.holds(subject.path, subject.passes),
                Refusal::AmbiguousPath,
            ),
            Self::Header { name, test } => (
                parameter::header_holds(name, test, request.headers),
                Refusal::AmbiguousRequest,
            ),
            Self::Query { name, test } => (
                parameter::query_holds(name, test, subject.path.query()),
                Refusal::AmbiguousPath,
            ),
            Self::Authority(pattern) => {
                (pattern.holds(request.authority), Refusal::AmbiguousRequest)
            }
            Self::Route(name) => (
                route_holds(name, subject),
                if subject.request.route.is_some() {
                    Refusal::AmbiguousPath
                } else {
                    Refusal::AmbiguousRequest
                },
            ),
            Self::Issuer(issuer) => {
                let same = |caller: &crate::Caller<'_>| caller.issuer == issuer;
                (
                    Truth::of(request.caller.is_some_and(same)),
                    Refusal::AmbiguousRequest,
                )
            }
            Self::Subject(pattern) => {
                let same = |caller: &crate::Caller<'_>| pattern.matches(caller.subject.as_bytes());
                (
                    Truth::of(request.caller.is_some_and(same)),
                    Refusal::AmbiguousRequest,
                )
            }
            Self::Claim { path, test } => (
                claim::holds(path, test, request.caller),
                Refusal::AmbiguousRequest,
            ),
        };
        if truth == Truth::Unknown {
            subject.doubt.set(doubt);
        }
        truth
    }
}

/// Envoy chose the route by the path as the caller wrote it, which an upstream may read in another
/// way: such a route leads to no `pass`.
fn route_holds(name: &str, subject: &Subject<'_>) -> Truth {
    match subject.request.route {
        Some(_) if subject.passes && subject.path.spelling() != Spelling::Plain => Truth::Unknown,
        Some(route) => Truth::of(route == name.as_bytes()),
        None => Truth::Unknown,
    }
}

/// Methods are case-sensitive (RFC 9110, section 9.1), but not to every upstream.
fn method_holds(methods: &[String], method: Method<'_>) -> Truth {
    let Method::Given(given) = method else {
        return Truth::Unknown;
    };
    if methods.iter().any(|method| method.as_bytes() == given) {
        Truth::Yes
    } else if methods
        .iter()
        .any(|method| method.as_bytes().eq_ignore_ascii_case(given))
    {
        Truth::Unknown
    } else {
        Truth::No
    }
}
