//! `/v1/stops`: the emergency stop.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use velum_approval::messages::StopRequest;
use velum_approval::{LEASE, PersonId, Record, ResumeRefused, Stop, StopId, StopScope, Timestamp};

use super::app::{to_the_end, unavailable};
use super::id::Id;
use super::once::{self, Keyed};
use super::openapi::Described;
use super::{App, page};
use crate::auth::Reviewer;
use crate::confirmations;
use crate::inbox::Present;
use crate::leases::{Confirmation, Standing};
use crate::problem::Problem;
use crate::refusals::{self, Caller};
use crate::store::{Change, Once, Operation, Repeat, StoreError, StoredStop, Transaction, Written};

/// A stop as people see it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Stop)]
pub(crate) struct View {
    pub(crate) id: StopId,
    pub(crate) scope: StopScope,
    pub(crate) by: PersonId,
    pub(crate) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_by: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resumed_at: Option<Timestamp>,
    /// Whether nothing is released any more, in any worker.
    pub(crate) holds: bool,
    /// How long after the stop that was so, in milliseconds, or will be at the latest.
    pub(crate) holds_after_ms: u64,
    /// How long after the stop the last of these workers confirmed it, in milliseconds; not while one has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_after_ms: Option<u64>,
    /// The workers that had a lease when it was made, as far as the replicas of the service heard of them.
    pub(crate) workers: Vec<Confirmation>,
}

impl View {
    fn new(stored: StoredStop, app: &App) -> View {
        let now = app.now();
        let workers = confirmations::standing(app, &stored, now);
        let StoredStop { stop, comment, .. } = stored;
        let lease = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let leases = &app.parts().leases;
        let has_others = app.store().has_other_writers() || !leases.knows_all(stop.at);
        let is_late = now >= stop.at.after(LEASE);
        let awaited = workers.iter().any(|one| one.standing == Standing::Awaited);
        let holds_after_ms = workers.iter().map(|one| one.after_ms.min(lease)).max();
        let is_confirmed = |one: &Confirmation| one.standing == Standing::Confirmed;
        let confirmed = workers.iter().all(is_confirmed);
        let confirmed = workers.iter().filter(|_| confirmed).map(|one| one.after_ms);
        let confirmed_after_ms = confirmed.max();
        let has_ended = stop.resumed.is_some();
        let (resumed_by, resumed_at) = stop.resumed.unzip();
        View {
            id: stop.id,
            scope: stop.scope,
            by: stop.by,
            at: stop.at,
            comment: comment.map(Written::into_shown),
            resumed_by,
            resumed_at,
            // Of a release that another replica, or this one before it was started again, answered, nothing is
            // known here.
            holds: !has_ended && (is_late || !awaited && !has_others),
            holds_after_ms: if has_others {
                lease
            } else {
                holds_after_ms.unwrap_or(0)
            },
            confirmed_after_ms,
            workers,
        }
    }
}

/// Which stops to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Those that have ended too.
    #[serde(default)]
    all: bool,
    /// The `next` of the page before.
    after: Option<StopId>,
    limit: Option<u32>,
}

/// Stops, the latest first.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = StopPage)]
pub(crate) struct Page {
    stops: Vec<View>,
    /// The `after` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<StopId>,
}

/// Why a stop is neither made nor ended.
pub(crate) enum StopError {
    Unknown,
    Refused(ResumeRefused),
    /// The idempotency key belongs to another request.
    KeyReused,
    /// Revoking an approval is an operation of its own.
    Approval,
    /// What the provider says of their groups is not of now.
    GroupsUnread,
    /// By what it says they review nothing.
    NotAReviewer,
    /// No policy has the action, or nothing the gateway.
    UnknownScope,
    Parameters,
    Store(StoreError),
}

impl From<StoreError> for StopError {
    fn from(error: StoreError) -> StopError {
        StopError::Store(error)
    }
}

impl From<StopError> for Problem {
    fn from(error: StopError) -> Problem {
        match error {
            StopError::Store(error) => unavailable("stop", &error),
            StopError::KeyReused => once::reused(),
            StopError::GroupsUnread => Problem::groups_unread(),
            StopError::NotAReviewer => Problem::new(
                StatusCode::FORBIDDEN,
                "not-a-reviewer",
                "You review nothing any more",
                "A stop ends by the word of a reviewer, and the provider says that you are in none of your groups.",
            ),
            StopError::Unknown => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-stop",
                "No such stop",
                "List those in force with GET /v1/stops.",
            ),
            StopError::Approval => Problem::new(
                StatusCode::BAD_REQUEST,
                "approval-not-stopped-here",
                "An approval is revoked, an emergency access reviewed",
                "Use POST /v1/approvals/{id}/revoke, or POST /v1/emergencies/{id}/review.",
            ),
            StopError::UnknownScope => Problem::new(
                StatusCode::BAD_REQUEST,
                "unknown-scope",
                "There is nothing of this name to stop",
                "Nothing was stopped: no action that is reviewed, or no gateway, has this name here. \
                 Name one that is configured, or stop everything.",
            ),
            StopError::Parameters => {
                Problem::malformed_query("Takes all=true, after=<id> and limit=<1 to 200>.")
            }
            StopError::Refused(refused) => {
                let (status, detail) = match refused {
                    ResumeRefused::SamePerson => (
                        StatusCode::FORBIDDEN,
                        "You have stopped it, or it stops you. Another person has to resume.",
                    ),
                    ResumeRefused::Ended => (StatusCode::CONFLICT, "It has ended."),
                    ResumeRefused::Final => (
                        StatusCode::CONFLICT,
                        "A revoked approval stays so: the request has to be asked anew.",
                    ),
                };
                Problem::new(status, refused.name(), "The stop does not end", detail)
            }
        }
    }
}

/// `GET /v1/stops`.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reviewer,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(parameters) = parameters.map_err(|_| StopError::Parameters)?;
    let limit = page::limit(parameters.limit, page::DEFAULT, page::MOST);
    let limit = limit.ok_or(StopError::Parameters)?;
    let after = parameters.after.as_ref();
    let stops = stops(&app, !parameters.all, after, limit).await?;
    let next = page::next(&stops, limit, |last| last.id.clone());
    Ok(Json(Page { stops, next }))
}

/// Stops, the latest first: those in force, or all; those before `after`.
pub(crate) async fn stops(
    app: &App,
    only_active: bool,
    after: Option<&StopId>,
    limit: u32,
) -> Result<Vec<View>, Problem> {
    let (store, now) = (app.store(), app.now());
    let stops = store.list_stops(only_active, after, limit, now).await;
    let stops = stops.map_err(StopError::Store)?.into_iter();
    Ok(stops.map(|stored| View::new(stored, app)).collect())
}

/// `GET /v1/stops/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    _: Reviewer,
    Id(id): Id,
) -> Result<Json<View>, Problem> {
    let id = id.parse().map_err(|_| StopError::Unknown)?;
    Ok(Json(view(&app, &id).await?))
}

async fn view(app: &App, id: &StopId) -> Result<View, StopError> {
    let stored = app.store().stored_stop(id).await?;
    stored
        .map(|stored| View::new(stored, app))
        .ok_or(StopError::Unknown)
}

/// `POST /v1/stops`: any reviewer may; it only closes.
pub(crate) async fn begin(
    State(app): State<App>,
    reviewer: Reviewer,
    Keyed {
        body: request,
        once,
    }: Keyed<StopRequest>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let stopped = stop(app, reviewer, request, once).await?;
    Ok((StatusCode::CREATED, Json(stopped)))
}

/// The stop, whichever way it came.
pub(crate) async fn stop(
    app: App,
    reviewer: Reviewer,
    request: StopRequest,
    once: Option<Once>,
) -> Result<View, Problem> {
    if request.scope.is_final() {
        return Err(StopError::Approval.into());
    }
    if !is_known(&app, &request.scope) {
        return Err(StopError::UnknownScope.into());
    }
    let person = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let stopped = {
        let app = app.clone();
        to_the_end(async move {
            let begin = Begin {
                app: app.clone(),
                id: app.new_id()?,
                person,
                request,
                once,
            };
            let stopped = app.store().write(begin).await;
            // Also where it is not known whether it is written.
            if matches!(stopped, Ok(_) | Err(StopError::Store(_))) {
                app.announce();
            }
            Ok(stopped)
        })
    };
    let id = stopped.await.map_err(StopError::Store)??;
    Ok(view(&app, &id).await?)
}

/// `POST /v1/stops/{id}/resume`: another person ends it.
pub(crate) async fn resume(
    State(app): State<App>,
    reviewer: Reviewer,
    Id(id): Id,
) -> Result<Json<View>, Problem> {
    end(app, reviewer, &id).await.map(Json)
}

/// The end of a stop, whichever way it came.
pub(crate) async fn end(app: App, reviewer: Reviewer, id: &str) -> Result<View, Problem> {
    let id: StopId = id.parse().map_err(|_| StopError::Unknown)?;
    let person = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let resumed = {
        let (app, id, person) = (app.clone(), id.clone(), person.clone());
        to_the_end(async move {
            let resume = Resume {
                app: app.clone(),
                id,
                person,
            };
            let resumed = app.store().write(resume).await;
            if resumed.is_ok() {
                app.announce();
            }
            Ok(resumed)
        })
    };
    let resumed = resumed.await.map_err(StopError::Store)?;
    if let Err(StopError::Refused(refused)) = &resumed {
        let record = Record::Barred {
            person: person.clone(),
            refused: refused.name(),
        };
        refusals::note(&app, Caller::reviewer(&person), record).await;
    }
    resumed?;
    Ok(view(&app, &id).await?)
}

struct Begin {
    app: App,
    id: StopId,
    person: PersonId,
    request: StopRequest,
    once: Option<Once>,
}

impl Operation for Begin {
    type Output = StopId;
    type Error = StopError;

    async fn run(&self, transaction: &mut Transaction) -> Result<StopId, StopError> {
        let Begin {
            app,
            id,
            person,
            request: StopRequest { scope, comment },
            once,
        } = self;
        match transaction.repeat(once.as_ref(), app.now()).await? {
            Repeat::First => {}
            Repeat::Again(id) => return id.parse().map_err(|_| StopError::Unknown),
            Repeat::Other => return Err(StopError::KeyReused),
        }
        let stamp = app.stamp(transaction).await?;
        let principal = principal(app, scope);
        let (scope, person) = (scope.clone(), person.clone());
        let (stop, record) = Stop::begin(id.clone(), scope, principal, person, stamp.now);
        let comment = app.secret(comment.as_ref())?;
        let change = Change::Stop {
            stop: &stop,
            comment: comment.as_ref(),
        };
        transaction.apply(&change, &record, &stamp).await?;
        let noted = transaction.note(once.as_ref(), id.as_str(), stamp.now);
        noted.await?;
        Ok(id.clone())
    }
}

struct Resume {
    app: App,
    id: StopId,
    person: PersonId,
}

impl Operation for Resume {
    type Output = ();
    type Error = StopError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StopError> {
        let Resume { app, id, person } = self;
        // It opens what was closed: whoever does it has to be a reviewer now.
        let present = Present::within(app, transaction).await?;
        if !present.is_fresh(person, app.now()) {
            return Err(StopError::GroupsUnread);
        }
        if !app.parts().actions.reviews(person, &present) {
            return Err(StopError::NotAReviewer);
        }
        let stop = transaction.stop(id).await?.ok_or(StopError::Unknown)?;
        let stamp = app.stamp(transaction).await?;
        let (stop, record) = stop
            .resume(principal(app, &stop.scope), person, stamp.now)
            .map_err(StopError::Refused)?;
        let change = Change::Stop {
            stop: &stop,
            comment: None,
        };
        transaction.apply(&change, &record, &stamp).await?;
        Ok(())
    }
}

/// Whether there is what is to be stopped. A name that nobody has would stop nothing, and whatever stands in
/// its place would be in the audit log.
fn is_known(app: &App, scope: &StopScope) -> bool {
    match scope {
        StopScope::Gateway { id } => app.parts().callers.has_gateway(id.as_str()),
        StopScope::Action { name } => app.parts().policies.has_action(name),
        _ => true,
    }
}

fn principal<'a>(app: &'a App, scope: &StopScope) -> Option<&'a velum_approval::Party> {
    match scope {
        StopScope::Principal { identity } => app.parts().directory.party(identity),
        _ => None,
    }
}

/// What the document says of it.
pub(crate) fn describe_list() -> Described {
    Described::new("listStops", "What is stopped", "")
        .query(
            "all",
            "Those that have ended too.",
            &json!({"type": "boolean"}),
        )
        .gives::<Page>(200, "A page.")
        .refuses(400, &["malformed-query"])
}

/// What the document says of it.
pub(crate) fn describe_show() -> Described {
    Described::new(
        "showStop",
        "A stop, and which workers have confirmed it",
        "",
    )
    .gives::<View>(200, "The stop.")
    .refuses(404, &["unknown-stop"])
}

/// What the document says of it.
pub(crate) fn describe_begin() -> Described {
    let described = Described::new(
        "stop",
        "Stops what is released",
        "Any reviewer may: it only closes. It holds in every worker after 10 seconds at the latest.",
    )
    .takes::<StopRequest>(&json!({"scope": {"kind": "action", "name": "read"}, "comment": "drill"}))
    .gives::<View>(201, "The stop.")
    .refuses(400, &["approval-not-stopped-here", "unknown-scope"]);
    once::describe(described)
}

/// What the document says of it.
pub(crate) fn describe_resume() -> Described {
    Described::new(
        "resume",
        "Ends a stop",
        "Another person than the one who stopped, or whom it stops.",
    )
    .gives::<View>(200, "The stop, which has ended.")
    .refuses(403, &["groups-unread", "not-a-reviewer", "same-person"])
    .refuses(404, &["unknown-stop"])
    .refuses(409, &["already-resumed", "revoked-for-good"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use velum_approval::{Lineage, StopScope};

    use crate::testing::{Service, identity};

    #[tokio::test]
    async fn stops_are_listed_page_by_page_the_latest_first() {
        let service = Service::start().await;
        let mut ids = Vec::new();
        for name in ["purge", "read", "purge"] {
            let scope = json!({"kind": "action", "name": name});
            let (status, stop) = service
                .post("grace", "/v1/stops", &json!({"scope": scope}))
                .await;
            assert_eq!(status, 201, "{stop}");
            ids.insert(0, stop["id"].clone());
            service.clock.advance(1);
        }
        let list = async |query: &str| {
            let (status, page) = service.get("grace", &format!("/v1/stops?{query}")).await;
            assert_eq!(status, 200, "{page}");
            let stops = page["stops"].as_array().unwrap().iter();
            let ids: Vec<Value> = stops.map(|stop| stop["id"].clone()).collect();
            (ids, page["next"].clone())
        };
        assert_eq!(list("limit=2").await, (ids[..2].to_vec(), ids[1].clone()));
        let after = format!("limit=2&after={}", ids[1].as_str().unwrap());
        assert_eq!(list(&after).await, (ids[2..].to_vec(), Value::Null));
        // One that has ended stays in its place.
        let path = format!("/v1/stops/{}/resume", ids[2].as_str().unwrap());
        assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
        assert_eq!(list("").await.0, ids[..2]);
        assert_eq!(list("all=true").await.0, ids);
        for query in ["limit=0", "limit=201", "after=a/b", "all=1"] {
            let path = format!("/v1/stops?{query}");
            assert_eq!(service.get("grace", &path).await.0, 400, "{query}");
        }
    }

    #[tokio::test]
    async fn who_is_stopped_is_stopped_with_the_agents_that_they_own() {
        let service = Service::start().await;
        let mut ask = service.ask(1);
        ask.principal = identity("triage-bot");
        ask.lineage = Lineage::new(vec![identity("triage-bot")]).unwrap();
        let scope = json!({"kind": "principal", "identity": identity("dr-jones")});
        let (status, stop) = service
            .post("grace", "/v1/stops", &json!({"scope": scope}))
            .await;
        assert_eq!(status, 201, "{stop}");
        let body = serde_json::to_value(&ask).unwrap();
        let (_, answer) = service.call_gateway("POST", "/v1/checks", &body).await;
        assert_eq!(answer["code"], "stopped", "{answer}");
        let told = service.lease(1, 0).await.stops;
        for name in ["dr-jones", "triage-bot"] {
            let stopped = StopScope::Principal {
                identity: identity(name),
            };
            assert!(told.contains(&stopped), "{told:?}");
        }
        // Nor does the person resume it.
        let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
        assert_eq!(service.post("dr-jones", &path, &json!({})).await.0, 403);
        assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
    }
}
