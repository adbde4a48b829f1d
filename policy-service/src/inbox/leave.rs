//! `GET /sign-in/provider`: sends somebody to the provider.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::cookie::Cookie;
use super::page::{Said, local, onward, see, with_next};
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
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        // Nobody is signed in by a link elsewhere: a page of ours asks them.
        return Ok(match local(asked.next()) {
            Some(next) => see(&with_next("/sign-in", next)),
            None => see("/sign-in"),
        });
    }
    let failed = |error: StoreError| Said::unavailable("leave for the provider", &error);
    let before = session::of(&app, &headers).await.map_err(failed)?;
    let secret = random::token(&*app.parts().random).map_err(|error| failed(error.into()))?;
    let now = app.now();
    let next = local(asked.next()).unwrap_or(HOME);
    let way = Way::begin(secret, now, next, before.map(|session| session.id));
    let address = provider.address(&way, None, now).await.map_err(unasked)?;
    Ok(send(&app, inbox, &way, &address))
}

/// Sends a browser there, with the way in its cookie.
fn send(app: &App, inbox: &Inbox, way: &Way, address: &str) -> Response {
    with_way(see(address), app, inbox, way)
}

/// The same behind a form, by a page: a form's own policy (`form-action`) is held against every redirect that
/// follows it, and Chromium goes nowhere then.
pub(super) fn send_from_form(app: &App, inbox: &Inbox, way: &Way, address: &str) -> Response {
    let page = onward("One moment", address).into_response();
    with_way(page, app, inbox, way)
}

fn with_way(mut response: Response, app: &App, inbox: &Inbox, way: &Way) -> Response {
    let way = way.to_cookie(&app.parts().keys.of_browsers());
    if let Some(cookie) = Cookie::Hop.write(&inbox.origin, &way, Some(SECONDS)) {
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
