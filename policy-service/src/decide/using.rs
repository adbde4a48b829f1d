//! Using a grant: the use, the state and the record are one commit, and only after it is there an
//! answer.

use velum_approval::{
    Allow, Answer, Approval, Emergency, Event, Grant, Panel, REPLAY_WINDOW, Record, Refused,
    SignedAllow, Use, transition,
};

use super::{Asked, Case, Judged, Outcome, pending};
use crate::config::Release;
use crate::http::can_be_reviewed;
use crate::store::{Change, Granted, NewUse, Stamp, StoreError, StoredUse};

impl Case<'_> {
    pub(super) async fn consume(
        &mut self,
        approval: &Approval,
        uses: &[Use],
        grant: Grant,
        panel: &Panel,
    ) -> Result<Judged, StoreError> {
        let stamp = self.app.stamp(self.transaction).await?;
        let event = Event::Consume {
            ask: self.use_of(),
            uses,
            panel,
        };
        let (next, record) = match transition(approval, &event, stamp.now) {
            Ok(done) => done,
            // It ended while the log was waited for.
            Err(Refused::Use(code)) => return self.refuse(approval, code).await,
            Err(_) => return Err(StoreError::Refused("a use that was not decided")),
        };
        let granted = Granted {
            scope: grant.scope,
            is_seen: grant.seen,
            lifts_until: grant.expires,
            expires: stamp.now.after(REPLAY_WINDOW),
        };
        let written = self.write_use(&next, &record, granted, None, &stamp);
        Ok((written.await?, None))
    }

    /// Releases without a review what an emergency access covers.
    pub(super) async fn break_glass(
        &mut self,
        approval: &Approval,
        emergency: &Emergency,
    ) -> Result<Judged, StoreError> {
        let stamp = self.app.stamp(self.transaction).await?;
        // Read anew: another use has counted itself meanwhile, or somebody has reviewed it.
        let emergency = self.transaction.emergency(&emergency.id).await?;
        let emergency = &emergency.ok_or(StoreError::Corrupt("emergency access"))?;
        let used = emergency.used(&approval.excluded);
        let (action, opened_by) = (&emergency.action, &emergency.opened_by);
        if !can_be_reviewed(self.app, action, &used.excluded, opened_by) {
            // Whoever could look at it afterwards is behind it: people decide.
            return Ok((pending(approval, self.asked.check.use_key), None));
        }
        let event = Event::BreakGlass {
            ask: self.use_of(),
            emergency,
        };
        let (next, record) = match transition(approval, &event, stamp.now) {
            Ok(done) => done,
            Err(Refused::Use(code)) => return self.refuse(approval, code).await,
            // Somebody has reviewed it, or its time is over: people decide.
            Err(_) => return Ok((pending(approval, self.asked.check.use_key), None)),
        };
        let granted = Granted {
            scope: next.granted.clone(),
            is_seen: false,
            lifts_until: emergency.until,
            expires: stamp.now.after(REPLAY_WINDOW),
        };
        let written = self.write_use(&next, &record, granted, Some(&used), &stamp);
        Ok((written.await?, None))
    }

    async fn write_use(
        &mut self,
        approval: &Approval,
        record: &Record,
        grant: Granted,
        emergency: Option<&Emergency>,
        stamp: &Stamp,
    ) -> Result<Outcome, StoreError> {
        let Asked { gateway, check, .. } = self.asked;
        self.transaction
            .require_stops(self.stops, stamp.now)
            .await?;
        let change = Change::Use {
            made: NewUse {
                approval,
                gateway,
                use_key: check.use_key,
                grant: &grant,
            },
            emergency,
        };
        let index = self.transaction.apply(&change, record, stamp).await?;
        if self.asked.terms.release != Release::Committed {
            self.transaction.require_kept().await?;
        }
        self.changed.push(approval.id.clone());
        let made = Use {
            gateway: gateway.clone(),
            use_key: check.use_key,
            at: stamp.now,
            index,
        };
        self.allow(approval, &StoredUse { made, grant }).await
    }

    /// The signed answer for a use. Ed25519 is deterministic, so a replay is the same to the byte.
    pub(super) async fn allow(
        &mut self,
        approval: &Approval,
        used: &StoredUse,
    ) -> Result<Outcome, StoreError> {
        let tags = if used.grant.is_seen {
            let tags = self.transaction.tags(&approval.id).await?;
            // Those that reviewers saw, and no others.
            let seen = approval.seen.as_ref().map(|seen| seen.tags);
            let tags = tags.filter(|tags| Some(tags.digest()) == seen);
            Some(tags.ok_or(StoreError::Corrupt("tags"))?)
        } else {
            None
        };
        let allow = Allow {
            gateway: used.made.gateway.clone(),
            use_key: used.made.use_key,
            fingerprint: self.asked.check.fingerprint,
            approval: approval.id.clone(),
            scope: used.grant.scope.clone(),
            tags,
            lifts_until: used.grant.lifts_until,
            emergency: approval.emergency.clone(),
            expires: used.grant.expires,
        };
        self.used = Some(used.made.index);
        let signed = SignedAllow::sign(&allow, &self.app.parts().keys.signing);
        Ok(Outcome::Answer(Answer::Allow(signed)))
    }
}
