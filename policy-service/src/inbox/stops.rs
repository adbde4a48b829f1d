//! `/stops`: the emergency stop. Anyone who reviews may stop; another person resumes.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use velum_approval::messages::StopRequest;
use velum_approval::{ActionName, ApprovalId, GatewayId, StopScope, Timestamp};

use super::decide::{reason, unreadable};
use super::form::Form;
use super::moment::Moment;
use super::page::see;
use super::session::Session;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use crate::auth::Reviewer;
use crate::http::{self, App, StopView, unavailable};
use crate::leases::Standing;
use crate::problem::Problem;

/// How many are shown, those that have ended among them.
const MOST: u32 = 50;

#[derive(Template)]
#[template(path = "stops.html")]
struct Page {
    shell: Shell,
    refused: Option<Problem>,
    stops: Vec<Shown>,
    actions: Vec<String>,
    gateways: Vec<String>,
    workers: usize,
}

/// A stop as it is shown.
struct Shown {
    id: String,
    what: Visible,
    by: Visible,
    at: Moment,
    comment: Option<Visible>,
    /// Who has ended it, and when.
    resumed: Option<(Visible, Option<Moment>)>,
    /// Whether it was made to end, and not an approval's revocation.
    can_resume: bool,
    /// Why the reader may not.
    is_own: bool,
    holds: bool,
    after: String,
    workers: Vec<Worker>,
}

/// One worker and whether it keeps to a stop.
struct Worker {
    gateway: Visible,
    name: String,
    standing: &'static str,
    is_awaited: bool,
    after: String,
}

/// `GET /stops`.
pub(super) async fn show(State(app): State<App>, session: Session) -> Response {
    page(&app, &session, None).await
}

async fn page(app: &App, session: &Session, refused: Option<Problem>) -> Response {
    let stops = match http::stops(app, false, None, MOST).await {
        Ok(stops) => stops,
        Err(problem) => return shell::refuse(session, &problem),
    };
    let now = app.now();
    let status = refused.as_ref().map_or(StatusCode::OK, Problem::status);
    let actions = app.parts().actions.names();
    let gateways = app.parts().callers.gateways();
    let page = Page {
        shell: Shell::new(session, Here::Stops),
        refused,
        stops: stops.iter().map(|stop| shown(stop, session, now)).collect(),
        actions: actions.map(ToString::to_string).collect(),
        gateways: gateways.iter().map(ToString::to_string).collect(),
        workers: app.parts().leases.live(now),
    };
    shell::show(status, &page)
}

fn shown(stop: &StopView, session: &Session, now: Timestamp) -> Shown {
    let resumed_at = stop.resumed_at.map(|at| Moment::ago(at, now));
    let resumed = stop.resumed_by.as_ref();
    let workers = stop.workers.iter().map(|worker| Worker {
        gateway: Visible::new(worker.gateway.as_str()),
        name: worker.worker.to_string().chars().take(8).collect(),
        standing: match worker.standing {
            Standing::Confirmed => "confirmed",
            Standing::LeaseOut => "lease has run out",
            Standing::Awaited => "awaited",
        },
        is_awaited: worker.standing == Standing::Awaited,
        after: seconds(worker.after_ms),
    });
    Shown {
        id: stop.id.to_string(),
        what: Visible::new(&words(&stop.scope)),
        by: Visible::new(stop.by.as_str()),
        at: Moment::ago(stop.at, now),
        comment: stop.comment.as_deref().map(Visible::new),
        can_resume: resumed.is_none() && !stop.scope.is_final(),
        is_own: stop.by == session.person,
        resumed: resumed.map(|by| (Visible::new(by.as_str()), resumed_at)),
        holds: stop.holds,
        after: seconds(stop.holds_after_ms),
        workers: workers.collect(),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

/// What is stopped, in words.
fn words(scope: &StopScope) -> String {
    match scope {
        StopScope::Everything => "every release".to_owned(),
        StopScope::Gateway { id } => format!("releases through gateway {id}"),
        StopScope::Action { name } => format!("releases of action {name}"),
        StopScope::Principal { identity } => {
            format!(
                "releases for {} ({})",
                identity.subject(),
                identity.issuer()
            )
        }
        StopScope::Approval { id } => format!("approval {id}, revoked"),
        StopScope::Emergency { id } => format!("emergency access {id}, reviewed"),
    }
}

/// What is to be stopped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    kind: Kind,
    action: Option<ActionName>,
    gateway: Option<GatewayId>,
    /// Whose principal is meant.
    approval: Option<ApprovalId>,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Everything,
    Action,
    Gateway,
    Principal,
}

/// `POST /stops`.
pub(super) async fn begin(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Form(form): Form<Begin>,
) -> Response {
    let stopped = async {
        let request = StopRequest {
            scope: scope(&app, &form).await?,
            comment: reason(form.comment)?,
        };
        http::stop(app.clone(), reviewer, request, None).await
    };
    match stopped.await {
        Ok(_) => see("/stops"),
        Err(problem) => page(&app, &session, Some(problem)).await,
    }
}

async fn scope(app: &App, form: &Begin) -> Result<StopScope, Problem> {
    match form.kind {
        Kind::Everything => Ok(StopScope::Everything),
        Kind::Action => {
            let name = form.action.clone().ok_or_else(unreadable)?;
            Ok(StopScope::Action { name })
        }
        Kind::Gateway => {
            let id = form.gateway.clone().ok_or_else(unreadable)?;
            Ok(StopScope::Gateway { id })
        }
        Kind::Principal => {
            let id = form.approval.as_ref().ok_or_else(unreadable)?;
            let stored = app.store().approval(id).await;
            let stored = stored.map_err(|error| unavailable("stop", &error))?;
            let stored = stored.ok_or_else(Problem::unknown_approval)?;
            Ok(StopScope::Principal {
                identity: stored.approval.principal,
            })
        }
    }
}

/// A form without fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

/// `POST /stops/{id}/resume`.
pub(super) async fn resume(
    State(app): State<App>,
    session: Session,
    reviewer: Reviewer,
    Path(id): Path<String>,
    Form(Empty {}): Form<Empty>,
) -> Response {
    match http::end_stop(app.clone(), reviewer, &id).await {
        Ok(_) => see("/stops"),
        Err(problem) => page(&app, &session, Some(problem)).await,
    }
}
