//! `POST /sign-out`: ends the session, or all of the person's.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::cookie::Cookie;
use super::form::Form;
use super::page::{Said, document};
use super::session::{Session, SignOut};
use crate::http::{App, to_the_end};

/// What is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    /// In every browser.
    #[serde(default)]
    everywhere: bool,
}

/// Ends it.
pub(crate) async fn handle(
    State(app): State<App>,
    session: Session,
    Form(sent): Form<Sent>,
) -> Result<Response, Said> {
    let sign_out = SignOut {
        app: app.clone(),
        id: session.id,
        person: session.person,
        everywhere: sent.everywhere,
    };
    let store = app.clone();
    to_the_end(async move { store.store().write(sign_out).await })
        .await
        .map_err(|error| Said::unavailable("sign out", &error))?;
    let body = "<p>You have signed out.</p>\n<p><a href=\"/sign-in\">Sign in</a></p>";
    let mut response = document("Signed out", body).into_response();
    let inbox = app.parts().inbox.as_ref();
    if let Some(cookie) = inbox.and_then(|inbox| Cookie::Session.clear(&inbox.origin)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
