//! Both engines, by one suite.

use std::sync::Arc;

use sqlx::{Connection as _, Executor as _, PgConnection};
use velum_approval::Timestamp;
use velum_harness::{Authority, Postgres};

use crate::random::SystemRandom;
use crate::store::conformance::{CHECKS, Ground};
use crate::store::{Operation, Place, Store, StoreError, Transaction};
use crate::store_check::check_on;
use crate::testing::START;

/// Over how many grants 16 racers race; `VELUM_LONG` asks for the full number.
fn grants() -> usize {
    if std::env::var_os("VELUM_LONG").is_some() {
        1_500
    } else {
        100
    }
}

#[expect(clippy::print_stderr, reason = "the figures of a long run")]
async fn run_all(test: &str, store: Store, other: Store) {
    let ground = Ground {
        store,
        other,
        random: Arc::new(SystemRandom),
        now: START,
        grants: grants(),
    };
    for check in CHECKS {
        match check.check(&ground).await {
            Ok(found) => {
                eprintln!("{}: {found}", check.name);
                let folder = std::env::var_os("VELUM_FIGURES").map(std::path::PathBuf::from);
                if let Some(folder) = folder.filter(|_| found.contains("racers")) {
                    std::fs::write(folder.join(format!("{test}.txt")), found).unwrap();
                }
            }
            Err(fault) => panic!("{}: {fault}", check.name),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_what_an_engine_has_to() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let (store, _) = Store::open(&place).await.unwrap();
    let name = "sqlite_keeps_what_an_engine_has_to";
    run_all(name, store.clone(), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_what_an_engine_has_to() {
    let server = Postgres::start().await.unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let (one, other) = tokio::join!(Store::open(&place), Store::open(&place));
    let (store, _) = one.unwrap();
    let (other, fence) = other.unwrap();
    run_all("postgres_keeps_what_an_engine_has_to", store, other).await;
    let beyond = Timestamp::from_millis(START.as_millis() + 60_000);
    assert!(
        fence.raise(START) >= beyond,
        "another's time is not followed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_somebodys_database_passes_and_leaves_nothing() {
    let server = Postgres::start().await.unwrap();
    let mut lines = Vec::new();
    let say = |line: &str| lines.push(line.to_owned());
    let holds = crate::check_store(&server.url(), 8, say).await.unwrap();
    assert!(holds, "{lines:#?}");
    assert_eq!(lines.len(), CHECKS.len() + 3, "{lines:#?}");
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM pg_tables WHERE schemaname NOT IN
                    ('pg_catalog', 'information_schema'))
              + (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'velum%')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

/// Has a store leave out the condition that an approval still has the version which was read.
struct Weaken;

impl Operation for Weaken {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.weaken();
        Ok(())
    }
}

const STALE_CHANGE: &str = "a change to what has changed since is refused";

/// The suite is worth something only if it notices: what it says of stores that replace whatever is there.
async fn finds_that_a_version_is_not_looked_at(store: Store, other: Store, found: &[&str]) {
    for store in [&store, &other] {
        store.write(Weaken).await.unwrap();
    }
    let ground = Ground {
        store,
        other,
        random: Arc::new(SystemRandom),
        now: START,
        grants: 8,
    };
    let mut lines = Vec::new();
    let holds = check_on(&ground, &mut |line: &str| lines.push(line.to_owned())).await;
    assert!(!holds, "{lines:#?}");
    assert_eq!(lines.len(), CHECKS.len(), "{lines:#?}");
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    for check in found {
        assert!(
            failed.iter().any(|line| line.contains(check)),
            "{check}: {lines:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_sqlite_that_is_weakened_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let (store, _) = Store::open(&place).await.unwrap();
    let found = [STALE_CHANGE, "a use of what has changed since is refused"];
    finds_that_a_version_is_not_looked_at(store.clone(), store, &found).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_on_postgres_that_is_weakened_does_not_pass() {
    let server = Postgres::start().await.unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let (store, _) = Store::open(&place).await.unwrap();
    let (other, _) = Store::open(&place).await.unwrap();
    // A use is one statement there, which is not weakened.
    finds_that_a_version_is_not_looked_at(store, other, &[STALE_CHANGE]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_start_at_once_on_an_empty_server_all_have_its_schema() {
    let server = Postgres::start().await.unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let opened = tokio::join!(
        Store::open(&place),
        Store::open(&place),
        Store::open(&place)
    );
    for opened in [opened.0, opened.1, opened.2] {
        let (store, _) = opened.unwrap();
        assert_eq!(store.next_index().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_server_that_could_lose_a_commit_is_refused() {
    let server = Postgres::start().await.unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    connection
        .execute("ALTER ROLE velum SET synchronous_commit = off")
        .await
        .unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let error = Store::open(&place).await.err().unwrap().to_string();
    assert!(error.contains("synchronous_commit is off"), "{error}");
    connection
        .execute("ALTER ROLE velum RESET synchronous_commit")
        .await
        .unwrap();
    Store::open(&place).await.unwrap();
    let later = "INSERT INTO _sqlx_migrations VALUES (9999, 'later', now(), true, '\\x00', 0)";
    connection.execute(later).await.unwrap();
    let error = Store::open(&place).await.err().unwrap().to_string();
    assert!(error.contains("later version"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_prove_who_it_is_gets_nothing() {
    let (known, unknown) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = Postgres::start_with_tls(&known.server().unwrap()).await;
    let server = server.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (authority, is_trusted) in [(&unknown, false), (&known, true)] {
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, authority.certificate()).unwrap();
        let url = server.tls_url();
        let url = format!("{url}?sslmode=verify-full&sslrootcert={}", file.display());
        let place = Place::Database(url.parse().unwrap());
        match Store::open(&place).await {
            Ok(_) => assert!(is_trusted),
            Err(error) => {
                assert!(!is_trusted, "{error}");
                assert!(!error.to_string().contains("heliotrope"), "{error}");
            }
        }
    }
}
