//! `POST /sign-out`: ends the session, or all of the person's.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Provider;
use super::cookie::Cookie;
use super::form::Form;
use super::page::{Said, document, escape};
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
    let inbox = app.parts().inbox.as_ref();
    let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
    let there = match provider {
        Some(provider) => still_there(provider, provider.farewell(app.now()).await),
        None => String::new(),
    };
    let body =
        format!("<p>You have signed out here.</p>\n{there}<p><a href=\"/sign-in\">Sign in</a></p>");
    let mut response = document("Signed out", &body).into_response();
    if let Some(cookie) = inbox.and_then(|inbox| Cookie::Session.clear(&inbox.origin)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Says that the provider has them still, and where they sign out there.
fn still_there(provider: &Provider, address: Option<String>) -> String {
    let name = escape(provider.name());
    let way = address.map_or_else(String::new, |address| {
        format!(" <a href=\"{}\">Sign out there too</a>", escape(&address))
    });
    format!(
        "<p>You may still be signed in at {name}: whoever sits here next may get in by it.{way}</p>\n"
    )
}
