//! The keys of the logs: which signs the heads of each, from which of its records on.

use velum_approval::record::LogEvent;

use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Store, StoreError, log};

/// A key that signs the heads of a log, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogKey {
    pub(crate) log: u64,
    /// The place in the log of the record that made it the log's key.
    pub(crate) place: u64,
    /// The public key.
    pub(crate) key: [u8; 32],
    /// The first head over that record which the key before it has signed; none of a log's first key.
    pub(crate) note: Option<String>,
}

/// The keys of one log, the first one first.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogKeys(Vec<LogKey>);

impl LogKeys {
    /// The one that signs.
    pub(crate) fn current(&self) -> Option<[u8; 32]> {
        self.0.last().map(|last| last.key)
    }

    /// Each of them, the first one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(|known| known.key)
    }

    /// Whether this key is, or was, one of them.
    pub(crate) fn has(&self, key: &[u8; 32]) -> bool {
        self.0.iter().any(|known| known.key == *key)
    }

    /// The place of a rotation that no head of the key before is over yet, with that key.
    pub(crate) fn unproven(&self) -> Option<(u64, [u8; 32])> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let mut unproven = pairs.filter(|(_, next)| next.note.is_none());
        unproven
            .next()
            .map(|(before, next)| (next.place, before.key))
    }
}

impl Store {
    /// The keys of every log, those of the first one first, each log's in their order.
    pub(crate) async fn keys_of_logs(&self) -> Result<Vec<LogKey>, StoreError> {
        let statement = "SELECT log, begins, key, note FROM log_key ORDER BY log, begins";
        let rows = self.read().await?.all(statement, &[]).await?;
        rows.iter().map(read).collect()
    }

    /// The keys of one log.
    pub(crate) async fn log_keys(&self, log: u64) -> Result<LogKeys, StoreError> {
        of(&mut self.read().await?, log).await
    }
}

/// The keys of one log.
pub(super) async fn of(connection: &mut Connection, log: u64) -> Result<LogKeys, StoreError> {
    let statement = "SELECT log, begins, key, note FROM log_key WHERE log = $1 ORDER BY begins";
    let rows = connection.all(statement, values![number(log)?]).await?;
    let keys: Result<_, _> = rows.iter().map(read).collect();
    keys.map(LogKeys)
}

fn read(row: &Row) -> Result<LogKey, StoreError> {
    let key: Vec<u8> = row.read("key")?;
    Ok(LogKey {
        log: row.count("log")?,
        place: row.count("begins")?,
        key: key
            .try_into()
            .map_err(|_| StoreError::Corrupt("key of a log"))?,
        note: row.read("note")?,
    })
}

/// Notes the key that a record of the open log makes its key.
pub(super) async fn note(
    connection: &mut Connection,
    event: &LogEvent,
    index: u64,
) -> Result<(), StoreError> {
    let key = match event {
        LogEvent::Opened { key, .. } | LogEvent::Recovered { key, .. } => key,
        LogEvent::KeyRotated { new, .. } => new,
        LogEvent::Heartbeat | LogEvent::Closed { .. } | LogEvent::Pruned { .. } => return Ok(()),
    };
    let open = log::open(connection).await?;
    let place = index.checked_sub(open.first);
    let place = place.ok_or(StoreError::Corrupt("first record of a log"))?;
    connection
        .execute(
            "INSERT INTO log_key (log, begins, key) VALUES ($1, $2, $3)",
            values![number(open.number)?, number(place)?, key],
        )
        .await?;
    Ok(())
}

/// Keeps a head that these keys have signed with the rotations that it proves.
pub(super) async fn prove(
    connection: &mut Connection,
    log: u64,
    head: &super::Head,
    signed_by: &[[u8; 32]],
) -> Result<(), StoreError> {
    let keys = of(connection, log).await?;
    let Some((place, before)) = keys.unproven() else {
        return Ok(());
    };
    if place >= head.size || !signed_by.contains(&before) {
        return Ok(());
    }
    let statement = "UPDATE log_key SET note = $1 WHERE log = $2 AND begins = $3 AND note IS NULL";
    connection
        .execute(statement, values![&head.note, number(log)?, number(place)?])
        .await?;
    Ok(())
}
