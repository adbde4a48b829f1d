//! `Idempotency-Key`: a request that has an effect, sent again, has none the second time.
//!
//! The same key of the same caller within a day gives the thing that the first request made, with the
//! same status, as it is then. Only what was carried out is remembered: what was refused is judged anew.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::body;
use super::openapi::Described;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::store::Once;

const HEADER: &str = "idempotency-key";
const MOST_BYTES: usize = 255;

/// A JSON body, with the key that it came under.
pub(super) struct Keyed<T> {
    pub(super) body: T,
    pub(super) once: Option<Once>,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Keyed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Keyed<T>, Problem> {
        let key = key(request.headers())?;
        let caller = match request.extensions().get() {
            Some(Caller::Reviewer(person)) => format!("reviewer/{person}"),
            Some(Caller::Auditor(person)) => format!("auditor/{person}"),
            Some(Caller::Gateway(gateway)) => format!("gateway/{gateway}"),
            None => return Err(Problem::unavailable()),
        };
        let path = request.uri().path().to_owned();
        let bytes = body::read(request, state).await?;
        let once = key.map(|key| {
            let mut hash = Sha256::new();
            hash.update(path.len().to_be_bytes());
            hash.update(&path);
            hash.update(&bytes);
            Once {
                caller,
                key,
                request: hash.finalize().into(),
            }
        });
        Ok(Keyed {
            body: body::parse(&bytes)?,
            once,
        })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let is_visible = bytes.iter().all(u8::is_ascii_graphic);
    if values.next().is_some() || bytes.is_empty() || bytes.len() > MOST_BYTES || !is_visible {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-idempotency-key",
            "The idempotency key is malformed",
            "Send one, of 1 to 255 visible ASCII characters: random, and another for each request.",
        ));
    }
    Ok(Some(Sha256::digest(bytes).into()))
}

/// The key came before, with another request.
pub(super) fn reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The idempotency key belongs to another request",
        "You have sent another request under this key. Send this one under a key of its own.",
    )
}

/// What the document says of every operation that takes a key.
pub(super) fn describe(described: Described) -> Described {
    described
        .header(
            HEADER,
            "The same request under the same key has no second effect within 24 hours, and is answered \
             with the same status and the same thing, as it is then.",
            &json!({"type": "string", "minLength": 1, "maxLength": MOST_BYTES,
                "pattern": "^[\\x21-\\x7E]+$"}),
        )
        .refuses(400, &["malformed-idempotency-key"])
        .refuses(422, &["idempotency-key-reused"])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use velum_harness::Postgres;

    use crate::testing::{CONFIGURATION, Reply, Service, identity, reply};

    async fn send(service: &Service, person: &str, key: &str, path: &str, body: &Value) -> Reply {
        let request = service.request("POST", path);
        let request = request.bearer_auth(service.reviewer(person));
        reply(request.header("idempotency-key", key).json(body)).await
    }

    async fn stops(service: &Service) -> usize {
        let (_, page) = service.get("grace", "/v1/stops?all=true").await;
        page["stops"].as_array().unwrap().len()
    }

    #[tokio::test]
    async fn a_stop_that_is_sent_again_is_the_same_stop() {
        let service = Service::start().await;
        let body = json!({"scope": {"kind": "action", "name": "read"}, "comment": "drill"});
        let first = send(&service, "grace", "k-1", "/v1/stops", &body).await;
        assert_eq!(first.0, 201);
        let second = send(&service, "grace", "k-1", "/v1/stops", &body).await;
        assert_eq!(second, first);
        assert_eq!(stops(&service).await, 1);
        // After a restart too; and it is shown as it is then.
        let service = service.restart().await;
        let path = format!("/v1/stops/{}/resume", first.1["id"].as_str().unwrap());
        assert_eq!(service.post("omar", &path, &json!({})).await.0, 200);
        let (status, third) = send(&service, "grace", "k-1", "/v1/stops", &body).await;
        assert_eq!((status.as_u16(), &third["id"]), (201, &first.1["id"]));
        assert_eq!(third["resumed_by"], "omar");
        // Another request under the key is refused; of another person, or another key, it is one more.
        let other = json!({"scope": {"kind": "everything"}});
        let (status, problem) = send(&service, "grace", "k-1", "/v1/stops", &other).await;
        assert_eq!(status, 422, "{problem}");
        assert!(
            problem["type"]
                .as_str()
                .unwrap()
                .ends_with("/idempotency-key-reused")
        );
        assert_eq!(
            send(&service, "omar", "k-1", "/v1/stops", &body).await.0,
            201
        );
        assert_eq!(
            send(&service, "grace", "k-2", "/v1/stops", &body).await.0,
            201
        );
        assert_eq!(stops(&service).await, 3);
        // A day later the key is free.
        service.clock.advance(24 * 3_600_000);
        assert_eq!(
            send(&service, "grace", "k-1", "/v1/stops", &other).await.0,
            201
        );
        assert_eq!(stops(&service).await, 4);
    }

    #[tokio::test]
    async fn a_vote_that_is_sent_again_counts_once_and_says_the_same() {
        let two = CONFIGURATION.replace("[actions.read]\nquorum = 1", "[actions.read]\nquorum = 2");
        let service = Service::with(&two).await;
        let id = service.pending(&service.ask(1)).await;
        let path = |verb: &str| format!("/v1/approvals/{id}/{verb}");
        let body = json!({"version": 1});
        // What was refused is not remembered.
        let refused = send(&service, "dr-jones", "n", &path("approve"), &body).await;
        assert_eq!(refused.0, 403);
        let first = send(&service, "grace", "v", &path("approve"), &body).await;
        assert_eq!(first.0, 200, "{}", first.1);
        // Without the key this would be stale by now.
        let second = send(&service, "grace", "v", &path("approve"), &body).await;
        assert_eq!(second, first);
        assert_eq!(
            service.show(&id).await["votes"].as_array().unwrap().len(),
            1
        );
        assert_eq!(
            send(&service, "grace", "v", &path("deny"), &body).await.0,
            422
        );
        for (verb, status) in [("take-back", 200), ("question", 200), ("deny", 200)] {
            for _ in 0..2 {
                let answer = send(&service, "grace", verb, &path(verb), &json!({})).await;
                assert_eq!(answer.0, status, "{verb}: {}", answer.1);
            }
        }
        assert_eq!(
            service.show(&id).await["votes"].as_array().unwrap().len(),
            3
        );
    }

    #[tokio::test]
    async fn a_grant_is_revoked_and_an_emergency_opened_once() {
        let glass =
            "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
        let service = Service::with(&format!("{CONFIGURATION}{glass}")).await;
        let id = service.pending(&service.ask(1)).await;
        assert_eq!(service.approve("grace", &id, json!({})).await.0, 200);
        let path = format!("/v1/approvals/{id}/revoke");
        for _ in 0..2 {
            assert_eq!(send(&service, "omar", "r", &path, &json!({})).await.0, 200);
        }
        assert_eq!(stops(&service).await, 1);
        let body = json!({
            "principal": identity("triage-bot"), "action": "read",
            "reason": "patient unconscious", "minutes": 10,
        });
        let first = send(&service, "omar", "e", "/v1/emergencies", &body).await;
        assert_eq!(first.0, 201, "{}", first.1);
        let second = send(&service, "omar", "e", "/v1/emergencies", &body).await;
        assert_eq!(second, first, "one that is not reviewed would block it");
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_one_is_refused() {
        let service = Service::start().await;
        let body = json!({"scope": {"kind": "everything"}});
        let long = "k".repeat(256);
        for key in ["", "a b", long.as_str()] {
            let (status, _) = send(&service, "grace", key, "/v1/stops", &body).await;
            assert_eq!(status, 400, "{key:?}");
        }
        assert_eq!(stops(&service).await, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_the_same_request_to_two_replicas_at_once_one_is_carried_out() {
        let server = Postgres::start().await.unwrap();
        let store = format!(
            "[store]\nengine = \"postgres\"\nurl = \"{}\"\n\n[lifetimes]",
            server.url()
        );
        let glass =
            "\n[break_glass]\ngroup = \"clinical\"\nlifetime = \"30m\"\nactions = [\"read\"]\n";
        let configuration = CONFIGURATION.replacen("[lifetimes]", &store, 1) + glass;
        let one = Service::with(&configuration).await;
        let other = Service::beside(&one, &configuration).await;
        let body = json!({"scope": {"kind": "action", "name": "read"}});
        for round in 0..5 {
            let key = format!("race-{round}");
            let (here, there) = tokio::join!(
                send(&one, "grace", &key, "/v1/stops", &body),
                send(&other, "grace", &key, "/v1/stops", &body),
            );
            assert_eq!((here.0.as_u16(), there.0.as_u16()), (201, 201));
            assert_eq!(here.1["id"], there.1["id"]);
        }
        assert_eq!(stops(&one).await, 5);
        // What the first of the two has done is in the way of the second: it is answered as the first all the same.
        for round in 0..5 {
            let principal = identity("dr-jones");
            let open = json!({
                "principal": principal, "action": "read", "reason": "drill", "minutes": 10,
            });
            let key = format!("glass-{round}");
            let (here, there) = tokio::join!(
                send(&one, "omar", &key, "/v1/emergencies", &open),
                send(&other, "omar", &key, "/v1/emergencies", &open),
            );
            assert_eq!((here.0.as_u16(), &here.1), (201, &there.1));
            let path = format!("/v1/emergencies/{}/review", here.1["id"].as_str().unwrap());
            let review = json!({"justified": true});
            assert_eq!(one.post("grace", &path, &review).await.0, 200);
        }
        assert_eq!(one.count("emergency.opened").await, 5);
        // Nothing is asked while it is stopped.
        let (_, page) = one.get("omar", "/v1/stops").await;
        for stop in page["stops"].as_array().unwrap() {
            let path = format!("/v1/stops/{}/resume", stop["id"].as_str().unwrap());
            let _ = one.post("omar", &path, &json!({})).await;
        }
        for round in 0..5 {
            let id = one.pending(&one.ask(round)).await;
            for (verb, person) in [("approve", "grace"), ("revoke", "omar")] {
                let path = format!("/v1/approvals/{id}/{verb}");
                let (key, body) = (format!("{verb}-{round}"), json!({}));
                let (here, there) = tokio::join!(
                    send(&one, person, &key, &path, &body),
                    send(&other, person, &key, &path, &body),
                );
                assert_eq!((here.0.as_u16(), there.0.as_u16()), (200, 200), "{verb}");
            }
            let card = one.show(&id).await;
            assert_eq!(card["votes"].as_array().unwrap().len(), 1, "{card}");
        }
        assert_eq!(one.count("grant.revoked").await, 5);
    }
}
