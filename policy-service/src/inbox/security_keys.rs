//! `/keys`: the security keys of whoever is signed in, and the page where one signs what they approve.
//!
//! Adding one takes signing in anew, so that whoever has somebody's session cannot add theirs; it is a record of the
//! audit log, is shown to its person, and counts after a while only. Nothing here decides: the answer of a security
//! key comes with the form that approves.

mod changes;
mod proof;
mod signing;

pub(crate) use changes::permission;
pub(crate) use proof::{Offer, Proof, ProofError, needed, proven, verify};
pub(super) use signing::sign;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use velum_approval::{
    CredentialId, KeyNonce, KeyOrigin, PersonId, Timestamp, challenge_to_register,
    read_registration,
};

use super::assets;
use super::decide::unreadable;
use super::form::Form;
use super::moment::Moment;
use super::page::see;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::step_up;
use crate::http::{App, to_the_end, unavailable};
use crate::problem::Problem;
use crate::store::{StoreError, StoredKey};
use changes::{Add, AddError, Begin, Remove};

/// Where they are.
pub(crate) const PATH: &str = "/keys";

/// How many a person has at most.
const MOST: usize = 16;

/// How long somebody is told that they have a new one, wherever they look first.
const NEW: std::time::Duration = std::time::Duration::from_hours(24);

/// The security keys of a person that this service wrote.
pub(super) async fn of(app: &App, person: &PersonId) -> Result<Vec<StoredKey>, StoreError> {
    let sealed = app.store().security_keys(person).await?;
    let secret = &app.parts().keys.fingerprint;
    let mut keys: Vec<_> = sealed
        .into_iter()
        .filter_map(|sealed| sealed.open(secret))
        .collect();
    keys.sort_by_key(|key| key.credential.added);
    Ok(keys)
}

/// When somebody's newest was added, if that was just now: whoever it is not theirs has to hear of it.
pub(super) async fn newest(app: &App, person: &PersonId) -> Result<Option<Moment>, StoreError> {
    let now = app.now();
    let keys = of(app, person).await?;
    let newest = keys.iter().map(|key| key.credential.added).max();
    let newest = newest.filter(|added| now < added.after(NEW));
    Ok(newest.map(|added| Moment::ago(added, now)))
}

/// Where keys are good here, or why there are none.
pub(super) fn origin(app: &App) -> Result<KeyOrigin, Problem> {
    let inbox = app.parts().inbox.as_ref();
    let origin = inbox.and_then(|inbox| inbox.origin.of_keys());
    origin.ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "no-security-keys",
            "There are no security keys here",
            "Security keys are good at a host that has a name, over https or on localhost. This inbox is reached \
             otherwise.",
        )
    })
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    shell: Shell,
    notice: Option<Problem>,
    keys: Vec<Shown>,
    is_possible: bool,
    age: String,
}

/// A key as its person sees it.
struct Shown {
    id: String,
    short: String,
    algorithm: &'static str,
    kind: &'static str,
    added: Moment,
    used: Option<Moment>,
    /// From when on it counts, if that is still to come.
    counts: Option<Moment>,
}

/// `GET /keys`.
pub(super) async fn show(State(app): State<App>, session: Session) -> Response {
    list(&app, &session, None).await
}

async fn list(app: &App, session: &Session, notice: Option<Problem>) -> Response {
    let keys = match of(app, &session.person).await {
        Ok(keys) => keys,
        Err(error) => return shell::refuse(session, &unavailable("list security keys", &error)),
    };
    let now = app.now();
    let inbox = app.parts().inbox.as_ref();
    let age = inbox.map(|inbox| super::moment::span(inbox.keys.age));
    let status = notice.as_ref().map_or(StatusCode::OK, Problem::status);
    let page = Page {
        shell: Shell::new(session, Here::Elsewhere),
        notice,
        keys: keys.iter().map(|key| shown(key, now)).collect(),
        is_possible: origin(app).is_ok(),
        age: age.unwrap_or_default(),
    };
    shell::show(status, &page)
}

fn shown(key: &StoredKey, now: Timestamp) -> Shown {
    let credential = &key.credential;
    let id = credential.id.to_string();
    Shown {
        short: id.chars().take(8).collect(),
        id,
        algorithm: credential.key.algorithm(),
        kind: if credential.flags & 0x08 == 0 {
            "stays in its device"
        } else {
            "can be copied to other devices"
        },
        added: Moment::ago(credential.added, now),
        used: key.used.map(|used| Moment::ago(used, now)),
        counts: (credential.from > now).then(|| Moment::left(credential.from, now)),
    }
}

#[derive(Template)]
#[template(path = "new-key.html")]
struct NewKey {
    shell: Shell,
    keys_script: &'static str,
    nonce: String,
    at: i64,
    challenge: String,
    party: String,
    user: String,
    name: String,
    known: String,
}

/// Nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// `POST /keys/new`: asks for a key where somebody has just signed in anew, and has them do so where not.
pub(super) async fn begin(
    State(app): State<App>,
    session: Session,
    Form(Nothing {}): Form<Nothing>,
) -> Response {
    match offer(&app, &session).await {
        Ok(Some(page)) => shell::show(StatusCode::OK, &page),
        Ok(None) => see(&step_up::path_for_keys(PATH)),
        Err(problem) => list(&app, &session, Some(problem)).await,
    }
}

async fn offer(app: &App, session: &Session) -> Result<Option<NewKey>, Problem> {
    let fault = |error: StoreError| unavailable("add a security key", &error);
    let origin = origin(app)?;
    let known = of(app, &session.person).await.map_err(fault)?;
    if known.len() >= MOST {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "too-many-keys",
            "You have as many security keys as one can have",
            "Nothing was added. Remove one that you do not use.",
        ));
    }
    let offer = Offer::new(app, app.now()).map_err(fault)?;
    let begin = Begin {
        app: app.clone(),
        session: session.clone(),
        offer,
    };
    if !app.store().write(begin).await.map_err(fault)? {
        return match app.parts().inbox.as_ref() {
            Some(inbox) if inbox.provider.is_some() => Ok(None),
            _ => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "sign-in-anew",
                "Sign in anew to add a security key",
                "Nothing was added. Here that is by a new link, within five minutes: start the service anew.",
            )),
        };
    }
    let challenge = challenge_to_register(&session.person, offer.at, &offer.nonce);
    Ok(Some(NewKey {
        shell: Shell::new(session, Here::Elsewhere),
        keys_script: assets::keys(),
        nonce: offer.nonce.to_string(),
        at: offer.at.as_millis(),
        challenge: URL_SAFE_NO_PAD.encode(challenge),
        party: origin.relying_party().to_owned(),
        user: URL_SAFE_NO_PAD.encode(handle_of(&session.person)),
        name: session.name.clone(),
        known: ids(&known),
    }))
}

/// What browsers know a person by: not their name.
fn handle_of(person: &PersonId) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"velum-key-user-v1\0");
    digest.update(person.as_str().as_bytes());
    digest.finalize().into()
}

fn ids(keys: &[StoredKey]) -> String {
    let ids: Vec<_> = keys
        .iter()
        .map(|key| URL_SAFE_NO_PAD.encode(&key.raw_id))
        .collect();
    ids.join(" ")
}

/// What a browser says of a new key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    nonce: String,
    at: u64,
    client_data: String,
    authenticator_data: String,
}

/// `POST /keys`.
pub(super) async fn add(
    State(app): State<App>,
    session: Session,
    Form(answer): Form<Answer>,
) -> Response {
    match register(&app, &session, &answer).await {
        Ok(()) => see(PATH),
        Err(problem) => list(&app, &session, Some(problem)).await,
    }
}

async fn register(app: &App, session: &Session, answer: &Answer) -> Result<(), Problem> {
    let origin = origin(app)?;
    let offer = offer_of(&answer.nonce, answer.at)?;
    let challenge = challenge_to_register(&session.person, offer.at, &offer.nonce);
    let (client, data) = (
        bytes(&answer.client_data)?,
        bytes(&answer.authenticator_data)?,
    );
    let registered = read_registration(&origin, &challenge, (&client, &data));
    let registered = registered.map_err(|why| refused(&why.to_string()))?;
    let add = Add {
        app: app.clone(),
        session: session.id,
        person: session.person.clone(),
        offer,
        origin,
        registered,
    };
    let store = app.clone();
    let done = to_the_end(async move { Ok(store.store().write(add).await) }).await;
    match done.map_err(|error| unavailable("add a security key", &error))? {
        Ok(()) => Ok(()),
        Err(AddError::Late) => Err(refused(
            "it did not come within five minutes, or has come before",
        )),
        Err(AddError::Known) => Err(refused("it is known already, as somebody's")),
        Err(AddError::Store(error)) => Err(unavailable("add a security key", &error)),
    }
}

fn refused(why: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "not-a-key",
        "The security key was not added",
        format!("Nothing was added: {why}. Try again."),
    )
}

pub(super) fn offer_of(nonce: &str, at: u64) -> Result<Offer, Problem> {
    let nonce: KeyNonce = nonce.parse().map_err(|_| unreadable())?;
    let at = i64::try_from(at).map_err(|_| unreadable())?;
    let at = Timestamp::from_millis(at);
    Ok(Offer { nonce, at })
}

pub(super) fn bytes(text: &str) -> Result<Vec<u8>, Problem> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())
}

/// `POST /keys/{id}/remove`.
pub(super) async fn remove(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    Form(Nothing {}): Form<Nothing>,
) -> Response {
    let Ok(id) = id.parse::<CredentialId>() else {
        return shell::refuse(&session, &unknown());
    };
    let remove = Remove {
        app: app.clone(),
        person: session.person.clone(),
        id,
    };
    let store = app.clone();
    match to_the_end(async move { store.store().write(remove).await }).await {
        Ok(true) => see(PATH),
        Ok(false) => list(&app, &session, Some(unknown())).await,
        Err(error) => {
            let problem = unavailable("remove a security key", &error);
            list(&app, &session, Some(problem)).await
        }
    }
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-key",
        "You have no such security key",
        "Nothing was removed.",
    )
}
