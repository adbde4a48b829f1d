//! What asks the provider further in somebody's name: kept sealed, under a key that is made of the session's
//! token. Whoever has the store alone has none of them.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::id_of;
use crate::random::{self, Random};
use crate::store::StoreError;

/// An access token, what renews it, and whom it is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) token: String,
    pub(crate) refresh: Option<String>,
    pub(crate) subject: String,
}

impl Access {
    /// Seals it for the session of this token.
    pub(super) fn seal(&self, token: &str, random: &dyn Random) -> Result<Vec<u8>, StoreError> {
        let refused = StoreError::Refused("an access token");
        let Ok(mut text) = serde_json::to_vec(self) else {
            return Err(refused);
        };
        let Some(key) = key(token) else {
            return Err(refused);
        };
        // A session's key seals a few texts: what is renewed is sealed anew.
        let number: [u8; NONCE_LEN] = random::bytes(random)?;
        let nonce = Nonce::assume_unique_for_key(number);
        match key.seal_in_place_append_tag(nonce, Aad::from(id_of(token)), &mut text) {
            Ok(()) => Ok([&number, text.as_slice()].concat()),
            Err(_) => Err(refused),
        }
    }

    /// Opens what was sealed for this token.
    pub(super) fn open(sealed: &[u8], token: &str) -> Option<Access> {
        let (number, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*number);
        let mut text = text.to_vec();
        let opened = key(token)?.open_in_place(nonce, Aad::from(id_of(token)), &mut text);
        serde_json::from_slice(opened.ok()?).ok()
    }
}

fn key(token: &str) -> Option<LessSafeKey> {
    let mut digest = Sha256::new();
    digest.update(b"velum-access-key-v1\0");
    digest.update(token.as_bytes());
    let key = UnboundKey::new(&CHACHA20_POLY1305, &digest.finalize());
    key.ok().map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SystemRandom;

    #[test]
    fn only_the_sessions_token_opens_it() {
        let access = Access {
            token: "access".to_owned(),
            refresh: Some("refresh".to_owned()),
            subject: "grace-sub".to_owned(),
        };
        let sealed = access.seal("one", &SystemRandom).unwrap();
        assert!(Access::open(&sealed, "one").is_some_and(|opened| opened == access));
        assert!(Access::open(&sealed, "two").is_none());
        for place in 0..sealed.len() {
            let mut other = sealed.clone();
            other[place] ^= 1;
            assert!(Access::open(&other, "one").is_none(), "{place}");
        }
        let found = sealed.windows(6).any(|window| window == b"access");
        assert!(!found);
    }
}
