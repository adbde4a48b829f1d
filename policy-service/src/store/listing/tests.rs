use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use velum_approval::IdentityKind;
use velum_harness::Postgres;

use super::super::connection::Value;
use super::super::{Place, Store};
use super::*;
use crate::random::{NoRandomness, Random};
use crate::store::conformance::{CHECKS, Ground, grants_for};
use crate::testing::START;

/// How many there are in a large store.
const MANY: u32 = 30_000;

/// States that few end in there.
const RARE: [State; 5] = [
    State::Denied,
    State::Expired,
    State::Cancelled,
    State::Superseded,
    State::Revoked,
];

fn listing(order: Order, state: Option<State>) -> Listing {
    Listing {
        order,
        state,
        action: None,
        behind: None,
        limit: 50,
        now: START,
    }
}

/// The same bytes for each store: where rows come to stand is by their ids.
#[derive(Default)]
struct Repeated(AtomicU64);

impl Random for Repeated {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for part in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = Sha256::digest(number.to_be_bytes());
            part.copy_from_slice(&digest[..part.len()]);
        }
        Ok(())
    }
}

fn ground(store: &Store, grants: usize) -> Ground {
    Ground {
        store: store.clone(),
        other: store.clone(),
        random: Arc::new(Repeated::default()),
        now: START,
        grants,
    }
}

/// Statements that make a large store of one approval: almost all were used, and in the middle a few ended in
/// each of the rare states. Ids are as long as those that the service gives.
fn growth(number: &str, text: &str, replace: &str) -> Vec<String> {
    let id = text.to_owned();
    let mut statements = vec![format!(
        "INSERT INTO approval (id, state, principal, action, fingerprint_mac, due_ms, created_ms, updated_ms,
                               version, body, alike)
         SELECT {id}, 'used', principal, 'read', fingerprint_mac, NULL, created_ms + n, updated_ms, version,
                {replace}, alike
         FROM (SELECT * FROM approval LIMIT 1) AS one, {number}"
    )];
    for (place, state) in RARE.iter().enumerate() {
        let from = MANY / 2 + u32::try_from(place).unwrap() * 10;
        statements.push(format!(
            "UPDATE approval SET state = '{}', body = replace(body, '\"state\":\"pending\"', '\"state\":\"{}\"')
             WHERE id >= '{:08}-0000-7000-8000-000000000000' AND id < '{:08}-0000-7000-8000-000000000000'",
            state.name(),
            state.name(),
            from,
            from + 7
        ));
    }
    statements
}

fn sqlite_growth() -> Vec<String> {
    let numbers = format!(
        "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
          SELECT n FROM numbers) AS numbers"
    );
    let id = "printf('%08d-0000-7000-8000-000000000000', n)";
    let mut statements = growth(&numbers, id, &format!("replace(body, id, {id})"));
    statements.push("ANALYZE".to_owned());
    statements
}

fn postgres_growth() -> Vec<String> {
    let id = "lpad(CAST(n AS TEXT), 8, '0') || '-0000-7000-8000-000000000000'";
    let numbers = format!("generate_series(1, {MANY}) AS numbers(n)");
    let mut statements = growth(&numbers, id, &format!("replace(body, id, {id})"));
    statements.push("VACUUM ANALYZE approval".to_owned());
    statements
}

/// An approval that all others are made of.
async fn seed(store: &Store) {
    let checks = CHECKS.iter();
    let mut read = checks.filter(|check| check.name.contains("listed in the order"));
    let ground = ground(store, 1);
    read.next().unwrap().check(&ground).await.unwrap();
}

async fn on_sqlite(folder: &std::path::Path, statements: &[String]) {
    let options = SqliteConnectOptions::new().filename(folder.join("data/velum.sqlite"));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    for statement in statements {
        database
            .execute(AssertSqlSafe(statement.clone()))
            .await
            .unwrap();
    }
    database.close().await.unwrap();
}

/// Every list that has to be found, with its statement and what that is given.
fn found(identity: &Identity) -> Vec<(String, Sql, Vec<Value<'static>>)> {
    let mut all = Vec::new();
    for (order, start, end) in [
        (Order::OldestFirst, "", BEYOND),
        (Order::LatestFirst, BEYOND, ""),
    ] {
        let none = Value::MaybeText(None);
        let common = [
            Value::Text(start),
            Value::Text(end),
            none,
            Value::Number(50),
        ];
        for state in RARE.into_iter().chain([State::Pending, State::Approved]) {
            let source = Source::of(Some(state));
            let mut values = common.to_vec();
            if source != Source::Expired {
                values.push(Value::MaybeText(Some(state.name())));
            }
            if source != Source::Ended {
                values.push(Value::Number(START.as_millis()));
            }
            let name = format!("{} {order:?}", state.name());
            all.push((name, source.statement(order), values));
        }
        let mut values = common.to_vec();
        values.push(none);
        all.push((format!("any {order:?}"), ALL[order as usize], values));
    }
    let principal = principal_text(identity).unwrap();
    let values = vec![
        Value::Text(Box::leak(principal.into_boxed_str())),
        Value::Number(i64::MAX),
        Value::Text(BEYOND),
        Value::MaybeText(None),
        Value::MaybeText(None),
        Value::Number(START.as_millis()),
        Value::Number(50),
    ];
    all.push(("of somebody".to_owned(), ASKED_BY, values));
    all
}

fn jones() -> Identity {
    Identity::new(IdentityKind::Jwt, "https://idp.example", "dr-jones").unwrap()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// What each source gives of a large store, in both orders and to the end.
async fn assert_lists(store: &Store) {
    for state in RARE {
        for order in [Order::OldestFirst, Order::LatestFirst] {
            let mut listing = listing(order, Some(state));
            listing.limit = 5;
            let first = store.list(&listing).await.unwrap();
            assert_eq!(first.approvals.len(), 5, "{} {order:?}", state.name());
            listing.behind = first.next;
            let second = store.list(&listing).await.unwrap();
            assert_eq!(
                (second.approvals.len(), second.next),
                (2, None),
                "{}",
                state.name()
            );
            let ids = first.approvals.iter().chain(&second.approvals);
            let mut ids: Vec<_> = ids.map(|stored| stored.approval.id.to_string()).collect();
            if order == Order::LatestFirst {
                ids.reverse();
            }
            assert!(ids.is_sorted(), "{ids:?}");
            ids.dedup();
            assert_eq!(ids.len(), 7);
        }
        // Of another action none, and that is said after as many as are looked through at a time.
        let mut other = listing(Order::LatestFirst, Some(state));
        other.action = Some("purge".parse().unwrap());
        let mut pages = 0;
        loop {
            let listed = store.list(&other).await.unwrap();
            assert_eq!(listed.approvals.len(), 0);
            pages += 1;
            other.behind = listed.next;
            if other.behind.is_none() {
                break;
            }
        }
        assert_eq!(pages, 2, "{}", state.name());
    }
    // What has expired without anybody having noted it is among those of which it was noted.
    let mut late = listing(Order::LatestFirst, Some(State::Expired));
    late.now = START.after(Duration::from_mins(16));
    let listed = store.list(&late).await.unwrap();
    assert_eq!(listed.approvals.len(), 7 + 5);
}

#[tokio::test]
async fn sqlite_reads_no_more_for_a_page_than_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("data"));
    let (store, _) = Store::open(&place).await.unwrap();
    seed(&store).await;
    on_sqlite(folder.path(), &sqlite_growth()).await;
    let mut reading = store.read().await.unwrap();
    for (name, statement, values) in found(&jones()) {
        let explain = leak(format!("EXPLAIN QUERY PLAN {}", statement.sqlite));
        let plan = reading.all(explain, &values).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.read("detail").unwrap()).collect();
        let index = match name.split(' ').next().unwrap() {
            "any" => "(id>? AND id<?)",
            "of" => "approval_by_age (principal=? AND created_ms<?)",
            "pending" | "approved" => "approval_due (due_ms>?)",
            _ => "approval_ended (state=? AND id>? AND id<?)",
        };
        assert!(
            plan.iter().any(|step| step.contains(index)),
            "{name}: {plan:#?}"
        );
        let is_all = |step: &String| {
            step.starts_with("SCAN approval") || step == "USE TEMP B-TREE FOR ORDER BY"
        };
        // What is open is as much as people can decide; that is put in order here.
        let few = ["pending", "approved", "expired"];
        let is_few = few.iter().any(|few| name.starts_with(few));
        assert!(is_few || !plan.iter().any(is_all), "{name}: {plan:#?}");
    }
    drop(reading);
    assert_lists(&store).await;
}

#[tokio::test]
async fn postgres_reads_no_more_for_a_page_than_it_has() {
    let server = Postgres::start().await.unwrap();
    let place = Place::Database(server.url().parse().unwrap());
    let (store, _) = Store::open(&place).await.unwrap();
    seed(&store).await;
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    for statement in postgres_growth() {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let mut reading = store.read().await.unwrap();
    for (name, statement, values) in found(&jones()) {
        let explain = leak(format!(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {}",
            statement.postgres
        ));
        let plan = reading.all(explain, &values).await.unwrap();
        let plan: Vec<String> = plan
            .iter()
            .map(|row| row.read("QUERY PLAN").unwrap())
            .collect();
        let pages = plan.iter().find_map(|line| {
            let counts = line.trim().strip_prefix("Buffers: shared ")?;
            let counts = counts.split(' ').filter_map(|part| part.split_once('='));
            Some(
                counts
                    .map(|(_, count)| count.parse::<u32>().unwrap())
                    .sum::<u32>(),
            )
        });
        let pages = pages.expect("how many pages it has read");
        assert!(pages < 200, "{name}: {pages} pages\n{}", plan.join("\n"));
    }
    drop(reading);
    assert_lists(&store).await;
}

/// Pages that the log of SQLite's writes has got.
fn frames(folder: &std::path::Path) -> u64 {
    let file = folder.join("data/velum.sqlite-wal");
    std::fs::metadata(file).unwrap().len().saturating_sub(32) / (4096 + 24)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_of_what_has_ended_costs_a_use_no_page() {
    let mut written = Vec::new();
    for without in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Folder(folder.path().join("data"));
        let (store, _) = Store::open(&place).await.unwrap();
        if without {
            on_sqlite(folder.path(), &["DROP INDEX approval_ended".to_owned()]).await;
        }
        let before = frames(folder.path());
        // Asked, approved and used, one after the other.
        let granted = grants_for(&ground(&store, 200), 1).await.unwrap();
        granted.use_all().await.unwrap();
        written.push(frames(folder.path()) - before);
    }
    let (with, without) = (written[0], written[1]);
    // A page for each use would be 200.
    assert!(
        without > 600,
        "{without} pages for 200 asks, approvals and uses"
    );
    assert!(
        with <= without + without / 100,
        "{with} pages instead of {without}"
    );
}
