//! Where the service listens, and how it and its gateways prove who they are there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;
use crate::auth::{CertificateName, TokenHash};

/// The addresses, checked against each other.
#[derive(Clone, Debug)]
pub(crate) struct Listeners {
    /// For reviewers; for gateways too where they have none of their own.
    pub(crate) main: SocketAddr,
    /// For gateways alone.
    pub(crate) gateways: Option<SocketAddr>,
    pub(crate) tls: Option<TlsFiles>,
}

impl Listeners {
    /// Whether anybody is asked for a certificate.
    pub(super) fn asks_for_certificates(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.client_ca.is_some())
    }

    /// Every address that callers can reach.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.main).chain(self.gateways)
    }
}

/// The files of `[tls]`, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The service's certificate, and those between it and its authority.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The authorities whose certificates gateways may show.
    pub(crate) client_ca: Option<PathBuf>,
}

/// `[tls]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsTable {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl TlsTable {
    fn files(self, folder: &Path) -> TlsFiles {
        TlsFiles {
            certificate: folder.join(self.certificate),
            key: folder.join(self.key),
            client_ca: self.client_ca.map(|file| folder.join(file)),
        }
    }
}

/// Where metrics are scraped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricsListener {
    pub(crate) listen: SocketAddr,
    /// Whose token scrapes; nobody needs one on loopback.
    pub(crate) token: Option<TokenHash>,
}

/// `[metrics]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsTable {
    listen: SocketAddr,
    token_sha256: Option<String>,
}

impl MetricsTable {
    pub(super) fn token_sha256(&self) -> Option<&str> {
        self.token_sha256.as_deref()
    }

    /// Refuses to tell others without a token, or a token in plain text.
    pub(super) fn listener(
        self,
        token: Option<TokenHash>,
        is_safe: bool,
    ) -> Result<MetricsListener, ConfigError> {
        let listen = self.listen;
        if !listen.ip().is_loopback() && token.is_none() {
            let fault = format!("{listen} can be reached by others: say whose token scrapes");
            return Err(ConfigError::new("metrics.token_sha256", fault));
        }
        if !is_safe {
            check_plain("metrics.listen", listen)?;
        }
        Ok(MetricsListener { listen, token })
    }
}

/// Joins what the document says of listeners, and refuses plain text where others could read it.
pub(super) fn listeners(
    main: SocketAddr,
    gateways: Option<SocketAddr>,
    insecure: bool,
    tls: Option<TlsTable>,
    folder: &Path,
) -> Result<Listeners, ConfigError> {
    if gateways.is_some_and(|gateways| gateways == main && main.port() != 0) {
        let fault = "the same address as `listen`: leave it out, or give another";
        return Err(ConfigError::new("listen_gateways", fault));
    }
    if insecure && tls.is_some() {
        let fault = "with [tls] nothing is plain text: leave it out";
        return Err(ConfigError::new("insecure_listen", fault));
    }
    let listeners = Listeners {
        main,
        gateways,
        tls: tls.map(|table| table.files(folder)),
    };
    if listeners.tls.is_none() && !insecure {
        check_plain("listen", main)?;
        if let Some(gateways) = gateways {
            check_plain("listen_gateways", gateways)?;
        }
    }
    Ok(listeners)
}

/// Refuses plain text on an address that others can reach.
fn check_plain(place: &str, address: SocketAddr) -> Result<(), ConfigError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let fault = format!(
        "{address} can be reached by others, who could read tokens on the way: add [tls], or say \
         insecure_listen = true where a proxy on the same machine or pod ends TLS"
    );
    Err(ConfigError::new(place, fault))
}

/// Reads the name that a gateway's certificate has.
pub(super) fn certificate_name(place: &str, text: &str) -> Result<CertificateName, ConfigError> {
    CertificateName::parse(text).ok_or_else(|| {
        let fault = "a name that the certificate has as its subject alternative name, whole: a URI \
                     (\"spiffe://…\") or a DNS name, in lower case and without `*`";
        ConfigError::new(format!("{place}.certificate"), fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Listeners, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            listen: SocketAddr,
            listen_gateways: Option<SocketAddr>,
            #[serde(default)]
            insecure_listen: bool,
            tls: Option<TlsTable>,
        }
        let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
        let Document {
            listen,
            listen_gateways,
            insecure_listen,
            tls,
        } = document;
        let folder = Path::new("/etc/velum");
        listeners(listen, listen_gateways, insecure_listen, tls, folder)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn plain_text_stays_on_the_machine_unless_it_is_said_plainly() {
        for address in ["127.0.0.1:8470", "[::1]:8470", "127.1.2.3:8470"] {
            assert!(of(&format!("listen = \"{address}\"")).is_ok(), "{address}");
        }
        for address in ["0.0.0.0:8470", "[::]:8470", "192.0.2.1:8470", "10.0.0.1:0"] {
            let listen = format!("listen = \"{address}\"");
            let error = of(&listen).unwrap_err();
            assert!(error.starts_with("listen: "), "{error}");
            assert!(error.contains("insecure_listen = true"), "{error}");
            assert!(of(&format!("{listen}\ninsecure_listen = true")).is_ok());
            let tls = "[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"";
            assert!(of(&format!("{listen}\n{tls}")).is_ok());
            let second = format!("listen = \"127.0.0.1:1\"\nlisten_gateways = \"{address}\"");
            assert!(of(&second).unwrap_err().starts_with("listen_gateways: "));
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let tls = "[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"";
        for (text, expected) in [
            (
                "listen = \"127.0.0.1:1\"\nlisten_gateways = \"127.0.0.1:1\"".to_owned(),
                "listen_gateways: the same",
            ),
            (
                format!("listen = \"127.0.0.1:1\"\ninsecure_listen = true\n{tls}"),
                "insecure_listen: with [tls]",
            ),
        ] {
            let error = of(&text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let listeners = of(&format!("listen = \"0.0.0.0:1\"\n{tls}")).unwrap();
        let files = listeners.tls.unwrap();
        assert_eq!(files.certificate, Path::new("/etc/velum/a.pem"));
    }

    #[test]
    fn a_name_is_whole_and_says_which_kind_it_is() {
        for name in ["spiffe://mesh/ns/edge/sa/envoy", "edge.example", "edge"] {
            assert!(certificate_name("gateways[0]", name).is_ok(), "{name}");
        }
        for name in [
            "",
            "*.example",
            "Edge.example",
            "edge example",
            "spiffe://",
            "a..b",
        ] {
            let error = certificate_name("gateways[0]", name).unwrap_err();
            assert!(error.to_string().starts_with("gateways[0].certificate: "));
        }
    }
}
