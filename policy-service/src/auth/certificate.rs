//! The names that a client's certificate proves.

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// A subject alternative name of a certificate: a URI, or a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CertificateName(Box<str>);

impl CertificateName {
    /// A name in full: a URI has `://`, everything else is a DNS name.
    pub(crate) fn parse(text: &str) -> Option<CertificateName> {
        let is_name = match text.split_once("://") {
            Some((scheme, rest)) => {
                !scheme.is_empty()
                    && !rest.is_empty()
                    && text.bytes().all(|byte| byte.is_ascii_graphic())
            }
            None => text.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
                    })
            }),
        };
        is_name.then(|| CertificateName(text.into()))
    }
}

impl CertificateName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The client of a connection, by the names of the certificate that it has shown and that an
/// authority of `tls.client_ca` has signed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer(Vec<CertificateName>);

impl Peer {
    /// Reads the names of a certificate that TLS has verified.
    pub(crate) fn from_verified(certificate: &CertificateDer<'_>) -> Peer {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else {
            return Peer::default();
        };
        let hosts = certificate.valid_dns_names().map(str::to_ascii_lowercase);
        // A name of one kind must not pass for one of the other.
        let hosts = hosts.filter(|name| !name.contains("://"));
        let uris = certificate.valid_uri_names().map(str::to_owned);
        let uris = uris.filter(|name| name.contains("://"));
        Peer(
            hosts
                .chain(uris)
                .filter_map(|name| CertificateName::parse(&name))
                .collect(),
        )
    }

    #[cfg(test)]
    pub(crate) fn of(names: Vec<CertificateName>) -> Peer {
        Peer(names)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &CertificateName> {
        self.0.iter()
    }
}
