//! What people wrote, changed in the database afterwards.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use velum_approval::{ApprovalId, Commitment};
use velum_harness::Postgres;

use crate::log::Rereading;
use crate::store::{Operation, StoreError, Transaction};
use crate::testing::browser::Browser;
use crate::testing::{CONFIGURATION, Service, on_postgres, reason};

/// Runs SQL behind the service's back.
struct Tamper(&'static str);

impl Operation for Tamper {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.execute(self.0).await
    }
}

const CHANGED: &str = "This was changed since it was written, and is not shown.";

async fn page(service: &Service, id: &ApprovalId) -> String {
    let mut browser = Browser::new();
    let shown = browser.submit(&service.running.links["grace"], &[]).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    let shown = browser
        .open(&service.url(&format!("/approvals/{id}")))
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    shown.text
}

async fn receipt(service: &Service, id: &ApprovalId) -> Value {
    let path = format!("/v1/approvals/{id}/receipt");
    service.get("grace", &path).await.1
}

/// What anyone finds who has the text, the salt and the log.
fn is_committed(log: &Value, text: &str, salt: &Value) -> bool {
    let salt = URL_SAFE_NO_PAD.decode(salt.as_str().unwrap()).unwrap();
    let commitment = Commitment::to(text, &salt.try_into().unwrap()).to_string();
    log.to_string().contains(&commitment)
}

async fn changed_texts(configuration: &str) {
    let configuration =
        configuration.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
    let service = Service::with(&configuration).await;
    let store = service.running.app.store();
    let mut check = service.ask(1);
    check.reason = Some(reason("ward round of marigold"));
    let id = service.pending(&check).await;
    let words = json!({"comment": "as agreed with peony"});
    assert_eq!(service.approve("grace", &id, words).await.0, 200);
    let other = service.pending(&service.ask(2)).await;
    let words = json!({"comment": "no", "public_reason": "ask tulip"});
    assert_eq!(service.deny("grace", &other, words).await.0, 200);

    let told = receipt(&service, &id).await;
    let log = json!(service.log().await);
    assert!(is_committed(
        &log,
        "ward round of marigold",
        &told["asked"]["reason_salt"]
    ));
    assert!(is_committed(
        &log,
        "as agreed with peony",
        &told["votes"][0]["comment_salt"]
    ));
    assert!(!is_committed(
        &log,
        "ward round of tulip",
        &told["asked"]["reason_salt"]
    ));
    assert_eq!(told.get("texts_changed"), None);
    assert_eq!(
        Rereading::default()
            .changed_texts(&service.running.app)
            .await,
        0
    );

    // Each text another, and one salt: nobody has read what is there now.
    for statement in [
        "UPDATE audit_secret SET text = 'transfer to ward 4' WHERE text = 'ward round of marigold'",
        "UPDATE audit_secret SET text = text || '.' WHERE text = 'as agreed with peony'",
        "UPDATE audit_secret SET salt = NULL WHERE text = 'ask tulip'",
    ] {
        store.write(Tamper(statement)).await.unwrap();
    }
    let card = service.show(&id).await;
    assert_eq!(
        (&card["reason"], &card["texts_changed"]),
        (&json!(CHANGED), &json!(true))
    );
    assert_eq!(card["votes"][0]["comment"], CHANGED);
    let told = receipt(&service, &id).await;
    assert_eq!(told["asked"]["reason"], CHANGED);
    assert_eq!(told["asked"].get("reason_salt"), None);
    assert_eq!(told["votes"][0]["comment"], CHANGED);
    assert_eq!(told["texts_changed"], true);
    let shown = page(&service, &id).await;
    assert!(
        shown.contains("was changed in the store since it was written"),
        "{shown}"
    );
    assert!(!shown.contains("transfer to ward 4"), "{shown}");
    assert_eq!(service.show(&other).await["public_reason"], CHANGED);
    let refused = service.check(&service.ask(2)).await;
    assert!(!refused.to_string().contains("tulip"), "{refused}");

    // Nobody approves what they cannot have read, and the log has nothing of it; a no needs no reason.
    let before = service.log().await;
    let (status, body) = service.approve("omar", &id, json!({})).await;
    assert_eq!(status, 409, "{body}");
    assert!(
        body["type"].as_str().unwrap().ends_with("/reason-changed"),
        "{body}"
    );
    assert_eq!(service.log().await, before);
    // Who may not approve it in any case is refused for that, and the log says so.
    assert_eq!(service.approve("dr-jones", &id, json!({})).await.0, 403);
    assert_eq!(service.log().await.len(), before.len() + 1);
    assert_eq!(service.check(&check).await["decision"], "pending");
    assert_eq!(
        Rereading::default()
            .changed_texts(&service.running.app)
            .await,
        3
    );

    // What was erased is not what was changed.
    let erased = "UPDATE audit_secret SET salt = NULL, text = NULL";
    store.write(Tamper(erased)).await.unwrap();
    let card = service.show(&id).await;
    assert_eq!(
        (card.get("reason"), card.get("texts_changed")),
        (None, None)
    );
    assert_eq!(
        Rereading::default()
            .changed_texts(&service.running.app)
            .await,
        0
    );
    assert_eq!(service.deny("omar", &id, json!({})).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_was_changed_is_shown_to_nobody_and_nothing_is_approved_by_it_on_sqlite() {
    changed_texts(CONFIGURATION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_was_changed_is_shown_to_nobody_and_nothing_is_approved_by_it_on_postgres() {
    let server = Postgres::start().await.unwrap();
    changed_texts(&on_postgres(&server.url())).await;
}
