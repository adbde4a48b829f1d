//! Free text by a person, which may hold PHI.

use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

use super::{InvalidWord, check_text};

/// Free text by a person: why they ask, what they say when they decide. It may hold PHI: it has no
/// `Display`, its `Debug` shows its length only, and no [`Record`](crate::Record) has room for it.
///
/// It can be serialized because it has to travel from the filter to the service's erasable column.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// The most bytes of a reason.
    pub const MOST_BYTES: usize = 1024;

    /// Refuses empty text, more than [`MOST_BYTES`](Self::MOST_BYTES), and control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidWord> {
        let text = text.into();
        check_text("reason", &text, Self::MOST_BYTES)?;
        Ok(Self(text))
    }

    /// The text, for the reviewer and the erasable column only.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason(<{} bytes>)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        let reason = Reason::new("canary").unwrap();
        assert_eq!(format!("{reason:?}"), "Reason(<6 bytes>)");
    }

    #[test]
    fn empty_long_and_control_characters_are_refused() {
        let long = "r".repeat(Reason::MOST_BYTES + 1);
        for bad in ["", "a\nb", "\u{1b}[31m", long.as_str()] {
            assert!(Reason::new(bad).is_err());
        }
    }
}
