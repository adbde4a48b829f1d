//! `GET /livez`: the process runs.

/// Always 200.
pub(crate) async fn handle() -> &'static str {
    "ok\n"
}
