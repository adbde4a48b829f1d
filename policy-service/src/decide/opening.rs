//! Opening an approval, within what one requester, one action and the whole service may have waiting.

use std::time::Duration;

use velum_approval::{Approval, DenyCode, Opening, Record, Releasing, Timestamp};

use super::{Asked, Case, Judged, deny, pending};
use crate::store::{Change, StoreError};

/// How long a denial stands, by how many there were of asks alike: who is refused does not ask until
/// somebody gives in.
const DENIAL_STANDS: [Duration; 3] = [
    Duration::from_mins(15),
    Duration::from_hours(1),
    Duration::from_hours(24),
];
/// From how many denials on they stand for every ask alike, not only for the same: several patients are
/// behind one path, so one or two may well have been about others.
const ALIKE: u64 = 3;
/// How far back denials count.
const DENIALS_COUNT: Duration = Duration::from_hours(48);
/// What `asks_per_minute` counts over.
const MINUTE: Duration = Duration::from_mins(1);

impl Case<'_> {
    /// The answer where a denial still stands: of this very ask (`same`), or of several like it, which
    /// differ in their details only.
    pub(super) async fn denied(
        &mut self,
        same: Option<&Approval>,
        now: Timestamp,
    ) -> Result<Option<Judged>, StoreError> {
        if self.emergency.is_some() {
            return Ok(None);
        }
        let since = now.before(DENIALS_COUNT);
        let check = &self.asked.check;
        let names = self.app.parts().directory.names(&check.principal);
        let denials = self.transaction.denials(check, &names, since).await?;
        if let Some(same) = same
            && same.ended.is_some_and(|at| stands(denials.count, at, now))
        {
            return self.judge(same).await.map(Some);
        }
        match denials.last {
            Some((id, at))
                if denials.count >= ALIKE && stands(denials.count - (ALIKE - 1), at, now) =>
            {
                let last = self.transaction.approval(&id).await?;
                let last = last.ok_or(StoreError::Corrupt("approval"))?;
                self.refuse(&last, DenyCode::Denied).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Opens an approval for this ask, and uses it at once where an emergency access covers it.
    pub(super) async fn open(&mut self, now: Timestamp) -> Result<Judged, StoreError> {
        let Asked {
            gateway,
            check,
            route,
            requester,
            panel,
            terms,
        } = self.asked;
        let refused = |code| {
            let record = Record::RequestRefused {
                gateway: gateway.clone(),
                action: Some(check.action.clone()),
                code,
            };
            Ok((deny(code, None, None), Some(record)))
        };
        let releasing = Releasing {
            gateway,
            action: &check.action,
            principal: &check.principal,
            lineage: &check.lineage,
            approval: None,
            emergency: self.emergency.as_ref().map(|emergency| &emergency.id),
        };
        if self.stopped.iter().any(|stop| stop.stops(&releasing)) {
            return refused(DenyCode::Stopped);
        }
        if self.emergency.is_none() && self.is_too_much(now).await? {
            return refused(DenyCode::RateLimited);
        }
        let stamp = self.app.stamp(self.transaction).await?;
        let reason = self.app.secret(check.reason.as_ref())?;
        let parts = self.app.parts();
        let opening = Opening {
            id: self.app.new_id()?,
            gateway: gateway.clone(),
            check,
            route: route.clone(),
            fingerprint_mac: self.mac,
            requester: requester.clone(),
            panel,
            reason: reason.as_ref().map(|secret| secret.commitment),
            collecting: check.evidence.then_some(parts.evidence_lifetime),
            uses: terms.uses,
            in_emergency: self.emergency.is_some(),
            step_up: parts.actions.step_up(&check.action),
            lifetime: parts.pending_lifetime,
        };
        let (approval, record) = match Approval::open(opening, stamp.now) {
            Ok(opened) => opened,
            Err(code) => return refused(code),
        };
        let change = Change::Open {
            approval: &approval,
            reason: reason.as_ref(),
        };
        self.transaction.apply(&change, &record, &stamp).await?;
        match self.emergency.clone() {
            Some(emergency) => self.break_glass(&approval, &emergency).await,
            None => Ok((pending(&approval, check.use_key), None)),
        }
    }

    async fn is_too_much(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let check = &self.asked.check;
        let since = now.before(MINUTE);
        let names = self.app.parts().directory.names(&check.principal);
        let load = self.transaction.load(&names, &check.action, since, now);
        let load = load.await?;
        let limits = &self.app.parts().limits;
        Ok(load.of_principal >= limits.pending_per_principal.into()
            || load.of_action >= limits.pending_per_action.into()
            || load.overall >= limits.pending.into()
            || load.lately >= limits.asks_per_minute.into())
    }
}

/// Whether the last of so many denials still stands.
fn stands(denials: u64, last: Timestamp, now: Timestamp) -> bool {
    let step = usize::try_from(denials.saturating_sub(1)).unwrap_or(usize::MAX);
    let lasts = DENIAL_STANDS.get(step).or(DENIAL_STANDS.last());
    lasts.is_some_and(|lasts| now < last.after(*lasts))
}
