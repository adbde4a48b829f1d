//! `GET /sign-in`: where somebody goes who is not signed in.

use std::fmt::Write as _;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::HOME;
use super::page::{Said, document, escape, local, onward, see, with_next};
use super::session;
use crate::http::App;

/// What it is asked.
#[derive(Deserialize)]
pub(crate) struct Asked {
    /// Where to go on.
    #[serde(default)]
    next: String,
    /// Whether the browser has been sent here again by our own page.
    #[serde(default)]
    again: bool,
}

impl Asked {
    pub(super) fn next(&self) -> &str {
        &self.next
    }
}

/// Goes on where somebody is signed in, and says how to sign in where not.
pub(crate) async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Said> {
    let next = local(&asked.next);
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site" || site == "same-site") && !asked.again {
        // A link elsewhere leads here: the browser has not sent the session's cookie and would not, however
        // it is redirected. From a page of ours it does.
        let again = match next {
            Some(next) => format!("{}&again=true", with_next("/sign-in", next)),
            None => "/sign-in?again=true".to_owned(),
        };
        return Ok(onward("One moment", &again).into_response());
    }
    let session = session::of(&app, &headers).await;
    let session = session.map_err(|error| Said::unavailable("read a session", &error))?;
    if session.is_some() {
        return Ok(see(next.unwrap_or(HOME)));
    }
    Ok(document("Sign in", &ways(&app, next.unwrap_or(HOME))).into_response())
}

/// How one can sign in here.
fn ways(app: &App, next: &str) -> String {
    let mut ways = String::new();
    let inbox = app.parts().inbox.as_ref();
    if let Some(provider) = inbox.and_then(|inbox| inbox.provider.as_ref()) {
        let (path, name) = (
            with_next("/sign-in/provider", next),
            escape(provider.name()),
        );
        let path = escape(&path);
        let _ = write!(
            ways,
            "<p><a class=\"button primary\" href=\"{path}\">Sign in with {name}</a></p>"
        );
    }
    if inbox.is_some_and(|inbox| inbox.links.is_some()) {
        ways.push_str(
            "<p>Open the link that the service has printed for you when it was started.</p>",
        );
    }
    ways
}
