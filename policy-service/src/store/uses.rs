//! Uses of grants: what was seen before, what was answered, and what left.

use velum_approval::{
    Approval, ApprovalId, Evidence, GatewayId, OutcomeReport, Record, Scope, Shape, Tags,
    Timestamp, Use, UseKey,
};

use super::audit::leaf;
use super::connection::{Connection, Row, values};
use super::transaction::{body, number, update};
use super::{Stamp, StoreError, audit};

/// Why a change is refused whose use is not there when it was written.
const DROPPED: &str = "a use that the database does not keep";

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

/// A use that is going to be made: of which approval, as it is then, by which stream, and what it is answered.
pub(crate) struct NewUse<'a> {
    pub(crate) approval: &'a Approval,
    pub(crate) gateway: &'a GatewayId,
    pub(crate) use_key: UseKey,
    pub(crate) grant: &'a Granted,
}

/// The part of a statement that writes a use and its approval, and tells how many rows of each; `$from` is what has to
/// have been written before.
macro_rules! used {
    ($from:literal) => {
        concat!(
            "used AS (
                 UPDATE approval SET state = $5, due_ms = $6, updated_ms = $2, version = $7, body = $8
                 WHERE id = $9 AND version = $7 - 1
                 RETURNING id
             ),
             made AS (
                 INSERT INTO grant_use
                     (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms, lifts_until_ms)
                 SELECT $9, $10, $11, $1, $2, $12, $13, $14, $15",
            $from,
            " RETURNING idx
             )
             SELECT (SELECT count(*) FROM used) AS used, (SELECT count(*) FROM made) AS made"
        )
    };
}

/// Makes a use, with its approval and its record; gives the record's index.
pub(super) async fn make(
    connection: &mut Connection,
    new: &NewUse<'_>,
    record: &Record,
    stamp: &Stamp,
    replace: &'static str,
) -> Result<u64, StoreError> {
    if connection.has_rivals() {
        return make_beside_others(connection, new, record, stamp).await;
    }
    let index = audit::append(connection, record, stamp).await?;
    update(connection, new.approval, stamp.now, replace).await?;
    insert(connection, new, index, stamp.now).await?;
    Ok(index)
}

/// The same without its record, for what that costs; the one of this index stands for it.
#[cfg(test)]
pub(super) async fn make_without_record(
    connection: &mut Connection,
    new: &NewUse<'_>,
    index: u64,
    stamp: &Stamp,
    replace: &'static str,
) -> Result<u64, StoreError> {
    if connection.has_rivals() {
        let statement = concat!("WITH ", used!(""));
        let row = write(connection, statement, new, (index, &[], &[]), stamp.now).await?;
        return written(connection, &row).map(|()| index);
    }
    update(connection, new.approval, stamp.now, replace).await?;
    insert(connection, new, index, stamp.now).await?;
    Ok(index)
}

/// Writes a use whose approval and record are written.
async fn insert(
    connection: &mut Connection,
    new: &NewUse<'_>,
    index: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let scope = scope_text(new.grant)?;
    let made = connection
        .execute(
            "INSERT INTO grant_use
                 (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms, lifts_until_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            values![
                new.approval.id.as_str(),
                new.gateway.as_str(),
                new.use_key.as_bytes(),
                number(index)?,
                now.as_millis(),
                &scope,
                i64::from(new.grant.is_seen),
                new.grant.expires.as_millis(),
                new.grant.lifts_until.as_millis(),
            ],
        )
        .await?;
    match made {
        1 => Ok(()),
        _ => Err(connection.refuse(DROPPED)),
    }
}

/// The same where others write too and the head of the log is locked: in one statement, since each goes to a server.
async fn make_beside_others(
    connection: &mut Connection,
    new: &NewUse<'_>,
    record: &Record,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    let statement = concat!(
        "WITH ",
        leaf!(),
        ", ",
        used!(" FROM leaf"),
        ", (SELECT count(*) FROM leaf) AS put, (SELECT count(*) FROM leaf WHERE is_kept = 1) AS kept"
    );
    let next = audit::next(connection, record, stamp).await?;
    let leaf = (next.index, &next.leaf[..], &next.hash[..]);
    let row = write(connection, statement, new, leaf, stamp.now).await?;
    match (row.count("put")?, row.count("kept")?) {
        (1, 1) => written(connection, &row).map(|()| next.index),
        (1, _) => Err(connection.refuse(audit::NOT_KEPT)),
        _ => Err(audit::refused(connection, next.index).await),
    }
}

async fn write(
    connection: &mut Connection,
    statement: &'static str,
    new: &NewUse<'_>,
    (index, leaf, hash): (u64, &[u8], &[u8]),
    now: Timestamp,
) -> Result<Row, StoreError> {
    let (approval, grant) = (new.approval, new.grant);
    let (body, scope) = (body(approval)?, scope_text(grant)?);
    let given = values![
        number(index)?,
        now.as_millis(),
        leaf,
        hash,
        approval.state.name(),
        approval.due().map(Timestamp::as_millis),
        number(approval.version)?,
        &body,
        approval.id.as_str(),
        new.gateway.as_str(),
        new.use_key.as_bytes(),
        &scope,
        i64::from(grant.is_seen),
        grant.expires.as_millis(),
        grant.lifts_until.as_millis(),
    ];
    connection.one(statement, given).await
}

/// Whether a use and its approval are written, by what the statement for them tells.
fn written(connection: &mut Connection, row: &Row) -> Result<(), StoreError> {
    match (row.count("used")?, row.count("made")?) {
        (1, 1) => Ok(()),
        (1, _) => Err(connection.refuse(DROPPED)),
        _ => Err(connection.refuse("over an approval that has changed")),
    }
}

fn scope_text(grant: &Granted) -> Result<String, StoreError> {
    serde_json::to_string(&grant.scope).map_err(|_| StoreError::Refused("a scope"))
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
