//! What is sent to others is signed by the scheme of Standard Webhooks (version 1, symmetric), so that they know
//! who sends it and that it is not an old one.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use velum_approval::Timestamp;

/// In front of a secret.
const PREFIX: &str = "whsec_";
/// How long a secret is, in bytes, as the scheme has it.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What signs, and whoever receives it knows.
pub(crate) struct SharedSecret(Vec<u8>);

impl SharedSecret {
    /// Reads it from its file.
    ///
    /// # Errors
    /// When that cannot be read, everybody can read it, or it holds none.
    pub(crate) fn read(file: &Path) -> Result<SharedSecret, String> {
        let fault = |why: &str| format!("secret ({}): {why}", file.display());
        let unread = |error: std::io::Error| fault(&error.to_string());
        let mode = fs::metadata(file).map_err(unread)?.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(fault("everybody can read it: chmod 640 or less"));
        }
        let text = fs::read_to_string(file).map_err(unread)?;
        let bytes = text.trim().strip_prefix(PREFIX);
        let bytes = bytes.and_then(|base64| STANDARD.decode(base64).ok());
        let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        let none = "it holds no secret: `whsec_` and 24 to 64 bytes in base64";
        bytes.map(SharedSecret).ok_or_else(|| fault(none))
    }

    fn sign(&self, id: &str, seconds: &str, body: &str) -> Result<String, Unsigned> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| Unsigned)?;
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        let code = STANDARD.encode(mac.finalize().into_bytes());
        Ok(format!("v1,{code}"))
    }
}

/// It could not be signed.
#[derive(Debug)]
pub(crate) struct Unsigned;

/// The id of a message that is about exactly this: the same however often it is sent.
pub(crate) fn id(of: &[u8]) -> String {
    let mut id = "msg_".to_owned();
    for byte in Sha256::digest(of).iter().take(16) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The headers of a message that is sent at this moment, with a signature of each secret.
pub(crate) fn headers<'a>(
    secrets: impl IntoIterator<Item = &'a SharedSecret>,
    id: &str,
    now: Timestamp,
    body: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, Unsigned> {
    let seconds = (now.as_millis() / 1000).to_string();
    let signatures = secrets
        .into_iter()
        .map(|secret| secret.sign(id, &seconds, body))
        .collect::<Result<Vec<_>, _>>()?;
    let headers = [
        ("webhook-id", id),
        ("webhook-timestamp", &seconds),
        ("webhook-signature", &signatures.join(" ")),
    ];
    let headers = headers.map(|(name, value)| {
        let value = HeaderValue::from_str(value).map_err(|_| Unsigned)?;
        Ok((HeaderName::from_static(name), value))
    });
    headers.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the scheme's own reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = SharedSecret(secret).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.unwrap(), expected);
    }

    #[test]
    fn while_a_secret_is_exchanged_there_is_a_signature_of_each() {
        let secrets = [SharedSecret(vec![1; 24]), SharedSecret(vec![2; 24])];
        let now = Timestamp::from_millis(1_614_265_330_999);
        let headers = headers(&secrets, "msg_1", now, "{}").unwrap();
        let values: Vec<_> = headers
            .iter()
            .map(|(_, value)| value.to_str().unwrap())
            .collect();
        let signed = secrets
            .each_ref()
            .map(|it| it.sign("msg_1", "1614265330", "{}").unwrap());
        assert_eq!(values, ["msg_1", "1614265330", &signed.join(" ")]);
        assert_ne!(signed[0], signed[1]);
    }

    #[test]
    fn a_secret_is_whole_and_not_for_everybody() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let read = |text: &str, mode: u32| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            SharedSecret::read(&file).err()
        };
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
        assert_eq!(read(good, 0o600), None);
        assert!(read(good, 0o604).unwrap().contains("chmod"));
        for bad in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAA",
            "whsec_%",
        ] {
            let fault = read(bad, 0o600).unwrap();
            assert!(fault.contains("it holds no secret"), "{fault}");
            assert!(!fault.contains("MfKQ"), "{fault}");
        }
    }
}
