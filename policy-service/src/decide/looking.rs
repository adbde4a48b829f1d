//! What one who waits can be told without a transaction of its own: nothing is used by it, and nothing is
//! written. Thousands may wait for one approval.

use velum_approval::{
    Approval, ApprovalId, Decision, DenyCode, FingerprintMac, StopScope, Use, decide,
};

use super::{Asked, Outcome, ask_again, deny, pending, use_of};
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
    /// Whether there are emergency accesses: they may cover who waits.
    has_emergencies: bool,
}

impl Look {
    /// Reads it.
    pub(crate) async fn read(app: &App, id: &ApprovalId) -> Result<Look, StoreError> {
        let (_, stops) = app.store().stops(app.now()).await?;
        let emergencies = app.store().list_emergencies(true, None, 1).await?;
        let Some(stored) = app.store().approval(id).await? else {
            return Ok(Look::default());
        };
        Ok(Look {
            uses: stored.uses.into_iter().map(|(used, _)| used.made).collect(),
            approval: Some(stored.approval),
            public_reason: stored.public_reason,
            stops: app.parts().directory.spread(&stops),
            has_emergencies: !emergencies.is_empty(),
        })
    }

    /// What one who waits is told; `None` where something has to be written for it, or more to be read.
    pub(crate) fn outcome(&self, app: &App, asked: &Asked) -> Option<Outcome> {
        let approval = self.approval.as_ref()?;
        let mac = FingerprintMac::of(&asked.check.fingerprint, &app.parts().keys.fingerprint);
        let ask = use_of(asked, mac, true, &self.stops);
        match decide(approval, &ask, &self.uses, &asked.panel, app.now()) {
            Decision::Pending if !self.has_emergencies => {
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
}
