//! A security key that Chromium makes up itself (its protocol's `WebAuthn` domain).

use serde_json::json;

use super::{Browser, text};
use crate::Result;

/// A security key in a browser. It makes sure who is there, and nobody has to touch it.
#[derive(Debug)]
pub struct Authenticator {
    id: String,
}

impl Browser {
    /// Gives the browser a security key.
    pub async fn add_authenticator(&self) -> Result<Authenticator> {
        let quiet = json!({"enableUI": false});
        self.command("WebAuthn.enable", &quiet).await?;
        let options = json!({"options": {
            "protocol": "ctap2",
            "transport": "usb",
            "hasResidentKey": false,
            "hasUserVerification": true,
            "isUserVerified": true,
            "automaticPresenceSimulation": true,
        }});
        let added = self.command("WebAuthn.addVirtualAuthenticator", &options);
        let id = text(&added.await?["authenticatorId"], "an authenticator")?;
        Ok(Authenticator { id })
    }
}

impl Authenticator {
    /// Whether it makes sure who is there from now on.
    pub async fn set_verified(&self, browser: &Browser, is_verified: bool) -> Result<()> {
        let verified = json!({"authenticatorId": self.id, "isUserVerified": is_verified});
        let set = browser.command("WebAuthn.setUserVerified", &verified);
        set.await.map(|_| ())
    }
}
