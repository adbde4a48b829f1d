//! What is wrong with a profile, and where.

use std::fmt;

/// The first fault of a profile that somebody wrote.
///
/// ```
/// let json = r#"{"profile": "p", "version": 1, "about": "", "rules": [{"keys": ["a"]}]}"#;
/// let fault = velum_profile::read(json).unwrap_err();
/// assert_eq!(fault.pointer(), "/rules/0");
/// assert_eq!(fault.message(), "missing field `class`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    pointer: String,
    message: String,
}

impl ProfileError {
    /// A fault and its place.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }

    /// What `serde_json` says, without the value it says it of.
    pub(crate) fn message_of(error: &serde_json::Error) -> String {
        let said = error.to_string();
        match said.split_once(", expected ") {
            Some((fault, wanted)) if fault.starts_with("invalid ") => format!("must be {wanted}"),
            Some((fault, wanted)) if fault.starts_with("unknown variant") => {
                format!("unknown word, expected {wanted}")
            }
            _ => said,
        }
    }

    /// The same of a part that stands in something larger.
    #[must_use]
    pub fn within(mut self, around: &str) -> Self {
        self.pointer.insert_str(0, around);
        self
    }

    /// Where, as a JSON Pointer (RFC 6901) into the profile; empty for the profile itself.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// What is wrong and what to do.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the profile"
        } else {
            &self.pointer
        };
        write!(formatter, "{place}: {}", self.message)
    }
}

impl std::error::Error for ProfileError {}
