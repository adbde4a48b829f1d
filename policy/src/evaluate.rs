//! The one evaluator: which action a request matches.

use std::cell::Cell;

use crate::action::{Action, Effect};
use crate::condition::{Method, Subject, Truth, parameter};
use crate::path::{CanonicalPath, Spelling};
use crate::request::{Refusal, Request, Verdict};
use crate::text::form_decode;

/// Headers by which some frameworks replace the method of a request.
const METHOD_HEADERS: &[&str] = &[
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];
/// The parameter by which some frameworks do.
const METHOD_PARAMETER: &str = "_method";
/// Headers by which some frameworks replace the path of a request.
const PATH_HEADERS: &[&str] = &["x-original-url", "x-rewrite-url"];

/// Finds the first action that matches; `guards` says whether any action stops or asks.
pub(crate) fn evaluate<'p>(
    actions: &'p [Action],
    guards: bool,
    request: &Request<'_>,
) -> Result<Verdict<'p>, Refusal> {
    let path = CanonicalPath::read(request.path);
    if guards && (path.spelling() != Spelling::Plain || replaces_path(request)) {
        return Err(Refusal::AmbiguousPath);
    }
    let action = first_match(actions, request, &path, Method::Given(request.method))?;
    for method in overriding_methods(request, &path) {
        let method = method.as_deref().map_or(Method::Unreadable, Method::Given);
        let other = first_match(actions, request, &path, method);
        let is_same = other.is_ok_and(|other| same(action, other));
        if !is_same || action.is_some_and(Action::restricts) {
            return Err(Refusal::MethodOverride);
        }
    }
    Ok(Verdict { action, path })
}

/// A request as the conditions of an action see it.
pub(crate) fn subject<'a>(
    action: &Action,
    request: &'a Request<'a>,
    path: &'a CanonicalPath,
) -> Subject<'a> {
    Subject {
        request,
        path,
        method: Method::Given(request.method),
        passes: action.effect == Effect::Pass,
        doubt: Cell::new(Refusal::AmbiguousRequest),
    }
}

fn first_match<'p>(
    actions: &'p [Action],
    request: &Request<'_>,
    path: &CanonicalPath,
    method: Method<'_>,
) -> Result<Option<&'p Action>, Refusal> {
    for action in actions {
        let Some(when) = &action.when else {
            return Ok(Some(action));
        };
        let mut subject = subject(action, request, path);
        subject.method = method;
        match when.evaluate(&subject) {
            Truth::Yes => return Ok(Some(action)),
            Truth::Unknown if action.restricts() => return Err(subject.doubt.get()),
            Truth::Unknown | Truth::No => {}
        }
    }
    Ok(None)
}

fn same(one: Option<&Action>, two: Option<&Action>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => std::ptr::eq(one, two),
        (None, None) => true,
        _ => false,
    }
}

fn replaces_path(request: &Request<'_>) -> bool {
    request
        .headers
        .iter()
        .any(|(name, _)| names_one(name, PATH_HEADERS))
}

fn names_one(name: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|known| parameter::is_same_name(name, known))
}

/// The methods that some upstream may take in place of the request's own, in upper case; `None`
/// for one that is no token.
fn overriding_methods(request: &Request<'_>, path: &CanonicalPath) -> Vec<Option<Vec<u8>>> {
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| names_one(name, METHOD_HEADERS))
        .map(|(_, value)| value.to_vec());
    let parameters = parameter::parameters(path.query(), b"&;")
        .filter(|(name, _)| parameter::may_name(name, METHOD_PARAMETER))
        .map(|(_, value)| form_decode(value));
    headers
        .chain(parameters)
        .map(|value| readable_method(&value))
        .collect()
}

fn readable_method(value: &[u8]) -> Option<Vec<u8>> {
    let token = value.trim_ascii();
    let is_token = !token.is_empty() && token.iter().all(u8::is_ascii_alphabetic);
    is_token.then(|| token.to_ascii_uppercase())
}
