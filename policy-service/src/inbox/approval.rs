//! `GET /approvals/{id}`: one approval with all that a decision rests on, and the forms that decide it.

mod flagged;
mod story;

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use velum_approval::{
    Approval, ApprovalId, GrantLimits, PersonId, REVOCABLE, RuleName, Scope, Shape,
    State as ApprovalState, StepUp, Timestamp, Verdict,
};
use velum_engine::Class;

use super::ask::{self, Ask, Known, Room, Stance};
use super::moment::{Moment, span};
use super::security_keys;
use super::session::Session;
use super::shape::Fields;
use super::shell::{self, Here, Shell};
use super::visible::Visible;
use super::{Present, as_read_by, reads_reason};
use crate::config::Policies;
use crate::http::{App, unavailable};
use crate::problem::Problem;
use crate::store::{StoredApproval, Written};
use flagged::Flagged;
use story::Event;

/// How many earlier asks are shown.
const EARLIER: u32 = 10;
/// How many records about it are shown, the latest; an approval has a handful.
const RECORDS: u32 = 100;

/// What a requester is told most often; the reviewer chooses one and may add to it.
const DENIALS: &[&str] = &[
    "Ask for fewer classes: this is more than the task needs.",
    "Give a reason that says what it is for.",
    "This is not yours to see. Ask the person who is responsible.",
    "Not now: ask again when somebody is there who knows the case.",
];

#[derive(Template)]
#[template(path = "approval.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a template asks for each of them"
)]
struct Page {
    shell: Shell,
    ask: Ask,
    notice: Option<Notice>,
    state: ApprovalState,
    stance: Stance,
    /// Whether the reader's yes is among those that count.
    has_agreed: bool,
    can_revoke: bool,
    /// Whether the reader may have such requests released at once.
    has_emergency: bool,
    gateway: Visible,
    resource: String,
    votes: Vec<Vote>,
    groups: Vec<String>,
    /// Where what would be released stands, as far as it is known.
    fields: Option<Fields>,
    rules: Vec<String>,
    lifetime: String,
    /// What approving takes beside: signing in anew, or a security key.
    signs_in_anew: bool,
    takes_a_key: bool,
    flagged: Option<Flagged>,
    granted: Option<String>,
    grant_ends: Option<Moment>,
    grant_uses: u32,
    releases: Vec<Release>,
    public_reason: Option<Visible>,
    ended: Option<Moment>,
    earlier: Vec<Earlier>,
    story: Vec<Event>,
    /// Whether more has happened, before that.
    has_earlier: bool,
    denials: &'static [&'static str],
}

/// Something that the reader has to know first.
struct Notice {
    title: &'static str,
    text: String,
    /// What of the story is new to them.
    since: Option<u64>,
}

/// What somebody said.
struct Vote {
    person: Visible,
    says: &'static str,
    /// To how much, where it is a yes.
    scope: Option<String>,
    comment: Option<Visible>,
    counts: bool,
    unseen: bool,
    at: Moment,
}

/// What left under a use of the grant.
struct Release {
    at: Moment,
    gateway: Visible,
    index: u64,
    /// Where the gateway has said so.
    outcome: Option<String>,
    has_drift: bool,
}

/// An earlier ask for the same.
struct Earlier {
    id: String,
    state: &'static str,
    asked: Moment,
    by: String,
    reason: Option<Visible>,
}

impl Page {
    fn is_pending(&self) -> bool {
        self.state == ApprovalState::Pending
    }

    fn decides(&self) -> bool {
        self.is_pending() && self.stance.decides()
    }

    /// Whether an event came after what the reader had seen.
    fn is_new(&self, event: &Event) -> bool {
        let since = self.notice.as_ref().and_then(|notice| notice.since);
        since.is_some_and(|since| event.version.is_some_and(|version| version > since))
    }
}

/// Shows it. Changes nothing: links to it are opened by machines too.
pub(super) async fn handle(
    State(app): State<App>,
    session: Session,
    Path(id): Path<String>,
) -> Response {
    match read(&app, &session, &id).await {
        Ok(page) => shell::show(StatusCode::OK, &page),
        Err(problem) => shell::refuse(&session, &problem),
    }
}

/// Shows it with the reason why what the reader wanted was not done. `seen`: the version that they had
/// before them.
pub(super) async fn refuse(
    app: &App,
    session: &Session,
    id: &str,
    problem: &Problem,
    seen: Option<u64>,
) -> Response {
    match read(app, session, id).await {
        Ok(mut page) => {
            page.notice = Some(Notice {
                title: problem.title(),
                text: problem.detail().to_owned(),
                since: seen.filter(|_| problem.status() == StatusCode::CONFLICT),
            });
            shell::show(problem.status(), &page)
        }
        Err(other) if other.code() == problem.code() => shell::refuse(session, problem),
        Err(other) => shell::refuse(session, &other),
    }
}

async fn read(app: &App, session: &Session, id: &str) -> Result<Page, Problem> {
    let fault = |error| unavailable("show an approval", &error);
    let id: ApprovalId = id.parse().map_err(|_| Problem::unknown_approval())?;
    let stored = app.store().approval(&id).await.map_err(fault)?;
    let stored = stored.ok_or_else(Problem::unknown_approval)?;
    let present = Present::load(app).await.map_err(fault)?;
    let person = &session.person;
    let reads = reads_reason(person, &stored.approval, app, &present);
    let stored = as_read_by(person, stored, app, &present);
    let approval = &stored.approval;
    let names = app.parts().directory.names(&approval.principal);
    let earlier = app.store().alike(approval, &names, EARLIER).await;
    let earlier = earlier.map_err(fault)?.into_iter();
    // Each may be of others: one agent asks for several people.
    let earlier: Vec<_> = earlier
        .map(|one| as_read_by(person, one, app, &present))
        .collect();
    // One more than has room tells whether there are more.
    let records = app.store().latest_about(&id, u64::MAX, RECORDS + 1).await;
    let records = records.map_err(fault)?;
    let room = usize::try_from(RECORDS).unwrap_or(usize::MAX);
    let left_out = records.len().saturating_sub(room);
    let shown = records.iter().skip(left_out);
    let story = shown.filter_map(Event::read).collect();
    let stance = Stance::of(person, approval, app, &present);
    let mut page = page(app, session, &stored, stance, &earlier, story);
    page.has_earlier = left_out > 0;
    let glass = app.parts().break_glass.as_ref();
    page.has_emergency = glass.is_some_and(|it| it.admits(person, &approval.action, &present));
    if !reads {
        page.ask = page.ask.without_reason();
    }
    Ok(page)
}

fn page(
    app: &App,
    session: &Session,
    stored: &StoredApproval,
    stance: Stance,
    earlier: &[StoredApproval],
    story: Vec<Event>,
) -> Page {
    let (now, parts) = (app.now(), app.parts());
    let approval = &stored.approval;
    let state = approval.state_at(now);
    let rule = parts.actions.rule(&approval.action);
    let groups = rule.map(|rule| rule.groups().iter().map(ToString::to_string).collect());
    let fields = stored.shape.as_ref().map(Fields::all);
    let terms = parts.actions.terms(&approval.action);
    let is_granted = approval.grant_expires.is_some() || approval.emergency.is_some();
    let step_up = security_keys::needed(app, approval);
    let grant_ends = approval.grant_expires.filter(|ends| *ends > now);
    Page {
        shell: Shell::new(session, Here::Elsewhere),
        ask: Ask::new(approval, stored.reason.as_ref(), Room::PAGE, app, now),
        notice: None,
        state,
        stance,
        has_agreed: has_agreed(approval, &session.person),
        can_revoke: can_revoke(approval, state, now),
        has_emergency: false,
        gateway: Visible::new(approval.gateway.as_str()),
        resource: approval.resource.to_string(),
        votes: votes(stored, now),
        groups: groups.unwrap_or_default(),
        fields,
        rules: rules(stored, &parts.policies),
        signs_in_anew: step_up == Some(StepUp::FreshLogin),
        takes_a_key: step_up == Some(StepUp::Webauthn),
        lifetime: terms.map_or_else(String::new, |terms| span(terms.lifetime)),
        flagged: Flagged::of(approval, &parts.policies),
        granted: is_granted.then(|| scope(&approval.granted)),
        grant_ends: grant_ends.map(|ends| Moment::left(ends, now)),
        grant_uses: approval.uses,
        releases: releases(stored, now),
        public_reason: stored.public_reason.as_ref().map(visible),
        ended: approval.ended.map(|ended| Moment::ago(ended, now)),
        earlier: earlier.iter().map(|one| before(one, now)).collect(),
        story,
        has_earlier: false,
        denials: DENIALS,
    }
}

/// The rules to which it may be narrowed: of the policy's those that occur, as far as that is known.
fn rules(stored: &StoredApproval, policies: &Policies) -> Vec<String> {
    let rules = policies.rules(&stored.approval.policy);
    let shape = stored.shape.as_ref();
    let whole = shape.filter(|shape| shape.others().is_empty());
    let occur = whole.map(Shape::rules);
    let occurs = |rule: &&RuleName| occur.as_ref().is_none_or(|occur| occur.contains(rule));
    let rules = rules.into_iter().flatten().filter(occurs);
    rules.map(ToString::to_string).collect()
}

fn has_agreed(approval: &Approval, person: &PersonId) -> bool {
    let verdicts = approval.latest_verdicts();
    matches!(verdicts.get(person), Some(Verdict::Approve { .. }))
}

/// Whether there is a grant to take back: one that may be used still, or that was just used.
fn can_revoke(approval: &Approval, state: ApprovalState, now: Timestamp) -> bool {
    match state {
        ApprovalState::Approved => true,
        ApprovalState::Used => approval
            .ended
            .is_some_and(|ended| now < ended.after(REVOCABLE)),
        _ => false,
    }
}

fn visible(written: &Written) -> Visible {
    Visible::new(written.shown())
}

fn votes(stored: &StoredApproval, now: Timestamp) -> Vec<Vote> {
    let approval = &stored.approval;
    let all = approval.votes.iter().zip(&stored.comments).enumerate();
    all.map(|(number, (vote, comment))| {
        let (says, scope, unseen) = match &vote.verdict {
            Verdict::Approve {
                scope: to,
                seconds,
                unseen,
            } => ("approved", Some(narrowed(to, *seconds, approval)), *unseen),
            Verdict::Deny => ("denied", None, false),
            Verdict::TakeBack => ("took back", None, false),
        };
        Vote {
            person: Visible::new(vote.person.as_str()),
            says,
            scope: scope.flatten(),
            comment: comment.as_ref().map(visible),
            counts: approval.is_current(number),
            unseen,
            at: Moment::ago(vote.at, now),
        }
    })
    .collect()
}

/// What somebody agreed to, where that is less than all.
pub(super) fn narrowed(to: &Scope, seconds: Option<u32>, approval: &Approval) -> Option<String> {
    let time = seconds.map(|seconds| format!("for {seconds} s"));
    let is_less = *to != approval.asked();
    let less = is_less.then(|| scope(to));
    match (less, time) {
        (Some(less), Some(time)) => Some(format!("{less}, {time}")),
        (less, time) => less.or(time),
    }
}

/// A scope in words.
fn scope(scope: &Scope) -> String {
    let classes: Vec<_> = scope.classes.iter().map(Class::name).collect();
    let mut words = if classes.is_empty() {
        "the request itself".to_owned()
    } else {
        classes.join(", ")
    };
    if let Some(rules) = &scope.rules {
        let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
        let _ = write!(words, ", by the rules {}", rules.join(", "));
    }
    let GrantLimits { records, bytes } = scope.limits;
    if let Some(records) = records {
        let _ = write!(words, ", {records} records at most");
    }
    if let Some(bytes) = bytes {
        let _ = write!(words, ", {} at most", ask::bytes(bytes));
    }
    words
}

fn releases(stored: &StoredApproval, now: Timestamp) -> Vec<Release> {
    let all = stored.uses.iter().map(|(used, outcome)| {
        let told = outcome.as_ref().map(|report| {
            let lifted: Vec<_> = report
                .lifted
                .counts()
                .map(|(class, count)| format!("{count} {}", class.name()))
                .collect();
            let lifted = if lifted.is_empty() {
                "nothing unmasked".to_owned()
            } else {
                lifted.join(", ")
            };
            let size = ask::bytes(report.bytes);
            format!(
                "{lifted}; {} records, {size}, status {}",
                report.records, report.status
            )
        });
        Release {
            at: Moment::ago(used.made.at, now),
            gateway: Visible::new(used.made.gateway.as_str()),
            index: used.made.index,
            has_drift: outcome
                .as_ref()
                .is_some_and(|report| !report.drift.is_empty()),
            outcome: told,
        }
    });
    all.collect()
}

fn before(stored: &StoredApproval, now: Timestamp) -> Earlier {
    let approval = &stored.approval;
    let verdicts = approval.latest_verdicts();
    let people: Vec<_> = verdicts.keys().map(ToString::to_string).collect();
    Earlier {
        id: approval.id.to_string(),
        state: approval.state_at(now).name(),
        asked: Moment::ago(approval.created, now),
        by: people.join(", "),
        reason: stored
            .reason
            .as_ref()
            .map(|reason| Visible::cut(reason.shown(), 140)),
    }
}
