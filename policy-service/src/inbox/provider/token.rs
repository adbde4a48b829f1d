//! ID tokens: who somebody is, by the provider's word (OpenID Connect Core 1.0, section 3.1.3.7).

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm};
use openidconnect::{
    ClaimsVerificationError, ClientId, IssuerUrl, Nonce, SignatureVerificationError,
};
use velum_approval::Timestamp;
use velum_approval::record::SignInRefused;

use super::calls::Tokens;
use super::metadata::Keys;
use crate::config::ProviderSettings;

/// What may sign a token: keys that the provider alone has, and nothing that is shared with it.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// How far the provider's clock may be from ours.
const LEEWAY: Duration = Duration::from_secs(30);
/// How old a token may be that was made for somebody who has just come back.
const OLDEST: Duration = Duration::from_mins(5);

/// Who it says somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) subject: String,
    /// What asks it further in their name.
    pub(crate) access_token: String,
    /// What renews that.
    pub(crate) refresh_token: Option<String>,
    /// When they have shown who they are, and how.
    pub(crate) at: Option<Timestamp>,
    pub(crate) acr: Option<String>,
}

impl Vouched {
    /// Whether they have shown it since this moment, as far as two clocks can tell.
    pub(crate) fn is_since(&self, moment: Timestamp) -> bool {
        self.at.is_some_and(|at| at >= moment.before(LEEWAY))
    }
}

/// Why a token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No key that is known can have signed it.
    NoKey,
    Refused(SignInRefused),
}

impl Fault {
    pub(super) fn refusal(self) -> SignInRefused {
        match self {
            Fault::NoKey => SignInRefused::Signature,
            Fault::Refused(refused) => refused,
        }
    }
}

/// What a token is held against.
pub(super) struct Reading<'r> {
    pub(super) settings: &'r ProviderSettings,
    pub(super) nonce: String,
    pub(super) now: Timestamp,
}

impl Reading<'_> {
    pub(super) fn read(&self, tokens: &Tokens, keys: &Keys) -> Result<Vouched, Fault> {
        let faulty = Fault::Refused(SignInRefused::Token);
        let token = CoreIdToken::from_str(&tokens.identity).map_err(|_| faulty)?;
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| faulty)?;
        let client = ClientId::new(self.settings.client_id.clone());
        let (latest, earliest) = (
            moment(self.now.before(LEEWAY)),
            moment(self.now.before(OLDEST)),
        );
        let begins = moment(self.now.after(LEEWAY));
        // As one that shares no secret with the provider: none is taken that a secret has signed.
        let verifier = CoreIdTokenVerifier::new_public_client(client, issuer, keys.clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || latest)
            .set_issue_time_verifier_fn(move |issued| {
                let is_new = earliest <= issued && issued <= begins;
                is_new.then_some(()).ok_or_else(String::new)
            });
        let claims = token.claims(&verifier, &Nonce::new(self.nonce.clone()));
        let claims = claims.map_err(|error| fault(&error))?;
        // The verifier takes no audience beside this client; whom the token was given to is another thing.
        let party = claims.authorized_party();
        if party.is_some_and(|party| party.as_str() != self.settings.client_id) {
            return Err(Fault::Refused(SignInRefused::Audience));
        }
        Ok(Vouched {
            subject: claims.subject().as_str().to_owned(),
            access_token: tokens.access.clone(),
            refresh_token: tokens.refresh.clone(),
            at: claims
                .auth_time()
                .map(|at| Timestamp::from_millis(at.timestamp_millis())),
            acr: claims.auth_context_ref().map(|acr| acr.as_str().to_owned()),
        })
    }
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.as_millis()).unwrap_or_default()
}

fn fault(error: &ClaimsVerificationError) -> Fault {
    Fault::Refused(match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        ) => return Fault::NoKey,
        ClaimsVerificationError::SignatureVerification(_) => SignInRefused::Signature,
        ClaimsVerificationError::InvalidIssuer(_) => SignInRefused::Issuer,
        ClaimsVerificationError::InvalidAudience(_) => SignInRefused::Audience,
        ClaimsVerificationError::InvalidNonce(_) => SignInRefused::Nonce,
        ClaimsVerificationError::Expired(_) => SignInRefused::Expired,
        _ => SignInRefused::Token,
    })
}
