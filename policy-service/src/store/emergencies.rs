//! Emergency accesses.

use velum_approval::{Emergency, EmergencyId};

use super::approvals::principal_text;
use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Store, StoreError, Written, secrets};

/// An emergency access with what was written about it.
pub(crate) struct StoredEmergency {
    pub(crate) emergency: Emergency,
    pub(crate) reason: Option<Written>,
    pub(crate) comment: Option<Written>,
}

impl Store {
    /// Emergency accesses, the latest first: those that nobody has reviewed, or all; those before
    /// `after`.
    pub(crate) async fn list_emergencies(
        &self,
        only_unreviewed: bool,
        after: Option<&EmergencyId>,
        limit: u32,
    ) -> Result<Vec<StoredEmergency>, StoreError> {
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT body FROM emergency
                 WHERE is_reviewed <= $1 AND ($2 IS NULL OR id < $2)
                 ORDER BY id DESC LIMIT $3",
                values![
                    i64::from(!only_unreviewed),
                    after.map(EmergencyId::as_str),
                    i64::from(limit)
                ],
            )
            .await?;
        let mut emergencies = Vec::with_capacity(rows.len());
        for row in &rows {
            emergencies.push(complete(&mut reading, row).await?);
        }
        Ok(emergencies)
    }

    /// The emergency access with this id.
    pub(crate) async fn stored_emergency(
        &self,
        id: &EmergencyId,
    ) -> Result<Option<StoredEmergency>, StoreError> {
        let mut reading = self.read().await?;
        let statement = "SELECT body FROM emergency WHERE id = $1";
        match reading.optional(statement, values![id.as_str()]).await? {
            Some(row) => complete(&mut reading, &row).await.map(Some),
            None => Ok(None),
        }
    }
}

async fn complete(connection: &mut Connection, row: &Row) -> Result<StoredEmergency, StoreError> {
    let emergency = read(row)?;
    let reviewed = emergency.reviewed.as_ref();
    let comment = reviewed.and_then(|reviewed| reviewed.comment);
    Ok(StoredEmergency {
        reason: secrets::text(connection, Some(emergency.reason)).await?,
        comment: secrets::text(connection, comment).await?,
        emergency,
    })
}

pub(super) async fn unreviewed(connection: &mut Connection) -> Result<Vec<Emergency>, StoreError> {
    let statement = "SELECT body FROM emergency WHERE is_reviewed = 0 ORDER BY id";
    let rows = connection.all(statement, &[]).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn load(
    connection: &mut Connection,
    id: &EmergencyId,
) -> Result<Option<Emergency>, StoreError> {
    let statement = "SELECT body FROM emergency WHERE id = $1";
    let row = connection.optional(statement, values![id.as_str()]).await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn insert(
    connection: &mut Connection,
    emergency: &Emergency,
) -> Result<(), StoreError> {
    let principal = principal_text(&emergency.principal)?;
    connection
        .execute(
            "INSERT INTO emergency (id, is_reviewed, opened_by, principal, version, body)
             VALUES ($1, 0, $2, $3, 1, $4)",
            values![
                emergency.id.as_str(),
                emergency.opened_by.as_str(),
                &principal,
                &text(emergency)?,
            ],
        )
        .await?;
    Ok(())
}

/// Replaces the row of the version before.
pub(super) async fn update(
    connection: &mut Connection,
    emergency: &Emergency,
) -> Result<(), StoreError> {
    let updated = connection
        .execute(
            "UPDATE emergency SET is_reviewed = $1, version = $2, body = $3
             WHERE id = $4 AND version = $5",
            values![
                i64::from(emergency.reviewed.is_some()),
                number(emergency.version)?,
                &text(emergency)?,
                emergency.id.as_str(),
                number(emergency.version)? - 1,
            ],
        )
        .await?;
    match updated {
        1 => Ok(()),
        // It was used or reviewed meanwhile.
        _ => Err(connection.conflict()),
    }
}

fn text(emergency: &Emergency) -> Result<String, StoreError> {
    serde_json::to_string(emergency).map_err(|_| StoreError::Refused("an emergency access"))
}

fn read(row: &Row) -> Result<Emergency, StoreError> {
    let body: String = row.read("body")?;
    serde_json::from_str(&body).map_err(|_| StoreError::Corrupt("emergency access"))
}
