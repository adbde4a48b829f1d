//! The logs that records are in, their tiles and their heads.

use std::collections::BTreeMap;

use velum_approval::{LogName, Timestamp};
use velum_ledger::tile::Tile;

use super::connection::{Connection, Row, values};
use super::transaction::number;
use super::{Store, StoreError};

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
    /// The public key that signs its heads.
    pub(crate) key: Option<Vec<u8>>,
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
        let mut reading = self.read().await?;
        let statement = "SELECT number, name, first, size, known FROM closed_log ORDER BY number";
        let rows = reading.all(statement, &[]).await?;
        let closed = rows.iter().map(|row| {
            Ok(LogRow {
                number: row.count("number")?,
                name: name(row)?,
                first: row.count("first")?,
                size: row.count("size")?,
                known: row.count("known")?,
                is_open: false,
            })
        });
        let mut logs: Vec<_> = closed.collect::<Result<_, StoreError>>()?;
        logs.push(open(&mut reading).await?);
        Ok(logs)
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

pub(super) async fn open(connection: &mut Connection) -> Result<LogRow, StoreError> {
    let statement = "SELECT number, name, first, next_index FROM audit_log WHERE id = 1";
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
    let statement = "UPDATE audit_log SET name = $1 WHERE id = 1 AND name IS NULL";
    match connection
        .execute(statement, values![name.as_str()])
        .await?
    {
        1 => Ok(()),
        _ => Err(connection.conflict()),
    }
}

/// Closes the open log, which is known to have been so far, and opens the next one under this name.
pub(super) async fn begin_next(
    connection: &mut Connection,
    closed: &LogRow,
    known: u64,
    name: &LogName,
) -> Result<(), StoreError> {
    let old = closed.name.as_ref().map(LogName::as_str);
    let next = closed.first + closed.size.max(known);
    connection
        .execute(
            "INSERT INTO closed_log (number, name, first, size, known) VALUES ($1, $2, $3, $4, $5)",
            values![
                number(closed.number)?,
                old,
                number(closed.first)?,
                number(closed.size)?,
                number(known)?,
            ],
        )
        .await?;
    connection
        .execute(
            "UPDATE audit_log SET number = number + 1, name = $1, first = $2, next_index = $2
             WHERE id = 1",
            values![name.as_str(), number(next)?],
        )
        .await?;
    let mut tree = tree(connection).await?;
    tree.log = closed.number + 1;
    (tree.size, tree.fenced, tree.holder) = (0, 0, None);
    set_tree(connection, &tree).await
}

pub(super) async fn tree(connection: &mut Connection) -> Result<Tree, StoreError> {
    // What is to be changed is locked; a reader that cannot write locks nothing.
    let statement = if connection.has_rivals() {
        "SELECT log, size, holder, held_until, fenced, key FROM log_tree WHERE id = 1 FOR UPDATE"
    } else {
        "SELECT log, size, holder, held_until, fenced, key FROM log_tree WHERE id = 1"
    };
    let row = connection.one(statement, &[]).await?;
    Ok(Tree {
        log: row.count("log")?,
        size: row.count("size")?,
        holder: row.read("holder")?,
        held_until: Timestamp::from_millis(row.read("held_until")?),
        fenced: row.count("fenced")?,
        key: row.read("key")?,
    })
}

pub(super) async fn set_tree(connection: &mut Connection, tree: &Tree) -> Result<(), StoreError> {
    let changed = connection
        .execute(
            "UPDATE log_tree SET log = $1, size = $2, holder = $3, held_until = $4, fenced = $5, key = $6
             WHERE id = 1",
            values![
                number(tree.log)?,
                number(tree.size)?,
                tree.holder.as_deref(),
                tree.held_until.as_millis(),
                number(tree.fenced)?,
                tree.key.as_deref(),
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
