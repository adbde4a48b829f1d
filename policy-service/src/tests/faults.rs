//! What a store that fails, or is tampered with, releases: nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use velum_approval::{ApprovalId, Event, transition};

use crate::http::App;
use crate::store::{Change, Fault, Operation, StoreError, Transaction};
use crate::testing::{CONFIGURATION, Service, identity, on_postgres};

/// Makes the next commit fail.
struct Break(Fault);

impl Operation for Break {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.fail_next_commit(self.0);
        Ok(())
    }
}

/// Runs SQL behind the service's back.
struct Tamper(&'static str);

impl Operation for Tamper {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.execute(self.0).await
    }
}

/// The same with several statements, in one transaction.
struct TamperWithMuch([&'static str; 3]);

impl Operation for TamperWithMuch {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for statement in self.0 {
            transaction.execute(statement).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_use_whose_commit_is_in_doubt_is_found_or_made_but_never_made_twice() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        let service = Service::start().await;
        let ask = service.ask(1);
        let id = service.pending(&ask).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        service.running.store.write(Break(fault)).await.unwrap();
        service.verified(&ask, &service.check(&ask).await);
        assert_eq!(service.count("grant.used").await, 1);
        let other = service.ask(1);
        assert_ne!(service.check(&other).await["approval"], id.as_str());
    }
}

/// Several uses wait while one is written, so that the engine may commit them together.
async fn uses_that_share_a_doubt(service: &Service) {
    let mut used = 0;
    for (round, fault) in [(0, Fault::Lost), (1, Fault::AnswerLost)] {
        let checks: Vec<_> = (0..8)
            .map(|number| service.ask(round * 8 + number))
            .collect();
        for check in &checks {
            let id = service.pending(check).await;
            assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        }
        service.running.store.write(Break(fault)).await.unwrap();
        let mut answers = tokio::task::JoinSet::new();
        for check in checks.clone() {
            let request = service
                .request("POST", "/v1/checks")
                .bearer_auth(service.gateway())
                .json(&check);
            answers.spawn(async move { (check, crate::testing::reply(request).await) });
        }
        for (check, (status, answer)) in answers.join_all().await {
            assert_eq!(status, 200, "{answer}");
            service.verified(&check, &answer);
            used += 1;
        }
        assert_eq!(service.count("grant.used").await, used);
    }
}

fn many() -> String {
    CONFIGURATION.replace("pending_per_principal = 5", "pending_per_principal = 1000")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_that_share_a_commit_in_doubt_are_each_made_once_on_sqlite() {
    uses_that_share_a_doubt(&Service::with(&many()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_that_share_a_commit_in_doubt_are_each_made_once_on_postgres() {
    let server = velum_harness::Postgres::start().await.unwrap();
    let store = format!(
        "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n[lifetimes]",
        server.url()
    );
    let configuration = many().replacen("[lifetimes]", &store, 1);
    uses_that_share_a_doubt(&Service::with(&configuration).await).await;
}

#[tokio::test]
async fn a_vote_whose_commit_is_in_doubt_is_not_said_to_count() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    service
        .running
        .store
        .write(Break(Fault::Lost))
        .await
        .unwrap();
    let (status, body) = service.approve("grace", &id, json!({})).await;
    assert_eq!((status.as_u16(), &body["retryable"]), (503, &json!(true)));
    assert_eq!(service.show(&id).await["state"], "pending");
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    assert_eq!(service.count("grant.issued").await, 1);
}

#[tokio::test]
async fn a_connection_whose_commit_failed_is_not_used_again() {
    let service = Service::start().await;
    let store = &service.running.store;
    let id = service.pending(&service.ask(1)).await;
    // What is in this table goes with the connection.
    let mark = "CREATE TEMP TABLE mark (one INTEGER)";
    store.write(Tamper(mark)).await.unwrap();
    let look = || Tamper("INSERT INTO mark VALUES (1)");
    store.write(look()).await.unwrap();
    store.write(Break(Fault::Lost)).await.unwrap();
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 503);
    let error = store.write(look()).await.unwrap_err();
    assert!(matches!(error, StoreError::Writer(_)), "{error}");
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
}

#[tokio::test]
async fn a_store_that_fails_twice_in_a_row_is_given_up() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    for _ in 0..2 {
        service
            .running
            .store
            .write(Tamper("ROLLBACK"))
            .await
            .unwrap_err();
    }
    service.running.failed().await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 503);
    let (status, _) = service
        .check_as(service.gateway(), &service.ask(2), 0)
        .await;
    assert_eq!(status, 503);
    assert_eq!(
        service
            .request("GET", "/readyz")
            .send()
            .await
            .unwrap()
            .status(),
        503
    );
}

#[tokio::test]
async fn who_is_not_the_newest_of_those_who_wait_is_told_so_without_the_writer() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let (mut older, mut newer) = (service.ask(1), service.ask(1));
    let waiting = async |many: u64| {
        while service.show(&id).await["waiting"] != many {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let later = async {
        waiting(1).await;
        service.check_waiting(&newer, 20).await
    };
    let approving = async {
        waiting(2).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    };
    let (one, other, ()) = tokio::join!(service.check_waiting(&older, 20), later, approving);
    for told in [one, other] {
        assert_eq!(told["retry_after_seconds"], 0, "{told}");
    }
    for _ in 0..2 {
        let broken = service.running.store.write(Tamper("ROLLBACK")).await;
        broken.unwrap_err();
    }
    service.running.failed().await;
    older.approval = Some(id.clone());
    newer.approval = Some(id.clone());
    // Only one of them has anything to write.
    assert_eq!(service.check(&older).await["code"], "taken");
    let (status, _) = service.check_as(service.gateway(), &newer, 0).await;
    assert_eq!(status, 503);
    assert_eq!(service.show(&id).await["state"], "approved");
}

/// Checks that wait while their store fails, and comes back.
async fn a_store_that_fails_in_mid_wait(service: &Service) {
    let check = service.ask(1);
    let id = service.pending(&check).await;
    let (early, late) = (service.ask(1), service.ask(1));
    let waiters = &service.running.app.parts().waiters;
    let store = &service.running.store;
    let failing = async {
        while waiters.total() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store
            .write(Tamper("ALTER TABLE vote RENAME TO no_vote"))
            .await
            .unwrap();
        // Both look at what has changed, and there is nothing to be read.
        waiters.wake(&id);
        let (status, body) = service
            .check_as(service.gateway(), &service.ask(1), 0)
            .await;
        assert_eq!(status, 503, "a first decision that nobody can make: {body}");
    };
    let until_its_end = async {
        let (answer, ()) = tokio::join!(service.check_waiting(&early, 2), failing);
        assert_eq!(answer["decision"], "pending", "{answer}");
        assert_eq!(answer["approval"], id.as_str(), "{answer}");
        // What it says is what was known: not that anything was decided.
        assert_eq!(answer["retry_after_seconds"], 5, "{answer}");
        store
            .write(Tamper("ALTER TABLE no_vote RENAME TO vote"))
            .await
            .unwrap();
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        Instant::now()
    };
    let until_it_is_decided = async {
        let answer = service.check_waiting(&late, 25).await;
        (answer, Instant::now())
    };
    let (decided, (answer, told)) = tokio::join!(until_its_end, until_it_is_decided);
    assert_eq!(answer["decision"], "pending", "{answer}");
    assert_eq!(answer["retry_after_seconds"], 0, "ask again: {answer}");
    let took = told.saturating_duration_since(decided);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(service.count("grant.used").await, 0);
    service.depart(&early).await;
    service.verified(&late, &service.check(&late).await);
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_the_store_fails_is_told_what_was_known_and_waits_on_on_sqlite() {
    a_store_that_fails_in_mid_wait(&Service::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_when_the_store_fails_is_told_what_was_known_and_waits_on_on_postgres() {
    let server = velum_harness::Postgres::start().await.unwrap();
    let configuration = on_postgres(&server.url());
    a_store_that_fails_in_mid_wait(&Service::with(&configuration).await).await;
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let service = Service::with(&many()).await;
    service
        .running
        .store
        .write(Tamper("PRAGMA max_page_count = 1"))
        .await
        .unwrap();
    let mut refused = 0_u32;
    for request in 0..100 {
        let mut ask = service.ask(request);
        ask.path = "/Patient/{…}".repeat(50);
        let (status, body) = service.check_as(service.gateway(), &ask, 0).await;
        match status.as_u16() {
            200 => {}
            503 => {
                refused += 1;
                break;
            }
            _ => panic!("{body}"),
        }
    }
    assert_eq!(refused, 1, "the disk was never full");
    let before = service.log().await.len();
    service
        .running
        .store
        .write(Tamper("PRAGMA max_page_count = 1000000"))
        .await
        .unwrap();
    service.pending(&service.ask(200)).await;
    assert_eq!(service.log().await.len(), before + 1);
}

#[tokio::test]
async fn an_approval_that_somebody_wrote_into_the_store_releases_nothing() {
    let service = Service::start().await;
    let ask = service.ask(1);
    let id = service.pending(&ask).await;
    let statement = "UPDATE approval SET state = 'approved', body = json_set(body,
        '$.state', 'approved', '$.granted', json('{\"classes\":[\"name\"]}'), '$.grant_expires', 9000000000000)";
    service
        .running
        .store
        .write(Tamper(statement))
        .await
        .unwrap();
    assert_eq!(service.show(&id).await["state"], "approved");
    let mut redeem = service.ask(1);
    redeem.approval = Some(id);
    let answer = service.check(&redeem).await;
    assert_eq!(answer["code"], "superseded", "{answer}");
    assert_eq!(service.count("grant.used").await, 0);
}

/// Ends an approval twice from the same reading of it.
struct EndTwice(App, ApprovalId);

impl Operation for EndTwice {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let EndTwice(app, id) = self;
        let read = transaction.approval(id).await?.unwrap();
        let principal = identity("triage-bot");
        let event = Event::Withdraw {
            principal: &principal,
        };
        let stamp = app.stamp(transaction).await?;
        let (approval, record) = transition(&read, &event, stamp.now).unwrap();
        for _ in 0..2 {
            let change = Change::Case {
                approval: &approval,
                written: None,
                evidence: None,
            };
            let stamp = app.stamp(transaction).await?;
            transaction.apply(&change, &record, &stamp).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_change_to_what_has_changed_since_is_refused_and_leaves_no_record() {
    let service = Service::start().await;
    let id = service.pending(&service.ask(1)).await;
    let records = service.log().await.len();
    let twice = EndTwice(service.running.app.clone(), id.clone());
    let error = service.running.store.write(twice).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    assert_eq!(service.show(&id).await["state"], "pending");
    assert_eq!(service.log().await.len(), records);
}

/// Says what the store has that a change would have changed.
async fn standing(service: &Service, id: &ApprovalId) -> serde_json::Value {
    let card = service.show(id).await;
    let stops = service.get("grace", "/v1/stops?all=true").await.1;
    json!([
        card["state"],
        card["version"],
        card["votes"],
        card["uses"],
        stops,
        service.log().await
    ])
}

/// A database that takes records and keeps none: of use, vote, revocation, stop and session nothing takes place.
async fn records_that_are_not_kept(
    service: &Service,
    ignore: &[&'static str],
    heed: &[&'static str],
) {
    let store = &service.running.store;
    let check = service.ask(1);
    let approved = service.pending(&check).await;
    assert_eq!(service.approve("grace", &approved, json!({})).await.0, 200);
    let pending = service.pending(&service.ask(2)).await;
    let before = [
        standing(service, &approved).await,
        standing(service, &pending).await,
    ];
    for statement in ignore {
        store.write(Tamper(statement)).await.unwrap();
    }
    let (status, body) = service
        .check_as(service.gateway(), &service.ask(1), 0)
        .await;
    assert_eq!(status, 503, "a use: {body}");
    let (status, body) = service
        .check_as(service.gateway(), &service.ask(3), 0)
        .await;
    assert_eq!(status, 503, "an ask: {body}");
    assert_eq!(service.approve("omar", &pending, json!({})).await.0, 503);
    assert_eq!(service.deny("omar", &pending, json!({})).await.0, 503);
    let path = format!("/v1/approvals/{approved}/revoke");
    assert_eq!(service.post("grace", &path, &json!({})).await.0, 503);
    let everything = json!({"scope": {"kind": "everything"}});
    assert_eq!(service.post("grace", "/v1/stops", &everything).await.0, 503);
    let mut browser = crate::testing::browser::Browser::new();
    let shown = browser.submit(&service.running.links["nora"], &[]).await;
    assert_eq!(shown.status, 503, "{}", shown.text);
    let shown = browser.open(&service.url("/session")).await;
    assert_ne!(shown.status, 200, "nobody has signed in: {}", shown.text);
    let after = [
        standing(service, &approved).await,
        standing(service, &pending).await,
    ];
    assert_eq!(before, after);
    for statement in heed {
        store.write(Tamper(statement)).await.unwrap();
    }
    service.verified(&check, &service.check(&check).await);
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_record_that_the_database_drops_does_not_take_place_on_sqlite() {
    let service = Service::start().await;
    let ignore = "CREATE TRIGGER gone BEFORE INSERT ON audit_entry BEGIN SELECT RAISE(IGNORE); END";
    records_that_are_not_kept(&service, &[ignore], &["DROP TRIGGER gone"]).await;
    // Kept, and taken out again at once.
    let service = Service::start().await;
    let taken = "CREATE TRIGGER gone AFTER INSERT ON audit_entry
                 BEGIN DELETE FROM audit_entry WHERE idx = NEW.idx; END";
    let kept = "DROP TRIGGER audit_entry_is_never_deleted";
    let heed = ["DROP TRIGGER gone"];
    records_that_are_not_kept(&service, &[kept, taken], &heed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_record_that_the_database_drops_does_not_take_place_on_postgres() {
    let server = velum_harness::Postgres::start().await.unwrap();
    let service = Service::with(&on_postgres(&server.url())).await;
    let dropped =
        "CREATE FUNCTION nothing() RETURNS trigger AS 'BEGIN RETURN NULL; END' LANGUAGE plpgsql";
    let ignore = "CREATE TRIGGER gone BEFORE INSERT ON audit_entry FOR EACH ROW
                  EXECUTE FUNCTION nothing()";
    let heed = ["DROP TRIGGER gone ON audit_entry"];
    records_that_are_not_kept(&service, &[dropped, ignore], &heed).await;
}

/// Has the database drop a use that is written.
async fn a_use_that_is_not_kept(service: &Service, tamper: &[&'static str], heed: &'static str) {
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let before = standing(service, &id).await;
    let store = &service.running.store;
    for statement in tamper {
        store.write(Tamper(statement)).await.unwrap();
    }
    let (status, body) = service.check_as(service.gateway(), &check, 0).await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(standing(service, &id).await, before);
    assert_eq!(service.count("grant.used").await, 0);
    store.write(Tamper(heed)).await.unwrap();
    service.verified(&check, &service.check(&check).await);
    assert_eq!(service.count("grant.used").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_that_the_database_drops_releases_nothing_on_either_engine() {
    let service = Service::start().await;
    let ignore = "CREATE TRIGGER gone BEFORE INSERT ON grant_use BEGIN SELECT RAISE(IGNORE); END";
    a_use_that_is_not_kept(&service, &[ignore], "DROP TRIGGER gone").await;
    let server = velum_harness::Postgres::start().await.unwrap();
    let service = Service::with(&on_postgres(&server.url())).await;
    let dropped =
        "CREATE FUNCTION nothing() RETURNS trigger AS 'BEGIN RETURN NULL; END' LANGUAGE plpgsql";
    let ignore = "CREATE TRIGGER gone BEFORE INSERT ON grant_use FOR EACH ROW
                  EXECUTE FUNCTION nothing()";
    let heed = "DROP TRIGGER gone ON grant_use";
    a_use_that_is_not_kept(&service, &[dropped, ignore], heed).await;
}

/// What an insert returns is what it wrote, and not what a trigger did then: where a head is wanted over the record it
/// is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_changed_behind_its_insert_releases_nothing_where_a_head_is_wanted() {
    let server = velum_harness::Postgres::start().await.unwrap();
    let fence = tempfile::tempdir().unwrap();
    let strict = "quorum = 1\nrelease = \"checkpointed\"";
    let configuration = on_postgres(&server.url()).replacen("quorum = 1", strict, 1);
    let fence = fence.path().join("fence");
    let service = Service::with(&format!("{configuration}\n[audit]\nfence = {fence:?}\n")).await;
    let check = service.ask(1);
    let id = service.pending(&check).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let before = standing(&service, &id).await;
    let store = &service.running.store;
    for statement in [
        "CREATE FUNCTION other() RETURNS trigger AS 'BEGIN
             UPDATE audit_entry SET entry = set_byte(entry, 20, 65), leaf_hash = leaf_hash
             WHERE idx = NEW.idx;
             RETURN NULL;
         END' LANGUAGE plpgsql",
        "CREATE TRIGGER changed AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION other()",
    ] {
        store.write(Tamper(statement)).await.unwrap();
    }
    let (status, body) = service.check_as(service.gateway(), &check, 0).await;
    assert_eq!(status, 503, "{body}");
    assert_eq!(standing(&service, &id).await, before);
    let heed = "DROP TRIGGER changed ON audit_entry";
    store.write(Tamper(heed)).await.unwrap();
    service.verified(&check, &service.check(&check).await);
    assert_eq!(service.count("grant.used").await, 1);
}

/// Taken out when the change is already answered: the next one is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_record_that_is_missing_nothing_is_written_on_either_engine() {
    let server = velum_harness::Postgres::start().await.unwrap();
    for configuration in [CONFIGURATION.to_owned(), on_postgres(&server.url())] {
        let service = Service::with(&configuration).await;
        let id = service.pending(&service.ask(1)).await;
        let store = &service.running.store;
        let before = if configuration == CONFIGURATION {
            "DROP TRIGGER audit_entry_is_never_deleted"
        } else {
            "LOCK TABLE approval_record, audit_entry IN EXCLUSIVE MODE"
        };
        // In one: the log may have grown over it already, or be about to.
        let gone = TamperWithMuch([
            before,
            "DELETE FROM approval_record WHERE idx = (SELECT max(idx) FROM audit_entry)",
            "DELETE FROM audit_entry WHERE idx = (SELECT max(idx) FROM audit_entry)",
        ]);
        store.write(gone).await.unwrap();
        let (status, body) = service.approve("grace", &id, json!({})).await;
        assert_eq!(status, 503, "{body}");
        assert_eq!(service.show(&id).await["votes"], json!([]));
    }
}
