//! Where spans of requests are exported to: `[traces]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use super::anchors::{Peer, peer_url};

/// `[traces]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TracesTable {
    otlp_endpoint: String,
    ca: Option<PathBuf>,
}

impl TracesTable {
    /// The collector, as it is called without `/v1/traces` at its end.
    pub(super) fn collector(self, folder: &Path) -> Result<Peer, ConfigError> {
        let fault = |fault: &str| ConfigError::new("traces.otlp_endpoint", fault);
        let url = peer_url(&self.otlp_endpoint).map_err(fault)?;
        // Else every span would be lost, and only a counter would say so.
        if url.path().trim_end_matches('/').ends_with("/v1/traces") {
            return Err(fault("without /v1/traces, which is put behind it"));
        }
        Ok(Peer {
            url,
            authorities: self.ca.map(|file| folder.join(file)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Peer, String> {
        let table: TracesTable = toml::from_str(text).map_err(|error| error.to_string())?;
        let collector = table.collector(Path::new("/etc/velum"));
        collector.map_err(|error| error.to_string())
    }

    #[test]
    fn a_collector_is_on_this_machine_or_known_by_its_certificate() {
        let here = of("otlp_endpoint = \"http://127.0.0.1:4318\"").unwrap();
        assert_eq!(here.url, "http://127.0.0.1:4318");
        let there = of("otlp_endpoint = \"https://otel.example/x\"\nca = \"ca.pem\"").unwrap();
        let authorities = there.authorities.as_deref();
        assert_eq!(authorities, Some(Path::new("/etc/velum/ca.pem")));
        for (text, expected) in [
            (
                "otlp_endpoint = \"http://otel.example:4318\"",
                "https://, or",
            ),
            (
                "otlp_endpoint = \"http://127.0.0.1:4318/v1/traces\"",
                "without /v1/traces",
            ),
            (
                "otlp_endpoint = \"https://key@otel.example\"",
                "without user",
            ),
            ("endpoint = \"http://127.0.0.1:4318\"", "unknown field"),
            ("", "missing field"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
