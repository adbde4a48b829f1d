//! The OpenID provider that says who people are (OpenID Connect Core 1.0, authorization code flow with PKCE).
//!
//! Its metadata and keys are asked for when they are needed and kept for a while. What it says is believed of
//! the issuer that the configuration names, over TLS, and in tokens that its keys have signed for this client.

mod calls;
mod metadata;
mod token;
mod way;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use form_urlencoded::Serializer;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use velum_approval::record::SignInRefused;
use velum_approval::{GroupName, Timestamp};

use calls::{Calls, Renewed};
use metadata::{Keys, Metadata};
pub(crate) use token::Vouched;
pub(crate) use way::{Purpose, Way};

use super::Origin;
use crate::config::{FreshLogin, ProviderSettings};

/// Where it sends people back to.
pub(crate) const CALLBACK: &str = "/sign-in/callback";
/// How long metadata and keys are kept.
const KEPT: Duration = Duration::from_mins(10);
/// How often they are asked for at most, however many tokens name a key that is not among them.
const AT_MOST_EVERY: Duration = Duration::from_mins(1);
/// How long after a failure it is not asked again.
const REST: Duration = Duration::from_secs(2);

/// How many codes are sent there at a time.
const MOST_AT_ONCE: usize = 32;

/// The provider of a configuration.
pub(crate) struct Provider {
    settings: ProviderSettings,
    redirect: String,
    calls: Calls,
    known: Mutex<Known>,
    /// How many codes may be on their way there: whoever can open a page can send it one.
    places: Semaphore,
    /// Access tokens are renewed one after the other: what renews one is good for once at some providers.
    renewing: Mutex<()>,
}

/// What is known of it.
#[derive(Default)]
struct Known {
    about: Option<Arc<About>>,
    asked: Option<Timestamp>,
    failed: Option<Timestamp>,
}

/// Its metadata and its keys.
struct About {
    metadata: Metadata,
    keys: Keys,
}

/// Why it could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// It may well be later.
    Away(&'static str),
    /// Not as it is, or as the configuration says.
    Faulty(&'static str),
    /// Not with this access token.
    Over,
}

impl Unasked {
    /// In words.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Unasked::Away(why) | Unasked::Faulty(why) => why,
            Unasked::Over => "the access token is over",
        }
    }
}

impl Provider {
    /// Reads the client's secret and the authorities that are believed.
    ///
    /// # Errors
    /// When a file cannot be read or holds none, with its place.
    pub(crate) fn open(settings: &ProviderSettings, origin: &Origin) -> Result<Provider, String> {
        Ok(Provider {
            calls: Calls::open(settings)?,
            settings: settings.clone(),
            redirect: format!("{origin}{CALLBACK}"),
            known: Mutex::default(),
            places: Semaphore::new(MOST_AT_ONCE),
            renewing: Mutex::default(),
        })
    }

    /// Its name in tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// What its name is on pages.
    pub(crate) fn name(&self) -> &str {
        self.settings.url.host().unwrap_or_default()
    }

    /// Whether it has to be reached, and says what it has to: for `check-config`.
    pub(crate) async fn check(&self) -> Result<(), Unasked> {
        self.ask().await.map(|_| ())
    }

    /// Where somebody goes to say who they are.
    pub(crate) async fn address(
        &self,
        way: &Way,
        anew: Option<&FreshLogin>,
        now: Timestamp,
    ) -> Result<String, Unasked> {
        let about = self.about(now, false).await?;
        let endpoint = &about.metadata.authorization_endpoint;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let scopes: Vec<_> = self.settings.scopes.iter().map(String::as_str).collect();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(way.verifier().as_bytes()));
        let mut query = Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &way.state())
            .append_pair("nonce", &way.nonce())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(anew) = anew {
            query
                .append_pair("prompt", "login")
                .append_pair("max_age", "0");
            let acr: Vec<_> = anew.acr.iter().map(String::as_str).collect();
            if !acr.is_empty() {
                query.append_pair("acr_values", &acr.join(" "));
            }
        }
        Ok(format!("{endpoint}{joint}{}", query.finish()))
    }

    /// Where somebody signs out there too, if it says so (OpenID Connect RP-Initiated Logout 1.0). It is told which
    /// client they come from and not who they are: no token is kept for that, or stands in an address.
    pub(crate) async fn farewell(&self, now: Timestamp) -> Option<String> {
        let about = self.about(now, false).await.ok()?;
        let endpoint = about.metadata.end_session_endpoint.as_ref()?;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let query = Serializer::new(String::new())
            .append_pair("client_id", &self.settings.client_id)
            .finish();
        Some(format!("{endpoint}{joint}{query}"))
    }

    /// Whether an answer with this `iss` (RFC 9207) is of this provider.
    pub(crate) async fn is_its(
        &self,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Unasked> {
        let about = self.about(now, false).await?;
        Ok(match issuer {
            Some(issuer) => issuer == self.settings.issuer,
            None => !about.metadata.says_its_name,
        })
    }

    /// Who somebody is who came back with this code, by a token that was made for this way.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        way: &Way,
        now: Timestamp,
    ) -> Result<Vouched, SignInRefused> {
        let failed = |error: Unasked| {
            tracing::warn!(error = error.why(), "a provider gave no token");
            SignInRefused::NoToken
        };
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| failed(Unasked::Away("too many come back at once")))?;
        let about = self.about(now, false).await.map_err(failed)?;
        let tokens = self
            .calls
            .redeem(&about.metadata, code, &self.redirect, way);
        let tokens = tokens.await.map_err(failed)?;
        let reading = token::Reading {
            settings: &self.settings,
            nonce: way.nonce(),
            now,
        };
        match reading.read(&tokens, &about.keys) {
            // It may have a key that it had not when it was asked.
            Err(token::Fault::NoKey) => {
                let about = self.about(now, true).await.map_err(failed)?;
                let said = reading.read(&tokens, &about.keys);
                said.map_err(token::Fault::refusal)
            }
            said => said.map_err(token::Fault::refusal),
        }
    }

    /// Whether it is asked for groups.
    pub(crate) fn tells_groups(&self) -> bool {
        self.settings.groups.is_some()
    }

    /// Waits until nobody else renews an access token.
    pub(crate) async fn turn_to_renew(&self) -> MutexGuard<'_, ()> {
        self.renewing.lock().await
    }

    /// Another access token, where it gives one.
    pub(crate) async fn renew(
        &self,
        refresh_token: &str,
        now: Timestamp,
    ) -> Result<Renewed, Unasked> {
        let about = self.about(now, false).await?;
        self.calls.renew(&about.metadata, refresh_token).await
    }

    /// In which groups of the directory somebody is by its word now; the access token has to be of this subject.
    pub(crate) async fn groups(
        &self,
        access_token: &str,
        subject: &str,
        now: Timestamp,
    ) -> Result<BTreeSet<GroupName>, Unasked> {
        let Some(groups) = &self.settings.groups else {
            return Ok(BTreeSet::new());
        };
        let about = self.about(now, false).await?;
        let claims = self.calls.claims(&about.metadata, access_token).await?;
        // Else another's answer could be put in its place (OpenID Connect Core 1.0, section 5.3.2).
        if claims.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(Unasked::Faulty("its userinfo is of somebody else"));
        }
        let said = match claims.get(&groups.claim) {
            None => Vec::new(),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(_) => {
                return Err(Unasked::Faulty(
                    "its claim of groups is neither a text nor a list of them",
                ));
            }
        };
        Ok(said
            .iter()
            .filter_map(|name| groups.names.get(*name))
            .cloned()
            .collect())
    }

    /// What is known of it; asked anew where that is old, or lacks something.
    async fn about(&self, now: Timestamp, lacks: bool) -> Result<Arc<About>, Unasked> {
        let mut known = self.known.lock().await;
        let is_within =
            |moment: Option<Timestamp>, time| moment.is_some_and(|it| now < it.after(time));
        if let Some(about) = &known.about
            && is_within(known.asked, if lacks { AT_MOST_EVERY } else { KEPT })
        {
            return Ok(about.clone());
        }
        if is_within(known.failed, REST) {
            return Err(Unasked::Away("it could not be reached a moment ago"));
        }
        match self.ask().await {
            Ok(about) => {
                let about = Arc::new(about);
                *known = Known {
                    about: Some(about.clone()),
                    asked: Some(now),
                    failed: None,
                };
                Ok(about)
            }
            Err(error) => {
                known.failed = Some(now);
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<About, Unasked> {
        let metadata = self.calls.metadata(&self.settings).await?;
        if self.tells_groups() && metadata.userinfo_endpoint.is_none() {
            return Err(Unasked::Faulty(
                "it has no userinfo endpoint, which groups_claim needs",
            ));
        }
        let keys = self.calls.keys(&metadata).await?;
        Ok(About { metadata, keys })
    }
}
