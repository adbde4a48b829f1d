//! An approval as a reviewer sees it.

use std::time::Duration;

use serde::Serialize;
use velum_approval::{
    Approval, ApprovalId, EmergencyId, Found, GatewayId, Identity, Need, OutcomeReport, PersonId,
    RuleName, Scope, Seen, Shape, State, StepUp, Timestamp, Verdict,
};
use velum_engine::{Class, ClassSet};

use super::App;
use crate::inbox::security_keys;
use crate::store::{StoredApproval, Written};

/// What reviewers are told where no evidence of the response's content was collected.
const NOT_SEEN: &str = "bound to the request, content not seen";
const UNSEEN: &str =
    "bound to the request; its content was awaited and never came: approving takes `unseen`";

/// An approval with everything that a decision rests on. Times are milliseconds since 1970.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Card {
    id: ApprovalId,
    /// Goes up with every change; send it with a vote to be sure to vote on what was shown.
    pub(super) version: u64,
    state: State,
    principal: Identity,
    /// Everyone else behind the request.
    on_behalf_of: Vec<Identity>,
    /// The persons behind the request, who may not review it.
    excluded: Vec<PersonId>,
    gateway: GatewayId,
    action: String,
    method: String,
    authority: String,
    path: String,
    query: String,
    resource: String,
    /// The classes asked for.
    #[schema(value_type = Vec<velum_approval::schema::ClassName>)]
    classes: Vec<&'static str>,
    /// What the request's body holds, in counts, where the policy has it inspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
    /// The classes granted, once it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Scope>,
    /// How many times the grant may be used.
    grant_uses: u32,
    /// Every use, with what left under it.
    uses: Vec<UseView>,
    /// The emergency access under which it was used without a review.
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<EmergencyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Why, as the requester wrote it, with what looked like personal data masked: for those behind it, those
    /// who review its action, and those who have voted on it.
    reason: Option<String>,
    /// Whether something that was written about it was changed in the store since: that is not shown, and while it
    /// is the reason nobody can approve.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    texts_changed: bool,
    /// What is known of the response.
    evidence: EvidenceView,
    /// Where the values of the classes asked stand in the response: keys and classes. Absent where nobody has seen
    /// it, or the gateway does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Shape>,
    /// What the reviewers want to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<Need>,
    /// The masking rules to which an approval may be narrowed.
    rules: Vec<RuleName>,
    created: Timestamp,
    /// When it expires undecided.
    expires: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// How many different people have to approve.
    quorum: u32,
    /// What whoever approves has to do beside, at the inbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<StepUp>,
    votes: Vec<VoteView>,
    /// How many held requests wait for it at this service.
    waiting: usize,
    /// When a caller that had waited left last: nothing is released to it, the request has to come
    /// again.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_left: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_reason: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Vote)]
struct VoteView {
    person: PersonId,
    /// `approve`, `deny` or `take-back`.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// The lifetime that they named, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    /// Whether they approved although nobody has seen what the response holds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unseen: bool,
    /// Whether it is their latest word on the present reason.
    counts: bool,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// What is known of the response: what it holds, or that nobody has seen it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = SeenOrNot)]
enum EvidenceView {
    Seen(Seen),
    NotSeen(&'static str),
}

/// One use of the grant.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = GrantUse)]
struct UseView {
    gateway: GatewayId,
    at: Timestamp,
    /// The index of its record in the audit log.
    index: u64,
    /// What left; `null` while the gateway has not said so.
    outcome: Option<OutcomeReport>,
    reported: Report,
}

/// Whether the gateway has said what left under a use.
#[derive(Clone, Copy, Serialize, utoipa::ToSchema)]
#[schema(as = OutcomeState)]
pub(super) enum Report {
    /// It has.
    #[serde(rename = "reported")]
    Arrived,
    /// It has not yet.
    #[serde(rename = "awaited")]
    Awaited,
    /// It has not in time: it may have ended, or its report was lost.
    #[serde(rename = "not-reported")]
    Missing,
}

/// How long after a use its outcome is awaited.
const PATIENCE: Duration = Duration::from_mins(2);

impl Report {
    pub(super) fn of(outcome: Option<&OutcomeReport>, used: Timestamp, now: Timestamp) -> Report {
        match outcome {
            Some(_) => Report::Arrived,
            None if now.since(used) < PATIENCE => Report::Awaited,
            None => Report::Missing,
        }
    }
}

impl Card {
    /// How many of its uses were reported.
    pub(super) fn outcomes(&self) -> usize {
        self.uses.iter().filter(|one| one.outcome.is_some()).count()
    }

    /// The card now.
    pub(crate) fn new(stored: StoredApproval, app: &App) -> Card {
        let (now, parts) = (app.now(), app.parts());
        let texts_changed = stored.has_changed_text();
        let streams = &parts.streams;
        let StoredApproval {
            approval,
            shape,
            reason,
            public_reason,
            comments,
            uses,
        } = stored;
        let votes = views(&approval, comments);
        let is_granted = approval.grant_expires.is_some() || approval.emergency.is_some();
        let granted = is_granted.then(|| approval.granted.clone());
        let rules = parts.policies.rules(&approval.policy);
        let uses = uses.into_iter().map(|(used, outcome)| UseView {
            gateway: used.made.gateway,
            at: used.made.at,
            index: used.made.index,
            reported: Report::of(outcome.as_ref(), used.made.at, now),
            outcome,
        });
        let state = approval.state_at(now);
        let step_up = security_keys::needed(app, &approval);
        let lineage = approval.lineage.identities().iter();
        Card {
            waiting: streams.wait(&approval.id).map_or(0, |wait| wait.count),
            caller_left: streams.left(&approval.id),
            on_behalf_of: lineage
                .filter(|one| **one != approval.principal)
                .cloned()
                .collect(),
            excluded: approval.excluded.iter().cloned().collect(),
            id: approval.id,
            version: approval.version,
            state,
            principal: approval.principal,
            gateway: approval.gateway,
            action: approval.action.to_string(),
            method: approval.method,
            authority: approval.authority,
            path: approval.path,
            query: approval.query,
            resource: approval.resource.to_string(),
            classes: names(approval.classes),
            found: approval.found,
            granted,
            reason: reason.map(Written::into_shown),
            texts_changed,
            evidence: match approval.seen {
                Some(seen) => EvidenceView::Seen(seen),
                None if approval.is_unseen => EvidenceView::NotSeen(UNSEEN),
                None => EvidenceView::NotSeen(NOT_SEEN),
            },
            shape,
            needs: approval.needs,
            rules: rules.into_iter().flatten().cloned().collect(),
            grant_uses: approval.uses,
            uses: uses.collect(),
            emergency: approval.emergency,
            created: approval.created,
            expires: approval.decide_by,
            grant_expires: approval.grant_expires,
            ended: approval.ended,
            quorum: approval.quorum,
            step_up,
            votes,
            public_reason: public_reason.map(Written::into_shown),
        }
    }
}

/// What a verdict says: its name, and of a yes to how much, for how long in seconds, and whether unseen.
pub(super) fn spoken(verdict: &Verdict) -> (&'static str, Option<Scope>, Option<u32>, bool) {
    match verdict {
        Verdict::Approve {
            scope,
            seconds,
            unseen,
        } => ("approve", Some(scope.clone()), *seconds, *unseen),
        Verdict::Deny => ("deny", None, None, false),
        Verdict::TakeBack => ("take-back", None, None, false),
    }
}

fn views(approval: &Approval, comments: Vec<Option<Written>>) -> Vec<VoteView> {
    let all = approval.votes.iter().zip(comments).enumerate();
    let views = all.map(|(number, (vote, comment))| {
        let (verdict, scope, seconds, unseen) = spoken(&vote.verdict);
        VoteView {
            person: vote.person.clone(),
            verdict,
            scope,
            seconds,
            unseen,
            counts: approval.is_current(number),
            at: vote.at,
            comment: comment.map(Written::into_shown),
        }
    });
    views.collect()
}

fn names(classes: ClassSet) -> Vec<&'static str> {
    classes.iter().map(Class::name).collect()
}
