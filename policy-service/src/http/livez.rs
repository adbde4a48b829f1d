//! `GET /livez`: the process runs.

use super::openapi::Described;

/// Always 200.
pub(crate) async fn handle() -> &'static str {
    "ok\n"
}

/// What the document says of it.
pub(crate) fn describe() -> Described {
    Described::new("live", "The process runs", "For a liveness probe.").says("text/plain", "`ok`.")
}
