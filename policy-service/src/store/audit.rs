//! The audit log: how it grows, and how it is read.

use std::collections::VecDeque;
use std::ops::Range;

use sha2::{Digest, Sha256};
use velum_approval::record::EventKind;
use velum_approval::{Record, Timestamp};

use super::connection::{Connection, End, Row, Sql, values};
use super::log;
use super::transaction::number;
use super::{Stamp, Store, StoreError};
use crate::clock::Others;

/// Where records come from, as `CloudEvents` has it: this and the log's name.
const SOURCE: &str = "urn:velum:";
/// How often it is noted where the log goes on, where its last record says that too: once in so many milliseconds.
const NOTED: i64 = 1000;
/// Why a change is refused whose record would not follow the one before.
const MISSING: &str = "a record behind one that is missing";
/// Why one is whose record is not there when it was written.
pub(super) const NOT_KEPT: &str = "a change whose record the database does not keep";
/// The name of a log that has none yet.
const NAMELESS: &str = "policy-service";

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its place: 0, 1, 2, … without a gap.
    pub(crate) index: u64,
    /// The leaf, byte for byte.
    pub(crate) leaf: Vec<u8>,
}

impl Store {
    /// Up to `limit` entries whose index is `from` or later, in order.
    pub(crate) async fn entries(&self, from: u64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let mut reading = self.read().await?;
        let rows = reading
            .all(
                "SELECT idx, entry FROM audit_entry WHERE idx >= $1 ORDER BY idx LIMIT $2",
                values![from, i64::from(limit)],
            )
            .await?;
        rows.iter().map(read_entry).collect()
    }

    /// The last record of the configuration among those of these indexes.
    pub(crate) async fn last_configured(
        &self,
        within: Range<u64>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        last_configured(&mut self.read().await?, within).await
    }

    /// Computes the hash of every leaf anew, and returns how many there are.
    ///
    /// # Errors
    /// When an index is missing, or a leaf is not the one that was written.
    pub(crate) async fn verify_log(&self) -> Result<u64, StoreError> {
        verify(&mut self.read().await?).await
    }

    /// The latest moment that anybody has seen.
    pub(crate) async fn latest(&self) -> Result<Timestamp, StoreError> {
        latest(&mut self.read().await?).await
    }

    /// What others know of the time; `None` where nobody else writes.
    pub(crate) async fn others(&self) -> Result<Option<Others>, StoreError> {
        if !self.has_other_writers() {
            return Ok(None);
        }
        let times = "SELECT max_time_ms, next_index, first, name,
                            CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms
                     FROM audit_log WHERE id = 1";
        let (others, _) = read_head(&self.read().await?.one(times, &[]).await?)?;
        Ok(Some(others))
    }

    /// The index that the next record will have.
    pub(crate) async fn next_index(&self) -> Result<u64, StoreError> {
        let mut reading = self.read().await?;
        let head = "SELECT next_index FROM log_end WHERE id = 1";
        reading.one(head, &[]).await?.count("next_index")
    }
}

pub(super) fn read_entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        index: row.count("idx")?,
        leaf: row.read("entry")?,
    })
}

/// Computes the hash of every leaf anew, and returns how many there are.
pub(super) async fn verify(connection: &mut Connection) -> Result<u64, StoreError> {
    let mut records = 0;
    let mut places = Places::new(log::ranges(connection).await?);
    while let Some(next) = places.next() {
        let page = page(connection, next).await?;
        if page.is_empty() {
            return Err(StoreError::Corrupt("absence of a leaf"));
        }
        for leaf in page {
            if leaf_hash(&leaf.entry)[..] != leaf.hash {
                return Err(StoreError::Corrupt("leaf"));
            }
            places.take(leaf.index)?;
            records += 1;
        }
    }
    Ok(records)
}

/// The leaf at this index.
pub(super) async fn entry(
    connection: &mut Connection,
    index: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Ok(index) = i64::try_from(index) else {
        return Ok(None);
    };
    let statement = "SELECT entry FROM audit_entry WHERE idx = $1";
    let row = connection.optional(statement, values![index]).await?;
    row.map(|row| row.read("entry")).transpose()
}

/// The last record of the configuration among those of these indexes.
pub(super) async fn last_configured(
    connection: &mut Connection,
    within: Range<u64>,
) -> Result<Option<Vec<u8>>, StoreError> {
    // Leaves are canonical: this is how it stands there, and no text of anybody's is in one.
    let name = format!("\"type\":\"{}\"", EventKind::Configured.event_type());
    let row = connection
        .optional(
            Sql {
                sqlite: "SELECT entry FROM audit_entry
                         WHERE idx >= $1 AND idx < $2 AND instr(entry, CAST($3 AS BLOB)) > 0
                         ORDER BY idx DESC LIMIT 1",
                postgres: "SELECT entry FROM audit_entry
                           WHERE idx >= $1 AND idx < $2
                                 AND position(convert_to($3, 'UTF8') in entry) > 0
                           ORDER BY idx DESC LIMIT 1",
            },
            values![number(within.start)?, number(within.end)?, &name],
        )
        .await?;
    row.map(|row| row.read("entry")).transpose()
}

/// The places of the records that have to be there, one after the other.
pub(super) struct Places(VecDeque<Range<u64>>);

impl Places {
    pub(super) fn new(ranges: Vec<Range<u64>>) -> Places {
        Places(
            ranges
                .into_iter()
                .filter(|range| !range.is_empty())
                .collect(),
        )
    }

    /// Where the next record is; `None` where there has to be none any more.
    pub(super) fn next(&self) -> Option<u64> {
        self.0.front().map(|range| range.start)
    }

    /// A record is at this place.
    pub(super) fn take(&mut self, index: u64) -> Result<(), StoreError> {
        let Some(range) = self.0.front_mut().filter(|range| range.start == index) else {
            return Err(StoreError::Corrupt("leaf"));
        };
        range.start += 1;
        if range.is_empty() {
            self.0.pop_front();
        }
        Ok(())
    }
}

/// A record with the hash that stands beside it.
pub(crate) struct Leaf {
    pub(crate) index: u64,
    pub(crate) entry: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// Some records from this index on, in order.
pub(super) async fn page(connection: &mut Connection, from: u64) -> Result<Vec<Leaf>, StoreError> {
    let rows = connection
        .all(
            "SELECT idx, entry, leaf_hash FROM audit_entry WHERE idx >= $1 ORDER BY idx LIMIT 256",
            values![number(from)?],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Leaf {
            index: row.count("idx")?,
            entry: row.read("entry")?,
            hash: row.read("leaf_hash")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Keeps everybody else from writing a record until this transaction ends, and gives what they know of the
/// time where others write too. Whoever locks an approval has locked it before: the head of the log
/// comes last, so nobody waits in a circle. It is one statement: PostgreSQL gives the row as it is when it is locked
/// at last, and the clock is read behind that.
pub(super) async fn lock(connection: &mut Connection) -> Result<Option<Others>, StoreError> {
    if !connection.has_rivals() {
        return Ok(None);
    }
    let head = "SELECT *, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms
                FROM (SELECT max_time_ms, next_index, first, name FROM audit_log WHERE id = 1 FOR UPDATE)
                     AS head";
    let (others, end) = read_head(&connection.one(head, &[]).await?)?;
    connection.end = Some(end);
    Ok(Some(others))
}

/// What others know of the time, of an engine that has a clock, and where the log goes on.
fn read_head(row: &Row) -> Result<(Others, End), StoreError> {
    let others = Others {
        latest: Timestamp::from_millis(row.read("max_time_ms")?),
        database: Timestamp::from_millis(row.read("now_ms")?),
        next_index: row.count("next_index")?,
    };
    let end = End {
        next: others.next_index,
        first: row.count("first")?,
        name: row.read("name")?,
    };
    Ok((others, end))
}

/// The latest moment that anybody has seen.
pub(super) async fn latest(connection: &mut Connection) -> Result<Timestamp, StoreError> {
    let latest = "SELECT max_time_ms FROM log_end WHERE id = 1";
    let row = connection.one(latest, &[]).await?;
    Ok(Timestamp::from_millis(row.read("max_time_ms")?))
}

/// Takes the next index and writes the leaf that carries it: index and leaf are committed together
/// or not at all, so the log has no gap. And since the head stays locked until then, or nobody else writes, indexes
/// are seen in their order: who follows the log misses none.
///
/// It looks whether the database has the leaf: a trigger of whoever may write to it can have a row ignored, or
/// changed, without any fault. Where one takes it out again only when all is done, the next record does not follow,
/// nor does the tree grow.
pub(super) async fn append(
    connection: &mut Connection,
    record: &Record,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    let next = next(connection, record, stamp).await?;
    let is_kept = if connection.has_rivals() {
        put_beside_others(connection, &next, stamp.now).await?
    } else {
        put(connection, &next).await?
    };
    if is_kept {
        Ok(next.index)
    } else {
        Err(connection.refuse(NOT_KEPT))
    }
}

/// A leaf that is going to be written.
pub(super) struct Next {
    pub(super) index: u64,
    pub(super) leaf: Vec<u8>,
    pub(super) hash: [u8; 32],
}

/// The leaf that the log's next record is. It has to be written.
pub(super) async fn next(
    connection: &mut Connection,
    record: &Record,
    stamp: &Stamp,
) -> Result<Next, StoreError> {
    let is_beside_others = connection.has_rivals();
    let end = if is_beside_others {
        if connection.end.is_none() {
            lock(connection).await?;
        }
        let end = connection.end.clone();
        end.ok_or(StoreError::Corrupt("head of the log"))?
    } else {
        take_end(connection, stamp.now).await?
    };
    let leaf = leaf_at(&end, record, stamp)?;
    let (index, hash) = (end.next, leaf_hash(&leaf));
    connection.appended_last = Some((index, hash));
    if is_beside_others {
        connection.end = Some(End {
            next: index + 1,
            ..end
        });
    }
    Ok(Next { index, leaf, hash })
}

/// Why a leaf was not written that the statement for it was to write: either the database has ignored it, or the one
/// before is missing.
pub(super) async fn refused(connection: &mut Connection, index: u64) -> StoreError {
    let head = "SELECT next_index FROM audit_log WHERE id = 1";
    let head = connection.one(head, &[]).await;
    match head.and_then(|row| row.count("next_index")) {
        Ok(next) if next == index => connection.refuse(MISSING),
        Ok(_) => connection.refuse(NOT_KEPT),
        Err(error) => error,
    }
}

/// Looks once more whether the last record that was appended is there as it was written, now that all of the change
/// is done: triggers have run.
pub(super) async fn require_kept(connection: &mut Connection) -> Result<(), StoreError> {
    let Some((index, hash)) = connection.appended_last else {
        return Ok(());
    };
    let entry = entry(connection, index).await?;
    if entry.is_some_and(|entry| leaf_hash(&entry) == hash) {
        Ok(())
    } else {
        Err(connection.refuse(NOT_KEPT))
    }
}

/// The leaf of a record that is the log's next one.
fn leaf_at(end: &End, record: &Record, stamp: &Stamp) -> Result<Vec<u8>, StoreError> {
    let source = format!("{SOURCE}{}", end.name.as_deref().unwrap_or(NAMELESS));
    let place = end.next.checked_sub(end.first);
    let place = place.ok_or(StoreError::Corrupt("first record of a log"))?;
    record
        .to_leaf(place, stamp.now, &stamp.record, &source)
        .map_err(|_| StoreError::Refused("a record that cannot be a leaf"))
}

/// Where the log goes on, of a store that nobody else writes; it is noted once a second.
async fn take_end(connection: &mut Connection, now: Timestamp) -> Result<End, StoreError> {
    let next = "SELECT next_index, first, name,
                       (SELECT max_time_ms FROM audit_log WHERE id = 1) AS noted_ms
                FROM log_end WHERE id = 1";
    let head = connection.one(next, &[]).await?;
    let end = End {
        next: head.count("next_index")?,
        first: head.count("first")?,
        name: head.read("name")?,
    };
    if !connection.goes_on(end.next) {
        return Err(connection.refuse(MISSING));
    }
    let now = now.as_millis();
    if now >= head.read::<i64>("noted_ms")?.saturating_add(NOTED) {
        let note = "UPDATE audit_log SET next_index = $1 + 1, max_time_ms = $2 WHERE id = 1";
        connection
            .execute(note, values![number(end.next)?, now])
            .await?;
    }
    Ok(end)
}

/// Writes a leaf, and tells whether it is there.
async fn put(connection: &mut Connection, next: &Next) -> Result<bool, StoreError> {
    let given = values![number(next.index)?, &next.leaf, &next.hash];
    let insert = "INSERT INTO audit_entry (idx, entry, leaf_hash) VALUES ($1, $2, $3)";
    connection.execute(insert, given).await?;
    // Read again, and not returned: what triggers did afterwards shows too.
    let read =
        "SELECT 1 AS is_kept FROM audit_entry WHERE idx = $1 AND entry = $2 AND leaf_hash = $3";
    Ok(connection.optional(read, given).await?.is_some())
}

/// The part of a statement that writes a leaf where others write too and the head is locked: of its index, the moment,
/// the leaf and its hash, as `$1` to `$4`. It gives whether the leaf is there as it was given, and no row where it is
/// not there at all.
macro_rules! leaf {
    () => {
        "head AS (
             UPDATE audit_log
             SET next_index = $1 + 1, max_time_ms = greatest(max_time_ms, $2)
             WHERE id = 1 AND next_index = $1
                   AND (first = $1 OR EXISTS (SELECT 1 FROM audit_entry WHERE idx = $1 - 1))
             RETURNING id
         ),
         leaf AS (
             INSERT INTO audit_entry (idx, entry, leaf_hash) SELECT $1, $3, $4 FROM head
             RETURNING CAST(CAST(idx = $1 AND entry = $3 AND leaf_hash = $4 AS INT) AS BIGINT) AS is_kept
         )"
    };
}
pub(super) use leaf;

/// The same where others write too and the head is locked: in one statement, since each goes to a server.
async fn put_beside_others(
    connection: &mut Connection,
    next: &Next,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let put = concat!("WITH ", leaf!(), " SELECT is_kept FROM leaf");
    let index = number(next.index)?;
    let given = values![index, now.as_millis(), &next.leaf, &next.hash];
    match connection.optional(put, given).await? {
        Some(row) => Ok(row.count("is_kept")? == 1),
        None => Err(refused(connection, next.index).await),
    }
}

/// The hash of a leaf in a Merkle tree (RFC 6962, section 2.1).
pub(super) fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(leaf);
    hash.finalize().into()
}
