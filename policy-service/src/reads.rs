//! Records who reads the audit log: when a minute is over, one record for each person who read in it, so that
//! however much they read the log is not drowned in it. That somebody reads such records is recorded the same way.
//!
//! Until then what was read is known to this process alone: one that is killed has lost a minute of it at the most.
//! One that stops writes it. Where the log cannot be written, in recovery above all, it is read all the same: who
//! finds out what was lost has to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use velum_approval::record::{Part, ReaderRole, Reading, Summary};
use velum_approval::{PersonId, Record, Timestamp};

use crate::auth::Caller;
use crate::http::App;
use crate::store::{Change, Operation, StoreError, Transaction};

const EVERY: Duration = Duration::from_secs(1);
/// How long the last records may take when the service stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was read and has no record yet. People are those of the configuration, so there are so many and no more.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the service has stopped writing minutes: what comes still is written at once.
    is_over: bool,
    people: BTreeMap<(PersonId, ReaderRole), Since>,
}

/// What somebody has read since a minute.
#[derive(Debug)]
struct Since {
    minute: Timestamp,
    counts: BTreeMap<Part, u64>,
}

impl Reads {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it is always whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts; `true` where it has to be written at once.
    fn add(&self, reading: Reading) -> bool {
        let mut state = self.state();
        let who = (reading.person, reading.role);
        let known = state.people.entry(who).or_insert_with(|| Since {
            minute: reading.since,
            counts: BTreeMap::new(),
        });
        known.minute = known.minute.min(reading.since);
        for (part, count) in reading.counts {
            let sum = known.counts.entry(part).or_default();
            *sum = sum.saturating_add(count);
        }
        state.is_over
    }

    /// Takes what was read in minutes that are over, or all of it.
    fn take(&self, now: Timestamp, is_over: bool) -> Vec<Reading> {
        let mut state = self.state();
        state.is_over |= is_over;
        let minute = Summary::minute_of(now);
        let everything = state.is_over;
        let due = state
            .people
            .extract_if(.., |_, since| everything || since.minute < minute);
        due.map(|((person, role), since)| Reading {
            person,
            role,
            since: since.minute,
            counts: since.counts,
        })
        .collect()
    }
}

/// Somebody reads this part of the log.
pub(crate) async fn note(app: &App, person: &PersonId, role: ReaderRole, part: Part) {
    let reading = Reading {
        person: person.clone(),
        role,
        since: Summary::minute_of(app.now()),
        counts: [(part, 1)].into(),
    };
    if app.parts().reads.add(reading) {
        write(app, true).await;
    }
}

/// The same of who calls with a token.
pub(crate) async fn note_caller(app: &App, caller: &Caller, part: Part) {
    let (id, role) = match caller {
        Caller::Reviewer(id) => (id, ReaderRole::Reviewer),
        Caller::Auditor(id) => (id, ReaderRole::Auditor),
        // Gateways read nothing of it.
        Caller::Gateway(_) => return,
    };
    // Every name of the configuration is one.
    if let Ok(person) = PersonId::new(&**id) {
        note(app, &person, role, part).await;
    }
}

/// Writes what is due every second until the service shuts down.
pub(crate) async fn run(app: App) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.closing() => return,
            _ = ticks.tick() => write(&app, false).await,
        }
    }
}

/// Writes all that is left: the service stops.
pub(crate) async fn finish(app: &App) {
    if tokio::time::timeout(PATIENCE, write(app, true))
        .await
        .is_err()
    {
        tracing::error!("who read the audit log last could not be recorded in time");
    }
}

async fn write(app: &App, is_over: bool) {
    if app.store().is_frozen() {
        return;
    }
    for reading in app.parts().reads.take(app.now(), is_over) {
        let noted = app.store().write(Note {
            app: app.clone(),
            reading: reading.clone(),
        });
        if let Err(error) = noted.await {
            tracing::error!(%error, "who read the audit log could not be recorded: it is tried again");
            // Where its outcome is not known it may be there twice, and never not at all.
            app.parts().reads.add(reading);
        }
    }
}

struct Note {
    app: App,
    reading: Reading,
}

impl Operation for Note {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let stamp = self.app.stamp(transaction).await?;
        let record = Record::Read(Box::new(self.reading.clone()));
        transaction.apply(&Change::Nothing, &record, &stamp).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(minute: i64, part: Part) -> Reading {
        Reading {
            person: PersonId::new("ivy").unwrap(),
            role: ReaderRole::Auditor,
            since: Timestamp::from_millis(minute * 60_000),
            counts: [(part, 2)].into(),
        }
    }

    #[test]
    fn what_could_not_be_written_is_added_to_and_nothing_of_it_is_lost() {
        let reads = Reads::default();
        assert!(!reads.add(reading(5, Part::Tile)));
        // Its minute is not over.
        assert_eq!(
            reads.take(Timestamp::from_millis(5 * 60_000 + 59_999), false),
            []
        );
        let due = reads.take(Timestamp::from_millis(6 * 60_000), false);
        assert_eq!(due, [reading(5, Part::Tile)]);
        assert_eq!(reads.take(Timestamp::from_millis(6 * 60_000), false), []);
        // It failed; meanwhile more was read.
        reads.add(reading(6, Part::Tile));
        reads.add(due[0].clone());
        let due = reads.take(Timestamp::from_millis(6 * 60_000), false);
        assert_eq!(due[0].since, Timestamp::from_millis(5 * 60_000));
        assert_eq!(due[0].counts, [(Part::Tile, 4)].into());
    }

    #[test]
    fn behind_the_last_minute_everything_is_written_at_once() {
        let reads = Reads::default();
        reads.add(reading(5, Part::Proof));
        let now = Timestamp::from_millis(5 * 60_000);
        assert_eq!(reads.take(now, true).len(), 1);
        assert!(reads.add(reading(5, Part::Proof)));
        assert_eq!(reads.take(now, false).len(), 1);
    }
}
