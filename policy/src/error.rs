//! What is wrong with a configuration, where, and what to do.

use std::error::Error;
use std::fmt;

/// The first fault of a configuration document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where, as a JSON Pointer (RFC 6901) into the document; empty for the document itself.
    pub pointer: String,
    /// What is wrong and what to do. Holds no value of the document but words of the schema and
    /// names of environment variables.
    pub message: String,
}

impl ConfigError {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the document"
        } else {
            &self.pointer
        };
        write!(formatter, "{place}: {}", self.message)
    }
}

impl Error for ConfigError {}

/// The pointer of a member or an item, escaped as RFC 6901 says.
pub(crate) fn child_pointer(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}
