//! `POST /v1/checks`: may this request go on, and with what lifted?
//!
//! Always 200 with an [`Answer`] where there is a decision; the filter takes every other status for
//! a service that is not there, and lifts nothing.
//!
//! A check that has waited uses no grant: a gateway cannot cancel its call, so the stream behind it
//! may be gone. It is told to ask again at once, which only a live stream does.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use velum_approval::{
    ActionName, Answer, ApprovalId, Check, DenyCode, GatewayId, Record, Timestamp,
};

use super::app::{to_the_end, unavailable};
use super::body::Body;
use super::counts;
use super::openapi::Described;
use super::{App, prefer};
use crate::auth::Gateway;
use crate::config::Release;
use crate::decide::{Asked, Decide, Look, Outcome};
use crate::inbox::Present;
use crate::problem::Problem;
use crate::refusals::{self, Caller};
use crate::store::StoreError;
use crate::streams::StreamKey;
use crate::wake::Ticket;

/// How long after its deadline a call still waits for the store.
const GRACE: Duration = Duration::from_secs(1);
/// How long a check that waits leaves a store alone that has failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a release waits for its record to be under a signed head, and for anchors to have that.
const UNPUBLISHED: Duration = Duration::from_secs(2);

/// Why a check has no decision.
pub(crate) enum CheckError {
    /// It asks for classes that the action of its policy does not offer.
    Classes,
    Store(StoreError),
}

impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> CheckError {
        CheckError::Store(error)
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Problem {
        match error {
            CheckError::Store(error) => unavailable("check", &error),
            CheckError::Classes => Problem::new(
                StatusCode::BAD_REQUEST,
                "classes-not-offered",
                "More is asked than the policy offers",
                "The action of this policy does not offer these classes.",
            ),
        }
    }
}

/// Decides, and with `Prefer: wait=N` waits for people to decide.
pub(crate) async fn handle(
    State(app): State<App>,
    gateway: Gateway,
    headers: HeaderMap,
    Body(check): Body<Check>,
) -> Result<Json<Answer>, Problem> {
    counts::check(check.found.iter().flat_map(counts::of))?;
    let wait = prefer::wait(&headers);
    drop(headers);
    let deadline = Instant::now() + wait;
    // A gateway that asks for less than it may has no more to wait.
    let until = (wait < prefer::LONGEST).then(|| app.now().after(wait));
    let gateway = GatewayId::new(&*gateway.0).map_err(|_| Problem::unavailable())?;
    answer(&app, gateway, check, (deadline, until))
        .await
        .map(Json)
        .map_err(Problem::from)
}

async fn answer(
    app: &App,
    gateway: GatewayId,
    check: Check,
    (deadline, until): (Instant, Option<Timestamp>),
) -> Result<Answer, CheckError> {
    let principal = check.principal.clone();
    let streams = &app.parts().streams;
    let stream = (gateway.clone(), check.use_key);
    // Before anything is released: a stop that comes later waits for it.
    match check.worker {
        Some(worker) => app.parts().leases.release(&gateway, worker, app.now()),
        None => app.parts().leases.call_unknown(app.now()),
    }
    if streams.has_departed(&stream) {
        // Nobody reads this: the stream ended while its call was on the way.
        return Ok(Answer::Deny {
            code: DenyCode::Cancelled,
            approval: None,
            public_reason: None,
        });
    }
    // What is done before and between waits is boxed, so that one that waits holds nothing of it.
    let present = Box::pin(Present::load(app)).await?;
    let asked = match judge(app, gateway.clone(), check, &present)? {
        Judgement::Asked(asked) => asked,
        Judgement::Refused(action, code) => {
            let record = Record::RequestRefused {
                gateway: gateway.clone(),
                action,
                code,
            };
            let caller = Caller::stream(&gateway, &principal);
            Box::pin(refusals::note(app, caller, record)).await;
            return Ok(Answer::Deny {
                code,
                approval: None,
                public_reason: None,
            });
        }
    };
    if let Some(answer) = Box::pin(taken(app, &asked, &stream)).await? {
        return Ok(answer);
    }
    let (mut answer, approval) = match Box::pin(decide(app, &asked, None)).await? {
        Outcome::Answer(answer) => return Ok(answer),
        Outcome::Pending { approval, answer } => (answer, approval),
    };
    if Instant::now() >= deadline {
        return Ok(answer);
    }
    // Taken before the store is read once more: the decision may have come in between.
    let mut ticket = app.parts().waiters.join(&approval);
    let _presence = streams.arrive(&approval, stream.clone(), until);
    let mut has_failed = false;
    loop {
        let heard = tokio::select! {
            heard = Box::pin(hear(app, &asked, &approval, &mut ticket)) => heard,
            // The store does not answer: what was known is the answer.
            () = sleep_until(deadline + GRACE) => return Ok(answer),
            () = app.closing() => return Ok(answer),
        };
        let is_heard = heard.is_ok();
        match heard {
            Ok(Outcome::Answer(answer)) => return Ok(answer),
            Ok(Outcome::Pending { answer: now, .. }) => answer = now,
            // That it waits is known, and releases nothing.
            Err(error) if !has_failed => {
                tracing::error!(%error, "the store failed while a check waits: it waits on");
                has_failed = true;
            }
            Err(_) => {}
        }
        if Instant::now() >= deadline || app.is_closing() || streams.has_departed(&stream) {
            return Ok(answer);
        }
        tokio::select! {
            () = ticket.changed() => {}
            () = sleep_until((Instant::now() + AGAIN).min(deadline)), if !is_heard => {}
            () = sleep_until(deadline) => {}
            // All of them at once: the store is not asked once more for each.
            () = app.closing() => return Ok(answer),
        }
    }
}

/// What one is told without a transaction that names the approval for which it has waited, while a newer one
/// waits for it too.
async fn taken(app: &App, asked: &Asked, stream: &StreamKey) -> Result<Option<Answer>, StoreError> {
    let parts = app.parts();
    let named = asked.check.approval.as_ref();
    let Some(approval) = named.filter(|id| !parts.streams.is_newest(id, stream)) else {
        return Ok(None);
    };
    let mut ticket = parts.waiters.join(approval);
    let look = ticket.look(Look::read(app, approval)).await?;
    Ok(look.taken(app, asked))
}

/// What one who waits for this approval is told of it now.
async fn hear(
    app: &App,
    asked: &Arc<Asked>,
    approval: &ApprovalId,
    ticket: &mut Ticket,
) -> Result<Outcome, StoreError> {
    let look = ticket.look(Look::read(app, approval)).await?;
    match look.outcome(app, asked) {
        Some(outcome) => Ok(outcome),
        None => decide(app, asked, Some(approval.clone())).await,
    }
}

/// What can be said before any approval is looked at.
enum Judgement {
    /// Policy, action, classes and everyone behind the request are known here.
    Asked(Arc<Asked>),
    /// One of them is not.
    Refused(Option<ActionName>, DenyCode),
}

fn judge(
    app: &App,
    gateway: GatewayId,
    mut check: Check,
    present: &Present,
) -> Result<Judgement, CheckError> {
    let parts = app.parts();
    let policies = &parts.policies;
    let known = policies.actions(&check.policy);
    let Some((actions, route)) = known.zip(policies.route(&check)) else {
        return Ok(Judgement::Refused(None, DenyCode::PolicyUnknown));
    };
    if route.path() != check.path || route.query() != check.query {
        // The request goes on: it is bound by its fingerprint, not by what is shown of it.
        tracing::warn!(
            %gateway,
            "a gateway sent more of a path or query than its policy names: that is left out"
        );
    }
    // Nothing of this is kept but what may be.
    route.path().clone_into(&mut check.path);
    route.query().clone_into(&mut check.query);
    check.authority = policies.authority(&check);
    let Some(offered) = actions.get(&check.action) else {
        // The name is what a gateway sent, so the record goes without it.
        return Ok(Judgement::Refused(None, DenyCode::ActionUnknown));
    };
    if !check.classes.is_subset(*offered) {
        return Err(CheckError::Classes);
    }
    let action = check.action.clone();
    let excluded = parts
        .directory
        .resolve_with(&check.principal, &check.lineage);
    let requester = parts.directory.party(&check.principal).cloned();
    let (Ok(excluded), Some(requester)) = (excluded, requester) else {
        return Ok(Judgement::Refused(Some(action), DenyCode::LineageUnknown));
    };
    let panel = parts.actions.panel(&action, &excluded, present);
    Ok(match panel.zip(parts.actions.terms(&action)) {
        Some((panel, terms)) => Judgement::Asked(Arc::new(Asked {
            gateway,
            check,
            route,
            requester,
            panel,
            terms,
        })),
        None => Judgement::Refused(Some(action), DenyCode::ActionUnknown),
    })
}

/// Decides in one transaction, wakes who waits for what it changed, and records a refusal.
async fn decide(
    app: &App,
    asked: &Arc<Asked>,
    waits_for: Option<ApprovalId>,
) -> Result<Outcome, StoreError> {
    let (app, asked) = (app.clone(), asked.clone());
    to_the_end(async move {
        let decide = Decide {
            app: app.clone(),
            asked: asked.clone(),
            waits_for,
        };
        let decided = app.store().write(decide).await?;
        for approval in &decided.changed {
            app.parts().waiters.wake(approval);
        }
        let is_allowed = matches!(decided.outcome, Outcome::Answer(Answer::Allow(_)));
        // The same answer once more changes nothing.
        if is_allowed && !decided.changed.is_empty() {
            app.parts().metrics.used(&asked.check.action);
        }
        if let Some(index) = decided.used {
            recorded(&app, asked.terms.release, index).await?;
        }
        if let Some(record) = decided.refusal {
            let caller = Caller::stream(&asked.gateway, &asked.check.principal);
            refusals::note(&app, caller, record).await;
        }
        Ok(decided.outcome)
    })
    .await
}

/// Returns once the record of a use is as sure as its action wants it. Where that takes too long nothing is
/// released: the same stream has the same answer when it asks again.
async fn recorded(app: &App, release: Release, index: u64) -> Result<(), StoreError> {
    let log = &app.parts().log;
    let sure = async {
        match release {
            Release::Committed => {}
            Release::Checkpointed => log.published(index).await,
            Release::Anchored => log.anchored(index).await,
        }
    };
    let sure = tokio::time::timeout(UNPUBLISHED, sure).await;
    sure.map_err(|_| StoreError::Unpublished)
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new(
        "check",
        "May this request go on, and with what lifted?",
        "Every decision is a 200: `allow` (signed), `pending` or `deny`. The filter takes any other \
         status for a service that is not there, and lifts nothing.",
    )
    .takes::<Check>(&json!({
        "use_key": "AQEBAQEBAQEBAQEBAQEBAQ",
        "principal": {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
        "lineage": [
            {"kind": "jwt", "issuer": "https://idp.example", "subject": "triage-bot"},
            {"kind": "jwt", "issuer": "https://idp.example", "subject": "dr-jones"},
        ],
        "action": "read", "method": "GET", "authority": "fhir.example",
        "path": "/Patient/{…}", "query": "", "resource": "jMdCj9T43UdKeGdNsOjThQ",
        "fingerprint": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
        "policy": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
        "classes": ["name", "date"],
    }))
    .header("prefer", prefer::DESCRIPTION, &prefer::schema())
    .gives::<Answer>(200, "The decision.")
    .refuses(400, &["classes-not-offered", "bad-count"])
}
