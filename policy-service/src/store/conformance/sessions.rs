//! Who has signed in, and what is good for once.

use std::time::Duration;

use tokio::task::JoinSet;
use velum_approval::PersonId;
use velum_approval::record::{SessionEvent, SignedInBy};

use super::super::{
    Change, Confirmed, GroupReading, Operation, Spent, StoreError, StoredSession, Transaction,
};
use super::kit::{Kit, patiently};
use super::{Verdict, ensure};

const RACERS: usize = 16;

/// Sixteen come at once with what is good for once.
pub(super) async fn are_used_once(kit: Kit) -> Verdict {
    for _ in 0..5 {
        let spend = Spend(kit.clone(), kit.new_hash()?);
        let mut tasks = JoinSet::new();
        for number in 0..RACERS {
            let (store, spend) = (kit.view(number).clone(), spend.clone());
            tasks.spawn(async move { patiently(|| store.write(spend.clone())).await });
        }
        let mut used = 0;
        for spent in tasks.join_all().await {
            used += usize::from(spent? == Spent::Now);
        }
        ensure(used == 1, || format!("it was used {used} times"))?;
    }
    Ok(String::new())
}

/// A session, its end, what it was confirmed for, and groups.
pub(super) async fn read_as_written(kit: Kit) -> Verdict {
    let person = PersonId::new("grace").map_err(|_| "an invented person is refused")?;
    let id = kit.new_hash()?;
    let session = StoredSession {
        person: person.clone(),
        begun: kit.now,
        seen: kit.now,
        access: Some(vec![0, 255, 7]),
    };
    let act = |what| Act {
        kit: kit.clone(),
        id,
        session: session.clone(),
        what,
    };
    patiently(|| kit.store.write(act(What::SignIn))).await?;
    let read = patiently(|| kit.other.session(&id)).await?;
    ensure(read.as_ref() == Some(&session), || {
        "a session reads otherwise than it was written".to_owned()
    })?;
    for (what, expected) in [
        (What::Touch, false),
        (What::Confirm, false),
        (What::Take, true),
        // It is good for once.
        (What::Take, false),
        (What::Confirm, false),
        (What::TakeLate, false),
    ] {
        let taken = patiently(|| kit.store.write(act(what))).await?;
        ensure(taken == expected, || format!("{what:?} gives {taken}"))?;
    }
    let seen = patiently(|| kit.other.session(&id))
        .await?
        .map(|it| it.seen);
    ensure(seen == Some(kit.now.after(Duration::from_mins(1))), || {
        "what was done in a session is not noted".to_owned()
    })?;
    let readings = patiently(|| kit.other.group_readings()).await?;
    let names = readings.get(&person).map(|reading| reading.names.len());
    ensure(names == Some(1), || "groups read otherwise".to_owned())?;
    patiently(|| kit.store.write(act(What::SignOut))).await?;
    let read = patiently(|| kit.other.session(&id)).await?;
    ensure(read.is_none(), || {
        "who has signed out has a session".to_owned()
    })?;
    Ok(String::new())
}

#[derive(Clone)]
struct Spend(Kit, [u8; 32]);

impl Operation for Spend {
    type Output = Spent;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<Spent, StoreError> {
        let Spend(kit, what) = self;
        let until = kit.now.after(Duration::from_mins(10));
        transaction.spend(what, until, kit.now).await
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    SignIn,
    Touch,
    Confirm,
    Take,
    TakeLate,
    SignOut,
}

struct Act {
    kit: Kit,
    id: [u8; 32],
    session: StoredSession,
    what: What,
}

impl Operation for Act {
    /// Whether something was taken.
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<bool, StoreError> {
        let Act {
            kit,
            id,
            session,
            what,
        } = self;
        let later = kit.now.after(Duration::from_mins(1));
        let change = match what {
            What::Touch => {
                transaction.touch_session(id, later).await?;
                // What comes late changes nothing.
                transaction.touch_session(id, kit.now).await?;
                return Ok(false);
            }
            What::Take | What::TakeLate => {
                let since = match what {
                    What::Take => kit.now.before(Duration::from_secs(1)),
                    _ => kit.now,
                };
                let taken = transaction.take_confirmation(id, id, since).await?;
                return Ok(taken.is_some_and(|taken| taken.acr.as_deref() == Some("phr")));
            }
            What::SignIn => {
                let reading = GroupReading {
                    names: ["privacy".parse()].into_iter().flatten().collect(),
                    at: kit.now,
                };
                transaction.note_groups(&session.person, &reading).await?;
                let long_ago = kit.now.before(Duration::from_hours(24));
                Change::SignedIn {
                    id,
                    session,
                    instead: None,
                    over: (long_ago, long_ago),
                }
            }
            What::Confirm => Change::Confirmed {
                id,
                confirmed: &Confirmed {
                    what: *id,
                    acr: Some("phr".to_owned()),
                    at: kit.now,
                },
            },
            What::SignOut => Change::SignedOut {
                id,
                everywhere: Some(&session.person),
            },
        };
        let stamp = kit.stamp()?;
        let event = SessionEvent::SignedIn {
            person: session.person.clone(),
            by: SignedInBy::Link,
        };
        let record = velum_approval::Record::Session(Box::new(event));
        transaction.apply(&change, &record, &stamp).await?;
        Ok(false)
    }
}
