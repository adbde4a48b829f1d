//! The HTTP surface: one table of routes, each with who may call it, each operation in its file.

mod app;
mod approve;
mod body;
mod card;
mod case;
mod changes;
mod checks;
mod conditions;
mod counts;
mod deny;
mod departures;
mod emergencies;
mod ending;
mod evidence;
mod id;
mod leases;
mod list_approvals;
mod list_audit;
mod list_events;
mod livez;
mod logs;
mod once;
mod openapi;
mod outcomes;
mod page;
mod playground;
mod prefer;
mod question;
mod readyz;
mod receipt;
mod release_proof;
mod report_events;
mod revoke;
mod show_approval;
mod show_status;
mod stops;
mod take_back;
pub(crate) mod vote;
mod withdraw;

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};

use velum_approval::record::Part;

pub(crate) use app::{App, Parts, to_the_end, unavailable};
pub(crate) use approve::approve;
pub(crate) use body::MOST_BYTES as MOST_BODY_BYTES;
pub(crate) use changes::follow;
pub(crate) use deny::deny;
pub(crate) use emergencies::{ReviewRequest, can_be_reviewed, open_emergency, review_emergency};
pub(crate) use playground::Playground;
pub(crate) use question::question;
pub(crate) use revoke::revoke;
pub(crate) use stops::{View as StopView, end as end_stop, stop, stops};
pub(crate) use take_back::take_back;

use crate::auth::{Access, Caller, authorize};
use crate::problem::Problem;
use crate::spans::Span;
use crate::{inbox, metrics, trace};

/// An operation: where it is, who may call it, what it does.
pub(crate) struct Route {
    pub(crate) method: MethodFilter,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: fn(MethodFilter) -> MethodRouter<App>,
    /// What the document says of it.
    describe: fn() -> openapi::Described,
}

/// Every operation of the service. A route that is neither in this table nor in that of the inbox's pages does
/// not exist; beside them there are the files of the playground, for everyone.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: MethodFilter::GET,
        path: "/v1/openapi.json",
        access: Access::Public,
        handler: |method| on(method, openapi::handle),
        describe: openapi::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/livez",
        access: Access::Public,
        handler: |method| on(method, livez::handle),
        describe: livez::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/readyz",
        access: Access::Public,
        handler: |method| on(method, readyz::handle),
        describe: readyz::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/checks",
        access: Access::Gateway,
        handler: |method| on(method, checks::handle),
        describe: checks::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/departures",
        access: Access::Gateway,
        handler: |method| on(method, departures::handle),
        describe: departures::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/status",
        access: Access::Gateway,
        handler: |method| on(method, show_status::handle),
        describe: show_status::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/proofs/{number}",
        access: Access::Gateway,
        handler: |method| on(method, release_proof::handle),
        describe: release_proof::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/evidence",
        access: Access::Gateway,
        handler: |method| on(method, evidence::handle),
        describe: evidence::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/withdrawal",
        access: Access::Gateway,
        handler: |method| on(method, withdraw::handle),
        describe: withdraw::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/outcomes",
        access: Access::Gateway,
        handler: |method| on(method, outcomes::handle),
        describe: outcomes::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/leases",
        access: Access::Gateway,
        handler: |method| on(method, leases::handle),
        describe: leases::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/approvals",
        access: Access::Reviewer,
        handler: |method| on(method, list_approvals::handle),
        describe: list_approvals::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/approvals/{id}",
        access: Access::Reviewer,
        handler: |method| on(method, show_approval::handle),
        describe: show_approval::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/approvals/{id}/receipt",
        access: Access::Audit(Part::Receipt),
        handler: |method| on(method, receipt::handle),
        describe: receipt::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/approvals/{id}/events",
        access: Access::Reviewer,
        handler: |method| on(method, changes::one),
        describe: changes::describe_one,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/approvals/events",
        access: Access::Reviewer,
        handler: |method| on(method, changes::all),
        describe: changes::describe_all,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/approve",
        access: Access::Reviewer,
        handler: |method| on(method, approve::handle),
        describe: approve::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/deny",
        access: Access::Reviewer,
        handler: |method| on(method, deny::handle),
        describe: deny::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/take-back",
        access: Access::Reviewer,
        handler: |method| on(method, take_back::handle),
        describe: take_back::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/question",
        access: Access::Reviewer,
        handler: |method| on(method, question::handle),
        describe: question::describe,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/approvals/{id}/revoke",
        access: Access::Reviewer,
        handler: |method| on(method, revoke::handle),
        describe: revoke::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/stops",
        access: Access::Reviewer,
        handler: |method| on(method, stops::list),
        describe: stops::describe_list,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/stops",
        access: Access::Reviewer,
        handler: |method| on(method, stops::begin),
        describe: stops::describe_begin,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/stops/{id}",
        access: Access::Reviewer,
        handler: |method| on(method, stops::show),
        describe: stops::describe_show,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/stops/{id}/resume",
        access: Access::Reviewer,
        handler: |method| on(method, stops::resume),
        describe: stops::describe_resume,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/emergencies",
        access: Access::Reviewer,
        handler: |method| on(method, emergencies::list),
        describe: emergencies::describe_list,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/emergencies",
        access: Access::Reviewer,
        handler: |method| on(method, emergencies::open),
        describe: emergencies::describe_open,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/emergencies/{id}/review",
        access: Access::Reviewer,
        handler: |method| on(method, emergencies::review),
        describe: emergencies::describe_review,
    },
    Route {
        method: MethodFilter::POST,
        path: "/v1/events",
        access: Access::Gateway,
        handler: |method| on(method, report_events::handle),
        describe: report_events::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/events",
        access: Access::Reviewer,
        handler: |method| on(method, list_events::handle),
        describe: list_events::describe,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/logs",
        access: Access::Audit(Part::Logs),
        handler: |method| on(method, logs::list),
        describe: logs::describe_list,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/logs/{number}/checkpoint",
        access: Access::Audit(Part::Checkpoint),
        handler: |method| on(method, logs::checkpoint),
        describe: logs::describe_checkpoint,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/logs/{number}/tile/{*path}",
        access: Access::Audit(Part::Tile),
        handler: |method| on(method, logs::tile),
        describe: logs::describe_tile,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/logs/{number}/proofs/{place}",
        access: Access::Audit(Part::Proof),
        handler: |method| on(method, logs::proof),
        describe: logs::describe_proof,
    },
    Route {
        method: MethodFilter::GET,
        path: "/v1/audit",
        access: Access::Audit(Part::Records),
        handler: |method| on(method, list_audit::handle),
        describe: list_audit::describe,
    },
];

/// Who calls at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Everyone,
    Gateways,
    Reviewers,
}

impl Side {
    /// Whether a route with this access answers there.
    pub(crate) fn serves(self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Gateway => self != Side::Reviewers,
            Access::Reviewer | Access::Audit(_) | Access::Session => self != Side::Gateways,
        }
    }
}

/// What answers at a listener; the playground is for whoever has a browser.
pub(crate) fn router(app: App, side: Side, playground: Option<&Playground>) -> Router {
    let mut router = Router::new();
    for route in ROUTES.iter().filter(|route| side.serves(route.access)) {
        let guard = middleware::from_fn_with_state((app.clone(), route.access), authorize);
        router = router.route(route.path, (route.handler)(route.method).route_layer(guard));
    }
    if let Some(playground) = playground.filter(|_| side != Side::Gateways) {
        router = router.merge(playground.router());
    }
    router
        .merge(inbox::router(&app, side))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(app.clone(), log))
        .with_state(app)
}

async fn no_such_route() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        "Nothing is here",
        "The operations of this service are under /v1.",
    )
}

async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "no-such-method",
        "Not with this method",
        "See the Allow header.",
    )
}

/// Writes one line a request: the route's pattern and never the path, since ids and queries are
/// nobody's business but the audit log's.
async fn log(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let parent = trace::parent(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let path = route.as_ref().map(MatchedPath::as_str);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.parts().metrics.answered(&method, path, status);
    let (caller, id) = match response.extensions().get() {
        Some(Caller::Gateway(id)) => ("gateway", &**id),
        Some(Caller::Reviewer(id)) => ("reviewer", &**id),
        Some(Caller::Auditor(id)) => ("auditor", &**id),
        None => ("", ""),
    };
    tracing::info!(
        method = method.as_str(),
        route = path.unwrap_or_default(),
        status,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        caller,
        id,
        trace = parent.map(|it| it.to_string()).unwrap_or_default(),
        "request"
    );
    let spans = &app.parts().spans;
    if let Some(parent) = parent.filter(|parent| spans.wants(parent)) {
        let span = Span {
            parent,
            method: metrics::known_method(&method),
            route: path.unwrap_or_default().to_owned(),
            status,
            ended: app.now(),
            took,
            caller,
            id: id.to_owned(),
        };
        spans.note(&app, span);
    }
    response
}
