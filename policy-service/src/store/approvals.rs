//! Approvals as they are read.

use velum_approval::{
    ActionName, Approval, ApprovalId, Check, Emergency, FingerprintMac, GatewayId, Identity,
    KeyedToken, OutcomeReport, Shape, StopScope, Timestamp, Use, UseKey, Vote,
};
use velum_engine::{Class, ClassSet};

use super::connection::{Connection, Row, Sql, values};
use super::{Store, StoreError, StoredUse, Written, emergencies, secrets, stops, uses};

/// An approval with what people wrote about it.
pub(crate) struct StoredApproval {
    pub(crate) approval: Approval,
    /// Where the values stand that reviewers saw, as far as that was told.
    pub(crate) shape: Option<Shape>,
    /// Why it was asked.
    pub(crate) reason: Option<Written>,
    /// What the requester is told.
    pub(crate) public_reason: Option<Written>,
    /// The comment of each vote, in their order.
    pub(crate) comments: Vec<Option<Written>>,
    /// Every use, with what left under it as far as that was reported.
    pub(crate) uses: Vec<(StoredUse, Option<OutcomeReport>)>,
}

impl StoredApproval {
    /// Whether something that was written about it is not what was written.
    pub(crate) fn has_changed_text(&self) -> bool {
        let texts = self.reason.iter().chain(&self.public_reason);
        let mut texts = texts.chain(self.comments.iter().flatten());
        texts.any(Written::is_changed)
    }

    /// The same without anything that people wrote.
    pub(crate) fn without_words(mut self) -> StoredApproval {
        (self.reason, self.public_reason) = (None, None);
        self.comments.fill_with(|| None);
        self
    }
}

impl Store {
    /// The approval with what people wrote about it.
    pub(crate) async fn approval(
        &self,
        id: &ApprovalId,
    ) -> Result<Option<StoredApproval>, StoreError> {
        let mut reading = self.read().await?;
        match load(&mut reading, id).await? {
            Some(approval) => complete(&mut reading, approval).await.map(Some),
            None => Ok(None),
        }
    }

    /// Up to `limit` approvals whose time has run out by `now` and that nobody has ended yet.
    pub(crate) async fn due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ApprovalId>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT id FROM approval WHERE due_ms IS NOT NULL AND due_ms <= $1
                 ORDER BY due_ms LIMIT $2",
                values![now.as_millis(), i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| read_id(row, "id")).collect()
    }
}

/// An approval as who waits for it looks at it.
pub(crate) struct Looked {
    pub(crate) approval: Approval,
    pub(crate) uses: Vec<Use>,
    /// What the requester is told.
    pub(crate) public_reason: Option<String>,
    /// What is stopped.
    pub(crate) stops: Vec<StopScope>,
    /// The emergency accesses that nobody has reviewed.
    pub(crate) emergencies: Vec<Emergency>,
}

impl Store {
    /// An approval with all that a decision on it needs, in one reading.
    pub(crate) async fn look(
        &self,
        id: &ApprovalId,
        now: Timestamp,
    ) -> Result<Option<Looked>, StoreError> {
        let mut reading = self.read().await?;
        let Some(approval) = load(&mut reading, id).await? else {
            return Ok(None);
        };
        let uses = uses::of(&mut reading, id).await?;
        let stops = stops::scopes(&mut reading, now).await?;
        Ok(Some(Looked {
            uses: uses.into_iter().map(|one| one.made).collect(),
            public_reason: secrets::text(&mut reading, approval.public_reason)
                .await?
                .map(Written::into_shown),
            stops,
            emergencies: emergencies::unreviewed(&mut reading).await?,
            approval,
        }))
    }
}

/// An approval with its votes, locked where others may write.
pub(super) async fn load(
    connection: &mut Connection,
    id: &ApprovalId,
) -> Result<Option<Approval>, StoreError> {
    let statement = if connection.has_rivals() {
        "SELECT body FROM approval WHERE id = $1 FOR UPDATE"
    } else {
        "SELECT body FROM approval WHERE id = $1"
    };
    match connection.optional(statement, values![id.as_str()]).await? {
        Some(row) => with_votes(connection, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The approval for exactly this ask: the open one, else the one that ended last.
pub(super) async fn load_for_ask(
    connection: &mut Connection,
    principal: &Identity,
    fingerprint_mac: &FingerprintMac,
) -> Result<Option<Approval>, StoreError> {
    let principal = principal_text(principal)?;
    let found = connection
        .optional(
            "SELECT id, version FROM approval WHERE principal = $1 AND fingerprint_mac = $2
             ORDER BY due_ms IS NULL, updated_ms DESC, id DESC LIMIT 1",
            values![&principal, fingerprint_mac.as_bytes()],
        )
        .await?;
    let Some(found) = found else { return Ok(None) };
    let approval = load(connection, &read_id(&found, "id")?).await?;
    match approval {
        Some(approval) if approval.version == found.count("version")? => Ok(Some(approval)),
        // A rival changed it while we waited for the lock: another may be the one by now, and this
        // stream may have used it.
        _ => Err(connection.conflict()),
    }
}

/// The approvals that may still become something.
pub(super) async fn unended(connection: &mut Connection) -> Result<Vec<ApprovalId>, StoreError> {
    // By their states alone, and so all of them: for a recovery nothing else is believed.
    let statement = "SELECT id FROM approval WHERE state IN ('collecting', 'pending', 'approved')
                     ORDER BY id";
    let rows = connection.all(statement, &[]).await?;
    rows.iter().map(|row| read_id(row, "id")).collect()
}

/// The approval that this stream has used, if any.
pub(super) async fn used_by(
    connection: &mut Connection,
    gateway: &GatewayId,
    use_key: UseKey,
) -> Result<Option<ApprovalId>, StoreError> {
    let row = connection
        .optional(
            "SELECT approval FROM grant_use WHERE gateway = $1 AND use_key = $2",
            values![gateway.as_str(), use_key.as_bytes()],
        )
        .await?;
    row.map(|row| read_id(&row, "approval")).transpose()
}

/// How much waits already.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Approvals of the principal that wait for a decision.
    pub(crate) of_principal: u64,
    /// Those of the action.
    pub(crate) of_action: u64,
    /// All of them.
    pub(crate) overall: u64,
    /// How many the principal has asked lately.
    pub(crate) lately: u64,
}

/// How much waits, and what the principal, under all these names, has asked since. Nobody else opens an approval until this
/// transaction ends.
pub(super) async fn load_of(
    connection: &mut Connection,
    names: &[&Identity],
    action: &ActionName,
    since: Timestamp,
    now: Timestamp,
) -> Result<Load, StoreError> {
    super::audit::lock(connection).await?;
    let row = connection
        .one(
            Sql {
                sqlite: "SELECT count(CASE WHEN principal IN (SELECT value FROM json_each($1)) THEN 1 END)
                            AS of_principal,
                        count(CASE WHEN action = $2 THEN 1 END) AS of_action,
                        count(*) AS overall,
                        (SELECT count(*) FROM approval
                         WHERE principal IN (SELECT value FROM json_each($1)) AND created_ms > $3)
                            AS lately
                 FROM approval WHERE state IN ('collecting', 'pending') AND due_ms > $4",
                postgres: "SELECT count(CASE WHEN principal IN
                                (SELECT json_array_elements_text(CAST($1 AS JSON))) THEN 1 END)
                            AS of_principal,
                        count(CASE WHEN action = $2 THEN 1 END) AS of_action,
                        count(*) AS overall,
                        (SELECT count(*) FROM approval
                         WHERE principal IN (SELECT json_array_elements_text(CAST($1 AS JSON)))
                               AND created_ms > $3)
                            AS lately
                 FROM approval WHERE state IN ('collecting', 'pending') AND due_ms > $4",
            },
            values![
                &names_text(names)?,
                action.as_str(),
                since.as_millis(),
                now.as_millis()
            ],
        )
        .await?;
    Ok(Load {
        of_principal: row.count("of_principal")?,
        of_action: row.count("of_action")?,
        overall: row.count("overall")?,
        lately: row.count("lately")?,
    })
}

/// Asks that were denied: of one principal under all its names, for one action, one resource and the same classes.
#[derive(Debug, Clone)]
pub(crate) struct Denials {
    /// How many.
    pub(crate) count: u64,
    /// The last, and when it was.
    pub(crate) last: Option<(ApprovalId, Timestamp)>,
}

/// Denials since a moment, the last first. SQLite has no figures of its tables and would take any index of what has
/// ended.
pub(super) const DENIALS: Sql = Sql {
    sqlite:
        "SELECT id, updated_ms, count(*) OVER () AS denials FROM approval INDEXED BY approval_denied
             WHERE principal IN (SELECT value FROM json_each($1)) AND action = $2 AND alike = $3
                   AND state = 'denied' AND updated_ms > $4
             ORDER BY updated_ms DESC, id DESC LIMIT 1",
    postgres: "SELECT id, updated_ms, count(*) OVER () AS denials FROM approval
               WHERE principal IN (SELECT json_array_elements_text(CAST($1 AS JSON)))
                     AND action = $2 AND alike = $3 AND state = 'denied' AND updated_ms > $4
               ORDER BY updated_ms DESC, id DESC LIMIT 1",
};

pub(super) async fn denials(
    connection: &mut Connection,
    check: &Check,
    names: &[&Identity],
    since: Timestamp,
) -> Result<Denials, StoreError> {
    let rows = connection
        .all(
            DENIALS,
            values![
                &names_text(names)?,
                check.action.as_str(),
                &alike(&check.resource, check.classes),
                since.as_millis(),
            ],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Ok(Denials {
            count: 0,
            last: None,
        });
    };
    let at = Timestamp::from_millis(row.read("updated_ms")?);
    Ok(Denials {
        count: row.count("denials")?,
        last: Some((read_id(row, "id")?, at)),
    })
}

/// What two asks have in common that differ in a query's value or a body only: the resource, by its keyed
/// token, and the classes.
pub(super) fn alike(resource: &KeyedToken, classes: ClassSet) -> String {
    let classes = classes.iter().filter(|class| class.may_be_lifted());
    let names: Vec<_> = classes.map(Class::name).collect();
    format!("{resource} {}", names.join(" "))
}

/// Names as they stand in the column of principals, in one JSON array.
pub(super) fn names_text(names: &[&Identity]) -> Result<String, StoreError> {
    let names = names.iter().map(|name| principal_text(name));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    serde_json::to_string(&names).map_err(|_| StoreError::Refused("principals"))
}

pub(super) fn principal_text(principal: &Identity) -> Result<String, StoreError> {
    serde_json::to_string(principal).map_err(|_| StoreError::Refused("a principal"))
}

pub(super) async fn with_votes(
    connection: &mut Connection,
    row: &Row,
) -> Result<Approval, StoreError> {
    let body: String = row.read("body")?;
    let mut approval: Approval =
        serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("approval"))?;
    let votes = connection
        .all(
            "SELECT body FROM vote WHERE approval = $1 ORDER BY number",
            values![approval.id.as_str()],
        )
        .await?;
    for vote in &votes {
        let body: String = vote.read("body")?;
        let vote: Vote = serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("vote"))?;
        approval.votes.push(vote);
    }
    Ok(approval)
}

pub(super) async fn complete(
    connection: &mut Connection,
    approval: Approval,
) -> Result<StoredApproval, StoreError> {
    let reason = secrets::text(connection, approval.reason).await?;
    let public_reason = secrets::text(connection, approval.public_reason).await?;
    let mut comments = Vec::with_capacity(approval.votes.len());
    for vote in &approval.votes {
        comments.push(secrets::text(connection, vote.comment).await?);
    }
    let uses = uses::with_outcomes(connection, &approval.id).await?;
    let shape = uses::shape(connection, &approval).await?;
    Ok(StoredApproval {
        approval,
        shape,
        reason,
        public_reason,
        comments,
        uses,
    })
}

fn read_id(row: &Row, column: &str) -> Result<ApprovalId, StoreError> {
    let id: String = row.read(column)?;
    id.parse().map_err(|_| StoreError::Corrupt("approval id"))
}
