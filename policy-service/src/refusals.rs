//! Writes refusals into the audit log, so many a minute and caller and no more: a log that a caller
//! can fill is a way to stop the service.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use velum_approval::{Record, Timestamp};

use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction};

const A_MINUTE: u32 = 60;
const MINUTE: i64 = 60_000;

/// How many refusals each caller has had in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<String, (i64, u32)>>);

impl Refusals {
    /// Counts one refusal of a caller, and tells whether it is to be written.
    fn admit(&self, caller: &str, now: Timestamp) -> bool {
        let minute = now.as_millis() / MINUTE;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Callers are those of the configuration, so the map stays small.
        let count = counts.entry(caller.to_owned()).or_default();
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 = count.1.saturating_add(1);
        if count.1 == A_MINUTE + 1 {
            tracing::warn!(
                caller,
                "too many refusals: the rest of this minute is not recorded"
            );
        }
        count.1 <= A_MINUTE
    }
}

/// Records a refusal in a transaction of its own. That it cannot be recorded changes nothing about
/// it, so a failure is only logged.
pub(crate) async fn note(app: &App, caller: &str, record: Record) {
    if !app.parts().refusals.admit(caller, app.now()) {
        return;
    }
    if let Err(error) = app
        .store()
        .write(Note {
            app: app.clone(),
            record,
        })
        .await
    {
        tracing::error!(%error, "a refusal could not be recorded");
    }
}

struct Note {
    app: App,
    record: Record,
}

impl Operation for Note {
    type Output = ();
    type Error = StoreError;

    async fn run(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp()?;
        transaction
            .apply(&Change::Nothing, &self.record, &stamp)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_its_own_minute() {
        let refusals = Refusals::default();
        let at = Timestamp::from_millis;
        let admitted = (0..100)
            .filter(|_| refusals.admit("edge", at(59_999)))
            .count();
        assert_eq!(admitted, 60);
        assert!(refusals.admit("grace", at(59_999)));
        assert!(refusals.admit("edge", at(60_000)));
    }
}
