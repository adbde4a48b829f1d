//! Somebody who is sent each head, signed by the scheme of Standard Webhooks (version 1, symmetric), so that
//! they know who sends it and that it is not an old one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::telling::Told;
use super::{Fault, Offer};
use crate::config::Peer;
use crate::http::App;
use crate::outward::{Caller, NoAnswer};

/// In front of a secret.
const PREFIX: &str = "whsec_";
/// How long a secret is, in bytes, as the scheme has it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

pub(super) struct Webhook {
    caller: Caller,
    secret: Vec<u8>,
}

impl Webhook {
    /// Reads the secret.
    ///
    /// # Errors
    /// When it cannot be read, everybody can read it, or it is none.
    pub(super) fn open(peer: &Peer, secret: &Path) -> Result<Webhook, String> {
        let fault = |why: &str| format!("secret ({}): {why}", secret.display());
        let unread = |error: std::io::Error| fault(&error.to_string());
        let mode = fs::metadata(secret).map_err(unread)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(fault("everybody can read it: chmod 640 or less"));
        }
        let text = fs::read_to_string(secret).map_err(unread)?;
        let bytes = text.trim().strip_prefix(PREFIX);
        let bytes = bytes.and_then(|base64| STANDARD.decode(base64).ok());
        let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        let none = "it holds no secret: `whsec_` and 24 to 64 bytes in base64";
        Ok(Webhook {
            caller: Caller::open(peer)?,
            secret: bytes.ok_or_else(|| fault(none))?,
        })
    }

    /// Sends a head. The same head has the same id, however often it is sent.
    pub(super) async fn tell(&self, app: &App, offer: &Offer) -> Result<Told, Fault> {
        let (checkpoint, now) = (&offer.checkpoint, app.now());
        let body = json!({
            "type": "log.checkpoint",
            "timestamp": now,
            "data": {
                "origin": checkpoint.origin(),
                "size": checkpoint.size(),
                "root": checkpoint.root().to_string(),
                "checkpoint": offer.head.note,
            },
        });
        let body = body.to_string();
        let id = id(&checkpoint.to_string());
        let seconds = (now.as_millis() / 1000).to_string();
        let signature = signature(&self.secret, &id, &seconds, &body)?;
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signature),
        ];
        let headers = headers.map(|(name, value)| {
            let value = HeaderValue::from_str(&value).map_err(|_| Fault::Store)?;
            Ok((HeaderName::from_static(name), value))
        });
        let headers = headers.into_iter().collect::<Result<_, Fault>>()?;
        let answer = self
            .caller
            .post("", "application/json", headers, body.into());
        if !answer.await.map_err(Fault::from)?.status.is_success() {
            return Err(Fault::Refused);
        }
        Ok(Told {
            size: checkpoint.size(),
            note: None,
        })
    }
}

impl From<NoAnswer> for Fault {
    fn from(fault: NoAnswer) -> Fault {
        match fault {
            NoAnswer::Unreachable => Fault::Unreachable,
            NoAnswer::Late => Fault::Late,
            NoAnswer::TooLong => Fault::BadAnswer,
        }
    }
}

fn id(checkpoint: &str) -> String {
    let digest = Sha256::digest(checkpoint.as_bytes());
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("msg_{}", hex.collect::<String>())
}

fn signature(secret: &[u8], id: &str, seconds: &str, body: &str) -> Result<String, Fault> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Fault::Store)?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let code = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the scheme's own reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.unwrap(), expected);
    }

    #[test]
    fn a_secret_is_whole_and_not_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let peer = Peer {
            url: "http://127.0.0.1:1/".parse().unwrap(),
            authorities: None,
        };
        let open = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            Webhook::open(&peer, &file).err()
        };
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
        assert_eq!(open(good, 0o600), None);
        assert!(open(good, 0o604).unwrap().contains("chmod"));
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAA",
            "whsec_%",
        ] {
            let fault = open(bad, 0o600).unwrap();
            assert!(fault.contains("it holds no secret"), "{fault}");
            assert!(!fault.contains("MfKQ"), "{fault}");
        }
    }
}
