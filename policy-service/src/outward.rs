//! Calls to others: one request a connection, over TLS or to this machine, bounded in time and size. No
//! redirect is followed, since it could lead anywhere.

mod reach;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use axum::http::uri::Scheme;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::config::Peer;
use crate::tls::certificates;
pub(crate) use reach::is_public;

/// How long a call may take, with its connection.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const MOST_BYTES: usize = 64 * 1024;

/// Somebody who can be called.
pub(crate) struct Caller {
    host: String,
    port: u16,
    /// What is called, without a `/` at its end.
    path: String,
    authority: HeaderValue,
    /// For `https`.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    patience: Duration,
    /// Whether it is called only where its name leads out of this network.
    is_outside: bool,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) media_type: Option<HeaderValue>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// No connection, or it broke.
    Unreachable,
    /// Not in time.
    Late,
    /// Longer than anything that is to be answered.
    TooLong,
    /// Its name leads into this network, where it was not to.
    Private,
}

impl Caller {
    /// Reads the authorities that are believed there.
    ///
    /// # Errors
    /// When their file cannot be read or holds none, or the address is none.
    pub(crate) fn open(peer: &Peer) -> Result<Caller, String> {
        let fault = || "it is no URL that can be called".to_owned();
        let authority = peer.url.authority().ok_or_else(fault)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let is_tls = peer.url.scheme() != Some(&Scheme::HTTP);
        let tls = is_tls.then(|| -> Result<_, String> {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| fault())?;
            Ok((TlsConnector::from(Arc::new(client(peer)?)), name))
        });
        Ok(Caller {
            host: host.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            path: peer.url.path().trim_end_matches('/').to_owned(),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| fault())?,
            tls: tls.transpose()?,
            patience: PATIENCE,
            is_outside: false,
        })
    }

    /// The same with so much time for a call.
    pub(crate) fn with_patience(self, patience: Duration) -> Caller {
        Caller { patience, ..self }
    }

    /// The same, but only where its name leads out of this network.
    pub(crate) fn outside(self) -> Caller {
        Caller {
            is_outside: true,
            ..self
        }
    }

    /// Posts to the address with this behind it.
    pub(crate) async fn post(
        &self,
        behind: &str,
        media_type: &'static str,
        mut headers: Vec<(HeaderName, HeaderValue)>,
        body: Vec<u8>,
    ) -> Result<Answer, NoAnswer> {
        headers.push((CONTENT_TYPE, HeaderValue::from_static(media_type)));
        headers.push((CONTENT_LENGTH, HeaderValue::from(body.len())));
        self.send(Method::POST, behind, headers, Body::from(body))
            .await
    }

    /// Gets what is at the address with this behind it.
    pub(crate) async fn get(
        &self,
        behind: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Answer, NoAnswer> {
        self.send(Method::GET, behind, headers, Body::empty()).await
    }

    async fn send(
        &self,
        method: Method,
        behind: &str,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Body,
    ) -> Result<Answer, NoAnswer> {
        let path = format!("{}{behind}", self.path);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        let path = if path.is_empty() { "/" } else { &path };
        *request.uri_mut() = path.parse().map_err(|_| NoAnswer::Unreachable)?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        request.headers_mut().insert(HOST, self.authority.clone());
        let called = tokio::time::timeout(self.patience, self.call(request)).await;
        called.unwrap_or(Err(NoAnswer::Late))
    }

    async fn call(&self, request: Request<Body>) -> Result<Answer, NoAnswer> {
        let tcp = if self.is_outside {
            // Exactly what was looked at: asked again, the name could lead elsewhere.
            let addresses = reach::public(&self.host, self.port).await?;
            TcpStream::connect(&addresses[..]).await
        } else {
            TcpStream::connect((self.host.as_str(), self.port)).await
        };
        let tcp = tcp.map_err(|_| NoAnswer::Unreachable)?;
        let _ = tcp.set_nodelay(true);
        match &self.tls {
            None => exchange(tcp, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), tcp).await;
                exchange(stream.map_err(|_| NoAnswer::Unreachable)?, request).await
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Body>,
) -> Result<Answer, NoAnswer> {
    let broken = |_| NoAnswer::Unreachable;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // It ends with this call, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let (head, body) = sender
        .send_request(request)
        .await
        .map_err(broken)?
        .into_parts();
    let body = axum::body::to_bytes(Body::new(body), MOST_BYTES).await;
    Ok(Answer {
        status: head.status,
        media_type: head.headers.get(CONTENT_TYPE).cloned(),
        body: body.map_err(|_| NoAnswer::TooLong)?.to_vec(),
    })
}

fn client(peer: &Peer) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &peer.authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let fault = |why: String| format!("ca ({}): {why}", file.display());
            let bytes = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
            for authority in certificates(&bytes).map_err(fault)? {
                let added = roots.add(authority);
                added.map_err(|error| fault(error.to_string()))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut client = builder.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(client)
}
