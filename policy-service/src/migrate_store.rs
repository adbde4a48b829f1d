//! `migrate-store`: moves a store from SQLite to PostgreSQL.

use std::path::Path;

use crate::store::{DatabaseUrl, Moved, NotAUrl, transfer};

/// Why a store was not moved, or not to the end.
#[derive(Debug)]
pub struct MigrateStoreError(String);

impl std::fmt::Display for MigrateStoreError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for MigrateStoreError {}

/// Moves the store in the data folder `from` to the empty database `to`, and says what was moved.
/// From then on the old one refuses to open. One that was interrupted is taken up by running it
/// again.
///
/// # Errors
/// When `to` is no URL, another process has the old store open, the new one is not empty, or a
/// record is not as it was written; the old store is then as it was.
pub async fn migrate_store(from: &Path, to: &str) -> Result<String, MigrateStoreError> {
    let url: DatabaseUrl = to
        .parse()
        .map_err(|fault: NotAUrl| MigrateStoreError(fault.to_string()))?;
    let Moved { records, rows } = transfer(from, &url)
        .await
        .map_err(|error| MigrateStoreError(error.to_string()))?;
    Ok(format!(
        "{records} records and {rows} further rows are in {url}"
    ))
}
