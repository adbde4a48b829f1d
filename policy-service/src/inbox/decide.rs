//! What the forms of an approval do: the same operations as those of the API, with the session's person.
//!
//! Every form carries the version that was shown. Where the approval has changed since, nothing is done, and
//! the page is shown again with what is new on it.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use velum_approval::messages::{ApproveRequest, DenyRequest, NoteRequest};
use velum_approval::{ApprovalId, Reason, RuleName};
use velum_engine::{Class, ClassSet};

use super::form::{self, Form};
use super::page::see;
use super::security_keys::{self, Proof};
use super::session::Session;
use super::{approval, choice, step_up};
use crate::auth::Reviewer;
use crate::http::vote::Here;
use crate::http::{self, App, unavailable};
use crate::problem::Problem;

/// Yes, to all or to less.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    version: u64,
    /// Whether only what the other fields name is granted.
    #[serde(default)]
    less: bool,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    rules: Vec<RuleName>,
    records: Option<u64>,
    kibibytes: Option<u64>,
    minutes: Option<u32>,
    #[serde(default)]
    unseen: bool,
    comment: Option<String>,
    /// Whether to go back to the list.
    #[serde(default)]
    listed: bool,
    /// What a security key has signed of it: all of these or none.
    nonce: Option<String>,
    at: Option<u64>,
    credential: Option<String>,
    client_data: Option<String>,
    authenticator_data: Option<String>,
    signature: Option<String>,
}

impl Approval {
    /// What a security key has signed of it, if one has.
    fn proof(&self) -> Result<Option<Proof>, Problem> {
        let Some(nonce) = &self.nonce else {
            return Ok(None);
        };
        let bytes = |text: &Option<String>| {
            let text = text.as_deref().ok_or_else(unreadable)?;
            security_keys::bytes(text)
        };
        Ok(Some(Proof {
            offer: security_keys::offer_of(nonce, self.at.ok_or_else(unreadable)?)?,
            raw_id: bytes(&self.credential)?,
            client_data: bytes(&self.client_data)?,
            authenticator_data: bytes(&self.authenticator_data)?,
            signature: bytes(&self.signature)?,
        }))
    }

    /// The fields of the form again, without what a security key has signed.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("version", self.version.to_string())];
        let yes = |is_so: bool| is_so.then(|| "true".to_owned());
        let one = [
            ("less", yes(self.less)),
            ("records", self.records.map(|number| number.to_string())),
            ("kibibytes", self.kibibytes.map(|number| number.to_string())),
            ("minutes", self.minutes.map(|number| number.to_string())),
            ("unseen", yes(self.unseen)),
            ("comment", self.comment.clone()),
            ("listed", yes(self.listed)),
        ];
        fields.extend(one.into_iter().filter_map(|(name, it)| Some((name, it?))));
        let classes = self.classes.iter().cloned();
        fields.extend(classes.map(|class| ("classes", class)));
        let rules = self.rules.iter().map(ToString::to_string);
        fields.extend(rules.map(|rule| ("rules", rule)));
        fields
    }

    fn request(self) -> Result<ApproveRequest, Problem> {
        let all = ApproveRequest {
            version: Some(self.version),
            unseen: self.unseen,
            comment: reason(self.comment)?,
            ..ApproveRequest::default()
        };
        if !self.less {
            return Ok(all);
        }
        let classes = self.classes.iter().map(|name| Class::from_name(name));
        let classes: Option<ClassSet> = classes.collect();
        let rules: BTreeSet<RuleName> = self.rules.into_iter().collect();
        Ok(ApproveRequest {
            classes: Some(classes.ok_or_else(unreadable)?),
            rules: (!rules.is_empty()).then_some(rules),
            records: self.records,
            bytes: scaled(self.kibibytes, 1024)?,
            seconds: scaled(self.minutes, 60)?,
            ..all
        })
    }
}

/// A yes that was chosen and is still to be said.
pub(super) struct Chosen {
    pub(super) version: u64,
    pub(super) request: ApproveRequest,
    pub(super) comment: Option<String>,
}

/// What these fields of a form choose, if they are ones that [`approve`] takes.
pub(super) fn chosen(fields: &[(String, String)]) -> Option<Chosen> {
    let form: Approval = form::read_again(fields)?;
    Some(Chosen {
        version: form.version,
        comment: form.comment.clone(),
        request: form.request().ok()?,
    })
}

/// No.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Denial {
    version: u64,
    /// What the requester is told: a sentence that was chosen, and what was added to it.
    told: Option<String>,
    more: Option<String>,
    /// For the other reviewers and the auditor.
    comment: Option<String>,
}

/// A question, or something taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    version: u64,
    comment: Option<String>,
}

impl Note {
    /// The same of this version, or of whichever it has come to.
    fn request(self, version: Option<u64>) -> Result<NoteRequest, Problem> {
        Ok(NoteRequest {
            version,
            comment: reason(self.comment)?,
        })
    }
}

/// `POST /approvals/{id}/approve`.
pub(super) async fn approve(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Path(id): Path<String>,
    Form(form): Form<Approval>,
) -> Response {
    let (version, listed, fields) = (form.version, form.listed, form.fields());
    let read = form.proof().and_then(|proof| Ok((form.request()?, proof)));
    let (request, proof) = match read {
        Ok(read) => read,
        Err(problem) => return answer(&app, &session, &id, version, Err(problem)).await,
    };
    let asked = request.clone();
    let here = Here {
        session: session.id,
        proof,
    };
    let done = http::approve(app.clone(), reviewer, &id, request, None, Some(here)).await;
    match done {
        Err(problem) if problem.code() == "security-key-needed" => {
            let page = security_keys::sign(&app, &session, &id, (&asked, fields)).await;
            match page {
                Ok(page) => page,
                Err(problem) => answer(&app, &session, &id, version, Err(problem)).await,
            }
        }
        Ok(_) if listed => see(&format!("/?done={id}")),
        Err(problem) if problem.code() == "step-up-needed" => {
            match confirmation(&app, &session, &id, (&asked, &fields)).await {
                Ok(response) => response,
                Err(problem) => answer(&app, &session, &id, version, Err(problem)).await,
            }
        }
        done => answer(&app, &session, &id, version, done.map(|_| ())).await,
    }
}

/// Sends the reviewer to sign in anew for exactly this. They come back to what they chose, or to the approval's page
/// where that is more than their browser keeps.
async fn confirmation(
    app: &App,
    session: &Session,
    id: &str,
    (request, fields): (&ApproveRequest, &[(&'static str, String)]),
) -> Result<Response, Problem> {
    let fault = |error| unavailable("sign in anew", &error);
    let id: ApprovalId = id.parse().map_err(|_| Problem::unknown_approval())?;
    let stored = app.store().approval(&id).await.map_err(fault)?;
    let stored = stored.ok_or_else(Problem::unknown_approval)?;
    let what = step_up::what(&stored.approval, request).map_err(fault)?;
    let kept = choice::keep(app, session, &id, fields);
    let next = match kept {
        Some(_) => choice::path(&id),
        None => format!("/approvals/{id}"),
    };
    let mut response = see(&step_up::path(&id, &what, &next));
    if let Some(cookie) = kept {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /approvals/{id}/deny`.
pub(super) async fn deny(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Path(id): Path<String>,
    Form(form): Form<Denial>,
) -> Response {
    let version = form.version;
    let told: Vec<String> = form.told.into_iter().chain(form.more).collect();
    let request = reason(Some(told.join(" "))).and_then(|public_reason| {
        Ok(DenyRequest {
            public_reason,
            version: Some(version),
            comment: reason(form.comment)?,
        })
    });
    let done = match request {
        Ok(request) => http::deny(app.clone(), reviewer, &id, request, None).await,
        Err(problem) => Err(problem),
    };
    answer(&app, &session, &id, version, done.map(|_| ())).await
}

/// Not bound to the version that was shown.
fn whichever(_: u64) -> Option<u64> {
    None
}

macro_rules! notes {
    ($($(#[$doc:meta])* $name:ident of $version:expr;)*) => {
        $($(#[$doc])*
        pub(super) async fn $name(
            State(app): State<App>,
            session: Session,
            reviewer: Reviewer,
            Path(id): Path<String>,
            Form(form): Form<Note>,
        ) -> Response {
            let version = form.version;
            let done = match form.request($version(version)) {
                Ok(request) => http::$name(app.clone(), reviewer, &id, request, None).await,
                Err(problem) => Err(problem),
            };
            answer(&app, &session, &id, version, done.map(|_| ())).await
        })*
    };
}

notes! {
    /// `POST /approvals/{id}/question`.
    question of Some;
    /// `POST /approvals/{id}/take-back`.
    take_back of Some;
    /// `POST /approvals/{id}/revoke`. Whatever has become of it: a use in between would otherwise keep open what is
    /// to be closed.
    revoke of whichever;
}

async fn answer(
    app: &App,
    session: &Session,
    id: &str,
    version: u64,
    done: Result<(), Problem>,
) -> Response {
    match done {
        Ok(()) => see(&format!("/approvals/{id}")),
        Err(problem) => approval::refuse(app, session, id, &problem, Some(version)).await,
    }
}

/// What somebody wrote, in one line; nothing where there is nothing to read.
pub(super) fn reason(written: Option<String>) -> Result<Option<Reason>, Problem> {
    let written = written.unwrap_or_default();
    let words: Vec<&str> = written.split_whitespace().collect();
    if words.is_empty() {
        return Ok(None);
    }
    let line = words.join(" ");
    Reason::new(line).map(Some).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unfit-text",
            "The text cannot be kept",
            "Nothing was done. A text has at most 1,024 bytes and no control characters.",
        )
    })
}

fn scaled<N: TryInto<u64>, M: TryFrom<u64>>(
    number: Option<N>,
    by: u64,
) -> Result<Option<M>, Problem> {
    let Some(number) = number else {
        return Ok(None);
    };
    let number = number.try_into().ok();
    let scaled = number.and_then(|number: u64| number.checked_mul(by));
    let scaled = scaled.and_then(|scaled| M::try_from(scaled).ok());
    scaled.map(Some).ok_or_else(unreadable)
}

pub(super) fn unreadable() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "unreadable-form",
        "The form cannot be read",
        "Nothing was done. Reload the page and try again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_nothing_is_no_text() {
        let text = |written: &str| {
            let reason = reason(Some(written.to_owned())).unwrap();
            reason.map(|reason| reason.as_str().to_owned())
        };
        assert_eq!(text(" one\n two\t"), Some("one two".to_owned()));
        assert_eq!(text(" \n"), None);
        assert!(reason(Some("x".repeat(1025))).is_err());
        assert!(reason(Some("a\u{1}b".to_owned())).is_err());
        assert!(matches!(reason(None), Ok(None)));
    }

    #[test]
    fn numbers_that_are_too_large_are_refused_and_not_cut() {
        assert_eq!(scaled(Some(2_u64), 1024).unwrap(), Some(2048_u64));
        assert_eq!(scaled::<u64, u64>(None, 1024).unwrap(), None);
        assert!(scaled::<u64, u64>(Some(u64::MAX), 1024).is_err());
        assert!(scaled::<u32, u32>(Some(u32::MAX), 60).is_err());
    }
}
