//! Why a command ended without doing what it was asked.

use std::fmt;
use std::io;
use std::path::Path;

use crate::show::path;

/// A sentence for standard error. Holds no value that was to be masked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard output was closed by whoever read it.
    OutputClosed,
    /// The command was called wrongly in a way that its grammar does not show.
    Misused(String),
    /// What was to be verified cannot be read.
    Unread(String),
    /// Anything else, with what to do about it.
    Told(String),
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Told(message.into())
    }

    pub(crate) fn misused(message: impl Into<String>) -> Self {
        Self::Misused(message.into())
    }

    /// A file of what is to be verified that cannot be read.
    pub(crate) fn unread(file: &Path, error: &io::Error) -> Self {
        Self::Unread(format!("{}: cannot be read: {error}", path(file)))
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Self {
        Self::Told(format!("{}: cannot be read: {error}", path(file)))
    }

    /// A file that cannot be written.
    pub(crate) fn unwritable(file: &Path, error: &io::Error) -> Self {
        Self::Told(format!("{}: cannot be written: {error}", path(file)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputClosed => formatter.write_str("standard output was closed"),
            Self::Misused(message) | Self::Unread(message) | Self::Told(message) => {
                formatter.write_str(message)
            }
        }
    }
}

/// An error of standard output: what is read is wrapped where it is read.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Told(format!("standard output: {error}")),
        }
    }
}
