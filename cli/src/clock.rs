//! The one place where the clock is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What has passed since 1970; nothing where the clock is before that.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub(crate) fn since_epoch() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}
