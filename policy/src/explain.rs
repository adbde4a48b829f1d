//! Why a request meets its action: each action's conditions with their answers.
//!
//! The answers are those of [`crate::evaluate`], asked one condition at a time: there is no second
//! evaluator that could disagree with it. What is shown are the policy's own words.

use std::fmt;

use crate::action::Action;
use crate::condition::authority::{AuthorityPattern, HostPattern};
use crate::condition::claim::{ClaimTest, ClaimValue};
use crate::condition::parameter::ParameterTest;
use crate::condition::path::{PathPattern, SegmentPattern};
use crate::condition::{Atom, Condition, Subject, Truth};
use crate::evaluate::{evaluate, subject};
use crate::path::CanonicalPath;
use crate::policy::Policy;
use crate::request::{Refusal, Request, Verdict};
use crate::text::TextPattern;

/// How a request was decided.
#[derive(Clone, Debug)]
pub struct Explanation<'p> {
    /// The path that conditions saw.
    pub path: CanonicalPath,
    /// The verdict, or why the request is refused before any action.
    pub verdict: Result<Verdict<'p>, Refusal>,
    /// Every action with what it would say, in order; those behind the first match are not asked.
    pub actions: Vec<ExplainedAction<'p>>,
}

/// One action, and whether the request matches it.
#[derive(Clone, Debug)]
pub struct ExplainedAction<'p> {
    /// The action.
    pub action: &'p Action,
    /// Whether its conditions hold.
    pub answer: Answer,
    /// Its conditions; none: it takes every request.
    pub condition: Option<ExplainedCondition>,
}

/// One condition and its answer.
#[derive(Clone, Debug)]
pub struct ExplainedCondition {
    /// What is asked, in the policy's words.
    pub text: String,
    /// Whether it holds.
    pub answer: Answer,
    /// The conditions that it joins.
    pub parts: Vec<ExplainedCondition>,
}

/// One condition, not asked of any request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedCondition {
    /// What is asked, in the policy's words.
    pub text: String,
    /// The conditions that it joins.
    pub parts: Vec<StatedCondition>,
}

impl Action {
    /// Its conditions; none: it takes every request.
    ///
    /// ```
    /// use velum_policy::Policy;
    /// let policy = Policy::parse(br#"{"version": 1, "masking": {"profiles": ["pii"]}, "actions": [
    ///     {"name": "closed", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"}]}"#)?;
    /// let condition = policy.actions()[0].condition().unwrap();
    /// assert_eq!(condition.text, r#"path starts with "/admin/""#);
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    pub fn condition(&self) -> Option<StatedCondition> {
        self.when.as_ref().map(state)
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// Upstreams may read the request in ways that give different answers, or what it asks for was
    /// not read.
    Unknown,
}

impl Answer {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Truth> for Answer {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::Yes => Self::Yes,
            Truth::No => Self::No,
            Truth::Unknown => Self::Unknown,
        }
    }
}

impl Policy {
    /// Says which action a request meets, and why.
    ///
    /// ```
    /// use velum_policy::{Answer, Policy, Request};
    /// let policy = Policy::parse(br#"{"version": 1, "masking": {"profiles": ["pii"]}, "actions": [
    ///     {"name": "closed", "when": {"path": {"prefix": "/admin/"}}, "effect": "deny"}]}"#)?;
    /// let request = Request {
    ///     method: b"GET", authority: b"ehr.example", path: b"/admin/log", headers: &[],
    ///     route: None, caller: None,
    /// };
    /// let explanation = policy.explain(&request);
    /// assert_eq!(explanation.actions[0].answer, Answer::Yes);
    /// # Ok::<(), velum_policy::ConfigError>(())
    /// ```
    pub fn explain(&self, request: &Request<'_>) -> Explanation<'_> {
        let path = CanonicalPath::read(request.path);
        let actions = self.actions.iter().map(|action| {
            let subject = subject(action, request, &path);
            let condition = action.when.as_ref().map(|when| explain(when, &subject));
            let answer = condition.as_ref().map_or(Answer::Yes, |it| it.answer);
            ExplainedAction {
                action,
                answer,
                condition,
            }
        });
        Explanation {
            actions: actions.collect(),
            verdict: evaluate(&self.actions, self.guards(), request),
            path,
        }
    }
}

fn state(condition: &Condition) -> StatedCondition {
    let (text, parts) = words(condition);
    StatedCondition {
        text,
        parts: parts.iter().map(state).collect(),
    }
}

fn words(condition: &Condition) -> (String, &[Condition]) {
    match condition {
        Condition::All(parts) => ("all".to_owned(), parts.as_slice()),
        Condition::Any(parts) => ("any".to_owned(), parts.as_slice()),
        Condition::Not(part) => ("not".to_owned(), std::slice::from_ref(&**part)),
        Condition::Atom(atom) => (atom.to_string(), &[]),
    }
}

fn explain(condition: &Condition, subject: &Subject<'_>) -> ExplainedCondition {
    let (text, parts) = words(condition);
    ExplainedCondition {
        text,
        answer: condition.evaluate(subject).into(),
        parts: parts.iter().map(|part| explain(part, subject)).collect(),
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(methods) => write!(out, "method is {}", methods.join(" or ")),
            Self::Path(pattern) => write!(out, "path {pattern}"),
            Self::Header { name, test } => write!(out, "header {name} {test}"),
            Self::Query { name, test } => write!(out, "query {name} {test}"),
            Self::Authority(pattern) => write!(out, "authority {pattern}"),
            Self::Route(name) => write!(out, "route is {name:?}"),
            Self::Issuer(issuer) => write!(out, "issuer is {issuer:?}"),
            Self::Subject(pattern) => write!(out, "subject {pattern}"),
            Self::Claim { path, test } => write!(out, "claim {} {test}", path.join("/")),
        }
    }
}

impl fmt::Display for AuthorityPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Exact(host) => write!(out, "is {host}")?,
            HostPattern::Suffix(suffix) => write!(out, "ends with {suffix}")?,
        }
        match self.port {
            Some(port) => write!(out, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(out, "is {path:?}"),
            Self::Prefix(prefix) => write!(out, "starts with {prefix:?}"),
            Self::Suffix(suffix) => write!(out, "ends with {suffix:?}"),
            Self::Segments(segments) => {
                out.write_str("is ")?;
                for segment in segments {
                    match segment {
                        SegmentPattern::Literal(literal) => write!(out, "/{literal}")?,
                        SegmentPattern::Any => out.write_str("/{…}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(out, "is {text:?}"),
            Self::Prefix(text) => write!(out, "starts with {text:?}"),
            Self::Suffix(text) => write!(out, "ends with {text:?}"),
        }
    }
}

impl fmt::Display for ParameterTest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(true) => out.write_str("is there"),
            Self::Present(false) => out.write_str("is not there"),
            Self::Value(pattern) => write!(out, "{pattern}"),
        }
    }
}

impl fmt::Display for ClaimTest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(true) => out.write_str("is there"),
            Self::Present(false) => out.write_str("is not there"),
            Self::Is(value) => write!(out, "is {value}"),
            Self::Contains(value) => write!(out, "contains {value}"),
        }
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Integer(value) => write!(out, "{value}"),
        }
    }
}
