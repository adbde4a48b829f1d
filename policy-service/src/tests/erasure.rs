//! What people write lives in one column, and nowhere else.

use std::path::Path;

use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::testing::{Service, reason};

const CANARIES: [&str; 3] = [
    "heliotrope-reason",
    "heliotrope-comment",
    "heliotrope-public",
];

/// How often `needle` stands in the files of a folder.
fn occurrences(folder: &Path, needle: &str) -> usize {
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        count += bytes
            .windows(needle.len())
            .filter(|window| *window == needle.as_bytes())
            .count();
    }
    count
}

#[tokio::test]
async fn free_text_is_in_the_erasable_column_only_and_can_be_erased() {
    let service = Service::start().await;
    let mut ask = service.ask(1);
    ask.reason = Some(reason("heliotrope-reason, ssn 219-09-9999"));
    let id = service.pending(&ask).await;
    let words = json!({"comment": "heliotrope-comment", "public_reason": "heliotrope-public"});
    assert_eq!(service.deny("grace", &id, words).await.0, 200);
    let card = service.show(&id).await;
    assert_eq!(card["votes"][0]["comment"], "heliotrope-comment");
    assert!(
        !card.to_string().contains("219-09-9999"),
        "what a detector knows is not stored"
    );
    let log = serde_json::to_string(&service.log().await).unwrap();
    assert!(!log.contains("heliotrope"));
    assert!(log.contains("reason_commitment"));

    let data = service.folder.path().join("velum-data");
    let folder = service.folder;
    service.running.stop().await;
    assert_eq!(occurrences(&data, "219-09-9999"), 0);
    let url = format!("sqlite://{}", data.join("velum.sqlite").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut database)
        .await
        .unwrap();
    for canary in CANARIES {
        assert_eq!(occurrences(&data, canary), 1, "{canary}");
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_secret WHERE text LIKE ?")
            .bind(format!("{canary}%"))
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(kept, 1, "{canary}");
    }
    sqlx::query("PRAGMA secure_delete = ON")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query("UPDATE audit_secret SET salt = NULL, text = NULL")
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut database)
        .await
        .unwrap();
    for canary in CANARIES {
        assert_eq!(occurrences(&data, canary), 0, "{canary}");
    }
    drop(folder);
}

#[tokio::test]
async fn the_fingerprint_is_not_stored() {
    let service = Service::start().await;
    let ask = service.ask(0xa7);
    let id = service.pending(&ask).await;
    assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
    service.verified(&ask, &service.check(&ask).await);
    let data = service.folder.path().join("velum-data");
    for file in std::fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let text = ask.fingerprint.to_string();
        assert!(
            !bytes.windows(32).any(|window| window == [0xa7; 32]),
            "{}",
            path.display()
        );
        assert!(
            !bytes.windows(43).any(|window| window == text.as_bytes()),
            "{}",
            path.display()
        );
    }
}
