//! What can go wrong with an operation on one approval that is neither a check nor a vote.

use axum::http::StatusCode;
use velum_approval::Refused;

use super::app::unavailable;
use crate::problem::Problem;
use crate::store::StoreError;

/// Why an operation on an approval is refused.
pub(crate) enum CaseError {
    /// No such approval, or not the caller's.
    Unknown,
    Refused(Refused),
    Store(StoreError),
}

impl From<StoreError> for CaseError {
    fn from(error: StoreError) -> CaseError {
        CaseError::Store(error)
    }
}

impl From<CaseError> for Problem {
    fn from(error: CaseError) -> Problem {
        match error {
            CaseError::Unknown => Problem::unknown_approval(),
            CaseError::Store(error) => unavailable("change an approval", &error),
            CaseError::Refused(refused) => Problem::new(
                StatusCode::CONFLICT,
                refused.name(),
                "The approval cannot be changed so",
                refused.to_string(),
            ),
        }
    }
}
