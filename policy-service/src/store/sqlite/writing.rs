//! The connection that writes: a statement runs on the thread that calls it, so that a transaction of a
//! dozen statements changes threads never.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{FromSql, ToSqlOutput, ValueRef};
use rusqlite::{Error, Statement, ToSql};

use super::super::connection::Value;

/// More than the statements that the service has.
const STATEMENTS: usize = 256;

/// A connection on which the writer's statements run.
pub(in crate::store) struct WritingLink(rusqlite::Connection);

/// A row, read whole: the statement is done when it is looked at.
pub(in crate::store) struct WrittenRow {
    names: Arc<[Box<str>]>,
    values: Vec<rusqlite::types::Value>,
}

impl WritingLink {
    /// Takes a connection, which waits so long for a lock that another process holds.
    pub(super) fn new(
        connection: rusqlite::Connection,
        patience: Duration,
    ) -> Result<WritingLink, Error> {
        connection.busy_timeout(patience)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(WritingLink(connection))
    }

    /// Runs a statement and returns how many rows it changed.
    pub(in crate::store) fn execute(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        let before = self.0.total_changes();
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        drop(statement);
        Ok(self.0.total_changes().saturating_sub(before))
    }

    /// Runs a statement and returns its rows.
    pub(in crate::store) fn all(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<WrittenRow>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        bind(&mut statement, values)?;
        let mut names: Option<Arc<[Box<str>]>> = None;
        let mut found = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            // Most statements of a use find nothing.
            let names = names.get_or_insert_with(|| {
                let names = row.as_ref().column_names();
                names.into_iter().map(Box::from).collect()
            });
            let values = (0..names.len()).map(|column| row.get(column));
            found.push(WrittenRow {
                names: names.clone(),
                values: values.collect::<Result<_, Error>>()?,
            });
        }
        Ok(found)
    }

    /// The value of a pragma.
    pub(super) fn pragma<T: FromSql>(&self, name: &str) -> Result<T, Error> {
        self.0.pragma_query_value(None, name, |row| row.get(0))
    }
}

/// Gives each parameter its value by its name: SQLite numbers `$1`, `$2`, … in the order in which a
/// statement mentions them.
fn bind(statement: &mut Statement<'_>, values: &[Value<'_>]) -> Result<(), Error> {
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or_default();
        let number = name
            .strip_prefix('$')
            .and_then(|number| number.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(Error::InvalidParameterCount(values.len(), index))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, Error> {
        let value = match *self {
            Value::Number(number) | Value::MaybeNumber(Some(number)) => ValueRef::Integer(number),
            Value::Text(text) | Value::MaybeText(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) | Value::MaybeBytes(Some(bytes)) => ValueRef::Blob(bytes),
            Value::MaybeNumber(None) | Value::MaybeText(None) | Value::MaybeBytes(None) => {
                ValueRef::Null
            }
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl WrittenRow {
    /// The value of a column.
    pub(in crate::store) fn read<T: FromSql>(&self, column: &str) -> Result<T, Error> {
        let found = self.names.iter().position(|name| &**name == column);
        let found = found.and_then(|index| self.values.get(index));
        let value = found.ok_or_else(|| Error::InvalidColumnName(column.to_owned()))?;
        T::column_result(ValueRef::from(value)).map_err(|_| Error::InvalidQuery)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::connection::values;
    use super::*;

    fn link() -> WritingLink {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let mut link = WritingLink::new(connection, Duration::from_secs(1)).unwrap();
        let table = "CREATE TABLE one (number INTEGER, text TEXT, bytes BLOB)";
        assert_eq!(link.execute(table, &[]).unwrap(), 0);
        link
    }

    #[test]
    fn parameters_are_taken_by_their_number_and_not_by_where_they_stand() {
        let mut link = link();
        let insert = "INSERT INTO one (bytes, text, number) VALUES ($3, $2, $1)";
        let given: &[Value<'_>] = values![7_i64, "seven", b"\x07"];
        assert_eq!(link.execute(insert, given).unwrap(), 1);
        let rows = link.all(
            "SELECT text, number, bytes FROM one WHERE number = $2 OR number = $1",
            values![7_i64, 8_i64],
        );
        let rows = rows.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].read::<i64>("number").unwrap(), 7);
        assert_eq!(rows[0].read::<String>("text").unwrap(), "seven");
        assert_eq!(
            rows[0].read::<Option<Vec<u8>>>("bytes").unwrap(),
            Some(vec![7])
        );
        assert!(rows[0].read::<i64>("text").is_err());
        assert!(rows[0].read::<i64>("another").is_err());
        assert!(link.execute(insert, values![7_i64]).is_err(), "too few");
    }

    #[test]
    fn changes_are_counted_of_one_statement() {
        let mut link = link();
        for number in [1_i64, 2, 3] {
            let insert = "INSERT INTO one (number) VALUES ($1)";
            assert_eq!(link.execute(insert, values![number]).unwrap(), 1);
        }
        let update = "UPDATE one SET text = $1 WHERE number > $2";
        assert_eq!(link.execute(update, values!["x", 1_i64]).unwrap(), 2);
        assert_eq!(link.execute(update, values!["x", 3_i64]).unwrap(), 0);
        assert_eq!(link.execute("SELECT 1", &[]).unwrap(), 0);
        let missing = link.all(
            "SELECT text FROM one WHERE number = $1",
            values![Some(1_i64)],
        );
        assert_eq!(
            missing.unwrap()[0].read::<Option<String>>("text").unwrap(),
            None
        );
    }
}
