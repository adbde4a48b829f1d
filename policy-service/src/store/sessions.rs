//! Who has signed in, and what was good for once only.

use std::collections::{BTreeMap, BTreeSet};

use velum_approval::{GroupName, PersonId, Timestamp};

use super::connection::{Connection, Row, values};
use super::{Store, StoreError};

/// A session, which is known by the SHA-256 of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredSession {
    pub(crate) person: PersonId,
    pub(crate) begun: Timestamp,
    /// When something was done in it that was noted.
    pub(crate) seen: Timestamp,
    /// What asks the provider further in the person's name, sealed.
    pub(crate) access: Option<Vec<u8>>,
}

/// In which groups somebody is by the provider's word, and when it said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupReading {
    pub(crate) names: BTreeSet<GroupName>,
    pub(crate) at: Timestamp,
}

/// Something that somebody has signed in anew for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confirmed {
    /// The SHA-256 of what it is.
    pub(crate) what: [u8; 32],
    /// How they signed in, by the provider's word.
    pub(crate) acr: Option<String>,
    pub(crate) at: Timestamp,
}

/// Whether something that is good for once was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    Now,
    Before,
}

impl Store {
    /// The session with this hash of a token, also one that is over.
    pub(crate) async fn session(&self, id: &[u8; 32]) -> Result<Option<StoredSession>, StoreError> {
        let statement = "SELECT person, begun_ms, seen_ms, access FROM session WHERE id = $1";
        let row = self.read().await?.optional(statement, values![id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// What the provider has said last of everybody.
    pub(crate) async fn group_readings(&self) -> Result<GroupReadings, StoreError> {
        readings(&mut self.read().await?).await
    }
}

/// What the provider has said last, by person.
pub(crate) type GroupReadings = BTreeMap<PersonId, GroupReading>;

pub(super) async fn readings(connection: &mut Connection) -> Result<GroupReadings, StoreError> {
    let statement = "SELECT person, names, at_ms FROM group_reading";
    let rows = connection.all(statement, &[]).await?;
    let read = |row: &Row| {
        let person: String = row.read("person")?;
        let person = PersonId::new(person).map_err(|_| StoreError::Corrupt("person"))?;
        let names: String = row.read("names")?;
        let names =
            serde_json::from_str(&names).map_err(|_| StoreError::Corrupt("list of groups"))?;
        let at = Timestamp::from_millis(row.read("at_ms")?);
        Ok((person, GroupReading { names, at }))
    };
    rows.iter().map(read).collect()
}

/// Notes what the provider says now; what it said later stays.
pub(super) async fn note_groups(
    connection: &mut Connection,
    person: &PersonId,
    reading: &GroupReading,
) -> Result<(), StoreError> {
    let names = serde_json::to_string(&reading.names)
        .map_err(|_| StoreError::Refused("a list of groups"))?;
    connection
        .execute(
            "INSERT INTO group_reading (person, names, at_ms) VALUES ($1, $2, $3)
             ON CONFLICT (person) DO UPDATE SET names = excluded.names, at_ms = excluded.at_ms
                 WHERE group_reading.at_ms <= excluded.at_ms",
            values![person.as_str(), &names, reading.at.as_millis()],
        )
        .await?;
    Ok(())
}

fn read(row: &Row) -> Result<StoredSession, StoreError> {
    let person: String = row.read("person")?;
    Ok(StoredSession {
        person: PersonId::new(person).map_err(|_| StoreError::Corrupt("person"))?,
        begun: Timestamp::from_millis(row.read("begun_ms")?),
        seen: Timestamp::from_millis(row.read("seen_ms")?),
        access: row.read("access")?,
    })
}

pub(super) async fn insert(
    connection: &mut Connection,
    id: &[u8; 32],
    session: &StoredSession,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO session (id, person, begun_ms, seen_ms, access) VALUES ($1, $2, $3, $4, $5)",
            values![
                id,
                session.person.as_str(),
                session.begun.as_millis(),
                session.seen.as_millis(),
                session.access.as_deref(),
            ],
        )
        .await?;
    Ok(())
}

/// Removes those in which nothing was done since the one, or that began before the other.
pub(super) async fn remove_over(
    connection: &mut Connection,
    (idle, longest): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let statement = "DELETE FROM session WHERE seen_ms <= $1 OR begun_ms <= $2";
    let values = values![idle.as_millis(), longest.as_millis()];
    connection.execute(statement, values).await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut Connection, id: &[u8; 32]) -> Result<(), StoreError> {
    let statement = "DELETE FROM session WHERE id = $1";
    connection.execute(statement, values![id]).await?;
    Ok(())
}

pub(super) async fn remove_all_of(
    connection: &mut Connection,
    person: &PersonId,
) -> Result<(), StoreError> {
    let statement = "DELETE FROM session WHERE person = $1";
    connection
        .execute(statement, values![person.as_str()])
        .await?;
    Ok(())
}

/// Notes that something was done; never that it was done earlier than is noted.
pub(super) async fn touch(
    connection: &mut Connection,
    id: &[u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = "UPDATE session SET seen_ms = $1 WHERE id = $2 AND seen_ms < $1";
    connection
        .execute(statement, values![now.as_millis(), id])
        .await?;
    Ok(())
}

pub(super) async fn set_access(
    connection: &mut Connection,
    id: &[u8; 32],
    access: &[u8],
) -> Result<(), StoreError> {
    let statement = "UPDATE session SET access = $1 WHERE id = $2";
    connection.execute(statement, values![access, id]).await?;
    Ok(())
}

/// Notes that something was used which is good for once, until a moment at which it is good for nothing.
pub(super) async fn spend(
    connection: &mut Connection,
    what: &[u8; 32],
    until: Timestamp,
    now: Timestamp,
) -> Result<Spent, StoreError> {
    let statement = "DELETE FROM spent WHERE until_ms <= $1";
    connection
        .execute(statement, values![now.as_millis()])
        .await?;
    let statement = "SELECT until_ms FROM spent WHERE what = $1";
    if connection
        .optional(statement, values![what])
        .await?
        .is_some()
    {
        return Ok(Spent::Before);
    }
    // A rival with the same makes the transaction run anew.
    let statement = "INSERT INTO spent (what, until_ms) VALUES ($1, $2)";
    connection
        .execute(statement, values![what, until.as_millis()])
        .await?;
    Ok(Spent::Now)
}

/// Notes that somebody has signed in anew for something.
pub(super) async fn confirm(
    connection: &mut Connection,
    session: &[u8; 32],
    confirmed: &Confirmed,
) -> Result<(), StoreError> {
    let statement = "DELETE FROM confirmation WHERE session = $1 AND what = $2";
    connection
        .execute(statement, values![session, &confirmed.what])
        .await?;
    connection
        .execute(
            "INSERT INTO confirmation (session, what, acr, at_ms) VALUES ($1, $2, $3, $4)",
            values![
                session,
                &confirmed.what,
                confirmed.acr.as_deref(),
                confirmed.at.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

/// Notes that a session may do something once; what is older goes.
pub(super) async fn offer(
    connection: &mut Connection,
    session: &[u8; 32],
    what: &[u8; 32],
    (now, since): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let statement = "DELETE FROM confirmation WHERE at_ms <= $1";
    connection
        .execute(statement, values![since.as_millis()])
        .await?;
    let offered = Confirmed {
        what: *what,
        acr: None,
        at: now,
    };
    confirm(connection, session, &offered).await
}

/// Takes what somebody has signed in anew for, if it was since then; what is older goes.
pub(super) async fn take_confirmation(
    connection: &mut Connection,
    session: &[u8; 32],
    what: &[u8; 32],
    since: Timestamp,
) -> Result<Option<Confirmed>, StoreError> {
    let statement = "DELETE FROM confirmation WHERE at_ms <= $1";
    connection
        .execute(statement, values![since.as_millis()])
        .await?;
    let statement = "SELECT acr, at_ms FROM confirmation WHERE session = $1 AND what = $2";
    let Some(row) = connection
        .optional(statement, values![session, what])
        .await?
    else {
        return Ok(None);
    };
    let statement = "DELETE FROM confirmation WHERE session = $1 AND what = $2";
    connection
        .execute(statement, values![session, what])
        .await?;
    Ok(Some(Confirmed {
        what: *what,
        acr: row.read("acr")?,
        at: Timestamp::from_millis(row.read("at_ms")?),
    }))
}
