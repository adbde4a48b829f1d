//! `Prefer: wait=N` (RFC 7240, section 4.3).

use std::time::Duration;

use axum::http::HeaderMap;

/// The longest wait of one call; a client that wants more calls again.
pub(super) const LONGEST: Duration = Duration::from_secs(25);

/// What the document says of the header.
pub(super) const DESCRIPTION: &str =
    "`wait=N` (RFC 7240): waits at most N seconds for a change, and at most 25.";

/// Its schema: one that is not understood is ignored.
pub(super) fn schema() -> serde_json::Value {
    serde_json::json!({"type": "string", "example": "wait=25"})
}

/// How long the client prefers to wait; zero where it does not say so, or says it badly, as
/// RFC 7240 has preferences ignored that are not understood.
pub(crate) fn wait(headers: &HeaderMap) -> Duration {
    let mut preferences = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let seconds = preferences.find_map(wait_of);
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST)
}

fn wait_of(preference: &str) -> Option<u64> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    value.trim().trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_and_capped() {
        for (values, seconds) in [
            (&[][..], 0),
            (&["wait=10"], 10),
            (&["Wait = \"7\""], 7),
            (&["respond-async, wait=3"], 3),
            (&["respond-async", "wait=4;x=1"], 4),
            (&["wait=10, wait=20"], 10),
            (&["wait=26"], 25),
            (&["wait=-1"], 0),
            (&["wait"], 0),
            (&["waiting=9"], 0),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", value.parse().unwrap());
            }
            assert_eq!(wait(&headers), Duration::from_secs(seconds), "{values:?}");
        }
    }
}
