//! Stops that end by themselves: those that revoking and reviewing make have nothing left to stop some time
//! after the grant's end. Put aside, they are not read with every check and lease any more, and go with their
//! log.

use std::time::Duration;

use velum_approval::Timestamp;

use super::connection::{Connection, values};
use super::{Operation, Store, StoreError, Transaction};

/// For how long a stop that has nothing left to stop is still read: clocks of services differ by less.
const LINGERS: Duration = Duration::from_mins(1);

impl Store {
    /// Whether there is a stop that has nothing left to stop, and is not put aside.
    pub(crate) async fn has_lapsed_stops(&self, now: Timestamp) -> Result<bool, StoreError> {
        let row = self
            .read()
            .await?
            .optional(
                "SELECT 1 AS lapsed FROM stop WHERE is_active = 1 AND until_ms <= $1 LIMIT 1",
                values![now.before(LINGERS).as_millis()],
            )
            .await?;
        Ok(row.is_some())
    }
}

/// Puts those stops aside.
pub(super) async fn lapse(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE stop SET is_active = 0 WHERE is_active = 1 AND until_ms <= $1",
            values![now.before(LINGERS).as_millis()],
        )
        .await?;
    Ok(())
}

/// Puts aside the stops that have nothing left to stop at this moment.
pub(crate) struct Lapse(pub(crate) Timestamp);

impl Operation for Lapse {
    type Output = ();
    type Error = StoreError;

    // A second time there is none.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.lapse_stops(self.0).await
    }
}
