//! Peers that speak what is documented: a witness that verifies before it cosigns, and somebody who is sent
//! heads. Each can be told to behave otherwise.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use tokio::task::JoinHandle;
use velum_ledger::checkpoint::Checkpoint;
use velum_ledger::hash::{EMPTY_ROOT, Hash};
use velum_ledger::note::{Algorithm, Note, NoteSigner, VerifierKey};
use velum_ledger::proof::verify_consistency;

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Good,
    /// It takes what it is sent, and its answer is lost.
    AnswerLost,
    /// It never answers.
    Silent,
    /// It answers with this status.
    Status(u16),
    /// It says that it has so much.
    Claims(u64),
    /// It signs with another key than its own, in its own name.
    FalseKey,
    /// It signs another text than it was sent.
    FalseText,
    /// Its answer is a stranger's signature, and no end of it.
    Endless,
}

/// A witness of C2SP tlog-witness.
pub(super) struct Witness {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    server: JoinHandle<()>,
}

struct Seen {
    signer: NoteSigner,
    key: VerifierKey,
    /// The logs whose heads it cosigns, by their keys.
    keys: Vec<VerifierKey>,
    heads: BTreeMap<String, (u64, Hash)>,
    manner: Manner,
    /// What it was asked: from which size, and what it answered.
    asked: Vec<(u64, u16)>,
}

impl Witness {
    pub(super) async fn start(name: &str, number: u8) -> Witness {
        let signer = NoteSigner::from_seed(name.parse().unwrap(), &[number; 32]);
        let public = signer.verifier().public_key();
        let key = VerifierKey::new(name.parse().unwrap(), Algorithm::CosignatureV1, public);
        let seen = Arc::new(Mutex::new(Seen {
            signer,
            key: key.unwrap(),
            keys: Vec::new(),
            heads: BTreeMap::new(),
            manner: Manner::Good,
            asked: Vec::new(),
        }));
        let router = Router::new()
            .route("/w/add-checkpoint", post(add_checkpoint))
            .with_state(seen.clone());
        let (address, server) = serve(router).await;
        Witness {
            address,
            seen,
            server,
        }
    }

    pub(super) fn key(&self) -> VerifierKey {
        self.seen.lock().unwrap().key.clone()
    }

    /// Its table in the configuration.
    pub(super) fn table(&self, name: &str) -> String {
        format!(
            "[[audit.anchors]]\nname = \"{name}\"\nkind = \"witness\"\nurl = \"http://{}/w\"\nkey = \"{}\"\n",
            self.address,
            self.key()
        )
    }

    /// From now on it knows the log with this key.
    pub(super) fn trust(&self, key: &str) {
        self.seen.lock().unwrap().keys.push(key.parse().unwrap());
    }

    pub(super) fn behave(&self, manner: Manner) {
        self.seen.lock().unwrap().manner = manner;
    }

    pub(super) fn asked(&self) -> Vec<(u64, u16)> {
        self.seen.lock().unwrap().asked.clone()
    }

    /// The largest head that it has cosigned.
    pub(super) fn size(&self) -> u64 {
        let seen = self.seen.lock().unwrap();
        seen.heads
            .values()
            .map(|(size, _)| *size)
            .max()
            .unwrap_or(0)
    }

    /// How much of a log it has cosigned.
    pub(super) fn size_of(&self, origin: &str) -> u64 {
        let seen = self.seen.lock().unwrap();
        seen.heads.get(origin).map_or(0, |(size, _)| *size)
    }

    /// As if it had seen another history of the same length.
    pub(super) fn remember_otherwise(&self) {
        let mut seen = self.seen.lock().unwrap();
        for (_, root) in seen.heads.values_mut() {
            *root = velum_ledger::hash::leaf_hash(b"another history");
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(router: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, server)
}

async fn add_checkpoint(State(seen): State<Arc<Mutex<Seen>>>, body: Bytes) -> Response {
    let manner = seen.lock().unwrap().manner;
    if manner == Manner::Silent {
        std::future::pending::<()>().await;
    }
    let mut seen = seen.lock().unwrap();
    let (old, answer) = seen.answer(std::str::from_utf8(&body).unwrap());
    seen.asked.push((old, answer.status().as_u16()));
    answer
}

fn conflict(size: u64) -> Response {
    let media_type = [(header::CONTENT_TYPE, "text/x.tlog.size")];
    (StatusCode::CONFLICT, media_type, format!("{size}\n")).into_response()
}

impl Seen {
    /// By the text of the specification, in its order.
    fn answer(&mut self, body: &str) -> (u64, Response) {
        let (proof, note) = body.split_once("\n\n").unwrap();
        let mut lines = proof.split('\n');
        let old: u64 = lines
            .next()
            .unwrap()
            .strip_prefix("old ")
            .unwrap()
            .parse()
            .unwrap();
        let proof: Vec<Hash> = lines.map(|line| line.parse().unwrap()).collect();
        match self.manner {
            Manner::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap();
                return (old, status.into_response());
            }
            Manner::Claims(size) => return (old, conflict(size)),
            Manner::Endless => {
                return (old, "\u{2014} x AAAAAAE=\n".repeat(20_000).into_response());
            }
            _ => {}
        }
        let note = Note::parse(note.as_bytes()).unwrap();
        let head: Checkpoint = note.text().parse().unwrap();
        if note.verify(&self.keys).is_err() {
            return (old, StatusCode::FORBIDDEN.into_response());
        }
        if old > head.size() {
            return (old, StatusCode::BAD_REQUEST.into_response());
        }
        let known = self.heads.get(head.origin());
        let (size, root) = known.copied().unwrap_or((0, EMPTY_ROOT));
        if old != size || (size == head.size() && root != *head.root()) {
            return (old, conflict(size));
        }
        if verify_consistency(size, &root, head.size(), head.root(), &proof).is_err() {
            return (old, StatusCode::UNPROCESSABLE_ENTITY.into_response());
        }
        let now = (head.size(), *head.root());
        self.heads.insert(head.origin().to_owned(), now);
        if self.manner == Manner::AnswerLost {
            return (old, StatusCode::BAD_GATEWAY.into_response());
        }
        (old, self.cosign(note.text()).into_response())
    }

    fn cosign(&self, text: &str) -> String {
        let time: u64 = 1_795_464_105;
        let text = match self.manner {
            Manner::FalseText => text.replace("velum", "other"),
            _ => text.to_owned(),
        };
        let message = format!("cosignature/v1\ntime {time}\n{text}");
        let other = NoteSigner::from_seed("w".parse().unwrap(), &[99; 32]);
        let signer = match self.manner {
            Manner::FalseKey => &other,
            _ => &self.signer,
        };
        let bytes = [&time.to_be_bytes()[..], signer.sign(&message).bytes()].concat();
        // A stranger's is passed over.
        let stranger = other.sign(&message);
        format!("{stranger}\n{}\n", self.key.signature(bytes))
    }
}

/// Somebody who is sent heads, with the secret `[3; 32]`.
pub(super) struct Receiver {
    pub(super) received: Arc<Mutex<Vec<Sent>>>,
    pub(super) router: Router,
}

/// What was sent: its id, and its body.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) seconds: i64,
    pub(super) body: Value,
}

impl Receiver {
    pub(super) fn new() -> Receiver {
        let received = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .route("/heads", post(receive))
            .with_state(received.clone());
        Receiver { received, router }
    }

    pub(super) fn received(&self) -> Vec<Sent> {
        self.received.lock().unwrap().clone()
    }

    /// The text of the secret's file.
    pub(super) fn secret() -> String {
        format!("whsec_{}\n", STANDARD.encode([3; 32]))
    }

    /// Serves it as plain text.
    pub(super) async fn start(&self) -> (SocketAddr, JoinHandle<()>) {
        serve(self.router.clone()).await
    }
}

/// Takes what is signed by the scheme of Standard Webhooks.
async fn receive(
    State(received): State<Arc<Mutex<Vec<Sent>>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, seconds) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[3; 32]).unwrap();
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = header("webhook-signature");
    let code = STANDARD
        .decode(signature.strip_prefix("v1,").unwrap())
        .unwrap();
    if mac.verify_slice(&code).is_err() || headers["content-type"] != "application/json" {
        return StatusCode::UNAUTHORIZED;
    }
    received.lock().unwrap().push(Sent {
        id,
        seconds: seconds.parse().unwrap(),
        body: serde_json::from_str(&body).unwrap(),
    });
    StatusCode::NO_CONTENT
}
