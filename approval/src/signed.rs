//! JSON that is signed as the bytes that travel, so that nobody has to write it alike.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::allow::SignatureError;
use crate::words::{base64url_decode, base64url_encode};

/// Signs the JSON of `message` behind `domain`, so that no other signature of the key can be one. Gives
/// the bytes and the signature, both in base64url.
#[expect(
    clippy::expect_used,
    reason = "strings, numbers and lists can always be written as JSON"
)]
pub(crate) fn sign(domain: &[u8], message: &impl Serialize, key: &SigningKey) -> (String, String) {
    let json = serde_json::to_vec(message).expect("the message is JSON");
    let signature = key.sign(&[domain, &json].concat());
    (
        base64url_encode(&json),
        base64url_encode(&signature.to_bytes()),
    )
}

/// Reads what one of `keys` signed (strictly: RFC 8032 without its leeway for weak keys and mixed
/// orders).
pub(crate) fn verify<T: DeserializeOwned>(
    domain: &[u8],
    message: &str,
    signature: &str,
    keys: &[[u8; 32]],
) -> Result<T, SignatureError> {
    let json = base64url_decode(message).ok_or(SignatureError::Encoding)?;
    let signature = base64url_decode(signature)
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or(SignatureError::Encoding)?;
    let signed = [domain, &json].concat();
    let by_a_listed_key = keys.iter().any(|key| {
        VerifyingKey::from_bytes(key)
            .is_ok_and(|key| key.verify_strict(&signed, &signature).is_ok())
    });
    if !by_a_listed_key {
        return Err(SignatureError::Signature);
    }
    serde_json::from_slice(&json).map_err(|_| SignatureError::Payload)
}
