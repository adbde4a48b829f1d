//! Emergency accesses.

use sqlx::SqliteConnection;
use velum_approval::{Emergency, EmergencyId};

use super::approvals::principal_text;
use super::transaction::number;
use super::{Store, StoreError, secrets};

/// An emergency access with what was written about it.
pub(crate) struct StoredEmergency {
    pub(crate) emergency: Emergency,
    pub(crate) reason: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Store {
    /// Emergency accesses, the latest first: those that nobody has reviewed, or all.
    pub(crate) async fn list_emergencies(
        &self,
        only_unreviewed: bool,
        limit: u32,
    ) -> Result<Vec<StoredEmergency>, StoreError> {
        let mut transaction = self.readers.begin().await?;
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM emergency WHERE is_reviewed <= ? ORDER BY id DESC LIMIT ?",
        )
        .bind(i64::from(!only_unreviewed))
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
        let mut emergencies = Vec::with_capacity(bodies.len());
        for body in bodies {
            let emergency = read(&body)?;
            let reviewed = emergency.reviewed.as_ref();
            let comment = reviewed.and_then(|reviewed| reviewed.comment);
            emergencies.push(StoredEmergency {
                reason: secrets::text(&mut transaction, Some(emergency.reason)).await?,
                comment: secrets::text(&mut transaction, comment).await?,
                emergency,
            });
        }
        Ok(emergencies)
    }
}

pub(super) async fn unreviewed(
    connection: &mut SqliteConnection,
) -> Result<Vec<Emergency>, StoreError> {
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM emergency WHERE is_reviewed = 0 ORDER BY id")
            .fetch_all(connection)
            .await?;
    bodies.iter().map(|body| read(body)).collect()
}

pub(super) async fn load(
    connection: &mut SqliteConnection,
    id: &EmergencyId,
) -> Result<Option<Emergency>, StoreError> {
    let body: Option<String> = sqlx::query_scalar("SELECT body FROM emergency WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    body.map(|body| read(&body)).transpose()
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    emergency: &Emergency,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO emergency (id, is_reviewed, opened_by, principal, version, body)
         VALUES (?, 0, ?, ?, 1, ?)",
    )
    .bind(emergency.id.as_str())
    .bind(emergency.opened_by.as_str())
    .bind(principal_text(&emergency.principal)?)
    .bind(text(emergency)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the row of the version before.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    emergency: &Emergency,
) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE emergency SET is_reviewed = ?, version = ?, body = ? WHERE id = ? AND version = ?",
    )
    .bind(i64::from(emergency.reviewed.is_some()))
    .bind(number(emergency.version)?)
    .bind(text(emergency)?)
    .bind(emergency.id.as_str())
    .bind(number(emergency.version)? - 1)
    .execute(connection)
    .await?;
    match updated.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Refused(
            "over an emergency access that has changed",
        )),
    }
}

fn text(emergency: &Emergency) -> Result<String, StoreError> {
    serde_json::to_string(emergency).map_err(|_| StoreError::Refused("an emergency access"))
}

fn read(body: &str) -> Result<Emergency, StoreError> {
    serde_json::from_str(body).map_err(|_| StoreError::Corrupt("emergency access"))
}
