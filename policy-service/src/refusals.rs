//! Writes refusals into the audit log, so many a minute and caller and no more: a log that a caller
//! can fill is a way to stop the service.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use velum_approval::{GatewayId, Identity, PersonId, Record, Timestamp};

use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction};

const A_MINUTE: u32 = 60;
/// How many of one gateway or person are recorded in a minute: beyond that the first of each principal is.
const OF_ONE: u32 = 600;
const MINUTE: i64 = 60_000;
/// How many callers are told apart within a minute.
const CALLERS: usize = 1024;

/// Who is refused. Every principal of a gateway is counted alone, so that none hides another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// The gateway or the reviewer: a name of the configuration.
    name: String,
    /// For whom the gateway asks: a name that may come from anywhere.
    principal: Option<Identity>,
}

impl Caller {
    pub(crate) fn stream(gateway: &GatewayId, principal: &Identity) -> Caller {
        Caller {
            name: gateway.as_str().to_owned(),
            principal: Some(principal.clone()),
        }
    }

    /// Somebody of whom nothing is known: all who are refused for the same reason share one count, so that what
    /// anybody can do hides nothing else.
    pub(crate) fn stranger(refused: &'static str) -> Caller {
        // No name of the configuration has a space.
        Caller {
            name: format!("stranger {refused}"),
            principal: None,
        }
    }

    pub(crate) fn reviewer(person: &PersonId) -> Caller {
        Caller {
            name: person.as_str().to_owned(),
            principal: None,
        }
    }
}

/// How many refusals each caller has had in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    minute: i64,
    callers: HashMap<Caller, u32>,
    /// How many are written, by the names that callers have.
    written: HashMap<String, u32>,
}

impl Refusals {
    /// Counts one refusal of a caller, and tells whether it is to be written.
    fn admit(&self, mut caller: Caller, now: Timestamp) -> bool {
        let minute = now.as_millis() / MINUTE;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute {
            *counts = Counts {
                minute,
                ..Counts::default()
            };
        }
        if counts.callers.len() >= CALLERS && !counts.callers.contains_key(&caller) {
            // The principals that come late share what is left to their gateway. The names without
            // a principal are those of the configuration, so the map stays bounded.
            caller.principal = None;
        }
        let name = caller.name.clone();
        let Counts {
            callers, written, ..
        } = &mut *counts;
        let count = callers.entry(caller).or_default();
        *count = count.saturating_add(1);
        if *count == A_MINUTE + 1 {
            tracing::warn!(
                caller = name,
                "too many refusals: the rest of this minute is not recorded"
            );
        }
        let is_first = *count == 1;
        let is_within = *count <= A_MINUTE;
        let written = written.entry(name.clone()).or_default();
        let is_written = is_first || (is_within && *written < OF_ONE);
        if is_written {
            *written = written.saturating_add(1);
            if *written == OF_ONE {
                tracing::warn!(
                    caller = name,
                    "too many refusals in all: of the rest of this minute the first of each principal is recorded"
                );
            }
        }
        is_written
    }
}

/// Records a refusal in a transaction of its own. That it cannot be recorded changes nothing about
/// it, so a failure is only logged.
pub(crate) async fn note(app: &App, caller: Caller, record: Record) {
    app.parts().metrics.refused(&record);
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

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        transaction
            .apply(&Change::Nothing, &self.record, &stamp)
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(subject: &str) -> Caller {
        let principal = Identity::new(velum_approval::IdentityKind::Jwt, "issuer", subject);
        Caller::stream(&GatewayId::new("edge").unwrap(), &principal.unwrap())
    }

    fn admitted(refusals: &Refusals, caller: &Caller, at: i64) -> usize {
        (0..100)
            .filter(|_| refusals.admit(caller.clone(), Timestamp::from_millis(at)))
            .count()
    }

    #[test]
    fn each_caller_has_its_own_minute() {
        let refusals = Refusals::default();
        assert_eq!(admitted(&refusals, &stream("noisy"), 59_999), 60);
        assert_eq!(admitted(&refusals, &stream("quiet"), 59_999), 60);
        let grace = Caller::reviewer(&PersonId::new("grace").unwrap());
        assert_eq!(admitted(&refusals, &grace, 59_999), 60);
        assert_eq!(admitted(&refusals, &stream("noisy"), 60_000), 60);
    }

    #[test]
    fn many_principals_of_a_gateway_do_not_fill_the_log() {
        let refusals = Refusals::default();
        let mut recorded = Vec::new();
        for number in 0..100 {
            recorded.push(admitted(&refusals, &stream(&number.to_string()), 0));
        }
        assert_eq!(recorded[..10], [60; 10]);
        assert_eq!(recorded[10..], [1; 90], "none hides another");
        let grace = Caller::reviewer(&PersonId::new("grace").unwrap());
        assert_eq!(admitted(&refusals, &grace, 0), 60);
        assert_eq!(admitted(&refusals, &stream("99"), 60_000), 60);
    }

    #[test]
    fn beyond_so_many_callers_the_rest_share_one_count() {
        let refusals = Refusals::default();
        for number in 0..CALLERS {
            assert!(refusals.admit(stream(&number.to_string()), Timestamp::from_millis(0)));
        }
        assert_eq!(admitted(&refusals, &stream("late"), 0), 1);
        assert_eq!(admitted(&refusals, &stream("later"), 0), 0);
        assert_eq!(admitted(&refusals, &stream("0"), 0), 0);
        assert_eq!(
            refusals.0.lock().unwrap().callers.len(),
            CALLERS + 1,
            "the map grows"
        );
        assert_eq!(admitted(&refusals, &stream("later"), 60_000), 60);
    }
}
