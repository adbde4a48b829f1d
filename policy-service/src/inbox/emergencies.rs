//! `/emergencies`: access in an emergency. Who may opens one, and what is asked is released at once; somebody else
//! looks at it afterwards.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use velum_approval::messages::EmergencyRequest;
use velum_approval::{ActionName, ApprovalId, EmergencyId, Identity, PersonId, Reason, Timestamp};

use super::Present;
use super::ask::Who;
use super::decide::{reason, unreadable};
use super::form::Form;
use super::moment::Moment;
use super::page::see;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::auth::Reviewer;
use crate::http::{self, App, ReviewRequest, unavailable};
use crate::problem::Problem;
use crate::store::StoredEmergency;

/// Where they are.
pub(super) const PATH: &str = "/emergencies";
/// How many a page has.
const PAGE: u32 = 30;

#[derive(Template)]
#[template(path = "emergencies.html")]
struct Page {
    shell: Shell,
    refused: Option<Problem>,
    accesses: Vec<Access>,
    next: Option<String>,
    /// Whether there are any here.
    is_configured: bool,
    /// What the reader may open.
    opens: Option<Opens>,
}

/// An access as it is shown.
struct Access {
    id: String,
    by: Visible,
    who: Who,
    action: Visible,
    opened: Moment,
    ends: Moment,
    is_active: bool,
    reason: Option<Visible>,
    uses: u32,
    review: Option<Review>,
    /// Why the reader does not review it; empty where they may.
    why_not: &'static str,
}

struct Review {
    by: Visible,
    at: Moment,
    justified: bool,
    comment: Option<Visible>,
}

/// What somebody may open.
struct Opens {
    actions: Vec<String>,
    /// For how many minutes at most.
    minutes: u64,
    /// Whose request it is opened for, where it is for one.
    of: Option<Of>,
}

struct Of {
    approval: String,
    who: Who,
    action: Visible,
}

/// What is to be shown.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// For whose request one is to be opened.
    approval: Option<ApprovalId>,
    /// Only those opened before this one.
    after: Option<EmergencyId>,
}

/// `GET /emergencies`.
pub(super) async fn show(
    State(app): State<App>,
    session: Session,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    if let Ok(Query(parameters)) = parameters {
        page(&app, &session, &parameters, None).await
    } else {
        let problem = Problem::malformed_query("Takes approval=<id> and after=<id>.");
        shell::refuse(&session, &problem)
    }
}

async fn page(
    app: &App,
    session: &Session,
    parameters: &Parameters,
    refused: Option<Problem>,
) -> Response {
    let status = refused.as_ref().map_or(StatusCode::OK, Problem::status);
    match read(app, session, parameters, refused).await {
        Ok(page) => shell::show(status, &page),
        Err(problem) => shell::refuse(session, &problem),
    }
}

async fn read(
    app: &App,
    session: &Session,
    parameters: &Parameters,
    refused: Option<Problem>,
) -> Result<Page, Problem> {
    let fault = |error| unavailable("list emergency accesses", &error);
    let (store, after) = (app.store(), parameters.after.as_ref());
    let stored = store.list_emergencies(false, after, PAGE).await;
    let stored = stored.map_err(fault)?;
    let present = Present::load(app).await.map_err(fault)?;
    let now = app.now();
    let is_full = u32::try_from(stored.len()).is_ok_and(|count| count == PAGE);
    let next = stored.last().filter(|_| is_full);
    Ok(Page {
        shell: Shell::new(session, Here::Emergencies),
        refused,
        next: next.map(|last| last.emergency.id.to_string()),
        accesses: stored
            .iter()
            .map(|one| access(one, &session.person, app, &present, now))
            .collect(),
        is_configured: app.parts().break_glass.is_some(),
        opens: opens(app, &session.person, parameters.approval.as_ref(), &present).await?,
    })
}

fn access(
    stored: &StoredEmergency,
    person: &PersonId,
    app: &App,
    present: &Present,
    now: Timestamp,
) -> Access {
    let emergency = &stored.emergency;
    let reviewed = emergency.reviewed.as_ref();
    let is_active = reviewed.is_none() && now < emergency.until;
    Access {
        id: emergency.id.to_string(),
        by: Visible::new(emergency.opened_by.as_str()),
        who: Who::new(&emergency.principal, &app.parts().directory),
        action: Visible::new(emergency.action.as_str()),
        opened: Moment::ago(emergency.opened, now),
        ends: if is_active {
            Moment::left(emergency.until, now)
        } else {
            Moment::ago(emergency.until, now)
        },
        is_active,
        reason: stored
            .reason
            .as_ref()
            .map(|reason| Visible::new(reason.shown())),
        uses: emergency.uses,
        why_not: why_not(stored, person, app, present),
        review: reviewed.map(|reviewed| Review {
            by: Visible::new(reviewed.by.as_str()),
            at: Moment::ago(reviewed.at, now),
            justified: reviewed.justified,
            comment: stored
                .comment
                .as_ref()
                .map(|comment| Visible::new(comment.shown())),
        }),
    }
}

/// Why somebody does not review it; empty where they may.
fn why_not(
    stored: &StoredEmergency,
    person: &PersonId,
    app: &App,
    present: &Present,
) -> &'static str {
    let emergency = &stored.emergency;
    if *person == emergency.opened_by {
        return "You opened it: another person reviews it.";
    }
    if emergency.excluded.contains(person) {
        return "You are behind what was released: another person reviews it.";
    }
    let actions = &app.parts().actions;
    let panel = actions.panel(&emergency.action, &emergency.excluded, present);
    // Where the action is there no more, whoever reviews anything looks at it.
    if panel.is_none_or(|panel| panel.admits(person)) {
        ""
    } else {
        "You are in none of the groups that review this action."
    }
}

/// How many wait for this person to review them, of those that are shown first.
pub(super) async fn waiting(
    app: &App,
    person: &PersonId,
    present: &Present,
) -> Result<usize, Problem> {
    let stored = app.store().list_emergencies(true, None, PAGE).await;
    let stored = stored.map_err(|error| unavailable("list emergency accesses", &error))?;
    let own = stored.iter();
    let own = own.filter(|one| why_not(one, person, app, present).is_empty());
    Ok(own.count())
}

/// What this person may open, for the principal of this approval if it is for one.
async fn opens(
    app: &App,
    person: &PersonId,
    approval: Option<&ApprovalId>,
    present: &Present,
) -> Result<Option<Opens>, Problem> {
    let Some(glass) = &app.parts().break_glass else {
        return Ok(None);
    };
    let actions = glass.actions.iter();
    let actions = actions.filter(|action| glass.admits(person, action, present));
    let actions: Vec<_> = actions.map(ToString::to_string).collect();
    if actions.is_empty() {
        return Ok(None);
    }
    let of = match approval {
        None => None,
        Some(id) => {
            let (principal, action) = asked(app, id).await?;
            if !glass.admits(person, &action, present) {
                return Ok(None);
            }
            Some(Of {
                approval: id.to_string(),
                who: Who::new(&principal, &app.parts().directory),
                action: Visible::new(action.as_str()),
            })
        }
    };
    Ok(Some(Opens {
        actions,
        minutes: glass.lifetime.as_secs() / 60,
        of,
    }))
}

/// Who has asked for what.
async fn asked(app: &App, id: &ApprovalId) -> Result<(Identity, ActionName), Problem> {
    let stored = app.store().approval(id).await;
    let stored = stored.map_err(|error| unavailable("show an approval", &error))?;
    let approval = stored.ok_or_else(Problem::unknown_approval)?.approval;
    Ok((approval.principal, approval.action))
}

/// What is to be opened: for the principal of an approval, or for somebody by their name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    approval: Option<ApprovalId>,
    who: Option<String>,
    action: Option<ActionName>,
    reason: Option<String>,
    minutes: u32,
}

impl Open {
    async fn request(&self, app: &App) -> Result<EmergencyRequest, Problem> {
        let (principal, action) = match (&self.approval, &self.who, &self.action) {
            (Some(approval), None, None) => asked(app, approval).await?,
            (None, Some(who), Some(action)) => (called(app, who)?, action.clone()),
            _ => return Err(unreadable()),
        };
        Ok(EmergencyRequest {
            principal,
            action,
            reason: given(self.reason.clone())?,
            minutes: self.minutes,
        })
    }
}

/// The one identity that is called so.
fn called(app: &App, who: &str) -> Result<Identity, Problem> {
    let called = app.parts().directory.called(who.trim());
    let (title, detail) = match called.as_slice() {
        [one] => return Ok((*one).clone()),
        [] => (
            "Nobody is called so",
            "Nothing was opened. The directory has no person, agent or subject of this name.",
        ),
        _ => (
            "Several identities are called so",
            "Nothing was opened: an access is for one of them. Write its subject, or open it from the page of a \
             request that it made.",
        ),
    };
    Err(Problem::new(
        StatusCode::CONFLICT,
        "lineage-unknown",
        title,
        detail,
    ))
}

fn given(written: Option<String>) -> Result<Reason, Problem> {
    reason(written)?.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "unfit-text",
            "A reason is missing",
            "Nothing was opened. Whoever reviews it reads why it was.",
        )
    })
}

/// `POST /emergencies`.
pub(super) async fn open(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Form(form): Form<Open>,
) -> Response {
    let opened = async {
        let request = form.request(&app).await?;
        http::open_emergency(app.clone(), reviewer, request, None).await
    };
    match opened.await {
        Ok(_) => see(PATH),
        Err(problem) => {
            let parameters = Parameters {
                approval: form.approval.clone(),
                after: None,
            };
            page(&app, &session, &parameters, Some(problem)).await
        }
    }
}

/// What somebody says of one afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reviewed {
    justified: bool,
    comment: Option<String>,
}

/// `POST /emergencies/{id}/review`.
pub(super) async fn review(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Path(id): Path<String>,
    Form(form): Form<Reviewed>,
) -> Response {
    let done = async {
        let request = ReviewRequest {
            justified: form.justified,
            comment: reason(form.comment)?,
        };
        http::review_emergency(app.clone(), reviewer, &id, request).await
    };
    match done.await {
        Ok(_) => see(PATH),
        Err(problem) => page(&app, &session, &Parameters::default(), Some(problem)).await,
    }
}
