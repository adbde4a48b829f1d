//! Opens the database with the settings that its promises rest on, and checks that it has them.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::super::{StoreError, migrations};
use super::{WritingLink, place};

const DATABASE: &str = "velum.sqlite";
const LOCK: &str = "velum.lock";
/// "VELM" in ASCII: what kind of file this is (`file(1)`, and a guard against another's database).
const APPLICATION_ID: i64 = 0x5645_4c4d;
/// The first release without the WAL-reset bug, which can corrupt a database that has two
/// connections: <https://www.sqlite.org/wal.html#walresetbug>.
const LEAST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
/// How much of the database the writer keeps in memory, in KiB as SQLite has it: with its own measure, 2 MB, it
/// reads pages again that it wrote a moment ago.
const WRITER_CACHE: i64 = -32_768;
/// How long a statement waits for a lock that another process holds.
const PATIENCE: Duration = Duration::from_secs(5);
/// What holds of every connection: a pragma, and the number that it reads back as.
const SETTINGS: [(&str, &str, i64); 10] = [
    // In WAL mode NORMAL would lose commits that were already answered when the power fails.
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("recursive_triggers", "OFF", 0),
    ("temp_store", "MEMORY", 2),
    ("journal_size_limit", "67108864", 67_108_864),
    ("wal_autocheckpoint", "8000", 8000),
    ("fullfsync", "1", 1),
    ("checkpoint_fullfsync", "1", 1),
    // What is erased is overwritten, so that no page keeps it.
    ("secure_delete", "ON", 1),
];

/// Holds the data folder for this process alone.
#[derive(Debug)]
pub(in crate::store) struct DataLock(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

impl DataLock {
    /// Makes the folder where it is missing, and locks it.
    pub(super) fn take(data: &Path) -> Result<DataLock, StoreError> {
        let fault = |error: std::io::Error| {
            StoreError::Data(format!("data folder {}: {error}", data.display()))
        };
        crate::keys::make_folder(data).map_err(StoreError::Data)?;
        place::check(data)?;
        let file = private(&data.join(LOCK)).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => Ok(DataLock(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Data(format!(
                "data folder {}: another process has it open; a store has one service",
                data.display()
            ))),
            Err(TryLockError::Error(error)) => Err(fault(error)),
        }
    }
}

/// Opens a file that only its owner can read, and makes it where it is missing.
fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// How every connection to the store in `data` is opened.
pub(super) fn options(data: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let path = data.join(DATABASE);
    // SQLite gives its journal files the permissions of the database.
    let file =
        private(&path).map_err(|error| StoreError::Data(format!("{}: {error}", path.display())))?;
    let others = file
        .metadata()
        .map(|metadata| metadata.permissions().mode() & 0o077);
    if !matches!(others, Ok(0)) {
        let message = format!("{}: others can read it: chmod 600", path.display());
        return Err(StoreError::Data(message));
    }
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(PATIENCE)
        .pragma("mmap_size", "0")
        .disable_statement_logging();
    let with = |options: SqliteConnectOptions, (name, value, _)| options.pragma(name, value);
    Ok(SETTINGS.into_iter().fold(options, with))
}

/// Brings the schema up to date and opens the one connection that writes.
pub(super) async fn first_writer(
    options: &SqliteConnectOptions,
) -> Result<WritingLink, StoreError> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    check_version(&mut connection).await?;
    claim(&mut connection).await?;
    let migrator = migrations::sqlite();
    copy_before(&mut connection, options, &migrator).await?;
    migrator
        .run(&mut connection)
        .await
        .map_err(|error| StoreError::Data(format!("{DATABASE}: {}", migrations::fault(&error))))?;
    connection.close().await?;
    writer(options)
}

/// Copies a store that a migration will change, beside it: there is no way back but this.
async fn copy_before(
    connection: &mut SqliteConnection,
    options: &SqliteConnectOptions,
    migrator: &Migrator,
) -> Result<(), StoreError> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(tables)
        .fetch_one(&mut *connection)
        .await?;
    if tables == 0 {
        return Ok(());
    }
    let applied = "SELECT version FROM _sqlx_migrations WHERE success";
    let applied: Vec<i64> = sqlx::query_scalar(applied)
        .fetch_all(&mut *connection)
        .await?;
    if migrator.iter().all(|step| applied.contains(&step.version)) || applied.is_empty() {
        return Ok(());
    }
    let latest = migrations::latest(migrator);
    let path = options
        .get_filename()
        .with_file_name(format!("velum-before-{latest:04}.sqlite"));
    let fault =
        |error: std::io::Error| StoreError::Data(format!("copy {}: {error}", path.display()));
    // One that was interrupted is of no use.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fault(error)),
        _ => {}
    }
    let file = private(&path).map_err(fault)?;
    let name = path.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1")
        .bind(name)
        .execute(connection)
        .await?;
    file.sync_all().map_err(fault)?;
    tracing::info!(from = applied.iter().max(), to = latest, copy = %path.display(), "the schema is brought up to date");
    Ok(())
}

/// Whether there is a store in the folder.
pub(super) fn is_there(data: &Path) -> bool {
    data.join(DATABASE).is_file()
}

/// Opens the writing connection of a store that is there: at the start, and after the one before can no
/// longer be trusted.
pub(super) fn writer(options: &SqliteConnectOptions) -> Result<WritingLink, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(options.get_filename(), flags)?;
    // No statement may write to what SQLite keeps for itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "mmap_size", "0")?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    for (name, value, _) in SETTINGS {
        connection.pragma_update(None, name, value)?;
    }
    let link = WritingLink::new(connection, PATIENCE)?;
    check_settings(&link)?;
    Ok(link)
}

/// Opens the connections that only read.
pub(super) async fn readers(options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(2))
        .connect_with(options.create_if_missing(false).pragma("query_only", "ON"))
        .await?;
    let only_reads: i64 = sqlx::query_scalar("PRAGMA query_only")
        .fetch_one(&readers)
        .await?;
    if only_reads != 1 {
        return Err(StoreError::Data(
            "a reading connection could write".to_owned(),
        ));
    }
    Ok(readers)
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await?;
    judge_version(&version)
}

/// Refuses a version that has the bug; what is no version counts as none.
fn judge_version(version: &str) -> Result<(), StoreError> {
    let mut numbers = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < LEAST_SQLITE {
        let (major, minor, patch) = LEAST_SQLITE;
        return Err(StoreError::Data(format!(
            "SQLite {version} can corrupt a database in WAL mode: {major}.{minor}.{patch} or later is needed"
        )));
    }
    Ok(())
}

/// Marks a new file as ours, and refuses another program's.
async fn claim(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    if id == APPLICATION_ID {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *connection)
        .await?;
    if id != 0 || tables != 0 {
        return Err(StoreError::Data(format!(
            "{DATABASE} is another program's database"
        )));
    }
    // A pragma takes no bound parameter; the number is APPLICATION_ID.
    sqlx::query("PRAGMA application_id = 1447382093")
        .execute(connection)
        .await?;
    Ok(())
}

/// What else the writing connection reads back.
const OF_WRITER: [(&str, i64); 4] = [
    ("application_id", APPLICATION_ID),
    ("busy_timeout", 5000),
    ("cache_size", WRITER_CACHE),
    ("mmap_size", 0),
];

/// Reads every setting back: SQLite ignores a pragma that it does not know or cannot keep.
fn check_settings(link: &WritingLink) -> Result<(), StoreError> {
    let mode: String = link.pragma("journal_mode")?;
    judge_settings(&mode, |name| Ok(link.pragma(name)?))
}

/// Refuses any that is another: `found` tells what a pragma reads as.
fn judge_settings(
    mode: &str,
    found: impl Fn(&str) -> Result<i64, StoreError>,
) -> Result<(), StoreError> {
    if mode != "wal" {
        return Err(StoreError::Data(format!(
            "{DATABASE}: journal_mode is {mode}, not wal"
        )));
    }
    let of_all = SETTINGS.map(|(name, _, expected)| (name, expected));
    for (name, expected) in of_all.into_iter().chain(OF_WRITER) {
        let found = found(name)?;
        if found != expected {
            return Err(StoreError::Data(format!(
                "{DATABASE}: {name} is {found} where {expected} is needed"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::super::connection::values;
    use super::super::super::{approvals, transaction};
    use super::*;

    #[test]
    fn a_version_of_sqlite_that_can_corrupt_a_database_is_refused() {
        for version in [
            "3.51.2", "3.51", "3.7.17", "3.50.9", "2.99.99", "", "unknown",
        ] {
            let error = judge_version(version).unwrap_err().to_string();
            assert!(error.contains("3.51.3 or later is needed"), "{error}");
        }
        for version in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            judge_version(version).unwrap();
        }
    }

    #[tokio::test]
    async fn a_setting_that_did_not_stick_is_refused_whichever_it_is() {
        let expected = |name: &str| {
            let of_all = SETTINGS.map(|(name, _, value)| (name, value));
            let mut all = of_all.into_iter().chain(OF_WRITER);
            all.find(|(known, _)| *known == name).unwrap().1
        };
        judge_settings("wal", |name| Ok(expected(name))).unwrap();
        for mode in ["delete", "memory", "WAL"] {
            let error = judge_settings(mode, |name| Ok(expected(name))).unwrap_err();
            assert!(error.to_string().contains("journal_mode"), "{error}");
        }
        let names = SETTINGS.map(|(name, _, _)| name).into_iter();
        for bad in names.chain(OF_WRITER.map(|(name, _)| name)) {
            let found = |name: &str| Ok(expected(name) + i64::from(name == bad));
            let error = judge_settings("wal", found).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad} is ")), "{error}");
        }
        // And that is what is asked of a connection.
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let mut writer = first_writer(&options).await.unwrap();
        check_settings(&writer).unwrap();
        writer.execute("PRAGMA synchronous = NORMAL", &[]).unwrap();
        let error = check_settings(&writer).unwrap_err().to_string();
        assert!(
            error.contains("synchronous is 1 where 2 is needed"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let _writer = first_writer(&options).await.unwrap();
        let readers = readers(options).await.unwrap();
        let error = sqlx::query("DELETE FROM vote")
            .execute(&readers)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
    }

    #[tokio::test]
    async fn the_log_is_append_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = first_writer(&options(folder.path()).unwrap())
            .await
            .unwrap();
        let insert = "INSERT INTO audit_entry VALUES (0, x'00', zeroblob(32))";
        assert_eq!(writer.execute(insert, &[]).unwrap(), 1);
        for statement in [
            "UPDATE audit_entry SET entry = x'01'",
            "DELETE FROM audit_entry",
        ] {
            let error = writer.execute(statement, &[]).unwrap_err();
            assert!(error.to_string().contains("append-only"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_folder_has_one_service_and_its_files_one_reader() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let _lock = DataLock::take(&data).unwrap();
        assert!(
            DataLock::take(&data)
                .unwrap_err()
                .to_string()
                .contains("another process")
        );
        let _writer = first_writer(&options(&data).unwrap()).await.unwrap();
        let mut names = Vec::new();
        for file in fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.path().display());
            names.push(file.file_name().into_string().unwrap());
        }
        assert!(names.contains(&"velum.sqlite-wal".to_owned()), "{names:?}");
        assert_eq!(
            fs::metadata(&data).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[tokio::test]
    async fn a_use_is_the_same_once_it_has_its_records_place_as_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let mut older = migrations::sqlite();
        older.migrations = older
            .iter()
            .filter(|step| step.version < 14)
            .cloned()
            .collect();
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        claim(&mut connection).await.unwrap();
        older.run(&mut connection).await.unwrap();
        for statement in [
            "INSERT INTO audit_entry VALUES (0, x'7b7d', zeroblob(32)), (1, x'7b7d', zeroblob(32))",
            "INSERT INTO approval (id, state, principal, action, fingerprint_mac, created_ms, updated_ms,
                                   version, body)
             VALUES ('a', 'used', 'p', 'read', zeroblob(32), 1, 2, 3, '{}')",
            "INSERT INTO grant_use (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms,
                                    lifts_until_ms)
             VALUES ('a', 'edge', x'00112233445566778899aabbccddeeff', 1, 11, 'scope', 1, 22, 33)",
        ] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let mut writer = first_writer(&options).await.unwrap();
        let rows = "SELECT 1 FROM grant_use
                    WHERE idx = 1 AND approval = 'a' AND gateway = 'edge' AND at_ms = 11
                          AND use_key = x'00112233445566778899aabbccddeeff' AND scope = 'scope'
                          AND is_seen = 1 AND expires_ms = 22 AND lifts_until_ms = 33";
        assert_eq!(writer.all(rows, &[]).unwrap().len(), 1);
        let again = "INSERT INTO grant_use (approval, gateway, use_key, idx, at_ms, scope, is_seen,
                                            expires_ms, lifts_until_ms)
                     VALUES ('a', 'edge', x'00112233445566778899aabbccddeeff', 0, 1, '', 0, 1, 1)";
        let error = writer.execute(again, &[]).unwrap_err();
        assert!(error.to_string().contains("UNIQUE"), "{error}");
    }

    #[tokio::test]
    async fn approvals_keep_their_states_when_the_column_is_made_anew() {
        let states = [
            "collecting",
            "pending",
            "approved",
            "denied",
            "expired",
            "cancelled",
            "superseded",
            "revoked",
            "used",
        ];
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let mut older = migrations::sqlite();
        older.migrations = older
            .iter()
            .filter(|step| step.version < 25)
            .cloned()
            .collect();
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        claim(&mut connection).await.unwrap();
        older.run(&mut connection).await.unwrap();
        for state in states {
            let insert = "INSERT INTO approval (id, state, principal, action, fingerprint_mac,
                                                created_ms, updated_ms, version, body)
                          VALUES ($1, $1, $1, 'read', zeroblob(32), 1, 2, 3, '{}')";
            let vote = "INSERT INTO vote (approval, number, person, body)
                        VALUES ($1, 1, 'grace', '{}')";
            for statement in [insert, vote] {
                let query = sqlx::query(statement).bind(state);
                query.execute(&mut connection).await.unwrap();
            }
        }
        connection.close().await.unwrap();

        let mut writer = first_writer(&options).await.unwrap();
        let kept = "SELECT approval.id FROM approval JOIN vote ON approval = approval.id
                    WHERE state = approval.id AND version = 3";
        assert_eq!(writer.all(kept, &[]).unwrap().len(), states.len());
        assert!(
            writer
                .all("PRAGMA foreign_key_check", &[])
                .unwrap()
                .is_empty()
        );
        let another = "INSERT INTO approval (id, state, principal, action, fingerprint_mac,
                                             created_ms, updated_ms, version, body)
                       VALUES ($1, $2, $2, 'read', zeroblob(32), 1, 2, 3, '{}')";
        for state in states {
            let done = writer.execute(another, values![&format!("second {state}"), state]);
            let is_open = matches!(state, "collecting" | "pending" | "approved");
            assert_eq!(done.is_err(), is_open, "{state}");
        }
        let error = writer
            .execute(another, values!["a", "granted"])
            .unwrap_err();
        assert!(error.to_string().contains("CHECK"), "{error}");
    }

    #[tokio::test]
    async fn a_written_approval_takes_no_table_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = first_writer(&options(folder.path()).unwrap())
            .await
            .unwrap();
        let explain = format!("EXPLAIN {}", transaction::REPLACE);
        let given = values!["used", 1_i64, 1_i64, 2_i64, "{}", "a", 1_i64];
        let steps = writer.all(&explain, given).unwrap();
        let names = steps
            .iter()
            .map(|step| step.read::<String>("opcode").unwrap());
        let names: Vec<_> = names.collect();
        assert!(names.iter().any(|name| name == "IdxDelete"), "{names:?}");
        assert!(
            !names.iter().any(|name| name == "OpenEphemeral"),
            "{names:?}"
        );
    }

    #[tokio::test]
    async fn denials_are_found_without_a_look_at_all_that_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = first_writer(&options(folder.path()).unwrap())
            .await
            .unwrap();
        let explain = format!("EXPLAIN QUERY PLAN {}", approvals::DENIALS.sqlite);
        let steps = writer
            .all(&explain, values!["[]", "read", "", 1_i64])
            .unwrap();
        let steps = steps.iter().map(|step| step.read::<String>("detail"));
        let steps = steps.collect::<Result<Vec<_>, _>>().unwrap();
        let whole = "approval_denied (principal=? AND action=? AND alike=? AND updated_ms>?)";
        assert!(steps.iter().any(|step| step.contains(whole)), "{steps:?}");
    }

    #[tokio::test]
    async fn sqlite_is_built_as_the_workspace_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = first_writer(&options(folder.path()).unwrap())
            .await
            .unwrap();
        let flags = writer.all("PRAGMA compile_options", &[]).unwrap();
        let flags = flags
            .iter()
            .map(|flag| flag.read::<String>("compile_options"));
        let flags = flags.collect::<Result<Vec<_>, _>>().unwrap();
        let has = |name: &str| flags.iter().any(|flag| flag == name);
        assert!(has("DEFAULT_MEMSTATUS=0"), "{flags:?}");
        assert!(has("THREADSAFE=1"), "{flags:?}");
        assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{flags:?}");
    }

    #[tokio::test]
    async fn no_vote_goes_before_the_log_that_tells_of_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = first_writer(&options(folder.path()).unwrap())
            .await
            .unwrap();
        for statement in [
            "INSERT INTO audit_entry VALUES (0, x'7b7d', zeroblob(32)), (1, x'7b7d', zeroblob(32))",
            "INSERT INTO approval (id, state, principal, action, fingerprint_mac, created_ms, updated_ms,
                                   version, body)
             VALUES ('a', 'denied', 'p', 'read', zeroblob(32), 1, 2, 3, '{}')",
            "INSERT INTO vote (approval, number, person, body) VALUES ('a', 1, 'grace', '{}')",
        ] {
            assert!(writer.execute(statement, &[]).unwrap() > 0);
        }
        let delete = "DELETE FROM vote";
        // Nothing was noted of it yet.
        assert!(writer.execute(delete, &[]).is_err());
        let note = "INSERT INTO approval_record (idx, approval) VALUES (0, 'a'), (1, 'a')";
        writer.execute(note, &[]).unwrap();
        assert!(writer.execute(delete, &[]).is_err());
        let gone = "INSERT INTO closed_log (number, name, first, size, known, pruned)
                    VALUES (1, 'one', 0, 1, 1, 9)";
        writer.execute(gone, &[]).unwrap();
        assert!(
            writer.execute(delete, &[]).is_err(),
            "another log tells of it"
        );
        let gone = "INSERT INTO closed_log (number, name, first, size, known, pruned)
                    VALUES (2, 'two', 1, 1, 1, 9)";
        writer.execute(gone, &[]).unwrap();
        assert_eq!(writer.execute(delete, &[]).unwrap(), 1);
    }

    #[tokio::test]
    async fn a_store_is_copied_before_it_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let mut older = migrations::sqlite();
        older.migrations = older.iter().take(2).cloned().collect();
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        claim(&mut connection).await.unwrap();
        older.run(&mut connection).await.unwrap();
        sqlx::query("UPDATE meta SET max_time_ms = 7")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();

        let copies = || {
            let files = fs::read_dir(folder.path()).unwrap().flatten();
            let names = files.map(|file| file.file_name().into_string().unwrap());
            names
                .filter(|name| name.starts_with("velum-before-"))
                .collect::<Vec<_>>()
        };
        assert_eq!(copies(), Vec::<String>::new());
        let connection = first_writer(&options).await.unwrap();
        let latest = migrations::latest(&migrations::sqlite());
        assert_eq!(copies(), [format!("velum-before-{latest:04}.sqlite")]);
        drop(connection);

        let path = folder.path().join(&copies()[0]);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let copy = SqliteConnectOptions::new().filename(&path);
        let mut copy = SqliteConnection::connect_with(&copy).await.unwrap();
        let kept: i64 = sqlx::query_scalar("SELECT max_time_ms FROM meta")
            .fetch_one(&mut copy)
            .await
            .unwrap();
        assert_eq!(kept, 7);
        let migrated = readers(options.clone()).await.unwrap();
        let time: i64 = sqlx::query_scalar("SELECT max_time_ms FROM audit_log")
            .fetch_one(&migrated)
            .await
            .unwrap();
        assert_eq!(time, 7, "what has expired has not expired any more");
        fs::remove_file(&path).unwrap();
        first_writer(&options).await.unwrap();
        assert_eq!(copies(), Vec::<String>::new(), "nothing was changed");
    }

    #[tokio::test]
    async fn a_store_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path()).unwrap();
        let mut writer = first_writer(&options).await.unwrap();
        let later = "INSERT INTO _sqlx_migrations
                         (version, description, success, checksum, execution_time)
                     VALUES (9999, 'later', true, x'00', 0)";
        writer.execute(later, &[]).unwrap();
        drop(writer);
        let error = first_writer(&options).await.err().unwrap().to_string();
        assert!(error.contains("later version"), "{error}");
    }

    #[tokio::test]
    async fn looser_permissions_and_foreign_databases_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            options(folder.path())
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let options = options(folder.path()).unwrap();
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE theirs (id INTEGER)")
            .execute(&mut other)
            .await
            .unwrap();
        let error = first_writer(&options).await.err().unwrap().to_string();
        assert!(error.contains("another program"), "{error}");
    }
}
