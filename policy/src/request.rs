//! What is asked of a policy, and what it answers.

use crate::action::{Action, Effect};
use crate::path::CanonicalPath;
use velum_engine::ClassSet;

/// A request as the host saw it. Its `Debug` form shows no value.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The `:method`.
    pub method: &'a [u8],
    /// The `:authority`.
    pub authority: &'a [u8],
    /// The raw `:path`, with its query.
    pub path: &'a [u8],
    /// All header fields, names in lower case; pseudo-headers and `velum-*` do not matter.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The name of Envoy's route, empty where it has none; `None` where it was not read, which a
    /// condition on it takes for a doubt. Needed only where [`crate::Policy::reads_route`].
    pub route: Option<&'a [u8]>,
    /// Who asks, where that is known for certain.
    pub caller: Option<&'a Caller<'a>>,
}

/// The principal of a request. Its `Debug` form shows no value.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The kind of identity: `jwt`, `certificate`, `header` or `filter-state`.
    pub kind: &'a str,
    /// Who vouches for the subject.
    pub issuer: &'a str,
    /// Who it is, to that issuer.
    pub subject: &'a str,
    /// The token's claims, an object; at least those that [`crate::Policy::claims`] names. Null is
    /// one that could not be read: what depends on it is a doubt.
    pub claims: Option<&'a serde_json::Value>,
}

/// Which action a request matched.
#[derive(Clone, Debug)]
pub struct Verdict<'p> {
    /// The first action that matched; none means that the answer is masked.
    pub action: Option<&'p Action>,
    /// The path that it was decided on.
    pub path: CanonicalPath,
}

impl Verdict<'_> {
    /// What to do with the request.
    pub fn effect(&self) -> Effect {
        self.action.map_or(Effect::Mask, |action| action.effect)
    }

    /// The classes that a caller may ask to see; empty where nobody may ask.
    pub fn askable(&self) -> ClassSet {
        self.action.map_or(ClassSet::EMPTY, Action::askable)
    }
}

/// Why a request is refused before any action is taken: upstreams may read it in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The path, the query, or a header that some upstreams take for the path.
    AmbiguousPath,
    /// The method's case, the authority, a header that is given twice or in another spelling,
    /// claims that were not read.
    AmbiguousRequest,
    /// A header or parameter by which some upstreams replace the method.
    MethodOverride,
}

impl Refusal {
    /// The problem's stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::AmbiguousPath => "ambiguous-path",
            Self::AmbiguousRequest => "ambiguous-request",
            Self::MethodOverride => "method-override",
        }
    }

    /// A sentence that the caller can act on; holds no value of the request.
    pub fn detail(self) -> &'static str {
        match self {
            Self::AmbiguousPath => {
                "The path or query can be read in more than one way. Send it in its plain form: no \
                 empty, . or .. segments, no ; parameters, no escaped letters, digits, $, /, \\ or %, \
                 each parameter once and in the documented case, no X-Original-URL or X-Rewrite-URL."
            }
            Self::AmbiguousRequest => {
                "The request can be read in more than one way. Send the method in upper case, a plain \
                 host name, and each header once, in its documented spelling."
            }
            Self::MethodOverride => {
                "The request asks the upstream to take another method than its own. Send that method \
                 itself, without X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override or _method."
            }
        }
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Request").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Caller")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
