use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::failure::During;
use crate::{Failure, Result};

const PATIENCE: Duration = Duration::from_mins(3);

/// A client of one server that sends what it is told, byte for byte, and can tell whether a body
/// was whole. One connection for each call.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Client {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// The same over TLS; the server's name is `localhost`. Only HTTP/1.1 is spoken over TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Starts to describe a request. `path` goes out as it is, nothing is normalised (over HTTP/2
    /// dot segments are: use HTTP/1.1 for those).
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call {
            client: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            http2: false,
        }
    }

    /// Shorthand for a `GET`.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }
}

/// A request to be sent.
#[derive(Debug, Clone)]
#[must_use = "nothing is sent before `send` or `stream`"]
pub struct Call {
    client: Client,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    http2: bool,
}

impl Call {
    /// Adds a header, also one whose value is not UTF-8.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends a body with its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends a JSON body with its media type.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Speaks HTTP/2 with prior knowledge in place of HTTP/1.1.
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Sends the request and reads the whole answer, cut or not. Fails only if there is no answer.
    pub async fn send(self) -> Result<Response> {
        let mut stream = self.stream().await?;
        let mut body = Vec::new();
        while let Some(bytes) = stream.next().await {
            body.extend_from_slice(&bytes);
        }
        Ok(Response {
            status: stream.status,
            headers: stream.headers,
            body,
            trailers: stream.trailers,
            complete: stream.complete,
        })
    }

    /// Sends the request and gives the answer as its head arrives.
    pub async fn stream(self) -> Result<ResponseStream> {
        if self.http2 {
            self.stream_http2().await
        } else {
            self.stream_http1().await
        }
    }

    async fn stream_http1(self) -> Result<ResponseStream> {
        let socket = TcpStream::connect(self.client.address)
            .await
            .during("connecting")?;
        socket.set_nodelay(true).during("connecting")?;
        let mut connection: Box<dyn Duplex> = match &self.client.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost").during("server name")?;
                let connector = TlsConnector::from(Arc::clone(config));
                Box::new(
                    connector
                        .connect(name, socket)
                        .await
                        .during("TLS handshake")?,
                )
            }
        };
        connection.write_all(&self.head()).await.during("sending")?;
        if let Some(body) = &self.body {
            // A server that refuses early may close before it has read all.
            let _ = connection.write_all(body).await;
        }
        connection.flush().await.during("sending")?;
        let mut reader = Reader {
            connection,
            buffer: Vec::new(),
        };
        loop {
            let head = timeout(PATIENCE, reader.head())
                .await
                .during("waiting for the answer")??;
            let (status, headers) = parse_head(&head)?;
            if status >= 200 {
                let left = framing(&self.method, status, &headers)?;
                let complete = left == Left::Nothing;
                let source = Source::Http1 { reader, left };
                return Ok(ResponseStream {
                    status,
                    headers,
                    trailers: Vec::new(),
                    complete,
                    source,
                });
            }
        }
    }

    async fn stream_http2(self) -> Result<ResponseStream> {
        let client = reqwest::Client::builder()
            .http2_prior_knowledge()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .during("HTTP/2 client")?;
        let url = format!("http://{}{}", self.client.address, self.path);
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).during("method")?;
        let mut request = client.request(method, url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| {
            Failure::new(format!(
                "HTTP/2 request: {error}: {:?}",
                std::error::Error::source(&error)
            ))
        })?;
        Ok(ResponseStream {
            status: response.status().as_u16(),
            headers: pairs(response.headers()),
            trailers: Vec::new(),
            complete: false,
            source: Source::Http2 {
                body: Box::pin(response.into()),
            },
        })
    }

    fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        if !self.headers.iter().any(|(name, _)| name == "host") {
            head.extend(format!("host: {}\r\n", self.client.address).bytes());
        }
        for (name, value) in &self.headers {
            head.extend(
                name.bytes()
                    .chain(*b": ")
                    .chain(value.iter().copied())
                    .chain(*b"\r\n"),
            );
        }
        if let Some(body) = &self.body {
            head.extend(format!("content-length: {}\r\n", body.len()).bytes());
        }
        head.extend(b"connection: close\r\n\r\n");
        head
    }
}

/// A whole answer, or what arrived of it.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Trailers, names in lower case (HTTP/1.1 only).
    pub trailers: Vec<(String, String)>,
    /// Whether the protocol says that the body is whole: false for a chunked body without its last
    /// chunk, fewer bytes than `content-length`, or a stream that was reset.
    pub complete: bool,
}

impl Response {
    /// The value of the first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer whose body is still arriving.
#[derive(Debug)]
pub struct ResponseStream {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Trailers, known at the end.
    pub trailers: Vec<(String, String)>,
    /// Whether the body has arrived whole.
    pub complete: bool,
    source: Source,
}

impl ResponseStream {
    /// The value of the first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The next bytes of the body; `None` at its end, whether or not it is complete.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        match &mut self.source {
            Source::Http2 { body } => loop {
                let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context));
                match frame.await {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(bytes) => return Some(bytes.to_vec()),
                        Err(other) => {
                            if let Some(trailers) = other.trailers_ref() {
                                self.trailers = pairs(trailers);
                            }
                        }
                    },
                    Some(Err(_)) => return None,
                    None => {
                        self.complete = true;
                        return None;
                    }
                }
            },
            Source::Http1 { reader, left } => {
                let part = timeout(PATIENCE, reader.part(left))
                    .await
                    .unwrap_or(Part::Cut);
                match part {
                    Part::Data(bytes) => Some(bytes),
                    Part::End(trailers) => {
                        self.trailers = trailers;
                        self.complete = true;
                        None
                    }
                    Part::Cut => None,
                }
            }
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

enum Source {
    Http1 { reader: Reader, left: Left },
    Http2 { body: Pin<Box<reqwest::Body>> },
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Http1 { .. } => "HTTP/1.1",
            Self::Http2 { .. } => "HTTP/2",
        })
    }
}

/// What of an HTTP/1.1 body (RFC 9112, 6) is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Bytes(u64),
    /// Within a chunk of which so many bytes are left; 0: a chunk's head comes next.
    Chunk(u64),
    UntilClose,
}

enum Part {
    Data(Vec<u8>),
    End(Vec<(String, String)>),
    Cut,
}

struct Reader {
    connection: Box<dyn Duplex>,
    buffer: Vec<u8>,
}

impl Reader {
    async fn fill(&mut self) -> bool {
        self.buffer.reserve(64 * 1024);
        matches!(self.connection.read_buf(&mut self.buffer).await, Ok(count) if count > 0)
    }

    async fn head(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(self.buffer.drain(..end + 4).collect());
            }
            if !self.fill().await {
                return Err(Failure::new("the connection was closed before an answer"));
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).ok();
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn data(&mut self, most: u64) -> Option<Vec<u8>> {
        if self.buffer.is_empty() && !self.fill().await {
            return None;
        }
        let count = self
            .buffer
            .len()
            .min(usize::try_from(most).unwrap_or(usize::MAX));
        Some(self.buffer.drain(..count).collect())
    }

    async fn part(&mut self, left: &mut Left) -> Part {
        match *left {
            Left::Nothing | Left::Bytes(0) => Part::End(Vec::new()),
            Left::UntilClose => match self.data(u64::MAX).await {
                Some(bytes) => Part::Data(bytes),
                None => Part::End(Vec::new()),
            },
            Left::Bytes(count) => match self.data(count).await {
                Some(bytes) => {
                    *left = Left::Bytes(count - bytes.len() as u64);
                    Part::Data(bytes)
                }
                None => Part::Cut,
            },
            Left::Chunk(count) => self.chunk(count, left).await.unwrap_or(Part::Cut),
        }
    }

    async fn chunk(&mut self, mut count: u64, left: &mut Left) -> Option<Part> {
        if count == 0 {
            let line = self.line().await?;
            count = u64::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            if count == 0 {
                return self.trailers(left).await;
            }
        }
        let bytes = self.data(count).await?;
        count -= bytes.len() as u64;
        // The line end after a chunk belongs to it: without it the next size could not be read.
        if count == 0 {
            self.line().await.filter(String::is_empty)?;
        }
        *left = Left::Chunk(count);
        Some(Part::Data(bytes))
    }

    async fn trailers(&mut self, left: &mut Left) -> Option<Part> {
        let mut trailers = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                *left = Left::Nothing;
                return Some(Part::End(trailers));
            }
            let (name, value) = line.split_once(':')?;
            trailers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn parse_head(head: &[u8]) -> Result<(u16, Vec<(String, String)>)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .ok_or_else(|| Failure::new("the answer has no status line"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((status, headers))
}

fn framing(method: &str, status: u16, headers: &[(String, String)]) -> Result<Left> {
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(Left::Nothing);
    }
    if find(headers, "transfer-encoding").is_some() {
        return Ok(Left::Chunk(0));
    }
    match find(headers, "content-length") {
        Some("0") => Ok(Left::Nothing),
        Some(length) => Ok(Left::Bytes(length.parse().during("content-length")?)),
        None => Ok(Left::UntilClose),
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(header, _)| header == name)
        .map(|(_, value)| value.as_str())
}

fn pairs(headers: &reqwest::header::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
