use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, date_time_ymd,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Result;
use crate::failure::During;

/// A certificate authority for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key, PKCS #8.
    pub key: String,
}

impl Authority {
    /// A fresh authority.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Velum test authority");
        let key = KeyPair::generate().during("key pair")?;
        let issuer = CertifiedIssuer::self_signed(params, key).during("authority")?;
        Ok(Self { issuer })
    }

    /// The authority's own certificate, PEM.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server that is called `localhost`.
    pub fn server(&self) -> Result<Certificate> {
        self.server_named("localhost")
    }

    /// A certificate for a server of this name.
    pub fn server_named(&self, name: &str) -> Result<Certificate> {
        let params = CertificateParams::new(vec![name.to_owned()]).during("server name")?;
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate with this URI as its subject alternative name (a SPIFFE ID, say) and
    /// this common name.
    pub fn client(&self, uri: &str, common_name: &str) -> Result<Certificate> {
        let mut params = CertificateParams::default();
        params
            .subject_alt_names
            .push(SanType::URI(uri.try_into().during("client URI")?));
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The same, of long ago.
    pub fn expired_client(&self, uri: &str) -> Result<Certificate> {
        let mut params = CertificateParams::default();
        params
            .subject_alt_names
            .push(SanType::URI(uri.try_into().during("client URI")?));
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// What a client needs to trust this authority and, if given, to show `client`.
    pub fn client_config(&self, client: Option<&Certificate>) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.issuer.der().clone())
            .during("authority's certificate")?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .during("TLS versions")?
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let certificate = CertificateDer::from_pem_slice(client.certificate.as_bytes())
                    .during("client certificate")?;
                let key =
                    PrivateKeyDer::from_pem_slice(client.key.as_bytes()).during("client key")?;
                builder
                    .with_client_auth_cert(vec![certificate], key)
                    .during("client certificate")?
            }
        };
        Ok(Arc::new(config))
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Certificate> {
        params.extended_key_usages.push(usage);
        let key = KeyPair::generate().during("key pair")?;
        let certificate = params.signed_by(&key, &self.issuer).during("signing")?;
        Ok(Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}
