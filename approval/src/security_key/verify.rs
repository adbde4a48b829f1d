//! Whether what a browser sends is what a security key of this person has signed.
//!
//! No attestation is asked for: which make a key is of nobody can know, and so nothing rests on it. Extensions are
//! not asked for either; an assertion that has any is refused.

use sha2::{Digest, Sha256};
use std::fmt;

use ed25519_dalek::Signature as EdDsaSignature;
use ed25519_dalek::VerifyingKey as EdDsaKey;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature as Es256Signature, VerifyingKey as Es256Key};

use super::KeySignature;
use super::{
    Approving, Assertion, CHALLENGE_LIFETIME, ClientForm, Credential, CredentialKey, KeyOrigin,
};
use crate::words::{CredentialId, KeyCoordinate, KeyNonce, PersonId, Timestamp};

/// Somebody is there.
const PRESENT: u8 = 0x01;
/// The key has made sure who: a number, a finger, a face.
const VERIFIED: u8 = 0x04;
/// The key can be copied to other devices.
const MAY_BE_COPIED: u8 = 0x08;
/// It is.
const IS_COPIED: u8 = 0x10;
/// A credential follows.
const HAS_CREDENTIAL: u8 = 0x40;
/// Extensions follow.
const HAS_EXTENSIONS: u8 = 0x80;
/// Of no meaning yet.
const RESERVED: u8 = 0x22;
/// The hash of the relying party's id, flags, counter.
const HEAD: usize = 37;
/// The most bytes of a credential's id (Level 2, section 6.5.1).
const MOST_ID: usize = 1023;

/// Why something is no proof that a person approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The bytes are not what a security key or a browser sends.
    Malformed,
    /// The browser signed another challenge, at another origin, or wrote it in a form that is not known.
    OtherChallenge,
    /// It was made for another relying party.
    OtherParty,
    /// Nobody was there, or the key has not made sure who.
    NotVerified,
    /// The credential is another person's, or is not good at that time.
    OtherCredential,
    /// The key is of an algorithm that is not asked for, or no key.
    BadKey,
    /// The signature is not the key's.
    BadSignature,
    /// The challenge was answered too late, or before it was made.
    Late,
    /// It says that the key can be copied, and said otherwise before.
    Changed,
    /// It counts less than before: there may be a copy of the key.
    Copied,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "what was sent is not what a security key gives",
            Self::OtherChallenge => "it answers another challenge, or was made at another origin",
            Self::OtherParty => "it was made for another relying party",
            Self::NotVerified => "the security key has not made sure who is there",
            Self::OtherCredential => "the security key is not this person's, or not good yet",
            Self::BadKey => "the public key is none of the algorithms ES256 and EdDSA",
            Self::BadSignature => "the signature is not the security key's",
            Self::Late => "the challenge was not answered within its five minutes",
            Self::Changed => {
                "the security key says that it can be copied, and said otherwise before"
            }
            Self::Copied => "the security key counts less than before: there may be a copy of it",
        })
    }
}

impl std::error::Error for Unproven {}

impl Credential {
    /// Whether this person has approved exactly this with this key.
    ///
    /// # Errors
    /// Why it proves nothing. That the counter has grown is for the caller, who knows what it was: see
    /// [`counts_on`](Self::counts_on).
    pub fn verify(&self, assertion: &Assertion, what: &Approving<'_>) -> Result<(), Unproven> {
        let is_this = assertion.credential == self.id
            && *what.person == self.person
            && assertion.at == what.at
            && assertion.version == what.version
            && assertion.nonce == what.nonce;
        if !is_this || assertion.at < self.from {
            return Err(Unproven::OtherCredential);
        }
        let flags = assertion.flags;
        if flags & (RESERVED | HAS_CREDENTIAL | HAS_EXTENSIONS) != 0 {
            return Err(Unproven::Malformed);
        }
        check_presence(flags)?;
        if (flags ^ self.flags) & MAY_BE_COPIED != 0 {
            return Err(Unproven::Changed);
        }
        let challenge = what.challenge().map_err(|_| Unproven::Malformed)?;
        let client = assertion
            .client
            .write("webauthn.get", &challenge, self.origin.as_str());
        let mut signed = head(&self.origin, flags, assertion.count);
        signed.extend_from_slice(&Sha256::digest(client.as_bytes()));
        self.key.verify(&signed, assertion.signature.as_bytes())
    }

    /// Whether a counter may follow another: it grows, or the key has none.
    ///
    /// # Errors
    /// [`Unproven::Copied`] where it does not.
    pub fn counts_on(before: u32, now: u32) -> Result<(), Unproven> {
        if now > before || (now == 0 && before == 0) {
            Ok(())
        } else {
            Err(Unproven::Copied)
        }
    }
}

impl CredentialKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Unproven> {
        match self {
            Self::Es256 { .. } => {
                let signature =
                    Es256Signature::from_der(signature).map_err(|_| Unproven::BadSignature)?;
                let key = self.es256()?;
                key.verify(message, &signature)
                    .map_err(|_| Unproven::BadSignature)
            }
            Self::EdDsa { x } => {
                let signature =
                    EdDsaSignature::from_slice(signature).map_err(|_| Unproven::BadSignature)?;
                let key = EdDsaKey::from_bytes(x.as_bytes()).map_err(|_| Unproven::BadKey)?;
                key.verify_strict(message, &signature)
                    .map_err(|_| Unproven::BadSignature)
            }
        }
    }

    fn es256(&self) -> Result<Es256Key, Unproven> {
        let Self::Es256 { x, y } = self else {
            return Err(Unproven::BadKey);
        };
        // SEC 1, section 2.3.4: an uncompressed point.
        let mut point = vec![4];
        point.extend_from_slice(x.as_bytes());
        point.extend_from_slice(y.as_bytes());
        Es256Key::from_sec1_bytes(&point).map_err(|_| Unproven::BadKey)
    }

    /// Reads a COSE key (RFC 9052, section 7) in the one form in which security keys have to write it, and gives what
    /// follows it.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Unproven> {
        const ES256: &[u8] = &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        const SECOND: &[u8] = &[0x22, 0x58, 0x20];
        const EDDSA: &[u8] = &[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
        let coordinate = |bytes: &'_ [u8; 32]| KeyCoordinate::from_bytes(*bytes);
        if let Some(rest) = bytes.strip_prefix(ES256) {
            let (x, rest) = rest.split_first_chunk().ok_or(Unproven::BadKey)?;
            let rest = rest.strip_prefix(SECOND).ok_or(Unproven::BadKey)?;
            let (y, rest) = rest.split_first_chunk().ok_or(Unproven::BadKey)?;
            let key = Self::Es256 {
                x: coordinate(x),
                y: coordinate(y),
            };
            key.es256()?;
            return Ok((key, rest));
        }
        let rest = bytes.strip_prefix(EDDSA).ok_or(Unproven::BadKey)?;
        let (x, rest) = rest.split_first_chunk().ok_or(Unproven::BadKey)?;
        EdDsaKey::from_bytes(x).map_err(|_| Unproven::BadKey)?;
        Ok((Self::EdDsa { x: coordinate(x) }, rest))
    }
}

fn check_presence(flags: u8) -> Result<(), Unproven> {
    if flags & (PRESENT | VERIFIED) != PRESENT | VERIFIED {
        return Err(Unproven::NotVerified);
    }
    if flags & IS_COPIED != 0 && flags & MAY_BE_COPIED == 0 {
        return Err(Unproven::Malformed);
    }
    Ok(())
}

/// The first bytes of authenticator data (Level 2, section 6.1).
fn head(origin: &KeyOrigin, flags: u8, count: u32) -> Vec<u8> {
    let mut head = Sha256::digest(origin.relying_party().as_bytes()).to_vec();
    head.push(flags);
    head.extend_from_slice(&count.to_be_bytes());
    head
}

/// Reads flags and counter, and what follows them.
fn read_head<'b>(bytes: &'b [u8], origin: &KeyOrigin) -> Result<(u8, u32, &'b [u8]), Unproven> {
    let (party, rest) = bytes.split_first_chunk::<32>().ok_or(Unproven::Malformed)?;
    let (flags, rest) = rest.split_first().ok_or(Unproven::Malformed)?;
    let (count, rest) = rest.split_first_chunk::<4>().ok_or(Unproven::Malformed)?;
    if party[..] != Sha256::digest(origin.relying_party().as_bytes())[..] {
        return Err(Unproven::OtherParty);
    }
    Ok((*flags, u32::from_be_bytes(*count), rest))
}

/// What is to be kept of an answer of `navigator.credentials.get`. It says nothing of whether it proves anything:
/// [`Credential::verify`] does.
///
/// # Errors
/// When it has another form, or is of another challenge, origin or relying party.
pub fn read_assertion(
    what: &Approving<'_>,
    origin: &KeyOrigin,
    raw_id: &[u8],
    (client_data, authenticator_data, signature): (&[u8], &[u8], &[u8]),
) -> Result<Assertion, Unproven> {
    if authenticator_data.len() != HEAD {
        return Err(Unproven::Malformed);
    }
    let (flags, count, _) = read_head(authenticator_data, origin)?;
    let challenge = what.challenge().map_err(|_| Unproven::Malformed)?;
    let client = ClientForm::of(client_data, "webauthn.get", &challenge, origin.as_str());
    Ok(Assertion {
        credential: credential_id(raw_id),
        nonce: what.nonce,
        at: what.at,
        version: what.version,
        client: client.ok_or(Unproven::OtherChallenge)?,
        flags,
        count,
        signature: KeySignature::new(signature.to_vec()).map_err(|_| Unproven::Malformed)?,
    })
}

fn credential_id(raw_id: &[u8]) -> CredentialId {
    CredentialId::from_bytes(Sha256::digest(raw_id).into())
}

/// What a new security key says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What browsers find it by.
    pub raw_id: Vec<u8>,
    /// The same as it is kept in records.
    pub id: CredentialId,
    /// Its public key.
    pub key: CredentialKey,
    /// Whether it can be copied, and is: those two flags.
    pub flags: u8,
    /// Its counter.
    pub count: u32,
}

/// What a security key is asked to sign when it is added: good for this person, once.
pub fn challenge_to_register(person: &PersonId, at: Timestamp, nonce: &KeyNonce) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(b"velum-webauthn-register-v1\0");
    digest.update(nonce.as_bytes());
    digest.update(at.as_millis().to_be_bytes());
    digest.update(person.as_str().as_bytes());
    digest.finalize().into()
}

/// Reads an answer of `navigator.credentials.create`: the authenticator data and `clientDataJSON`. No attestation
/// is looked at.
///
/// # Errors
/// When it is of another challenge, origin or relying party, nobody was there, or the key is of another algorithm.
pub fn read_registration(
    origin: &KeyOrigin,
    challenge: &[u8; 32],
    (client_data, authenticator_data): (&[u8], &[u8]),
) -> Result<Registered, Unproven> {
    if ClientForm::of(client_data, "webauthn.create", challenge, origin.as_str()).is_none() {
        return Err(Unproven::OtherChallenge);
    }
    let (flags, count, rest) = read_head(authenticator_data, origin)?;
    check_presence(flags)?;
    if flags & HAS_CREDENTIAL == 0 || flags & RESERVED != 0 {
        return Err(Unproven::Malformed);
    }
    // Which model it is says nothing that anybody has vouched for.
    let (_model, rest) = rest.split_first_chunk::<16>().ok_or(Unproven::Malformed)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(Unproven::Malformed)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (raw_id, rest) = rest.split_at_checked(length).ok_or(Unproven::Malformed)?;
    if raw_id.is_empty() || raw_id.len() > MOST_ID {
        return Err(Unproven::Malformed);
    }
    let (key, rest) = CredentialKey::read(rest)?;
    if rest.is_empty() == (flags & HAS_EXTENSIONS != 0) {
        return Err(Unproven::Malformed);
    }
    Ok(Registered {
        id: credential_id(raw_id),
        raw_id: raw_id.to_vec(),
        key,
        flags: flags & (MAY_BE_COPIED | IS_COPIED),
        count,
    })
}

impl Assertion {
    /// Whether a vote at this time answers the challenge in time.
    ///
    /// # Errors
    /// [`Unproven::Late`] where it does not.
    pub fn is_in_time(&self, voted: Timestamp) -> Result<(), Unproven> {
        if voted < self.at || voted >= self.at.after(CHALLENGE_LIFETIME) {
            return Err(Unproven::Late);
        }
        Ok(())
    }
}
