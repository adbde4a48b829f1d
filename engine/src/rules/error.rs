//! Why a rule set is refused.

use std::fmt;

use crate::detectors::Fault;

/// A rule set that cannot be compiled: which part, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    part: RulePart,
    message: String,
}

/// Which part of a rule set is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RulePart {
    Rule {
        index: usize,
        name: String,
    },
    Exempt(usize),
    Profile(usize),
    Detector {
        index: usize,
        name: String,
        part: String,
    },
    Whole,
}

impl RuleError {
    pub(crate) fn rule(index: usize, name: &str, message: impl Into<String>) -> Self {
        let part = RulePart::Rule {
            index,
            name: name.to_owned(),
        };
        Self {
            part,
            message: message.into(),
        }
    }

    pub(crate) fn exempt(index: usize, message: impl Into<String>) -> Self {
        Self {
            part: RulePart::Exempt(index),
            message: message.into(),
        }
    }

    pub(crate) fn profile(index: usize, message: impl Into<String>) -> Self {
        Self {
            part: RulePart::Profile(index),
            message: message.into(),
        }
    }

    pub(crate) fn detector(index: usize, name: &str, fault: Fault) -> Self {
        Self {
            part: RulePart::Detector {
                index,
                name: name.to_owned(),
                part: fault.part,
            },
            message: fault.message,
        }
    }

    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self {
            part: RulePart::Whole,
            message: message.into(),
        }
    }

    /// The position of the faulty rule among those added, where it is a rule.
    pub fn rule_index(&self) -> Option<usize> {
        if let RulePart::Rule { index, .. } = self.part {
            Some(index)
        } else {
            None
        }
    }

    /// The position of the faulty exemption among those added, where it is one.
    pub fn exempt_index(&self) -> Option<usize> {
        if let RulePart::Exempt(index) = self.part {
            Some(index)
        } else {
            None
        }
    }

    /// The position of the faulty profile among those added, where it is one.
    pub fn profile_index(&self) -> Option<usize> {
        if let RulePart::Profile(index) = self.part {
            Some(index)
        } else {
            None
        }
    }

    /// The position of the faulty detector among those added, where it is one, and which part of it is
    /// at fault: `name`, `pattern`, `checksum`, `dictionary`, `dictionary/3`, `words`, `words/0`,
    /// `required`, or nothing, if it is the whole.
    ///
    /// ```
    /// use velum_engine::{Class, CustomDetector, Ruleset};
    /// let badge = CustomDetector::pattern("badge", Class::Identifier, "B*");
    /// let error = Ruleset::builder().detector(badge).build().unwrap_err();
    /// assert_eq!(error.detector_part(), Some((0, "pattern")));
    /// ```
    pub fn detector_part(&self) -> Option<(usize, &str)> {
        if let RulePart::Detector { index, part, .. } = &self.part {
            Some((*index, part))
        } else {
            None
        }
    }

    /// What is wrong, without saying where.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            RulePart::Rule { index, name } => write!(formatter, "rule {index} ({name}): ")?,
            RulePart::Exempt(index) => write!(formatter, "exempt {index}: ")?,
            RulePart::Profile(index) => write!(formatter, "profile {index}: ")?,
            RulePart::Detector { index, name, part } => {
                let colon = if part.is_empty() { "" } else { ": " };
                write!(formatter, "detector {index} ({name}): {part}{colon}")?;
            }
            RulePart::Whole => write!(formatter, "rules: ")?,
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}
