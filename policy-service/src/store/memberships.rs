//! Since when everybody reviews, and is in their groups, by the configuration.

use std::collections::{BTreeMap, BTreeSet};

use velum_approval::{GroupName, PersonId, Reviewers, Timestamp};

use super::connection::{Connection, Row, values};
use super::{Operation, Store, StoreError, Transaction};

/// Since when somebody reviews at all, and is in each of their groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) at: Timestamp,
    pub(crate) groups: BTreeMap<GroupName, Timestamp>,
}

/// Of everybody who reviews.
pub(crate) type Memberships = BTreeMap<PersonId, Joined>;

/// Notes who reviews from now on, as the configuration has it, and forgets who does not: whoever comes back has
/// come anew. What a store holds that never had any is as old as can be.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) reviewers: Reviewers,
    pub(crate) now: Timestamp,
}

impl Join {
    /// Since when, given what was noted before.
    fn since(&self, known: &Rows) -> Memberships {
        let now = if known.is_empty() {
            Timestamp::from_millis(0)
        } else {
            self.now
        };
        let since = |person: &PersonId, name: &str| {
            let key = (person.as_str().to_owned(), name.to_owned());
            known.get(&key).copied().unwrap_or(now)
        };
        let joined = |(person, groups): (&PersonId, &BTreeSet<GroupName>)| {
            let groups = groups.iter();
            let joined = Joined {
                at: since(person, ""),
                groups: groups
                    .map(|group| (group.clone(), since(person, group.as_str())))
                    .collect(),
            };
            (person.clone(), joined)
        };
        self.reviewers.iter().map(joined).collect()
    }
}

impl Store {
    /// Since when everybody reviews, as [`Join`] is going to note it: for a service that does not know yet whether
    /// it may write.
    pub(crate) async fn memberships(&self, join: &Join) -> Result<Memberships, StoreError> {
        let known = read(&mut self.read().await?).await?;
        Ok(join.since(&known))
    }
}

impl Operation for Join {
    type Output = Memberships;
    type Error = StoreError;

    // What is there stays as it is.
    const IS_REPEATABLE: bool = true;

    async fn run(&self, transaction: &mut Transaction) -> Result<Memberships, StoreError> {
        let known = read(transaction.connection()).await?;
        let memberships = self.since(&known);
        for (person, joined) in &memberships {
            join(transaction, &known, (person, ""), joined.at).await?;
            for (group, at) in &joined.groups {
                join(transaction, &known, (person, group.as_str()), *at).await?;
            }
        }
        for (person, name) in known.keys() {
            if !is_in(&memberships, person, name) {
                leave(transaction, person, name).await?;
            }
        }
        Ok(memberships)
    }
}

/// By person and name of a group.
type Rows = BTreeMap<(String, String), Timestamp>;

async fn read(connection: &mut Connection) -> Result<Rows, StoreError> {
    let statement = "SELECT person, name, since_ms FROM membership";
    let rows = connection.all(statement, &[]).await?;
    let read = |row: &Row| {
        let key = (row.read("person")?, row.read("name")?);
        Ok((key, Timestamp::from_millis(row.read("since_ms")?)))
    };
    rows.iter().map(read).collect()
}

/// Notes since when, where it is new.
async fn join(
    transaction: &mut Transaction,
    known: &Rows,
    (person, name): (&PersonId, &str),
    since: Timestamp,
) -> Result<(), StoreError> {
    let key = (person.as_str().to_owned(), name.to_owned());
    if known.contains_key(&key) {
        return Ok(());
    }
    // A replica that starts at the same moment may have noted it.
    transaction
        .connection_to_change()
        .execute(
            "INSERT INTO membership (person, name, since_ms) VALUES ($1, $2, $3)
             ON CONFLICT (person, name) DO NOTHING",
            values![person.as_str(), name, since.as_millis()],
        )
        .await?;
    Ok(())
}

fn is_in(memberships: &Memberships, person: &str, name: &str) -> bool {
    let mut all = memberships.iter();
    all.any(|(member, joined)| {
        let mut groups = joined.groups.keys();
        member.as_str() == person && (name.is_empty() || groups.any(|it| it.as_str() == name))
    })
}

async fn leave(transaction: &mut Transaction, person: &str, name: &str) -> Result<(), StoreError> {
    transaction
        .connection_to_change()
        .execute(
            "DELETE FROM membership WHERE person = $1 AND name = $2",
            values![person, name],
        )
        .await?;
    Ok(())
}
