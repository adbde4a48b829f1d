//! Moves a store from SQLite to PostgreSQL, byte for byte, so that there are never two that are open.
//!
//! The copy arrives closed, in one transaction; then the old store is closed for good; then the new
//! one is opened. A move that was interrupted is taken up where it was.

mod tables;

use std::path::Path;

use super::StoreError;
use velum_approval::LogName;

use super::audit::{self, Places, leaf_hash};
use super::connection::{Connection, Link, Row, Value, values};
use super::log;
use super::postgres::{DatabaseUrl, Postgres};
use super::sqlite::Alone;
use super::transaction::number;
use tables::{EMPTY, Kind, TABLES, Table};

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
                FROM log_end, meta WHERE log_end.id = 1 AND meta.id = 1";
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
            Kind::Number => Cell::Number(row.read(column)?),
            Kind::Text => Cell::Text(row.read(column)?),
            Kind::Bytes => Cell::Bytes(row.read(column)?),
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
        Link::PostgresWriter(session) => Ok(session.commit().await?),
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
