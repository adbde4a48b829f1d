//! `GET /sign-in/provider`: sends somebody to the provider.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::cookie::Cookie;
use super::page::{Said, local, see};
use super::provider::{Unasked, Way};
use super::session;
use super::sign_in::Asked;
use super::{HOME, Inbox};
use crate::http::App;
use crate::random;
use crate::store::StoreError;

/// How long the browser keeps which way it was.
const SECONDS: u64 = 600;

/// Sends them.
pub(crate) async fn handle(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Said> {
    let inbox = app.parts().inbox.as_ref().ok_or_else(nobody)?;
    let provider = inbox.provider.as_ref().ok_or_else(nobody)?;
    let failed = |error: StoreError| Said::unavailable("leave for the provider", &error);
    let before = session::of(&app, &headers).await.map_err(failed)?;
    let secret = random::token(&*app.parts().random).map_err(|error| failed(error.into()))?;
    let now = app.now();
    let next = local(asked.next()).unwrap_or(HOME);
    let way = Way::begin(secret, now, next, before.map(|session| session.id));
    let address = provider.address(&way, None, now).await.map_err(unasked)?;
    Ok(send(inbox, &way, &address))
}

/// Sends a browser there, with the way in its cookie.
pub(super) fn send(inbox: &Inbox, way: &Way, address: &str) -> Response {
    let mut response = see(address);
    if let Some(cookie) = Cookie::Hop.write(&inbox.origin, &way.to_cookie(), Some(SECONDS)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) fn nobody() -> Said {
    Said::new(
        StatusCode::NOT_FOUND,
        "There is no provider",
        "Nobody signs in here by a provider.",
    )
}

pub(super) fn unasked(error: Unasked) -> Said {
    tracing::warn!(error = error.why(), "the provider could not be asked");
    Said::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The provider cannot be asked",
        "Nobody can sign in until it answers again. Who has signed in already stays so.",
    )
    .with_link("/sign-in", "Try again")
}
