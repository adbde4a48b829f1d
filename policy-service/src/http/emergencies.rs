//! `/v1/emergencies`: break-glass.

mod view;

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use velum_approval::messages::EmergencyRequest;
use velum_approval::{
    ActionName, Emergency, EmergencyId, EmergencyOpening, EmergencyRefused, ExcludedPersons,
    MOST_EXCLUDED, PersonId, Reason, Record, Stop, StopScope, Timestamp,
};
use view::View;

use super::app::{to_the_end, unavailable};
use super::body::Body;
use super::id::Id;
use super::once::{self, Keyed};
use super::openapi::Described;
use super::{App, page};
use crate::auth::Reviewer;
use crate::inbox::Present;
use crate::problem::Problem;
use crate::refusals::{self, Caller};
use crate::store::{Change, Once, Operation, Repeat, StoreError, Transaction};

/// Which to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Those that were reviewed too.
    #[serde(default)]
    all: bool,
    /// The `next` of the page before.
    after: Option<EmergencyId>,
    limit: Option<u32>,
}

/// Emergency accesses, the latest first.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = EmergencyPage)]
pub(crate) struct Page {
    emergencies: Vec<View>,
    /// The `after` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<EmergencyId>,
}

/// A review after the fact.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewRequest {
    /// Whether it was justified.
    pub(crate) justified: bool,
    /// For the auditor.
    pub(crate) comment: Option<Reason>,
}

/// Why nothing is opened or reviewed.
pub(crate) enum EmergencyError {
    Unknown,
    /// The idempotency key belongs to another request.
    KeyReused,
    /// The principal is not in the directory.
    LineageUnknown,
    Refused(EmergencyRefused),
    Parameters,
    Store(StoreError),
}

impl From<StoreError> for EmergencyError {
    fn from(error: StoreError) -> EmergencyError {
        EmergencyError::Store(error)
    }
}

impl From<EmergencyError> for Problem {
    fn from(error: EmergencyError) -> Problem {
        match error {
            EmergencyError::Store(error) => unavailable("emergency access", &error),
            EmergencyError::KeyReused => once::reused(),
            EmergencyError::Unknown => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-emergency",
                "No such emergency access",
                "List those that wait for a review with GET /v1/emergencies.",
            ),
            EmergencyError::LineageUnknown => Problem::new(
                StatusCode::CONFLICT,
                "lineage-unknown",
                "The principal is unknown",
                "The principal is not in the directory, so nobody can say who is behind it.",
            ),
            EmergencyError::Parameters => {
                Problem::malformed_query("Takes all=true, after=<id> and limit=<1 to 200>.")
            }
            EmergencyError::Refused(refused) => {
                let status = match refused {
                    EmergencyRefused::NotAdmitted
                    | EmergencyRefused::SelfReview
                    | EmergencyRefused::NotAReviewer => StatusCode::FORBIDDEN,
                    EmergencyRefused::Lifetime => StatusCode::BAD_REQUEST,
                    EmergencyRefused::Unreviewed
                    | EmergencyRefused::Reviewed
                    | EmergencyRefused::NoReviewer => StatusCode::CONFLICT,
                };
                let detail = refused.to_string();
                Problem::new(
                    status,
                    refused.name(),
                    "There is no emergency access",
                    detail,
                )
            }
        }
    }
}

/// `GET /v1/emergencies`: those that wait for a review.
pub(crate) async fn list(
    State(app): State<App>,
    _: Reviewer,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(parameters) = parameters.map_err(|_| EmergencyError::Parameters)?;
    let limit = page::limit(parameters.limit, page::DEFAULT, page::MOST);
    let limit = limit.ok_or(EmergencyError::Parameters)?;
    let (store, after) = (app.store(), parameters.after.as_ref());
    let stored = store.list_emergencies(!parameters.all, after, limit).await;
    let stored = stored.map_err(EmergencyError::Store)?;
    let next = page::next(&stored, limit, |last| last.emergency.id.clone());
    let now = app.now();
    let views = stored.into_iter().map(|stored| View::new(stored, now));
    Ok(Json(Page {
        emergencies: views.collect(),
        next,
    }))
}

async fn view(app: &App, id: &EmergencyId) -> Result<View, EmergencyError> {
    let stored = app.store().stored_emergency(id).await?;
    let stored = stored.ok_or(EmergencyError::Unknown)?;
    Ok(View::new(stored, app.now()))
}

/// `POST /v1/emergencies`: a person of the group opens one.
pub(crate) async fn open(
    State(app): State<App>,
    reviewer: Reviewer,
    Keyed {
        body: request,
        once,
    }: Keyed<EmergencyRequest>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let opened = open_emergency(app, reviewer, request, once).await?;
    Ok((StatusCode::CREATED, Json(opened)))
}

/// The access, whichever way it came.
pub(crate) async fn open_emergency(
    app: App,
    reviewer: Reviewer,
    request: EmergencyRequest,
    once: Option<Once>,
) -> Result<View, Problem> {
    let person = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let open = Open {
        app: app.clone(),
        id: app.new_id().map_err(EmergencyError::Store)?,
        person: person.clone(),
        request,
        once,
    };
    let id = run(&app, &person, open).await?;
    tracing::warn!(
        emergency = id.as_str(),
        person = person.as_str(),
        "an emergency access was opened"
    );
    Ok(view(&app, &id).await?)
}

/// `POST /v1/emergencies/{id}/review`: somebody outside of it looks at it; where it still lasts, it
/// ends.
pub(crate) async fn review(
    State(app): State<App>,
    reviewer: Reviewer,
    Id(id): Id,
    Body(request): Body<ReviewRequest>,
) -> Result<Json<View>, Problem> {
    review_emergency(app, reviewer, &id, request)
        .await
        .map(Json)
}

/// The review, whichever way it came.
pub(crate) async fn review_emergency(
    app: App,
    reviewer: Reviewer,
    id: &str,
    request: ReviewRequest,
) -> Result<View, Problem> {
    let id: EmergencyId = id.parse().map_err(|_| EmergencyError::Unknown)?;
    let person = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let review = Review {
        app: app.clone(),
        id: id.clone(),
        person: person.clone(),
        request,
    };
    run(&app, &person, review).await?;
    Ok(view(&app, &id).await?)
}

/// Runs the change to its end, wakes the held requests, and records a refusal.
async fn run<O>(app: &App, person: &PersonId, operation: O) -> Result<O::Output, EmergencyError>
where
    O: Operation<Error = EmergencyError>,
{
    let done = {
        let app = app.clone();
        to_the_end(async move {
            let done = app.store().write(operation).await;
            if matches!(done, Ok(_) | Err(EmergencyError::Store(_))) {
                app.announce();
            }
            Ok(done)
        })
    };
    let done = done.await?;
    if let Err(EmergencyError::Refused(refused)) = &done {
        let record = Record::Barred {
            person: person.clone(),
            refused: refused.name(),
        };
        refusals::note(app, Caller::reviewer(person), record).await;
    }
    done
}

struct Open {
    app: App,
    id: EmergencyId,
    person: PersonId,
    request: EmergencyRequest,
    once: Option<Once>,
}

impl Operation for Open {
    type Output = EmergencyId;
    type Error = EmergencyError;

    async fn run(&self, transaction: &mut Transaction) -> Result<EmergencyId, EmergencyError> {
        let Open {
            app,
            id,
            person,
            request,
            once,
        } = self;
        // With the log locked: the same request may be carried out at another replica at this moment, and would be
        // in its own way.
        let stamp = app.stamp(transaction).await?;
        match transaction.repeat(once.as_ref(), app.now()).await? {
            Repeat::First => {}
            Repeat::Again(id) => return id.parse().map_err(|_| EmergencyError::Unknown),
            Repeat::Other => return Err(EmergencyError::KeyReused),
        }
        let parts = app.parts();
        let glass = parts.break_glass.as_ref();
        let present = Present::within(app, transaction).await?;
        let is_admitted =
            glass.is_some_and(|glass| glass.admits(person, &request.action, &present));
        let requester = parts.directory.party(&request.principal);
        let requester = requester.ok_or(EmergencyError::LineageUnknown)?.clone();
        let lineage = velum_approval::Lineage::new(vec![request.principal.clone()])
            .map_err(|_| EmergencyError::LineageUnknown)?;
        let excluded = parts.directory.resolve(&lineage);
        let excluded = excluded.map_err(|_| EmergencyError::LineageUnknown)?;
        let earlier = transaction.unreviewed_emergencies().await?;
        // One principal may have several names.
        let is_blocked = earlier.iter().any(|earlier| {
            let principal = parts.directory.party(&earlier.principal);
            earlier.opened_by == *person
                || earlier.principal == request.principal
                || principal == Some(&requester)
        });
        let is_reviewable = can_be_reviewed(app, &request.action, &excluded, person);
        let reason = app.secret(Some(&request.reason))?;
        let reason = reason.ok_or(StoreError::Refused("no reason"))?;
        let opening = EmergencyOpening {
            id: id.clone(),
            person,
            is_admitted,
            principal: &request.principal,
            requester,
            excluded: &excluded,
            action: &request.action,
            reason: reason.commitment,
            lifetime: Duration::from_mins(request.minutes.into()),
            most: glass.map_or(Duration::ZERO, |glass| glass.lifetime),
            is_blocked,
            is_reviewable,
        };
        let (emergency, record) =
            Emergency::open(opening, stamp.now).map_err(EmergencyError::Refused)?;
        let change = Change::Emergency {
            emergency: &emergency,
            written: Some(&reason),
        };
        transaction.apply(&change, &record, &stamp).await?;
        let noted = transaction.note(once.as_ref(), id.as_str(), stamp.now);
        noted.await?;
        Ok(id.clone())
    }
}

struct Review {
    app: App,
    id: EmergencyId,
    person: PersonId,
    request: ReviewRequest,
}

impl Operation for Review {
    type Output = ();
    type Error = EmergencyError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), EmergencyError> {
        let Review {
            app,
            id,
            person,
            request,
        } = self;
        let parts = app.parts();
        let stamp = app.stamp(transaction).await?;
        let emergency = transaction.emergency(id).await?;
        let emergency = emergency.ok_or(EmergencyError::Unknown)?;
        let lifts_until = emergency.until;
        let requester = parts.directory.party(&emergency.principal).cloned();
        let present = Present::within(app, transaction).await?;
        // Where the action is there no more, whoever reviews anything looks at it.
        let panel = parts
            .actions
            .panel(&emergency.action, &emergency.excluded, &present);
        let is_reviewer = panel.is_none_or(|panel| panel.admits(person));
        let comment = app.secret(request.comment.as_ref())?;
        let commitment = comment.as_ref().map(|comment| comment.commitment);
        let (emergency, record) = emergency
            .review(
                person,
                is_reviewer,
                requester,
                request.justified,
                commitment,
                stamp.now,
            )
            .map_err(EmergencyError::Refused)?;
        let change = Change::Emergency {
            emergency: &emergency,
            written: comment.as_ref(),
        };
        transaction.apply(&change, &record, &stamp).await?;
        if stamp.now < lifts_until {
            stop_streams(app, transaction, &emergency, person, lifts_until).await?;
        }
        Ok(())
    }
}

/// Whether anybody may review an access afterwards that excludes these persons and this one.
pub(crate) fn can_be_reviewed(
    app: &App,
    action: &ActionName,
    excluded: &ExcludedPersons,
    opened_by: &PersonId,
) -> bool {
    let parts = app.parts();
    let panel = parts.actions.panel(action, excluded, &Present::default());
    let mut reviewers = parts.actions.reviewers();
    excluded.iter().count() <= MOST_EXCLUDED
        && panel.is_some_and(|panel| {
            reviewers.any(|person| person != opened_by && panel.admits(person))
        })
}

/// What still runs under an access ends with it.
async fn stop_streams(
    app: &App,
    transaction: &mut Transaction,
    emergency: &Emergency,
    person: &PersonId,
    lifts_until: Timestamp,
) -> Result<(), StoreError> {
    let scope = StopScope::Emergency {
        id: emergency.id.clone(),
    };
    let stamp = app.stamp(transaction).await?;
    let id = app.new_id()?;
    let (stop, record) = Stop::of_grant(id, scope, person.clone(), lifts_until, stamp.now);
    let change = Change::Stop {
        stop: &stop,
        comment: None,
    };
    transaction.apply(&change, &record, &stamp).await?;
    Ok(())
}

/// What the document says of it.
pub(crate) fn describe_list() -> Described {
    Described::new(
        "listEmergencies",
        "Emergency accesses that wait for a review",
        "",
    )
    .query(
        "all",
        "Those that were reviewed too.",
        &json!({"type": "boolean"}),
    )
    .gives::<Page>(200, "A page.")
    .refuses(400, &["malformed-query"])
}

/// What the document says of it.
pub(crate) fn describe_open() -> Described {
    let described = Described::new(
        "openEmergency",
        "Opens an emergency access",
        "By a person of the configured group, for one principal and one action, for an hour at most.",
    )
    .takes::<EmergencyRequest>(&json!({
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
        "action": "read", "reason": "patient unconscious", "minutes": 10,
    }))
    .gives::<View>(201, "The access.")
    .refuses(400, &["emergency-lifetime"])
    .refuses(403, &["no-emergency-access"])
    .refuses(409, &["emergency-unreviewed", "lineage-unknown", "no-reviewer"]);
    once::describe(described)
}

/// What the document says of it.
pub(crate) fn describe_review() -> Described {
    Described::new(
        "reviewEmergency",
        "Reviews an emergency access after the fact",
        "By somebody outside of it; where it still lasts, it ends.",
    )
    .takes::<ReviewRequest>(&json!({"justified": true}))
    .gives::<View>(200, "The access with its review.")
    .refuses(403, &["self-approval", "not-a-reviewer"])
    .refuses(404, &["unknown-emergency"])
    .refuses(409, &["already-reviewed"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::{CONFIGURATION, Service, identity};

    fn configuration() -> String {
        format!(
            "{CONFIGURATION}\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\n\
             actions = [\"read\"]\n"
        )
    }

    fn request(action: &str, minutes: u32) -> Value {
        json!({
            "principal": identity("triage-bot"), "action": action,
            "reason": "patient unconscious", "minutes": minutes,
        })
    }

    #[tokio::test]
    async fn an_emergency_releases_at_once_and_is_reviewed_afterwards() {
        let service = Service::with(&configuration()).await;
        let held = service.ask(1);
        let pending = service.pending(&held).await;
        let open = async |person, body: Value| service.post(person, "/v1/emergencies", &body).await;
        for (person, body, status, code) in [
            ("nora", request("read", 10), 403, "no-emergency-access"),
            ("omar", request("purge", 10), 403, "no-emergency-access"),
            ("omar", request("read", 31), 400, "emergency-lifetime"),
            ("omar", request("read", 0), 400, "emergency-lifetime"),
        ] {
            let (got, body) = open(person, body).await;
            assert_eq!(got, status, "{body}");
            assert!(body["type"].as_str().unwrap().ends_with(code), "{body}");
        }
        let (status, emergency) = open("omar", request("read", 10)).await;
        assert_eq!(status, 201, "{emergency}");
        assert_eq!(emergency["reason"], "patient unconscious");

        // What waited and what comes is released, each use under its own record.
        assert_eq!(service.check(&held).await["decision"], "allow");
        assert_eq!(service.show(&pending).await["state"], "used");
        let fresh = service.ask(2);
        let allow = service.verified(&fresh, &service.check(&fresh).await);
        assert_eq!(allow.scope.classes, fresh.classes);
        let mut of_another = service.ask(3);
        of_another.principal = identity("dr-jones");
        assert_eq!(service.check(&of_another).await["decision"], "pending");
        assert_eq!(service.count("emergency.used").await, 2);
        assert_eq!(service.count("grant.used").await, 0);

        // The next one waits for the review of this one, which neither its opener nor the agent's
        // owner can give.
        let (status, body) = open("omar", request("read", 10)).await;
        assert_eq!(status, 409, "{body}");
        let (status, _) = open("grace", request("read", 10)).await;
        assert_eq!(status, 409, "the principal has one");
        let path = format!(
            "/v1/emergencies/{}/review",
            emergency["id"].as_str().unwrap()
        );
        let review = async |person| {
            service
                .post(person, &path, &json!({"justified": true}))
                .await
        };
        assert_eq!(review("omar").await.0, 403);
        assert_eq!(review("dr-jones").await.0, 403);
        let (status, reviewed) = review("grace").await;
        assert_eq!(
            (status.as_u16(), &reviewed["uses"]),
            (200, &json!(2)),
            "{reviewed}"
        );
        assert_eq!(review("grace").await.0, 409);
        let list = async |query: &str| {
            let page = service
                .get("grace", &format!("/v1/emergencies?{query}"))
                .await
                .1;
            let listed = page["emergencies"].as_array().unwrap().len();
            (listed, page["next"].clone())
        };
        assert_eq!(list("").await, (0, Value::Null), "it was reviewed");
        assert_eq!(list("all=true&limit=1").await, (1, emergency["id"].clone()));
        let rest = format!("all=true&after={}", emergency["id"].as_str().unwrap());
        assert_eq!(list(&rest).await, (0, Value::Null));
        let after = service.ask(4);
        assert_eq!(
            service.check(&after).await["decision"],
            "pending",
            "it has ended"
        );
        assert_eq!(open("omar", request("read", 10)).await.0, 201);
    }

    #[tokio::test]
    async fn an_emergency_ends_by_itself_and_without_configuration_there_is_none() {
        let service = Service::start().await;
        let (status, _) = service
            .post("omar", "/v1/emergencies", &request("read", 10))
            .await;
        assert_eq!(status, 403);
        let service = service.restart_with(&configuration()).await;
        let (status, _) = service
            .post("omar", "/v1/emergencies", &request("read", 10))
            .await;
        assert_eq!(status, 201);
        let service = service.restart().await;
        assert_eq!(service.check(&service.ask(1)).await["decision"], "allow");
        service.clock.advance(10 * 60_000);
        assert_eq!(service.check(&service.ask(2)).await["decision"], "pending");
    }

    #[tokio::test]
    async fn a_review_ends_what_still_runs_under_it() {
        let service = Service::with(&configuration()).await;
        let (_, emergency) = service
            .post("omar", "/v1/emergencies", &request("read", 10))
            .await;
        let check = service.ask(1);
        let allow = service.verified(&check, &service.check(&check).await);
        assert_eq!(json!(allow.emergency), emergency["id"]);
        assert_eq!(json!(allow.lifts_until), emergency["until"]);
        assert!(service.lease(1, 0).await.stops.is_empty());
        let id = emergency["id"].as_str().unwrap();
        let path = format!("/v1/emergencies/{id}/review");
        let (status, _) = service
            .post("grace", &path, &json!({"justified": false}))
            .await;
        assert_eq!(status, 200);
        let told = service.lease(1, 0).await.stops;
        assert_eq!(json!(told), json!([{"kind": "emergency", "id": id}]));
        // The stream that had its answer does not have it again.
        assert_eq!(service.check(&check).await["code"], "stopped");
        // Nobody ends it, and when no stream can run any more nobody hears of it.
        let (_, stops) = service.get("grace", "/v1/stops").await;
        let stop = stops["stops"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/stops/{stop}/resume");
        assert_eq!(service.post("nora", &path, &json!({})).await.0, 409);
        service.clock.advance(15 * 60_000);
        assert!(service.lease(1, 0).await.stops.is_empty());
        let (_, stops) = service.get("grace", "/v1/stops").await;
        assert_eq!(stops["stops"], json!([]));
        let (_, stops) = service.get("grace", "/v1/stops?all=true").await;
        assert_eq!(stops["stops"].as_array().unwrap().len(), 1);
        // One that has ended by itself stops nothing when it is reviewed.
        let (status, emergency) = service
            .post("omar", "/v1/emergencies", &request("read", 10))
            .await;
        assert_eq!(status, 201);
        service.clock.advance(11 * 60_000);
        let id = emergency["id"].as_str().unwrap();
        let path = format!("/v1/emergencies/{id}/review");
        let (status, _) = service
            .post("grace", &path, &json!({"justified": true}))
            .await;
        assert_eq!(status, 200);
        assert!(service.lease(1, 0).await.stops.is_empty());
    }

    #[tokio::test]
    async fn who_may_open_none_any_more_uses_none() {
        let service = Service::with(&configuration()).await;
        let asked = request("read", 10);
        let opened = service.post("omar", "/v1/emergencies", &asked).await;
        assert_eq!(opened.0, 201);
        let other = configuration().replace("actions = [\"read\"]", "actions = [\"purge\"]");
        let service = service.restart_with(&other).await;
        assert_eq!(service.check(&service.ask(1)).await["decision"], "pending");
        let service = service.restart_with(CONFIGURATION).await;
        assert_eq!(service.check(&service.ask(2)).await["decision"], "pending");
        let service = service.restart_with(&configuration()).await;
        assert_eq!(service.check(&service.ask(3)).await["decision"], "allow");
    }

    #[tokio::test]
    async fn an_unreviewed_one_blocks_the_principal_under_every_name() {
        let name = "subject = \"dr-jones\"}";
        let names = format!(
            "{name}, {{kind = \"jwt\", issuer = \"https://idp.example\", subject = \"jones@ward\"}}"
        );
        let service = Service::with(&configuration().replace(name, &names)).await;
        let of = |name: &str| {
            let mut request = request("read", 10);
            request["principal"] = json!(identity(name));
            request
        };
        let open = async |person, name| service.post(person, "/v1/emergencies", &of(name)).await;
        assert_eq!(open("omar", "dr-jones").await.0, 201);
        let (status, body) = open("grace", "jones@ward").await;
        assert_eq!(status, 409, "{body}");
    }

    #[tokio::test]
    async fn what_nobody_could_review_afterwards_is_not_opened() {
        let alone = configuration().replace(
            "[actions.read]\nquorum = 1",
            "[actions.read]\nquorum = 1\ngroups = [\"privacy\"]",
        );
        let service = Service::with(&alone).await;
        // Only grace reviews.
        let asked = request("read", 10);
        let (status, body) = service.post("grace", "/v1/emergencies", &asked).await;
        assert_eq!(status, 409, "{body}");
        assert!(body["type"].as_str().unwrap().ends_with("no-reviewer"));
        let (status, emergency) = service.post("omar", "/v1/emergencies", &asked).await;
        assert_eq!(status, 201, "{emergency}");
        // Nor is released what she stands behind: then nobody is left.
        let mut ask = service.ask(1);
        ask.lineage = velum_approval::Lineage::new(vec![
            identity("triage-bot"),
            identity("dr-jones"),
            identity("grace"),
        ])
        .unwrap();
        assert_ne!(service.check(&ask).await["decision"], "allow");
        // Where the principal is forgotten, it is reviewed all the same.
        let forgotten = alone.replace("subject = \"triage-bot\"", "subject = \"other-bot\"");
        let service = service.restart_with(&forgotten).await;
        let path = format!(
            "/v1/emergencies/{}/review",
            emergency["id"].as_str().unwrap()
        );
        let body = json!({"justified": true});
        assert_eq!(service.post("grace", &path, &body).await.0, 200);
    }
}
