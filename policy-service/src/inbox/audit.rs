//! `GET /audit`: the records of the audit log, the latest first; each with its inclusion proof.

mod reading;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use velum_approval::ApprovalId;
use velum_approval::record::{EventKind, Part, ReaderRole};

use super::assets;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::http::{App, unavailable};
use crate::log::{ProofError, inclusion, verifier};
use crate::problem::Problem;
use crate::reads;
use crate::store::{Entry, LogRow, StoreError};
use reading::{Found, Search, Summary};

/// Which of them. A field that is left empty is none: the page has a form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    approval: String,
    /// Only those of before this day, hour or minute, as RFC 3339 begins.
    #[serde(default)]
    until: String,
    /// Only those below this index.
    #[serde(default)]
    before: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    shell: Shell,
    records: Vec<Summary>,
    kinds: Vec<(&'static str, &'static str)>,
    kind: String,
    approval: String,
    until: String,
    /// Where to search on, and whether this page is full.
    next: Option<u64>,
    is_full: bool,
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    shell: Shell,
    summary: Summary,
    index: u64,
    leaf: Visible,
    /// Its bytes in base64: what is verified.
    bytes: String,
    why: &'static str,
    log: Option<String>,
    place: u64,
    key: Option<String>,
    /// Whether it is under a signed head, so that there is a proof.
    is_signed: bool,
    /// Whether the browser can verify it here: the playground is served, which has the verifier.
    verifies: bool,
    verifier: &'static str,
}

/// Searches.
pub(super) async fn list(
    State(app): State<App>,
    session: Session,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let read = async {
        reads::note(&app, &session.person, ReaderRole::Reviewer, Part::Records).await;
        let Query(parameters) = parameters.map_err(|_| malformed())?;
        page(&app, &session, parameters).await
    };
    match read.await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

async fn page(app: &App, session: &Session, parameters: Parameters) -> Result<Page, Problem> {
    let search = search(&parameters)?;
    let found = search.run(app.store()).await;
    let Found {
        records,
        next,
        is_full,
    } = found.map_err(|error| unavailable("search the audit log", &error))?;
    Ok(Page {
        shell: Shell::new(session, Here::Audit),
        records,
        kinds: EventKind::ALL
            .iter()
            .map(|kind| (kind.code(), kind.event_type()))
            .collect(),
        kind: parameters.kind,
        approval: parameters.approval,
        until: parameters.until,
        next,
        is_full,
    })
}

fn search(parameters: &Parameters) -> Result<Search, Problem> {
    let kind = match parameters.kind.as_str() {
        "" => None,
        code => {
            let mut kinds = EventKind::ALL.iter();
            let kind = kinds.find(|kind| kind.code() == code);
            Some(kind.ok_or_else(malformed)?.code())
        }
    };
    let approval: Option<ApprovalId> = match parameters.approval.trim() {
        "" => None,
        id => Some(id.parse().map_err(|_| malformed())?),
    };
    let until = match parameters.until.trim() {
        "" => None,
        // As the records write it: longer is later.
        text if text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some(text.to_owned())
        }
        _ => return Err(malformed()),
    };
    let before = match parameters.before.as_str() {
        "" => None,
        index => Some(index.parse().map_err(|_| malformed())?),
    };
    Ok(Search {
        kind,
        approval,
        until,
        before,
    })
}

fn malformed() -> Problem {
    Problem::malformed_query(
        "Takes kind=<code>, approval=<id>, until=<the beginning of a time> and before=<index>.",
    )
}

/// Shows one.
pub(super) async fn show(
    State(app): State<App>,
    session: Session,
    Path(index): Path<String>,
) -> Response {
    reads::note(&app, &session.person, ReaderRole::Reviewer, Part::Records).await;
    match record(&app, &session, &index).await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

async fn record(app: &App, session: &Session, index: &str) -> Result<RecordPage, Problem> {
    let fault = |error: StoreError| unavailable("show a record", &error);
    let (entry, log) = find(app, index).await?;
    // One that cannot be read is shown all the same, with what its proof says.
    let summary = Summary::of(&entry);
    let mut kinds = EventKind::ALL.iter();
    let kind = kinds.find(|kind| kind.code() == summary.code);
    let place = entry.index.saturating_sub(log.first);
    let head = app.store().head(log.number).await.map_err(fault)?;
    let keys = app.store().keys_of_logs().await.map_err(fault)?;
    let key = keys.iter().rfind(|key| key.log == log.number);
    let name = log.name.as_ref();
    let inbox = app.parts().inbox.as_ref();
    Ok(RecordPage {
        shell: Shell::new(session, Here::Audit),
        index: entry.index,
        leaf: Visible::new(&String::from_utf8_lossy(&entry.leaf)),
        bytes: STANDARD.encode(&entry.leaf),
        why: kind.map_or("", |kind| kind.why()),
        key: name.and_then(|name| verifier(name, &key?.key)),
        log: name.map(ToString::to_string),
        place,
        is_signed: head.is_some_and(|head| place < head.size),
        verifies: inbox.is_some_and(|inbox| inbox.has_playground),
        verifier: assets::verifier(),
        summary,
    })
}

/// Gives the proof that it is in the log, with the record, as a file (C2SP tlog-proof).
pub(super) async fn proof(
    State(app): State<App>,
    session: Session,
    Path(index): Path<String>,
) -> Response {
    let read = async {
        reads::note(&app, &session.person, ReaderRole::Reviewer, Part::Proof).await;
        let (entry, log) = find(&app, &index).await?;
        let place = entry.index.saturating_sub(log.first);
        let proof = inclusion(&app, &log, place).await;
        proof.map_err(|error| match error {
            ProofError::Unknown => unsigned(),
            ProofError::Store(error) => unavailable("prove a record", &error),
        })
    };
    match read.await {
        Err(problem) => shell::refuse(&session, &problem),
        Ok(proof) => {
            let name = format!("attachment; filename=\"record-{index}.tlog-proof\"");
            let name = HeaderValue::from_str(&name);
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                ),
                (
                    header::CONTENT_DISPOSITION,
                    name.unwrap_or_else(|_| HeaderValue::from_static("attachment")),
                ),
            ];
            (headers, proof.to_string()).into_response()
        }
    }
}

async fn find(app: &App, index: &str) -> Result<(Entry, LogRow), Problem> {
    let fault = |error: StoreError| unavailable("show a record", &error);
    let index: u64 = index.parse().map_err(|_| unknown())?;
    let entries = app.store().entries(index, 1).await.map_err(fault)?;
    let entry = entries.into_iter().find(|entry| entry.index == index);
    let logs = app.store().logs().await.map_err(fault)?.into_iter();
    let log = logs
        .filter(|log| log.first <= index)
        .max_by_key(|log| log.first);
    entry.zip(log).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-record",
        "No such record",
        "The log has no record of this index, or not any more.",
    )
}

fn unsigned() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unsigned-record",
        "There is no proof yet",
        "The record is not under a signed head yet. That takes a few seconds.",
    )
}
