//! Connects with the settings that the store's promises rest on, and checks that the server keeps
//! what it commits.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, Row as _};
use tokio::time::{sleep, timeout};

use super::super::{StoreError, migrations};
use super::DatabaseUrl;

const WRITERS: u32 = 8;
const READERS: u32 = 4;
/// How long to wait for a connection.
const ACQUIRE: Duration = Duration::from_secs(2);
const CONNECT: Duration = Duration::from_secs(10);
/// Several services may start on an empty database at once: all but one find it in the way.
const MIGRATION_TRIES: u32 = 20;
const MIGRATION_PAUSE: Duration = Duration::from_millis(250);
/// The first version that is supported, as `server_version_num` has it.
const LEAST_SERVER: i64 = 150_000;

/// A session that hangs must not hold a lock for ever: not much longer than a service waits for its server.
const SESSION: &str = "SET statement_timeout = '5s'; SET lock_timeout = '2s';
    SET idle_in_transaction_session_timeout = '7s'";
const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// Checks the server and brings the schema up to date.
pub(super) async fn prepare(url: &DatabaseUrl) -> Result<(), StoreError> {
    if url.is_exposed() {
        tracing::warn!(
            database = %url,
            "the server need not prove who it is: use sslmode=verify-full"
        );
    }
    let mut connection = connect(url).await?;
    check_server(&mut connection).await?;
    let mut tries = 1;
    loop {
        match migrations::postgres().run(&mut connection).await {
            Ok(()) => break,
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                if tries < MIGRATION_TRIES =>
            {
                tries += 1;
                sleep(MIGRATION_PAUSE).await;
            }
            Err(error) => {
                let fault = migrations::fault(&error);
                return Err(StoreError::Data(format!("database {url}: {fault}")));
            }
        }
    }
    let _ = connection.close().await;
    Ok(())
}

/// One connection, with an error that says where to.
pub(in crate::store) async fn connect(url: &DatabaseUrl) -> Result<PgConnection, StoreError> {
    let fault = |fault: String| StoreError::Data(format!("database {url}: {fault}"));
    match timeout(CONNECT, PgConnection::connect_with(url.options())).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(fault(StoreError::from(error).to_string())),
        Err(_) => Err(fault("no answer".to_owned())),
    }
}

pub(super) async fn writers(url: &DatabaseUrl) -> Result<PgPool, StoreError> {
    pool(url.options(), WRITERS, None).await
}

pub(super) async fn readers(url: &DatabaseUrl) -> Result<PgPool, StoreError> {
    pool(url.options(), READERS, Some(READ_ONLY)).await
}

async fn pool(
    options: &PgConnectOptions,
    most: u32,
    further: Option<&'static str>,
) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(most)
        .acquire_timeout(ACQUIRE)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(SESSION).await?;
                if let Some(further) = further {
                    connection.execute(further).await?;
                }
                // A server that took another's place may have other settings.
                match check_server(connection).await {
                    Ok(()) => Ok(()),
                    Err(StoreError::Database(error)) => Err(error),
                    Err(error) => Err(sqlx::Error::Configuration(Box::new(error))),
                }
            })
        })
        .connect_with(options.clone())
        .await?;
    Ok(pool)
}

/// Refuses a server that could lose what it said was committed. One that has no such setting is
/// another engine, which is asked nothing more.
async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT version() AS version,
                current_setting('server_version_num', true) AS number,
                current_setting('fsync', true) AS fsync,
                current_setting('full_page_writes', true) AS full_page_writes,
                current_setting('synchronous_commit', true) AS synchronous_commit",
    )
    .fetch_one(connection)
    .await?;
    let version: String = row.try_get("version")?;
    let number: Option<String> = row.try_get("number")?;
    let number = number.and_then(|number| number.parse::<i64>().ok());
    if version.starts_with("PostgreSQL") && number.unwrap_or(0) < LEAST_SERVER {
        return Err(StoreError::Data(
            "the server is older than PostgreSQL 15".to_owned(),
        ));
    }
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let value: Option<String> = row.try_get(name)?;
        if value.as_deref() == Some("off") {
            return Err(StoreError::Data(format!(
                "the server's {name} is off: it can lose what it has committed"
            )));
        }
    }
    Ok(())
}
