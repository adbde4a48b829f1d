//! The logs that records are in, their tiles and their heads.

use std::collections::BTreeMap;
use std::ops::Range;

use velum_approval::{LogName, Timestamp};
use velum_ledger::hash::Hash;
use velum_ledger::tile::Tile;

use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Store, StoreError, about};

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRow {
    /// Which one: 1, 2, …
    pub(crate) number: u64,
    /// Its name; `None` before the first service has given it one.
    pub(crate) name: Option<LogName>,
    /// The index of its first record.
    pub(crate) first: u64,
    /// How many records it has.
    pub(crate) size: u64,
    /// How far it is known to have been.
    pub(crate) known: u64,
    /// Whether it is the one that grows.
    pub(crate) is_open: bool,
    /// How it ended, if it did.
    pub(crate) closed: Closed,
}

/// How a log ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// When.
    pub(crate) at: Option<Timestamp>,
    /// The root over all of it, where its year was over; none of one that has lost records.
    pub(crate) root: Option<Hash>,
    /// How much of it a fence had then.
    pub(crate) fenced: u64,
    /// The index of the record which says that it was removed.
    pub(crate) pruned: Option<u64>,
}

/// How much of the open log is in tiles, and who puts it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) log: u64,
    pub(crate) size: u64,
    pub(crate) holder: Option<String>,
    pub(crate) held_until: Timestamp,
    /// How much of it a fence has.
    pub(crate) fenced: u64,
}

/// A head that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) note: String,
    pub(crate) at: Timestamp,
}

/// The bytes of tiles, as far as they are there.
pub(crate) type Tiles = BTreeMap<Tile, Vec<u8>>;

impl Store {
    /// The open log.
    pub(crate) async fn open_log(&self) -> Result<LogRow, StoreError> {
        open(&mut self.read().await?).await
    }

    /// Every log, the first one first.
    pub(crate) async fn logs(&self) -> Result<Vec<LogRow>, StoreError> {
        logs(&mut self.read().await?).await
    }

    /// The last head of a log that was signed.
    pub(crate) async fn head(&self, log: u64) -> Result<Option<Head>, StoreError> {
        head(&mut self.read().await?, log).await
    }

    /// Those of these tiles that are there, each as wide as it is asked for.
    pub(crate) async fn tiles(&self, log: u64, tiles: &[Tile]) -> Result<Tiles, StoreError> {
        read_tiles(&mut self.read().await?, log, tiles).await
    }
}

pub(super) async fn logs(connection: &mut Connection) -> Result<Vec<LogRow>, StoreError> {
    let statement = "SELECT number, name, first, size, known, closed_ms, root, fenced, pruned
                     FROM closed_log ORDER BY number";
    let rows = connection.all(statement, &[]).await?;
    let mut logs = rows
        .iter()
        .map(read_closed)
        .collect::<Result<Vec<_>, _>>()?;
    logs.push(open(connection).await?);
    Ok(logs)
}

fn read_closed(row: &Row) -> Result<LogRow, StoreError> {
    let root: Option<Vec<u8>> = row.read("root")?;
    let root = root.map(<[u8; 32]>::try_from).transpose();
    let root = root.map_err(|_| StoreError::Corrupt("root of a log"))?;
    let (at, pruned): (Option<i64>, Option<i64>) = (row.read("closed_ms")?, row.read("pruned")?);
    let pruned = pruned.map(u64::try_from).transpose();
    Ok(LogRow {
        number: row.count("number")?,
        name: name(row)?,
        first: row.count("first")?,
        size: row.count("size")?,
        known: row.count("known")?,
        is_open: false,
        closed: Closed {
            at: at.map(Timestamp::from_millis),
            root: root.map(Hash::from_bytes),
            fenced: row.count("fenced")?,
            pruned: pruned.map_err(|_| StoreError::Corrupt("record of a removal"))?,
        },
    })
}

/// Where the records are that have to be there, in their order.
pub(super) async fn ranges(connection: &mut Connection) -> Result<Vec<Range<u64>>, StoreError> {
    let logs = logs(connection).await?;
    let there = logs.iter().filter(|log| log.closed.pruned.is_none());
    Ok(there.map(|log| log.first..log.first + log.size).collect())
}

pub(super) async fn open(connection: &mut Connection) -> Result<LogRow, StoreError> {
    let statement = "SELECT number, name, first, next_index FROM log_end WHERE id = 1";
    let row = connection.one(statement, &[]).await?;
    let first = row.count("first")?;
    let size = row.count("next_index")?.checked_sub(first);
    let size = size.ok_or(StoreError::Corrupt("first record of a log"))?;
    Ok(LogRow {
        number: row.count("number")?,
        name: name(&row)?,
        first,
        size,
        known: size,
        is_open: true,
        closed: Closed::default(),
    })
}

fn name(row: &Row) -> Result<Option<LogName>, StoreError> {
    let name: Option<String> = row.read("name")?;
    let name = name.map(LogName::new).transpose();
    name.map_err(|_| StoreError::Corrupt("name of a log"))
}

/// Gives the open log its name.
pub(super) async fn set_name(
    connection: &mut Connection,
    name: &LogName,
) -> Result<(), StoreError> {
    connection.end = None;
    let statement = "UPDATE audit_log SET name = $1 WHERE id = 1 AND name IS NULL";
    match connection
        .execute(statement, values![name.as_str()])
        .await?
    {
        1 => Ok(()),
        _ => Err(connection.conflict()),
    }
}

/// Notes that a closed log is known to have been so far; one that ended with its year is whole.
pub(super) async fn set_known(
    connection: &mut Connection,
    log: u64,
    size: u64,
) -> Result<(), StoreError> {
    let statement =
        "UPDATE closed_log SET known = $1 WHERE number = $2 AND root IS NULL AND known < $1";
    connection
        .execute(statement, values![number(size)?, number(log)?])
        .await?;
    Ok(())
}

/// Closes the open log, which is known to have been so far, and opens the next one under this name; gives
/// the index of that one's first record, before which so many are given to nobody.
pub(super) async fn begin_next(
    connection: &mut Connection,
    closed: &LogRow,
    name: &LogName,
    gap: u64,
) -> Result<u64, StoreError> {
    let mut tree = tree(connection).await?;
    // What the tree has not got yet is nothing that it will grow by.
    let end = closed.first + closed.size;
    about::note(connection, closed.first + tree.size..end).await?;
    let old = closed.name.as_ref().map(LogName::as_str);
    // What is too much is no number of a row.
    let next = closed.first.saturating_add(closed.size.max(closed.known));
    let next = next.saturating_add(gap);
    let root = closed.closed.root.as_ref().map(|root| &root.as_bytes()[..]);
    connection
        .execute(
            "INSERT INTO closed_log (number, name, first, size, known, closed_ms, root, fenced)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                number(closed.number)?,
                old,
                number(closed.first)?,
                number(closed.size)?,
                number(closed.known)?,
                closed.closed.at.map(Timestamp::as_millis),
                root,
                number(tree.fenced)?,
            ],
        )
        .await?;
    connection.end = None;
    connection
        .execute(
            "UPDATE audit_log SET number = number + 1, name = $1, first = $2, next_index = $2
             WHERE id = 1",
            values![name.as_str(), number(next)?],
        )
        .await?;
    tree.log = closed.number + 1;
    // Whoever extends the tree goes on with the next one.
    (tree.size, tree.fenced) = (0, 0);
    set_tree(connection, &tree).await?;
    Ok(next)
}

pub(super) async fn tree(connection: &mut Connection) -> Result<Tree, StoreError> {
    // What is to be changed is locked; a reader that cannot write locks nothing.
    let statement = if connection.has_rivals() {
        "SELECT log, size, holder, held_until, fenced FROM log_tree WHERE id = 1 FOR UPDATE"
    } else {
        "SELECT log, size, holder, held_until, fenced FROM log_tree WHERE id = 1"
    };
    let row = connection.one(statement, &[]).await?;
    Ok(Tree {
        log: row.count("log")?,
        size: row.count("size")?,
        holder: row.read("holder")?,
        held_until: Timestamp::from_millis(row.read("held_until")?),
        fenced: row.count("fenced")?,
    })
}

pub(super) async fn set_tree(connection: &mut Connection, tree: &Tree) -> Result<(), StoreError> {
    let changed = connection
        .execute(
            "UPDATE log_tree SET log = $1, size = $2, holder = $3, held_until = $4, fenced = $5
             WHERE id = 1",
            values![
                number(tree.log)?,
                number(tree.size)?,
                tree.holder.as_deref(),
                tree.held_until.as_millis(),
                number(tree.fenced)?,
            ],
        )
        .await?;
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Corrupt("absence of a row")),
    }
}

pub(super) async fn read_tiles(
    connection: &mut Connection,
    log: u64,
    tiles: &[Tile],
) -> Result<Tiles, StoreError> {
    let mut found = Tiles::new();
    for tile in tiles {
        let row = connection
            .optional(
                "SELECT hashes FROM log_tile WHERE log = $1 AND level = $2 AND number = $3",
                values![number(log)?, i64::from(tile.level()), number(tile.index())?],
            )
            .await?;
        let Some(row) = row else { continue };
        let hashes: Vec<u8> = row.read("hashes")?;
        // The last of a level grows: what was there before are its first hashes.
        if let Some(bytes) = hashes.get(..usize::from(tile.width()) * 32) {
            found.insert(*tile, bytes.to_vec());
        }
    }
    Ok(found)
}

pub(super) async fn write_tile(
    connection: &mut Connection,
    log: u64,
    tile: Tile,
    hashes: &[u8],
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO log_tile (log, level, number, hashes) VALUES ($1, $2, $3, $4)
             ON CONFLICT (log, level, number) DO UPDATE SET hashes = excluded.hashes",
            values![
                number(log)?,
                i64::from(tile.level()),
                number(tile.index())?,
                hashes,
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn head(
    connection: &mut Connection,
    log: u64,
) -> Result<Option<Head>, StoreError> {
    let row = connection
        .optional(
            "SELECT size, note, at_ms FROM log_head WHERE log = $1",
            values![number(log)?],
        )
        .await?;
    row.map(|row| {
        Ok(Head {
            size: row.count("size")?,
            note: row.read("note")?,
            at: Timestamp::from_millis(row.read("at_ms")?),
        })
    })
    .transpose()
}

/// Puts a head in the place of a smaller one, or of one of the same size with fewer signatures.
pub(super) async fn set_head(
    connection: &mut Connection,
    log: u64,
    head: &Head,
) -> Result<(), StoreError> {
    let written = connection
        .execute(
            "INSERT INTO log_head (log, size, note, at_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (log) DO UPDATE
                 SET size = excluded.size, note = excluded.note, at_ms = excluded.at_ms
                 WHERE log_head.size <= excluded.size",
            values![
                number(log)?,
                number(head.size)?,
                &head.note,
                head.at.as_millis(),
            ],
        )
        .await?;
    match written {
        1 => Ok(()),
        _ => Err(StoreError::Refused("a smaller head over a larger one")),
    }
}
