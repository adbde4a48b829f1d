//! One kept-alive HTTP/1.1 connection: as little work as can be beside the Envoy under test.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use velum_harness::{Failure, Result};

/// A connection and what was read of the next answer.
pub(crate) struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.map_err(failure)?;
        stream.set_nodelay(true).map_err(failure)?;
        Ok(Self {
            stream,
            read: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a GET and reads the whole answer, which must be a 200 with a body.
    pub(crate) async fn get(&mut self, path: &str) -> Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: fhir.example\r\n\r\n");
        self.stream
            .write_all(request.as_bytes())
            .await
            .map_err(failure)?;
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.read[..head]).to_lowercase();
        if !text.starts_with("http/1.1 200") {
            return Err(Failure::new(format!(
                "answered {}",
                text.lines().next().unwrap_or("")
            )));
        }
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: Option<usize> = length.and_then(|length| length.trim().parse().ok());
        self.read.drain(..head);
        match length {
            Some(length) => self.skip(length).await,
            None => self.skip_chunks().await,
        }
    }

    async fn skip_chunks(&mut self) -> Result<()> {
        loop {
            let end = loop {
                if let Some(end) = find(&self.read, b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let size = std::str::from_utf8(&self.read[..end]).unwrap_or("");
            let size = usize::from_str_radix(size.trim(), 16)
                .map_err(|_| Failure::new("a chunk without a size"))?;
            self.skip(end + 2 + size + 2).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn skip(&mut self, mut count: usize) -> Result<()> {
        while count > self.read.len() {
            count -= self.read.len();
            self.read.clear();
            self.more().await?;
        }
        self.read.drain(..count);
        Ok(())
    }

    async fn more(&mut self) -> Result<()> {
        match self
            .stream
            .read_buf(&mut self.read)
            .await
            .map_err(failure)?
        {
            0 => Err(Failure::new("the connection ended")),
            _ => Ok(()),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failure(error: io::Error) -> Failure {
    Failure::new(error.to_string())
}
