//! Which keys signed a note.

use std::fmt;

use super::key::{Algorithm, VerifierKey};
use super::{Note, NoteSignature};

/// In front of what a witness signs (C2SP tlog-cosignature, "Ed25519 signed message").
const COSIGNATURE: &str = "cosignature/v1";

/// A known key, and that it signed the note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidSignature<'k> {
    key: &'k VerifierKey,
    time: Option<u64>,
}

impl<'k> ValidSignature<'k> {
    /// The key that signed.
    pub const fn key(&self) -> &'k VerifierKey {
        self.key
    }

    /// When a witness says that it signed: seconds since 1970 in UTC, at most 2^63 - 1. None of other
    /// algorithms.
    pub const fn time(&self) -> Option<u64> {
        self.time
    }
}

impl Note {
    /// The known keys that signed, each once, in the order of the signatures. Signatures of unknown keys
    /// are passed over. Fails if there is none of a known key, and if any of a known key is false (C2SP
    /// signed-note, "Signatures").
    pub fn verify<'k>(
        &self,
        known: &'k [VerifierKey],
    ) -> Result<Vec<ValidSignature<'k>>, VerifyError> {
        let mut valid: Vec<ValidSignature<'k>> = Vec::new();
        for signature in self.signatures() {
            let claimed: Vec<_> = known.iter().filter(|key| signature.is_by(key)).collect();
            if claimed.is_empty() {
                continue;
            }
            let found = claimed
                .into_iter()
                .find_map(|key| self.verify_one(key, signature))
                .ok_or(VerifyError::False)?;
            if !valid.iter().any(|other| other.key == found.key) {
                valid.push(found);
            }
        }
        if valid.is_empty() {
            return Err(VerifyError::NoneKnown);
        }
        Ok(valid)
    }

    fn verify_one<'k>(
        &self,
        key: &'k VerifierKey,
        signature: &NoteSignature,
    ) -> Option<ValidSignature<'k>> {
        let (time, message, bytes) = match key.algorithm() {
            Algorithm::Ed25519 => (None, self.text().to_owned(), signature.bytes()),
            Algorithm::CosignatureV1 => {
                let (time, bytes) = signature.bytes().split_first_chunk::<8>()?;
                // It must not exceed 2^63 - 1.
                let time = u64::from_be_bytes(*time);
                i64::try_from(time).ok()?;
                let message = format!("{COSIGNATURE}\ntime {time}\n{}", self.text());
                (Some(time), message, bytes)
            }
        };
        key.verifies(message.as_bytes(), bytes)
            .then_some(ValidSignature { key, time })
    }
}

/// Why no known key stands for a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// None of its signatures is of a known key.
    NoneKnown,
    /// A signature in the name of a known key is not the key's.
    False,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoneKnown => "no known key signed this",
            Self::False => "a signature in the name of a known key is not by that key",
        })
    }
}

impl std::error::Error for VerifyError {}

#[cfg(test)]
mod tests {
    use super::VerifyError;
    use crate::note::{Algorithm, Note, NoteSigner, VerifierKey};

    fn signer(name: &str, seed: u8) -> NoteSigner {
        NoteSigner::from_seed(name.parse().unwrap(), &[seed; 32])
    }

    fn key(name: &str, seed: u8) -> VerifierKey {
        signer(name, seed).verifier().clone()
    }

    fn signed(signers: &[&NoteSigner]) -> Note {
        let mut note = Note::new("text\n").unwrap();
        note.sign(signers).unwrap();
        note
    }

    #[test]
    fn any_known_key_is_enough_and_unknown_ones_are_passed_over() {
        let note = signed(&[&signer("a", 1), &signer("b", 2), &signer("a", 3)]);
        for (known, count) in [
            (vec![key("a", 1)], 1),
            (vec![key("b", 2)], 1),
            (vec![key("a", 3), key("c", 4)], 1),
            (vec![key("a", 3), key("b", 2), key("a", 1)], 3),
        ] {
            assert_eq!(note.verify(&known).unwrap().len(), count);
        }
        // The same name or the same key is not the same signer.
        for known in [
            vec![],
            vec![key("a", 2)],
            vec![key("b", 1)],
            vec![key("c", 1)],
        ] {
            assert_eq!(note.verify(&known), Err(VerifyError::NoneKnown));
        }
    }

    #[test]
    fn a_false_signature_of_a_known_key_spoils_the_note() {
        let (a, b) = (signer("a", 1), signer("b", 2));
        let mut note = signed(&[&a]);
        note.add(b.sign("another text\n")).unwrap();
        assert!(note.verify(&[key("a", 1)]).is_ok());
        assert_eq!(
            note.verify(&[key("a", 1), key("b", 2)]),
            Err(VerifyError::False)
        );
        // Also where a good one of the same key stands beside it, in either order.
        for texts in [["text\n", "other\n"], ["other\n", "text\n"]] {
            let mut note = Note::new("text\n").unwrap();
            for text in texts {
                note.add(a.sign(text)).unwrap();
            }
            assert_eq!(note.verify(&[key("a", 1)]), Err(VerifyError::False));
        }
        let mut short = Note::new("text\n").unwrap();
        short.add(a.verifier().signature(vec![1; 63])).unwrap();
        assert_eq!(short.verify(&[key("a", 1)]), Err(VerifyError::False));
    }

    #[test]
    fn a_key_counts_once_however_often_it_signed() {
        let a = signer("a", 1);
        let note = signed(&[&a, &a]);
        assert_eq!(note.verify(&[key("a", 1), key("a", 1)]).unwrap().len(), 1);
    }

    #[test]
    fn each_changed_bit_is_found() {
        let a = signer("a", 1);
        let whole = signed(&[&a]).to_string().into_bytes();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let found = Note::parse(&changed).map(|note| note.verify(&[key("a", 1)]).is_ok());
                assert!(!found.unwrap_or(false), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_witness_signs_time_and_text() {
        let secret = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let public = secret.verifying_key().to_bytes();
        let name = || "witness.example".parse().unwrap();
        let witness = VerifierKey::new(name(), Algorithm::CosignatureV1, &public).unwrap();
        let cosign = |message: &str, time: u64| {
            use ed25519_dalek::Signer as _;
            let signature = secret.sign(message.as_bytes()).to_bytes();
            witness.signature([&time.to_be_bytes()[..], &signature].concat())
        };
        let verify = |message: &str, time: u64| {
            let mut note = Note::new("text\n").unwrap();
            note.add(cosign(message, time)).unwrap();
            let known = [witness.clone()];
            let verified = note.verify(&known);
            verified.map(|valid| valid[0].time())
        };
        let good = "cosignature/v1\ntime 1679315147\ntext\n";
        assert_eq!(verify(good, 1_679_315_147), Ok(Some(1_679_315_147)));
        assert_eq!(verify(good, 1_679_315_148), Err(VerifyError::False));
        for bad in [
            "text\n",
            "cosignature/v1\ntime 01679315147\ntext\n",
            "time 1679315147\ntext\n",
        ] {
            assert_eq!(verify(bad, 1_679_315_147), Err(VerifyError::False), "{bad}");
        }
        let late = u64::MAX;
        let message = format!("cosignature/v1\ntime {late}\ntext\n");
        assert_eq!(verify(&message, late), Err(VerifyError::False));
        // A signature of the log's kind is none of a witness's, by the same key.
        let plain = VerifierKey::new(name(), Algorithm::Ed25519, &public).unwrap();
        assert_ne!(plain.id(), witness.id());
    }
}
