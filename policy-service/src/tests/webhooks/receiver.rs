//! Somebody who is told, and takes only what is signed as Standard Webhooks has it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use tokio::task::JoinHandle;

/// Never answers.
pub(super) const SILENT: u16 = 0;

/// What was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(super) id: String,
    pub(super) seconds: i64,
    pub(crate) body: Value,
    /// All of it, with its headers, for who looks for what must not be there.
    pub(crate) raw: String,
    pub(super) path: String,
    /// What was answered.
    pub(super) status: u16,
}

struct Seen {
    secret: [u8; 32],
    status: u16,
    sent: Vec<Sent>,
}

#[derive(Clone)]
pub(crate) struct Receiver {
    seen: Arc<Mutex<Seen>>,
}

impl Receiver {
    /// One that has this secret.
    pub(super) fn new(secret: u8) -> Receiver {
        let seen = Seen {
            secret: [secret; 32],
            status: 204,
            sent: Vec::new(),
        };
        Receiver {
            seen: Arc::new(Mutex::new(seen)),
        }
    }

    pub(super) fn router(&self) -> Router {
        Router::new().fallback(receive).with_state(self.clone())
    }

    pub(super) async fn start(&self) -> (SocketAddr, JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (address, server)
    }

    /// From now on it answers with this status.
    pub(super) fn behave(&self, status: u16) {
        self.seen.lock().unwrap().status = status;
    }

    /// Whatever it was sent.
    pub(super) fn sent(&self) -> Vec<Sent> {
        self.seen.lock().unwrap().sent.clone()
    }

    /// What it has taken.
    pub(super) fn taken(&self) -> Vec<Sent> {
        let mut sent = self.sent();
        sent.retain(|sent| sent.status == 204);
        sent
    }

    /// Waits until it was sent so much.
    pub(crate) async fn until(&self, count: usize) -> Vec<Sent> {
        let there = async {
            while self.sent().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let is_there = tokio::time::timeout(Duration::from_secs(15), there).await;
        assert!(is_there.is_ok(), "{count} of {:?}", self.sent());
        self.sent()
    }
}

/// The file of a secret.
pub(super) fn secret(folder: &Path, number: u8) -> PathBuf {
    let file = folder.join(format!("{number}.secret"));
    std::fs::write(&file, format!("whsec_{}\n", STANDARD.encode([number; 32]))).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// As the scheme says what a receiver does: of several signatures one has to be right.
async fn receive(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
    let (secret, mut status) = {
        let seen = receiver.seen.lock().unwrap();
        (seen.secret, seen.status)
    };
    let is_right = |signature: &str| {
        let code = STANDARD.decode(signature.strip_prefix("v1,").unwrap());
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        mac.verify_slice(&code.unwrap()).is_ok()
    };
    if !header("webhook-signature").split(' ').any(is_right)
        || headers["content-type"] != "application/json"
    {
        status = 401;
    }
    // Chance makes any short word of a signature.
    let mut others = headers.clone();
    others.remove("webhook-signature");
    let sent = Sent {
        seconds: seconds.parse().unwrap(),
        body: serde_json::from_str(&body).unwrap(),
        raw: format!("{uri} {others:?} {body}"),
        path: uri.path().to_owned(),
        id,
        status,
    };
    receiver.seen.lock().unwrap().sent.push(sent);
    if status == SILENT {
        std::future::pending::<()>().await;
    }
    let location = [(header::LOCATION, "/elsewhere")];
    (StatusCode::from_u16(status).unwrap(), location).into_response()
}
