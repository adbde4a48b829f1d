//! Signing in anew for something: what an action may ask of whoever approves it (threat 26).
//!
//! It is good for exactly what was about to be approved, in the session in which that was, once, and for five
//! minutes.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use velum_approval::messages::ApproveRequest;
use velum_approval::record::{SessionEvent, SignInRefused};
use velum_approval::{Approval, ApprovalId, PersonId, Record, StepUp};

use super::page::{Said, local, with_next};
use super::provider::{Purpose, Vouched, Way};
use super::session::{self, Session, SessionId};
use super::{HOME, leave, security_keys};
use crate::config::FreshLogin;
use crate::http::{App, to_the_end};
use crate::random;
use crate::store::{Change, Confirmed, Operation, Spent, StoreError, Transaction};

/// How long it is good for.
pub(crate) const LIFETIME: Duration = Duration::from_mins(5);

/// The SHA-256 of what somebody is about to approve: of which approval, in which version, and how much. What they
/// write beside does not change it.
pub(crate) fn what(approval: &Approval, request: &ApproveRequest) -> Result<[u8; 32], StoreError> {
    let scope = ApproveRequest {
        classes: Some(request.classes.unwrap_or(approval.classes)),
        version: Some(approval.version),
        comment: None,
        ..request.clone()
    };
    let scope = serde_json::to_vec(&scope).map_err(|_| StoreError::Refused("a scope"))?;
    let mut digest = Sha256::new();
    digest.update(b"velum-step-up-v1\0");
    digest.update(approval.id.as_str().as_bytes());
    digest.update(b"\0");
    digest.update(scope);
    Ok(digest.finalize().into())
}

/// Where somebody signs in anew for this, and goes on from there.
pub(crate) fn path(approval: &ApprovalId, what: &[u8; 32], next: &str) -> String {
    let path = with_next(&format!("/confirm/{approval}"), next);
    format!("{path}&what={}", URL_SAFE_NO_PAD.encode(what))
}

/// Where somebody signs in anew to add a security key.
pub(super) const FOR_KEYS: &str = "/confirm-key";

/// The same with where they go on from there.
pub(super) fn path_for_keys(next: &str) -> String {
    with_next(FOR_KEYS, next)
}

/// Whether this session has signed in anew for it, as the action asks. It is used up then.
pub(crate) async fn is_confirmed(
    app: &App,
    transaction: &mut Transaction,
    session: Option<SessionId>,
    (approval, what): (&Approval, &[u8; 32]),
) -> Result<bool, StoreError> {
    let Some(session) = session else {
        return Ok(false);
    };
    let since = app.now().before(LIFETIME);
    let anew = app.parts().actions.login(&approval.action);
    let confirmed = transaction.take_confirmation(&session, what, since).await?;
    Ok(confirmed.is_some_and(|confirmed| anew.admits(confirmed.acr.as_deref())))
}

/// What `GET /confirm/{id}` is asked.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    what: String,
    #[serde(default)]
    next: String,
}

/// Sends them to the provider.
pub(crate) async fn handle(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Said> {
    let failed = |error: StoreError| Said::unavailable("sign in anew", &error);
    let id: ApprovalId = id.parse().map_err(|_| nothing())?;
    let what = URL_SAFE_NO_PAD.decode(&asked.what).ok();
    let what = what
        .and_then(|what| what.try_into().ok())
        .ok_or_else(nothing)?;
    let stored = app.store().approval(&id).await.map_err(failed)?;
    let is_asked = stored.as_ref().is_some_and(|stored| {
        security_keys::needed(&app, &stored.approval) == Some(StepUp::FreshLogin)
    });
    let approval = stored.filter(|_| is_asked).ok_or_else(nothing)?.approval;
    let anew = app.parts().actions.login(&approval.action);
    let purpose = Purpose::Approve { approval: id, what };
    go(&app, &session, &headers, (&asked.next, purpose, &anew)).await
}

/// `GET /confirm-key`: the same to add a security key.
pub(super) async fn for_keys(
    State(app): State<App>,
    session: Session,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Said> {
    let inbox = app.parts().inbox.as_ref().ok_or_else(leave::nobody)?;
    let anew = &inbox.keys.login;
    let way = (&*asked.next, Purpose::AddKey, anew);
    go(&app, &session, &headers, way).await
}

async fn go(
    app: &App,
    session: &Session,
    headers: &HeaderMap,
    (next, purpose, anew): (&str, Purpose, &FreshLogin),
) -> Result<Response, Said> {
    // Whoever confirms has just pressed a button of ours.
    let site = headers.get("sec-fetch-site");
    if site.is_some_and(|site| site != "same-origin") {
        return Err(nothing());
    }
    let failed = |error: StoreError| Said::unavailable("sign in anew", &error);
    let inbox = app.parts().inbox.as_ref().ok_or_else(leave::nobody)?;
    let provider = inbox.provider.as_ref().ok_or_else(leave::nobody)?;
    let secret = random::token(&*app.parts().random).map_err(|error| failed(error.into()))?;
    let now = app.now();
    let next = local(next).unwrap_or(HOME);
    let way = Way::begin(secret, now, next, Some(session.id)).for_purpose(purpose);
    let address = provider.address(&way, Some(anew), now).await;
    let address = address.map_err(leave::unasked)?;
    Ok(leave::send_from_form(app, inbox, &way, &address))
}

fn nothing() -> Said {
    Said::new(
        StatusCode::NOT_FOUND,
        "There is nothing to sign in anew for",
        "No such approval waits, or its action asks for nothing more.",
    )
}

/// Why a way back confirms nothing.
pub(super) enum Unconfirmed {
    Refused(SignInRefused),
    Store(StoreError),
}

impl From<StoreError> for Unconfirmed {
    fn from(error: StoreError) -> Unconfirmed {
        Unconfirmed::Store(error)
    }
}

/// Notes that this person has signed in anew for what the way was for.
pub(super) async fn confirm(
    app: &App,
    way: &Way,
    purpose: &Purpose,
    (person, said): (PersonId, &Vouched),
) -> Result<(), Unconfirmed> {
    let refused = |refused| Err(Unconfirmed::Refused(refused));
    let inbox = app.parts().inbox.as_ref();
    let anew = match purpose {
        Purpose::Approve { approval, .. } => {
            let stored = app.store().approval(approval).await?;
            let stored = stored.map(|stored| stored.approval);
            let is_asked =
                |it: &Approval| security_keys::needed(app, it) == Some(StepUp::FreshLogin);
            let stored = stored.filter(is_asked);
            stored.map(|approval| app.parts().actions.login(&approval.action))
        }
        Purpose::AddKey => inbox.map(|inbox| inbox.keys.login.clone()),
    };
    let is_as_asked = anew.is_some_and(|anew| anew.admits(said.acr.as_deref()));
    if !said.is_since(way.begun()) || !is_as_asked {
        return refused(SignInRefused::NotFresh);
    }
    let Some(session) = way.before() else {
        return refused(SignInRefused::OtherPerson);
    };
    if session::person_of(app, &session).await? != Some(person.clone()) {
        return refused(SignInRefused::OtherPerson);
    }
    let confirm = Confirm {
        app: app.clone(),
        session,
        person,
        spends: way.clone(),
        purpose: purpose.clone(),
        acr: said.acr.clone(),
    };
    let store = app.clone();
    to_the_end(async move { Ok(store.store().write(confirm).await) }).await?
}

struct Confirm {
    app: App,
    session: SessionId,
    person: PersonId,
    spends: Way,
    purpose: Purpose,
    acr: Option<String>,
}

impl Operation for Confirm {
    type Output = ();
    type Error = Unconfirmed;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), Unconfirmed> {
        let stamp = self.app.stamp(transaction).await?;
        let (way, until) = (self.spends.id(), self.spends.until());
        if transaction.spend(&way, until, stamp.now).await? == Spent::Before {
            return Err(Unconfirmed::Refused(SignInRefused::Repeated));
        }
        let (what, approval) = match &self.purpose {
            Purpose::Approve { approval, what } => (*what, Some(approval.clone())),
            Purpose::AddKey => {
                let what = security_keys::permission(&self.app, &self.session, &self.person)?;
                (what, None)
            }
        };
        let record = Record::Session(Box::new(SessionEvent::Confirmed {
            person: self.person.clone(),
            approval,
        }));
        let confirmed = Confirmed {
            what,
            acr: self.acr.clone(),
            at: stamp.now,
        };
        let change = Change::Confirmed {
            id: &self.session,
            confirmed: &confirmed,
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}
