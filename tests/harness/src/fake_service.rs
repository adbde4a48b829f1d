use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::Result;
use crate::failure::During;
use crate::upstream::Played;

/// What a [`FakeService`] does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Pass it on to the real service there, and record both.
    Forward(SocketAddr),
    /// Pass it on, wait so long, then answer.
    ForwardAfter(SocketAddr, Duration),
    /// Answer so: status and body, `application/json`.
    Answer(u16, Vec<u8>),
    /// Allow whatever is asked, complete and for this very request, signed with this key.
    Sign(Arc<SigningKey>),
    /// Answer with the first recorded answer that allowed something, whatever was asked.
    ReplayAllow,
    /// Send a head, half of a document, and break off.
    BreakOff,
    /// Never answer.
    Silent,
}

/// A request to the fake service and what it answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Method and path.
    pub request: String,
    /// The request's headers; of several of one name, the last.
    pub headers: BTreeMap<String, String>,
    /// The request's body; `null` if it was not JSON.
    pub body: Value,
    /// The answer's status.
    pub status: u16,
    /// The answer's body; `null` if it was not JSON.
    pub answer: Value,
}

/// Stands where Envoy expects the policy service, and answers what a test says.
#[derive(Debug)]
pub struct FakeService {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl FakeService {
    /// Starts on a free port; it speaks HTTP/1.1 and HTTP/2.
    pub async fn start(behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .during("fake service's port")?;
        let address = listener.local_addr().during("fake service's port")?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            exchanges: Mutex::default(),
        });
        let application = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends only with its task.
            let _ = axum::serve(listener, application).await;
        });
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does from now on.
    pub fn set(&self, behaviour: Behaviour) {
        *self
            .shared
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// What was asked and answered so far, in the order of the answers.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Those that ask whether a request may go on. What a gateway reports comes between them.
    pub fn checks(&self) -> Vec<Exchange> {
        let mut exchanges = self.exchanges();
        exchanges.retain(|exchange| exchange.request == "POST /v1/checks");
        exchanges
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An answer that allows, signed with `key`: `allow` is the document to be signed. Written from
/// the contract, so that it checks the filter and not the code it shares with the service.
pub fn signed_allow(key: &SigningKey, allow: &Value) -> Value {
    let document = allow.to_string();
    let mut message = b"velum-allow-v1\0".to_vec();
    message.extend(document.bytes());
    json!({
        "decision": "allow",
        "allow": URL_SAFE_NO_PAD.encode(document),
        "signature": URL_SAFE_NO_PAD.encode(key.sign(&message).to_bytes()),
    })
}

/// What a service with this key would sign for a check.
#[expect(
    clippy::disallowed_methods,
    reason = "Envoy tells the time by the same clock"
)]
fn allow_asked(key: &SigningKey, check: &[u8]) -> Value {
    let check: Value = serde_json::from_slice(check).unwrap_or_default();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    signed_allow(
        key,
        &json!({
            "gateway": "edge",
            "use_key": check["use_key"],
            "fingerprint": check["fingerprint"],
            "approval": "01920000-0000-7000-8000-000000000000",
            "scope": {"classes": check["classes"]},
            "tags": null,
            "lifts_until": u64::try_from(now).unwrap_or_default() + 300_000,
            "expires": u64::try_from(now).unwrap_or_default() + 60_000,
        }),
    )
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let behaviour = shared
        .behaviour
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (status, answer) = match behaviour {
        Behaviour::Forward(real) => forward(real, &method, path, &headers, &body).await,
        Behaviour::ForwardAfter(real, time) => {
            let answer = forward(real, &method, path, &headers, &body).await;
            tokio::time::sleep(time).await;
            answer
        }
        Behaviour::Answer(status, answer) => (status, answer),
        Behaviour::Sign(key) => (200, allow_asked(&key, &body).to_string().into_bytes()),
        Behaviour::ReplayAllow => (200, shared.first_allow().to_string().into_bytes()),
        Behaviour::BreakOff => return broken(),
        Behaviour::Silent => std::future::pending().await,
    };
    let exchange = Exchange {
        request: format!("{method} {path}"),
        headers: headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into(),
                )
            })
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        status,
        answer: serde_json::from_slice(&answer).unwrap_or_default(),
    };
    shared
        .exchanges
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(exchange);
    let builder = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    builder.body(Body::from(answer)).unwrap_or_default()
}

impl Shared {
    fn first_allow(&self) -> Value {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exchanges
            .iter()
            .map(|exchange| &exchange.answer)
            .find(|answer| answer["decision"] == "allow")
            .cloned()
            .unwrap_or_default()
    }
}

async fn forward(
    real: SocketAddr,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> (u16, Vec<u8>) {
    let mut call = crate::Client::new(real)
        .call(method.as_str(), path)
        .body(body.to_vec());
    for name in [
        "authorization",
        "content-type",
        "prefer",
        "traceparent",
        "tracestate",
    ] {
        if let Some(value) = headers.get(name) {
            call = call.header(name, value);
        }
    }
    match call.send().await {
        Ok(answer) => (answer.status, answer.body),
        Err(failure) => (502, failure.to_string().into_bytes()),
    }
}

/// A response whose length says more than what comes.
fn broken() -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let start = Frame::data(Bytes::from_static(b"{\"decision\":\"al"));
        // It fails only where nobody listens any more.
        let _ = sender.send(Ok(start)).await;
        // An error at once would take the head with it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = sender
            .send(Err(io::Error::other("the test breaks off here")))
            .await;
    });
    let builder = Response::builder()
        .status(200)
        .header("content-type", "application/json");
    let body = Body::new(Played(receiver));
    builder
        .header("content-length", 4096)
        .body(body)
        .unwrap_or_default()
}
