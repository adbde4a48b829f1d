//! The keys of masking: what tokens, pseudonyms, format-preserving encryption and date
//! shifts depend on.

use std::fmt;
use std::sync::Arc;

use aes::Aes256;
use fpe::ff1::FF1;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The shortest secret that is taken, in bytes.
const SHORTEST_SECRET: usize = 16;

/// The salt of every key that is derived from a masking secret.
const SALT: &[u8] = b"velum-keys-v1";

/// Secrets, newest first: the first writes, all read.
///
/// From each secret one key for each purpose is derived (HKDF-SHA-256, RFC 5869) when the ring is
/// made; the secret itself is wiped then, the keys when the last clone of the ring goes. Cloning is
/// cheap. [`Keyring::default`] is empty: under it, an operator that needs a key redacts.
///
/// ```
/// use velum_engine::Keyring;
/// let keys = Keyring::new([("k2".to_owned(), vec![2; 32]), ("k1".to_owned(), vec![1; 32])])?;
/// assert_eq!(format!("{keys:?}"), "Keyring(2 keys)");
/// assert!(Keyring::default().is_empty());
/// # Ok::<(), velum_engine::KeyError>(())
/// ```
#[derive(Clone, Default)]
pub struct Keyring(Option<Arc<[Keys]>>);

/// What is derived from one secret.
pub(crate) struct Keys {
    token: Hmac<Sha256>,
    token_check: Hmac<Sha256>,
    pseudonym: Hmac<Sha256>,
    date_shift: Hmac<Sha256>,
    /// FF1 (NIST SP 800-38G) over digits.
    pub(crate) digits: FF1<Aes256>,
    /// FF1 over digits and letters.
    pub(crate) alphanumerics: FF1<Aes256>,
}

impl Keyring {
    /// A ring of secrets by their ids, the one that writes first.
    ///
    /// # Errors
    /// A secret of less than 16 bytes, or an id that is given twice.
    pub fn new(secrets: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, KeyError> {
        let mut ids: Vec<String> = Vec::new();
        let mut keys = Vec::new();
        for (position, (id, secret)) in secrets.into_iter().enumerate() {
            let secret = Zeroizing::new(secret);
            let fault = |fault| KeyError { position, fault };
            if ids.contains(&id) {
                return Err(fault(Fault::Duplicate));
            }
            if secret.len() < SHORTEST_SECRET {
                return Err(fault(Fault::Short));
            }
            ids.push(id);
            keys.push(Keys::derive(&secret).ok_or(fault(Fault::Derivation))?);
        }
        Ok(Self((!keys.is_empty()).then(|| keys.into())))
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The keys that write.
    pub(crate) fn first(&self) -> Option<&Keys> {
        self.all().first()
    }

    /// The keys that read.
    pub(crate) fn all(&self) -> &[Keys] {
        self.0.as_deref().unwrap_or_default()
    }

    /// A ring without a key, for as long as anyone needs one.
    pub(crate) fn none() -> &'static Self {
        static NONE: Keyring = Keyring(None);
        &NONE
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keyring({} keys)", self.all().len())
    }
}

impl Keys {
    fn derive(secret: &[u8]) -> Option<Self> {
        let fpe = subkey(secret, "velum fpe")?;
        Some(Self {
            token: keyed_hmac(&*subkey(secret, "velum token")?),
            token_check: keyed_hmac(&*subkey(secret, "velum token check")?),
            pseudonym: keyed_hmac(&*subkey(secret, "velum pseudonym")?),
            date_shift: keyed_hmac(&*subkey(secret, "velum date shift")?),
            digits: FF1::new(&*fpe, 10).ok()?,
            alphanumerics: FF1::new(&*fpe, 36).ok()?,
        })
    }

    /// The code from which a token's body is cut.
    pub(crate) fn token(&self, parts: &[&[u8]]) -> [u8; 32] {
        code(&self.token, parts, true)
    }

    /// The code from which the proof of a token is cut.
    pub(crate) fn token_check(&self, parts: &[&[u8]]) -> [u8; 32] {
        code(&self.token_check, parts, true)
    }

    /// The code from which the pseudonym of an id is cut, or its proof.
    pub(crate) fn pseudonym(&self, parts: &[&[u8]]) -> [u8; 32] {
        code(&self.pseudonym, parts, true)
    }

    /// The code from which an offset of days comes.
    pub(crate) fn date_shift(&self, parts: &[&[u8]]) -> [u8; 32] {
        code(&self.date_shift, parts, true)
    }
}

fn subkey(secret: &[u8], label: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(SALT), secret)
        .expand(label.as_bytes(), &mut *key)
        .ok()?;
    Some(key)
}

/// HMAC pads a key that is shorter than a block with zeros (RFC 2104).
pub(crate) fn keyed_hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new((&*block).into())
}

/// HMAC-SHA-256 over the parts; each behind its length, so that no two lists of parts are one text.
#[inline(never)]
pub(crate) fn code(keyed: &Hmac<Sha256>, parts: &[&[u8]], has_lengths: bool) -> [u8; 32] {
    let mut mac = keyed.clone();
    for part in parts {
        if has_lengths {
            mac.update(&(part.len() as u64).to_be_bytes());
        }
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Why a ring of keys is refused. Tells which key, never what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError {
    position: usize,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Short,
    Duplicate,
    Derivation,
}

impl KeyError {
    /// The position of the faulty key among those given.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Short => "it is shorter than 16 bytes",
            Fault::Duplicate => "its id is that of another key too",
            Fault::Derivation => "no keys can be derived from it",
        };
        write!(formatter, "key {}: {fault}", self.position)
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
impl Keyring {
    /// A ring for tests: one key for each byte.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let secrets = bytes
            .iter()
            .map(|byte| (format!("k{byte}"), vec![*byte; 32]));
        Self::new(secrets).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_secrets_and_ids_given_twice_are_refused() {
        let ring = |keys: &[(&str, usize)]| {
            let keys = keys
                .iter()
                .map(|(id, length)| ((*id).to_owned(), vec![7; *length]));
            Keyring::new(keys).map(|ring| ring.all().len())
        };
        assert_eq!(ring(&[]), Ok(0));
        assert_eq!(ring(&[("a", 16), ("b", 64)]), Ok(2));
        let error = ring(&[("a", 16), ("b", 15)]).unwrap_err();
        assert_eq!(error.to_string(), "key 1: it is shorter than 16 bytes");
        let error = ring(&[("a", 16), ("a", 16)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "key 1: its id is that of another key too"
        );
        assert_eq!(error.position(), 1);
    }

    #[test]
    fn derived_keys_stay_what_they_were() {
        // A change here makes every token that is in use another one. The expected values are
        // those of Python's hmac and hashlib.
        let ring = Keyring::of(&[1]);
        let keys = ring.first().unwrap();
        let parts: &[&[u8]] = &[b"a", b"bc"];
        let hex = |code: [u8; 32]| {
            let code = code.iter().take(8).map(|byte| format!("{byte:02x}"));
            code.collect::<String>()
        };
        assert_eq!(hex(keys.token(parts)), "a74704ce28ed14dd");
        assert_eq!(hex(keys.token_check(parts)), "43c89cc85e47b4d5");
        assert_eq!(hex(keys.date_shift(parts)), "7d15d928fba93064");
        assert_eq!(hex(keys.pseudonym(parts)), "01ff4fc8d7f2ff82");
        assert_ne!(keys.token(&[b"ab", b"c"]), keys.token(parts));
    }
}
