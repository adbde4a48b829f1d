//! One transaction of the writer: reads, and changes that take their records.

use sha2::{Digest, Sha256};
use sqlx::{Row, SqliteConnection};
use velum_approval::{
    Approval, ApprovalId, FingerprintMac, GatewayId, Identity, Record, RecordId, Timestamp, UseKey,
    WorkerId, record::Reported,
};
use velum_engine::ClassSet;

use super::secrets::{self, Secret};
use super::{StoreError, StoredUse, approvals, events};

/// Where records come from, as `CloudEvents` has it.
const SOURCE: &str = "urn:velum:policy-service";

/// A change to the store. It can only be made together with its record.
pub(crate) enum Change<'a> {
    /// A new case, with what its requester wrote.
    Open {
        approval: &'a Approval,
        reason: Option<&'a Secret>,
    },
    /// A case with one vote more, and with what the voter wrote.
    Vote {
        approval: &'a Approval,
        written: Vec<&'a Secret>,
    },
    /// A case whose grant was used: which stream used it, and what it is answered.
    Use {
        approval: &'a Approval,
        gateway: &'a GatewayId,
        use_key: UseKey,
        classes: ClassSet,
        expires: Timestamp,
    },
    /// A case that ended in any other way.
    End { approval: &'a Approval },
    /// None to a case: a gateway reported, and this is the batch.
    Report {
        reported: &'a Reported,
        body: &'a str,
    },
    /// None: something was refused, and the record says so.
    Nothing,
}

/// When a change is made, and the id of its record.
pub(crate) struct Stamp {
    pub(crate) now: Timestamp,
    pub(crate) record: RecordId,
}

/// The writer's transaction. Nothing else writes while it is open.
pub(crate) struct Transaction {
    connection: SqliteConnection,
    has_changes: bool,
    #[cfg(test)]
    fault: Option<Fault>,
}

/// How the next commit of this connection fails in a test.
#[cfg(test)]
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// Before it takes place.
    Lost,
    /// After it took place, so that only its answer is lost.
    AnswerLost,
}

impl Transaction {
    pub(super) fn new(connection: SqliteConnection) -> Transaction {
        Transaction {
            connection,
            has_changes: false,
            #[cfg(test)]
            fault: None,
        }
    }

    /// The approval with this id.
    pub(crate) async fn approval(
        &mut self,
        id: &ApprovalId,
    ) -> Result<Option<Approval>, StoreError> {
        approvals::load(&mut self.connection, id).await
    }

    /// The approval for exactly this ask: the open one, else the one that ended last.
    pub(crate) async fn approval_for_ask(
        &mut self,
        principal: &Identity,
        fingerprint_mac: &FingerprintMac,
    ) -> Result<Option<Approval>, StoreError> {
        approvals::load_for_ask(&mut self.connection, principal, fingerprint_mac).await
    }

    /// The approval that this stream has used, if any.
    pub(crate) async fn used_by(
        &mut self,
        gateway: &GatewayId,
        use_key: UseKey,
    ) -> Result<Option<ApprovalId>, StoreError> {
        approvals::used_by(&mut self.connection, gateway, use_key).await
    }

    /// Every use of an approval.
    pub(crate) async fn uses(&mut self, id: &ApprovalId) -> Result<Vec<StoredUse>, StoreError> {
        approvals::uses(&mut self.connection, id).await
    }

    /// How many approvals of a principal wait for a decision.
    pub(crate) async fn count_waiting(
        &mut self,
        principal: &Identity,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        approvals::count_waiting(&mut self.connection, principal, now).await
    }

    /// The number of the latest batch of a worker, and whether this one is there.
    pub(crate) async fn reported(
        &mut self,
        gateway: &GatewayId,
        worker: WorkerId,
        sequence: u64,
    ) -> Result<(u64, bool), StoreError> {
        events::reported(&mut self.connection, gateway, worker, sequence).await
    }

    /// What a reviewer tells the requester.
    pub(crate) async fn public_reason(
        &mut self,
        approval: &Approval,
    ) -> Result<Option<String>, StoreError> {
        secrets::text(&mut self.connection, approval.public_reason).await
    }

    /// Makes a change and appends its record, and returns the record's index.
    ///
    /// # Errors
    /// When a row is not as it was read, or a record is too long. The operation must then fail too.
    pub(crate) async fn apply(
        &mut self,
        change: &Change<'_>,
        record: &Record,
        stamp: &Stamp,
    ) -> Result<u64, StoreError> {
        self.has_changes = true;
        let connection = &mut self.connection;
        let index = append(connection, record, stamp).await?;
        match change {
            Change::Open { approval, reason } => {
                if let Some(reason) = reason {
                    secrets::insert(connection, reason).await?;
                }
                open(connection, approval, stamp.now).await?;
            }
            Change::Vote { approval, written } => {
                for secret in written {
                    secrets::insert(connection, secret).await?;
                }
                update(connection, approval, stamp.now).await?;
                append_vote(connection, approval).await?;
            }
            Change::Use {
                approval,
                gateway,
                use_key,
                classes,
                expires,
            } => {
                update(connection, approval, stamp.now).await?;
                sqlx::query(
                    "INSERT INTO grant_use
                         (approval, gateway, use_key, idx, at_ms, classes, expires_ms)
                     VALUES (?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(approval.id.as_str())
                .bind(gateway.as_str())
                .bind(use_key.as_bytes().as_slice())
                .bind(number(index)?)
                .bind(stamp.now.as_millis())
                .bind(approvals::classes_text(*classes))
                .bind(expires.as_millis())
                .execute(connection)
                .await?;
            }
            Change::End { approval } => update(connection, approval, stamp.now).await?,
            Change::Report { reported, body } => {
                sqlx::query(
                    "INSERT INTO event_batch
                         (gateway, worker, sequence, idx, at_ms, requests, lost, body)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                )
                .bind(reported.gateway.as_str())
                .bind(reported.worker.as_bytes().as_slice())
                .bind(number(reported.sequence)?)
                .bind(number(index)?)
                .bind(stamp.now.as_millis())
                .bind(number(reported.requests)?)
                .bind(number(reported.lost)?)
                .bind(*body)
                .execute(connection)
                .await?;
            }
            Change::Nothing => {}
        }
        Ok(index)
    }

    /// Begins with the write lock: a transaction that took it later could fail at once, whatever
    /// `busy_timeout` says.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        self.has_changes = false;
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    pub(super) fn has_changes(&self) -> bool {
        self.has_changes
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(fault) = self.fault.take() {
            if matches!(fault, Fault::AnswerLost) {
                sqlx::query("COMMIT").execute(&mut self.connection).await?;
            }
            return Err(StoreError::OutcomeUnknown);
        }
        match sqlx::query("COMMIT").execute(&mut self.connection).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(error = %StoreError::from(error), "a commit failed");
                Err(StoreError::OutcomeUnknown)
            }
        }
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK")
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Makes the next commit fail.
    #[cfg(test)]
    pub(crate) fn fail_next_commit(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// Runs SQL behind the store's back, as an intruder would; kept.
    #[cfg(test)]
    pub(crate) async fn execute(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.has_changes = true;
        sqlx::query(statement).execute(&mut self.connection).await?;
        Ok(())
    }

    pub(super) fn into_connection(self) -> SqliteConnection {
        self.connection
    }
}

/// Takes the next index and writes the leaf that carries it: index and leaf are committed together
/// or not at all, so the log has no gap.
async fn append(
    connection: &mut SqliteConnection,
    record: &Record,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "UPDATE audit_log SET next_index = next_index + 1 WHERE id = 1 RETURNING next_index - 1 AS idx",
    )
    .fetch_one(&mut *connection)
    .await?;
    let index =
        u64::try_from(row.try_get::<i64, _>("idx")?).map_err(|_| StoreError::Corrupt("index"))?;
    let leaf = record
        .to_leaf(index, stamp.now, &stamp.record, SOURCE)
        .map_err(|_| StoreError::Refused("a record that cannot be a leaf"))?;
    sqlx::query("INSERT INTO audit_entry (idx, entry, leaf_hash) VALUES (?, ?, ?)")
        .bind(number(index)?)
        .bind(&leaf)
        .bind(leaf_hash(&leaf).as_slice())
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE meta SET max_time_ms = max(max_time_ms, ?)")
        .bind(stamp.now.as_millis())
        .execute(connection)
        .await?;
    Ok(index)
}

/// The hash of a leaf in a Merkle tree (RFC 6962, section 2.1).
fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    hash.finalize().into()
}

async fn open(
    connection: &mut SqliteConnection,
    approval: &Approval,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO approval
             (id, state, principal, fingerprint_mac, due_ms, updated_ms, version, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(approval.id.as_str())
    .bind(approval.state.name())
    .bind(approvals::principal_text(&approval.principal)?)
    .bind(approval.fingerprint_mac.as_bytes().as_slice())
    .bind(approval.due().map(Timestamp::as_millis))
    .bind(now.as_millis())
    .bind(number(approval.version)?)
    .bind(body(approval)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the row of the version before; that it is still there is the belt to the writer's
/// braces.
async fn update(
    connection: &mut SqliteConnection,
    approval: &Approval,
    now: Timestamp,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE approval SET state = ?, due_ms = ?, updated_ms = ?, version = ?, body = ?
         WHERE id = ? AND version = ?",
    )
    .bind(approval.state.name())
    .bind(approval.due().map(Timestamp::as_millis))
    .bind(now.as_millis())
    .bind(number(approval.version)?)
    .bind(body(approval)?)
    .bind(approval.id.as_str())
    .bind(number(approval.version)? - 1)
    .execute(connection)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Refused("over an approval that has changed")),
    }
}

async fn append_vote(
    connection: &mut SqliteConnection,
    approval: &Approval,
) -> Result<(), StoreError> {
    let Some(vote) = approval.votes.last() else {
        return Err(StoreError::Refused("a vote without a vote"));
    };
    let body = serde_json::to_string(vote).map_err(|_| StoreError::Refused("a vote"))?;
    sqlx::query("INSERT INTO vote (approval, number, person, body) VALUES (?, ?, ?, ?)")
        .bind(approval.id.as_str())
        .bind(i64::try_from(approval.votes.len()).map_err(|_| StoreError::Refused("a vote"))?)
        .bind(vote.person.as_str())
        .bind(body)
        .execute(connection)
        .await?;
    Ok(())
}

fn body(approval: &Approval) -> Result<String, StoreError> {
    serde_json::to_string(approval).map_err(|_| StoreError::Refused("an approval"))
}

pub(super) fn number(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Refused("a number beyond SQLite's"))
}
