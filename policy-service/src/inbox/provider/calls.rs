//! What the provider is asked.

use std::os::unix::fs::PermissionsExt as _;

use axum::http::header::{ACCEPT, AUTHORIZATION};
use axum::http::{HeaderValue, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::{Serializer, byte_serialize};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::metadata::{self, Keys, Metadata};
use super::{Unasked, Way};
use crate::config::{Peer, ProviderSettings};
use crate::outward::{Answer, Caller, NoAnswer};

/// The client's own word, and whom it calls.
pub(super) struct Calls {
    /// `client_secret_basic` (RFC 6749, section 2.3.1).
    authorization: HeaderValue,
    authorities: Option<std::path::PathBuf>,
    /// The issuer.
    issuer: Caller,
}

/// What it gives for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(rename = "id_token")]
    pub(super) identity: String,
    #[serde(rename = "access_token")]
    pub(super) access: String,
    /// What renews that.
    #[serde(rename = "refresh_token")]
    pub(super) refresh: Option<String>,
}

/// What it gives for what renews an access token.
#[derive(Deserialize)]
pub(crate) struct Renewed {
    #[serde(rename = "access_token")]
    pub(crate) access: String,
    /// In the place of the one that was given; else that is still good.
    #[serde(rename = "refresh_token")]
    pub(crate) refresh: Option<String>,
}

impl Calls {
    pub(super) fn open(settings: &ProviderSettings) -> Result<Calls, String> {
        let file = &settings.client_secret;
        let fault =
            |why: String| format!("inbox.provider.client_secret ({}): {why}", file.display());
        let metadata = std::fs::metadata(file).map_err(|error| fault(error.to_string()))?;
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(fault("everybody can read it: chmod 640 or less".to_owned()));
        }
        let secret = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(fault("it is empty".to_owned()));
        }
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&settings.client_id), encode(secret));
        let authorization = format!("Basic {}", STANDARD.encode(pair));
        let mut authorization = HeaderValue::from_str(&authorization)
            .map_err(|_| fault("it cannot be sent".to_owned()))?;
        authorization.set_sensitive(true);
        let issuer = Peer {
            url: settings.url.clone(),
            authorities: settings.authorities.clone(),
        };
        Ok(Calls {
            authorization,
            authorities: settings.authorities.clone(),
            issuer: Caller::open(&issuer).map_err(|why| format!("inbox.provider: {why}"))?,
        })
    }

    pub(super) async fn metadata(&self, settings: &ProviderSettings) -> Result<Metadata, Unasked> {
        let answer = self
            .issuer
            .get("/.well-known/openid-configuration", accept())
            .await;
        metadata::read(&body(answer)?, settings)
    }

    pub(super) async fn keys(&self, metadata: &Metadata) -> Result<Keys, Unasked> {
        let answer = self.caller(&metadata.keys)?.get("", accept()).await;
        let keys = serde_json::from_slice(&body(answer)?);
        keys.map_err(|_| Unasked::Faulty("its keys cannot be read"))
    }

    pub(super) async fn redeem(
        &self,
        metadata: &Metadata,
        code: &str,
        redirect: &str,
        way: &Way,
    ) -> Result<Tokens, Unasked> {
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", redirect)
            .append_pair("code_verifier", &way.verifier())
            .finish();
        self.grant(metadata, form).await
    }

    /// Renews an access token (RFC 6749, section 6).
    pub(super) async fn renew(
        &self,
        metadata: &Metadata,
        refresh_token: &str,
    ) -> Result<Renewed, Unasked> {
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", refresh_token)
            .finish();
        self.grant(metadata, form).await
    }

    async fn grant<T: DeserializeOwned>(
        &self,
        metadata: &Metadata,
        form: String,
    ) -> Result<T, Unasked> {
        let mut headers = accept();
        headers.push((AUTHORIZATION, self.authorization.clone()));
        let caller = self.caller(&metadata.token_endpoint)?;
        let media_type = "application/x-www-form-urlencoded";
        let answer = caller
            .post("", media_type, headers, form.into_bytes())
            .await;
        let tokens = serde_json::from_slice(&body(answer)?);
        tokens.map_err(|_| Unasked::Faulty("what it gave are no tokens"))
    }

    /// What it says of whom the access token belongs to.
    pub(super) async fn claims(
        &self,
        metadata: &Metadata,
        access_token: &str,
    ) -> Result<serde_json::Value, Unasked> {
        let unsendable = Unasked::Faulty("its access token cannot be sent");
        let endpoint = metadata.userinfo_endpoint.as_ref();
        let endpoint = endpoint.ok_or(Unasked::Faulty("it has no userinfo endpoint"))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {access_token}"));
        let mut headers = accept();
        headers.push((AUTHORIZATION, bearer.map_err(|_| unsendable)?));
        let answer = self.caller(endpoint)?.get("", headers).await;
        let claims = serde_json::from_slice(&body(answer)?);
        claims.map_err(|_| Unasked::Faulty("its userinfo cannot be read"))
    }

    fn caller(&self, url: &Uri) -> Result<Caller, Unasked> {
        let peer = Peer {
            url: url.clone(),
            authorities: self.authorities.clone(),
        };
        Caller::open(&peer).map_err(|_| Unasked::Faulty("an endpoint of it cannot be called"))
    }
}

fn accept() -> Vec<(axum::http::HeaderName, HeaderValue)> {
    vec![(ACCEPT, HeaderValue::from_static("application/json"))]
}

fn body(answer: Result<Answer, NoAnswer>) -> Result<Vec<u8>, Unasked> {
    match answer {
        Ok(answer) if answer.status == StatusCode::OK => Ok(answer.body),
        Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => Err(Unasked::Over),
        Ok(answer) if answer.status.is_client_error() => Err(Unasked::Faulty("it refused")),
        Ok(_) => Err(Unasked::Away("it answered neither yes nor no")),
        // A provider is where the configuration says, and may be in this network.
        Err(NoAnswer::Unreachable | NoAnswer::Private) => {
            Err(Unasked::Away("it cannot be reached"))
        }
        Err(NoAnswer::Late) => Err(Unasked::Away("it did not answer in time")),
        Err(NoAnswer::TooLong) => Err(Unasked::Faulty(
            "its answer is longer than any that is read",
        )),
    }
}
