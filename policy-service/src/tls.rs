//! TLS by rustls: what the service shows, whom it asks for a certificate, and how files that change
//! come into force without a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::TlsFiles;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// What a listener does with new connections; what comes later holds for those that come later.
pub(crate) type Present = watch::Receiver<Arc<ServerConfig>>;

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// No: reviewers have none, and their browsers would ask them for one.
    Nobody,
    /// Yes, and who has none may still call: with a token.
    Anyone,
    /// Yes, and who has none is turned away.
    Everyone,
}

/// The files as they were read, to see whether they have changed.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// The files of `[tls]` and the listeners that go by them.
pub(crate) struct Tls {
    files: TlsFiles,
    contents: Contents,
    listeners: Vec<(Asks, watch::Sender<Arc<ServerConfig>>)>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, is not what it should be, or everybody may read the key.
    pub(crate) fn open(files: TlsFiles) -> Result<Tls, String> {
        let contents = Contents::read(&files)?;
        let asks = match files.client_ca {
            Some(_) => Asks::Everyone,
            None => Asks::Nobody,
        };
        contents.server(&files, asks)?;
        Ok(Tls {
            files,
            contents,
            listeners: Vec::new(),
        })
    }

    /// What a listener is to do now and whenever the files change.
    pub(crate) fn listener(&mut self, asks: Asks) -> Result<Present, String> {
        let server = self.contents.server(&self.files, asks)?;
        let (sender, present) = watch::channel(server);
        self.listeners.push((asks, sender));
        Ok(present)
    }

    /// Reads the files again; what they hold is used from the next connection on. Faulty files change
    /// nothing.
    fn reload(&mut self) -> Result<bool, String> {
        let contents = Contents::read(&self.files)?;
        if contents == self.contents {
            return Ok(false);
        }
        let servers: Vec<_> = self
            .listeners
            .iter()
            .map(|(asks, _)| contents.server(&self.files, *asks))
            .collect::<Result<_, _>>()?;
        for ((_, sender), server) in self.listeners.iter().zip(servers) {
            sender.send_replace(server);
        }
        self.contents = contents;
        Ok(true)
    }

    /// Reloads when the files change and when `again` says so, until it is dropped.
    pub(crate) async fn keep(mut self, again: Arc<Notify>) {
        let mut told = None;
        loop {
            tokio::select! {
                () = again.notified() => told = None,
                () = tokio::time::sleep(EVERY) => {}
            }
            match self.reload() {
                Ok(true) => {
                    told = None;
                    tracing::info!("certificates were read anew");
                }
                Ok(false) => {}
                Err(fault) => {
                    // Once a fault, not once a look.
                    if told.as_ref() != Some(&fault) {
                        tracing::error!(fault, "certificates stay as they were");
                        told = Some(fault);
                    }
                }
            }
        }
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Contents, String> {
        let mode = fs::metadata(&files.key)
            .map_err(|error| fault("tls.key", &files.key, error))?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            let why = "everybody can read it: chmod 640 or less";
            return Err(fault("tls.key", &files.key, why));
        }
        let read =
            |place: &str, file: &Path| fs::read(file).map_err(|error| fault(place, file, error));
        let client_ca = files.client_ca.as_ref();
        Ok(Contents {
            certificate: read("tls.certificate", &files.certificate)?,
            key: read("tls.key", &files.key)?,
            client_ca: client_ca
                .map(|file| read("tls.client_ca", file))
                .transpose()?,
        })
    }

    fn server(&self, files: &TlsFiles, asks: Asks) -> Result<Arc<ServerConfig>, String> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let chain = certificates(&self.certificate)
            .map_err(|why| fault("tls.certificate", &files.certificate, why))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| fault("tls.key", &files.key, "it holds no private key in PEM"))?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match (&self.client_ca, &files.client_ca, asks) {
            (Some(bytes), Some(file), Asks::Anyone | Asks::Everyone) => {
                let fault = |why: String| fault("tls.client_ca", file, why);
                let mut roots = RootCertStore::empty();
                for authority in certificates(bytes).map_err(fault)? {
                    roots
                        .add(authority)
                        .map_err(|error| fault(error.to_string()))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match asks {
                    Asks::Everyone => verifier,
                    _ => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(
                    verifier.build().map_err(|error| fault(error.to_string()))?,
                )
            }
            _ => builder.with_no_client_auth(),
        };
        let mut server = builder
            .with_single_cert(chain, key)
            .map_err(|error| fault("tls.certificate", &files.certificate, error))?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }
}

pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "it is not in PEM".to_owned())?;
    if found.is_empty() {
        return Err("it holds no certificate in PEM".to_owned());
    }
    Ok(found)
}

fn fault(place: &str, file: &Path, why: impl std::fmt::Display) -> String {
    format!("{place} ({}): {why}", file.display())
}
