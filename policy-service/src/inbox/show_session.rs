//! `GET /session`: who is signed in, by whose word in which groups, and how to sign out.

use axum::extract::State;
use axum::response::{Html, Response};
use serde::Deserialize;

use super::form::Form;
use super::page::{Said, document, escape, see};
use super::session::Session;
use super::{HOME, SIGN_OUT, security_keys};
use crate::http::App;

/// Shows it.
pub(crate) async fn handle(State(app): State<App>, session: Session) -> Result<Html<String>, Said> {
    let (name, since, until) = (escape(&session.name), session.signed_in, session.ends);
    let token = escape(&session.form_token);
    let token = format!("<input type=\"hidden\" name=\"form_token\" value=\"{token}\">");
    let readings = app.store().group_readings().await;
    let readings = readings.map_err(|error| Said::unavailable("show a session", &error))?;
    let groups = readings.get(&session.person).map(|reading| {
        let names: Vec<_> = reading
            .names
            .iter()
            .map(|name| escape(name.as_str()))
            .collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        format!(
            "<p>Groups by the provider's word of <time>{}</time>: {names}.</p>\n\
             <form method=\"post\" action=\"/session/groups\">{token}\n\
             <button>Ask it again</button></form>",
            reading.at
        )
    });
    Ok(document(
        "Signed in",
        &format!(
            "<p>You are {name}, signed in since <time>{since}</time>, until <time>{until}</time> if you do nothing.</p>\n\
             {}\n\
             <p><a href=\"{}\">Your security keys</a></p>\n\
             <form method=\"post\" action=\"{SIGN_OUT}\">{token}\n\
             <p><label><input type=\"checkbox\" name=\"everywhere\" value=\"yes\"> in every browser</label>\n\
             <button>Sign out</button></p></form>",
            groups.unwrap_or_default(),
            security_keys::PATH,
        ),
    ))
}

/// Nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// `POST /session/groups`: the provider has been asked again, as for every form.
pub(crate) async fn read_groups(_: Session, _: Form<Nothing>) -> Response {
    see(HOME)
}
