//! `GET /approvals/{id}/again`: back from signing in anew, with what was chosen before. Nobody ticks anything twice.
//!
//! The choice is in a cookie of the browser in which it was made, under a code of the service, and is good for that
//! approval in that session. It decides nothing: it is shown with all that is asked, and a form of this page sends it.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use velum_approval::{ApprovalId, Timestamp, Verdict};

use super::asked::{self, Asked, People};
use super::cookie::Cookie;
use super::decide::{Chosen, chosen};
use super::page::see;
use super::session::{Session, SessionId};
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::http::vote::Says;
use crate::http::{App, unavailable};
use crate::problem::Problem;

/// How long it is kept: somebody may take ten minutes at the provider, and has five then.
const LIFETIME: Duration = Duration::from_mins(15);
/// Browsers keep cookies of 4,096 bytes, with their names and attributes (RFC 6265bis, section 5.6).
const MOST: usize = 3_800;

/// Fields of the form that was sent, by their names.
type Fields = Vec<(String, String)>;

/// Where somebody goes on with what they chose.
pub(super) fn path(approval: &ApprovalId) -> String {
    format!("/approvals/{approval}/again")
}

/// `Set-Cookie` with what was chosen; none where it is more than a browser keeps: it is chosen again then.
pub(super) fn keep(
    app: &App,
    session: &Session,
    approval: &ApprovalId,
    fields: &[(&'static str, String)],
) -> Option<HeaderValue> {
    let inbox = app.parts().inbox.as_ref()?;
    let key = app.parts().keys.of_browsers();
    let text = write(fields, app.now(), (&session.id, approval), &key)?;
    Cookie::Choice.write(&inbox.origin, &text, Some(LIFETIME.as_secs()))
}

fn write(
    fields: &[(&'static str, String)],
    now: Timestamp,
    of: (&SessionId, &ApprovalId),
    key: &[u8; 32],
) -> Option<String> {
    let fields = URL_SAFE_NO_PAD.encode(serde_json::to_vec(fields).ok()?);
    let choice = format!("{}.{fields}", now.as_millis());
    let code = URL_SAFE_NO_PAD.encode(code(&choice, of, key)?.finalize().into_bytes());
    let text = format!("{choice}.{code}");
    (text.len() <= MOST).then_some(text)
}

/// What was chosen for this approval in this session, if the service has written it and it is not over.
fn read(
    text: &str,
    now: Timestamp,
    of: (&SessionId, &ApprovalId),
    key: &[u8; 32],
) -> Option<Fields> {
    let (choice, given) = text.rsplit_once('.')?;
    let given = URL_SAFE_NO_PAD.decode(given).ok()?;
    code(choice, of, key)?.verify_slice(&given).ok()?;
    let (at, fields) = choice.split_once('.')?;
    let at = Timestamp::from_millis(at.parse().ok()?);
    if at > now || now >= at.after(LIFETIME) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(fields).ok()?).ok()
}

/// No other cookie's text begins so: what is under the same key there is none of these.
fn code(
    choice: &str,
    (session, approval): (&SessionId, &ApprovalId),
    key: &[u8; 32],
) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(b"velum-choice-v1\0");
    mac.update(session);
    mac.update(approval.as_str().as_bytes());
    mac.update(b"\0");
    mac.update(choice.as_bytes());
    Some(mac)
}

#[derive(Template)]
#[template(path = "again.html")]
struct Page {
    shell: Shell,
    id: String,
    version: u64,
    action: Visible,
    people: People,
    asked: Asked,
    approves: String,
    comment: Option<Visible>,
    fields: Fields,
}

/// Shows it, with one button.
pub(super) async fn handle(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Ok(id) = id.parse::<ApprovalId>() else {
        return shell::refuse(&session, &Problem::unknown_approval());
    };
    let Some((fields, choice)) = of_browser(&app, &session, &id, &headers) else {
        return see(&format!("/approvals/{id}"));
    };
    match page(&app, &session, &id, (fields, choice)).await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

/// What this browser has kept of a choice for this approval.
fn of_browser(
    app: &App,
    session: &Session,
    id: &ApprovalId,
    headers: &HeaderMap,
) -> Option<(Fields, Chosen)> {
    let inbox = app.parts().inbox.as_ref()?;
    let text = Cookie::Choice.read(&inbox.origin, headers)?;
    let key = app.parts().keys.of_browsers();
    let fields = read(text, app.now(), (&session.id, id), &key)?;
    let choice = chosen(&fields)?;
    Some((fields, choice))
}

async fn page(
    app: &App,
    session: &Session,
    id: &ApprovalId,
    (fields, choice): (Fields, Chosen),
) -> Result<Page, Problem> {
    let fault = |error| unavailable("show what was chosen", &error);
    let stored = app.store().approval(id).await.map_err(fault)?;
    let stored = stored.ok_or_else(Problem::unknown_approval)?;
    let approval = &stored.approval;
    let (people, asked) = asked::read(&stored, session, app).await.map_err(fault)?;
    let Chosen {
        version,
        request,
        comment,
    } = choice;
    let verdict = Says::Approve(Box::new(request)).verdict(approval);
    let Verdict::Approve { scope, seconds, .. } = &verdict else {
        return Err(Problem::unavailable());
    };
    Ok(Page {
        shell: Shell::new(session, Here::Elsewhere),
        id: id.to_string(),
        version,
        action: Visible::new(approval.action.as_str()),
        people,
        asked,
        approves: asked::amount(scope, *seconds, approval),
        comment: comment.as_deref().map(Visible::new),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    #[test]
    fn a_choice_is_good_where_it_was_made_and_for_a_while() {
        let (session, other) = ([1; 32], [2; 32]);
        let id: ApprovalId = "a1".parse().unwrap();
        let next: ApprovalId = "a2".parse().unwrap();
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        let fields = [
            ("version", "3".to_owned()),
            ("comment", "für \"Ward\" 4".to_owned()),
        ];
        let text = write(&fields, at(0), (&session, &id), &KEY).unwrap();
        let expected: Fields = fields
            .iter()
            .map(|(name, it)| ((*name).to_owned(), it.clone()))
            .collect();
        assert_eq!(
            read(&text, at(899_999), (&session, &id), &KEY),
            Some(expected)
        );
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        );
        for (what, text, now, of, key) in [
            ("over", text.clone(), at(900_000), (&session, &id), &KEY),
            ("to come", text.clone(), at(-1), (&session, &id), &KEY),
            ("another session", text.clone(), at(0), (&other, &id), &KEY),
            (
                "another approval",
                text.clone(),
                at(0),
                (&session, &next),
                &KEY,
            ),
            (
                "another key",
                text.clone(),
                at(0),
                (&session, &id),
                &[8; 32],
            ),
            (
                "later",
                text.replacen("1000000.", "1000001.", 1),
                at(1),
                (&session, &id),
                &KEY,
            ),
            (
                "cut",
                text.rsplit_once('.').unwrap().0.to_owned(),
                at(0),
                (&session, &id),
                &KEY,
            ),
            ("none", String::new(), at(0), (&session, &id), &KEY),
        ] {
            assert_eq!(read(&text, now, of, key), None, "{what}");
        }
        let long = [("comment", "x".repeat(4_000))];
        assert_eq!(write(&long, at(0), (&session, &id), &KEY), None);
    }
}
