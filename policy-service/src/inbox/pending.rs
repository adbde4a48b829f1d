//! `GET /`: what waits for a decision, the reader's own first.
//!
//! The oldest stand at the top, and what is new comes at the end: nothing moves under the pointer of whoever
//! is about to decide.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use velum_approval::{Approval, ApprovalId, PersonId, State as ApprovalState, Verdict};

use super::ask::{Ask, Known, Room, Stance};
use super::moment::Moment;
use super::security_keys;
use super::session::Session;
use super::shape::Fields;
use super::shell::{self, Here, Shell};
use super::{Present, emergencies, reads_reason};
use crate::http::{App, unavailable};
use crate::problem::Problem;
use crate::store::StoredApproval;

/// How many a page has: what comes over a slow line stays below 100 kB with all that it loads.
const PAGE: usize = 30;

/// Which of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// Those that others decide, instead of the reader's own.
    #[serde(default)]
    others: bool,
    /// Only those asked after this one.
    after: Option<ApprovalId>,
    /// The one that the reader has just approved from here.
    done: Option<ApprovalId>,
}

#[derive(Template)]
#[template(path = "pending.html")]
struct Page {
    done: Option<String>,
    /// When the reader's newest security key was added, if that was just now.
    new_key: Option<Moment>,
    shell: Shell,
    others: bool,
    own_count: usize,
    other_count: usize,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    /// How many accesses in an emergency the reader is to review.
    emergencies: usize,
}

/// One that waits.
#[derive(Template)]
#[template(path = "row.html")]
pub(super) struct Row {
    ask: Ask,
    /// Where what would be released stands, as far as it is known.
    fields: Option<Fields>,
    /// What has become of the same asks lately: how many of each state.
    before: Vec<(&'static str, u64)>,
    /// Of which groups one each has to agree.
    groups: Vec<String>,
    /// Which action of the policy it met: 1 is the first; none where the policy is no longer there.
    place: Option<usize>,
    stance: Stance,
    /// What every form carries.
    token: String,
    /// Whether the reader has approved it already.
    has_agreed: bool,
}

impl HtmlSafe for Row {}

impl Row {
    /// Whether one click may approve it from here: all of it stands here, and nothing has to be said besides.
    fn can_approve_here(&self) -> bool {
        self.stance.decides() && !self.has_agreed && !self.is_cut() && !self.ask.is_unseen()
    }

    /// Whether something had no room here: whoever decides has to see all of it.
    fn is_cut(&self) -> bool {
        self.ask.is_cut() || self.fields.as_ref().is_some_and(Fields::is_cut)
    }
}

/// Shows a page of them.
pub(super) async fn handle(
    State(app): State<App>,
    session: Session,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let Ok(Query(parameters)) = parameters else {
        let problem = Problem::malformed_query("Takes others=true, after=<id> and done=<id>.");
        return shell::refuse(&session, &problem);
    };
    match read(&app, &session, &parameters).await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

async fn read(app: &App, session: &Session, parameters: &Parameters) -> Result<Page, Problem> {
    let fault = |error| unavailable("list what waits", &error);
    let now = app.now();
    let waiting = app.store().waiting(now).await.map_err(fault)?;
    let present = Present::load(app).await.map_err(fault)?;
    let (own, others) = divide(waiting, &session.person, app, &present);
    let (own_count, other_count) = (own.len(), others.len());
    let listed = if parameters.others { others } else { own };
    let mut rest = listed.into_iter().filter(|(approval, _)| {
        let after = parameters.after.as_ref();
        after.is_none_or(|after| approval.id > *after)
    });
    let shown: Vec<Judged> = rest.by_ref().take(PAGE).collect();
    let next = rest.next().and(shown.last());
    let next = next.map(|(last, _)| last.id.to_string());
    let ids: Vec<ApprovalId> = shown.iter().map(|(one, _)| one.id.clone()).collect();
    let several = app.store().several(&ids).await.map_err(fault)?;
    let directory = &app.parts().directory;
    let named = several.iter().map(|stored| {
        let approval = &stored.approval;
        (approval, directory.names(&approval.principal))
    });
    let named: Vec<_> = named.collect();
    let before = app.store().before(&named, now).await.map_err(fault)?;
    let rows = several
        .iter()
        .zip(before)
        // Decided in between.
        .filter(|(stored, _)| stored.approval.state_at(now) == ApprovalState::Pending)
        .filter_map(|(stored, before)| {
            let known = shown.iter().find(|(one, _)| one.id == stored.approval.id);
            known.map(|(_, stance)| row(stored, before, *stance, session, app, &present))
        });
    Ok(Page {
        rows: rows.collect(),
        new_key: security_keys::newest(app, &session.person)
            .await
            .map_err(fault)?,
        shell: Shell::new(session, Here::Pending),
        others: parameters.others,
        done: done_by(app, session, parameters.done.as_ref()).await?,
        own_count,
        other_count,
        next,
        is_first: parameters.after.is_none(),
        emergencies: emergencies::waiting(app, &session.person, &present).await?,
    })
}

/// What the reader has just approved: a link elsewhere says nothing of that.
async fn done_by(
    app: &App,
    session: &Session,
    id: Option<&ApprovalId>,
) -> Result<Option<String>, Problem> {
    let Some(id) = id else { return Ok(None) };
    let stored = app.store().approval(id).await;
    let stored = stored.map_err(|error| unavailable("list what waits", &error))?;
    let has_approved = stored.is_some_and(|stored| {
        let votes = stored.approval.votes.iter();
        let mut own = votes.filter(|vote| vote.person == session.person);
        own.any(|vote| matches!(vote.verdict, Verdict::Approve { .. }))
    });
    Ok(has_approved.then(|| id.to_string()))
}

/// One that waits, with how the reader stands to it.
type Judged = (Approval, Stance);

/// Those that this person may decide, and the others.
fn divide(
    waiting: Vec<Approval>,
    person: &PersonId,
    app: &App,
    present: &Present,
) -> (Vec<Judged>, Vec<Judged>) {
    waiting
        .into_iter()
        .map(|approval| {
            let stance = Stance::of(person, &approval, app, present);
            (approval, stance)
        })
        .partition(|(_, stance)| stance.decides())
}

fn row(
    stored: &StoredApproval,
    before: Vec<(ApprovalState, u64)>,
    stance: Stance,
    session: &Session,
    app: &App,
    present: &Present,
) -> Row {
    let approval = &stored.approval;
    let reason = stored.reason.as_ref();
    let mut ask = Ask::new(approval, reason, Room::CARD, app, app.now());
    if !reads_reason(&session.person, approval, app, present) {
        ask = ask.without_reason();
    }
    let verdicts = approval.latest_verdicts();
    let own = verdicts.get(&session.person);
    let policies = &app.parts().policies;
    let rule = app.parts().actions.rule(&approval.action);
    let groups = rule.map(|rule| rule.groups().iter().map(ToString::to_string).collect());
    let action = policies.action(&approval.policy, &approval.action);
    let before = before
        .into_iter()
        .map(|(state, count)| (state.name(), count));
    Row {
        fields: stored.shape.as_ref().map(Fields::of_card),
        before: before.collect(),
        groups: groups.unwrap_or_default(),
        place: action.map(|(place, _)| place),
        has_agreed: matches!(own, Some(Verdict::Approve { .. })),
        ask,
        token: session.form_token.clone(),
        stance,
    }
}
