//! One transaction of the writer: reads, and changes that take their records.

use sha2::{Digest, Sha256};
use sqlx::{Row, SqliteConnection};
use velum_approval::record::Reported;
use velum_approval::{
    ActionName, Approval, ApprovalId, Commitment, Emergency, EmergencyId, FingerprintMac,
    GatewayId, Identity, OutcomeReport, Record, RecordId, Stop, StopId, StopScope, Tags, Timestamp,
    UseKey, WorkerId,
};

use super::secrets::{self, Secret};
use super::{Granted, Load, StoreError, StoredUse, approvals, emergencies, events, stops, uses};

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
    /// A case whose grant was used: which stream used it, and what it is answered; and the emergency
    /// access that it was used under, if any.
    Use {
        approval: &'a Approval,
        gateway: &'a GatewayId,
        use_key: UseKey,
        grant: &'a Granted,
        emergency: Option<&'a Emergency>,
    },
    /// A case that changed in any other way, with what somebody wrote, and the tags of what was seen.
    Case {
        approval: &'a Approval,
        written: Option<&'a Secret>,
        tags: Option<&'a Tags>,
    },
    /// None to a case: what left under a use.
    Outcome {
        gateway: &'a GatewayId,
        report: &'a OutcomeReport,
    },
    /// None to a case: a stop, or its end.
    Stop {
        stop: &'a Stop,
        comment: Option<&'a Secret>,
    },
    /// None to a case: an emergency access, opened or reviewed.
    Emergency {
        emergency: &'a Emergency,
        written: Option<&'a Secret>,
    },
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
        uses::of(&mut self.connection, id).await
    }

    /// How many approvals wait for a decision, and how many were asked lately.
    pub(crate) async fn load(
        &mut self,
        principal: &Identity,
        action: &ActionName,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Load, StoreError> {
        approvals::load_of(&mut self.connection, principal, action, since, now).await
    }

    /// How many times in a row exactly this ask was denied since then.
    pub(crate) async fn count_denials(
        &mut self,
        principal: &Identity,
        fingerprint_mac: &FingerprintMac,
        since: Timestamp,
    ) -> Result<u32, StoreError> {
        approvals::count_denials(&mut self.connection, principal, fingerprint_mac, since).await
    }

    /// The tags of what reviewers saw of an approval's response.
    pub(crate) async fn tags(&mut self, id: &ApprovalId) -> Result<Option<Tags>, StoreError> {
        uses::tags(&mut self.connection, id).await
    }

    /// Whether what left under this use was reported.
    pub(crate) async fn has_outcome(
        &mut self,
        gateway: &GatewayId,
        use_key: UseKey,
    ) -> Result<bool, StoreError> {
        uses::has_outcome(&mut self.connection, gateway, use_key).await
    }

    /// What is stopped now.
    pub(crate) async fn stops(&mut self) -> Result<Vec<StopScope>, StoreError> {
        let (_, stops) = stops::active(&mut self.connection).await?;
        Ok(stops)
    }

    /// The stop with this id.
    pub(crate) async fn stop(&mut self, id: &StopId) -> Result<Option<Stop>, StoreError> {
        stops::load(&mut self.connection, id).await
    }

    /// The emergency accesses that nobody has reviewed.
    pub(crate) async fn unreviewed_emergencies(&mut self) -> Result<Vec<Emergency>, StoreError> {
        emergencies::unreviewed(&mut self.connection).await
    }

    /// The emergency access with this id.
    pub(crate) async fn emergency(
        &mut self,
        id: &EmergencyId,
    ) -> Result<Option<Emergency>, StoreError> {
        emergencies::load(&mut self.connection, id).await
    }

    /// What somebody wrote, as far as it was not erased.
    pub(crate) async fn written(
        &mut self,
        commitment: Option<Commitment>,
    ) -> Result<Option<String>, StoreError> {
        secrets::text(&mut self.connection, commitment).await
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
                grant,
                emergency,
            } => {
                update(connection, approval, stamp.now).await?;
                uses::insert(
                    connection, approval, gateway, *use_key, grant, index, stamp.now,
                )
                .await?;
                if let Some(emergency) = emergency {
                    emergencies::update(connection, emergency).await?;
                }
            }
            Change::Case {
                approval,
                written,
                tags,
            } => {
                if let Some(written) = written {
                    secrets::insert(connection, written).await?;
                }
                update(connection, approval, stamp.now).await?;
                if let Some(tags) = tags {
                    uses::insert_tags(connection, &approval.id, tags).await?;
                }
            }
            Change::Outcome { gateway, report } => {
                uses::insert_outcome(connection, gateway, report, index, stamp.now).await?;
            }
            Change::Stop { stop, comment } => {
                if let Some(comment) = comment {
                    secrets::insert(connection, comment).await?;
                }
                stops::write(connection, stop, *comment, index).await?;
            }
            Change::Emergency { emergency, written } => {
                if let Some(written) = written {
                    secrets::insert(connection, written).await?;
                }
                if emergency.version == 1 {
                    emergencies::insert(connection, emergency).await?;
                } else {
                    emergencies::update(connection, emergency).await?;
                }
            }
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
             (id, state, principal, action, fingerprint_mac, due_ms, created_ms, updated_ms, version,
              body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(approval.id.as_str())
    .bind(approval.state.name())
    .bind(approvals::principal_text(&approval.principal)?)
    .bind(approval.action.as_str())
    .bind(approval.fingerprint_mac.as_bytes().as_slice())
    .bind(approval.due().map(Timestamp::as_millis))
    .bind(approval.created.as_millis())
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
