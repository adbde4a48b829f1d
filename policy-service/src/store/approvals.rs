//! Approvals as they are read.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use velum_approval::{
    ActionName, Approval, ApprovalId, FingerprintMac, GatewayId, Identity, OutcomeReport, State,
    Timestamp, UseKey, Vote,
};

use super::{Store, StoreError, StoredUse, secrets, uses};

/// An approval with what people wrote about it.
pub(crate) struct StoredApproval {
    pub(crate) approval: Approval,
    /// Why it was asked.
    pub(crate) reason: Option<String>,
    /// What the requester is told.
    pub(crate) public_reason: Option<String>,
    /// The comment of each vote, in their order.
    pub(crate) comments: Vec<Option<String>>,
    /// Every use, with what left under it as far as that was reported.
    pub(crate) uses: Vec<(StoredUse, Option<OutcomeReport>)>,
}

/// Which approvals to list.
pub(crate) struct Filter {
    /// Only those in this state.
    pub(crate) state: Option<State>,
    /// Only those asked after this one.
    pub(crate) after: Option<ApprovalId>,
    /// At most so many.
    pub(crate) limit: u32,
    /// What time it is, for those that have expired without anybody having noted it.
    pub(crate) now: Timestamp,
}

impl Store {
    /// The approval with what people wrote about it.
    pub(crate) async fn approval(
        &self,
        id: &ApprovalId,
    ) -> Result<Option<StoredApproval>, StoreError> {
        // One transaction, so that the votes are those of the case as it was read.
        let mut transaction = self.readers.begin().await?;
        match load(&mut transaction, id).await? {
            Some(approval) => complete(&mut transaction, approval).await.map(Some),
            None => Ok(None),
        }
    }

    /// Approvals in the order they were asked.
    pub(crate) async fn approvals(
        &self,
        filter: &Filter,
    ) -> Result<Vec<StoredApproval>, StoreError> {
        let mut transaction = self.readers.begin().await?;
        // Those read as expired are whose time has run out, whatever the row still says.
        let rows = sqlx::query(
            "SELECT body FROM approval
             WHERE id > ?1
               AND (?2 IS NULL
                    OR iif(due_ms IS NOT NULL AND due_ms <= ?3, 'expired', state) = ?2)
             ORDER BY id LIMIT ?4",
        )
        .bind(filter.after.as_ref().map_or("", ApprovalId::as_str))
        .bind(filter.state.map(State::name))
        .bind(filter.now.as_millis())
        .bind(i64::from(filter.limit))
        .fetch_all(&mut *transaction)
        .await?;
        let mut approvals = Vec::with_capacity(rows.len());
        for row in &rows {
            let approval = with_votes(&mut transaction, row).await?;
            approvals.push(complete(&mut transaction, approval).await?);
        }
        Ok(approvals)
    }

    /// Up to `limit` approvals whose time has run out by `now` and that nobody has ended yet.
    pub(crate) async fn due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ApprovalId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM approval WHERE due_ms IS NOT NULL AND due_ms <= ? ORDER BY due_ms LIMIT ?",
        )
        .bind(now.as_millis())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        ids.iter()
            .map(|id| id.parse().map_err(|_| StoreError::Corrupt("approval id")))
            .collect()
    }
}

/// An approval with its votes.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: &ApprovalId,
) -> Result<Option<Approval>, StoreError> {
    let row = sqlx::query("SELECT body FROM approval WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match row {
        Some(row) => with_votes(connection, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The approval for exactly this ask: the open one, else the one that ended last.
pub(super) async fn load_for_ask(
    connection: &mut SqliteConnection,
    principal: &Identity,
    fingerprint_mac: &FingerprintMac,
) -> Result<Option<Approval>, StoreError> {
    let row = sqlx::query(
        "SELECT body FROM approval WHERE principal = ? AND fingerprint_mac = ?
         ORDER BY due_ms IS NULL, updated_ms DESC, id DESC LIMIT 1",
    )
    .bind(principal_text(principal)?)
    .bind(fingerprint_mac.as_bytes().as_slice())
    .fetch_optional(&mut *connection)
    .await?;
    match row {
        Some(row) => with_votes(connection, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The approval that this stream has used, if any.
pub(super) async fn used_by(
    connection: &mut SqliteConnection,
    gateway: &GatewayId,
    use_key: UseKey,
) -> Result<Option<ApprovalId>, StoreError> {
    let id: Option<String> =
        sqlx::query_scalar("SELECT approval FROM grant_use WHERE gateway = ? AND use_key = ?")
            .bind(gateway.as_str())
            .bind(use_key.as_bytes().as_slice())
            .fetch_optional(connection)
            .await?;
    id.map(|id| id.parse().map_err(|_| StoreError::Corrupt("approval id")))
        .transpose()
}

/// How much waits already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Approvals of the principal that wait for a decision.
    pub(crate) of_principal: u32,
    /// Those of the action.
    pub(crate) of_action: u32,
    /// All of them.
    pub(crate) overall: u32,
    /// How many the principal has asked lately.
    pub(crate) lately: u32,
}

pub(super) async fn load_of(
    connection: &mut SqliteConnection,
    principal: &Identity,
    action: &ActionName,
    since: Timestamp,
    now: Timestamp,
) -> Result<Load, StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(sum(principal = ?1), 0) AS of_principal,
                coalesce(sum(action = ?2), 0) AS of_action,
                count(*) AS overall,
                (SELECT count(*) FROM approval WHERE principal = ?1 AND created_ms > ?3) AS lately
         FROM approval WHERE state IN ('collecting', 'pending') AND due_ms > ?4",
    )
    .bind(principal_text(principal)?)
    .bind(action.as_str())
    .bind(since.as_millis())
    .bind(now.as_millis())
    .fetch_one(connection)
    .await?;
    let count = |column| {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Corrupt("count"))
    };
    Ok(Load {
        of_principal: count("of_principal")?,
        of_action: count("of_action")?,
        overall: count("overall")?,
        lately: count("lately")?,
    })
}

pub(super) async fn count_denials(
    connection: &mut SqliteConnection,
    principal: &Identity,
    fingerprint_mac: &FingerprintMac,
    since: Timestamp,
) -> Result<u32, StoreError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM approval
         WHERE principal = ? AND fingerprint_mac = ? AND state = 'denied' AND updated_ms > ?",
    )
    .bind(principal_text(principal)?)
    .bind(fingerprint_mac.as_bytes().as_slice())
    .bind(since.as_millis())
    .fetch_one(connection)
    .await?;
    u32::try_from(count).map_err(|_| StoreError::Corrupt("count"))
}

pub(super) fn principal_text(principal: &Identity) -> Result<String, StoreError> {
    serde_json::to_string(principal).map_err(|_| StoreError::Refused("a principal"))
}

async fn with_votes(
    connection: &mut SqliteConnection,
    row: &SqliteRow,
) -> Result<Approval, StoreError> {
    let mut approval: Approval =
        serde_json::from_str(row.try_get("body")?).map_err(|_| StoreError::Corrupt("approval"))?;
    let votes = sqlx::query("SELECT body FROM vote WHERE approval = ? ORDER BY number")
        .bind(approval.id.as_str())
        .fetch_all(connection)
        .await?;
    for vote in &votes {
        let vote: Vote =
            serde_json::from_str(vote.try_get("body")?).map_err(|_| StoreError::Corrupt("vote"))?;
        approval.votes.push(vote);
    }
    Ok(approval)
}

async fn complete(
    connection: &mut SqliteConnection,
    approval: Approval,
) -> Result<StoredApproval, StoreError> {
    let reason = secrets::text(connection, approval.reason).await?;
    let public_reason = secrets::text(connection, approval.public_reason).await?;
    let mut comments = Vec::with_capacity(approval.votes.len());
    for vote in &approval.votes {
        comments.push(secrets::text(connection, vote.comment).await?);
    }
    let uses = uses::with_outcomes(connection, &approval.id).await?;
    Ok(StoredApproval {
        approval,
        reason,
        public_reason,
        comments,
        uses,
    })
}
