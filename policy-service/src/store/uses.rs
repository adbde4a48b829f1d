//! Uses of grants: what was seen before, what was answered, and what left.

use velum_approval::{
    Approval, ApprovalId, Evidence, GatewayId, OutcomeReport, Scope, Shape, Tags, Timestamp, Use,
    UseKey,
};

use super::StoreError;
use super::connection::{Connection, Row, values};
use super::transaction::number;

/// What a use is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// What is released.
    pub(crate) scope: Scope,
    /// Whether only values that were seen are.
    pub(crate) is_seen: bool,
    /// Until when values are lifted under it.
    pub(crate) lifts_until: Timestamp,
    /// When the answer stops being good.
    pub(crate) expires: Timestamp,
}

/// A use with the answer that was given for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredUse {
    pub(crate) made: Use,
    pub(crate) grant: Granted,
}

pub(super) async fn insert(
    connection: &mut Connection,
    approval: &Approval,
    stream: (&GatewayId, UseKey),
    grant: &Granted,
    index: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scope = serde_json::to_string(&grant.scope).map_err(|_| StoreError::Refused("a scope"))?;
    let (gateway, use_key) = stream;
    connection
        .execute(
            "INSERT INTO grant_use
                 (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms, lifts_until_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                approval.id.as_str(),
                gateway.as_str(),
                use_key.as_bytes(),
                number(index)?,
                now.as_millis(),
                &scope,
                i64::from(grant.is_seen),
                grant.expires.as_millis(),
                grant.lifts_until.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

/// Every use of an approval, in their order.
pub(super) async fn of(
    connection: &mut Connection,
    id: &ApprovalId,
) -> Result<Vec<StoredUse>, StoreError> {
    let rows = connection
        .all(
            "SELECT gateway, use_key, idx, at_ms, scope, is_seen, expires_ms, lifts_until_ms
             FROM grant_use WHERE approval = $1 ORDER BY idx",
            values![id.as_str()],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// The same with what left under them.
pub(super) async fn with_outcomes(
    connection: &mut Connection,
    id: &ApprovalId,
) -> Result<Vec<(StoredUse, Option<OutcomeReport>)>, StoreError> {
    let mut uses = Vec::new();
    for made in of(connection, id).await? {
        let row = connection
            .optional(
                "SELECT body FROM outcome WHERE gateway = $1 AND use_key = $2",
                values![made.made.gateway.as_str(), made.made.use_key.as_bytes()],
            )
            .await?;
        let outcome = row.map(|row| {
            let body: String = row.read("body")?;
            serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("outcome"))
        });
        uses.push((made, outcome.transpose()?));
    }
    Ok(uses)
}

pub(super) async fn has_outcome(
    connection: &mut Connection,
    gateway: &GatewayId,
    use_key: UseKey,
) -> Result<bool, StoreError> {
    let row = connection
        .optional(
            "SELECT idx FROM outcome WHERE gateway = $1 AND use_key = $2",
            values![gateway.as_str(), use_key.as_bytes()],
        )
        .await?;
    Ok(row.is_some())
}

pub(super) async fn insert_outcome(
    connection: &mut Connection,
    gateway: &GatewayId,
    report: &OutcomeReport,
    index: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(report).map_err(|_| StoreError::Refused("an outcome"))?;
    connection
        .execute(
            "INSERT INTO outcome (gateway, use_key, approval, idx, at_ms, body)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                gateway.as_str(),
                report.use_key.as_bytes(),
                report.approval.as_str(),
                number(index)?,
                now.as_millis(),
                &body,
            ],
        )
        .await?;
    Ok(())
}

/// The tags of what reviewers saw.
pub(super) async fn tags(
    connection: &mut Connection,
    id: &ApprovalId,
) -> Result<Option<Tags>, StoreError> {
    let row = connection
        .optional(
            "SELECT tags FROM evidence WHERE approval = $1",
            values![id.as_str()],
        )
        .await?;
    row.map(|row| {
        let tags: Vec<u8> = row.read("tags")?;
        Tags::from_bytes(&tags).map_err(|_| StoreError::Corrupt("tags"))
    })
    .transpose()
}

/// The shape of what reviewers saw, where the gateway told one: it is what the approval is bound to, or nothing
/// is read.
pub(super) async fn shape(
    connection: &mut Connection,
    approval: &Approval,
) -> Result<Option<Shape>, StoreError> {
    let Some(digest) = approval.seen.as_ref().and_then(|seen| seen.shape) else {
        return Ok(None);
    };
    let corrupt = || StoreError::Corrupt("shape");
    let row = connection
        .optional(
            "SELECT shape FROM evidence WHERE approval = $1",
            values![approval.id.as_str()],
        )
        .await?;
    let text: String = row.ok_or_else(corrupt)?.read("shape")?;
    let shape: Shape = serde_json::from_str(&text).map_err(|_| corrupt())?;
    if shape.digest() == digest {
        Ok(Some(shape))
    } else {
        Err(corrupt())
    }
}

/// Keeps what reviewers saw.
pub(super) async fn insert_evidence(
    connection: &mut Connection,
    id: &ApprovalId,
    evidence: &Evidence,
) -> Result<(), StoreError> {
    let shape = evidence.shape.as_ref().map(serde_json::to_string);
    let shape = shape
        .transpose()
        .map_err(|_| StoreError::Refused("a shape"))?;
    connection
        .execute(
            "INSERT INTO evidence (approval, tags, shape) VALUES ($1, $2, $3)",
            values![id.as_str(), &evidence.tags.to_bytes(), shape.as_deref()],
        )
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<StoredUse, StoreError> {
    let gateway: String = row.read("gateway")?;
    let use_key: Vec<u8> = row.read("use_key")?;
    let made = Use {
        gateway: gateway
            .parse()
            .map_err(|_| StoreError::Corrupt("gateway"))?,
        use_key: use_key
            .try_into()
            .map(UseKey::from_bytes)
            .map_err(|_| StoreError::Corrupt("use key"))?,
        at: Timestamp::from_millis(row.read("at_ms")?),
        index: row.count("idx")?,
    };
    let scope: String = row.read("scope")?;
    let grant = Granted {
        scope: serde_json::from_str(&scope).map_err(|_| StoreError::Corrupt("scope"))?,
        is_seen: row.count("is_seen")? != 0,
        lifts_until: Timestamp::from_millis(row.read("lifts_until_ms")?),
        expires: Timestamp::from_millis(row.read("expires_ms")?),
    };
    Ok(StoredUse { made, grant })
}
