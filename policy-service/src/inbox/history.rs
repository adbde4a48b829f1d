//! `GET /history` and `GET /grants`: what was asked and what has become of it, the latest first; and what may be
//! used at this moment.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use velum_approval::{ActionName, ApprovalId, State as ApprovalState, Timestamp, Verdict};

use super::ask::{Ask, Room};
use super::moment::Moment;
use super::session::Session;
use super::shell::{self, Here, Shell};
use crate::http::{App, unavailable};
use crate::problem::Problem;
use crate::store::{Past, StoredApproval};

/// How many a page has.
const PAGE: u32 = 50;

/// Which of them. A field that is left empty is none: the page has a form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    state: String,
    #[serde(default)]
    action: String,
    before: Option<ApprovalId>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    shell: Shell,
    lines: Vec<Line>,
    states: &'static [ApprovalState],
    actions: Vec<String>,
    state: String,
    action: String,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "grants.html")]
struct Grants {
    shell: Shell,
    lines: Vec<Line>,
    /// Whether there are more than a page has.
    has_more: bool,
    token: String,
}

/// One approval in a table.
struct Line {
    ask: Ask,
    state: &'static str,
    /// Who has approved or denied it, as it stands.
    by: String,
    granted: Vec<&'static str>,
    used: u32,
    uses: u32,
    ends: Option<Moment>,
}

/// Shows what has become of asks.
pub(super) async fn show(
    State(app): State<App>,
    session: Session,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let malformed =
        || Problem::malformed_query("Takes state=<state>, action=<action> and before=<id>.");
    let read = async {
        let Query(parameters) = parameters.map_err(|_| malformed())?;
        let state = match parameters.state.as_str() {
            "" => None,
            name => Some(ApprovalState::from_name(name).ok_or_else(malformed)?),
        };
        let action = match parameters.action.as_str() {
            "" => None,
            name => Some(ActionName::new(name).map_err(|_| malformed())?),
        };
        history(&app, &session, state, action, parameters.before).await
    };
    match read.await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

async fn history(
    app: &App,
    session: &Session,
    state: Option<ApprovalState>,
    action: Option<ActionName>,
    before: Option<ApprovalId>,
) -> Result<Page, Problem> {
    let chosen = action
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    let (lines, next) = lines(app, state, action, before).await?;
    let actions = app.parts().actions.names();
    Ok(Page {
        shell: Shell::new(session, Here::History),
        lines,
        states: ApprovalState::ALL,
        actions: actions.map(ToString::to_string).collect(),
        state: state.map_or_else(String::new, |state| state.name().to_owned()),
        action: chosen,
        next,
    })
}

/// Shows the grants that may be used at this moment.
pub(super) async fn grants(State(app): State<App>, session: Session) -> Response {
    match lines(&app, Some(ApprovalState::Approved), None, None).await {
        Err(problem) => shell::refuse(&session, &problem),
        Ok((lines, next)) => {
            let page = Grants {
                shell: Shell::new(&session, Here::Grants),
                lines,
                has_more: next.is_some(),
                token: session.form_token.clone(),
            };
            shell::show(StatusCode::OK, &page)
        }
    }
}

/// A page of them, and where the next one begins.
async fn lines(
    app: &App,
    state: Option<ApprovalState>,
    action: Option<ActionName>,
    before: Option<ApprovalId>,
) -> Result<(Vec<Line>, Option<String>), Problem> {
    let now = app.now();
    let past = Past {
        state,
        action,
        before,
        limit: PAGE,
        now,
    };
    let stored = app.store().past(&past).await;
    let stored = stored.map_err(|error| unavailable("list approvals", &error))?;
    let is_full = u32::try_from(stored.len()).is_ok_and(|count| count == PAGE);
    let next = stored.last().filter(|_| is_full);
    let next = next.map(|last| last.approval.id.to_string());
    let lines = stored.iter().map(|stored| line(stored, app, now));
    Ok((lines.collect(), next))
}

fn line(stored: &StoredApproval, app: &App, now: Timestamp) -> Line {
    let approval = &stored.approval;
    let verdicts = approval.latest_verdicts().into_iter();
    let by = verdicts.filter(|(_, verdict)| !matches!(verdict, Verdict::TakeBack));
    let by: Vec<_> = by.map(|(person, _)| person.to_string()).collect();
    let is_granted = approval.grant_expires.is_some() || approval.emergency.is_some();
    let granted = approval.granted.classes.iter().filter(|_| is_granted);
    Line {
        ask: Ask::new(approval, None, Room::CARD, app, now),
        state: approval.state_at(now).name(),
        by: by.join(", "),
        granted: granted.map(velum_engine::Class::name).collect(),
        used: approval.used,
        uses: approval.uses,
        ends: approval.grant_expires.map(|ends| Moment::left(ends, now)),
    }
}
