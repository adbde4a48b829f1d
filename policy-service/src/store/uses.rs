//! Uses of grants: what was seen before, what was answered, and what left.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use velum_approval::{
    Approval, ApprovalId, GatewayId, OutcomeReport, Scope, Tags, Timestamp, Use, UseKey,
};

use super::StoreError;
use super::transaction::number;

/// What a use is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// What is released.
    pub(crate) scope: Scope,
    /// Whether only values that were seen are.
    pub(crate) is_seen: bool,
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
    connection: &mut SqliteConnection,
    approval: &Approval,
    gateway: &GatewayId,
    use_key: UseKey,
    grant: &Granted,
    index: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scope = serde_json::to_string(&grant.scope).map_err(|_| StoreError::Refused("a scope"))?;
    sqlx::query(
        "INSERT INTO grant_use (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(approval.id.as_str())
    .bind(gateway.as_str())
    .bind(use_key.as_bytes().as_slice())
    .bind(number(index)?)
    .bind(now.as_millis())
    .bind(scope)
    .bind(i64::from(grant.is_seen))
    .bind(grant.expires.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Every use of an approval, in their order.
pub(super) async fn of(
    connection: &mut SqliteConnection,
    id: &ApprovalId,
) -> Result<Vec<StoredUse>, StoreError> {
    let rows = sqlx::query(
        "SELECT gateway, use_key, idx, at_ms, scope, is_seen, expires_ms FROM grant_use
         WHERE approval = ? ORDER BY idx",
    )
    .bind(id.as_str())
    .fetch_all(connection)
    .await?;
    rows.iter().map(read).collect()
}

/// The same with what left under them.
pub(super) async fn with_outcomes(
    connection: &mut SqliteConnection,
    id: &ApprovalId,
) -> Result<Vec<(StoredUse, Option<OutcomeReport>)>, StoreError> {
    let mut uses = Vec::new();
    for made in of(connection, id).await? {
        let body: Option<String> =
            sqlx::query_scalar("SELECT body FROM outcome WHERE gateway = ? AND use_key = ?")
                .bind(made.made.gateway.as_str())
                .bind(made.made.use_key.as_bytes().as_slice())
                .fetch_optional(&mut *connection)
                .await?;
        let outcome = body
            .map(|body| serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("outcome")));
        uses.push((made, outcome.transpose()?));
    }
    Ok(uses)
}

pub(super) async fn has_outcome(
    connection: &mut SqliteConnection,
    gateway: &GatewayId,
    use_key: UseKey,
) -> Result<bool, StoreError> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM outcome WHERE gateway = ? AND use_key = ?")
            .bind(gateway.as_str())
            .bind(use_key.as_bytes().as_slice())
            .fetch_one(connection)
            .await?;
    Ok(count > 0)
}

pub(super) async fn insert_outcome(
    connection: &mut SqliteConnection,
    gateway: &GatewayId,
    report: &OutcomeReport,
    index: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(report).map_err(|_| StoreError::Refused("an outcome"))?;
    sqlx::query(
        "INSERT INTO outcome (gateway, use_key, approval, idx, at_ms, body)
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(gateway.as_str())
    .bind(report.use_key.as_bytes().as_slice())
    .bind(report.approval.as_str())
    .bind(number(index)?)
    .bind(now.as_millis())
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

/// The tags of what reviewers saw.
pub(super) async fn tags(
    connection: &mut SqliteConnection,
    id: &ApprovalId,
) -> Result<Option<Tags>, StoreError> {
    let tags: Option<Vec<u8>> = sqlx::query_scalar("SELECT tags FROM evidence WHERE approval = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    tags.map(|tags| Tags::from_bytes(&tags).map_err(|_| StoreError::Corrupt("tags")))
        .transpose()
}

pub(super) async fn insert_tags(
    connection: &mut SqliteConnection,
    id: &ApprovalId,
    tags: &Tags,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO evidence (approval, tags) VALUES (?, ?)")
        .bind(id.as_str())
        .bind(tags.to_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<StoredUse, StoreError> {
    let gateway: String = row.try_get("gateway")?;
    let use_key: Vec<u8> = row.try_get("use_key")?;
    let made = Use {
        gateway: gateway
            .parse()
            .map_err(|_| StoreError::Corrupt("gateway"))?,
        use_key: use_key
            .try_into()
            .map(UseKey::from_bytes)
            .map_err(|_| StoreError::Corrupt("use key"))?,
        at: Timestamp::from_millis(row.try_get("at_ms")?),
        index: u64::try_from(row.try_get::<i64, _>("idx")?)
            .map_err(|_| StoreError::Corrupt("index"))?,
    };
    let scope: String = row.try_get("scope")?;
    let grant = Granted {
        scope: serde_json::from_str(&scope).map_err(|_| StoreError::Corrupt("scope"))?,
        is_seen: row.try_get::<i64, _>("is_seen")? != 0,
        expires: Timestamp::from_millis(row.try_get("expires_ms")?),
    };
    Ok(StoredUse { made, grant })
}
