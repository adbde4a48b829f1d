//! What browsers call this service.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::Uri;
use velum_approval::KeyOrigin;

/// A scheme, a host and a port, as a browser writes them (RFC 6454, section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    text: String,
    is_secure: bool,
}

impl Origin {
    /// Reads one exactly as a browser would send it. Plain text is for this machine only: elsewhere cookies
    /// could be read on the way.
    pub(crate) fn parse(text: &str) -> Result<Origin, &'static str> {
        let form =
            "an origin and nothing behind it, in lower case: \"https://approvals.example.org\"";
        let uri: Uri = text.parse().map_err(|_| form)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(form);
        };
        let is_default = matches!(
            (scheme, authority.port_u16()),
            ("https", Some(443)) | ("http", Some(80))
        );
        let written = format!("{scheme}://{authority}");
        if written != text || text != text.to_ascii_lowercase() || text.contains('@') || is_default
        {
            return Err(form);
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            _ => {
                return Err("https, since cookies could be read on the way; http only on loopback");
            }
        }
        Ok(Origin {
            text: text.to_owned(),
            is_secure: scheme == "https",
        })
    }

    /// That of a listener which people reach at its own address.
    pub(crate) fn of(address: SocketAddr, is_secure: bool) -> Origin {
        let scheme = if is_secure { "https" } else { "http" };
        Origin {
            text: format!("{scheme}://{address}"),
            is_secure,
        }
    }

    /// As a browser writes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The same as security keys are bound to it; `None` where its host has no name.
    pub(crate) fn of_keys(&self) -> Option<KeyOrigin> {
        self.text.parse().ok()
    }

    /// Whether it is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let uri = self.text.parse::<Uri>();
        uri.is_ok_and(|uri| uri.host().is_some_and(is_loopback))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn it_is_written_as_browsers_write_it_and_plain_text_stays_on_the_machine() {
        for text in [
            "https://approvals.example.org",
            "https://approvals.example.org:8443",
            "http://localhost:8470",
            "http://127.0.0.1:8470",
            "http://[::1]:8470",
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(origin.as_str(), text);
            assert_eq!(origin.is_secure(), text.starts_with("https"));
            assert_eq!(origin.is_loopback(), text.starts_with("http:"));
        }
        for text in [
            "",
            "approvals.example.org",
            "https://approvals.example.org/",
            "https://approvals.example.org/inbox",
            "https://Approvals.example.org",
            "https://approvals.example.org:443",
            "https://someone@approvals.example.org",
            "https://approvals.example.org?a=b",
            "http://approvals.example.org",
            "http://192.0.2.1:8470",
            "http://localhost.example.org",
            "ftp://localhost",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
