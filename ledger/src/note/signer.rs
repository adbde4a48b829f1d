//! What signs notes.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use super::{Algorithm, KeyName, NoteSignature, VerifierKey};

/// An Ed25519 key with its name (C2SP signed-note, "Ed25519 signatures"). Its `Debug` shows no
/// secret, and the secret is wiped when it is dropped.
pub struct NoteSigner {
    secret: SigningKey,
    verifier: VerifierKey,
}

impl NoteSigner {
    /// The signer of this secret key: 32 random bytes (RFC 8032, section 5.1.5).
    ///
    /// ```
    /// use velum_ledger::note::NoteSigner;
    /// let signer = NoteSigner::from_seed("log.example".parse()?, &[7; 32]);
    /// println!("{}", signer.verifier());
    /// # Ok::<(), velum_ledger::note::InvalidName>(())
    /// ```
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::of(name, Algorithm::Ed25519, secret.verifying_key());
        Self { secret, verifier }
    }

    /// The key that verifies what this one signs.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signature of a note's text.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.secret.sign(text.as_bytes());
        self.verifier.signature(signature.to_bytes().to_vec())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NoteSigner")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::NoteSigner;

    #[test]
    fn no_secret_is_shown() {
        let signer = NoteSigner::from_seed("a.example".parse().unwrap(), &[0xab; 32]);
        let shown = format!("{signer:?} {signer:#?}");
        for secret in ["171, 171", "ab, ab", "abab", "0xab", "q6ur"] {
            assert!(!shown.to_lowercase().contains(secret), "{secret}");
        }
    }
}
