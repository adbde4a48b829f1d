//! Who calls: bearer tokens, known only by their SHA-256.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::{StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::http::App;
use crate::problem::Problem;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone who reaches the listener.
    Public,
    /// A gateway: an Envoy that runs the filter.
    Gateway,
    /// A reviewer.
    Reviewer,
}

/// A caller whose token was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A gateway, by its id in the configuration.
    Gateway(Arc<str>),
    /// A reviewer, by the person's id in the configuration.
    Reviewer(Arc<str>),
}

impl Caller {
    fn may_call(&self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Gateway => matches!(self, Caller::Gateway(_)),
            Access::Reviewer => matches!(self, Caller::Reviewer(_)),
        }
    }
}

/// The SHA-256 of a bearer token.
pub(crate) type TokenHash = [u8; 32];

/// Hashes a token as the configuration's `token_sha256` does.
pub(crate) fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Everyone who may call, by token.
#[derive(Debug, Default)]
pub(crate) struct Callers(Vec<(TokenHash, Caller)>);

impl Callers {
    /// Adds a caller.
    pub(crate) fn add(&mut self, token: TokenHash, caller: Caller) {
        self.0.push((token, caller));
    }

    /// The caller that holds `token`. Looks at every entry, whichever of them matches, so that time
    /// tells nothing about the tokens (threat 21).
    pub(crate) fn identify(&self, token: &str) -> Option<&Caller> {
        let hash = token_hash(token);
        let mut found = Choice::from(0);
        let mut position = 0_u64;
        for (index, (known, _)) in (0_u64..).zip(&self.0) {
            let equal = known.as_slice().ct_eq(hash.as_slice());
            position = u64::conditional_select(&position, &index, equal);
            found |= equal;
        }
        if !bool::from(found) {
            return None;
        }
        self.0
            .get(usize::try_from(position).ok()?)
            .map(|(_, caller)| caller)
    }
}

/// Lets a request through to a route only when its caller may call it.
pub(crate) async fn authorize(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    match identify(&app, &request) {
        None => unauthenticated().into_response(),
        Some(caller) if caller.may_call(access) => {
            request.extensions_mut().insert(caller.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(caller);
            response
        }
        Some(caller) => {
            let mut response = forbidden(access).into_response();
            response.extensions_mut().insert(caller);
            response
        }
    }
}

fn identify(app: &App, request: &Request) -> Option<Caller> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    // Two credentials are an ambiguity that somebody could exploit.
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    app.callers().identify(token.trim()).cloned()
}

fn unauthenticated() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "No token that this service knows",
        "Send `Authorization: Bearer <token>` with a token of the service's configuration.",
    )
}

fn forbidden(access: Access) -> Problem {
    let detail = match access {
        Access::Gateway => "Only a gateway's token may call this.",
        Access::Reviewer | Access::Public => "Only a reviewer's token may call this.",
    };
    Problem::new(
        StatusCode::FORBIDDEN,
        "wrong-caller",
        "This token may not call this",
        detail,
    )
}

/// The gateway that calls.
pub(crate) struct Gateway(pub(crate) Arc<str>);

/// The reviewer who calls.
pub(crate) struct Reviewer(pub(crate) Arc<str>);

impl<S: Sync> FromRequestParts<S> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Gateway, Problem> {
        match parts.extensions.get() {
            Some(Caller::Gateway(id)) => Ok(Gateway(id.clone())),
            _ => Err(forbidden(Access::Gateway)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Reviewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Reviewer, Problem> {
        match parts.extensions.get() {
            Some(Caller::Reviewer(person)) => Ok(Reviewer(person.clone())),
            _ => Err(forbidden(Access::Reviewer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_finds_its_own_caller_and_no_other_does() {
        let mut callers = Callers::default();
        callers.add(token_hash("one"), Caller::Gateway("edge".into()));
        callers.add(token_hash("two"), Caller::Reviewer("grace".into()));
        assert_eq!(
            callers.identify("one"),
            Some(&Caller::Gateway("edge".into()))
        );
        assert_eq!(
            callers.identify("two"),
            Some(&Caller::Reviewer("grace".into()))
        );
        for token in ["", "three", "ONE", "one "] {
            assert_eq!(callers.identify(token), None, "{token:?}");
        }
        assert_eq!(Callers::default().identify("one"), None);
    }
}
