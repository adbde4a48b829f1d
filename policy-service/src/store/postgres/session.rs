//! A transaction on a connection of a pool, whose place is free again whatever becomes of the line.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a connection may take to be as good as new for the next transaction.
const BACK: Duration = Duration::from_secs(2);

/// A connection on which a transaction is open.
///
/// One on which the server is silent is not used again: it would keep its place in the pool for as long as the network
/// takes to give it up, a quarter of an hour where packets are lost without a word.
pub(in crate::store) struct Session {
    /// There until it is dropped.
    connection: Option<PoolConnection<Postgres>>,
    /// How long a statement may take at most, where nobody else sees to that.
    limit: Option<Duration>,
    /// Whether the server has not answered.
    is_lost: bool,
    is_open: bool,
}

impl Session {
    /// Takes a connection and begins a transaction on it by this statement.
    pub(super) async fn begin(
        pool: &PgPool,
        statement: &'static str,
        limit: Option<Duration>,
    ) -> Result<Session, sqlx::Error> {
        let mut session = Session {
            connection: Some(pool.acquire().await?),
            limit,
            is_lost: false,
            is_open: true,
        };
        session.tell(statement).await?;
        Ok(session)
    }

    /// The connection, to tell the server something whose answer goes to [`Session::answered`].
    pub(in crate::store) fn told(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection
            .as_deref_mut()
            .ok_or(sqlx::Error::PoolClosed)
    }

    /// How long to wait for an answer.
    pub(in crate::store) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Takes the server's answer.
    pub(in crate::store) fn answered<T>(
        &mut self,
        answer: Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        // An error of the server's own is an answer as well.
        self.is_lost |= !matches!(answer, Ok(_) | Err(sqlx::Error::Database(_)));
        answer
    }

    /// Commits.
    pub(in crate::store) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.tell("COMMIT").await?;
        self.is_open = false;
        Ok(())
    }

    /// Undoes all of it.
    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.tell("ROLLBACK").await?;
        self.is_open = false;
        Ok(())
    }

    async fn tell(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let limit = self.limit;
        let answer = within(limit, self.told()?.execute(statement)).await;
        self.answered(answer).map(|_| ())
    }
}

/// Waits no longer than this for an answer of the server.
pub(in crate::store) async fn within<T>(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match limit {
        Some(limit) => timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))),
        None => answer.await,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) if !self.is_lost => {
                let is_open = self.is_open;
                runtime.spawn(async move {
                    // Whoever told it something may have left before the answer, which comes first then.
                    let has_ended = !is_open || is_answered(connection.execute("ROLLBACK")).await;
                    if has_ended {
                        // This looks whether the server is there, and is closed where it takes too long.
                        let _ = timeout(BACK, connection.return_to_pool()).await;
                    } else {
                        drop(connection.detach());
                    }
                });
            }
            // Closed as it is, which ends what the server has of it.
            _ => drop(connection.detach()),
        }
    }
}

async fn is_answered<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> bool {
    matches!(timeout(BACK, answer).await, Ok(Ok(_)))
}
