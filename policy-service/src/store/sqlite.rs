//! SQLite: one file, one writer, readers that cannot write, one process.

mod open;
mod place;
mod writer;
mod writing;

use std::path::Path;

use sqlx::SqlitePool;

use super::connection::{Connection, Link};
use super::job::Job;
use super::{Engine, Eventually, StoreError};
use open::DataLock;
use writer::Writer;
pub(super) use writing::{WritingLink, WrittenRow};

/// A store in a file of its own.
pub(super) struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
    _lock: DataLock,
}

impl Sqlite {
    /// Opens the store in the folder `data`, which is made where it is missing.
    pub(super) async fn open(data: &Path) -> Result<Sqlite, StoreError> {
        let lock = DataLock::take(data)?;
        let options = open::options(data)?;
        let link = open::first_writer(&options).await?;
        Ok(Sqlite {
            writer: Writer::start(link, options.clone())?,
            readers: open::readers(options).await?,
            _lock: lock,
        })
    }
}

/// A store that is open for nothing but one task.
pub(super) struct Alone;

impl Alone {
    /// Opens the store that is in the folder `data`, closed or not; makes none.
    pub(super) async fn open(data: &Path) -> Result<(DataLock, Connection), StoreError> {
        if !open::is_there(data) {
            let fault = format!("data folder {}: no store is there", data.display());
            return Err(StoreError::Data(fault));
        }
        let lock = DataLock::take(data)?;
        let link = open::first_writer(&open::options(data)?).await?;
        Ok((lock, Connection::new(Link::SqliteWriter(link))))
    }
}

impl Engine for Sqlite {
    fn read(&self) -> Eventually<'_, Result<Connection, StoreError>> {
        Box::pin(async {
            let transaction = self.readers.begin().await?;
            Ok(Connection::new(Link::SqliteReader(transaction)))
        })
    }

    fn submit(&self, job: Box<dyn Job>) -> Eventually<'_, ()> {
        Box::pin(self.writer.submit(job))
    }

    fn is_alive(&self) -> bool {
        self.writer.is_alive()
    }

    fn failed(&self) -> Eventually<'_, ()> {
        Box::pin(self.writer.stopped())
    }

    fn has_other_writers(&self) -> bool {
        false
    }

    #[cfg(test)]
    fn commits(&self) -> Option<u64> {
        Some(self.writer.commits())
    }

    #[cfg(test)]
    fn share(&self, is_allowed: bool) {
        self.writer.share(is_allowed);
    }

    fn close(&self) -> Eventually<'_, ()> {
        Box::pin(async {
            self.readers.close().await;
            self.writer.close().await;
        })
    }
}
