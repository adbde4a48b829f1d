//! `GET /history` and `GET /grants`: what was asked and what has become of it, the latest first; and what may be
//! used at this moment.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use form_urlencoded::Serializer;
use serde::Deserialize;
use velum_approval::{
    ActionName, ApprovalId, Identity, State as ApprovalState, Timestamp, Verdict,
};

use super::ask::{Ask, Room};
use super::moment::Moment;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::http::{App, unavailable};
use crate::problem::Problem;
use crate::store::{Listing, Order, StoredApproval};

/// How many a page has.
const PAGE: u32 = 50;
/// No name or subject that is searched for is longer.
const LONGEST_NAME: usize = 512;

/// Which of them. A field that is left empty is none: the page has a form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    state: String,
    #[serde(default)]
    action: String,
    /// Only what this person or agent has asked, by their name in the directory or a subject.
    #[serde(default)]
    who: String,
    /// Only what was asked by whoever has asked this one.
    of: Option<ApprovalId>,
    before: Option<ApprovalId>,
}

/// What is to be listed.
#[derive(Default)]
struct Wanted {
    state: Option<ApprovalState>,
    action: Option<ActionName>,
    whose: Whose,
    before: Option<ApprovalId>,
}

/// Whose asks.
#[derive(Default)]
enum Whose {
    #[default]
    Anybody,
    /// Whoever is called so.
    Called(String),
    /// Whoever has asked this one.
    Asked(ApprovalId),
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
    who: String,
    /// Whose asks they are, where they are one requester's: their names, and the ask that says who.
    of: Option<(Vec<Visible>, Option<String>)>,
    /// Where there may be more.
    next: Option<String>,
    is_full: bool,
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
    let read = async {
        let Query(parameters) = parameters.map_err(|_| malformed())?;
        history(&app, &session, wanted(parameters)?).await
    };
    match read.await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

fn wanted(parameters: Parameters) -> Result<Wanted, Problem> {
    let state = match parameters.state.as_str() {
        "" => None,
        name => Some(ApprovalState::from_name(name).ok_or_else(malformed)?),
    };
    let action = match parameters.action.as_str() {
        "" => None,
        name => Some(ActionName::new(name).map_err(|_| malformed())?),
    };
    let whose = match (parameters.who.trim(), parameters.of) {
        ("", None) => Whose::Anybody,
        ("", Some(id)) => Whose::Asked(id),
        (name, None) if name.len() <= LONGEST_NAME => Whose::Called(name.to_owned()),
        _ => return Err(malformed()),
    };
    Ok(Wanted {
        state,
        action,
        whose,
        before: parameters.before,
    })
}

fn malformed() -> Problem {
    Problem::malformed_query(
        "Takes state=<state>, action=<action>, who=<name> or of=<id>, and before=<id>.",
    )
}

async fn history(app: &App, session: &Session, wanted: Wanted) -> Result<Page, Problem> {
    let names = names(app, &wanted.whose).await?;
    let page = lines(app, &wanted, names.as_deref()).await?;
    let next = page.next.map(|next| address(&wanted, &next));
    let action = wanted.action.as_ref();
    let (who, asked) = match wanted.whose {
        Whose::Anybody => (String::new(), None),
        Whose::Called(name) => (name, None),
        Whose::Asked(id) => (String::new(), Some(id.to_string())),
    };
    let shown = |names: Vec<Identity>| names.iter().map(|it| Visible::new(it.subject())).collect();
    Ok(Page {
        shell: Shell::new(session, Here::History),
        lines: page.all,
        states: ApprovalState::ALL,
        actions: app
            .parts()
            .actions
            .names()
            .map(ToString::to_string)
            .collect(),
        state: wanted
            .state
            .map_or_else(String::new, |state| state.name().to_owned()),
        action: action.map_or_else(String::new, ToString::to_string),
        who,
        of: names.map(|names| (shown(names), asked)),
        next,
        is_full: page.is_full,
    })
}

/// The same list, from there on.
fn address(wanted: &Wanted, before: &ApprovalId) -> String {
    let mut query = Serializer::new(String::new());
    if let Some(state) = wanted.state {
        query.append_pair("state", state.name());
    }
    if let Some(action) = &wanted.action {
        query.append_pair("action", action.as_str());
    }
    match &wanted.whose {
        Whose::Anybody => {}
        Whose::Called(name) => {
            query.append_pair("who", name);
        }
        Whose::Asked(id) => {
            query.append_pair("of", id.as_str());
        }
    }
    query.append_pair("before", before.as_str());
    format!("/history?{}", query.finish())
}

/// Every name of whose asks are to be listed; nothing where everybody's are.
async fn names(app: &App, whose: &Whose) -> Result<Option<Vec<Identity>>, Problem> {
    let directory = &app.parts().directory;
    let names = match whose {
        Whose::Anybody => return Ok(None),
        Whose::Called(name) => directory.called(name).into_iter().cloned().collect(),
        Whose::Asked(id) => {
            let stored = app.store().approval(id).await;
            let stored = stored.map_err(|error| unavailable("list approvals", &error))?;
            let principal = stored
                .ok_or_else(Problem::unknown_approval)?
                .approval
                .principal;
            directory.names(&principal).into_iter().cloned().collect()
        }
    };
    Ok(Some(names))
}

/// Shows the grants that may be used at this moment.
pub(super) async fn grants(State(app): State<App>, session: Session) -> Response {
    let wanted = Wanted {
        state: Some(ApprovalState::Approved),
        ..Wanted::default()
    };
    match lines(&app, &wanted, None).await {
        Err(problem) => shell::refuse(&session, &problem),
        Ok(Lines {
            all: lines, next, ..
        }) => {
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

/// A page of them.
struct Lines {
    all: Vec<Line>,
    /// Behind which one there may be more.
    next: Option<ApprovalId>,
    /// Whether as many were found as a page has.
    is_full: bool,
}

async fn lines(app: &App, wanted: &Wanted, names: Option<&[Identity]>) -> Result<Lines, Problem> {
    let now = app.now();
    let listing = Listing {
        order: Order::LatestFirst,
        state: wanted.state,
        action: wanted.action.clone(),
        behind: wanted.before.clone(),
        limit: PAGE,
        now,
    };
    let listed = match names {
        None => app.store().list(&listing).await.map(Some),
        Some(names) => app.store().list_of(names, &listing).await,
    };
    let listed = listed.map_err(|error| unavailable("list approvals", &error))?;
    let listed = listed.ok_or_else(Problem::unknown_approval)?;
    let lines = listed.approvals.iter().map(|stored| line(stored, app, now));
    let lines: Vec<_> = lines.collect();
    Ok(Lines {
        is_full: u32::try_from(lines.len()).is_ok_and(|count| count == PAGE),
        all: lines,
        next: listed.next,
    })
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
