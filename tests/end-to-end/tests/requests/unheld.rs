//! Where Envoy cannot hold headers, and the policy says so: what may still wait does, and what an
//! upstream answers before it has the body is masked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use velum_end_to_end::stage::{
    AGENT, PERSON, SECRETS, Setup, Stage, assert_masked, patient, patients,
};

use super::{MASKED, SSN, policy};

fn setup(actions: &Value) -> Setup {
    let mut setup = Setup::new(patients);
    setup.policy = policy(actions);
    setup.policy["masking"]["profiles"] = json!(["pii", "hipaa-safe-harbor", "fhir-r4"]);
    setup.policy["host"] = json!({"headers_stop_iteration": false});
    setup
}

#[tokio::test]
async fn a_get_waits_and_is_released_with_what_was_granted() {
    let ask = json!({"lift": ["name", "date"], "hold": "60s"});
    let stage =
        setup(&json!([{"name": "read", "when": {"method": "GET"}, "effect": "mask", "ask": ask}]))
            .start()
            .await;
    for http2 in [false, true] {
        let call = stage.ask("/Patient/p1", "name,date", 30);
        let call = if http2 { call.http2() } else { call };
        let answer = stage.approved(call, Some(&["name"])).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("velum-lifted"), Some("name"));
        for secret in SECRETS {
            let granted = ["Thistlewood", "Orla"].contains(&secret);
            assert_eq!(answer.text().contains(secret), granted, "{secret}");
        }
    }
}

#[tokio::test]
async fn a_delete_without_a_body_waits_and_happens_once() {
    let review =
        json!([{"name": "purge", "when": {"method": "DELETE"}, "effect": "review", "hold": "30s"}]);
    let stage = setup(&review).start().await;
    let delete = stage
        .agent("DELETE", "/Patient/p1")
        .header("prefer", "wait=30");
    let waiting = tokio::spawn(delete.send());
    let id = stage.pending().await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert!(stage.upstream.received().is_empty(), "it waits");
    let reviewer = stage.reviewer(velum_end_to_end::stage::REVIEWER);
    let approved = reviewer.approve(&id, None).await.expect("approve");
    assert_eq!(approved.status, 200, "{}", approved.body);
    let answer = waiting.await.expect("a task").expect("an answer");
    assert_eq!(answer.status, 200);
    assert_masked(&answer.text());
    assert_eq!(stage.upstream.received().len(), 1);
}

/// An upstream that answers as soon as it has a head, and writes down all that comes.
struct Hasty {
    address: SocketAddr,
    came: Arc<Mutex<Vec<u8>>>,
    server: JoinHandle<()>,
}

impl Hasty {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let came = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&came);
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut answered = false;
                while matches!(socket.read_buf(&mut request).await, Ok(count) if count > 0) {
                    if !answered && request.windows(4).any(|four| four == b"\r\n\r\n") {
                        answered = true;
                        let body = patient().to_string();
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                             content-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        let _closed = socket.write_all(answer.as_bytes()).await;
                    }
                }
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(request);
            }
        });
        Self {
            address,
            came,
            server,
        }
    }

    fn came(&self) -> String {
        let came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&came).into_owned()
    }
}

impl Drop for Hasty {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Sends half of a body, waits for what is answered to that, and sends the rest.
async fn in_halves(stage: &Stage, method: &str, body: &str) -> String {
    let token = stage.jwt.agent(AGENT, PERSON);
    let (first, second) = body.split_at(body.len() / 2);
    let head = format!(
        "{method} /Patient/p1 HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut socket = TcpStream::connect(stage.envoy.address())
        .await
        .expect("a connection");
    let mut answer = Vec::new();
    let begin = [head.as_bytes(), first.as_bytes()].concat();
    socket.write_all(&begin).await.expect("sent");
    let _none = timeout(Duration::from_secs(1), socket.read_buf(&mut answer)).await;
    // What has answered may have closed.
    let _closed = socket.write_all(second.as_bytes()).await;
    let _reset = timeout(Duration::from_secs(20), socket.read_to_end(&mut answer))
        .await
        .expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_upstream_that_answers_before_the_body_is_masked_and_gets_nothing_it_must_not() {
    let plain = json!([{"name": "all", "effect": "mask"}]);
    let inspected = json!([{"name": "all", "effect": "mask", "requests": {"inspect": true}}]);
    for (actions, method, value) in [(&plain, "PUT", MASKED), (&inspected, "POST", SSN)] {
        let upstream = Hasty::start().await;
        let mut setup = setup(actions);
        setup.upstream_address = Some(upstream.address);
        let stage = setup.start().await;
        let body = json!({"pad": "x".repeat(20_000), "ssn": value}).to_string();
        let answer = in_halves(&stage, method, &body).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{method}: {answer}");
        assert_masked(&answer);
        drop(stage);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let came = upstream.came();
        assert!(came.starts_with(method), "it had the head: {came}");
        assert!(!came.contains(value), "{method}: {came}");
    }
}
