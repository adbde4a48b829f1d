//! What one who waits can be told without a transaction of its own: nothing is used by it, and nothing is
//! written. Thousands may wait for one approval.

use velum_approval::{
    Answer, Approval, ApprovalId, Check, Decision, DenyCode, Emergency, FingerprintMac, StopScope,
    Timestamp, Use, decide,
};

use super::{Asked, Outcome, ask_again, denial, deny, pending, use_of};
use crate::http::App;
use crate::store::StoreError;

/// An approval as it was read for everyone who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// `None`: it is not there.
    approval: Option<Approval>,
    uses: Vec<Use>,
    public_reason: Option<String>,
    /// What is stopped, under every name of whom it means.
    stops: Vec<StopScope>,
    /// The emergency accesses that nobody has reviewed: they may cover who waits.
    emergencies: Vec<Emergency>,
}

impl Look {
    /// Reads it.
    pub(crate) async fn read(app: &App, id: &ApprovalId) -> Result<Look, StoreError> {
        let Some(found) = app.store().look(id, app.now()).await? else {
            return Ok(Look::default());
        };
        Ok(Look {
            approval: Some(found.approval),
            uses: found.uses,
            public_reason: found.public_reason,
            stops: app.parts().directory.spread(&found.stops),
            emergencies: found.emergencies,
        })
    }

    /// What one who waits is told; `None` where something has to be written for it, or more to be read.
    pub(crate) fn outcome(&self, app: &App, asked: &Asked) -> Option<Outcome> {
        let approval = self.approval.as_ref()?;
        let mac = FingerprintMac::of(&asked.check.fingerprint, &app.parts().keys.fingerprint);
        let ask = use_of(asked, mac, true, &self.stops);
        let actions = &app.parts().actions;
        let panel = actions.as_of(&asked.panel, approval.created);
        match decide(approval, &ask, &self.uses, &panel, app.now()) {
            Decision::Pending if !self.is_covered(asked, app.now()) => {
                Some(pending(approval, asked.check.use_key))
            }
            Decision::Allow(_) => Some(ask_again(approval)),
            Decision::Taken => Some(deny(DenyCode::Taken, Some(approval), None)),
            Decision::Refused(code @ DenyCode::Denied) => {
                let reason = self.public_reason.clone();
                Some(deny(code, Some(approval), reason))
            }
            Decision::Refused(
                code @ (DenyCode::Cancelled | DenyCode::Revoked | DenyCode::Stopped),
            ) => Some(deny(code, Some(approval), None)),
            Decision::Pending | Decision::Replay(_) | Decision::Refused(_) => None,
        }
    }

    /// That a newer stream has the grant or is about to, for one that is not the newest of those who wait and
    /// asks again; `None` where a transaction says what it comes to. Of thousands who are told that an approval is
    /// there one can use it: the others are not to stand before it in the writer's queue.
    pub(crate) fn taken(&self, app: &App, asked: &Asked) -> Option<Answer> {
        let approval = self.approval.as_ref()?;
        if approval.needs.is_some() {
            // Its reason may be the answer to a question.
            return None;
        }
        let mac = FingerprintMac::of(&asked.check.fingerprint, &app.parts().keys.fingerprint);
        let ask = use_of(asked, mac, false, &self.stops);
        let actions = &app.parts().actions;
        let panel = actions.as_of(&asked.panel, approval.created);
        match decide(approval, &ask, &self.uses, &panel, app.now()) {
            Decision::Allow(_) | Decision::Refused(DenyCode::Used) => {
                Some(denial(DenyCode::Taken, Some(approval), None))
            }
            _ => None,
        }
    }

    fn is_covered(&self, asked: &Asked, now: Timestamp) -> bool {
        let Check {
            principal, action, ..
        } = &asked.check;
        let mut emergencies = self.emergencies.iter();
        emergencies.any(|emergency| emergency.covers(principal, action, now))
    }
}
