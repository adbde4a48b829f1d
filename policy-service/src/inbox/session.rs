//! Sessions: begun when somebody signs in, kept in the store by the SHA-256 of a token that only the browser
//! has, and ended after a while in which nothing was done, at the latest after a working day.

mod access;
mod changes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use velum_approval::record::{SessionEvent, SignInRefused};
use velum_approval::{GroupName, PersonId, Record, Timestamp};

pub(crate) use access::Access;
pub(crate) use changes::{SignIn, SignInError, SignOut};

use super::cookie::Cookie;
use super::page::{Said, see, with_next};
use super::{Provider, SIGN_OUT, Unasked};
use crate::auth::Caller;
use crate::http::App;
use crate::refusals;
use crate::server::Stranger;
use crate::store::{GroupReading, StoreError, StoredSession};

/// How long a session lasts in which nothing is done.
pub(crate) const IDLE: Duration = Duration::from_mins(15);
/// How long one lasts at most.
pub(crate) const LONGEST: Duration = Duration::from_hours(8);
/// How old what is known of the last thing done may be: not every page is a write.
const UNNOTED: Duration = Duration::from_mins(1);

/// The SHA-256 of a session's token: what the store knows it by.
pub(crate) type SessionId = [u8; 32];

/// Who has signed in.
#[derive(Clone)]
pub(crate) struct Session {
    /// The person of the directory.
    pub(crate) person: PersonId,
    /// What they are called on pages.
    pub(crate) name: String,
    /// What every form of theirs has to have in the field `form_token`.
    pub(crate) form_token: String,
    /// When they did.
    pub(crate) signed_in: Timestamp,
    /// When it is over if nothing is done until then: what is sent for longer than a moment ends there.
    pub(crate) ends: Timestamp,
    pub(crate) id: SessionId,
    /// What asks the provider further.
    access: Option<Access>,
    /// What only the browser has.
    token: Arc<str>,
}

/// What the store knows a token by.
pub(crate) fn id_of(token: &str) -> SessionId {
    Sha256::digest(token.as_bytes()).into()
}

/// What the forms of a session have: whoever has it cannot make the session's token of it.
fn form_token(token: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(b"velum-form-token-v1\0");
    digest.update(token.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

/// When a session is over if nothing is done any more.
fn ends(stored: &StoredSession) -> Timestamp {
    stored.seen.after(IDLE).min(stored.begun.after(LONGEST))
}

/// Lets a request through to a page when somebody is signed in.
pub(crate) async fn admit(app: &App, mut request: Request, next: Next) -> Response {
    match find(app, request.headers()).await {
        Err(error) => Said::unavailable("read a session", &error).into_response(),
        Ok(None) => turn_away(&request),
        Ok(Some((session, stored))) => {
            if let Some(stranger) = request.extensions().get::<Arc<Stranger>>() {
                stranger.is_known();
            }
            if is_done_by_a_person(&request) {
                keep(app, &session, &stored).await;
            }
            // Whoever leaves needs nobody's word.
            if *request.method() == Method::POST
                && request.uri().path() != SIGN_OUT
                && let Err(said) = read_groups(app, &session).await
            {
                return said.into_response();
            }
            let caller = Caller::Reviewer(session.person.as_str().into());
            request.extensions_mut().insert(caller.clone());
            request.extensions_mut().insert(session);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(caller);
            response
        }
    }
}

/// The session that this request belongs to.
pub(crate) async fn of(app: &App, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
    Ok(find(app, headers).await?.map(|(session, _)| session))
}

/// Whose session this is, while it lasts.
pub(super) async fn person_of(app: &App, id: &SessionId) -> Result<Option<PersonId>, StoreError> {
    let stored = app.store().session(id).await?;
    let stored = stored.filter(|stored| app.now() < ends(stored));
    Ok(stored.map(|stored| stored.person))
}

async fn find(
    app: &App,
    headers: &HeaderMap,
) -> Result<Option<(Session, StoredSession)>, StoreError> {
    let Some(inbox) = &app.parts().inbox else {
        return Ok(None);
    };
    let Some(token) = Cookie::Session.read(&inbox.origin, headers) else {
        return Ok(None);
    };
    let id = id_of(token);
    let Some(stored) = app.store().session(&id).await? else {
        return Ok(None);
    };
    let ends = ends(&stored);
    // Who is no reviewer any more has no session either.
    let mut reviewers = app.parts().actions.reviewers();
    if app.now() >= ends || !reviewers.any(|reviewer| *reviewer == stored.person) {
        return Ok(None);
    }
    let session = Session {
        person: stored.person.clone(),
        name: stored.person.to_string(),
        form_token: form_token(token),
        signed_in: stored.begun,
        ends,
        id,
        token: token.into(),
        access: stored
            .access
            .as_ref()
            .and_then(|sealed| Access::open(sealed, token)),
    };
    Ok(Some((session, stored)))
}

/// Whether a person has done this, and not a script that keeps a page up to date: that keeps no session.
fn is_done_by_a_person(request: &Request) -> bool {
    let mode = request.headers().get("sec-fetch-mode");
    *request.method() != Method::GET || mode.is_none_or(|mode| mode == "navigate")
}

/// Notes that something was done. That it cannot be noted ends the session sooner.
async fn keep(app: &App, session: &Session, stored: &StoredSession) {
    let now = app.now();
    if now < stored.seen.after(UNNOTED) {
        return;
    }
    let touch = changes::Touch {
        id: session.id,
        now,
    };
    if let Err(error) = app.store().write(touch).await {
        tracing::warn!(%error, "a session was not kept");
    }
}

/// Has the provider say again in which groups somebody is who does something. Where it does not, nothing is done.
async fn read_groups(app: &App, session: &Session) -> Result<(), Said> {
    let inbox = app.parts().inbox.as_ref();
    let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
    let Some(provider) = provider.filter(|provider| provider.tells_groups()) else {
        return Ok(());
    };
    let at = app.now();
    let access = session.access.as_ref().ok_or_else(unread)?;
    let (names, renewed) = ask(app, provider, session, access).await?;
    let note = changes::NoteGroups {
        person: session.person.clone(),
        reading: GroupReading { names, at },
        renewed: renewed.map(|access| (session.id, access)),
    };
    let noted = app.store().write(note).await;
    noted.map_err(|error| Said::unavailable("note groups", &error))
}

/// What the provider says, and what asks it from now on where the access token was over and could be renewed.
async fn ask(
    app: &App,
    provider: &Provider,
    session: &Session,
    access: &Access,
) -> Result<(BTreeSet<GroupName>, Option<Vec<u8>>), Said> {
    let failed = |error: Unasked| {
        tracing::warn!(error = error.why(), "somebody's groups could not be read");
        unread()
    };
    let now = app.now();
    let first = provider.groups(&access.token, &access.subject, now).await;
    let refresh = match (first, &access.refresh) {
        (Ok(names), _) => return Ok((names, None)),
        (Err(Unasked::Faulty(_)), Some(refresh)) => refresh,
        (Err(error), _) => return Err(failed(error)),
    };
    let renewed = provider.renew(refresh, now).await.map_err(failed)?;
    let access = Access {
        token: renewed.access,
        refresh: renewed.refresh.or_else(|| access.refresh.clone()),
        subject: access.subject.clone(),
    };
    let names = provider.groups(&access.token, &access.subject, now).await;
    let sealed = access.seal(&session.token, &*app.parts().random);
    let sealed = sealed.map_err(|error| Said::unavailable("seal an access token", &error))?;
    Ok((names.map_err(failed)?, Some(sealed)))
}

fn unread() -> Said {
    Said::new(
        StatusCode::FORBIDDEN,
        "Your groups could not be read",
        "Nothing was done. Whoever decides has to be in the groups that review, by the word of the provider at \
         that moment, and it gave none. Sign in again; where that does not help, the provider does not answer.",
    )
    .with_link("/sign-in/provider", "Sign in again")
}

/// Sends somebody to where they sign in, and then back to the page; what a script asks for is only refused.
fn turn_away(request: &Request) -> Response {
    let mode = request.headers().get("sec-fetch-mode");
    let is_page = *request.method() == Method::GET && mode.is_none_or(|mode| mode == "navigate");
    if !is_page {
        return Said::signed_out().into_response();
    }
    let path = request.uri().path_and_query();
    match path.and_then(|path| super::page::local(path.as_str())) {
        Some(path) => see(&with_next("/sign-in", path)),
        None => see("/sign-in"),
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Said;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Session, Said> {
        let session = parts.extensions.get::<Session>().cloned();
        session.ok_or_else(Said::signed_out)
    }
}

/// Records that nobody was signed in.
pub(crate) async fn note_refusal(app: &App, person: Option<PersonId>, refused: SignInRefused) {
    let caller = match &person {
        Some(person) => refusals::Caller::reviewer(person),
        None => refusals::Caller::stranger(),
    };
    let event = SessionEvent::Refused { person, refused };
    refusals::note(app, caller, Record::Session(Box::new(event))).await;
}
