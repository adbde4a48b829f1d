//! What the service asks the signer, and what it is answered: one line of JSON each, and the connection ends.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest line.
pub(crate) const MOST_BYTES: u64 = 32 * 1024;
/// How long either side takes over the other.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// The longest proof of consistency: two hashes for each level of a tree of 2^63 leaves, and one.
pub(crate) const MOST_HASHES: usize = 128;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// Which keys sign, and what the last head of this log is that they signed.
    Known {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
    },
    /// Sign this head: the last one is its beginning, by this proof.
    Sign {
        /// The text of a checkpoint.
        checkpoint: String,
        /// Hashes in base64. None where nothing was signed yet.
        proof: Vec<String>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// Public keys as `ed25519:…`: the one of now, and then the one before.
    Known {
        keys: Vec<String>,
        /// The text of a checkpoint.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<String>,
    },
    /// The signed note.
    Signed { note: String },
    /// Nothing was signed.
    Refused { why: Refusal },
}

/// Why nothing is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    /// Who asks is not the user that may.
    OtherUser,
    /// What was asked cannot be read.
    Unreadable,
    /// It is the head of a log that this signer does not sign for.
    OtherLog,
    /// A larger head was signed before.
    Smaller,
    /// A head of the same size and another root was signed before.
    OtherRoot,
    /// The last head is not its beginning, by the proof that came with it.
    NotConsistent,
    /// Another head was signed meanwhile.
    Conflict,
    /// What was signed last cannot be read or written.
    State,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::OtherUser => "who asks is not the user that may",
            Refusal::Unreadable => "what was asked cannot be read",
            Refusal::OtherLog => "it does not sign for a log of this name",
            Refusal::Smaller => "it has signed a larger head of this log",
            Refusal::OtherRoot => "it has signed another head of this size",
            Refusal::NotConsistent => "the head does not continue the one that it has signed last",
            Refusal::Conflict => "another head was signed meanwhile",
            Refusal::State => "what it has signed last cannot be read or written",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written_and_nothing_else_is() {
        let asks = [
            Ask::Known { origin: None },
            Ask::Known {
                origin: Some("audit.example.org/velum/2026".to_owned()),
            },
            Ask::Sign {
                checkpoint: "a\n1\nb\n".to_owned(),
                proof: vec!["c".to_owned()],
            },
        ];
        for ask in asks {
            let line = serde_json::to_string(&ask).unwrap();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(serde_json::from_str::<Ask>(&line).unwrap(), ask);
        }
        for line in [
            "",
            "{}",
            "{\"ask\":\"known\",\"more\":1}",
            "{\"ask\":\"sign\",\"checkpoint\":\"a\"}",
            "{\"ask\":\"stop\"}",
        ] {
            assert!(serde_json::from_str::<Ask>(line).is_err(), "{line}");
        }
        let answer = Answer::Refused {
            why: Refusal::NotConsistent,
        };
        let line = serde_json::to_string(&answer).unwrap();
        assert_eq!(line, "{\"answer\":\"refused\",\"why\":\"not-consistent\"}");
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer);
    }
}
