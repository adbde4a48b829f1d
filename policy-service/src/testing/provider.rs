//! An OpenID provider that says whatever a test has it say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::browser::{Browser, Shown};
use super::{CONFIGURATION, Service};

const SECRET: &str = "a secret: with / everything & more";
pub(crate) const CLIENT: &str = "velum-inbox";

/// What it says, and what it was asked.
#[derive(Default)]
pub(crate) struct Words {
    /// What it gives for the next code.
    pub(crate) id_token: String,
    /// What it says to whom the access token belongs.
    pub(crate) userinfo: Option<Value>,
    /// Members of its metadata that are others than usual.
    pub(crate) metadata: BTreeMap<&'static str, Value>,
    /// The forms that were sent for tokens.
    pub(crate) redeemed: Vec<BTreeMap<String, String>>,
    /// How often it was asked for its keys.
    pub(crate) keys_asked: usize,
    /// The keys that it shows.
    pub(crate) keys: Vec<Value>,
    /// The access token that is good now, and the refresh token, which is another after each use.
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    /// Whether it answers at all.
    pub(crate) is_down: bool,
}

pub(crate) struct FakeProvider {
    pub(crate) issuer: String,
    pub(crate) words: Arc<Mutex<Words>>,
    key: SigningKey,
    folder: TempDir,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = (String, Arc<Mutex<Words>>);

/// The metadata of a provider that can do all that is needed.
pub(crate) fn usual_metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

async fn metadata(State((issuer, words)): State<Shared>) -> Result<Json<Value>, StatusCode> {
    let words = words.lock().unwrap();
    if words.is_down {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let mut metadata = usual_metadata(&issuer);
    for (name, value) in &words.metadata {
        metadata[name] = value.clone();
    }
    Ok(Json(metadata))
}

async fn keys(State((_, words)): State<Shared>) -> Json<Value> {
    let mut words = words.lock().unwrap();
    words.keys_asked += 1;
    Json(json!({"keys": words.keys}))
}

async fn token(
    State((_, words)): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    let mut words = words.lock().unwrap();
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let expected = STANDARD.encode(format!("{}:{}", encode(CLIENT), encode(SECRET)));
    if words.is_down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    if headers["authorization"] != format!("Basic {expected}") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    if form["grant_type"] == "refresh_token" {
        if words.refresh.as_ref() != form.get("refresh_token") {
            return Err(StatusCode::BAD_REQUEST);
        }
        words.access.push('+');
        words.refresh = words.refresh.as_ref().map(|refresh| format!("{refresh}+"));
        return Ok(Json(json!({
            "access_token": words.access, "refresh_token": words.refresh, "token_type": "Bearer",
        })));
    }
    words.redeemed.push(form);
    Ok(Json(json!({
        "id_token": words.id_token, "access_token": words.access, "refresh_token": words.refresh,
        "token_type": "Bearer", "expires_in": 3600,
    })))
}

async fn userinfo(
    State((_, words)): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let words = words.lock().unwrap();
    let is_known = headers["authorization"] == format!("Bearer {}", words.access);
    match &words.userinfo {
        _ if words.is_down => Err(StatusCode::SERVICE_UNAVAILABLE),
        Some(said) if is_known => Ok(Json(said.clone())),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

impl FakeProvider {
    pub(crate) async fn start() -> FakeProvider {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = SigningKey::from_bytes(&[7; 32]);
        let words = Arc::new(Mutex::new(Words {
            keys: vec![jwk(&key, "k1")],
            access: "access".to_owned(),
            ..Words::default()
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state((issuer.clone(), words.clone()));
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, owner).unwrap();
        FakeProvider {
            issuer,
            words,
            key,
            folder,
            server: tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }),
        }
    }

    /// The usual configuration, with an inbox that believes it.
    pub(crate) fn configuration(&self, further: &str) -> String {
        configuration(&self.issuer, &self.folder.path().join("secret"), further)
    }

    pub(crate) fn words(&self) -> std::sync::MutexGuard<'_, Words> {
        self.words.lock().unwrap()
    }

    /// What a good token says of somebody.
    pub(crate) fn claims(&self, service: &Service, subject: &str, nonce: &str) -> Value {
        use crate::clock::Clock as _;
        let now = service.clock.now().as_millis() / 1000;
        json!({
            "iss": self.issuer, "sub": subject, "aud": CLIENT, "nonce": nonce,
            "iat": now, "exp": now + 300, "auth_time": now,
        })
    }

    /// A token of these claims, signed as it has to be.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        sign_with(&self.key, &json!({"alg": "EdDSA", "kid": "k1"}), claims)
    }

    /// The same with a key that it does not show.
    pub(crate) fn signed_by_another(claims: &Value, kid: &str) -> String {
        let key = SigningKey::from_bytes(&[8; 32]);
        sign_with(&key, &json!({"alg": "EdDSA", "kid": kid}), claims)
    }

    /// Shows that key too.
    pub(crate) fn show_another(&self, kid: &str) {
        let key = SigningKey::from_bytes(&[8; 32]);
        self.words().keys.push(jwk(&key, kid));
    }

    /// Nobody's: `alg` is `none`.
    pub(crate) fn unsigned(claims: &Value) -> String {
        format!("{}.", message(&json!({"alg": "none"}), claims))
    }

    /// Signed by what others know too: the client's secret, or the public key.
    pub(crate) fn signed_by_secret(&self, claims: &Value, is_public_key: bool) -> String {
        let public = self.key.verifying_key().to_bytes();
        let key = if is_public_key {
            &public[..]
        } else {
            SECRET.as_bytes()
        };
        let message = message(&json!({"alg": "HS256", "kid": "k1"}), claims);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message.as_bytes());
        format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        )
    }

    /// Sends somebody to it and gives what it was asked.
    pub(crate) async fn leave(
        &self,
        service: &Service,
        browser: &mut Browser,
    ) -> BTreeMap<String, String> {
        let url = service.url("/sign-in/provider?next=%2Fsession%3Fa%3Db");
        let shown = browser.open(&url).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
        let location = shown.header("location");
        let (endpoint, query) = location.split_once('?').unwrap();
        assert_eq!(endpoint, format!("{}/authorize", self.issuer));
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// Comes back with this query.
    pub(crate) async fn come_back(
        service: &Service,
        browser: &mut Browser,
        query: &[(&str, &str)],
    ) -> Shown {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        browser
            .arrive(&service.url(&format!("/sign-in/callback?{query}")))
            .await
    }

    /// All of it, as it should be: there and back as this subject.
    pub(crate) async fn sign_in(
        &self,
        service: &Service,
        browser: &mut Browser,
        subject: &str,
    ) -> Shown {
        let asked = self.leave(service, browser).await;
        let claims = self.claims(service, subject, &asked["nonce"]);
        self.words().id_token = self.signed(&claims);
        let query = [
            ("code", "c"),
            ("state", &asked["state"]),
            ("iss", &self.issuer),
        ];
        let shown = FakeProvider::come_back(service, browser, &query).await;
        if let Some(form) = self.words().redeemed.last() {
            let challenge = Sha256::digest(form["code_verifier"].as_bytes());
            assert_eq!(asked["code_challenge"], URL_SAFE_NO_PAD.encode(challenge));
        }
        shown
    }
}

/// The usual configuration, with an inbox that believes this issuer. It calls everybody as the directory does,
/// with `-sub` behind.
pub(crate) fn configuration(issuer: &str, secret: &Path, further: &str) -> String {
    let mut text = CONFIGURATION.to_owned();
    for name in ["dr-jones", "grace", "omar", "nora", "triage-bot"] {
        let one = format!("subject = \"{name}\"}}]");
        let other = format!(
            "subject = \"{name}\"}}, {{kind = \"jwt\", issuer = \"{issuer}\", subject = \"{name}-sub\"}}]"
        );
        assert!(text.contains(&one), "{name}");
        text = text.replace(&one, &other);
    }
    format!(
        "{text}\n[inbox]\nurl = \"http://127.0.0.1:1\"\n[inbox.provider]\nissuer = \"{issuer}\"\n\
         client_id = \"{CLIENT}\"\nclient_secret = \"{}\"\n{further}\n",
        secret.display()
    )
}

fn jwk(key: &SigningKey, kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
}

fn message(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn sign_with(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}
