//! `store-check`: whether an engine that speaks PostgreSQL's protocol keeps what a store has to.

use std::sync::Arc;
use std::time::Instant;

use crate::clock::{Clock as _, SystemClock};
use crate::random::SystemRandom;
use crate::store::conformance::{CHECKS, Ground, grants_for};
use crate::store::{DatabaseUrl, NotAUrl, Schema, Store, StoreError};

/// Why a check could not be run.
#[derive(Debug)]
pub struct StoreCheckError(String);

impl std::fmt::Display for StoreCheckError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StoreCheckError {}

impl From<StoreError> for StoreCheckError {
    fn from(error: StoreError) -> StoreCheckError {
        StoreCheckError(error.to_string())
    }
}

/// Runs the suite that the service's own engines pass on the database at `dsn`, in a schema of its
/// own that is dropped in the end, and tells each result to `say`. Returns whether all holds.
///
/// # Errors
/// When `dsn` is no URL, or the database does not let a schema be made there.
pub async fn check_store(
    dsn: &str,
    grants: usize,
    mut say: impl FnMut(&str),
) -> Result<bool, StoreCheckError> {
    let url: DatabaseUrl = dsn
        .parse()
        .map_err(|fault: NotAUrl| StoreCheckError(fault.to_string()))?;
    let random = Arc::new(SystemRandom);
    let schema = Schema::make(&url, &*random).await?;
    say(&format!("{url}, schema {}", schema.name()));
    let outcome = check_all(&schema, grants, random, &mut say).await;
    schema.drop().await?;
    Ok(outcome?)
}

async fn check_all(
    schema: &Schema,
    grants: usize,
    random: Arc<SystemRandom>,
    say: &mut impl FnMut(&str),
) -> Result<bool, StoreError> {
    let (store, _) = Store::open(&schema.place()).await?;
    let (other, _) = Store::open(&schema.place()).await?;
    let ground = Ground {
        store,
        other,
        random,
        now: SystemClock.now(),
        grants,
    };
    let all_hold = check_on(&ground, say).await;
    if all_hold {
        for streams in [1, 16] {
            let rate = async {
                let granted = grants_for(&ground, streams).await?;
                let uses = f64::from(granted.count());
                Ok::<_, String>(uses / granted.use_all().await?.as_secs_f64())
            };
            match rate.await {
                Ok(rate) => say(&format!(
                    "       {rate:.0} uses a second, {streams} at once"
                )),
                Err(fault) => say(&format!("       no figure of {streams} at once: {fault}")),
            }
        }
    }
    ground.store.close().await;
    ground.other.close().await;
    Ok(all_hold)
}

/// Runs the suite on these stores, and tells each result to `say`; whether all holds.
pub(crate) async fn check_on(ground: &Ground, say: &mut impl FnMut(&str)) -> bool {
    let mut all_hold = true;
    for check in CHECKS {
        let begun = Instant::now();
        let verdict = check.check(ground).await;
        let milliseconds = begun.elapsed().as_millis();
        let (mark, words) = match &verdict {
            Ok(words) => ("ok", words),
            Err(words) => ("FAILED", words),
        };
        all_hold &= verdict.is_ok();
        let colon = if words.is_empty() { "" } else { ": " };
        say(&format!(
            "{mark:6} {} ({milliseconds} ms){colon}{words}",
            check.name
        ));
    }
    all_hold
}
