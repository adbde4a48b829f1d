//! What a provider says of itself (OpenID Connect Discovery 1.0, section 3).

use axum::http::Uri;
use openidconnect::core::CoreJsonWebKeySet;
use serde::Deserialize;

use super::Unasked;
use crate::config::{ProviderSettings, peer_url};

/// The keys that sign its tokens.
pub(super) type Keys = CoreJsonWebKeySet;

/// Where it is asked what.
pub(super) struct Metadata {
    /// Where people go, as it stands.
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: Uri,
    pub(super) userinfo_endpoint: Option<Uri>,
    pub(super) keys: Uri,
    /// Where people leave it, as it stands.
    pub(super) end_session_endpoint: Option<String>,
    /// Whether its answers say whose they are (RFC 9207).
    pub(super) says_its_name: bool,
}

/// The document; there is more in it.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
}

/// Reads it, and refuses what is another's or cannot be kept to.
pub(super) fn read(bytes: &[u8], settings: &ProviderSettings) -> Result<Metadata, Unasked> {
    let document: Document = serde_json::from_slice(bytes)
        .map_err(|_| Unasked::Faulty("its metadata cannot be read: something is missing"))?;
    if document.issuer != settings.issuer {
        return Err(Unasked::Faulty(
            "its metadata names another issuer: `issuer` has to be written exactly so, also at its end",
        ));
    }
    let methods = document.code_challenge_methods_supported;
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        return Err(Unasked::Faulty("it does not know PKCE with S256"));
    }
    let address = |text: &str| {
        peer_url(text).map_err(|_| Unasked::Faulty("an endpoint of it is no https URL"))
    };
    address(without_query(&document.authorization_endpoint))?;
    Ok(Metadata {
        token_endpoint: address(&document.token_endpoint)?,
        userinfo_endpoint: document
            .userinfo_endpoint
            .as_deref()
            .map(address)
            .transpose()?,
        keys: address(&document.jwks_uri)?,
        // Nobody is sent where a page could be another's; signing in does not rest on it.
        end_session_endpoint: document
            .end_session_endpoint
            .filter(|endpoint| peer_url(without_query(endpoint)).is_ok()),
        authorization_endpoint: document.authorization_endpoint,
        says_its_name: document.authorization_response_iss_parameter_supported,
    })
}

/// An endpoint that people are sent to may have a query of its own.
fn without_query(endpoint: &str) -> &str {
    endpoint.split('?').next().unwrap_or_default()
}
