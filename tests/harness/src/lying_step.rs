use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::aside::Aside;
use crate::failure::During;
use crate::{Failure, Result};

/// The name of the step's own key.
const KEY: &str = "step";
/// More than any of the provider's answers has.
const MOST: usize = 1 << 20;

/// What a [`LyingStep`] says that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// A token of another issuer.
    Issuer,
    /// A token for another client.
    Audience,
    /// A token that nobody has signed.
    Algorithm,
    /// A token of another sign-in.
    Nonce,
    /// An answer that belongs to no sign-in.
    State,
    /// An answer that names another provider.
    Answerer,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Issuer,
        Self::Audience,
        Self::Algorithm,
        Self::Nonce,
        Self::State,
        Self::Answerer,
    ];
}

/// A step before an OpenID provider through which browsers and services reach it, and whose address is the provider's
/// name. It signs what the provider says anew with a key of its own, which it shows as the provider's, so that it can
/// say anything; it says what the provider does until it is told to lie.
#[derive(Debug)]
pub struct LyingStep {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: Aside,
}

#[derive(Debug)]
struct Shared {
    provider: OnceLock<SocketAddr>,
    lie: Mutex<Option<Lie>>,
    key: SigningKey,
    client: reqwest::Client,
}

impl Shared {
    fn lie(&self) -> MutexGuard<'_, Option<Lie>> {
        self.lie.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LyingStep {
    /// Listens before there is a provider, which has to know its name.
    pub fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0");
        let listener = listener.during("the lying step's port")?;
        let address = listener.local_addr().during("the lying step's port")?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let shared = Arc::new(Shared {
            provider: OnceLock::new(),
            lie: Mutex::new(None),
            key: SigningKey::from_bytes(&[5; 32]),
            client: client.build().during("an HTTP client")?,
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let server = Aside::serve(listener, async move |listener| {
            let _ = axum::serve(listener, router).await;
        })?;
        Ok(Self {
            address,
            shared,
            _server: server,
        })
    }

    /// The provider's name.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says once where the provider is.
    pub fn point_at(&self, provider: SocketAddr) {
        let _ = self.shared.provider.set(provider);
    }

    /// From now on it lies so, or not at all.
    pub fn tell(&self, lie: Option<Lie>) {
        *self.shared.lie() = lie;
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match answer(&shared, request).await {
        Ok(response) => response,
        Err(failure) => (StatusCode::BAD_GATEWAY, failure.to_string()).into_response(),
    }
}

async fn answer(shared: &Shared, request: Request) -> Result<Response> {
    let provider = shared.provider.get();
    let provider = provider.ok_or_else(|| Failure::new("there is no provider yet"))?;
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MOST).await.during("a request")?;
    let url = format!("http://{provider}{}", head.uri);
    let path = head.uri.path().to_owned();
    // With the name by which it was called, from which the provider makes its addresses.
    let sent = shared.client.request(head.method, url);
    let sent = sent.headers(head.headers).body(body).send().await;
    let answer = sent.during("the provider")?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.during("the provider's answer")?;
    let lie = *shared.lie();
    let body = match path.as_str() {
        "/token" if status == StatusCode::OK => told(&body, &shared.key, lie)?,
        "/jwks" => Bytes::from(keys(&shared.key).to_string()),
        _ => body,
    };
    for name in [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ] {
        headers.remove(name);
    }
    mislead(&mut headers, lie)?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The key that it shows as the provider's.
fn keys(key: &SigningKey) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes());
    json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY, "x": x},
    ]})
}

/// The provider's answer with a token of the step's own.
fn told(body: &[u8], key: &SigningKey, lie: Option<Lie>) -> Result<Bytes> {
    let mut answer: Value = serde_json::from_slice(body).during("the provider's tokens")?;
    let token = answer["id_token"].as_str().unwrap_or_default();
    let claims = token.split('.').nth(1).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(claims).during("an ID token")?;
    let mut claims: Value = serde_json::from_slice(&claims).during("an ID token")?;
    // Of the token that it stood in.
    if let Some(claims) = claims.as_object_mut() {
        claims.remove("at_hash");
    }
    match lie {
        Some(Lie::Issuer) => claims["iss"] = json!("http://127.0.0.1:1"),
        Some(Lie::Audience) => claims["aud"] = json!("another"),
        Some(Lie::Nonce) => claims["nonce"] = json!("A".repeat(43)),
        _ => {}
    }
    let is_signed = lie != Some(Lie::Algorithm);
    let algorithm = if is_signed { "EdDSA" } else { "none" };
    let head = json!({"alg": algorithm, "kid": KEY});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&head), encode(&claims));
    let signature = if is_signed {
        URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes())
    } else {
        String::new()
    };
    answer["id_token"] = json!(format!("{message}.{signature}"));
    Ok(Bytes::from(answer.to_string()))
}

/// Changes what a browser is sent back with.
fn mislead(headers: &mut HeaderMap, lie: Option<Lie>) -> Result<()> {
    let parameter = match lie {
        Some(Lie::State) => "state",
        Some(Lie::Answerer) => "iss",
        _ => return Ok(()),
    };
    let Some(location) = headers.get(header::LOCATION) else {
        return Ok(());
    };
    let location = location.to_str().during("where the provider sends")?;
    let Some((before, query)) = location.split_once("?code=") else {
        return Ok(());
    };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if name == parameter => format!("{name}=http%3A%2F%2F127.0.0.1%3A1"),
        _ => pair.to_owned(),
    });
    let pairs: Vec<_> = pairs.collect();
    let location = format!("{before}?code={}", pairs.join("&"));
    let location = location.parse().during("where the provider sends")?;
    headers.insert(header::LOCATION, location);
    Ok(())
}
