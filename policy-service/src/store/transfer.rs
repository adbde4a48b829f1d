//! Moves a store from SQLite to PostgreSQL, byte for byte, so that there are never two that are open.
//!
//! The copy arrives closed, in one transaction; then the old store is closed for good; then the new
//! one is opened. A move that was interrupted is taken up where it was.

use std::path::Path;

use super::StoreError;
use velum_approval::LogName;

use super::audit::{self, Places, leaf_hash};
use super::connection::{Connection, Link, Row, Value, values};
use super::log;
use super::postgres::{DatabaseUrl, Postgres};
use super::sqlite::Alone;
use super::transaction::number;

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Bytes,
}

use Kind::{Bytes, Number, Text};

/// A table as both engines have it.
struct Table {
    /// Reads rows behind `$1`, the last place that was read.
    read: &'static str,
    insert: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// Every table but the log's entries, in an order in which each names only those before it.
const TABLES: [Table; 20] = [
    Table {
        read: "SELECT rowid AS place, id, state, principal, action, fingerprint_mac, due_ms, created_ms,
                      updated_ms, version, body, alike
               FROM approval WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO approval
                     (id, state, principal, action, fingerprint_mac, due_ms, created_ms, updated_ms,
                      version, body, alike)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        columns: &[
            ("id", Text),
            ("state", Text),
            ("principal", Text),
            ("action", Text),
            ("fingerprint_mac", Bytes),
            ("due_ms", Number),
            ("created_ms", Number),
            ("updated_ms", Number),
            ("version", Number),
            ("body", Text),
            ("alike", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, number, person, body
               FROM vote WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO vote (approval, number, person, body) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("approval", Text),
            ("number", Number),
            ("person", Text),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, gateway, use_key, idx, at_ms, scope, is_seen,
                      expires_ms, lifts_until_ms
               FROM grant_use WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO grant_use
                     (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms,
                      lifts_until_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        columns: &[
            ("approval", Text),
            ("gateway", Text),
            ("use_key", Bytes),
            ("idx", Number),
            ("at_ms", Number),
            ("scope", Text),
            ("is_seen", Number),
            ("expires_ms", Number),
            ("lifts_until_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, commitment, salt, text
               FROM audit_secret WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO audit_secret (commitment, salt, text) VALUES ($1, $2, $3)",
        columns: &[("commitment", Bytes), ("salt", Bytes), ("text", Text)],
    },
    Table {
        read: "SELECT rowid AS place, gateway, worker, sequence, idx, at_ms, requests, lost, missing,
                      is_late, body
               FROM event_batch WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO event_batch
                     (gateway, worker, sequence, idx, at_ms, requests, lost, missing, is_late, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        columns: &[
            ("gateway", Text),
            ("worker", Bytes),
            ("sequence", Number),
            ("idx", Number),
            ("at_ms", Number),
            ("requests", Number),
            ("lost", Number),
            ("missing", Number),
            ("is_late", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, tags
               FROM evidence WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO evidence (approval, tags) VALUES ($1, $2)",
        columns: &[("approval", Text), ("tags", Bytes)],
    },
    Table {
        read: "SELECT rowid AS place, gateway, use_key, approval, idx, at_ms, body
               FROM outcome WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO outcome (gateway, use_key, approval, idx, at_ms, body)
                 VALUES ($1, $2, $3, $4, $5, $6)",
        columns: &[
            ("gateway", Text),
            ("use_key", Bytes),
            ("approval", Text),
            ("idx", Number),
            ("at_ms", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, id, is_active, idx, comment, body, until_ms, begun
               FROM stop WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO stop (id, is_active, idx, comment, body, until_ms, begun)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
        columns: &[
            ("id", Text),
            ("is_active", Number),
            ("idx", Number),
            ("comment", Bytes),
            ("body", Text),
            ("until_ms", Number),
            ("begun", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, stop, gateway, worker, was_there, after_ms
               FROM stop_confirmation WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO stop_confirmation (stop, gateway, worker, was_there, after_ms)
                 VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("stop", Text),
            ("gateway", Text),
            ("worker", Bytes),
            ("was_there", Number),
            ("after_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, id, is_reviewed, opened_by, principal, version, body
               FROM emergency WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO emergency (id, is_reviewed, opened_by, principal, version, body)
                 VALUES ($1, $2, $3, $4, $5, $6)",
        columns: &[
            ("id", Text),
            ("is_reviewed", Number),
            ("opened_by", Text),
            ("principal", Text),
            ("version", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, idx, approval
               FROM approval_record WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO approval_record (idx, approval) VALUES ($1, $2)",
        columns: &[("idx", Number), ("approval", Text)],
    },
    Table {
        read: "SELECT rowid AS place, caller, key_hash, request, thing, at_ms
               FROM idempotency WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO idempotency (caller, key_hash, request, thing, at_ms)
                 VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("caller", Text),
            ("key_hash", Bytes),
            ("request", Bytes),
            ("thing", Text),
            ("at_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, number, name, first, size, known, closed_ms, root, fenced, pruned
               FROM closed_log WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO closed_log
                     (number, name, first, size, known, closed_ms, root, fenced, pruned)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        columns: &[
            ("number", Number),
            ("name", Text),
            ("first", Number),
            ("size", Number),
            ("known", Number),
            ("closed_ms", Number),
            ("root", Bytes),
            ("fenced", Number),
            ("pruned", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, gateway, worker, batches, latest_sequence, requests, lost, first_ms,
                      latest_ms
               FROM event_worker WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO event_worker
                     (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        columns: &[
            ("gateway", Text),
            ("worker", Bytes),
            ("batches", Number),
            ("latest_sequence", Number),
            ("requests", Number),
            ("lost", Number),
            ("first_ms", Number),
            ("latest_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, level, number, hashes
               FROM log_tile WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_tile (log, level, number, hashes) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("level", Number),
            ("number", Number),
            ("hashes", Bytes),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, size, note, at_ms
               FROM log_head WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_head (log, size, note, at_ms) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("size", Number),
            ("note", Text),
            ("at_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, begins, key, note
               FROM log_key WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_key (log, begins, key, note) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("begins", Number),
            ("key", Bytes),
            ("note", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, name, size, at_ms, note
               FROM log_anchor WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_anchor (log, name, size, at_ms, note) VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("log", Number),
            ("name", Text),
            ("size", Number),
            ("at_ms", Number),
            ("note", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, person, names, at_ms
               FROM group_reading WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO group_reading (person, names, at_ms) VALUES ($1, $2, $3)",
        columns: &[("person", Text), ("names", Text), ("at_ms", Number)],
    },
    Table {
        read: "SELECT rowid AS place, name, next
               FROM webhook WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO webhook (name, next) VALUES ($1, $2)",
        columns: &[("name", Text), ("next", Number)],
    },
];

/// Empties the tables of a copy that nobody has opened, those first that name others.
const EMPTY: [&str; 22] = [
    "DELETE FROM group_reading",
    "DELETE FROM webhook",
    "DELETE FROM log_anchor",
    "DELETE FROM log_key",
    "DELETE FROM log_head",
    "DELETE FROM log_tile",
    "DELETE FROM closed_log",
    "DELETE FROM idempotency",
    "DELETE FROM approval_record",
    "DELETE FROM emergency",
    "DELETE FROM stop_confirmation",
    "DELETE FROM stop",
    "DELETE FROM outcome",
    "DELETE FROM evidence",
    "DELETE FROM event_worker",
    "DELETE FROM event_batch",
    "DELETE FROM grant_use",
    "DELETE FROM vote",
    "DELETE FROM audit_secret",
    "DELETE FROM approval",
    "DELETE FROM audit_entry",
    "UPDATE meta SET keys = NULL, closed = NULL",
];

/// What was moved.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    /// How many records the log has.
    pub(crate) records: u64,
    /// How many rows beside it.
    pub(crate) rows: u64,
}

/// Moves the store in the folder `from` to the database `to`.
///
/// # Errors
/// When another process has the old store open, the new one is not empty, or a leaf is not the one
/// that was written. The old store is then as it was.
pub(crate) async fn transfer(from: &Path, to: &DatabaseUrl) -> Result<Moved, StoreError> {
    let (_lock, mut source) = Alone::open(from).await?;
    let target = Postgres::open(to).await?;
    let mut copy = target.begin().await?;
    audit::lock(&mut copy).await?;
    let (was, is) = (closed(&mut source).await?, closed(&mut copy).await?);
    let moved = match (was.as_deref(), is.as_deref()) {
        (None, _) => {
            if is.is_some() {
                for statement in EMPTY {
                    copy.execute(statement, &[]).await?;
                }
            }
            require_empty(&mut copy, to).await?;
            let moved = fill(&mut source, &mut copy).await?;
            commit(copy).await?;
            source
                .execute("UPDATE meta SET closed = 'moved'", &[])
                .await?;
            moved
        }
        (Some(_), Some("arriving")) => Moved {
            records: verify(&mut copy).await?,
            rows: 0,
        },
        (Some(_), _) => {
            let fault = format!("{}: this store was moved already", from.display());
            return Err(StoreError::Data(fault));
        }
    };
    let mut copy = target.begin().await?;
    copy.execute("UPDATE meta SET closed = NULL", &[]).await?;
    commit(copy).await?;
    Ok(moved)
}

async fn closed(connection: &mut Connection) -> Result<Option<String>, StoreError> {
    let row = connection.one("SELECT closed FROM meta", &[]).await?;
    row.read("closed")
}

async fn require_empty(copy: &mut Connection, to: &DatabaseUrl) -> Result<(), StoreError> {
    let count = "SELECT (SELECT count(*) FROM approval) + (SELECT count(*) FROM audit_entry)
                        + (SELECT count(*) FROM meta WHERE keys IS NOT NULL) AS found";
    if copy.one(count, &[]).await?.count("found")? == 0 {
        return Ok(());
    }
    Err(StoreError::Data(format!(
        "{to}: a service has used this store; move to an empty database"
    )))
}

async fn fill(source: &mut Connection, copy: &mut Connection) -> Result<Moved, StoreError> {
    let [approvals, others @ ..] = &TABLES;
    let mut rows = copy_table(approvals, source, copy).await?;
    let records = copy_log(source, copy).await?;
    for table in others {
        rows += copy_table(table, source, copy).await?;
    }
    let head = "SELECT next_index, max_time_ms, keys
                FROM audit_log, meta WHERE audit_log.id = 1 AND meta.id = 1";
    let head = source.one(head, &[]).await?;
    let (open, tree) = (log::open(source).await?, log::tree(source).await?);
    copy.execute(
        "UPDATE audit_log SET next_index = $1, number = $2, name = $3, first = $4, max_time_ms = $5
         WHERE id = 1",
        values![
            number(head.count("next_index")?)?,
            number(open.number)?,
            open.name.as_ref().map(LogName::as_str),
            number(open.first)?,
            head.read::<i64>("max_time_ms")?,
        ],
    )
    .await?;
    log::set_tree(copy, &tree).await?;
    let keys: Option<Vec<u8>> = head.read("keys")?;
    copy.execute(
        "UPDATE meta SET keys = $1, closed = 'arriving'",
        values![keys.as_deref()],
    )
    .await?;
    if verify(copy).await? != records {
        return Err(StoreError::Corrupt("copy of the log"));
    }
    Ok(Moved { records, rows })
}

/// Copies the leaves as they are, each with its hash computed anew.
async fn copy_log(source: &mut Connection, copy: &mut Connection) -> Result<u64, StoreError> {
    let mut records = 0;
    let mut places = Places::new(log::ranges(source).await?);
    while let Some(next) = places.next() {
        let page = audit::page(source, next).await?;
        if page.is_empty() {
            return Err(StoreError::Corrupt("absence of a leaf"));
        }
        for leaf in page {
            let hash = leaf_hash(&leaf.entry);
            if hash[..] != leaf.hash {
                return Err(StoreError::Corrupt("leaf"));
            }
            places.take(leaf.index)?;
            copy.execute(
                "INSERT INTO audit_entry (idx, entry, leaf_hash) VALUES ($1, $2, $3)",
                values![number(leaf.index)?, &leaf.entry, &hash],
            )
            .await?;
            records += 1;
        }
    }
    Ok(records)
}

async fn verify(connection: &mut Connection) -> Result<u64, StoreError> {
    audit::verify(connection).await
}

async fn copy_table(
    table: &Table,
    source: &mut Connection,
    copy: &mut Connection,
) -> Result<u64, StoreError> {
    let (mut last, mut rows) = (i64::MIN, 0);
    loop {
        let page = source.all(table.read, values![last]).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        for row in &page {
            last = row.read("place")?;
            let cells = table
                .columns
                .iter()
                .map(|(column, kind)| Cell::read(row, column, *kind))
                .collect::<Result<Vec<_>, _>>()?;
            let given: Vec<Value<'_>> = cells.iter().map(Cell::value).collect();
            copy.execute(table.insert, &given).await?;
            rows += 1;
        }
    }
}

/// A value on its way.
enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Cell {
    fn read(row: &Row, column: &str, kind: Kind) -> Result<Cell, StoreError> {
        Ok(match kind {
            Number => Cell::Number(row.read(column)?),
            Text => Cell::Text(row.read(column)?),
            Bytes => Cell::Bytes(row.read(column)?),
        })
    }

    fn value(&self) -> Value<'_> {
        match self {
            Cell::Number(number) => (*number).into(),
            Cell::Text(text) => text.as_deref().into(),
            Cell::Bytes(bytes) => bytes.as_deref().into(),
        }
    }
}

async fn commit(connection: Connection) -> Result<(), StoreError> {
    match connection.link {
        Link::PostgresWriter(link) => Ok(link.commit().await?),
        _ => Err(StoreError::Stopped),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The tables that are not moved row by row.
    const OTHERS: [&str; 8] = [
        "_sqlx_migrations",
        "audit_entry",
        "audit_log",
        // People sign in anew.
        "confirmation",
        "session",
        "spent",
        "log_tree",
        "meta",
    ];

    #[tokio::test]
    async fn every_column_of_every_table_is_moved() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("velum.sqlite"), "").unwrap();
        let path = folder.path().join("velum.sqlite");
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner).unwrap();
        let (_lock, mut source) = Alone::open(folder.path()).await.unwrap();
        let rows = source
            .all(
                "SELECT m.name AS name, c.name AS field
                 FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'",
                &[],
            )
            .await
            .unwrap();
        let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in &rows {
            let columns = there.entry(row.read("name").unwrap()).or_default();
            columns.insert(row.read("field").unwrap());
        }
        for other in OTHERS {
            there.remove(other).unwrap();
        }
        let moved: BTreeMap<String, BTreeSet<String>> = TABLES
            .iter()
            .map(|table| {
                let words: Vec<&str> = table.insert.split_whitespace().collect();
                let columns = table.columns.iter().map(|(name, _)| (*name).to_owned());
                (words[2].to_owned(), columns.collect())
            })
            .collect();
        assert_eq!(moved, there);
        for name in moved.keys() {
            let delete = format!("DELETE FROM {name}");
            assert!(EMPTY.contains(&delete.as_str()), "{delete}");
        }
    }
}
