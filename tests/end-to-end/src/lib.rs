//! What the end-to-end tests share: a whole installation on a stage.
#![expect(
    clippy::missing_panics_doc,
    reason = "these are parts of tests: what does not hold here fails the test"
)]

pub mod failures;
pub mod patched;
pub mod stage;
