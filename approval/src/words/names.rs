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

name_word! {
    /// Where values stand in a response, without their values: `$.name[*].family`.
    ///
    /// From the body (`$`) down, elements as `[*]`, keys as `.key`, and as `.*` where a key is not told. A key
    /// has letters, digits (3 at most, so that it is nobody's number), `-` and `_`, and is at most 64 bytes long.
    FieldPath, "field path", check_field_path, 160
}

impl FieldPath {
    /// The keys on the way, from the outside; `*` for each that is not told.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let steps = self.0.split('.').skip(1);
        steps.map(|step| step.split('[').next().unwrap_or_default())
    }

    /// The same path with every other key untold.
    #[must_use]
    pub fn telling(&self, knows: impl Fn(&str) -> bool) -> Self {
        let step = |step: &str| {
            let (key, elements) = step.split_at(step.find('[').unwrap_or(step.len()));
            let is_told = key == "$" || key == UNTOLD || knows(key);
            format!("{}{elements}", if is_told { key } else { UNTOLD })
        };
        let steps: Vec<_> = self.0.split('.').map(step).collect();
        Self(steps.join("."))
    }
}

/// What stands for a key that is not told.
const UNTOLD: &str = "*";

fn check_field_path(word: &'static str, text: &str, most: usize) -> Result<(), InvalidWord> {
    check_text(word, text, most)?;
    let key = |key: &str| {
        let bytes = key.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let begins = bytes
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        begins && digits <= 3 && bytes.len() <= 64 && bytes.iter().all(allowed)
    };
    let mut steps = text.split('.').map(|step| {
        let (key, elements) = step.split_at(step.find('[').unwrap_or(step.len()));
        let are_elements = elements.as_bytes().chunks(3).all(|one| one == b"[*]");
        are_elements.then_some(key)
    });
    let is_rooted = steps.next() == Some(Some("$"));
    if is_rooted && steps.all(|step| step.is_some_and(|it| it == UNTOLD || key(it))) {
        return Ok(());
    }
    Err(InvalidWord::new(
        word,
        "$, then .key or .* for members and [*] for elements",
    ))
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
    fn a_field_path_has_plain_keys_and_nobodys_number() {
        for good in [
            "$",
            "$.*",
            "$[*]",
            "$[*][*].name[*].given[*]",
            "$.*[*]._birthDate",
            "$.line-3",
        ] {
            assert!(FieldPath::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "name",
            "$name",
            "$.",
            "$..name",
            "$.a b",
            "$.a[0]",
            "$.a[",
            "$.a[*",
            "$.a[*]b",
            "$.MRN-88213",
            "$.1a",
            "$.é",
            "$.**",
            "$.a*",
            "$[*].",
            "$$",
            "$.O'Neil",
            "$.a/b",
        ] {
            assert!(FieldPath::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_path_is_untold() {
        let path = FieldPath::new("$.entry[*].*.ward[*][*].family").unwrap();
        assert_eq!(
            path.keys().collect::<Vec<_>>(),
            ["entry", "*", "ward", "family"]
        );
        let told = path.telling(|key| key != "ward");
        assert_eq!(told.as_str(), "$.entry[*].*.*[*][*].family");
        assert_eq!(FieldPath::new(told.as_str()), Ok(told));
        assert_eq!(path.telling(|_| true), path);
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
