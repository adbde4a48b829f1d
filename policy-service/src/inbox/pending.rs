//! `GET /`: what waits for a decision, the reader's own first.
//!
//! Those whose callers wait at this moment stand at the top, by the time that they have left; then the oldest. What is
//! new while the page is open comes at the end: nothing moves under the pointer of whoever is about to decide.

use std::collections::BTreeMap;
use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use form_urlencoded::Serializer;
use serde::Deserialize;
use velum_approval::{
    ActionName, Approval, ApprovalId, Identity, PersonId, State as ApprovalState, Timestamp,
    Verdict,
};

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

/// How many a page has at most.
const PAGE: usize = 30;
/// How many bytes their cards have at most: what comes over a slow line stays below 100 kB with all that it loads,
/// whatever requesters write. It is not compressed: a page has what they write beside the token of its reader's forms,
/// and its compressed length would tell of that (BREACH).
const ROOM: usize = 70_000;
/// How many of these are there because somebody waits for them. The others are the oldest, so that those come up too,
/// however many wait.
const URGENT: usize = 20;
/// No name or subject that is searched for is longer.
const LONGEST_NAME: usize = 512;

/// Which of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    /// Those that others decide, instead of the reader's own.
    #[serde(default)]
    others: bool,
    /// Only those of this action, if it is not empty: the page has a form.
    #[serde(default)]
    action: String,
    /// Only what this person or agent has asked, by their name in the directory or a subject.
    #[serde(default)]
    who: String,
    /// Only those asked after this one.
    after: Option<ApprovalId>,
    /// The one that the reader has just approved from here.
    done: Option<ApprovalId>,
}

#[derive(Template)]
#[template(path = "pending.html")]
#[expect(clippy::struct_excessive_bools, reason = "what the template asks")]
struct Page {
    done: Option<String>,
    /// When the reader's newest security key was added, if that was just now.
    new_key: Option<Moment>,
    shell: Shell,
    others: bool,
    own_path: String,
    others_path: String,
    own_count: usize,
    other_count: usize,
    actions: Vec<String>,
    action: String,
    who: String,
    is_filtered: bool,
    /// Whether nobody is called as who asked is to be called.
    is_nobody: bool,
    rows: Vec<Card>,
    /// How many more there are behind this page.
    more: usize,
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

/// One of them, as its template has rendered and escaped it.
struct Card(String);

impl fmt::Display for Card {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl HtmlSafe for Card {}

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
    let wanted = parameters.ok().and_then(|Query(it)| Wanted::read(it, &app));
    let Some(wanted) = wanted else {
        let problem = Problem::malformed_query(
            "Takes others=true, action=<action>, who=<name>, after=<id> and done=<id>.",
        );
        return shell::refuse(&session, &problem);
    };
    match read(&app, &session, &wanted).await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

/// What is to be listed.
struct Wanted {
    others: bool,
    action: Option<ActionName>,
    /// Whoever is called so, and all their names.
    who: Option<(String, Vec<Identity>)>,
    after: Option<ApprovalId>,
    done: Option<ApprovalId>,
}

impl Wanted {
    fn read(parameters: Parameters, app: &App) -> Option<Wanted> {
        let action = match parameters.action.as_str() {
            "" => None,
            name => Some(ActionName::new(name).ok()?),
        };
        let who = match parameters.who.trim() {
            "" => None,
            name if name.len() <= LONGEST_NAME => {
                let names = app.parts().directory.called(name);
                Some((name.to_owned(), names.into_iter().cloned().collect()))
            }
            _ => return None,
        };
        Some(Wanted {
            others: parameters.others,
            action,
            who,
            after: parameters.after,
            done: parameters.done,
        })
    }

    fn admits(&self, approval: &Approval) -> bool {
        let mut action = self.action.iter();
        let mut who = self.who.iter();
        action.all(|action| approval.action == *action)
            && who.all(|(_, names)| names.contains(&approval.principal))
    }

    /// The same list of the reader's own or of others', from there on.
    fn address(&self, others: bool, after: Option<&ApprovalId>) -> String {
        let mut query = Serializer::new(String::new());
        if others {
            query.append_pair("others", "true");
        }
        if let Some(action) = &self.action {
            query.append_pair("action", action.as_str());
        }
        if let Some((name, _)) = &self.who {
            query.append_pair("who", name);
        }
        if let Some(after) = after {
            query.append_pair("after", after.as_str());
        }
        match query.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }
}

/// A page of what waits, as far as there is room.
struct Cut {
    shown: Vec<Judged>,
    /// How many of these stand first because their callers wait.
    urgent: usize,
    /// How many there are in all that no page before this one has.
    left: usize,
}

/// Cuts a page out of what waits, which is in the order in which it was asked.
///
/// On the first page those stand first whose callers wait. All the others follow in their order there and on the
/// pages behind it, and so does one whose caller has begun to wait since: whoever reads all pages has seen each.
fn cut(
    listed: Vec<Judged>,
    after: Option<&ApprovalId>,
    waits: &BTreeMap<ApprovalId, Urgency>,
) -> Cut {
    let mut urgent = Vec::new();
    if after.is_none() {
        let ids = listed.iter().map(|(approval, _)| approval.id.clone());
        urgent.extend(ids.filter(|id| waits.contains_key(id)));
        // Where it is the same, the oldest is first still.
        urgent.sort_by_key(|id| waits.get(id));
        urgent.truncate(URGENT);
    }
    let is_left = |(approval, _): &Judged| after.is_none_or(|after| approval.id > *after);
    let (mut shown, rest): (Vec<Judged>, Vec<Judged>) = listed
        .into_iter()
        .filter(is_left)
        .partition(|(approval, _)| urgent.contains(&approval.id));
    shown.sort_by_key(|(approval, _)| urgent.iter().position(|id| *id == approval.id));
    let (urgent, left) = (shown.len(), shown.len() + rest.len());
    shown.extend(rest.into_iter().take(PAGE - urgent));
    Cut {
        shown,
        urgent,
        left,
    }
}

impl Cut {
    /// Behind which one the next page begins, where so many of these have room.
    fn next(&self, fit: usize) -> Option<ApprovalId> {
        if fit >= self.left {
            return None;
        }
        // Behind nothing, where only those stand here that stand first because their callers wait.
        let last = fit.checked_sub(1).filter(|_| fit > self.urgent);
        let last = last.and_then(|last| self.shown.get(last));
        last.map_or_else(
            || FIRST.parse().ok(),
            |(approval, _)| Some(approval.id.clone()),
        )
    }
}

/// Comes before every id.
const FIRST: &str = "0";

/// How soon a caller gives up: first those of whom it is known when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    Until(Timestamp),
    Unknown,
}

/// For which approvals callers wait at this service.
fn urgency(app: &App) -> BTreeMap<ApprovalId, Urgency> {
    let waits = app.parts().streams.waits().into_iter();
    let urgency = waits.map(|(id, wait)| {
        let until = wait.until.map_or(Urgency::Unknown, Urgency::Until);
        (id, until)
    });
    urgency.collect()
}

async fn read(app: &App, session: &Session, wanted: &Wanted) -> Result<Page, Problem> {
    let fault = |error| unavailable("list what waits", &error);
    let now = app.now();
    let waiting = app.store().waiting(now).await.map_err(fault)?;
    let present = Present::load(app).await.map_err(fault)?;
    let (own, others) = divide(waiting, &session.person, app, &present);
    let (own_count, other_count) = (own.len(), others.len());
    let mut listed = if wanted.others { others } else { own };
    listed.retain(|(approval, _)| wanted.admits(approval));
    let cut = cut(listed, wanted.after.as_ref(), &urgency(app));
    let ids: Vec<ApprovalId> = cut.shown.iter().map(|(one, _)| one.id.clone()).collect();
    let several = app.store().several(&ids).await.map_err(fault)?;
    let directory = &app.parts().directory;
    let named = several.iter().map(|stored| {
        let approval = &stored.approval;
        (approval, directory.names(&approval.principal))
    });
    let named: Vec<_> = named.collect();
    let before = app.store().before(&named, now).await.map_err(fault)?;
    let (mut rows, mut room, mut fit) = (Vec::new(), ROOM, 0);
    for (stored, before) in several.iter().zip(before) {
        let known = cut
            .shown
            .iter()
            .find(|(one, _)| one.id == stored.approval.id);
        // One that was decided in between has no card.
        let is_pending = stored.approval.state_at(now) == ApprovalState::Pending;
        if let Some((_, stance)) = known.filter(|_| is_pending) {
            let row = row(stored, before, *stance, session, app, &present);
            let card = row.render().map_err(|error| unrendered(&error))?;
            if card.len() > room && !rows.is_empty() {
                break;
            }
            room = room.saturating_sub(card.len());
            rows.push(Card(card));
        }
        fit += 1;
    }
    Ok(Page {
        rows,
        new_key: security_keys::newest(app, &session.person)
            .await
            .map_err(fault)?,
        shell: Shell::new(session, Here::Pending),
        others: wanted.others,
        own_path: wanted.address(false, None),
        others_path: wanted.address(true, None),
        done: done_by(app, session, wanted.done.as_ref()).await?,
        own_count,
        other_count,
        actions: app
            .parts()
            .actions
            .names()
            .map(ToString::to_string)
            .collect(),
        action: wanted
            .action
            .as_ref()
            .map_or_else(String::new, ToString::to_string),
        is_filtered: wanted.action.is_some() || wanted.who.is_some(),
        is_nobody: wanted
            .who
            .as_ref()
            .is_some_and(|(_, names)| names.is_empty()),
        who: wanted
            .who
            .as_ref()
            .map_or_else(String::new, |(name, _)| name.clone()),
        more: cut.left.saturating_sub(fit),
        next: cut
            .next(fit)
            .map(|last| wanted.address(wanted.others, Some(&last))),
        is_first: wanted.after.is_none(),
        emergencies: emergencies::waiting(app, &session.person, &present).await?,
    })
}

fn unrendered(error: &askama::Error) -> Problem {
    tracing::error!(%error, "a card was not rendered");
    Problem::unavailable()
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
