//! How things stand in the store, for whoever watches the service.

use velum_approval::Timestamp;

use super::connection::values;
use super::{Store, StoreError, stops};

/// How old a use is when its outcome is missed.
const OVERDUE_MS: i64 = 60_000;

/// Counts of what is there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Open approvals by action and state.
    pub(crate) pending: Vec<(String, String, usize)>,
    /// Of the latest 10,000 uses, those whose outcome is missed.
    pub(crate) without_outcome: usize,
    /// Stops in force.
    pub(crate) stops: usize,
    /// Emergency accesses that nobody has reviewed.
    pub(crate) emergencies: usize,
}

impl Store {
    /// How things stand. What it reads does not grow with the log.
    pub(crate) async fn figures(&self, now: Timestamp) -> Result<Figures, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT action, state, count(*) AS number FROM approval
                 WHERE state IN ('collecting', 'pending') AND due_ms > $1
                 GROUP BY action, state",
                values![now.as_millis()],
            )
            .await?;
        let pending = rows.iter().map(|row| {
            Ok((
                row.read("action")?,
                row.read("state")?,
                count(row.read("number")?),
            ))
        });
        let pending = pending.collect::<Result<_, StoreError>>()?;
        let uses = reading
            .one(
                "SELECT count(*) AS number FROM
                     (SELECT gateway, use_key, at_ms FROM grant_use ORDER BY idx DESC LIMIT 10000) AS latest
                 WHERE at_ms <= $1 AND NOT EXISTS
                     (SELECT 1 FROM outcome WHERE outcome.gateway = latest.gateway
                                              AND outcome.use_key = latest.use_key)",
                values![now.as_millis() - OVERDUE_MS],
            )
            .await?;
        let emergencies = "SELECT count(*) AS number FROM emergency WHERE is_reviewed = 0";
        let emergencies = reading.one(emergencies, &[]).await?;
        let stops = stops::scopes(&mut reading, now).await?;
        Ok(Figures {
            pending,
            without_outcome: count(uses.read("number")?),
            stops: stops.len(),
            emergencies: count(emergencies.read("number")?),
        })
    }
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}
