//! Names and ids that are shown, stored and logged.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

use super::{InvalidWord, check_text};

macro_rules! name_word {
    ($(#[$doc:meta])* $name:ident, $word:literal, $check:path, $most:literal) => {
        $(#[$doc])*
        #[doc = concat!("\n\nAt most ", stringify!($most), " bytes.")]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Takes the text, or says why it is not a valid ", $word, ".")]
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidWord> {
                let text = text.into();
                $check($word, &text, $most)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidWord;

            fn from_str(text: &str) -> Result<Self, InvalidWord> {
                Self::new(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_word! {
    /// The id of one approval. Not a secret: it is of no use to another principal.
    ///
    /// Letters, digits, `-` and `_`, a letter or a digit first: it stands in URLs, headers and
    /// command lines.
    ApprovalId, "approval id", check_id, 64
}
name_word! {
    /// The id of one audit record. Same characters as an [`ApprovalId`].
    RecordId, "record id", check_id, 64
}
name_word! {
    /// The id of a stop. Same characters as an [`ApprovalId`].
    StopId, "stop id", check_id, 64
}
name_word! {
    /// The id of an emergency access. Same characters as an [`ApprovalId`].
    EmergencyId, "emergency id", check_id, 64
}
name_word! {
    /// A masking rule's name in the policy.
    RuleName, "rule name", check_text, 64
}
name_word! {
    /// A person's id in the service's [`Directory`](crate::Directory).
    PersonId, "person id", check_text, 128
}
name_word! {
    /// An agent's id in the service's [`Directory`](crate::Directory).
    AgentId, "agent id", check_text, 128
}
name_word! {
    /// A group of reviewers.
    GroupName, "group name", check_text, 128
}
name_word! {
    /// A gateway: one Envoy, or one fleet of them that shares a token.
    GatewayId, "gateway id", check_text, 128
}
name_word! {
    /// An action's name in the policy.
    ActionName, "action name", check_text, 128
}

name_word! {
    /// An audit log's name: the origin in its heads (C2SP tlog-checkpoint), such as
    /// `audit.example.org/velum/2026`.
    ///
    /// Small letters, digits, `-`, `.` and `/`: a host's name and a path, without a scheme.
    LogName, "log name", check_log_name, 128
}

fn check_log_name(word: &'static str, text: &str, most: usize) -> Result<(), InvalidWord> {
    check_text(word, text, most)?;
    let part = |part: &str| {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = part.as_bytes();
        let allowed = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
        };
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(allowed)
    };
    if text.split('/').all(part) {
        return Ok(());
    }
    Err(InvalidWord::new(
        word,
        "small letters, digits, '-' and '.', with '/' between its parts",
    ))
}

fn check_id(word: &'static str, text: &str, most: usize) -> Result<(), InvalidWord> {
    check_text(word, text, most)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !starts_well || !text.bytes().all(allowed) {
        return Err(InvalidWord::new(
            word,
            "only letters, digits, '-' and '_', a letter or a digit first",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_named_like_a_host_and_a_path() {
        for good in ["audit.example.org/velum/2026", "a", "velum.local/0f3a-r1"] {
            assert!(LogName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a//b",
            "/a",
            "a/",
            "Audit.example",
            "a b",
            "a+b",
            "https://a",
            ".a",
            "a-",
        ] {
            assert!(LogName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_hold_only_what_is_safe_in_a_url_and_a_command_line() {
        for good in ["0193e0c2-7d1b-7cc0-a111-3f4a5b6c7d8e", "a", "A_b-9"] {
            assert!(ApprovalId::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "-a",
            "_a",
            "a b",
            "a/b",
            "a\n",
            "é",
            "a.b",
            long.as_str(),
        ] {
            assert!(ApprovalId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_refuse_control_characters_and_excess() {
        assert!(PersonId::new("Grace O'Neil").is_ok());
        let long = "a".repeat(129);
        for bad in ["", "a\u{0}", "a\r\nb", "a\u{7f}", "a\u{85}", long.as_str()] {
            assert!(PersonId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_what_was_read() {
        let error = ApprovalId::new("canary 123-45-6789").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        let error = serde_json::from_str::<ApprovalId>("\"canary 1\"").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
