//! The security keys of people, each under a code of the service's own: whoever can write the store cannot add one.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use velum_approval::{Credential, CredentialId, PersonId, Timestamp, derive_key};

use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Store, StoreError};

/// A security key as the store has it: nobody knows yet whether the service wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedKey {
    id: Vec<u8>,
    raw_id: Vec<u8>,
    person: String,
    body: String,
    mac: Vec<u8>,
    counter: u32,
    used: Option<Timestamp>,
}

/// A security key that this service wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredKey {
    pub(crate) credential: Credential,
    /// What browsers find it by.
    pub(crate) raw_id: Vec<u8>,
    /// What it has counted to.
    pub(crate) counter: u32,
    /// When it was used last.
    pub(crate) used: Option<Timestamp>,
}

impl SealedKey {
    /// A new one under the service's code.
    pub(crate) fn seal(key: &StoredKey, secret: &[u8; 32]) -> Result<SealedKey, StoreError> {
        let body = serde_json::to_string(&key.credential);
        let body = body.map_err(|_| StoreError::Refused("a security key"))?;
        let mac = code(secret, &key.raw_id, &body)?;
        Ok(SealedKey {
            id: key.credential.id.as_bytes().to_vec(),
            raw_id: key.raw_id.clone(),
            person: key.credential.person.to_string(),
            mac: mac.finalize().into_bytes().to_vec(),
            body,
            counter: key.counter,
            used: key.used,
        })
    }

    /// The key, if this service wrote it. One that it did not is said in the log of the service, and is none.
    pub(crate) fn open(self, secret: &[u8; 32]) -> Option<StoredKey> {
        let opened = self.read(secret);
        if opened.is_none() {
            tracing::error!(
                person = self.person,
                "a security key in the store is not as this service wrote it: it counts for nothing"
            );
        }
        opened
    }

    fn read(&self, secret: &[u8; 32]) -> Option<StoredKey> {
        let mac = code(secret, &self.raw_id, &self.body).ok()?;
        mac.verify_slice(&self.mac).ok()?;
        let credential: Credential = serde_json::from_str(&self.body).ok()?;
        let is_it = credential.id.as_bytes()[..] == self.id[..]
            && credential.person.as_str() == self.person;
        is_it.then(|| StoredKey {
            credential,
            raw_id: self.raw_id.clone(),
            counter: self.counter,
            used: self.used,
        })
    }
}

fn code(secret: &[u8; 32], raw_id: &[u8], body: &str) -> Result<Hmac<Sha256>, StoreError> {
    let key = derive_key(secret, "security-keys");
    let mac = Hmac::<Sha256>::new_from_slice(&key);
    let mut mac = mac.map_err(|_| StoreError::Refused("a security key"))?;
    let length = u64::try_from(raw_id.len()).unwrap_or(u64::MAX);
    mac.update(&length.to_be_bytes());
    mac.update(raw_id);
    mac.update(body.as_bytes());
    Ok(mac)
}

impl Store {
    /// Those of a person, the first one first.
    pub(crate) async fn security_keys(
        &self,
        person: &PersonId,
    ) -> Result<Vec<SealedKey>, StoreError> {
        of_person(&mut self.read().await?, person).await
    }
}

const COLUMNS_OF_PERSON: &str =
    "SELECT id, raw_id, person, body, mac, counter, used_ms FROM security_key
     WHERE person = $1 ORDER BY id";

pub(super) async fn of_person(
    connection: &mut Connection,
    person: &PersonId,
) -> Result<Vec<SealedKey>, StoreError> {
    let rows = connection
        .all(COLUMNS_OF_PERSON, values![person.as_str()])
        .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn load(
    connection: &mut Connection,
    id: &CredentialId,
) -> Result<Option<SealedKey>, StoreError> {
    let statement = "SELECT id, raw_id, person, body, mac, counter, used_ms FROM security_key
         WHERE id = $1";
    let row = connection
        .optional(statement, values![id.as_bytes()])
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<SealedKey, StoreError> {
    let used: Option<i64> = row.read("used_ms")?;
    Ok(SealedKey {
        id: row.read("id")?,
        raw_id: row.read("raw_id")?,
        person: row.read("person")?,
        body: row.read("body")?,
        mac: row.read("mac")?,
        counter: u32::try_from(row.count("counter")?)
            .map_err(|_| StoreError::Corrupt("counter of a security key"))?,
        used: used.map(Timestamp::from_millis),
    })
}

pub(super) async fn insert(connection: &mut Connection, key: &SealedKey) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO security_key (id, raw_id, person, body, mac, counter, used_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                &key.id,
                &key.raw_id,
                &key.person,
                &key.body,
                &key.mac,
                number(key.counter.into())?,
                key.used.map(Timestamp::as_millis),
            ],
        )
        .await?;
    Ok(())
}

/// Notes what a key has counted to. One that has counted as far meanwhile makes the transaction fail.
pub(super) async fn count(
    connection: &mut Connection,
    id: &CredentialId,
    counter: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = connection
        .execute(
            "UPDATE security_key SET counter = $1, used_ms = $2
             WHERE id = $3 AND (counter < $1 OR (counter = 0 AND $1 = 0))",
            values![number(counter.into())?, now.as_millis(), id.as_bytes()],
        )
        .await?;
    match rows {
        1 => Ok(()),
        _ => Err(StoreError::Refused("a security key that has changed")),
    }
}

pub(super) async fn remove(
    connection: &mut Connection,
    id: &CredentialId,
) -> Result<(), StoreError> {
    let statement = "DELETE FROM security_key WHERE id = $1";
    match connection
        .execute(statement, values![id.as_bytes()])
        .await?
    {
        1 => Ok(()),
        _ => Err(StoreError::Refused("a security key that is gone")),
    }
}
