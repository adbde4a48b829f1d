//! Names, ids and verifier keys.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::{NoteSignature, is_forbidden};
use crate::text;

/// How long a name may be, in bytes; no specification says, and a limit is needed.
const MOST_NAME_BYTES: usize = 1024;

/// The name of a key: not empty, without spaces and `+` (C2SP signed-note, "Format"). Best a URL without
/// its scheme.
///
/// ```
/// use velum_ledger::note::KeyName;
/// let name: KeyName = "log.example/audit".parse()?;
/// assert_eq!(name.as_str(), "log.example/audit");
/// assert!("two words".parse::<KeyName>().is_err());
/// # Ok::<(), velum_ledger::note::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_bad = |next: char| next == '+' || next.is_whitespace() || is_forbidden(next);
        if text.is_empty() || text.len() > MOST_NAME_BYTES || text.contains(is_bad) {
            return Err(InvalidName);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Text that is no name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidName;

impl fmt::Display for InvalidName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a key must not be empty, nor hold spaces or `+`")
    }
}

impl std::error::Error for InvalidName {}

/// The id of a key: with its name, it tells which key made a signature. It is short, and no protection
/// against somebody who makes a key with the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    /// `SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key)[:4]` (C2SP signed-note, "Signatures").
    fn of(name: &KeyName, algorithm: Algorithm, public: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', algorithm.byte()]);
        hasher.update(public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        Self::from_bytes([a, b, c, d])
    }

    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    pub(super) const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for KeyId {
    /// Eight digits of lower-case hex, as in verifier keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Ed25519 over the text of the note (0x01, C2SP signed-note).
    Ed25519,
    /// Ed25519 over a time and a checkpoint: what a witness signs (0x04, C2SP tlog-cosignature,
    /// `cosignature/v1`).
    CosignatureV1,
}

impl Algorithm {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::CosignatureV1 => 4,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::CosignatureV1),
            _ => None,
        }
    }
}

/// A public key with its name: what verifies signatures. As text it is
/// `name+id+base64(algorithm ‖ public key)`, a "vkey" (C2SP signed-note, "Verifier keys").
///
/// ```
/// use velum_ledger::note::{Algorithm, VerifierKey};
/// let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// let key: VerifierKey = text.parse()?;
/// assert_eq!(key.algorithm(), Algorithm::Ed25519);
/// assert_eq!(key.to_string(), text);
/// # Ok::<(), velum_ledger::note::InvalidKey>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    public: VerifyingKey,
}

impl VerifierKey {
    /// The key of these 32 bytes (RFC 8032, section 5.1.5) under this name. Fails on bytes that are no
    /// point of the curve, and on a point of small order, with which everybody could sign.
    pub fn new(name: KeyName, algorithm: Algorithm, public: &[u8; 32]) -> Result<Self, InvalidKey> {
        let public = VerifyingKey::from_bytes(public).map_err(|_| InvalidKey::PublicKey)?;
        if public.is_weak() {
            return Err(InvalidKey::PublicKey);
        }
        Ok(Self::of(name, algorithm, public))
    }

    pub(super) fn of(name: KeyName, algorithm: Algorithm, public: VerifyingKey) -> Self {
        let id = KeyId::of(&name, algorithm, public.as_bytes());
        Self {
            name,
            id,
            algorithm,
            public,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Its id.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its 32 bytes.
    pub fn public_key(&self) -> &[u8; 32] {
        self.public.as_bytes()
    }

    /// The signature with these bytes, which the owner of the key made elsewhere, for instance in a key
    /// store: 64 bytes for Ed25519, behind eight of the time for `cosignature/v1`. It is not verified.
    ///
    /// ```
    /// use velum_ledger::note::{Note, NoteSigner};
    /// # let store = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
    /// # let (key, sign) = (store.verifier().clone(), |text: &str| store.sign(text).bytes().to_vec());
    /// let mut note = Note::new("text\n")?;
    /// let bytes = sign(note.text());
    /// note.add(key.signature(bytes))?;
    /// assert!(note.verify(&[key]).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signature(&self, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature::new(self.name.clone(), self.id, bytes)
    }

    /// Strictly: RFC 8032 without its leeway for weak keys and mixed orders.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.public.verify_strict(message, &signature).is_ok())
    }
}

impl FromStr for VerifierKey {
    type Err = InvalidKey;

    fn from_str(vkey: &str) -> Result<Self, InvalidKey> {
        let (name, rest) = vkey.split_once('+').ok_or(InvalidKey::Form)?;
        // Base64 may hold a `+` itself.
        let (id, key) = rest.split_once('+').ok_or(InvalidKey::Form)?;
        let name = name.parse().map_err(|InvalidName| InvalidKey::Form)?;
        let key = text::decode_base64(key).ok_or(InvalidKey::Form)?;
        let (algorithm, public) = key.split_first().ok_or(InvalidKey::Form)?;
        let algorithm = Algorithm::of_byte(*algorithm).ok_or(InvalidKey::Algorithm)?;
        let public = public.try_into().map_err(|_| InvalidKey::PublicKey)?;
        let key = Self::new(name, algorithm, public)?;
        if key.id.to_string() != id {
            return Err(InvalidKey::Id);
        }
        Ok(key)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.algorithm.byte()][..], self.public.as_bytes()].concat();
        write!(
            formatter,
            "{}+{}+{}",
            self.name,
            self.id,
            text::encode_base64(&key)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Why something is no verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKey {
    /// It is not `name+id+base64`.
    Form,
    /// Its algorithm is another than [`Algorithm`] names.
    Algorithm,
    /// Its public key is none, or one with which everybody could sign.
    PublicKey,
    /// Its id is not that of its name, algorithm and public key: something was mistyped.
    Id,
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Form => "a verifier key is `name+id+base64`",
            Self::Algorithm => "the key's algorithm is neither Ed25519 nor cosignature/v1",
            Self::PublicKey => "the public key is no key of Ed25519, or a weak one",
            Self::Id => "the key's id does not belong to its name and public key",
        })
    }
}

impl std::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::{Algorithm, InvalidKey, KeyName, VerifierKey};

    const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn only_one_spelling_of_a_key_is_read() {
        assert!(VKEY.parse::<VerifierKey>().is_ok());
        for (bad, fault) in [
            (String::new(), InvalidKey::Form),
            ("example.com/foo".to_owned(), InvalidKey::Form),
            ("example.com/foo+530d903a".to_owned(), InvalidKey::Form),
            (VKEY.replace("example", "exa mple"), InvalidKey::Form),
            (VKEY.replace("example.com/foo", ""), InvalidKey::Form),
            (format!("{VKEY}="), InvalidKey::Form),
            (format!("{VKEY}\n"), InvalidKey::Form),
            (VKEY.replace("530d903a", "530D903A"), InvalidKey::Id),
            (VKEY.replace("530d903a", "0530d903a"), InvalidKey::Id),
            (VKEY.replace("530d903a", "530d903b"), InvalidKey::Id),
            (VKEY.replace("foo", "fooo"), InvalidKey::Id),
            (VKEY.replace("+Aeky", "+Beky"), InvalidKey::Id),
            (VKEY.replace("+Aeky", "+Auky"), InvalidKey::Algorithm),
            (VKEY.replace("Kv3U2k", "Kv"), InvalidKey::PublicKey),
        ] {
            let found = bad.parse::<VerifierKey>();
            // A changed byte of the key may also be no point of the curve.
            let accepted = [
                Err(fault),
                Err(InvalidKey::PublicKey),
                Err(InvalidKey::Algorithm),
            ];
            assert!(accepted.contains(&found), "{bad}: {found:?}");
        }
    }

    #[test]
    fn keys_with_which_everybody_could_sign_are_refused() {
        let name: KeyName = "a.example".parse().unwrap();
        let mut one = [0; 32];
        one[0] = 1;
        // The neutral point, and the point of order two.
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        for point in [one, minus_one, [0; 32]] {
            let found = VerifierKey::new(name.clone(), Algorithm::Ed25519, &point);
            assert_eq!(found, Err(InvalidKey::PublicKey));
        }
    }

    #[test]
    fn names_without_spaces_and_plus_are_names() {
        for good in ["a", "é", "log.example/1", "PeterNeumann", "\u{7f}"] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a+b",
            "a\u{2003}b",
            "a\u{85}b",
            "a\nb",
            "a\0",
            &"a".repeat(2000),
        ] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad:?}");
        }
    }
}
