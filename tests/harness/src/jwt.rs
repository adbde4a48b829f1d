use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use crate::Result;
use crate::failure::During;

/// The issuer of all example tokens.
pub const ISSUER: &str = "https://idp.example";

/// An identity provider: a key pair that signs tokens (RFC 7519, `EdDSA` by RFC 8037).
#[derive(Debug)]
pub struct Jwt {
    key: SigningKey,
    issuer: String,
}

impl Jwt {
    /// A provider for [`ISSUER`] with a fresh key.
    pub fn new() -> Result<Self> {
        Ok(Self {
            key: SigningKey::from_bytes(&random()?),
            issuer: ISSUER.to_owned(),
        })
    }

    /// The key set for Envoy's `jwt_authn` (RFC 7517).
    pub fn jwks(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().to_bytes());
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}
        ]})
    }

    /// A token for `subject`, valid for an hour. `act` is the actor claim of RFC 8693, nested
    /// actors inside it; `extra` is an object whose members are added or replace the usual ones.
    #[expect(
        clippy::disallowed_methods,
        reason = "Envoy compares `exp` with the real clock"
    )]
    pub fn token(&self, subject: &str, act: Option<&Value>, extra: &Value) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let mut claims = json!({
            "iss": self.issuer, "sub": subject, "iat": now, "exp": now + 3600,
        });
        if let Some(act) = act {
            claims["act"] = act.clone();
        }
        for (name, value) in extra.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        self.signed(&claims)
    }

    /// A token of an agent on behalf of a person: `sub` is the person, `act.sub` the agent.
    pub fn agent(&self, agent: &str, on_behalf_of: &str) -> String {
        self.token(on_behalf_of, Some(&json!({"sub": agent})), &Value::Null)
    }

    /// A token of exactly these claims.
    pub fn signed(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// 32 random bytes from the kernel.
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .during("randomness")?;
    Ok(bytes)
}
