use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::aside::Aside;
use crate::failure::During;
use crate::{Certificate, Result};

/// Ends TLS before a server that speaks plain text, as a proxy of the policy service does.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
    shaken: Arc<AtomicU64>,
    _server: Aside,
}

impl TlsFront {
    /// Shows this certificate on loopback, offers HTTP/2, and hands what comes to `target`.
    pub fn start(certificate: &Certificate, target: SocketAddr) -> Result<Self> {
        let front = Self::open(certificate)?;
        front.point_at(target);
        Ok(front)
    }

    /// The same before there is a target, which may have to know where this listens; who comes until then is
    /// turned away.
    pub fn open(certificate: &Certificate) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config(certificate)?));
        let listener = TcpListener::bind("127.0.0.1:0").during("TLS port")?;
        let address = listener.local_addr().during("TLS port")?;
        let shaken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&shaken);
        let target = Arc::new(OnceLock::new());
        let pointed = Arc::clone(&target);
        let server = Aside::serve(listener, async move |listener| {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
                let target = pointed.get().copied();
                connections.spawn(async move {
                    let mut tls = acceptor.accept(socket).await.ok()?;
                    counter.fetch_add(1, Ordering::Relaxed);
                    let mut plain = TcpStream::connect(target?).await.ok()?;
                    tokio::io::copy_bidirectional(&mut tls, &mut plain)
                        .await
                        .ok()
                });
            }
        })?;
        Ok(Self {
            address,
            target,
            shaken,
            _server: server,
        })
    }

    /// Says once where what comes is handed to.
    pub fn point_at(&self, target: SocketAddr) {
        let _ = self.target.set(target);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many handshakes its callers have finished.
    pub fn handshakes(&self) -> u64 {
        self.shaken.load(Ordering::Relaxed)
    }
}

fn server_config(certificate: &Certificate) -> Result<ServerConfig> {
    let chain = CertificateDer::from_pem_slice(certificate.certificate.as_bytes())
        .during("server certificate")?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).during("server key")?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .during("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .during("server certificate")?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
