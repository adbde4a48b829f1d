//! In which groups people are by the provider's word: read when they sign in and again whenever they do
//! something, so that who was taken out of a group decides nothing more (threat 28).
//!
//! The provider's word takes away and never gives: somebody counts in a group where the directory has them in it
//! and the provider says so. Whom it leaves in none of theirs reviews nothing, not even what asks for no group.

use std::time::Duration;

use velum_approval::{GroupName, PersonId, Reviewers, Timestamp};

use crate::http::App;
use crate::store::{GroupReadings, StoreError, Transaction};

/// How old the provider's word may be when somebody decides.
pub(crate) const FRESH: Duration = Duration::from_mins(5);

/// What the provider has said last, where it is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present(Option<GroupReadings>);

impl Present {
    /// As the store has it.
    pub(crate) async fn load(app: &App) -> Result<Present, StoreError> {
        if !is_asked(app) {
            return Ok(Present(None));
        }
        Ok(Present(Some(app.store().group_readings().await?)))
    }

    /// The same within a transaction.
    pub(crate) async fn within(
        app: &App,
        transaction: &mut Transaction,
    ) -> Result<Present, StoreError> {
        if !is_asked(app) {
            return Ok(Present(None));
        }
        Ok(Present(Some(transaction.group_readings().await?)))
    }

    /// Whether what it has said of this person is of now, or nothing has to be.
    pub(crate) fn is_fresh(&self, person: &PersonId, now: Timestamp) -> bool {
        let Some(readings) = &self.0 else {
            return true;
        };
        let reading = readings.get(person);
        reading.is_some_and(|reading| now < reading.at.after(FRESH))
    }

    /// Whether the provider's last word of this person is that they are not in the group.
    pub(crate) fn takes_away(&self, person: &PersonId, group: &GroupName) -> bool {
        let readings = self.0.as_ref();
        let reading = readings.and_then(|readings| readings.get(person));
        reading.is_some_and(|reading| !reading.names.contains(group))
    }

    /// The reviewers, each without the groups that the provider has said they are not in, and without those who
    /// are in none of theirs any more.
    pub(crate) fn narrow(&self, reviewers: &Reviewers) -> Reviewers {
        let mut narrowed = reviewers.clone();
        for (person, reading) in self.0.iter().flatten() {
            let Some(groups) = narrowed.get_mut(person) else {
                continue;
            };
            let had_some = !groups.is_empty();
            groups.retain(|group| reading.names.contains(group));
            if had_some && groups.is_empty() {
                narrowed.remove(person);
            }
        }
        narrowed
    }
}

/// Whether the provider is asked for groups at all.
fn is_asked(app: &App) -> bool {
    let inbox = app.parts().inbox.as_ref();
    let provider = inbox.and_then(|inbox| inbox.provider.as_ref());
    provider.is_some_and(super::Provider::tells_groups)
}
