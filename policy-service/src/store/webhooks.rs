//! How far each endpoint was told of the audit log, which is what there is to tell.

use velum_approval::ApprovalId;

use super::connection::{Connection, values};
use super::transaction::{Transaction, number};
use super::{Operation, Store, StoreError};

impl Store {
    /// The index of the next record that an endpoint is to be told, if it is known here.
    pub(crate) async fn webhook(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let mut reading = self.read().await?;
        let next = "SELECT next FROM webhook WHERE name = $1";
        let row = reading.optional(next, values![name]).await?;
        row.map(|row| row.count("next")).transpose()
    }

    /// The action that an approval is about, if it is there.
    pub(crate) async fn action_of(&self, id: &ApprovalId) -> Result<Option<String>, StoreError> {
        let mut reading = self.read().await?;
        let action = "SELECT action FROM approval WHERE id = $1";
        let row = reading.optional(action, values![id.as_str()]).await?;
        row.map(|row| row.read("action")).transpose()
    }
}

/// Takes up an endpoint that is not known here: what is in the log already is not told.
pub(crate) struct BeginWebhook(pub(crate) String);

impl Operation for BeginWebhook {
    type Output = ();
    type Error = StoreError;

    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        begin(transaction.connection_to_change(), &self.0).await
    }
}

/// An endpoint was told the records up to another index; tells whether it still was where this began.
pub(crate) struct MoveWebhook {
    pub(crate) name: String,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Operation for MoveWebhook {
    type Output = bool;
    type Error = StoreError;

    // Done again it finds that it is not, and whoever asks looks where it is.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        advance(transaction.connection_to_change(), self).await
    }
}

async fn begin(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO webhook (name, next)
             SELECT CAST($1 AS TEXT), next_index FROM log_end WHERE id = 1
             ON CONFLICT (name) DO NOTHING",
            values![name],
        )
        .await?;
    Ok(())
}

async fn advance(connection: &mut Connection, step: &MoveWebhook) -> Result<bool, StoreError> {
    let moved = connection
        .execute(
            "UPDATE webhook SET next = $3 WHERE name = $1 AND next = $2",
            values![step.name.as_str(), number(step.from)?, number(step.to)?],
        )
        .await?;
    Ok(moved == 1)
}
