use std::fmt;

/// What went wrong, in words for whoever runs the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

/// What everything here returns.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Turns any error into a [`Failure`] that names the operation.
pub(crate) trait During<T> {
    fn during(self, operation: &str) -> Result<T>;
}

impl<T, E: fmt::Display> During<T> for std::result::Result<T, E> {
    fn during(self, operation: &str) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{operation}: {error}")))
    }
}
