//! An approval as a reviewer sees it.

use serde::Serialize;
use velum_approval::{
    Approval, ApprovalId, Found, GatewayId, Identity, PersonId, State, Timestamp, Verdict,
};
use velum_engine::{Class, ClassSet};

use crate::store::StoredApproval;
use crate::streams::Streams;

/// What reviewers are told where no evidence of the response's content was collected.
const NOT_SEEN: &str = "bound to the request, content not seen";

/// An approval with everything that a decision rests on. Times are milliseconds since 1970.
#[derive(Serialize)]
pub(crate) struct Card {
    id: ApprovalId,
    /// Goes up with every change; send it with a vote to be sure to vote on what was shown.
    version: u64,
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
    classes: Vec<&'static str>,
    /// What the request's body holds, in counts, where the policy has it inspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
    /// The classes granted, once it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    granted: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What is known of the response.
    evidence: &'static str,
    created: Timestamp,
    /// When it expires undecided.
    expires: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    /// How many different people have to approve.
    quorum: u32,
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

#[derive(Serialize)]
struct VoteView {
    person: PersonId,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<Vec<&'static str>>,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl Card {
    /// The card at the moment `now`.
    pub(crate) fn new(stored: StoredApproval, now: Timestamp, streams: &Streams) -> Card {
        let StoredApproval {
            approval,
            reason,
            public_reason,
            comments,
        } = stored;
        let votes = views(&approval, comments);
        let granted = approval.grant_expires.map(|_| names(approval.granted));
        let state = approval.state_at(now);
        let lineage = approval.lineage.identities().iter();
        Card {
            waiting: streams.count(&approval.id),
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
            reason,
            evidence: NOT_SEEN,
            created: approval.created,
            expires: approval.decide_by,
            grant_expires: approval.grant_expires,
            ended: approval.ended,
            quorum: approval.quorum,
            votes,
            public_reason,
        }
    }
}

fn views(approval: &Approval, comments: Vec<Option<String>>) -> Vec<VoteView> {
    let views = approval.votes.iter().zip(comments).map(|(vote, comment)| {
        let (verdict, classes) = match vote.verdict {
            Verdict::Approve { classes } => ("approve", Some(names(classes))),
            Verdict::Deny => ("deny", None),
            Verdict::TakeBack => ("take-back", None),
        };
        VoteView {
            person: vote.person.clone(),
            verdict,
            classes,
            at: vote.at,
            comment,
        }
    });
    views.collect()
}

fn names(classes: ClassSet) -> Vec<&'static str> {
    classes.iter().map(Class::name).collect()
}
