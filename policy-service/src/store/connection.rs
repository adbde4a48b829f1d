//! One connection to either engine: statements that both understand, the values they take, and the
//! rows they give.

use rusqlite::types::FromSql;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use super::StoreError;
use super::postgres::{Session, within};
use super::sqlite::{WritingLink, WrittenRow};

/// A statement in the words of each engine. Both take parameters as `$1`, `$2`, …
#[derive(Clone, Copy)]
pub(super) struct Sql {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Sql {
    /// A statement that is the same for both.
    fn from(statement: &'static str) -> Sql {
        Sql {
            sqlite: statement,
            postgres: statement,
        }
    }
}

/// What a statement is given.
#[derive(Clone, Copy)]
pub(super) enum Value<'v> {
    Number(i64),
    MaybeNumber(Option<i64>),
    Text(&'v str),
    MaybeText(Option<&'v str>),
    Bytes(&'v [u8]),
    MaybeBytes(Option<&'v [u8]>),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Value::MaybeNumber(number)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Value::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Value::Text(text)
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(text: Option<&'v str>) -> Self {
        Value::MaybeText(text)
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(bytes: &'v [u8]) -> Self {
        Value::Bytes(bytes)
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(bytes: Option<&'v [u8]>) -> Self {
        Value::MaybeBytes(bytes)
    }
}

impl<'v, const N: usize> From<&'v [u8; N]> for Value<'v> {
    fn from(bytes: &'v [u8; N]) -> Self {
        Value::Bytes(bytes)
    }
}

impl<'v> From<&'v Vec<u8>> for Value<'v> {
    fn from(bytes: &'v Vec<u8>) -> Self {
        Value::Bytes(bytes)
    }
}

/// `values![a, b]`: what a statement is given for `$1` and `$2`.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::connection::Value::from($value)),*]
    };
}
pub(super) use values;

/// A row of either engine.
pub(super) enum Row {
    Written(WrittenRow),
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column may be read as.
pub(super) trait Column:
    FromSql + for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Column for T where
    T: FromSql
        + for<'r> Decode<'r, Sqlite>
        + Type<Sqlite>
        + for<'r> Decode<'r, Postgres>
        + Type<Postgres>
{
}

impl Row {
    /// The value of a column.
    pub(super) fn read<T: Column>(&self, column: &str) -> Result<T, StoreError> {
        match self {
            Row::Written(row) => Ok(row.read(column)?),
            Row::Sqlite(row) => Ok(row.try_get(column)?),
            Row::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// A number that is never negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let number: i64 = self.read(column)?;
        u64::try_from(number).map_err(|_| StoreError::Corrupt(column))
    }
}

/// What kind of failure a statement met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Another transaction was in the way: the same again may well succeed.
    Conflict,
    /// The connection was lost: on another one the same may succeed.
    Lost,
    /// Any other.
    Fault,
}

/// A connection on which a transaction is open.
pub(super) struct Connection {
    pub(super) link: Link,
    /// The first failure of the transaction: what has failed is not committed, whatever the
    /// operation made of it. (PostgreSQL would take a COMMIT then, and roll back without an error.)
    trouble: Option<Trouble>,
    /// Where the log goes on at least, behind what is committed: where nobody else writes.
    known: u64,
    /// Where it goes on behind what was written since.
    pub(super) appended: Option<u64>,
    /// The index and the hash of the leaf that was appended last.
    pub(super) appended_last: Option<(u64, [u8; 32])>,
    /// Where it goes on, while its head is locked: where others write too.
    pub(super) end: Option<End>,
}

/// Where the open log goes on.
#[derive(Clone)]
pub(super) struct End {
    /// The index of the next record.
    pub(super) next: u64,
    /// That of its first one.
    pub(super) first: u64,
    pub(super) name: Option<String>,
}

/// What is behind a [`Connection`].
pub(super) enum Link {
    /// The one that writes.
    SqliteWriter(WritingLink),
    /// One of those that only read.
    SqliteReader(sqlx::Transaction<'static, Sqlite>),
    PostgresWriter(Session),
    PostgresReader(Session),
}

macro_rules! query {
    ($statement:expr, $values:expr) => {{
        let mut query = sqlx::query($statement);
        for value in $values {
            query = match *value {
                Value::Number(number) => query.bind(number),
                Value::MaybeNumber(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::MaybeText(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
                Value::MaybeBytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

/// Asks the server something in a session, and takes its answer.
macro_rules! asked {
    ($session:expr, $query:expr, $how:ident) => {{
        let limit = $session.limit();
        let answer = match $session.told() {
            Ok(connection) => within(limit, $query.$how(connection)).await,
            Err(error) => Err(error),
        };
        $session.answered(answer)
    }};
}

impl Connection {
    pub(super) fn new(link: Link) -> Connection {
        Connection {
            link,
            trouble: None,
            known: 0,
            appended: None,
            appended_last: None,
            end: None,
        }
    }

    /// Whether a record of this index follows those that are there; it is going to be written.
    pub(super) fn goes_on(&mut self, index: u64) -> bool {
        let follows = index >= self.known.max(self.appended.unwrap_or(0));
        self.appended = Some(index + 1);
        follows
    }

    /// The next record that is committed has this index or one behind it.
    pub(super) fn know(&mut self, next: u64) {
        self.known = self.known.max(next);
    }

    pub(super) fn known(&self) -> u64 {
        self.known
    }

    /// Runs a statement and returns how many rows it changed.
    pub(super) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let sql = sql.into();
        let done = match &mut self.link {
            Link::SqliteWriter(link) => link.execute(sql.sqlite, values).map_err(StoreError::from),
            Link::SqliteReader(link) => query!(sql.sqlite, values)
                .execute(&mut **link)
                .await
                .map(|done| done.rows_affected())
                .map_err(StoreError::from),
            Link::PostgresWriter(session) | Link::PostgresReader(session) => {
                asked!(session, query!(sql.postgres, values), execute)
                    .map(|done| done.rows_affected())
                    .map_err(StoreError::from)
            }
        };
        self.noted(done)
    }

    /// Runs a statement and returns its rows.
    pub(super) async fn all(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into();
        let rows = match &mut self.link {
            Link::SqliteWriter(link) => link
                .all(sql.sqlite, values)
                .map(|rows| rows.into_iter().map(Row::Written).collect())
                .map_err(StoreError::from),
            Link::SqliteReader(link) => query!(sql.sqlite, values)
                .fetch_all(&mut **link)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect())
                .map_err(StoreError::from),
            Link::PostgresWriter(session) | Link::PostgresReader(session) => {
                asked!(session, query!(sql.postgres, values), fetch_all)
                    .map(|rows| rows.into_iter().map(Row::Postgres).collect())
                    .map_err(StoreError::from)
            }
        };
        self.noted(rows)
    }

    /// Runs a statement that gives one row at most.
    pub(super) async fn optional(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// Runs a statement that gives one row.
    pub(super) async fn one(
        &mut self,
        sql: impl Into<Sql>,
        values: &[Value<'_>],
    ) -> Result<Row, StoreError> {
        let row = self.optional(sql, values).await?;
        row.ok_or(StoreError::Corrupt("absence of a row"))
    }

    /// Whether others may write at the same time, so that what is to be changed is locked first.
    pub(super) fn has_rivals(&self) -> bool {
        matches!(self.link, Link::PostgresWriter(_))
    }

    /// Says that what was read is no longer so: the operation is to be run again.
    pub(super) fn conflict(&mut self) -> StoreError {
        self.trouble.get_or_insert(Trouble::Conflict);
        StoreError::Conflict
    }

    /// Says that what was to be written cannot be: nothing of this transaction is kept.
    pub(super) fn refuse(&mut self, what: &'static str) -> StoreError {
        self.trouble.get_or_insert(Trouble::Fault);
        StoreError::Refused(what)
    }

    /// Takes the first failure of the transaction.
    pub(super) fn take_trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }

    fn noted<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            let trouble = match error {
                StoreError::Database(error) => trouble(error),
                // SQLite's one writer has no rivals and no line that could break.
                _ => Trouble::Fault,
            };
            self.trouble.get_or_insert(trouble);
        }
        result
    }
}

/// Tells failures apart by PostgreSQL's codes (appendix A of its manual).
pub(super) fn trouble(error: &sqlx::Error) -> Trouble {
    let code = match error {
        sqlx::Error::Database(error) => {
            if error
                .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                .is_none()
            {
                return Trouble::Fault;
            }
            error.code().unwrap_or_default().into_owned()
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::BeginFailed => return Trouble::Lost,
        _ => return Trouble::Fault,
    };
    match code.as_str() {
        // Serialisation, deadlock, lock not available; and a unique index that a rival was quicker
        // to enter: its row is there when the operation looks again.
        "40001" | "40P01" | "55P03" | "23505" => Trouble::Conflict,
        // Shut down by the administrator, crashed, not started yet; idle for too long.
        "57P01" | "57P02" | "57P03" | "25P03" => Trouble::Lost,
        code if code.starts_with("08") => Trouble::Lost,
        _ => Trouble::Fault,
    }
}
