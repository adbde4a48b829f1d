mod http1;
mod http2;

pub(crate) use http2::Played;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Result;
use crate::failure::During;

/// Which HTTP an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1, with exactly the chunks that the reply names.
    #[default]
    Http1,
    /// HTTP/2 without TLS, with prior knowledge; every piece of data is a frame or more.
    Http2,
}

/// A programmable HTTP server on loopback that remembers what it was sent.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    protocol: Protocol,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Starts a server that answers every request with what `handler` makes of it.
    pub async fn start(
        protocol: Protocol,
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .during("upstream's port")?;
        let address = listener.local_addr().during("upstream's port")?;
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            received: Mutex::default(),
            sent: AtomicU64::new(0),
        });
        let server = match protocol {
            Protocol::Http1 => tokio::spawn(http1::serve(listener, Arc::clone(&shared))),
            Protocol::Http2 => tokio::spawn(http2::serve(listener, Arc::clone(&shared))),
        };
        Ok(Self {
            address,
            protocol,
            shared,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The requests received so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets the requests received so far.
    pub fn forget(&self) {
        self.shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Bytes of bodies handed to the connection so far, over all replies.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A request as the upstream received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The raw path with the query.
    pub path: String,
    /// Headers, names in lower case, in order of arrival; over HTTP/2 `:authority` as `host`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Trailers, as the headers.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Received {
    /// The value of the first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// One step of sending a body.
#[derive(Debug, Clone)]
pub enum Step {
    /// These bytes, as one chunk.
    Data(Vec<u8>),
    /// Nothing for so long.
    Wait(Duration),
    /// Nothing until the test says so (`notify_one`).
    Until(Arc<Notify>),
    /// End the body with these trailers. Needs [`Framing::Chunked`].
    Trailers(Vec<(String, String)>),
    /// Break off: close the connection, or reset the HTTP/2 stream.
    Abort,
}

/// How an HTTP/1.1 reply tells the length of its body. HTTP/2 has only the first as a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `content-length` of so many bytes, true or not.
    Length(u64),
    /// `transfer-encoding: chunked`.
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// What the upstream answers.
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) framing: Framing,
    pub(crate) body: Box<dyn Iterator<Item = Step> + Send>,
}

impl Reply {
    /// A status without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            framing: Framing::Length(0),
            body: Box::new(std::iter::empty()),
        }
    }

    /// Status 200 with this document, `application/json`, and its length.
    pub fn json(document: &Value) -> Self {
        Self::new(200)
            .header("content-type", "application/json")
            .whole(document.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body with its length, in one piece.
    #[must_use]
    pub fn whole(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.framing = Framing::Length(body.len() as u64);
        self.body = Box::new(std::iter::once(Step::Data(body)));
        self
    }

    /// A chunked body of these chunks, each sent on its own.
    #[must_use]
    pub fn chunks<C>(self, chunks: impl IntoIterator<Item = C, IntoIter: Send + 'static>) -> Self
    where
        C: Into<Vec<u8>>,
    {
        let steps = chunks.into_iter().map(|chunk| Step::Data(chunk.into()));
        self.script(Framing::Chunked, steps)
    }

    /// A body of any length and shape, made while it is sent.
    #[must_use]
    pub fn script(
        mut self,
        framing: Framing,
        steps: impl IntoIterator<Item = Step, IntoIter: Send + 'static>,
    ) -> Self {
        self.framing = framing;
        self.body = Box::new(steps.into_iter());
        self
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Reply")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

/// `bytes` as a gzip member of stored blocks (RFC 1951, 3.2.4; RFC 1952): valid, not smaller.
pub fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let blocks: Vec<&[u8]> = bytes.chunks(65_535).collect();
    for (index, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(index + 1 == blocks.len()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    if blocks.is_empty() {
        out.extend([1, 0, 0, 255, 255]);
    }
    out.extend(crc32(bytes).to_le_bytes());
    out.extend(
        u32::try_from(bytes.len() & 0xffff_ffff)
            .unwrap_or_default()
            .to_le_bytes(),
    );
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

struct Shared {
    handler: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    sent: AtomicU64,
}

impl Shared {
    fn answer(&self, request: Received) -> Reply {
        let reply = (self.handler)(&request);
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        reply
    }

    fn count(&self, bytes: &[u8]) {
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
