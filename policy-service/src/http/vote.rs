//! Casting a vote: what approving and denying have in common.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;
use velum_approval::messages::ApproveRequest;
use velum_approval::{
    Approval, ApprovalId, Assertion, Ballot, Event, GrantLimits, Panel, PersonId, Reason, Record,
    Refused, Scope, StepUp, Unproven, Verdict, transition,
};

use super::app::{to_the_end, unavailable};
use super::conditions;
use super::once;
use super::openapi::Described;
use super::{App, card::Card, show_approval};
use crate::auth::Reviewer;
use crate::haste::{self, Burst};
use crate::inbox::security_keys::{self, Proof, ProofError};
use crate::inbox::session::SessionId;
use crate::inbox::{Present, step_up};
use crate::problem::Problem;
use crate::refusals::{self, Caller};
use crate::store::{Change, Once, Operation, Repeat, StoreError, Transaction};

/// What a reviewer says.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) says: Says,
    /// Where it is to count once, however often it comes.
    pub(crate) once: Option<Once>,
    /// Where it is said; a token has no session.
    pub(crate) here: Option<Here>,
    pub(crate) version: Option<u64>,
    pub(crate) comment: Option<Reason>,
    pub(crate) public_reason: Option<Reason>,
}

/// The session in which something is said, and what a security key has signed of it.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) session: SessionId,
    pub(crate) proof: Option<Proof>,
}

#[derive(Clone)]
pub(crate) enum Says {
    /// Yes, to this much; what is not named is not narrowed.
    Approve(Box<ApproveRequest>),
    Deny,
    /// An earlier yes is taken back.
    TakeBack,
}

impl Says {
    pub(crate) fn verdict(self, approval: &Approval) -> Verdict {
        match self {
            Says::Approve(request) => Verdict::Approve {
                scope: Scope {
                    classes: request.classes.unwrap_or(approval.classes),
                    rules: request.rules,
                    limits: GrantLimits {
                        records: request.records,
                        bytes: request.bytes,
                    },
                },
                seconds: request.seconds,
                unseen: request.unseen,
            },
            Says::Deny => Verdict::Deny,
            Says::TakeBack => Verdict::TakeBack,
        }
    }
}

/// Why a vote does not count.
pub(super) enum VoteError {
    Unknown,
    LineageUnknown,
    /// The provider has not said just now in which groups they are.
    GroupsUnread,
    /// They have to sign in anew for it.
    StepUp,
    /// Their security key has to sign it.
    KeyNeeded,
    /// It has not.
    Unproven(Unproven),
    /// The reason is not what its requester wrote.
    ReasonChanged,
    /// The idempotency key belongs to another request.
    KeyReused,
    Refused(Refused),
    Store(StoreError),
}

impl VoteError {
    /// What is recorded of it: attempts to say what one may not.
    fn refused(&self) -> Option<Refused> {
        match self {
            VoteError::Refused(refused) => Some(*refused),
            VoteError::Unproven(Unproven::Copied) => Some(Refused::KeyCopied),
            VoteError::Unproven(_) => Some(Refused::NotProven),
            _ => None,
        }
    }
}

impl From<ProofError> for VoteError {
    fn from(error: ProofError) -> VoteError {
        match error {
            ProofError::Unproven(unproven) => VoteError::Unproven(unproven),
            ProofError::Store(error) => VoteError::Store(error),
        }
    }
}

impl From<StoreError> for VoteError {
    fn from(error: StoreError) -> VoteError {
        VoteError::Store(error)
    }
}

impl From<VoteError> for Problem {
    fn from(error: VoteError) -> Problem {
        match error {
            VoteError::Unknown => Problem::unknown_approval(),
            VoteError::LineageUnknown => Problem::new(
                StatusCode::FORBIDDEN,
                "lineage-unknown",
                "Somebody behind the request is unknown",
                "An identity behind the request is no longer in the directory, so nobody can say \
                 who may not review it.",
            ),
            VoteError::StepUp => Problem::step_up_needed(),
            VoteError::KeyNeeded => Problem::security_key_needed(),
            VoteError::Unproven(why) => Problem::new(
                StatusCode::FORBIDDEN,
                match why {
                    Unproven::Copied => Refused::KeyCopied.name(),
                    _ => Refused::NotProven.name(),
                },
                "Your security key has not signed this",
                format!("Nothing was approved: {why}. Look at it again, then approve it anew."),
            ),
            VoteError::GroupsUnread => Problem::groups_unread(),
            VoteError::ReasonChanged => Problem::new(
                StatusCode::CONFLICT,
                "reason-changed",
                "The reason was changed since it was written",
                "The store has another reason than the one that the audit log has a commitment to, so somebody \
                 has changed it there. Deny it, and tell whoever runs the service.",
            ),
            VoteError::KeyReused => once::reused(),
            VoteError::Store(error) => unavailable("vote", &error),
            VoteError::Refused(refused) => refusal(refused),
        }
    }
}

pub(super) fn refusal(refused: Refused) -> Problem {
    let (status, detail) = match refused {
        Refused::SelfApproval => (
            StatusCode::FORBIDDEN,
            "You are behind this request. Another person has to decide.",
        ),
        Refused::NotAReviewer => (
            StatusCode::FORBIDDEN,
            "You are in none of the groups that review this action, or have come after it was asked.",
        ),
        Refused::StaleVersion => (
            StatusCode::CONFLICT,
            "The approval has changed since you read it. Read it again, then decide.",
        ),
        Refused::AlreadyDecided(_) => (StatusCode::CONFLICT, "Nothing can be decided any more."),
        Refused::Expired => (StatusCode::CONFLICT, "Its time has run out."),
        Refused::Wider => (
            StatusCode::BAD_REQUEST,
            "More cannot be approved than was asked. Name classes of those asked.",
        ),
        Refused::Nothing => (
            StatusCode::BAD_REQUEST,
            "Nothing would be lifted, or there is nothing to bound. Approve more, or deny.",
        ),
        Refused::UnknownRule => (
            StatusCode::BAD_REQUEST,
            "The policy has no masking rule of this name. The approval lists them.",
        ),
        Refused::TooManyRules => (StatusCode::BAD_REQUEST, "At most 64 rules can be named."),
        Refused::NotShown => (
            StatusCode::CONFLICT,
            "What its response holds is awaited, a minute at most. Read it again then.",
        ),
        Refused::Unseen => (
            StatusCode::CONFLICT,
            "What its response holds was awaited and never came. Approve with \"unseen\": true if any \
             value of the classes may be lifted, or deny.",
        ),
        Refused::NoVote => (StatusCode::CONFLICT, "You have not approved it."),
        _ => (StatusCode::CONFLICT, "This cannot be decided now."),
    };
    Problem::new(status, refused.name(), "The vote does not count", detail)
}

/// Casts the vote, wakes who waits, and shows the approval as it is then.
pub(crate) async fn vote(
    app: App,
    reviewer: Reviewer,
    id: &str,
    voice: Voice,
) -> Result<Card, Problem> {
    say(app, reviewer, id, |app, id, person| {
        let cast = Cast {
            app,
            id: id.clone(),
            person,
            voice,
        };
        let told = move |app: &App, cast: Option<Counted>| {
            // Nothing is counted of one that was sent again.
            if let Some(Counted { approval, burst }) = cast {
                app.parts().metrics.voted(&approval, app.now());
                if let Some(burst) = burst {
                    tell(app, &burst);
                }
            }
            app.parts().waiters.wake(&id);
        };
        (cast, told)
    })
    .await
}

/// Tells that somebody approves too fast: once in words, until they are slower.
fn tell(app: &App, burst: &Burst) {
    app.parts().metrics.hastened();
    if burst.hasty == 1 {
        tracing::warn!(
            person = burst.person.as_str(),
            approvals = burst.most,
            limit = app.parts().limits.approvals_per_minute,
            "one person approves more within a minute than limits.approvals_per_minute: see whether they read \
             what they approve"
        );
    }
}

/// Carries out what a reviewer says of an approval and tells whom it concerns, records a refusal, and
/// shows the approval as it is then. `what`: the operation, and what is to be done once it is committed.
pub(super) async fn say<O, T>(
    app: App,
    reviewer: Reviewer,
    id: &str,
    what: impl FnOnce(App, ApprovalId, PersonId) -> (O, T),
) -> Result<Card, Problem>
where
    O: Operation<Error = VoteError>,
    T: FnOnce(&App, O::Output) + Send + 'static,
{
    let id: ApprovalId = id.parse().map_err(|_| Problem::unknown_approval())?;
    let person = PersonId::new(&*reviewer.0).map_err(|_| Problem::unavailable())?;
    let reader = person.clone();
    let (operation, told) = what(app.clone(), id.clone(), person.clone());
    let said = {
        let (app, approval) = (app.clone(), id.clone());
        to_the_end(async move {
            let said = app.store().write(operation).await;
            if let Err(error) = &said
                && let Some(refused) = error.refused()
            {
                let caller = Caller::reviewer(&person);
                let record = Record::VoteRefused {
                    approval,
                    person,
                    refused,
                };
                refusals::note(&app, caller, record).await;
            }
            Ok(said.map(|done| told(&app, done)))
        })
    };
    said.await.map_err(VoteError::Store)??;
    show_approval::show(&app, id.as_str(), &reader)
        .await
        .map_err(Problem::from)
}

/// Whether this is to be carried out: it was not already, under the same key.
pub(super) async fn is_first(
    transaction: &mut Transaction,
    once: Option<&Once>,
    app: &App,
) -> Result<bool, VoteError> {
    match transaction.repeat(once, app.now()).await? {
        Repeat::First => Ok(true),
        Repeat::Again(_) => Ok(false),
        Repeat::Other => Err(VoteError::KeyReused),
    }
}

/// Who may review it now, as far as this person is to do so. Who is behind the request is asked anew: an agent
/// may have another owner. What the provider says of who decides has to be of now.
pub(super) async fn panel(
    app: &App,
    transaction: &mut Transaction,
    approval: &Approval,
    person: &PersonId,
) -> Result<Panel, VoteError> {
    let parts = app.parts();
    let excluded = parts
        .directory
        .resolve_with(&approval.principal, &approval.lineage)
        .map_err(|_| VoteError::LineageUnknown)?;
    let present = Present::within(app, transaction).await?;
    if !present.is_fresh(person, app.now()) {
        return Err(VoteError::GroupsUnread);
    }
    let panel = parts.actions.panel_of(approval, &excluded, &present);
    panel.ok_or(VoteError::Refused(Refused::NotAReviewer))
}

/// What the document says of every vote.
pub(super) fn describe(operation: Described) -> Described {
    once::describe(operation)
        .header(
            "if-match",
            conditions::DESCRIPTION,
            &json!({"type": "string"}),
        )
        .gives::<Card>(200, "The approval as it is then.")
        .tagged(200)
        .refuses(412, &["stale-version"])
        .refuses(
            403,
            &[
                "self-approval",
                "not-a-reviewer",
                "lineage-unknown",
                "groups-unread",
            ],
        )
        .refuses(404, &["unknown-approval"])
        .refuses(
            409,
            &["stale-version", "already-decided", "expired", "not-shown"],
        )
}

struct Cast {
    app: App,
    id: ApprovalId,
    person: PersonId,
    voice: Voice,
}

impl Cast {
    /// What the action asks of whoever approves: that they have signed in anew, or what their security key has
    /// signed. The one is never taken for the other.
    async fn step_up(
        &self,
        transaction: &mut Transaction,
        approval: &Approval,
        verdict: &Verdict,
    ) -> Result<Option<Assertion>, VoteError> {
        let Cast { app, voice, .. } = self;
        let Says::Approve(request) = &voice.says else {
            return Ok(None);
        };
        let here = voice.here.as_ref();
        match security_keys::needed(app, approval) {
            None => Ok(None),
            Some(StepUp::FreshLogin) => {
                let what = step_up::what(approval, request)?;
                let session = here.map(|here| here.session);
                let asked = (approval, &what);
                if step_up::is_confirmed(app, transaction, session, asked).await? {
                    Ok(None)
                } else {
                    Err(VoteError::StepUp)
                }
            }
            Some(StepUp::Webauthn) => {
                let proof = here.and_then(|here| Some((here.session, here.proof.as_ref()?)));
                let proof = proof.ok_or(VoteError::KeyNeeded)?;
                let said = (approval, &self.person, verdict);
                let assertion = security_keys::verify(app, transaction, proof, said).await?;
                Ok(Some(assertion))
            }
        }
    }
}

/// A vote that counts.
struct Counted {
    approval: Approval,
    /// Where it was a yes too many within a minute.
    burst: Option<Burst>,
}

/// Whoever approves has read why it was asked: that has to be what the log has a commitment to. A no needs none.
async fn reason_is_its_own(
    transaction: &mut Transaction,
    approval: &Approval,
) -> Result<(), VoteError> {
    let reason = transaction.written(approval.reason).await?;
    if reason.is_some_and(|reason| reason.is_changed()) {
        tracing::error!(
            approval = approval.id.as_str(),
            "the reason of an approval was changed in the store: nobody can approve it"
        );
        return Err(VoteError::ReasonChanged);
    }
    Ok(())
}

impl Operation for Cast {
    type Output = Option<Counted>;
    type Error = VoteError;

    async fn run(&self, transaction: &mut Transaction) -> Result<Option<Counted>, VoteError> {
        let Cast {
            app,
            id,
            person,
            voice,
        } = self;
        let once = voice.once.as_ref();
        let parts = app.parts();
        let approval = transaction.approval(id).await?.ok_or(VoteError::Unknown)?;
        // With the approval locked: the same request may be carried out at another replica at this moment.
        if !is_first(transaction, once, app).await? {
            return Ok(None);
        }
        let panel = panel(app, transaction, &approval, person).await?;
        let none = BTreeSet::new();
        let rules = parts.policies.rules(&approval.policy).unwrap_or(&none);
        let terms = parts.actions.terms(&approval.action);
        let terms = terms.ok_or(VoteError::Refused(Refused::NotAReviewer))?;
        let verdict = voice.says.clone().verdict(&approval);
        let comment = app.secret(voice.comment.as_ref())?;
        let public_reason = app.secret(voice.public_reason.as_ref())?;
        let ballot = Ballot {
            person,
            verdict,
            version: voice.version,
            comment: comment.as_ref().map(|secret| secret.commitment),
            public_reason: public_reason.as_ref().map(|secret| secret.commitment),
            assertion: None,
            panel: &panel,
            rules,
            grant_lifetime: terms.lifetime,
        };
        // Nobody is asked for more who would be refused whatever they do.
        transition(&approval, &Event::Vote(ballot.clone()), app.now())
            .map_err(VoteError::Refused)?;
        if matches!(ballot.verdict, Verdict::Approve { .. }) {
            reason_is_its_own(transaction, &approval).await?;
        }
        let ballot = Ballot {
            assertion: self
                .step_up(transaction, &approval, &ballot.verdict)
                .await?,
            ..ballot
        };
        let signed = ballot.assertion.as_ref();
        let signed = signed.map(|assertion| (assertion.credential, assertion.count));
        let stamp = app.stamp(transaction).await?;
        if let Some(assertion) = &ballot.assertion {
            let in_time = assertion.is_in_time(stamp.now);
            in_time.map_err(VoteError::Unproven)?;
        }
        let (approval, record) =
            transition(&approval, &Event::Vote(ballot), stamp.now).map_err(VoteError::Refused)?;
        let written = comment.iter().chain(&public_reason).collect();
        let change = Change::Vote {
            approval: &approval,
            written,
            signed,
        };
        transaction.apply(&change, &record, &stamp).await?;
        transaction.note(once, id.as_str(), stamp.now).await?;
        let limit = parts.limits.approvals_per_minute;
        let burst = if limit > 0 && matches!(voice.says, Says::Approve(_)) {
            let since = stamp.now.before(haste::REACH);
            let said = transaction.approved_by(person, since).await?;
            haste::of_last(&said, limit)
        } else {
            None
        };
        Ok(Some(Counted { approval, burst }))
    }
}
