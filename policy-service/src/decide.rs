//! The one transaction behind a check: find or open the approval, and use it if it is granted and
//! the check has not waited for it.

mod looking;
mod opening;
mod signed;
mod using;

pub(crate) use looking::Look;

use std::sync::Arc;

use velum_approval::{
    Answer, Approval, ApprovalId, Ask, Cause, Check, Decision, DenyCode, Emergency, Event,
    FingerprintMac, GatewayId, Panel, Party, Reason, Record, RouteTemplate, State, StopScope,
    Timestamp, Use, UseKey, decide, transition,
};

use crate::config::Terms;
use crate::http::{App, can_be_reviewed};
use crate::inbox::Present;
use crate::store::{Change, Operation, StoreError, Transaction, Written};

/// When to ask again, in seconds.
const RETRY_AFTER: u32 = 5;

/// A check that names a policy, an action and people that are known here.
pub(crate) struct Asked {
    pub(crate) gateway: GatewayId,
    pub(crate) check: Check,
    /// What is kept of its path and its query.
    pub(crate) route: RouteTemplate,
    pub(crate) requester: Party,
    pub(crate) panel: Panel,
    pub(crate) terms: Terms,
}

/// What a check comes to.
pub(crate) enum Outcome {
    /// It is decided.
    Answer(Answer),
    /// People have to decide. The answer is for who waits no longer.
    Pending {
        approval: ApprovalId,
        answer: Answer,
    },
}

/// An outcome, and what is to be done about it.
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    /// The approvals that were changed: whoever waits for them is woken.
    pub(crate) changed: Vec<ApprovalId>,
    /// A refusal that is to be recorded.
    pub(crate) refusal: Option<Record>,
    /// The index of the record of the use that is answered.
    pub(crate) used: Option<u64>,
}

/// Decides one check.
pub(crate) struct Decide {
    pub(crate) app: App,
    pub(crate) asked: Arc<Asked>,
    /// The approval that this stream has been waiting for. It may be gone by now, so what it
    /// waited for is not used here.
    pub(crate) waits_for: Option<ApprovalId>,
}

impl Operation for Decide {
    type Output = Decided;
    type Error = StoreError;

    // The use key tells whether the use is written: then the same answer comes again.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Decided, StoreError> {
        let Decide {
            app,
            asked,
            waits_for,
        } = self;
        let mac = FingerprintMac::of(&asked.check.fingerprint, &app.parts().keys.fingerprint);
        let now = app.now();
        let is_waiting = waits_for.is_some();
        let stops = transaction.stops(now).await?;
        let stopped = app.parts().directory.spread(&stops);
        let emergency = covering(app, asked, transaction, now).await?;
        let mut case = Case {
            emergency,
            app,
            asked,
            mac,
            is_waiting,
            stops: &stops,
            stopped: &stopped,
            transaction,
            changed: Vec::new(),
            used: None,
        };
        let (outcome, refusal) = match waits_for.as_ref().or(asked.check.approval.as_ref()) {
            Some(id) => case.redeem(id).await?,
            None => case.ask(now).await?,
        };
        Ok(Decided {
            outcome,
            changed: case.changed,
            refusal,
            used: case.used,
        })
    }
}

/// The emergency access that covers a request, if any. Who may no longer open one now uses none either.
async fn covering(
    app: &App,
    asked: &Asked,
    transaction: &mut Transaction,
    now: Timestamp,
) -> Result<Option<Emergency>, StoreError> {
    let Check {
        principal, action, ..
    } = &asked.check;
    let Some(glass) = &app.parts().break_glass else {
        return Ok(None);
    };
    if !glass.actions.contains(action) {
        return Ok(None);
    }
    let emergencies = transaction.unreviewed_emergencies().await?;
    if emergencies.is_empty() {
        return Ok(None);
    }
    let present = Present::within(app, transaction).await?;
    Ok(emergencies.into_iter().find(|emergency| {
        let (opened_by, behind) = (&emergency.opened_by, asked.panel.excluded());
        glass.admits(opened_by, action, &present)
            && emergency.covers(principal, action, now)
            // Else it is an ask like any other, within what may wait.
            && can_be_reviewed(app, action, &emergency.used(behind).excluded, opened_by)
    }))
}

/// An outcome with the record of a refusal, if it is one to be recorded.
type Judged = (Outcome, Option<Record>);

struct Case<'a> {
    app: &'a App,
    asked: &'a Asked,
    mac: FingerprintMac,
    is_waiting: bool,
    /// What is stopped, as it is written.
    stops: &'a [StopScope],
    /// Those, under every name of whom they mean.
    stopped: &'a [StopScope],
    /// The emergency access that covers the request, if any.
    emergency: Option<Emergency>,
    transaction: &'a mut Transaction,
    changed: Vec<ApprovalId>,
    used: Option<u64>,
}

impl<'a> Case<'a> {
    /// The request names the approval that it wants to use.
    async fn redeem(&mut self, id: &ApprovalId) -> Result<Judged, StoreError> {
        match self.transaction.approval(id).await? {
            Some(approval) => {
                let is_ask = approval.principal == self.asked.check.principal
                    && approval.fingerprint_mac.matches(&self.mac);
                let approval = if is_ask {
                    self.explain(approval, self.app.now()).await?
                } else {
                    approval
                };
                self.judge(&approval).await
            }
            // Nothing is recorded: the id is what a caller wrote.
            None => Ok((deny(DenyCode::UnknownApproval, None, None), None)),
        }
    }

    /// The request names none: its stream may have had its answer, the same ask may be open or
    /// denied already; else a new approval is opened.
    async fn ask(&mut self, now: Timestamp) -> Result<Judged, StoreError> {
        let Asked { gateway, check, .. } = self.asked;
        let known = self
            .transaction
            .approval_for_ask(&check.principal, &self.mac)
            .await?;
        // Looked for with the approval locked: a rival of this very stream may have used it just now.
        if let Some(id) = self.transaction.used_by(gateway, check.use_key).await? {
            return self.redeem(&id).await;
        }
        if let Some(approval) = &known
            && let State::Collecting | State::Pending | State::Approved = approval.state_at(now)
        {
            let approval = self.explain(approval.clone(), now).await?;
            let judged = self.judge(&approval).await?;
            return match judged.0 {
                // It was ended just now, so this ask is a new one.
                Outcome::Answer(Answer::Deny {
                    code: DenyCode::Superseded,
                    ..
                }) => self.open(now).await,
                _ => Ok(judged),
            };
        }
        let same = known.as_ref().filter(|it| it.state == State::Denied);
        if let Some(denied) = self.denied(same, now).await? {
            return Ok(denied);
        }
        if let Some(approval) = &known {
            self.end(approval, &Event::Expire).await?;
        }
        self.open(now).await
    }

    /// Where reviewers asked for a better reason, another one answers them.
    async fn explain(
        &mut self,
        approval: Approval,
        now: Timestamp,
    ) -> Result<Approval, StoreError> {
        let reason = self.asked.check.reason.as_ref();
        if approval.needs.is_none() || reason.is_none() {
            return Ok(approval);
        }
        let Some(secret) = self.app.secret(reason)? else {
            return Ok(approval);
        };
        // An earlier attempt, which is still held, says what it has said before.
        for known in approval.reason.iter().chain(&approval.earlier_reasons) {
            let known = self.transaction.written(Some(*known)).await?;
            if known.as_ref().and_then(Written::text) == Some(secret.text()) {
                return Ok(approval);
            }
        }
        let event = Event::Explain {
            principal: &self.asked.check.principal,
            reason: secret.commitment,
        };
        let Ok((next, record)) = transition(&approval, &event, now) else {
            return Ok(approval);
        };
        let change = Change::Case {
            approval: &next,
            written: Some(&secret),
            evidence: None,
        };
        let stamp = self.app.stamp(self.transaction).await?;
        self.transaction.apply(&change, &record, &stamp).await?;
        self.changed.push(next.id.clone());
        Ok(next)
    }

    /// Decides on an approval that is there, and uses it where it is granted; a check that has
    /// waited only learns that it is.
    async fn judge(&mut self, approval: &Approval) -> Result<Judged, StoreError> {
        let uses = self.transaction.uses(&approval.id).await?;
        let made: Vec<Use> = uses.iter().map(|one| one.made.clone()).collect();
        let ask = self.use_of();
        let panel = self.panel(approval).await?;
        match decide(approval, &ask, &made, &panel, self.app.now()) {
            Decision::Pending if self.emergency.is_some() && self.is_waiting => {
                Ok((ask_again(approval), None))
            }
            Decision::Pending => match self.emergency.clone() {
                Some(emergency) => self.break_glass(approval, &emergency).await,
                None => Ok((pending(approval, self.asked.check.use_key), None)),
            },
            Decision::Allow(_) if self.is_waiting => Ok((ask_again(approval), None)),
            Decision::Allow(_) | Decision::Refused(DenyCode::Used)
                if !self.is_newest(&approval.id) =>
            {
                Ok((deny(DenyCode::Taken, Some(approval), None), None))
            }
            Decision::Allow(grant) => self.consume(approval, &made, grant, &panel).await,
            Decision::Replay(made) => {
                let stored = uses.into_iter().find(|one| one.made == made);
                let stored = stored.ok_or(StoreError::Corrupt("use"))?;
                if !self.is_answered(approval, &stored, &panel).await? {
                    tracing::error!(
                        approval = approval.id.as_str(),
                        "a use in the store is not one that security keys have signed: it is answered nothing"
                    );
                    return self.refuse(approval, DenyCode::Used).await;
                }
                Ok((self.allow(approval, &stored).await?, None))
            }
            Decision::Taken => Ok((deny(DenyCode::Taken, Some(approval), None), None)),
            Decision::Refused(code) => self.refuse(approval, code).await,
        }
    }

    /// Of several held requests that wait for one approval the newest has it: the others are most
    /// likely its earlier attempts, which nobody reads any more.
    fn is_newest(&self, approval: &ApprovalId) -> bool {
        let stream = (self.asked.gateway.clone(), self.asked.check.use_key);
        self.app.parts().streams.is_newest(approval, &stream)
    }

    /// Says no, writes down what ends by it, and leaves out what another principal may not know.
    async fn refuse(&mut self, approval: &Approval, code: DenyCode) -> Result<Judged, StoreError> {
        match code {
            DenyCode::Superseded if !approval.state.is_final() => {
                let cause = if approval.policy == self.asked.check.policy {
                    Cause::Reviewers
                } else {
                    Cause::Policy(self.asked.check.policy)
                };
                self.end(approval, &Event::Supersede(cause)).await?;
            }
            DenyCode::Expired => self.end(approval, &Event::Expire).await?,
            _ => {}
        }
        let (shown, reason) = match code {
            DenyCode::UnknownApproval => (None, None),
            DenyCode::Denied => {
                let reason = self.transaction.written(approval.public_reason).await?;
                (Some(approval), reason.map(Written::into_shown))
            }
            _ => (Some(approval), None),
        };
        let is_attempt = matches!(
            code,
            DenyCode::UnknownApproval | DenyCode::Mismatch | DenyCode::Used
        );
        let refusal = is_attempt.then(|| Record::UseRefused {
            approval: approval.id.clone(),
            gateway: self.asked.gateway.clone(),
            code,
        });
        Ok((deny(code, shown, reason), refusal))
    }

    /// Applies an event that ends an approval; one that is no change is left alone.
    async fn end(&mut self, approval: &Approval, event: &Event<'_>) -> Result<(), StoreError> {
        let stamp = self.app.stamp(self.transaction).await?;
        if let Ok((next, record)) = transition(approval, event, stamp.now) {
            let change = Change::Case {
                approval: &next,
                written: None,
                evidence: None,
            };
            self.transaction.apply(&change, &record, &stamp).await?;
            self.changed.push(next.id);
        }
        Ok(())
    }

    fn use_of(&self) -> Ask<'a> {
        use_of(self.asked, self.mac, self.is_waiting, self.stopped)
    }
}

fn use_of<'a>(
    asked: &'a Asked,
    fingerprint_mac: FingerprintMac,
    waiting: bool,
    stops: &'a [StopScope],
) -> Ask<'a> {
    let Asked { gateway, check, .. } = asked;
    Ask {
        gateway,
        use_key: check.use_key,
        fingerprint_mac,
        principal: &check.principal,
        policy: check.policy,
        waiting,
        stops,
    }
}

fn pending(approval: &Approval, use_key: UseKey) -> Outcome {
    let awaits = approval.state == State::Collecting && approval.opened_by == use_key;
    Outcome::Pending {
        approval: approval.id.clone(),
        answer: pending_for(approval, RETRY_AFTER, awaits),
    }
}

/// The grant is there, for a call that is made now: only a live stream makes one.
fn ask_again(approval: &Approval) -> Outcome {
    Outcome::Answer(pending_for(approval, 0, false))
}

fn pending_for(approval: &Approval, retry_after_seconds: u32, evidence: bool) -> Answer {
    Answer::Pending {
        approval: approval.id.clone(),
        retry_after_seconds,
        expires: approval.decide_by,
        evidence,
    }
}

fn deny(code: DenyCode, approval: Option<&Approval>, reason: Option<String>) -> Outcome {
    Outcome::Answer(denial(code, approval, reason))
}

fn denial(code: DenyCode, approval: Option<&Approval>, reason: Option<String>) -> Answer {
    Answer::Deny {
        code,
        approval: approval.map(|approval| approval.id.clone()),
        public_reason: reason.and_then(|text| Reason::new(text).ok()),
    }
}
