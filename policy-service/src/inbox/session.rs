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
use super::{OPEN_EMERGENCY, Provider, SIGN_OUT, STOPS, Unasked, form};
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
            let is_form = *request.method() == Method::POST;
            let inbox = app.parts().inbox.as_ref();
            let is_own = inbox.is_some_and(|inbox| form::is_own(&inbox.origin, request.headers()));
            if is_form && !is_own {
                // Nothing is done for it, not even for the session that it comes with.
                return form::foreign().into_response();
            }
            if is_done_by_a_person(&request) {
                keep(app, &session, &stored).await;
            }
            let path = request.uri().path();
            if is_form
                && !only_closes(path)
                && let Err(unread) = read_groups(app, &session).await
                && !(unread.is_away && path == OPEN_EMERGENCY)
            {
                return unread.said.into_response();
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

/// Whether this is done without the provider's word: to leave, to stop and to revoke only close. While it is away,
/// access in an emergency goes by what it has said last, or by the directory where it never has.
fn only_closes(path: &str) -> bool {
    [SIGN_OUT, STOPS].contains(&path) || path.ends_with("/revoke")
}

/// Why the provider has said nothing of somebody's groups.
struct Unread {
    said: Said,
    /// It does not answer at all.
    is_away: bool,
}

impl From<Said> for Unread {
    fn from(said: Said) -> Unread {
        Unread {
            said,
            is_away: false,
        }
    }
}

impl From<Unasked> for Unread {
    fn from(error: Unasked) -> Unread {
        tracing::warn!(error = error.why(), "somebody's groups could not be read");
        Unread {
            said: unread(),
            is_away: matches!(error, Unasked::Away(_)),
        }
    }
}

/// Whether a person has done this, and neither a script that keeps a page up to date nor a page elsewhere: those
/// keep no session.
fn is_done_by_a_person(request: &Request) -> bool {
    let is = |name: &str, known: &[&str]| {
        let value = request.headers().get(name);
        value.is_none_or(|value| known.iter().any(|known| value == known))
    };
    *request.method() != Method::GET
        || is("sec-fetch-mode", &["navigate"]) && is("sec-fetch-site", &["same-origin", "none"])
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
async fn read_groups(app: &App, session: &Session) -> Result<(), Unread> {
    let inbox = app.parts().inbox.as_ref();
    let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
    let Some(provider) = provider.filter(|provider| provider.tells_groups()) else {
        return Ok(());
    };
    let at = app.now();
    let access = session.access.as_ref().ok_or_else(unread)?;
    let names = ask(app, provider, session, access).await?;
    let note = changes::NoteGroups {
        person: session.person.clone(),
        reading: GroupReading { names, at },
    };
    let noted = app.store().write(note).await;
    Ok(noted.map_err(|error| Said::unavailable("note groups", &error))?)
}

/// What the provider says, with another access token where that of the session is over.
async fn ask(
    app: &App,
    provider: &Provider,
    session: &Session,
    access: &Access,
) -> Result<BTreeSet<GroupName>, Unread> {
    let now = app.now();
    match provider.groups(&access.token, &access.subject, now).await {
        Err(Unasked::Over) => {}
        done => return Ok(done?),
    }
    let access = renewed(app, provider, session, access).await?;
    Ok(provider.groups(&access.token, &access.subject, now).await?)
}

/// What asks the provider in the place of an access token that is over. It is kept before anything is asked with
/// it: what has renewed it may be good for once.
async fn renewed(
    app: &App,
    provider: &Provider,
    session: &Session,
    over: &Access,
) -> Result<Access, Unread> {
    let unkept = |error: StoreError| Said::unavailable("renew an access token", &error);
    let _turn = provider.turn_to_renew().await;
    let stored = app.store().session(&session.id).await.map_err(unkept)?;
    let stored = stored.and_then(|stored| Access::open(&stored.access?, &session.token));
    let access = stored.ok_or_else(unread)?;
    if access.token != over.token {
        // Another form of the session was quicker.
        return Ok(access);
    }
    let refresh = access.refresh.as_deref().ok_or_else(unread)?;
    let renewed = provider.renew(refresh, app.now()).await?;
    let access = Access {
        token: renewed.access,
        refresh: renewed.refresh.or(access.refresh),
        subject: access.subject,
    };
    let sealed = access.seal(&session.token, &*app.parts().random);
    let renew = changes::Renew {
        id: session.id,
        access: sealed.map_err(unkept)?,
    };
    app.store().write(renew).await.map_err(unkept)?;
    Ok(access)
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
        None => refusals::Caller::stranger(refused.name()),
    };
    let event = SessionEvent::Refused { person, refused };
    refusals::note(app, caller, Record::Session(Box::new(event))).await;
}
