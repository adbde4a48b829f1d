//! A store that moves from SQLite to PostgreSQL.

use serde_json::json;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use velum_harness::Postgres;

use super::confirmations;
use crate::migrate_store;
use crate::testing::{CONFIGURATION, Service, reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_moves_whole_and_the_old_one_does_not_open_again() {
    let server = Postgres::start().await.unwrap();
    let url = server.url();
    let service = Service::start().await;
    let data = service.folder.path().join("velum-data");
    let used = service.ask(1);
    let id = service.pending(&used).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    let answer = service.check(&used).await;
    let approved = service.pending(&service.ask(2)).await;
    let words = json!({"comment": "heliotrope"});
    assert_eq!(service.approve("grace", &approved, words).await.0, 200);
    let stop = json!({"scope": {"kind": "action", "name": "purge"}});
    let send = async |service: &Service| {
        let request = service.request("POST", "/v1/stops").json(&stop);
        let request = request.bearer_auth(service.reviewer("grace"));
        reply(request.header("idempotency-key", "once")).await.1["id"].clone()
    };
    service.lease(1, 0).await;
    let stopped_by = send(&service).await;
    let version = service.lease(1, 0).await.version;
    service.lease(1, version).await;
    let id_of_stop = stopped_by.as_str().unwrap();
    confirmations::written(&service, id_of_stop, 1).await;
    let workers = confirmations::shown(&service, id_of_stop).await["workers"].clone();
    assert_eq!(workers[0]["standing"], "confirmed");
    let receipt = format!("/v1/approvals/{id}/receipt");
    let told = service.get("grace", &receipt).await.1;
    let log = service.log().await;
    let cards = [service.show(&id).await, service.show(&approved).await];

    let error = migrate_store(&data, &url).await.unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    let stopped = service.stop().await;
    let said = migrate_store(&data, &url).await.unwrap();
    // And the one of whoever has read the receipt, which was written at the stop.
    assert!(
        said.starts_with(&format!("{} records", log.len() + 1)),
        "{said}"
    );
    let error = stopped.refusal(CONFIGURATION).await;
    assert!(error.contains("was moved"), "{error}");
    let error = migrate_store(&data, &url).await.unwrap_err().to_string();
    assert!(error.contains("moved already"), "{error}");

    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    let configuration = CONFIGURATION.replacen("[lifetimes]", &store, 1);
    let service = stopped.start(&configuration).await;
    let moved = service.log().await;
    assert_eq!(moved[..log.len()], log);
    assert_eq!(moved[log.len()]["type"], "org.velum.audit.read.v1");
    assert_eq!(
        [service.show(&id).await, service.show(&approved).await],
        cards
    );
    assert_eq!(service.get("grace", &receipt).await.1, told);
    assert_eq!(send(&service).await, stopped_by, "a key is remembered");
    let shown = confirmations::shown(&service, stopped_by.as_str().unwrap()).await;
    assert_eq!(shown["workers"], workers);
    assert_eq!(
        service.check(&used).await,
        answer,
        "a replay after the move"
    );
    let redeem = service.ask(2);
    service.verified(&redeem, &service.check(&redeem).await);
    assert_eq!(service.log().await.len(), moved.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_was_interrupted_is_taken_up_and_never_are_two_stores_open() {
    let server = Postgres::start().await.unwrap();
    let url = server.url();
    let store = format!("[store]\nengine = \"postgres\"\nurl = \"{url}\"\n\n[lifetimes]");
    let configuration = CONFIGURATION.replacen("[lifetimes]", &store, 1);
    let service = Service::start().await;
    let data = service.folder.path().join("velum-data");
    let id = service.pending(&service.ask(1)).await;
    let log = service.log().await;
    let stopped = service.stop().await;
    migrate_store(&data, &url).await.unwrap();

    let mut new = PgConnection::connect(&url).await.unwrap();
    let arriving = "UPDATE meta SET closed = 'arriving'";
    let file = format!("sqlite://{}", data.join("velum.sqlite").display());
    for is_old_open in [true, false] {
        // As it is when the last step, or the last two, are missing.
        sqlx::query(arriving).execute(&mut new).await.unwrap();
        if is_old_open {
            let mut old = SqliteConnection::connect(&file).await.unwrap();
            let open = "UPDATE meta SET closed = NULL";
            sqlx::query(open).execute(&mut old).await.unwrap();
            old.close().await.unwrap();
        }
        let error = stopped.refusal(&configuration).await;
        assert!(error.contains("run migrate-store to its end"), "{error}");
        let said = migrate_store(&data, &url).await.unwrap();
        assert!(
            said.starts_with(&format!("{} records", log.len())),
            "{said}"
        );
        let error = stopped.refusal(CONFIGURATION).await;
        assert!(error.contains("was moved"), "{error}");
    }
    let service = stopped.start(&configuration).await;
    assert_eq!(service.log().await, log);
    assert_eq!(service.pending(&service.ask(1)).await, id);
}
