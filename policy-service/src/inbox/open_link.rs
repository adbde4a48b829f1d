//! `/link/{token}`: a one-use link of `--try`. Programs that look at links for people open them too, so a
//! `GET` shows a button and uses nothing up.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use velum_approval::record::{SignInRefused, SignedInBy};

use super::HOME;
use super::cookie::Cookie;
use super::form::Press;
use super::page::{Said, document, see};
use super::session::{self, SignIn, SignInError};
use crate::http::App;

/// Shows the button.
pub(crate) async fn show() -> Html<String> {
    document(
        "Sign in",
        "<p>This link signs you in once.</p>\n<form method=\"post\"><button class=\"primary\">Sign in</button></form>",
    )
}

/// Uses it up.
pub(crate) async fn follow(
    State(app): State<App>,
    Path(token): Path<String>,
    headers: HeaderMap,
    _: Press,
) -> Result<Response, Said> {
    let inbox = app.parts().inbox.as_ref().ok_or_else(over)?;
    let links = inbox.links.as_ref().ok_or_else(over)?;
    let Some((person, id, until)) = links.find(&token, app.now()) else {
        session::note_refusal(&app, None, SignInRefused::Link).await;
        return Err(over());
    };
    let before = session::of(&app, &headers).await;
    let before = before.map_err(|error| Said::unavailable("read a session", &error))?;
    let sign_in = SignIn {
        person: person.clone(),
        by: SignedInBy::Link,
        spends: Some((id, until)),
        instead: before.map(|session| session.id),
        access: None,
        groups: None,
    };
    let token = match sign_in.begin(&app).await {
        Ok(token) => token,
        Err(SignInError::Spent) => {
            session::note_refusal(&app, None, SignInRefused::Link).await;
            return Err(over());
        }
        Err(SignInError::Store(error)) => return Err(Said::unavailable("sign in", &error)),
    };
    let mut response = see(HOME);
    if let Some(cookie) = Cookie::Session.write(&inbox.origin, &token, None) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response.into_response())
}

fn over() -> Said {
    Said::new(
        StatusCode::GONE,
        "This link is over",
        "It was used already, or its ten minutes are over. Start the service anew: it prints others.",
    )
}
