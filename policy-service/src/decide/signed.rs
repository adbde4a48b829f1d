//! Actions for which security keys sign what is approved: what the store says of votes and uses is held against that.

use serde_json::Value;
use velum_approval::{Approval, Decision, Panel, State, StepUp, decide};

use super::{Case, use_of};
use crate::inbox::security_keys;
use crate::store::{StoreError, StoredUse};

impl Case<'_> {
    /// Who may review it, as far as it is known that they said what is written: where security keys have to sign
    /// that, they are verified again.
    pub(super) async fn panel(&mut self, approval: &Approval) -> Result<Panel, StoreError> {
        let actions = &self.app.parts().actions;
        let panel = actions.as_of(&self.asked.panel, approval.created);
        let panel = panel.into_owned();
        if !matches!(approval.state, State::Approved | State::Used) {
            return Ok(panel);
        }
        let proven = security_keys::proven(self.app, self.transaction, approval).await?;
        Ok(match proven {
            Some(proven) => panel.only(|person| proven.contains(person)),
            None => panel,
        })
    }

    /// Whether a use that is in the store may be answered again: where security keys have to sign, it was one of
    /// theirs, of no more than they signed, and has its record. A row that somebody else wrote is answered nothing.
    pub(super) async fn is_answered(
        &mut self,
        approval: &Approval,
        used: &StoredUse,
        panel: &Panel,
    ) -> Result<bool, StoreError> {
        let is_asked = security_keys::needed(self.app, approval) == Some(StepUp::Webauthn);
        if !is_asked || self.is_in_emergency(approval) {
            return Ok(true);
        }
        let before = Approval {
            state: State::Approved,
            used: 0,
            ended: None,
            ..approval.clone()
        };
        let ask = use_of(self.asked, self.mac, false, self.stopped);
        let is_granted = match decide(&before, &ask, &[], panel, used.made.at) {
            Decision::Allow(grant) => {
                used.grant.scope.is_within(&grant.scope)
                    && used.grant.is_seen == grant.seen
                    && used.grant.lifts_until <= grant.expires
            }
            _ => false,
        };
        Ok(is_granted && self.is_recorded(approval, used).await?)
    }

    /// Whether it was used without any review, as the configuration allows for its action.
    fn is_in_emergency(&self, approval: &Approval) -> bool {
        let glass = self.app.parts().break_glass.as_ref();
        let may = glass.is_some_and(|glass| glass.actions.contains(&approval.action));
        may && approval.emergency.is_some()
    }

    async fn is_recorded(
        &mut self,
        approval: &Approval,
        used: &StoredUse,
    ) -> Result<bool, StoreError> {
        let record = self.transaction.record(used.made.index).await?;
        let record: Option<Value> = record.and_then(|leaf| serde_json::from_slice(&leaf).ok());
        let is_it = |record: Value| {
            let data = &record["data"];
            data["code"] == "VA1201I"
                && data["approval"]["id"] == approval.id.as_str()
                && data["use"]["key"] == used.made.use_key.to_string()
                && data["actor"]["id"] == used.made.gateway.as_str()
        };
        Ok(record.is_some_and(is_it))
    }
}
