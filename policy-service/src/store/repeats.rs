//! Requests that are carried out once, however often they come (`Idempotency-Key`).
//!
//! What came of one is kept as the id of the thing, never as the answer: answers hold what people
//! wrote, which must be erasable.

use std::time::Duration;

use velum_approval::Timestamp;

use super::StoreError;
use super::connection::{Connection, values};

/// How long a request is remembered.
pub(crate) const MEMORY: Duration = Duration::from_hours(24);

/// A request that is to be carried out once.
#[derive(Clone)]
pub(crate) struct Once {
    /// Who sends it: keys of others are other keys.
    pub(crate) caller: String,
    /// SHA-256 of its key.
    pub(crate) key: [u8; 32],
    /// SHA-256 of what it is.
    pub(crate) request: [u8; 32],
}

/// Whether a request has come before.
pub(crate) enum Repeat {
    /// It has not.
    First,
    /// It has, and this came of it.
    Again(String),
    /// Its key has, with another request.
    Other,
}

pub(super) async fn find(
    connection: &mut Connection,
    once: &Once,
    now: Timestamp,
) -> Result<Repeat, StoreError> {
    let found = connection
        .optional(
            "SELECT request, thing FROM idempotency
             WHERE caller = $1 AND key_hash = $2 AND at_ms > $3",
            values![&once.caller, &once.key, forgotten(now)],
        )
        .await?;
    let Some(found) = found else {
        return Ok(Repeat::First);
    };
    let request: Vec<u8> = found.read("request")?;
    Ok(if request == once.request {
        Repeat::Again(found.read("thing")?)
    } else {
        Repeat::Other
    })
}

/// Notes what came of it. A rival with the same key makes the transaction run anew.
pub(super) async fn insert(
    connection: &mut Connection,
    once: &Once,
    thing: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    forget(connection, now).await?;
    connection
        .execute(
            "INSERT INTO idempotency (caller, key_hash, request, thing, at_ms)
             VALUES ($1, $2, $3, $4, $5)",
            values![
                &once.caller,
                &once.key,
                &once.request,
                thing,
                now.as_millis()
            ],
        )
        .await?;
    Ok(())
}

/// Forgets what is too old: with every new one, so that only that day's are kept.
async fn forget(connection: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
    let statement = "DELETE FROM idempotency WHERE at_ms <= $1";
    connection
        .execute(statement, values![forgotten(now)])
        .await?;
    Ok(())
}

fn forgotten(now: Timestamp) -> i64 {
    let memory = i64::try_from(MEMORY.as_millis()).unwrap_or(i64::MAX);
    now.as_millis().saturating_sub(memory)
}
